/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* One launch of a guest: what it needs, found and checked in an order in which nothing is taken before all else is known to be
 * there. */

#include "launch/handover.h"
#include "launch/qemu.h"

typedef struct LaunchOptions {
        const char *config;      /* the file */
        const char *config_name; /* what it is called */
        const char *worker;      /* of cocoon-worker@.service: which; NULL: no unit */
        const char *runtime_dir; /* NULL: by the environment */
        char **overrides, **variables; /* "key=value", NULL ended, or NULL */
        char *const *more;             /* QEMU's arguments */
} LaunchOptions;

/* Exit statuses. */
enum {
        LAUNCH_DONE = 0,
        LAUNCH_REFUSED = 1,
        LAUNCH_USAGE = 2, /* and configuration: the same start again would be in vain */
};

/* Each returns an exit status, everything said, to the service manager too. */
int launch_run(const LaunchOptions *o); /* does not return when QEMU runs */
int launch_print(const LaunchOptions *o);
int launch_check(const LaunchOptions *o);
int launch_prepare(const LaunchOptions *o);
int launch_stop(const LaunchOptions *o);
