/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* One operation on one GPU, done by a worker process; org.cocoon.Host1.Job on the bus. */

#include "hostd/gpu-object.h"
#include "hostd/worker-protocol.h"

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

struct Job {
        Manager *manager;
        Job *next;
        GpuObject *gpu;
        uint32_t id;
        char *path;
        WorkerOperation operation;
        JobState state;
        GpuState before; /* of the GPU: where a cancelled job leads back to */

        char step[32];
        uint64_t n_done, n_total, started_usec; /* steps; CLOCK_REALTIME */

        Worker *worker;
        sd_event_source *timer;
        bool step_open;   /* and waits for its answer */
        bool cancel;      /* was asked for */
        bool killed;      /* the worker was */
        bool rolled_back; /* by the worker */
        bool had_record;  /* the GPU, before */
        int store_errno;  /* why the record of a step could not be stored; 0 */

        JobResult result;
        char *error, *message;
};

/* A new job, or the one that does or will do the same. With `error`: -EBUSY when another is in the way. */
int job_request(GpuObject *g, WorkerOperation operation, Job **ret, sd_bus_error *error);

/* The worker is told at its next step, and undoes what it did. A job that waits ends at once. */
void job_cancel(Job *j);

/* The worker is killed and the job fails with this. */
_printf_(4, 5) void job_abort(Job *j, JobResult result, const char *error, const char *format, ...);

Job *job_free(Job *j);

/* "prepare", …; "running", …; "done", …. */
const char *job_state_to_string(JobState state);
const char *job_result_to_string(JobResult result);

/* job-bus.c */
extern const sd_bus_vtable job_vtable[];
int job_bus_find(sd_bus *bus, const char *path, const char *interface, void *userdata, void **ret, sd_bus_error *error);
int job_bus_list(sd_bus *bus, const char *prefix, void *userdata, char ***ret, sd_bus_error *error);
/* Prepare, PrepareGPU, Restore, RestoreGPU, of which the flags are still to be read: begins the job and answers. */
int job_bus_begin(GpuObject *g, sd_bus_message *message, sd_bus_error *error);
void job_bus_new(Job *j);
void job_bus_removed(Job *j);

#define JOB_INTERFACE "org.cocoon.Host1.Job"

/* job_bus_changed(j, "Property", …, NULL) */
#define job_bus_changed(j, ...) \
        ((void) sd_bus_emit_properties_changed((j)->manager->bus, (j)->path, JOB_INTERFACE, __VA_ARGS__))
