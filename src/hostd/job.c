/* SPDX-License-Identifier: Apache-2.0 */

#include "hostd/job.h"

#include <inttypes.h>
#include <stdarg.h>
#include <string.h>
#include <time.h>

#include "basic/clock.h"
#include "basic/log.h"
#include "hostd/error.h"
#include "hostd/udev.h"
#include "hostd/worker.h"

/* How long a worker may take to end after its last word, and to die after it was killed. */
#define JOB_GRACE_USEC (10 * USEC_PER_SEC)
#define JOB_DEATH_USEC (2 * USEC_PER_SEC)

/* What an operation makes of a GPU. An inspection leaves the state as it is. */
static const struct {
        GpuState during, after;
} outcomes[_WORKER_OPERATION_MAX] = {
        [WORKER_PREPARE] = { GPU_PREPARING, GPU_READY     },
        [WORKER_RESTORE] = { GPU_RESTORING, GPU_UNMANAGED },
};

static const char *const state_names[_JOB_STATE_MAX] = {
        [JOB_WAITING] = "waiting",
        [JOB_RUNNING] = "running",
        [JOB_ENDING]  = "ending",
};

static const char *const result_names[_JOB_RESULT_MAX] = {
        [JOB_DONE]     = "done",
        [JOB_FAILED]   = "failed",
        [JOB_CANCELED] = "canceled",
        [JOB_TIMEOUT]  = "timeout",
};

const char *job_state_to_string(JobState state) {
        return state_names[state];
}

const char *job_result_to_string(JobResult result) {
        return result_names[result];
}

Job *job_free(Job *j) {
        if (!j)
                return NULL;
        (void) worker_free(j->worker);
        (void) sd_event_source_disable_unref(j->timer);
        free(j->path);
        free(j->error);
        free(j->message);
        free(j);
        return NULL;
}
DEFINE_CLEANUP_FUNC(Job *, job_free)

static void job_start(Job *j);
static void job_finish(Job *j);

static void set_timer(Job *j, uint64_t usec) {
        (void) sd_event_source_set_time_relative(j->timer, usec);
        (void) sd_event_source_set_enabled(j->timer, SD_EVENT_ONESHOT);
}

_printf_(4, 0) static void conclude(Job *j, JobResult result, const char *error, const char *format, va_list ap) {
        j->state = JOB_ENDING;
        j->result = result;
        j->error = error ? strdup(error) : NULL;
        if (!format || vasprintf(&j->message, format, ap) < 0)
                j->message = NULL;
        if (j->message)
                (void) make_printable(j->message);
        set_timer(j, JOB_GRACE_USEC);
        job_bus_changed(j, "State", NULL);
}

/* The worker said its last word; the job is over when the process is. */
_printf_(4, 5) static void job_conclude(Job *j, JobResult result, const char *error, const char *format, ...) {
        va_list ap;

        va_start(ap, format);
        conclude(j, result, error, format, ap);
        va_end(ap);
}

static void job_kill(Job *j) {
        j->killed = true;
        worker_kill(j->worker);
        set_timer(j, JOB_DEATH_USEC);
}

void job_abort(Job *j, JobResult result, const char *error, const char *format, ...) {
        va_list ap;

        if (j->state != JOB_RUNNING)
                return;
        va_start(ap, format);
        conclude(j, result, error, format, ap);
        va_end(ap);
        job_kill(j);
}

static void job_protocol_error(Job *j, const char *found) {
        job_abort(j, JOB_FAILED, HOST_ERROR_WORKER_FAILED,
                  "the worker: expected a message of its protocol, found %s. This is a bug in Cocoon.", found);
}

static int on_timer(sd_event_source *s, uint64_t usec, void *userdata) {
        Job *j = userdata;

        if (j->state == JOB_RUNNING)
                job_abort(j, JOB_TIMEOUT, HOST_ERROR_DEVICE_TIMEOUT,
                          "%s: expected the job to end within %" PRIu64 " s (JobTimeoutSec=), found it in step %s. "
                          "Look into the kernel's log; if the device hangs, power the host off and on.",
                          j->gpu->address, j->manager->config.job_timeout_usec / USEC_PER_SEC,
                          j->step[0] ? j->step : "none");
        else if (!j->killed)
                job_kill(j);
        else {
                if (j->worker) {
                        log_warning("%s: process of job %" PRIu32 " cannot be killed; left behind", j->gpu->address, j->id);
                        worker_leave(TAKE_PTR(j->worker));
                }
                job_finish(j);
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

static void answer_step(Job *j, bool go) {
        j->step_open = false;
        worker_answer(j->worker, go);
}

/* The record is durable, or cannot be; and while it was written the job may have been cancelled or have ended. */
static void on_saved(GpuObject *g, int r) {
        Job *j = g->job;

        if (!j || j->state != JOB_RUNNING || !j->step_open)
                return;
        if (r < 0)
                j->store_errno = -r;
        answer_step(j, r >= 0 && !j->cancel);
}

static void on_step(Job *j, json_object *o) {
        json_object *record;

        if (j->step_open) {
                job_protocol_error(j, "a step while another one waits for its answer");
                return;
        }
        (void) snprintf(j->step, sizeof(j->step), "%s", member(o, "step", ""));
        (void) make_printable(j->step);
        j->n_total = number(o, "of");
        j->n_done = number(o, "n") > 0 ? number(o, "n") - 1 : 0;
        j->step_open = true;
        job_bus_changed(j, "Step", "Done", "Total", NULL);
        if (j->operation == WORKER_INSPECT) {
                answer_step(j, !j->cancel);
                return;
        }
        if (json_get_object(o, "record", &record) == 0) {
                (void) json_object_put(j->gpu->record);
                j->gpu->record = json_object_get(record);
        }
        gpu_object_save(j->gpu, on_saved);
}

/* What the worker claims must be what udev shows. */
static void on_done(Job *j, json_object *o) {
        GpuObject *g = j->gpu;
        const char *cc = member(o, "cc", "unknown");
        bool ready;

        gpu_object_set_modes(g, cc, member(o, "ppcie", "unknown"));
        (void) host_udev_probe(j->manager, g->address, NULL);
        ready = strcmp(cc, "on") == 0 && strcmp(g->driver, "vfio-pci") == 0;
        if ((j->operation == WORKER_PREPARE || g->adopt) && !ready)
                job_conclude(j, JOB_FAILED, HOST_ERROR_DEVICE_ERROR,
                             "%s: expected CC mode on and driver vfio-pci, found CC mode %s and driver %s. "
                             "Prepare it again, or restore it.", g->address, g->cc_mode, *g->driver ? g->driver : "none");
        else if (j->operation == WORKER_RESTORE && strcmp(g->driver, member(o, "driver", "")) != 0)
                job_conclude(j, JOB_FAILED, HOST_ERROR_DEVICE_ERROR,
                             "%s: expected driver %s, found %s. Restore it again.", g->address,
                             *member(o, "driver", "") ? member(o, "driver", "") : "none",
                             *g->driver ? g->driver : "none");
        else if (j->operation == WORKER_RESTORE && j->had_record && strcmp(cc, "off") != 0)
                job_conclude(j, JOB_FAILED, HOST_ERROR_DEVICE_ERROR,
                             "%s: expected CC mode off before it is the host's again, found %s. "
                             "Prepare the GPU, then restore it.", g->address, g->cc_mode);
        else
                job_conclude(j, JOB_DONE, NULL, NULL);
}

static void on_failed(Job *j, json_object *o) {
        const char *errno_name = member(o, "errno", NULL);
        const char *error = host_error_from_errno_name(errno_name);
        const char *advice = member(o, "advice", ""), *cc = member(o, "cc", "unknown");
        JobResult result = JOB_FAILED;

        j->rolled_back = flag(o, "rolled-back");
        /* What was not looked at and not changed is as it was. */
        if (!j->rolled_back || strcmp(cc, "unknown") != 0)
                gpu_object_set_modes(j->gpu, cc, member(o, "ppcie", "unknown"));
        if (j->cancel && j->rolled_back && errno_name && strcmp(errno_name, "ECANCELED") == 0)
                result = JOB_CANCELED;
        if (j->store_errno > 0) {
                job_conclude(j, JOB_FAILED, j->store_errno == ENOSPC ? HOST_ERROR_NO_SPACE : HOST_ERROR_STATE_NOT_STORED,
                             "%s: the state could not be stored below %s before step %s: %s.", j->gpu->address,
                             j->manager->state_dir, j->step, strerror(j->store_errno));
                return;
        }
        job_conclude(j, result, error, "%s: %s: expected %s, found %s%s%s", member(o, "step", "start"),
                     member(o, "what", j->gpu->address), member(o, "expected", "success"), member(o, "found", "failure"),
                     *advice ? "; " : "", advice);
}

static void on_message(void *userdata, json_object *o) {
        Job *j = userdata;
        const char *result = o ? member(o, "result", NULL) : NULL;

        if (j->state != JOB_RUNNING)
                return;
        if (!o)
                job_protocol_error(j, "something else");
        else if (result && strcmp(result, "done") == 0)
                on_done(j, o);
        else if (result && strcmp(result, "failed") == 0)
                on_failed(j, o);
        else if (result)
                job_protocol_error(j, "a result that is neither done nor failed");
        else if (member(o, "step", NULL))
                on_step(j, o);
        else if (member(o, "note", NULL))
                log_info("%s: %s", j->gpu->address, member(o, "note", NULL));
        else if (member(o, "undo", NULL)) {
                (void) snprintf(j->step, sizeof(j->step), "undo %s", member(o, "undo", NULL));
                (void) make_printable(j->step);
                job_bus_changed(j, "Step", NULL);
        }
}

static void on_ended(void *userdata, const siginfo_t *how) {
        Job *j = userdata;

        if (j->state == JOB_RUNNING) {
                bool exited = how->si_code == CLD_EXITED;

                if (j->operation != WORKER_INSPECT)
                        gpu_object_set_modes(j->gpu, "unknown", "unknown");
                job_conclude(j, JOB_FAILED, HOST_ERROR_WORKER_FAILED,
                             "%s: expected a result of the worker, found that it %s %i in step %s. "
                             "Prepare the GPU again, or restore it.", j->gpu->address,
                             exited ? "exited with status" : "was killed by signal", how->si_status,
                             j->step[0] ? j->step : "none");
        }
        job_finish(j);
}

static const WorkerOps worker_ops = { .message = on_message, .ended = on_ended };

/* What the job's end means for the GPU. */
static void settle(Job *j) {
        GpuObject *g = j->gpu;
        GpuState state = outcomes[j->operation].after;
        bool adopted = g->adopt;

        if (j->rolled_back && !j->had_record) {
                (void) json_object_put(g->record);
                g->record = NULL;
        }
        if (j->operation == WORKER_INSPECT && j->result != JOB_DONE)
                log_warning("%s: its mode is not known: %s", g->address, j->message ?: "");
        if (j->operation == WORKER_INSPECT && !g->adopt)
                return;
        if (adopted)
                state = GPU_READY;
        g->adopt = false;
        if (j->result == JOB_DONE && j->operation == WORKER_RESTORE) {
                (void) json_object_put(g->record);
                g->record = NULL;
        }
        if (j->result == JOB_CANCELED && !adopted)
                state = j->before;
        else if (j->result != JOB_DONE)
                state = GPU_FAILED;
        if (state == GPU_FAILED)
                gpu_object_set_state(g, state, j->error, j->message);
        else
                gpu_object_set_state(g, state, NULL, NULL);
        gpu_object_save(g, NULL);
}

static void unlist(Job *j) {
        Job **p = &j->manager->jobs;

        job_bus_removed(j);
        while (*p != j)
                p = &(*p)->next;
        *p = j->next;
}

/* Frees the job, and perhaps its GPU; starts what waited for it. */
static void job_finish(Job *j) {
        GpuObject *g = j->gpu;
        Job *next;

        log_debug("%s: job %" PRIu32 " (%s) is %s", g->address, j->id, worker_operation_to_string(j->operation),
                  job_result_to_string(j->result));
        g->job = NULL;
        /* Asked for by its address it may have been found while it went. */
        if (host_udev_probe(j->manager, g->address, NULL) == -ENODEV)
                g->gone = true;
        if (!g->gone)
                settle(j);
        gpu_bus_changed(g, "Job", NULL);
        unlist(j);
        (void) job_free(j);
        if (g->gone) {
                gpu_object_remove(g); /* and what waits for it */
                return;
        }
        next = TAKE_PTR(g->waiting);
        if (next) {
                g->job = next;
                job_start(next);
        }
}

static void job_start(Job *j) {
        GpuObject *g = j->gpu;
        int r;

        j->before = g->state;
        j->had_record = g->record;
        j->state = JOB_RUNNING;
        r = worker_start(j->manager, j->operation, g->address, g->record, &worker_ops, j, &j->worker);
        if (r < 0) {
                job_conclude(j, JOB_FAILED, HOST_ERROR_WORKER_FAILED, "%s: cannot start the worker %s: %s", g->address,
                             j->manager->worker, strerror(-r));
                /* Nobody is to be waited for; but whoever asked for the job wants to know its path first. */
                j->killed = true;
                set_timer(j, 0);
                return;
        }
        set_timer(j, j->manager->config.job_timeout_usec);
        if (j->operation != WORKER_INSPECT) {
                g->adopt = false;
                gpu_object_set_state(g, outcomes[j->operation].during, NULL, NULL);
        }
        job_bus_changed(j, "State", NULL);
}

static uint64_t realtime_usec(void) {
        struct timespec t = {};

        (void) clock_gettime(CLOCK_REALTIME, &t);
        return (uint64_t) t.tv_sec * USEC_PER_SEC + (uint64_t) t.tv_nsec / 1000;
}

static int job_new(GpuObject *g, WorkerOperation operation, Job **ret) {
        _cleanup_(job_freep) Job *j = calloc(1, sizeof(*j));
        Manager *m = g->manager;
        int r;

        if (!j)
                return -ENOMEM;
        *j = (Job){ .manager = m, .gpu = g, .operation = operation, .started_usec = realtime_usec() };
        do
                j->id = ++m->last_job;
        while (j->id == 0);
        if (asprintf(&j->path, HOST_BUS_PATH "/job/%" PRIu32, j->id) < 0) {
                j->path = NULL;
                return -ENOMEM;
        }
        r = sd_event_add_time(m->event, &j->timer, CLOCK_MONOTONIC, UINT64_MAX, 0, on_timer, j);
        if (r < 0)
                return r;
        j->next = m->jobs;
        m->jobs = j;
        job_bus_new(j);
        *ret = TAKE_PTR(j);
        return 0;
}

static int refuse_busy(const GpuObject *g, sd_bus_error *error) {
        pid_t stuck = worker_stuck(g->manager, g->address);

        if (stuck > 0)
                return host_error_set(error, HOST_ERROR_BUSY,
                                         "%s: process %i of an earlier job hangs in the kernel. Look into the kernel's "
                                         "log; if the device hangs, power the host off and on.", g->address, (int) stuck);
        if (g->gone)
                return host_error_set(error, HOST_ERROR_NO_SUCH_GPU, "%s was unplugged.", g->address);
        return 0;
}

int job_request(GpuObject *g, WorkerOperation operation, Job **ret, sd_bus_error *error) {
        Job *j = g->waiting ?: g->job;
        int r;

        r = refuse_busy(g, error);
        if (r < 0)
                return r;
        if (j && j->operation == operation && j->state != JOB_ENDING && !j->cancel) {
                if (ret)
                        *ret = j;
                return 0;
        }
        if (j && (j->operation != WORKER_INSPECT || g->waiting))
                return host_error_set(error, HOST_ERROR_BUSY,
                                         "%s: job %" PRIu32 " (%s) is at work on it. Wait for it, or cancel it.",
                                         g->address, j->id, worker_operation_to_string(j->operation));
        r = job_new(g, operation, &j);
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
        job_start(j);
        return 0;
}

void job_cancel(Job *j) {
        if (j->state == JOB_WAITING) {
                j->gpu->waiting = NULL;
                j->result = JOB_CANCELED;
                j->error = strdup(HOST_ERROR_CANCELED);
                unlist(j);
                (void) job_free(j);
                return;
        }
        if (j->state != JOB_RUNNING || j->cancel)
                return;
        j->cancel = true;
        /* A step that waits for its record is answered when that is there. */
        if (!j->step_open)
                worker_answer(j->worker, false);
}
