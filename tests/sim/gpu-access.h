/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* The simulated GPU as src/gpu sees one, in this process and on a clock that only runs when somebody waits. */

#include "gpu/stage.h"
#include "sim/bytes.h"
#include "sim/gpu.h"

#define SIM_STEPS_MAX 64U

typedef struct SimAccess {
        SimGpu *sim;
        uint64_t *clock;   /* µs; devices may share one */
        uint64_t cost;     /* µs of each access */
        SimBytes log;      /* the simulator's lines, with ends */
        SimBytes notes;    /* those of src/gpu */
        GpuStep steps[SIM_STEPS_MAX];
        size_t n_steps;
        int refuse_error;  /* what the step callback returns for `refuse_step`; 0: nothing */
        GpuStep refuse_step;
        uint64_t cancel_at; /* waiting fails with -ECANCELED from then on; 0: never */
        uint64_t longest_wait;
        int access_error;  /* of every access to BAR0 from `fail_at` on; 0: none */
        uint64_t fail_at;  /* number of the access, as sim_gpu_accesses() counts them */
        int reset_error;   /* of sim_access_reset(), which does nothing then; 0: none */
} SimAccess;

extern const GpuOps sim_access_ops;

/* `clock` must outlive it. */
SimAccess *sim_access_new(SimGpuKind kind, uint64_t *clock);
SimAccess *sim_access_free(SimAccess *a);
DEFINE_CLEANUP_FUNC(SimAccess *, sim_access_free)

/* A function level reset as the kernel makes it: saves configuration space, resets, waits until it answers (60 s),
 * restores it. 0, -ENOTTY, or the accessor's error. */
int sim_kernel_reset(const GpuOps *ops, void *userdata, Fault *ret_fault);

/* The same as a StageReset, with a SimAccess. */
int sim_access_reset(void *userdata, Fault *ret_fault);

/* The log so far, "" when there is none; then it starts anew. The caller's. */
char *sim_access_take_log(SimAccess *a);
