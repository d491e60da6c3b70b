/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* What a verb asks the daemon to begin, for one subject after the other: GPUs, models. */

#include "ctl/client.h"
#include "ctl/follow.h"

typedef struct Request Request;

struct Request {
        const CtlOptions *options;
        const char *kind; /* of the jobs that it begins */
        /* The call that begins it: 0 or a negative errno. */
        int (*call)(const Request *q, const char *subject, sd_bus_message **ret, sd_bus_error *error);
        int (*all)(const Request *q); /* request_one() for each one that --all means: the exit status */
        const char *fine;             /* an error that is as good as "done" once it is asked for again; NULL: none */
        bool fine_at_once;            /* and already the first time */

        /* request_run()'s */
        sd_bus *bus;
        Follow *follow;       /* NULL: nobody waits */
        json_object *results; /* NULL: for people */
};

/* Connects, begins it for each of `args` or for all, and waits where that is asked for: the exit status, everything said. */
int request_run(Request *q, char *const *args);

int request_one(const Request *q, const char *subject);
