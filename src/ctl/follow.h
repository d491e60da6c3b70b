/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Following jobs to their end. */

#include <stdbool.h>

#include "ctl/client.h"

typedef struct Follow Follow;

/* From now on the ends of jobs are noticed: called before jobs are begun. With `steps` each step gets a line of its own;
 * without, a terminal shows how it goes in one line, and SIGTERM cancels the jobs. CTL_DONE or an exit status, said. */
int follow_new(sd_bus *bus, bool steps, Follow **ret);
Follow *follow_free(Follow *f);
DEFINE_CLEANUP_FUNC(Follow *, follow_free)

/* How long a daemon that went away may take to come back: by default 3 minutes, in which it can be stopped and started. */
void follow_set_patience(Follow *f, uint64_t usec);

/* Whether the progress of such a job is one of bytes, and not of steps. */
bool follow_counts_bytes(const char *kind);

/* One to wait for, as long as this daemon is there. 0 or -ENOMEM. */
int follow_add(Follow *f, const char *job, const char *kind, const char *subject);

/* One that was asked for with `call`, and is asked for again when the daemon went away and the next one is there. Without
 * `job`, the first one went away before it answered. Then the error `fine` (NULL: none) is as good as "done". */
int follow_add_call(Follow *f, sd_bus_message *call, const char *fine, const char *job, const char *kind, const char *subject);

/* Until all have ended. Failures are said, unless `results` is not NULL: then it gets an array of objects with Subject,
 * Kind, Result, Error and Message. The exit status. */
int follow_run(Follow *f, json_object **results);
