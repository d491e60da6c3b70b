/* SPDX-License-Identifier: Apache-2.0 */

#include "gpu/stage.h"

#include <string.h>

#include "gpu/bar0.h"
#include "gpu/boot.h"
#include "gpu/pci.h"

#define MARKER_SET 1U

static int wait_and_read(Gpu *g, GpuStep wait_step, GpuStep read_step, CcStatus *ret, Fault *f) {
        int r = gpu_begin(g, wait_step, f);

        if (r >= 0)
                r = boot_wait(g, f);
        if (r >= 0 && read_step != wait_step)
                r = gpu_begin(g, read_step, f);
        return r < 0 ? r : ccmode_read(g, ret, f);
}

int stage_query(Gpu *g, CcStatus *ret, Fault *ret_fault) {
        return wait_and_read(g, GPU_STEP_BOOT, GPU_STEP_QUERY, ret, ret_fault);
}

int stage_one(StageDevice *d, CcMode mode) {
        int r;

        d->changes.n = 0;
        d->needs_reset = false;
        r = stage_query(d->gpu, &d->before, &d->fault);
        if (r >= 0)
                r = ccmode_check(d->gpu, mode, &d->fault);
        if (r >= 0)
                r = ccmode_stage(d->gpu, mode, &d->changes, &d->fault);
        d->error = r;
        if (r < 0)
                (void) stage_undo(d);
        else
                d->needs_reset = d->changes.n > 0 || !cc_status_is(&d->before, mode);
        return r;
}

int stage_undo(StageDevice *d) {
        Fault fault = {};

        d->needs_reset = false;
        d->undo_error = ccmode_undo(d->gpu, &d->changes, &fault);
        if (d->undo_error < 0)
                gpu_note(d->gpu, "%zu changed knobs could not be taken back and take effect at the next reset: %s, %s",
                         d->changes.n, fault.what, fault.found);
        return d->undo_error;
}

/* A scratch register that every reset clears proves afterwards that there was one. It need not stick. */
static int set_marker(StageDevice *d) {
        uint32_t offset = d->gpu->chip->registers->marker, value = 0;
        int r;

        d->marked = false;
        if (offset == 0)
                return 0;
        r = bar0_write(d->gpu, offset, MARKER_SET, &d->fault);
        if (r >= 0)
                r = bar0_peek(d->gpu, offset, &value, &d->fault);
        d->marked = r >= 0 && value == MARKER_SET;
        return r;
}

int stage_reset(StageDevice *d) {
        int r;

        r = gpu_begin(d->gpu, GPU_STEP_RESET, &d->fault);
        if (r >= 0)
                r = set_marker(d);
        d->error = r;
        if (r < 0) {
                (void) stage_undo(d);
                return r;
        }
        d->gpu->fsp_ready = false;
        d->error = d->reset(d->userdata, &d->fault);
        return d->error;
}

static bool marker_left(const StageDevice *d) {
        uint32_t value = 0;

        return d->marked && bar0_peek(d->gpu, d->gpu->chip->registers->marker, &value, NULL) >= 0 && value == MARKER_SET;
}

static int other_mode(StageDevice *d, const CcStatus *status, CcMode mode) {
        const ChipRegisters *c = d->gpu->chip->registers;

        return bar0_fault(d->gpu, &d->fault, EIO, c->cc_mode != 0 ? c->cc_mode : c->ppcie_mode, cc_mode_to_string(mode),
                          "CC %s, PPCIe %s%s", cc_state_to_string(status->cc), status->ppcie ? "on" : "off",
                          marker_left(d) ? "; the device was not reset, its marker is still there" : "");
}

int stage_verify(StageDevice *d, CcMode mode) {
        CcStatus status;
        int r;

        d->gpu->step = GPU_STEP_VERIFY;
        r = pci_wake(d->gpu, &d->fault);
        if (r >= 0)
                r = wait_and_read(d->gpu, GPU_STEP_VERIFY, GPU_STEP_VERIFY, &status, &d->fault);
        if (r >= 0)
                r = boot_init_priv_ring(d->gpu, &d->fault);
        if (r >= 0 && !cc_status_is(&status, mode))
                r = other_mode(d, &status, mode);
        d->error = r;
        if (r >= 0)
                d->changes.n = 0;
        return r;
}

static int check_chips(StageDevice *devices, size_t n, CcMode mode) {
        int r = 0;

        for (size_t i = 0; i < n; i++) {
                StageDevice *d = &devices[i];

                d->error = 0;
                if (cc_mode_supported(d->gpu->chip, mode))
                        continue;
                d->error = gpu_fault(d->gpu, &d->fault, EOPNOTSUPP, "mode", cc_mode_to_string(mode),
                                     "%s, which has no such mode", d->gpu->chip->name);
                r = r < 0 ? r : d->error;
        }
        return r;
}

static int stage_each(StageDevice *devices, size_t n, CcMode mode) {
        int r;

        for (size_t i = 0; i < n; i++) {
                r = stage_one(&devices[i], mode);
                if (r >= 0)
                        continue;
                while (i-- > 0)
                        (void) stage_undo(&devices[i]);
                return r;
        }
        return 0;
}

int stage_all(StageDevice *devices, size_t n, CcMode mode) {
        int r;

        r = check_chips(devices, n, mode);
        if (r >= 0)
                r = stage_each(devices, n, mode);
        if (r < 0)
                return r;
        for (size_t i = 0; i < n; i++)
                if (devices[i].needs_reset)
                        (void) stage_reset(&devices[i]);
        for (size_t i = 0; i < n; i++) {
                StageDevice *d = &devices[i];

                if (d->error >= 0 && d->needs_reset)
                        (void) stage_verify(d, mode);
                if (r >= 0)
                        r = d->error;
        }
        return r;
}
