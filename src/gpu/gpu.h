/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* A GPU or NVSwitch as its registers show it, over an accessor that the caller provides: VFIO, sysfs, a simulator.
 * Nothing here opens a file, sleeps or logs. One caller at a time for a device: FSP's queues have no lock. */

#include <stdbool.h>
#include <stdint.h>

#include "basic/fault.h"
#include "gpu/chip.h"

/* What is being done; also the first words of every fault. */
typedef enum GpuStep {
        GPU_STEP_IDENTIFY,    /* configuration space, power, which chip */
        GPU_STEP_BOOT,        /* waiting for the BAR0 firewall and for FSP */
        GPU_STEP_QUERY,       /* reading the mode */
        GPU_STEP_PERMISSIONS, /* may the knobs be changed from here? */
        GPU_STEP_STAGE,       /* changing knobs: from here on a reset may change the mode */
        GPU_STEP_READ_BACK,   /* were they changed? */
        GPU_STEP_UNSTAGE,     /* taking changes back */
        GPU_STEP_RESET,
        GPU_STEP_VERIFY,      /* after the reset: boot, mode */
        _GPU_STEP_MAX,
} GpuStep;

/* The accessor. Functions return 0 or a negative errno, which ends what is being done and is handed on; what a device
 * that is gone answers (all ones) is a value, not an error. */
typedef struct GpuOps {
        /* BAR0: aligned 32-bit accesses, each done exactly once and in order. */
        int (*read32)(void *userdata, uint32_t offset, uint32_t *ret);
        int (*write32)(void *userdata, uint32_t offset, uint32_t value);
        /* Configuration space, offsets below 4096. */
        int (*config_read32)(void *userdata, uint32_t offset, uint32_t *ret);
        int (*config_write16)(void *userdata, uint32_t offset, uint16_t value);
        /* A clock that never goes back, and a pause of about so long; it may end early, for instance with -ECANCELED
         * when the job was, but not in GPU_STEP_UNSTAGE, which cleans up. */
        uint64_t (*now_usec)(void *userdata);
        int (*wait_usec)(void *userdata, uint64_t usec);
        /* May be NULL. Called before each step, so that it can be shown, or stored before it does what cannot be
         * taken back; an error stops before the step. */
        int (*step)(void *userdata, GpuStep step);
        /* May be NULL. Something that was put right on the way, as a line without its end. */
        void (*note)(void *userdata, const char *text);
} GpuOps;

typedef struct Gpu {
        const GpuOps *ops;
        void *userdata;
        const Chip *chip;
        uint16_t device_id, subsystem_vendor, subsystem_id;
        uint32_t boot_0;
        uint32_t dvsec;    /* of NVIDIA, number 0, in configuration space; 0: none */
        GpuStep step;
        bool fsp_ready;    /* its queues are as they should be */
} Gpu;

/* Reads who it is and makes it answer: full power, memory decoding, BAR0 firewall down. The power and decoding stay
 * on. `ops` and `userdata` must outlive *ret. 0; -EOPNOTSUPP for what is no GPU or NVSwitch with a CC mode or PPCIe
 * mode; -ENODEV when it does not answer (all ones); -EIO when its registers give an error pattern or a security
 * fault; -ETIMEDOUT for a firewall that stays up; or the accessor's error. Does not wait for boot. */
int gpu_open(const GpuOps *ops, void *userdata, Gpu *ret, Fault *ret_fault);

/* "H100", or "Generic-GB202" for a chip whose id has no name; `ret` has room for 32 characters. Returns `ret`. */
char *gpu_name(const Gpu *g, char ret[static 32]);

/* "identify", "wait for boot", …: for people. */
const char *gpu_step_to_string(GpuStep step);

/* For the modules of this folder. */

/* Says that a step begins. 0 or the error of ops->step. */
int gpu_begin(Gpu *g, GpuStep step, Fault *ret_fault);

/* fault_set() with "STEP: WHERE" as what was looked at. */
int gpu_fault(const Gpu *g, Fault *ret_fault, int error, const char *where, const char *expected, const char *found,
              ...) _printf_(6, 7);

void gpu_note(const Gpu *g, const char *format, ...) _printf_(2, 3);

/* A loop that waits for the device: gpu_poll_start(), then read and look, and as long as it is not so,
 * gpu_poll_again(), which returns 0 to read once more, -ETIMEDOUT when the last reading was made at the end of the
 * time or later (the fault is the caller's to fill), or the error of ops->wait_usec. */
typedef struct GpuPoll {
        const Gpu *gpu;
        uint64_t start, read_at, timeout, interval; /* µs */
} GpuPoll;

GpuPoll gpu_poll_start(const Gpu *g, uint64_t timeout, uint64_t interval);
int gpu_poll_again(GpuPoll *p, Fault *ret_fault);
