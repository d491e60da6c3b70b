/* SPDX-License-Identifier: Apache-2.0 */

#include "hostd/worker.h"

#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include "vfio/address.h"

struct Worker {
        Manager *manager;
        Worker *next; /* of those left behind */
        char address[PCI_ADDRESS_SIZE];
        pid_t pid;
        int fd;
        VfioLoan loan;
        sd_event_source *io, *child;
        const WorkerOps *ops;
        void *userdata;
};

void worker_answer(Worker *w, bool go) {
        _cleanup_json_ json_object *o = json_object_new_object();

        /* One that is gone is noticed as a child. */
        if (o && json_add_bool(o, "go", go) >= 0)
                (void) worker_send(w->fd, TAKE_PTR(o));
}

int worker_take_loan(Worker *w, VfioLoan *ret) {
        if (w->loan.device < 0 || w->loan.iommu < 0)
                return -ENOENT;
        *ret = w->loan;
        w->loan = (VfioLoan){ -EBADF, -EBADF };
        return 0;
}

static int send_start(int fd, json_object *record, json_object *options) {
        _cleanup_json_ json_object *o = json_object_new_object();

        if (!o || json_add(o, "record", json_object_get(record)) < 0 || 
            json_add(o, "options", json_object_get(options)) < 0)
                return -ENOMEM;
        return worker_send(fd, TAKE_PTR(o));
}

/* One message; false when there is none now, or no more. */
static bool read_message(Worker *w) {
        _cleanup_json_ json_object *o = NULL;
        int r;

        vfio_loan_close(&w->loan);
        r = worker_receive_loan(w->fd, &o, &w->loan);
        if (r == 0 || r == -EBADMSG) {
                w->ops->message(w->userdata, o);
                return true;
        }
        if (r != -EAGAIN)
                w->io = sd_event_source_disable_unref(w->io);
        return false;
}

static int on_io(sd_event_source *s, int fd, uint32_t revents, void *userdata) {
        (void) read_message(userdata);
        return 0;
}

static int on_child(sd_event_source *s, const siginfo_t *how, void *userdata) {
        Worker *w = userdata;

        w->pid = 0;
        while (read_message(w))
                ;
        w->io = sd_event_source_disable_unref(w->io);
        w->ops->ended(w->userdata, how);
        return 0;
}

static int on_stuck_exit(sd_event_source *s, const siginfo_t *how, void *userdata) {
        Worker *w = userdata;
        Worker **p = &w->manager->stuck;

        while (*p != w)
                p = &(*p)->next;
        *p = w->next;
        w->pid = 0;
        (void) worker_free(w);
        return 0;
}

/* In the child: only the socket, as the descriptor agreed on, and no signal blocked. */
_Noreturn static void execute(const char *program, const char *operation, const char *address, int fd) {
        char *argv[] = { strdup(program), strdup(operation), strdup(address), NULL };
        sigset_t none;

        (void) sigemptyset(&none);
        if (fd == WORKER_FD ? fcntl(fd, F_SETFD, 0) < 0 : dup2(fd, WORKER_FD) < 0)
                _exit(127);
        (void) close_range(WORKER_FD + 1, ~0U, 0);
        (void) sigprocmask(SIG_SETMASK, &none, NULL);
        (void) execv(program, argv);
        _exit(127);
}

static int spawn(Worker *w, WorkerOperation operation, json_object *record, json_object *options) {
        _cleanup_close_ int other = -EBADF;
        int fds[2], r;

        if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, fds) < 0)
                return -errno;
        w->fd = fds[0];
        other = fds[1];
        if (fcntl(w->fd, F_SETFL, O_NONBLOCK) < 0)
                return -errno;
        r = send_start(w->fd, record, options);
        if (r < 0)
                return r;
        w->pid = fork();
        if (w->pid < 0) {
                w->pid = 0;
                return -errno;
        }
        if (w->pid == 0)
                execute(w->manager->worker, worker_operation_to_string(operation), w->address, other);
        return 0;
}

DEFINE_CLEANUP_FUNC(Worker *, worker_free)

int worker_start(Manager *m, WorkerOperation operation, const char *address, json_object *record, json_object *options,
                 const WorkerOps *ops, void *userdata, Worker **ret) {
        _cleanup_(worker_freep) Worker *w = calloc(1, sizeof(*w));
        int r;

        if (!w)
                return -ENOMEM;
        *w = (Worker){ .manager = m, .fd = -EBADF, .loan = { -EBADF, -EBADF }, .ops = ops, .userdata = userdata };
        (void) snprintf(w->address, sizeof(w->address), "%s", address);
        r = spawn(w, operation, record, options);
        if (r >= 0)
                r = sd_event_add_child(m->event, &w->child, w->pid, WEXITED, on_child, w);
        if (r >= 0)
                r = sd_event_add_io(m->event, &w->io, w->fd, EPOLLIN, on_io, w);
        if (r < 0)
                return r;
        *ret = TAKE_PTR(w);
        return 0;
}

void worker_kill(Worker *w) {
        if (w->pid > 0)
                (void) kill(w->pid, SIGKILL);
}

void worker_leave(Worker *w) {
        w->io = sd_event_source_disable_unref(w->io);
        w->child = sd_event_source_disable_unref(w->child);
        /* Without memory for this it is forgotten, and the kernel's own "busy" has to do. */
        if (sd_event_add_child(w->manager->event, &w->child, w->pid, WEXITED, on_stuck_exit, w) < 0) {
                (void) worker_free(w);
                return;
        }
        w->next = w->manager->stuck;
        w->manager->stuck = w;
}

pid_t worker_stuck(const Manager *m, const char *address) {
        for (const Worker *w = m->stuck; w; w = w->next)
                if (strcmp(w->address, address) == 0)
                        return w->pid;
        return 0;
}

Worker *worker_next_stuck(const Worker *w) {
        return w->next;
}

Worker *worker_free(Worker *w) {
        if (!w)
                return NULL;
        (void) sd_event_source_disable_unref(w->io);
        (void) sd_event_source_disable_unref(w->child);
        vfio_loan_close(&w->loan);
        closep(&w->fd);
        free(w);
        return NULL;
}
