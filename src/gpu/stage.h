/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Bringing devices into a mode: stage all, reset all, verify all. A machine whose devices depend on each other must not
 * be half in one mode, so nothing is reset before all are staged, and what was staged is taken back when one refuses.
 * Whoever has a process for each device calls stage_one(), stage_reset() and stage_verify() and keeps that order. */

#include "gpu/ccmode.h"

/* Resets the one device, as VFIO or sysfs do it: on return configuration space answers and is as it was before. 0 or a
 * negative errno with the fault filled. */
typedef int (*StageReset)(void *userdata, Fault *ret_fault);

typedef struct StageDevice {
        Gpu *gpu;
        StageReset reset;
        void *userdata; /* for `reset` */

        /* Filled by what follows. */
        CcStatus before;   /* the mode that it was in */
        CcChanges changes; /* made to knobs, and not taken back */
        bool needs_reset;
        bool marked;       /* its reset marker was set and stuck */
        int error;         /* 0, or what went wrong with this device, which `fault` describes */
        Fault fault;
        int undo_error;    /* 0, or why *changes could not be taken back */
} StageDevice;

/* Waits for boot and reads the mode, and nothing else. 0 or the errors of boot_wait() and ccmode_read(). */
int stage_query(Gpu *g, CcStatus *ret, Fault *ret_fault);

/* Waits for boot, reads the mode and brings the knobs in line with `mode`. When that fails, everything is taken back.
 * Sets needs_reset unless the device is in that mode and nothing had to be changed. 0; -EPERM, -EOPNOTSUPP and the
 * other errors of ccmode_check(), ccmode_stage() and boot_wait(). */
int stage_one(StageDevice *d, CcMode mode);

/* Takes back what stage_one() has changed, for as long as the device has not been reset. 0 or undo_error. */
int stage_undo(StageDevice *d);

/* Resets. 0; the error of d->reset, after which *changes may or may not be in effect; or another one before anything
 * was reset, and then everything was taken back. */
int stage_reset(StageDevice *d);

/* Waits for boot and reads the mode: 0; -EIO when it is another one (the fault says so too when the device was not
 * reset at all); the errors of boot_wait() and bar0_read(). */
int stage_verify(StageDevice *d, CcMode mode);

/* All of it for `n` devices, with nothing touched unless every chip has this mode. When one cannot be staged, all are
 * as before. Once the first was reset, the others follow whatever happens. 0, or the error of the first device with
 * one. */
int stage_all(StageDevice *devices, size_t n, CcMode mode);
