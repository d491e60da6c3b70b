/* SPDX-License-Identifier: Apache-2.0 */

/* Child processes that answer, fail, hang, crash, end, babble and lie. */

#include "test.h"

#include <fcntl.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "attest/probe.h"
#include "basic/clock.h"
#include "basic/io.h"

#define SHORT_USEC (300 * USEC_PER_MSEC)
#define LONG_USEC  (60 * USEC_PER_SEC)

/* What children and parent share. */
typedef struct Shared {
        atomic_uint attempts, arrived, wanted;
} Shared;

static Shared *shared;

static int answer(int pipe, const void *argument, Fault *f) {
        record_send_text(pipe, RECORD_CALL, "first call");
        record_send_text(pipe, RECORD_CHAIN, "the answer");
        return 0;
}

static int refuse(int pipe, const void *argument, Fault *f) {
        const int *error = argument;

        atomic_fetch_add(&shared->attempts, 1);
        record_send_text(pipe, RECORD_CALL, "first call");
        return fault_set(f, *error, "first call", "success", "a refusal");
}

static int refuse_once(int pipe, const void *argument, Fault *f) {
        if (atomic_fetch_add(&shared->attempts, 1) == 0)
                return fault_set(f, EIO, "call", "success", "not yet");
        return answer(pipe, argument, f);
}

static int hang(int pipe, const void *argument, Fault *f) {
        record_send_text(pipe, RECORD_CALL, "GPU 3: the call that hangs");
        while (pause() < 0)
                ;
        return 0;
}

static int hang_before_any_call(int pipe, const void *argument, Fault *f) {
        while (pause() < 0)
                ;
        return 0;
}

/* A byte now and then, as long as somebody listens: the time is over all the same. */
static int drip(int pipe, const void *argument, Fault *f) {
        static const struct timespec pause = { .tv_nsec = 5000000 };

        while (nanosleep(&pause, NULL) == 0)
                record_send(pipe, RECORD_CHAIN, NULL, 0);
        return 0;
}

static int crash(int pipe, const void *argument, Fault *f) {
        record_send_text(pipe, RECORD_CALL, "GPU 1: the call that crashes");
        (void) signal(SIGSEGV, SIG_DFL); /* the sanitizers would catch it */
        (void) raise(SIGSEGV);
        return 0;
}

static int end(int pipe, const void *argument, Fault *f) {
        record_send_text(pipe, RECORD_CALL, "the call that ends");
        _exit(7);
}

static int babble(int pipe, const void *argument, Fault *f) {
        static const uint8_t zeros[4096] = {};

        while (pipe >= 0)
                record_send(pipe, RECORD_CHAIN, zeros, sizeof(zeros));
        return 0;
}

/* A record without end: it announces more than can come. */
static int announce(int pipe, const void *argument, Fault *f) {
        static const uint8_t header[] = { RECORD_CHAIN, 0xff, 0xff, 0xff, 0xff }, zeros[4096] = {};

        (void) write_all(pipe, header, sizeof(header));
        while (write_all(pipe, zeros, sizeof(zeros)) >= 0)
                ;
        return 0;
}

static int lie(int pipe, const void *argument, Fault *f) {
        record_send(pipe, (RecordTag) 200, NULL, 0);
        return hang(pipe, argument, f);
}

static int fail_without_words(int pipe, const void *argument, Fault *f) {
        record_send(pipe, RECORD_FAULT, "x", 1);
        return hang(pipe, argument, f);
}

/* Ends only when all others are there as well. */
static int meet(int pipe, const void *argument, Fault *f) {
        static const struct timespec pause = { .tv_nsec = 1000000 };

        atomic_fetch_add(&shared->arrived, 1);
        while (atomic_load(&shared->arrived) < atomic_load(&shared->wanted))
                (void) nanosleep(&pause, NULL);
        return answer(pipe, argument, f);
}

static int print(int pipe, const void *argument, Fault *f) {
        (void) write_all(STDOUT_FILENO, "# a child prints\n", 17);
        return answer(pipe, argument, f);
}

/* Which descriptors are open: none but the standard ones and the pipe. */
static int count_descriptors(int pipe, const void *argument, Fault *f) {
        for (int fd = 3; fd < 1024; fd++)
                if (fd != pipe && fcntl(fd, F_GETFD) >= 0)
                        return fault_set(f, EIO, "descriptors", "none of the parent's", "%d", fd);
        return answer(pipe, argument, f);
}

static int run_one(int (*work)(int, const void *, Fault *), const void *argument, ProbeLimits limits, Probe *p) {
        *p = (Probe){ .name = "GPU 9", .work = work, .argument = argument };
        atomic_store(&shared->attempts, 0);
        return probe_run(p, 1, &limits);
}

static void check_fault(Probe *p, const char *what, const char *expected, const char *found) {
        CHECK_STR(p->fault.what, what);
        CHECK_STR(p->fault.expected, expected);
        CHECK_STR(p->fault.found, found);
        probe_done(p);
}

static void test_answers(void) {
        Record record;
        Cursor c;
        Probe p;

        CHECK_EQ(run_one(answer, NULL, (ProbeLimits){ .timeout_usec = LONG_USEC }, &p), 0);
        c = cursor_of(p.answer, p.size);
        CHECK_EQ(record_next(&c, &record), 1);
        CHECK_EQ(record.tag, RECORD_CALL);
        CHECK_EQ(record_next(&c, &record), 1);
        CHECK_EQ(record.tag, RECORD_CHAIN);
        CHECK(cursor_left(&record.body) == 10 && memcmp(record.body.data, "the answer", 10) == 0);
        CHECK_EQ(record_next(&c, &record), 1);
        CHECK_EQ(record.tag, RECORD_END);
        CHECK_EQ(record_next(&c, &record), 0);
        probe_done(&p);
        CHECK_EQ(probe_run(NULL, 0, &(ProbeLimits){}), 0);
}

static void test_refusals(void) {
        static const int again[] = { EIO, EBADMSG, ENODEV, ESTALE }, final[] = { EPERM, EOPNOTSUPP, ELIBACC, ENOMEM };
        const ProbeLimits limits = { .timeout_usec = LONG_USEC, .retries = 2 };
        Probe p;

        for (size_t i = 0; i < ELEMENTSOF(again); i++) {
                CHECK_EQ(run_one(refuse, &again[i], limits, &p), -again[i]);
                CHECK_EQ(atomic_load(&shared->attempts), 3);
                check_fault(&p, "first call", "success", "a refusal, in attempt 3 as well");
        }
        for (size_t i = 0; i < ELEMENTSOF(final); i++) {
                CHECK_EQ(run_one(refuse, &final[i], limits, &p), -final[i]);
                CHECK_EQ(atomic_load(&shared->attempts), 1);
                check_fault(&p, "first call", "success", "a refusal");
        }
}

static void test_second_attempt(void) {
        Probe p;

        CHECK_EQ(run_one(refuse_once, NULL, (ProbeLimits){ .timeout_usec = LONG_USEC, .retries = 1 }, &p), 0);
        CHECK_EQ(atomic_load(&shared->attempts), 2);
        CHECK(p.size > 0);
        probe_done(&p);
        CHECK_EQ(run_one(refuse_once, NULL, (ProbeLimits){ .timeout_usec = LONG_USEC }, &p), -EIO);
        check_fault(&p, "call", "success", "not yet");
}

static void test_hangs(void) {
        Probe p;

        CHECK_EQ(run_one(hang, NULL, (ProbeLimits){ .timeout_usec = SHORT_USEC }, &p), -ETIMEDOUT);
        check_fault(&p, "GPU 3: the call that hangs", "an answer within 0.300 s", "none");
        CHECK_EQ(run_one(hang, NULL, (ProbeLimits){ .timeout_usec = SHORT_USEC, .retries = 1 }, &p), -ETIMEDOUT);
        check_fault(&p, "GPU 3: the call that hangs", "an answer within 0.300 s", "none, in attempt 2 as well");
        CHECK_EQ(run_one(hang_before_any_call, NULL, (ProbeLimits){ .timeout_usec = SHORT_USEC }, &p), -ETIMEDOUT);
        check_fault(&p, "GPU 9", "an answer within 0.300 s", "none");
        CHECK_EQ(run_one(drip, NULL, (ProbeLimits){ .timeout_usec = SHORT_USEC }, &p), -ETIMEDOUT);
        check_fault(&p, "GPU 9", "an answer within 0.300 s", "none");
}

/* The deadline ends the attempt and all that might follow. */
static void test_deadline(void) {
        Probe p;

        CHECK_EQ(run_one(hang, NULL, (ProbeLimits){ .timeout_usec = LONG_USEC, .retries = 100,
                                                    .deadline_usec = monotonic_usec() + SHORT_USEC }, &p), -ETIMEDOUT);
        CHECK(strstr(p.fault.expected, "the rest of the time for everything"));
        probe_done(&p);
        CHECK_EQ(run_one(hang, NULL, (ProbeLimits){ .deadline_usec = 1, .retries = 100 }, &p), -ETIMEDOUT);
        probe_done(&p);
}

static void test_deaths(void) {
        Probe p;

        CHECK_EQ(run_one(crash, NULL, (ProbeLimits){ .timeout_usec = LONG_USEC }, &p), -ECHILD);
        check_fault(&p, "GPU 1: the call that crashes", "an answer", "that the library crashed: Segmentation fault");
        CHECK_EQ(run_one(end, NULL, (ProbeLimits){ .timeout_usec = LONG_USEC }, &p), -ECHILD);
        check_fault(&p, "the call that ends", "an answer", "that the library ended its process, status 7");
}

static void test_garbage(void) {
        static int (*const works[])(int, const void *, Fault *) = { babble, announce, lie, fail_without_words };
        Probe p;

        for (size_t i = 0; i < ELEMENTSOF(works); i++) {
                CHECK_EQ(run_one(works[i], NULL, (ProbeLimits){ .timeout_usec = LONG_USEC }, &p), -EBADMSG);
                CHECK(p.size <= PROBE_ANSWER_MAX);
                CHECK_STR(p.fault.expected, "an answer in records, at most 128 KiB");
                probe_done(&p);
        }
}

/* All of them at once: none ends before the last has begun. */
static void test_side_by_side(void) {
        Probe probes[12];

        atomic_store(&shared->arrived, 0);
        atomic_store(&shared->wanted, ELEMENTSOF(probes));
        for (size_t i = 0; i < ELEMENTSOF(probes); i++)
                probes[i] = (Probe){ .name = "GPU", .work = meet };
        CHECK_EQ(probe_run(probes, ELEMENTSOF(probes), &(ProbeLimits){ .timeout_usec = LONG_USEC }), 0);
        for (size_t i = 0; i < ELEMENTSOF(probes); i++)
                probe_done(&probes[i]);
}

/* The sick ones fail, each with a reason of its own, and the others do not notice. */
static void test_sick_among_healthy(void) {
        Probe probes[] = {
                { .name = "GPU 0", .work = answer }, { .name = "GPU 1", .work = crash }, { .name = "GPU 2", .work = answer },
                { .name = "GPU 3", .work = hang },   { .name = "GPU 4", .work = babble }, { .name = "GPU 5", .work = answer },
        };
        static const int wanted[] = { 0, -ECHILD, 0, -ETIMEDOUT, -EBADMSG, 0 };

        CHECK_EQ(probe_run(probes, ELEMENTSOF(probes), &(ProbeLimits){ .timeout_usec = 10 * SHORT_USEC }), -ECHILD);
        for (size_t i = 0; i < ELEMENTSOF(probes); i++) {
                CHECK_EQ(probes[i].error, wanted[i]);
                probe_done(&probes[i]);
        }
        CHECK_EQ(waitpid(-1, NULL, WNOHANG), -1);
        CHECK_EQ(errno, ECHILD);
}

static void test_isolation(void) {
        int extra = open("/dev/null", O_RDONLY);
        Probe p;

        CHECK(extra >= 0);
        CHECK_EQ(run_one(count_descriptors, NULL, (ProbeLimits){ .timeout_usec = LONG_USEC }, &p), 0);
        probe_done(&p);
        (void) close(extra);
}

/* Into a file in place of standard output: nothing of the child's is in it. */
static void test_standard_output(void) {
        char path[] = "/tmp/cocoon-probe-XXXXXX";
        int file = mkstemp(path), saved = dup(STDOUT_FILENO);
        Probe p;
        int r;

        (void) fflush(stdout);
        CHECK(file >= 0 && saved >= 0 && dup2(file, STDOUT_FILENO) >= 0);
        r = run_one(print, NULL, (ProbeLimits){ .timeout_usec = LONG_USEC }, &p);
        (void) dup2(saved, STDOUT_FILENO);
        CHECK_EQ(r, 0);
        CHECK_EQ(lseek(file, 0, SEEK_END), 0);
        probe_done(&p);
        (void) unlink(path);
        (void) close(file);
        (void) close(saved);
}

static const Test tests[] = {
        { "what a child sends arrives as it was sent",           test_answers            },
        { "what may pass is tried again, and what cannot is not", test_refusals          },
        { "a second attempt can succeed",                        test_second_attempt     },
        { "a hang ends, and is blamed on its call",              test_hangs              },
        { "the deadline ends everything",                        test_deadline           },
        { "a crash and an exit are blamed on their call",        test_deaths             },
        { "answers without end or sense are cut off",            test_garbage            },
        { "children run side by side",                           test_side_by_side       },
        { "one sick device leaves the others alone",             test_sick_among_healthy },
        { "a child has nothing of its parent's",                 test_isolation          },
        { "a library that prints does not reach the output",     test_standard_output    },
};

int main(void) {
        shared = mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
        if (shared == MAP_FAILED)
                return 1;
        return test_run_all(tests, ELEMENTSOF(tests));
}
