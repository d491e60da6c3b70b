/* SPDX-License-Identifier: Apache-2.0 */

#include "attest/probe.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/prctl.h>
#include <sys/wait.h>

#include "basic/clock.h"

#define READ_SIZE 16384U

/* Before the second attempt, doubled with each: a device that was busy needs a moment. */
#define PAUSE_USEC (50 * USEC_PER_MSEC)

/* How long a child that was killed is waited for. */
#define REAP_MSEC 200

/* The pipe's place in the child; all descriptors above are closed there. */
#define CHILD_PIPE 3

typedef enum RunState {
        RUN_WAITING, /* for `until`, to be started */
        RUN_RUNNING, /* at most to `until` */
        RUN_DONE,
} RunState;

typedef struct Run {
        Probe *probe;
        RunState state;
        uint64_t until, started;
        unsigned attempts;
        pid_t pid;
        int fd;
        size_t scanned; /* how much of the answer has been looked at */
        char call[sizeof(((Fault *) NULL)->what)];
} Run;

void probe_done(Probe *p) {
        free(p->answer);
        *p = (Probe){};
}

/* No way back from here: neither exit handlers nor buffers of the parent's may run in the child. */
static _Noreturn void child_main(const Probe *p, int pipe, pid_t parent) {
        Fault f = {};
        int r;

        (void) prctl(PR_SET_PDEATHSIG, SIGKILL);
        if (getppid() != parent)
                _exit(EXIT_FAILURE);
        /* Standard output may be where the evidence goes; a library that prints must not get into it. */
        if (dup2(pipe, CHILD_PIPE) < 0 || fcntl(CHILD_PIPE, F_SETFD, FD_CLOEXEC) < 0 ||
            close_range(CHILD_PIPE + 1, ~0U, 0) < 0)
                _exit(EXIT_FAILURE);
        (void) dup2(STDERR_FILENO, STDOUT_FILENO);
        r = p->work(CHILD_PIPE, p->argument, &f);
        if (r < 0)
                record_send_fault(CHILD_PIPE, r, &f);
        record_send(CHILD_PIPE, RECORD_END, NULL, 0);
        _exit(EXIT_SUCCESS);
}

static uint64_t limit_of(const ProbeLimits *limits, uint64_t now) {
        uint64_t timeout = limits->timeout_usec ?: PROBE_TIMEOUT_USEC;
        uint64_t until = timeout > UINT64_MAX - now ? UINT64_MAX : now + timeout;

        return limits->deadline_usec > 0 && limits->deadline_usec < until ? limits->deadline_usec : until;
}

static void fail(Run *r, int error) {
        r->probe->error = -abs(error);
        r->state = RUN_DONE;
}

static void start(Run *r, const ProbeLimits *limits) {
        const pid_t parent = getpid();
        int fds[2];

        r->attempts++;
        r->probe->size = r->scanned = 0;
        (void) snprintf(r->call, sizeof(r->call), "%s", r->probe->name);
        if (pipe2(fds, O_CLOEXEC) < 0) {
                fail(r, fault_set(&r->probe->fault, errno, r->call, "a pipe", "%s", strerror(errno)));
                return;
        }
        r->pid = fork();
        if (r->pid == 0)
                child_main(r->probe, fds[1], parent);
        (void) close(fds[1]);
        if (r->pid < 0) {
                fail(r, fault_set(&r->probe->fault, errno, r->call, "a child process", "%s", strerror(errno)));
                (void) close(fds[0]);
                return;
        }
        r->fd = fds[0];
        r->state = RUN_RUNNING;
        r->started = monotonic_usec();
        r->until = limit_of(limits, r->started);
}

static void wait_for_end(pid_t pid) {
        struct pollfd p = { .fd = pidfd_open(pid, 0), .events = POLLIN };

        if (p.fd < 0)
                return;
        (void) poll(&p, 1, REAP_MSEC);
        (void) close(p.fd);
}

/* Ends the child and takes its status, 0 when there is none to be had: a process in the midst of a system call that
 * does not return cannot be killed, and nobody must wait for it. */
static int reap(Run *r) {
        int status = 0;

        (void) close(r->fd);
        (void) kill(r->pid, SIGKILL);
        wait_for_end(r->pid);
        return waitpid(r->pid, &status, WNOHANG) == r->pid ? status : 0;
}

static bool is_final(int error) {
        return error == -ELIBACC || error == -EPERM || error == -EOPNOTSUPP || error == -ENOMEM;
}

/* The attempt has failed, as the probe's fault says. */
static void give_up(Run *r, int error, const ProbeLimits *limits) {
        uint64_t now = monotonic_usec(), pause = PAUSE_USEC << (r->attempts < 8 ? r->attempts - 1 : 7);
        Fault *f = &r->probe->fault;
        size_t n = strlen(f->found);

        if (!is_final(error) && r->attempts <= limits->retries &&
            (limits->deadline_usec == 0 || now + pause < limits->deadline_usec)) {
                r->state = RUN_WAITING;
                r->until = now + pause;
                return;
        }
        if (r->attempts > 1)
                (void) snprintf(f->found + n, sizeof(f->found) - n, ", in attempt %u as well", r->attempts);
        fail(r, error);
}

static void give_up_silent(Run *r, const ProbeLimits *limits) {
        uint64_t span = r->until - r->started;
        char expected[96];

        (void) reap(r);
        (void) snprintf(expected, sizeof(expected), "an answer within %llu.%03llu s%s", (unsigned long long) (span / USEC_PER_SEC),
                        (unsigned long long) (span % USEC_PER_SEC / USEC_PER_MSEC),
                        r->until == limits->deadline_usec ? ", the rest of the time for everything" : "");
        give_up(r, fault_set(&r->probe->fault, ETIMEDOUT, r->call, expected, "none"), limits);
}

/* The pipe is closed, and the end was not said. */
static void give_up_dead(Run *r, const ProbeLimits *limits) {
        Fault *f = &r->probe->fault;
        int status;

        wait_for_end(r->pid); /* it has a status of its own, which being killed must not replace */
        status = reap(r);
        if (WIFSIGNALED(status))
                (void) fault_set(f, ECHILD, r->call, "an answer", "that the library crashed: %s", strsignal(WTERMSIG(status)));
        else
                (void) fault_set(f, ECHILD, r->call, "an answer", "that the library ended its process, status %d",
                                 WEXITSTATUS(status));
        give_up(r, -ECHILD, limits);
}

static void give_up_garbled(Run *r, const char *found, const ProbeLimits *limits) {
        (void) reap(r);
        give_up(r, fault_set(&r->probe->fault, EBADMSG, r->call, "an answer in records, at most 128 KiB", "%s", found), limits);
}

static void note_call(Run *r, Cursor body) {
        const uint8_t *text = NULL;
        size_t size = cursor_left(&body);

        (void) cursor_bytes(&body, size, &text);
        (void) snprintf(r->call, sizeof(r->call), "%.*s", size < sizeof(r->call) ? (int) size : 0, (const char *) text);
}

/* Looks at the records that are whole by now. */
static void scan(Run *r, const ProbeLimits *limits) {
        Cursor c = { .data = r->probe->answer, .size = r->probe->size, .offset = r->scanned };
        Record record;
        int k, error;

        while ((k = record_next(&c, &record)) > 0) {
                if (record.tag == RECORD_CALL)
                        note_call(r, record.body);
                else if (record.tag == RECORD_END) {
                        (void) reap(r);
                        r->state = RUN_DONE;
                        return;
                } else if (record.tag == RECORD_FAULT) {
                        if (record_take_fault(record.body, &error, &r->probe->fault) < 0)
                                give_up_garbled(r, "a failure that says nothing", limits);
                        else {
                                (void) reap(r);
                                give_up(r, -error, limits);
                        }
                        return;
                }
        }
        r->scanned = c.offset;
        if (k < 0)
                give_up_garbled(r, "something else", limits);
}

static void receive(Run *r, const ProbeLimits *limits) {
        Probe *p = r->probe;
        uint8_t *grown;
        ssize_t n;

        if (p->size == PROBE_ANSWER_MAX) {
                give_up_garbled(r, "more", limits);
                return;
        }
        grown = realloc(p->answer, p->size + READ_SIZE);
        if (!grown) {
                (void) reap(r);
                fail(r, fault_set(&p->fault, ENOMEM, r->call, "memory for the answer", "none"));
                return;
        }
        p->answer = grown;
        n = read(r->fd, grown + p->size, p->size + READ_SIZE > PROBE_ANSWER_MAX ? PROBE_ANSWER_MAX - p->size : READ_SIZE);
        if (n < 0 && errno == EINTR)
                return;
        if (n <= 0) {
                give_up_dead(r, limits);
                return;
        }
        p->size += (size_t) n;
        scan(r, limits);
}

/* What every one waits for, at once. False when none waits any more. */
static bool wait_for_all(const Run *runs, size_t n, struct pollfd *fds) {
        uint64_t until = UINT64_MAX, now;
        bool any = false;
        int timeout = -1;

        for (size_t i = 0; i < n; i++) {
                fds[i] = (struct pollfd){ .fd = runs[i].state == RUN_RUNNING ? runs[i].fd : -1, .events = POLLIN };
                if (runs[i].state == RUN_DONE)
                        continue;
                any = true;
                if (runs[i].until < until)
                        until = runs[i].until;
        }
        if (!any)
                return false;
        now = monotonic_usec();
        if (until != UINT64_MAX) {
                uint64_t msec = until <= now ? 0 : (until - now + USEC_PER_MSEC - 1) / USEC_PER_MSEC;

                timeout = msec > INT32_MAX ? INT32_MAX : (int) msec;
        }
        if (poll(fds, n, timeout) < 0)
                memset(fds, 0, n * sizeof(*fds)); /* a signal: look at the time and wait again */
        return true;
}

static void step(Run *r, const struct pollfd *p, const ProbeLimits *limits) {
        if (r->state == RUN_RUNNING && p->revents)
                receive(r, limits);
        if (r->state == RUN_RUNNING && monotonic_usec() >= r->until)
                give_up_silent(r, limits);
        else if (r->state == RUN_WAITING && monotonic_usec() >= r->until)
                start(r, limits);
}

int probe_run(Probe *probes, size_t n, const ProbeLimits *limits) {
        _cleanup_free_ struct pollfd *fds = calloc(n ?: 1, sizeof(*fds));
        _cleanup_free_ Run *runs = calloc(n ?: 1, sizeof(*runs));

        if (!fds || !runs)
                return n > 0 ? fault_set(&probes[0].fault, ENOMEM, probes[0].name, "memory", "none left") : -ENOMEM;
        for (size_t i = 0; i < n; i++)
                runs[i] = (Run){ .probe = &probes[i], .fd = -EBADF };
        while (wait_for_all(runs, n, fds))
                for (size_t i = 0; i < n; i++)
                        step(&runs[i], &fds[i], limits);
        for (size_t i = 0; i < n; i++)
                if (probes[i].error < 0)
                        return probes[i].error;
        return 0;
}
