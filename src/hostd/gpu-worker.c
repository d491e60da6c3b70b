/* SPDX-License-Identifier: Apache-2.0 */

#include "hostd/gpu-worker.h"

#include <string.h>

#include "basic/clock.h"

const WorkerOps worker_real_ops = {
        .open_vfio = access_open_vfio,
        .open_sysfs = access_open_sysfs,
        .now_usec = monotonic_usec,
};

/* The mode to go back to; one that cannot be is off. */
static CcMode mode_before(const GpuWorker *w) {
        for (CcMode mode = 0; mode < _CC_MODE_MAX; mode++)
                if (cc_status_is(&w->stage.before, mode))
                        return mode;
        return CC_MODE_OFF;
}

/* Whether the mode is what it was before, after an error. */
static bool undo_mode(GpuWorker *w, CcMode before) {
        if (!w->opened)
                return true;
        if (!w->queried || w->stage.undo_error < 0)
                return false;
        if (!w->reset)
                return true;
        return !w->orphaned && worker_set_mode(w, before) >= 0;
}

/* A driver that did not let go in time, or VFIO that did not open, may do so later: nothing more is asked of the kernel. */
static bool undo_driver(GpuWorker *w, int error) {
        bool good = true;

        if (w->orphaned || (error == -ETIMEDOUT && w->step <= WORKER_STEP_OPEN))
                return false;
        (void) worker_announce(w, WORKER_STEP_BIND);
        for (size_t i = w->n_members; i-- > 0;)
                good = binding_restore(&w->members[i].device, &w->members[i].before, NULL) >= 0 && good;
        return good;
}

/* What is told is why it failed, not what happened while that was put right. A device whose mode is not off, or not
 * known, stays with VFIO: host drivers cannot use it. */
static void undo(GpuWorker *w, int error) {
        WorkerStep step = w->step;
        Fault fault = w->fault;
        CcMode before;
        bool good;

        w->undoing = true;
        if (w->gpu.chip && !w->queried && (error == -ECANCELED || error == -EOPNOTSUPP) && !w->orphaned)
                w->queried = stage_query(&w->gpu, &w->stage.before, &w->fault) >= 0;
        before = mode_before(w);
        good = undo_mode(w, before);
        worker_close(w);
        if (good && w->moved)
                good = (w->opened ? before == CC_MODE_OFF : !w->resumed) && undo_driver(w, error);
        w->rolled_back = good;
        w->step = step;
        w->fault = fault;
}

/* Which device it is, and which go along. */
static int survey(GpuWorker *w) {
        int r;

        r = worker_identify(w);
        if (r >= 0)
                r = worker_announce(w, WORKER_STEP_SURVEY);
        return r >= 0 ? worker_find_members(w) : r;
}

static int prepare(GpuWorker *w) {
        int r;

        r = survey(w);
        if (r >= 0)
                r = worker_check_free(w);
        if (r >= 0)
                r = worker_move_to_vfio(w);
        if (r >= 0)
                r = worker_open(w);
        if (r >= 0)
                r = worker_set_mode(w, w->mode);
        return r;
}

static bool is_off(const GpuWorker *w) {
        return strcmp(w->cc, "off") == 0 && strcmp(w->ppcie, "on") != 0;
}

/* CC off, by way of VFIO. */
static int turn_off(GpuWorker *w) {
        int r;

        r = worker_move_to_vfio(w);
        if (r >= 0)
                r = worker_open(w);
        if (r >= 0)
                r = worker_set_mode(w, CC_MODE_OFF);
        worker_close(w);
        return r;
}

/* To where the record says, or where the kernel wants it. */
static int give_back(GpuWorker *w, bool recorded) {
        int r;

        r = worker_announce(w, WORKER_STEP_RELEASE);
        if (r >= 0)
                r = worker_check_users(w, true);
        w->changed = w->changed || r >= 0;
        for (size_t i = 0; i < w->n_members && r >= 0; i++)
                r = binding_unbind(&w->members[i].device, recorded ? w->members[i].before.override : "", &w->fault);
        if (r >= 0)
                r = worker_announce(w, WORKER_STEP_REBIND);
        for (size_t i = 0; i < w->n_members && r >= 0; i++) {
                const char *driver = recorded ? w->members[i].before.driver : NULL;

                if (!driver || *driver)
                        r = binding_bind(&w->members[i].device, driver, &w->fault);
        }
        return r;
}

static int restore(GpuWorker *w) {
        bool recorded = w->record.known, vfio;
        Binding now;
        int r;

        r = survey(w);
        if (r >= 0)
                r = binding_read(&w->members[0].device, &now, &w->fault);
        if (r < 0)
                return r;
        vfio = binding_is_vfio(now.driver);
        if (!vfio)
                worker_peek(w);
        if (!vfio && !is_off(w) && (strcmp(w->cc, "unknown") != 0 || !*now.driver)) {
                r = worker_check_free(w);
                recorded = true; /* back to where it was found, when nobody knows better */
        } else if (!vfio && (!recorded || strcmp(now.driver, w->record.binding.driver) == 0))
                return 0;
        if (r >= 0 && (vfio || !is_off(w)))
                r = turn_off(w);
        if (r < 0 || (recorded && binding_is_vfio(w->record.binding.driver)))
                return r;
        return give_back(w, recorded);
}

/* One that was ready: still with VFIO, and nobody has it. */
static int survey_ready(GpuWorker *w) {
        Binding now;
        int r;

        r = survey(w);
        if (r >= 0)
                r = binding_read(&w->members[0].device, &now, &w->fault);
        if (r >= 0 && !binding_is_vfio(now.driver))
                r = fault_set(&w->fault, EIO, w->address, "driver " VFIO_PCI, "%s", *now.driver ? now.driver : "none");
        /* Others of its group may be lent. */
        if (r >= 0 && w->operation == WORKER_CHECK)
                r = vfio_take_back(&w->members[0].device, &w->fault);
        return r < 0 ? r : worker_check_users(w, true);
}

/* What was given before an error is taken back. */
static int lease(GpuWorker *w) {
        const PciDevice *d = &w->members[0].device;
        int r;

        r = survey_ready(w);
        if (r >= 0)
                r = worker_announce(w, WORKER_STEP_LEND);
        if (r < 0)
                return r;
        r = vfio_lend(d, w->uid, &w->loan, &w->fault);
        w->changed = r < 0 && vfio_take_back(d, NULL) < 0;
        return r;
}

static int check(GpuWorker *w) {
        CcStatus status;
        int r;

        r = survey_ready(w);
        if (r >= 0)
                r = worker_open(w);
        if (r >= 0)
                r = stage_query(&w->gpu, &status, &w->fault);
        if (r < 0)
                return r;
        r = stage_reset(&w->stage);
        if (r >= 0)
                r = stage_verify(&w->stage, w->mode);
        if (r < 0)
                w->fault = w->stage.fault;
        else
                worker_set_status(w, &status);
        w->changed = false;
        return r;
}

static int inspect(GpuWorker *w) {
        int r;

        r = worker_identify(w);
        if (r >= 0)
                worker_peek(w);
        return r < 0 || !w->cancelled ? r : -ECANCELED;
}

static int run(GpuWorker *w) {
        static int (*const operations[_WORKER_OPERATION_MAX])(GpuWorker *) = {
                [WORKER_INSPECT] = inspect,
                [WORKER_PREPARE] = prepare,
                [WORKER_RESTORE] = restore,
                [WORKER_CHECK] = check,
                [WORKER_LEASE] = lease,
        };
        int r;

        r = worker_receive_start(w);
        if (r >= 0 && !w->ops->in_process)
                r = worker_confine(w);
        if (r < 0) {
                w->rolled_back = true;
                return r;
        }
        w->resumed = w->record.known;
        r = operations[w->operation](w);
        if (r < 0 && w->operation == WORKER_PREPARE)
                undo(w, r);
        else if (r < 0)
                w->rolled_back = !w->changed && w->stage.undo_error >= 0;
        /* Closing resets, and brings into effect what could not be taken back. */
        if (w->stage.undo_error < 0)
                worker_forget_status(w);
        return r;
}

int worker_run(WorkerOperation operation, const char *address, int fd, const PciHost *host, const WorkerOps *ops) {
        GpuWorker w = {
                .operation = operation,
                .fd = fd,
                .host = *host,
                .ops = ops,
                .loan = { -EBADF, -EBADF },
                .cc = "unknown",
                .ppcie = "unknown",
        };
        int r;

        (void) snprintf(w.address, sizeof(w.address), "%s", address);
        r = run(&w);
        worker_send_result(&w, r);
        worker_close(&w); /* which resets the device, and may hang */
        vfio_loan_close(&w.loan);
        return r;
}
