/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Something that takes its time, from the request to the result; org.cocoon.Host1.Job on the bus. What is done, and to what,
 * is known to whoever embeds it (gpu-job.h). */

#include "hostd/manager.h"

typedef enum JobState {
        JOB_WAITING,
        JOB_RUNNING,
        JOB_ENDING, /* the outcome is known, the process not yet gone */
        _JOB_STATE_MAX,
} JobState;

typedef enum JobResult {
        JOB_DONE,
        JOB_FAILED,
        JOB_CANCELED,
        JOB_TIMEOUT,
        _JOB_RESULT_MAX,
} JobResult;

typedef struct JobOps {
        const char *action;     /* of polkit: what its Cancel needs */
        void (*cancel)(Job *j); /* somebody does not want it any more; may end and free it */
        void (*free)(Job *j);   /* the whole of which it is the first part; by job_free() */
} JobOps;

struct Job {
        Manager *manager;
        Job *next;
        const JobOps *ops;
        uint32_t id;
        char *path;
        const char *kind; /* static */
        char *subject;
        JobState state;

        char step[32];
        uint64_t n_done, n_total, started_usec; /* steps, or bytes; CLOCK_REALTIME */

        JobResult result;
        char *error, *message; /* why it is not done */
};

/* A job that waits, on the bus from now on. `j` is zeroed memory, and the caller's when this fails: 0 or -ENOMEM. */
int job_init(Job *j, Manager *m, const JobOps *ops, const char *kind, const char *subject);

void job_set_running(Job *j);
void job_set_step(Job *j, const char *step, uint64_t n_done, uint64_t n_total);

/* Its outcome is known; `format` may be NULL. */
_printf_(4, 5) void job_conclude(Job *j, JobResult result, const char *error, const char *format, ...);
_printf_(4, 0) void job_concludev(Job *j, JobResult result, const char *error, const char *format, va_list ap);

/* It is over: says so on the bus, and frees it. */
void job_finish(Job *j);

/* Frees it without a word. */
Job *job_free(Job *j);

/* "waiting", …; "done", …. */
const char *job_state_to_string(JobState state);
const char *job_result_to_string(JobResult result);

/* job-bus.c */
extern const sd_bus_vtable job_vtable[];
int job_bus_find(sd_bus *bus, const char *path, const char *interface, void *userdata, void **ret, sd_bus_error *error);
int job_bus_list(sd_bus *bus, const char *prefix, void *userdata, char ***ret, sd_bus_error *error);
void job_bus_new(Job *j);
void job_bus_finished(Job *j);

#define JOB_INTERFACE "org.cocoon.Host1.Job"

/* job_bus_changed(j, "Property", …, NULL) */
#define job_bus_changed(j, ...) \
        ((void) sd_bus_emit_properties_changed((j)->manager->bus, (j)->path, JOB_INTERFACE, __VA_ARGS__))
