/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* One operation on one GPU, done by a worker process. */

#include "hostd/gpu-object.h"
#include "hostd/job.h"
#include "hostd/worker-protocol.h"

struct GpuJob {
        Job base;
        GpuObject *gpu;
        WorkerOperation operation;
        GpuState before; /* of the GPU: where a cancelled job leads back to */

        Worker *worker;
        sd_event_source *timer;
        char late[32];    /* the step in which its time was up; "" as long as it is not */
        bool step_open;   /* and waits for its answer */
        bool cancel;      /* was asked for */
        bool killed;      /* the worker was */
        bool rolled_back; /* by the worker */
        bool had_record;  /* the GPU, before */
        int store_errno;  /* why the record of a step could not be stored; 0 */
};

/* A new job, or the one that does or will do the same. With `error`: -EBUSY when another is in the way. */
int gpu_job_request(GpuObject *g, WorkerOperation operation, GpuJob **ret, sd_bus_error *error);

/* The worker is told at its next step, and undoes what it did. A job that waits ends at once. */
void gpu_job_cancel(GpuJob *j);

/* The worker is killed and the job fails with this. */
_printf_(4, 5) void gpu_job_abort(GpuJob *j, JobResult result, const char *error, const char *format, ...);
