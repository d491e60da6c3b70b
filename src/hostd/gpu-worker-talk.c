/* SPDX-License-Identifier: Apache-2.0 */

#include "hostd/gpu-worker.h"

#include <poll.h>
#include <string.h>

#include "basic/clock.h"

#define PROGRESS_INTERVAL (250 * USEC_PER_MSEC)

static const bool steps_of[_WORKER_OPERATION_MAX][_WORKER_STEP_MAX] = {
        [WORKER_INSPECT] = {
                [WORKER_STEP_IDENTIFY] = true, [WORKER_STEP_BOOT] = true, [WORKER_STEP_QUERY] = true,
        },
        [WORKER_PREPARE] = { [WORKER_STEP_IDENTIFY ... WORKER_STEP_VERIFY] = true },
        [WORKER_RESTORE] = { [WORKER_STEP_IDENTIFY ... WORKER_STEP_REBIND] = true },
        [WORKER_CHECK] = {
                [WORKER_STEP_IDENTIFY] = true, [WORKER_STEP_SURVEY] = true, [WORKER_STEP_OPEN] = true,
                [WORKER_STEP_BOOT] = true, [WORKER_STEP_QUERY] = true, [WORKER_STEP_RESET] = true,
                [WORKER_STEP_VERIFY] = true,
        },
        [WORKER_LEASE] = {
                [WORKER_STEP_IDENTIFY] = true, [WORKER_STEP_SURVEY] = true, [WORKER_STEP_LEND] = true,
        },
};

static int count_steps(WorkerOperation operation, WorkerStep last) {
        int n = 0;

        for (WorkerStep i = 0; i <= last; i++)
                n += steps_of[operation][i];
        return n;
}

/* Sends what has one member; NULL when memory was out. Errors show when the next answer is waited for. */
static void tell(GpuWorker *w, const char *key, const char *text) {
        _cleanup_json_ json_object *o = json_object_new_object();

        if (o && json_add_string(o, key, text) >= 0)
                (void) worker_send(w->fd, TAKE_PTR(o));
}

void worker_note(GpuWorker *w, const char *text) {
        tell(w, "note", text);
}

static int send_step(GpuWorker *w) {
        _cleanup_json_ json_object *o = json_object_new_object();
        json_object *record = w->record.known ? worker_record_to_json(&w->record) : NULL;
        int r;

        if (!o || (w->record.known && !record))
                return -ENOMEM;
        r = json_add(o, "record", record);
        if (r >= 0)
                r = json_add_string(o, "step", worker_step_to_string(w->step));
        if (r >= 0)
                r = json_add_int(o, "n", count_steps(w->operation, w->step));
        if (r >= 0)
                r = json_add_int(o, "of", count_steps(w->operation, _WORKER_STEP_MAX - 1));
        return r < 0 ? r : worker_send(w->fd, TAKE_PTR(o));
}

/* What hostd says, which is go or not. */
static int receive_go(GpuWorker *w) {
        _cleanup_json_ json_object *message = NULL;
        json_object *go;
        int r;

        r = worker_receive(w->fd, &message);
        if (r < 0 && r != -EBADMSG) {
                w->orphaned = true;
                return -ECANCELED;
        }
        if (r >= 0 && json_object_object_get_ex(message, "go", &go) && json_object_get_boolean(go))
                return 0;
        w->cancelled = true;
        return -ECANCELED;
}

int worker_announce(GpuWorker *w, WorkerStep step) {
        int r;

        w->step_started = w->progress_sent = w->ops->now_usec();
        if (w->undoing) {
                tell(w, "undo", worker_step_to_string(step));
                return 0;
        }
        if (w->cancelled || w->orphaned)
                return fault_set(&w->fault, ECANCELED, worker_step_to_string(step), "to go on", "cancelled");
        w->step = step;
        r = send_step(w);
        if (r == -EPIPE || r == -ECONNRESET)
                w->orphaned = true;
        if (r >= 0)
                r = receive_go(w);
        if (r < 0)
                return fault_set(&w->fault, ECANCELED, worker_step_to_string(step), "leave to begin",
                                 w->cancelled ? "cancelled" : "the host daemon is gone");
        return 0;
}

/* Boot is what takes time; its limits are those of src/gpu. */
static void send_progress(GpuWorker *w) {
        uint64_t now = w->ops->now_usec(), total = 5 * USEC_PER_SEC;
        _cleanup_json_ json_object *o = NULL;

        if (now - w->progress_sent < PROGRESS_INTERVAL || (w->step != WORKER_STEP_BOOT && w->step != WORKER_STEP_VERIFY))
                return;
        w->progress_sent = now;
        if (w->gpu.chip && w->gpu.chip->arch == CHIP_BLACKWELL)
                total = 15 * USEC_PER_SEC;
        o = json_object_new_object();
        if (o && json_add_int(o, "progress", (int64_t) (now - w->step_started)) >= 0 &&
            json_add_int(o, "total", (int64_t) total) >= 0)
                (void) worker_send(w->fd, TAKE_PTR(o));
}

int worker_wait(GpuWorker *w, uint64_t usec) {
        struct pollfd fds[] = {
                { .fd = w->access ? w->access->release_fd : -1, .events = POLLIN },
                { .fd = w->undoing ? -1 : w->fd, .events = POLLIN },
        };
        uint64_t real = w->ops->pause ? 0 : usec;
        struct timespec time = { .tv_sec = (time_t) (real / USEC_PER_SEC), .tv_nsec = (long) (real % USEC_PER_SEC * 1000) };

        send_progress(w);
        if (w->ops->pause)
                w->ops->pause(usec);
        if (ppoll(fds, ELEMENTSOF(fds), &time, NULL) <= 0)
                return 0;
        if (fds[0].revents != 0)
                return -ENODEV;
        return fds[1].revents != 0 ? receive_go(w) : 0;
}

static int get_mode(json_object *options, CcMode *ret) {
        const char *text;
        int r = json_get_string(options, "mode", &text);

        *ret = CC_MODE_ON;
        if (r == -ENOENT)
                return 0;
        if (r >= 0)
                *ret = cc_mode_from_string(text);
        return r < 0 || *ret == _CC_MODE_INVALID || *ret == CC_MODE_OFF ? -EINVAL : 0;
}

static int get_uid(json_object *options, uid_t *ret) {
        json_object *uid;
        int64_t value;

        *ret = (uid_t) -1;
        if (!json_object_object_get_ex(options, "uid", &uid))
                return 0;
        value = json_object_is_type(uid, json_type_int) ? json_object_get_int64(uid) : -1;
        if (value < 0 || value >= UINT32_MAX)
                return -EINVAL;
        *ret = (uid_t) value;
        return 0;
}

int worker_receive_start(GpuWorker *w) {
        _cleanup_json_ json_object *message = NULL;
        json_object *record = NULL, *options = NULL;
        const char *root;
        int r;

        r = worker_receive(w->fd, &message);
        if (r >= 0 && json_object_object_get_ex(message, "record", &record))
                r = worker_record_from_json(record, &w->record);
        if (r < 0)
                return fault_set(&w->fault, r, "first message", "a record, or null", "%s", strerror(-r));
        (void) json_object_object_get_ex(message, "options", &options);
        r = get_mode(options, &w->mode);
        if (r < 0)
                return fault_set(&w->fault, r, "option mode", "on, devtools or ppcie", "something else");
        r = get_uid(options, &w->uid);
        if (r < 0 || (w->operation == WORKER_LEASE && w->uid == (uid_t) -1))
                return fault_set(&w->fault, EINVAL, "option uid", "a user", "something else");
        if (json_get_string(options, "root", &root) >= 0 && strlen(root) < sizeof(w->root)) {
                (void) snprintf(w->root, sizeof(w->root), "%s", root);
                w->host.root = w->root;
        }
        return 0;
}

static int add_state(json_object *o, const GpuWorker *w) {
        char driver[PCI_TEXT_SIZE] = "";
        const PciDevice *d = &w->members[0].device;
        int r;

        if (w->n_members > 0)
                (void) pci_device_link(d, "driver", driver);
        r = json_add_string(o, "driver", driver);
        if (r >= 0)
                r = json_add_string(o, "cc", w->cc);
        return r < 0 ? r : json_add_string(o, "ppcie", w->ppcie);
}

static int add_failure(json_object *o, const GpuWorker *w, int error) {
        const char *advice = w->advice ? w->advice : worker_advice(w->step, error);
        const struct {
                const char *key, *text;
        } texts[] = {
                { "step",     worker_step_to_string(w->step) }, { "what",  w->fault.what               },
                { "expected", w->fault.expected              }, { "found", w->fault.found              },
                { "advice",   advice                         }, { "errno", strerrorname_np(abs(error)) },
        };
        int r = 0;

        for (size_t i = 0; i < ELEMENTSOF(texts) && r >= 0; i++)
                if (texts[i].text)
                        r = json_add_string(o, texts[i].key, texts[i].text);
        return r < 0 ? r : json_add_bool(o, "rolled-back", w->rolled_back);
}

void worker_send_result(GpuWorker *w, int error) {
        _cleanup_json_ json_object *o = json_object_new_object();
        int r;

        if (!o)
                return;
        r = json_add_string(o, "result", error < 0 ? "failed" : "done");
        if (r >= 0)
                r = error < 0 ? add_failure(o, w, error) : json_add_bool(o, "changed", w->changed);
        if (r >= 0)
                r = add_state(o, w);
        if (r >= 0)
                (void) worker_send_loan(w->fd, TAKE_PTR(o), error >= 0 && w->operation == WORKER_LEASE ? &w->loan : NULL);
}
