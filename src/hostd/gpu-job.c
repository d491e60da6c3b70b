/* SPDX-License-Identifier: Apache-2.0 */

#include "hostd/gpu-job.h"

#include <inttypes.h>
#include <stdarg.h>
#include <string.h>

#include "basic/clock.h"
#include "basic/log.h"
#include "hostd/error.h"
#include "hostd/lease.h"
#include "hostd/udev.h"
#include "hostd/worker.h"
#include "vfio/binding.h"

/* How long a worker may take to undo what it did when its time is up (as long as it had at most), to end after its last
 * word, which closes VFIO and so resets the device once more, for whose return the kernel waits up to 60 s, and to die after
 * it was killed. */
#define JOB_UNDO_USEC  (60 * USEC_PER_SEC)
#define JOB_GRACE_USEC (75 * USEC_PER_SEC)
#define JOB_DEATH_USEC (2 * USEC_PER_SEC)

/* What an operation makes of a GPU. One that looks leaves nothing behind that a later daemon would have to know of, and
 * what is asked for meanwhile waits. An inspection leaves the state as it is. */
static const struct {
        GpuState during, after;
        bool looks;
} operations[_WORKER_OPERATION_MAX] = {
        [WORKER_INSPECT] = { .looks = true                               },
        [WORKER_PREPARE] = { GPU_PREPARING, GPU_READY,     false         },
        [WORKER_RESTORE] = { GPU_RESTORING, GPU_UNMANAGED, false         },
        [WORKER_CHECK]   = { GPU_PREPARING, GPU_READY,     .looks = true },
        [WORKER_LEASE]   = { GPU_LEASED,    GPU_LEASED,    false         },
};

/* Of which it is the first member. */
static GpuJob *gpu_job(Job *j) {
        return (GpuJob *) j;
}

static void free_job(Job *base) {
        GpuJob *j = gpu_job(base);

        (void) worker_free(j->worker);
        (void) sd_event_source_disable_unref(j->timer);
        free(j);
}

static void cancel_job(Job *j) {
        gpu_job_cancel(gpu_job(j));
}

static const JobOps job_ops = { .action = ACTION_MANAGE_GPUS, .cancel = cancel_job, .free = free_job };

static void start(GpuJob *j);
static void end(GpuJob *j);

static void set_timer(GpuJob *j, uint64_t usec) {
        (void) sd_event_source_set_time_relative(j->timer, usec);
        (void) sd_event_source_set_enabled(j->timer, SD_EVENT_ONESHOT);
}

/* The worker said its last word; the job is over when the process is. */
_printf_(4, 5) static void conclude(GpuJob *j, JobResult result, const char *error, const char *format, ...) {
        va_list ap;

        va_start(ap, format);
        job_concludev(&j->base, result, error, format, ap);
        va_end(ap);
        set_timer(j, JOB_GRACE_USEC);
}

static void kill_worker(GpuJob *j) {
        j->killed = true;
        worker_kill(j->worker);
        set_timer(j, JOB_DEATH_USEC);
}

static void answer_step(GpuJob *j, bool go) {
        j->step_open = false;
        worker_answer(j->worker, go);
}

void gpu_job_abort(GpuJob *j, JobResult result, const char *error, const char *format, ...) {
        va_list ap;

        if (j->base.state != JOB_RUNNING)
                return;
        va_start(ap, format);
        job_concludev(&j->base, result, error, format, ap);
        va_end(ap);
        kill_worker(j);
}

static void protocol_error(GpuJob *j, const char *found) {
        gpu_job_abort(j, JOB_FAILED, HOST_ERROR_WORKER_FAILED,
                      "the worker: expected a message of its protocol, found %s. This is a bug in Cocoon.", found);
}

static void conclude_late(GpuJob *j, const char *then) {
        conclude(j, JOB_TIMEOUT, HOST_ERROR_DEVICE_TIMEOUT,
                 "%s: expected the job to end within %" PRIu64 " s (JobTimeoutSec=), found it in step %s. %s", j->gpu->address,
                 j->base.manager->config.job_timeout_usec / USEC_PER_SEC, j->late, then);
}

/* Its time is up: it may undo what it did, and is killed when that takes as long again. */
static void give_up(GpuJob *j) {
        uint64_t timeout = j->base.manager->config.job_timeout_usec;

        (void) snprintf(j->late, sizeof(j->late), "%s", j->base.step[0] ? j->base.step : "none");
        gpu_job_cancel(j);
        set_timer(j, timeout < JOB_UNDO_USEC ? timeout : JOB_UNDO_USEC);
}

/* Whatever it said, it still has its hands on the GPU. */
static void leave_behind(GpuJob *j) {
        log_warning("%s: process of job %" PRIu32 " cannot be killed; left behind", j->gpu->address, j->base.id);
        worker_leave(TAKE_PTR(j->worker));
        if (j->base.result == JOB_DONE)
                conclude(j, JOB_FAILED, HOST_ERROR_DEVICE_TIMEOUT,
                         "%s: expected the job's process to let go of the GPU, found that it hangs in the kernel. Look into the "
                         "kernel's log; if the device hangs, power the host off and on.", j->gpu->address);
}

static int on_timer(sd_event_source *s, uint64_t usec, void *userdata) {
        GpuJob *j = userdata;

        if (j->base.state == JOB_RUNNING && !j->late[0])
                give_up(j);
        else if (j->base.state == JOB_RUNNING) {
                conclude_late(j, "Its process did not end and was killed. Look into the kernel's log; if the device hangs, "
                                 "power the host off and on.");
                kill_worker(j);
        } else if (!j->killed)
                kill_worker(j);
        else {
                if (j->worker)
                        leave_behind(j);
                end(j);
        }
        return 0;
}

/* Text that came from the worker, and so from a device. */
static const char *member(json_object *o, const char *key, const char *otherwise) {
        const char *value;

        return json_get_string(o, key, &value) == 0 ? value : otherwise;
}

static uint64_t number(json_object *o, const char *key) {
        json_object *value;

        if (!json_object_object_get_ex(o, key, &value) || !json_object_is_type(value, json_type_int))
                return 0;
        return json_object_get_int64(value) < 0 ? 0 : (uint64_t) json_object_get_int64(value);
}

static bool flag(json_object *o, const char *key) {
        json_object *value;

        return json_object_object_get_ex(o, key, &value) && json_object_is_type(value, json_type_boolean) &&
               json_object_get_boolean(value);
}

/* The record is durable, or cannot be; and while it was written the job may have been cancelled or have ended. */
static void on_saved(GpuObject *g, int r) {
        GpuJob *j = g->job;

        if (!j || j->base.state != JOB_RUNNING || !j->step_open)
                return;
        if (r < 0)
                j->store_errno = -r;
        answer_step(j, r >= 0);
}

static void on_step(GpuJob *j, json_object *o) {
        const char *step = member(o, "step", "");
        json_object *record;

        if (j->step_open) {
                protocol_error(j, "a step while another one waits for its answer");
                return;
        }
        job_set_step(&j->base, step, number(o, "n") > 0 ? number(o, "n") - 1 : 0, number(o, "of"));
        j->step_open = true;
        if (operations[j->operation].looks || j->cancel ||
            (j->operation == WORKER_LEASE && strcmp(step, worker_step_to_string(WORKER_STEP_LEND)) != 0)) {
                answer_step(j, !j->cancel);
                return;
        }
        if (json_get_object(o, "record", &record) == 0) {
                (void) json_object_put(j->gpu->record);
                j->gpu->record = json_object_get(record);
        }
        gpu_object_save(j->gpu, on_saved);
}

static void on_lent(GpuJob *j) {
        if (worker_take_loan(j->worker, &j->gpu->lease->loan) < 0)
                protocol_error(j, "a GPU that is lent without descriptors");
        else
                conclude(j, JOB_DONE, NULL, NULL);
}

/* What the worker claims must be what udev shows. */
static void on_done(GpuJob *j, json_object *o) {
        GpuObject *g = j->gpu;
        const char *cc = member(o, "cc", "unknown");
        bool ready;

        if (j->operation == WORKER_LEASE) {
                on_lent(j);
                return;
        }
        gpu_object_set_modes(g, cc, member(o, "ppcie", "unknown"));
        (void) host_udev_probe(j->base.manager, g->address, NULL);
        ready = strcmp(cc, "on") == 0 && binding_is_vfio(g->driver);
        if (operations[j->operation].after == GPU_READY && !ready)
                conclude(j, JOB_FAILED, HOST_ERROR_DEVICE_ERROR,
                         "%s: expected CC mode on and driver vfio-pci, found CC mode %s and driver %s. "
                         "Prepare it again, or restore it.", g->address, g->cc_mode, *g->driver ? g->driver : "none");
        else if (j->operation == WORKER_RESTORE && strcmp(g->driver, member(o, "driver", "")) != 0)
                conclude(j, JOB_FAILED, HOST_ERROR_DEVICE_ERROR,
                         "%s: expected driver %s, found %s. Restore it again.", g->address,
                         *member(o, "driver", "") ? member(o, "driver", "") : "none",
                         *g->driver ? g->driver : "none");
        else if (j->operation == WORKER_RESTORE && j->had_record && strcmp(cc, "off") != 0)
                conclude(j, JOB_FAILED, HOST_ERROR_DEVICE_ERROR,
                         "%s: expected CC mode off before it is the host's again, found %s. "
                         "Prepare the GPU, then restore it.", g->address, g->cc_mode);
        else
                conclude(j, JOB_DONE, NULL, NULL);
}

static void on_failed(GpuJob *j, json_object *o) {
        const char *errno_name = member(o, "errno", NULL);
        const char *error = host_error_from_errno_name(errno_name);
        const char *advice = member(o, "advice", ""), *cc = member(o, "cc", "unknown");
        bool cancelled = j->cancel && errno_name && strcmp(errno_name, "ECANCELED") == 0;

        j->rolled_back = flag(o, "rolled-back");
        /* What was not looked at and not changed is as it was. */
        if (!j->rolled_back || strcmp(cc, "unknown") != 0)
                gpu_object_set_modes(j->gpu, cc, member(o, "ppcie", "unknown"));
        if (j->store_errno > 0) {
                conclude(j, JOB_FAILED, j->store_errno == ENOSPC ? HOST_ERROR_NO_SPACE : HOST_ERROR_STATE_NOT_STORED,
                         "%s: the state could not be stored below %s before step %s: %s.", j->gpu->address,
                         j->base.manager->state_dir, j->base.step, strerror(j->store_errno));
                return;
        }
        if (cancelled && j->late[0]) {
                conclude_late(j, j->rolled_back ? "What it had done was undone. Look into the kernel's log, and try again."
                                                : "Not all that it had done was undone: prepare the GPU again, or restore it.");
                return;
        }
        conclude(j, cancelled && j->rolled_back ? JOB_CANCELED : JOB_FAILED, error, "%s: %s: expected %s, found %s%s%s", member(o, "step", "start"),
                     member(o, "what", j->gpu->address), member(o, "expected", "success"), member(o, "found", "failure"),
                     *advice ? "; " : "", advice);
}

static void on_undo(GpuJob *j, json_object *o) {
        char step[64];

        (void) snprintf(step, sizeof(step), "undo %s", member(o, "undo", ""));
        job_set_step(&j->base, step, j->base.n_done, j->base.n_total);
}

static void on_note(GpuJob *j, const char *note) {
        char text[1024];

        (void) snprintf(text, sizeof(text), "%s", note);
        log_info("%s: %s", j->gpu->address, make_printable(text));
}

static void on_message(void *userdata, json_object *o) {
        GpuJob *j = userdata;
        const char *result = o ? member(o, "result", NULL) : NULL;

        if (j->base.state != JOB_RUNNING)
                return;
        if (!o)
                protocol_error(j, "something else");
        else if (result && strcmp(result, "done") == 0)
                on_done(j, o);
        else if (result && strcmp(result, "failed") == 0)
                on_failed(j, o);
        else if (result)
                protocol_error(j, "a result that is neither done nor failed");
        else if (member(o, "step", NULL))
                on_step(j, o);
        else if (member(o, "note", NULL))
                on_note(j, member(o, "note", NULL));
        else if (member(o, "undo", NULL))
                on_undo(j, o);
}

static void on_ended(void *userdata, const siginfo_t *how) {
        GpuJob *j = userdata;

        if (j->base.state == JOB_RUNNING) {
                bool exited = how->si_code == CLD_EXITED;

                if (j->operation != WORKER_INSPECT)
                        gpu_object_set_modes(j->gpu, "unknown", "unknown");
                conclude(j, JOB_FAILED, HOST_ERROR_WORKER_FAILED,
                         "%s: expected a result of the worker, found that it %s %i in step %s. "
                         "Prepare the GPU again, or restore it.", j->gpu->address,
                         exited ? "exited with status" : "was killed by signal", how->si_status,
                         j->base.step[0] ? j->base.step : "none");
        }
        end(j);
}

static const WorkerOps worker_ops = { .message = on_message, .ended = on_ended };

/* One that may have been lent comes back as others do that were. */
static GpuState state_after(const GpuJob *j) {
        if (j->base.result == JOB_DONE)
                return operations[j->operation].after;
        if (j->operation == WORKER_LEASE)
                return j->rolled_back ? j->before : GPU_LEASED;
        if (j->base.result == JOB_CANCELED && !operations[j->operation].looks)
                return j->before;
        return GPU_FAILED;
}

/* What the job's end means for the GPU. */
static void settle(GpuJob *j) {
        GpuObject *g = j->gpu;
        GpuState state = state_after(j);

        if (j->rolled_back && !j->had_record) {
                (void) json_object_put(g->record);
                g->record = NULL;
        }
        if (j->operation == WORKER_INSPECT && j->base.result != JOB_DONE)
                log_warning("%s: its mode is not known: %s", g->address, j->base.message ?: "");
        if (j->operation == WORKER_INSPECT)
                return;
        if (j->base.result == JOB_DONE && j->operation == WORKER_RESTORE) {
                (void) json_object_put(g->record);
                g->record = NULL;
        }
        if (j->operation == WORKER_LEASE) {
                lease_settle(g, j->base.error, j->base.message);
                if (g->lease)
                        return; /* it is on record already */
        }
        gpu_object_set_state(g, state, state == GPU_FAILED ? j->base.error : NULL, state == GPU_FAILED ? j->base.message : NULL);
        gpu_object_save(g, NULL);
}

/* Frees the job, and perhaps its GPU; starts what waited for it. */
static void end(GpuJob *j) {
        GpuObject *g = j->gpu;
        GpuJob *next;

        g->job = NULL;
        /* Asked for by its address it may have been found while it went. */
        if (host_udev_probe(j->base.manager, g->address, NULL) == -ENODEV)
                g->gone = true;
        if (!g->gone)
                settle(j);
        gpu_bus_changed(g, "Job", NULL);
        job_finish(&j->base);
        if (g->gone) {
                gpu_object_remove(g); /* and what waits for it */
                return;
        }
        next = TAKE_PTR(g->waiting);
        if (next) {
                g->job = next;
                start(next);
        } else
                lease_next(g);
}

static int describe_options(const GpuJob *j, json_object **ret) {
        _cleanup_json_ json_object *o = NULL;

        if (j->operation != WORKER_LEASE)
                return 0;
        o = json_object_new_object();
        if (!o || json_add_int(o, "uid", j->gpu->lease->uid) < 0)
                return -ENOMEM;
        *ret = TAKE_PTR(o);
        return 0;
}

static void start(GpuJob *j) {
        _cleanup_json_ json_object *options = NULL;
        GpuObject *g = j->gpu;
        int r;

        j->before = g->state;
        j->had_record = g->record;
        job_set_running(&j->base);
        r = describe_options(j, &options);
        if (r >= 0)
                r = worker_start(j->base.manager, j->operation, g->address, g->record, options, &worker_ops, j, &j->worker);
        if (r < 0) {
                conclude(j, JOB_FAILED, HOST_ERROR_WORKER_FAILED, "%s: cannot start the worker %s: %s", g->address,
                         j->base.manager->worker, strerror(-r));
                /* Nobody is to be waited for; but whoever asked for the job wants to know its path first. */
                j->killed = j->rolled_back = true;
                set_timer(j, 0);
                return;
        }
        set_timer(j, j->base.manager->config.job_timeout_usec);
        if (j->operation != WORKER_INSPECT)
                gpu_object_set_state(g, operations[j->operation].during, NULL, NULL);
}

static int new_job(GpuObject *g, WorkerOperation operation, GpuJob **ret) {
        GpuJob *j = calloc(1, sizeof(*j));
        int r;

        if (!j)
                return -ENOMEM;
        j->gpu = g;
        j->operation = operation;
        r = sd_event_add_time(g->manager->event, &j->timer, CLOCK_MONOTONIC, UINT64_MAX, 0, on_timer, j);
        if (r >= 0)
                r = job_init(&j->base, g->manager, &job_ops, worker_operation_to_string(operation), g->address);
        if (r < 0) {
                free_job(&j->base);
                return r;
        }
        *ret = j;
        return 0;
}

static int refuse_busy(const GpuObject *g, WorkerOperation operation, sd_bus_error *error) {
        pid_t stuck = worker_stuck(g->manager, g->address);

        if (stuck > 0)
                return host_error_set(error, HOST_ERROR_BUSY,
                                         "%s: process %i of an earlier job hangs in the kernel. Look into the kernel's "
                                         "log; if the device hangs, power the host off and on.", g->address, (int) stuck);
        if (g->gone)
                return host_error_set(error, HOST_ERROR_NO_SUCH_GPU, "%s was unplugged.", g->address);
        if (g->lease && !g->lease->waits && operation != WORKER_LEASE)
                return host_error_set(error, HOST_ERROR_IN_USE,
                                      "%s: expected nobody to have it, found it leased to '%s'. End that first.", g->address,
                                      g->lease->holder);
        return 0;
}

int gpu_job_request(GpuObject *g, WorkerOperation operation, GpuJob **ret, sd_bus_error *error) {
        GpuJob *j = g->waiting ?: g->job;
        int r;

        r = refuse_busy(g, operation, error);
        if (r < 0)
                return r;
        if (j && j->operation == operation && j->base.state != JOB_ENDING && !j->cancel) {
                if (ret)
                        *ret = j;
                return 0;
        }
        if (j && (!operations[j->operation].looks || g->waiting))
                return host_error_set(error, HOST_ERROR_BUSY,
                                         "%s: job %" PRIu32 " (%s) is at work on it. Wait for it, or cancel it.",
                                         g->address, j->base.id, worker_operation_to_string(j->operation));
        r = new_job(g, operation, &j);
        if (r < 0)
                return r;
        if (ret)
                *ret = j;
        if (g->job) {
                g->waiting = j;
                return 0;
        }
        g->job = j;
        gpu_bus_changed(g, "Job", NULL);
        start(j);
        return 0;
}

void gpu_job_cancel(GpuJob *j) {
        if (j->base.state == JOB_WAITING) {
                j->gpu->waiting = NULL;
                j->base.result = JOB_CANCELED;
                j->base.error = strdup(HOST_ERROR_CANCELED);
                job_finish(&j->base);
                return;
        }
        if (j->base.state != JOB_RUNNING || j->cancel)
                return;
        j->cancel = true;
        answer_step(j, false);
}
