/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* The daemon's configuration: cocoon/hostd.conf and its drop-ins (hostd.conf(5)). */

#include <stdbool.h>
#include <stdint.h>

#include "basic/conf.h"
#include "vfio/device.h"

typedef struct HostConfig {
        bool auto_prepare;
        char **match; /* NULL ended, or NULL: every GPU that is no display controller */
        uint64_t job_timeout_usec;
} HostConfig;

void host_config_defaults(HostConfig *ret);

/* Reads the configuration below `root` ("" for the real system). Every problem is reported, with file and line where
 * it has one. 0; -EINVAL when anything was refused; -ENOMEM. Nothing is set then. */
int host_config_load(const char *root, HostConfig *ret, ConfReport report, void *userdata);
void host_config_done(HostConfig *c);

/* Whether the GPU is to be prepared when it appears. */
bool host_config_wants(const HostConfig *c, const PciDevice *d);
