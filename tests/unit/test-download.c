/* SPDX-License-Identifier: Apache-2.0 */

#include <fcntl.h>
#include <inttypes.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>

#include "basic/io.h"
#include "hubserver.h"
#include "model/download.h"
#include "test.h"

#define GAP      1000U /* bytes between files, which nobody may write */
#define GAP_BYTE 0xee

#define ARGUMENTS(...) ((const char *const[]){ __VA_ARGS__ __VA_OPT__(,) NULL })

/* One server and one image. */
typedef struct Scene {
        HubServer server;
        Hub *hub;
        Fault fault;
        HubListing listing;
        uint64_t *offsets;
        uint64_t size, total; /* of the image, and of the files in it */
        int image_fd;
        char *journal;
} Scene;

static double seconds(void) {
        struct timespec t;

        (void) clock_gettime(CLOCK_MONOTONIC, &t);
        return (double) t.tv_sec + (double) t.tv_nsec / 1e9;
}

static void new_image(Scene *s) {
        _cleanup_free_ char *path = hub_test_path("image");
        uint8_t gap[4096];

        memset(gap, GAP_BYTE, sizeof(gap));
        closep(&s->image_fd);
        s->image_fd = open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
        CHECK(s->image_fd >= 0);
        for (uint64_t at = 0; at < s->size; at += sizeof(gap))
                CHECK_EQ(pwrite_all(s->image_fd, gap, s->size - at < sizeof(gap) ? s->size - at : sizeof(gap), at), 0);
        (void) unlink(s->journal);
}

/* The server anew, with other arguments; the image stays. */
static void scene_serve(Scene *s, bool token, const char *const *arguments) {
        s->hub = hub_free(s->hub);
        hub_server_stop(&s->server);
        hub_server_start(&s->server, arguments);
        s->hub = hub_server_connect(&s->server, token);
        hub_listing_done(&s->listing);
        CHECK_EQ(hub_list(s->hub, HUB_TEST_NAME, HUB_TEST_COMMIT, &s->listing, &s->fault), 0);
        CHECK_EQ(s->listing.n_files, hub_test_n_files);
}

static void scene_open(Scene *s, bool token, const char *const *arguments) {
        *s = (Scene){ .image_fd = -EBADF, .server.input = -EBADF, .journal = hub_test_path("journal") };
        scene_serve(s, token, arguments);
        s->offsets = calloc(s->listing.n_files + 1, sizeof(*s->offsets));
        s->size = GAP;
        /* Backwards, so that the order of the image is not that of the listing. */
        for (size_t i = s->listing.n_files; i-- > 0;) {
                s->offsets[i] = s->size;
                s->size += s->listing.files[i].size + GAP;
                s->total += s->listing.files[i].size;
        }
        new_image(s);
}

static void scene_close(Scene *s) {
        hub_listing_done(&s->listing);
        s->hub = hub_free(s->hub);
        hub_server_stop(&s->server);
        closep(&s->image_fd);
        free(s->offsets);
        free(s->journal);
}

static Download *start(Scene *s, unsigned connections) {
        Download *d = NULL;

        s->fault = (Fault){};
        CHECK_EQ(download_new(s->hub, HUB_TEST_NAME, HUB_TEST_COMMIT, &s->listing, s->offsets, s->image_fd, s->journal,
                              connections, &d, &s->fault), 0);
        CHECK_EQ(download_start(d), 0);
        return d;
}

static int run(Scene *s, unsigned connections) {
        _cleanup_(download_freep) Download *d = start(s, connections);
        int r;

        r = download_finish(d, &s->fault);
        if (r >= 0)
                CHECK_EQ(download_received(d), s->total);
        return r;
}

/* Whether file and gaps are what they should be; with `partly`, a byte of a file may also not be there yet. */
static void check_image(Scene *s, bool partly) {
        _cleanup_free_ uint8_t *wanted = malloc(s->size), *found = malloc(s->size);

        memset(wanted, GAP_BYTE, s->size);
        for (size_t i = 0; i < s->listing.n_files; i++)
                hub_test_content(i, wanted + s->offsets[i]);
        CHECK_EQ(lseek(s->image_fd, 0, SEEK_END), s->size);
        CHECK_EQ(pread_all(s->image_fd, found, s->size, 0), 0);
        for (uint64_t i = 0; i < s->size; i++)
                if (found[i] != wanted[i] && (!partly || found[i] != GAP_BYTE)) {
                        test_failures++;
                        (void) printf("# byte %" PRIu64 " is another\n", i);
                        return;
                }
}

static size_t journal_pieces(const Scene *s) {
        _cleanup_fclose_ FILE *file = fopen(s->journal, "re");
        char line[256];
        size_t n = 0;

        while (file && fgets(line, sizeof(line), file))
                n += strncmp(line, "piece ", 6) == 0;
        return n;
}

static uint64_t count_pieces(const Scene *s) {
        uint64_t n = 0;

        for (size_t i = 0; i < s->listing.n_files; i++)
                n += (s->listing.files[i].size + HUB_TEST_PIECE - 1) / HUB_TEST_PIECE;
        return n;
}

static void test_whole(void) {
        static const unsigned connections[] = { 1, 2, 16 };

        for (size_t i = 0; i < ELEMENTSOF(connections); i++) {
                Scene s;

                scene_open(&s, true, NULL);
                CHECK_EQ(run(&s, connections[i]), 0);
                check_image(&s, false);
                CHECK_EQ(journal_pieces(&s), count_pieces(&s));
                hub_server_stop(&s.server);
                CHECK_EQ(hub_server_bytes(), s.total);
                CHECK(hub_server_requests("hub ", " token ") > 0 && hub_server_requests("storage ", NULL) > 0);
                CHECK_EQ(hub_server_requests("storage ", " token "), 0);
                CHECK_EQ(hub_server_requests("hub ", " - bytes"), 0); /* without the token */
                /* A signed place serves more than one piece. */
                if (connections[i] == 1)
                        CHECK_EQ(hub_server_requests("/model-1.safetensors 302", NULL), 1);
                scene_close(&s);
        }
}

/* What a download comes to; what may be cured is. */
static const struct {
        const char *fault;
        bool token;
        int wanted;
        const char *text; /* in the fault */
} misbehaviours[] = {
        { "short=5",                    true,  0,         NULL },
        { "reset=5",                    true,  0,         NULL },
        { "less",                       true,  0,         NULL },
        { "nothing=3@model-1",          true,  0,         NULL },
        { "long",                       true,  0,         NULL },
        { "stall=1",                    true,  0,         NULL },
        { "range-ignored",              true,  0,         NULL },
        { "file-429=1",                 true,  0,         NULL },
        { "file-503=3",                 true,  0,         NULL },
        { "file-500=2@model",           true,  0,         NULL },
        { "expired=2",                  true,  0,         NULL },
        { "file-redirect",              true,  0,         NULL },
        { "gated",                      true,  0,         NULL },
        { "gated",                      false, -EACCES,   "gated: ask for access" },
        { "file-404@model-2",           true,  -ENOENT,   "model-2.safetensors: no such file" },
        { "file-429",                   true,  -EBUSY,    "rate limited" },
        { "file-503",                   true,  -EIO,      "503 (the server's error)" },
        { "expired",                    true,  -EIO,      "403 from where the hub redirects to" },
        { "short@model-1",              true,  -EIO,      "model-1.safetensors" },
        { "nothing@sub/a",              true,  -EIO,      "sub/a: fewer" },
        { "file-loop",                  true,  -EBADMSG,  "more than 10" },
        { "file-scheme",                true,  -EBADMSG,  "redirect" },
        { "file-nowhere@README",        true,  -EBADMSG,  NULL },
        { "range-other",                true,  -EBADMSG,  "another" },
        { "range-size",                 true,  -EBADMSG,  "the size that is listed" },
        { "wrong-size@README",          true,  -EBADMSG,  "the size that is listed" },
        { "wrong-hash@README",          true,  -EBADMSG,  "README.md: another" },
        { "wrong-hash@empty",           true,  -EBADMSG,  "empty: another" },
        { "wrong-hash@model-1",         true,  -EBADMSG,  "the SHA-256 that is listed" },
        { "flip=1@model-1",             true,  -EBADMSG,  "model-1.safetensors: another" },
};

static void check_misbehaviour(size_t i) {
        Scene s;

        scene_open(&s, misbehaviours[i].token, ARGUMENTS("--fault", misbehaviours[i].fault, "--lfs", "65536"));
        CHECK_EQ(run(&s, 4), misbehaviours[i].wanted);
        if (misbehaviours[i].text)
                CHECK(strstr(s.fault.found, misbehaviours[i].text) || strstr(s.fault.expected, misbehaviours[i].text));
        if (misbehaviours[i].wanted == 0)
                check_image(&s, false);
        else if (!strstr(misbehaviours[i].fault, "flip") && !strstr(misbehaviours[i].fault, "wrong"))
                check_image(&s, true);
        hub_server_stop(&s.server);
        CHECK_EQ(hub_server_requests("storage ", " token "), 0);
        scene_close(&s);
}

static void test_misbehaviours(void) {
        for (size_t i = 0; i < ELEMENTSOF(misbehaviours); i++) {
                unsigned before = test_failures;

                check_misbehaviour(i);
                if (test_failures > before)
                        (void) printf("# with %s\n", misbehaviours[i].fault);
        }
}

/* The server sends whole files whatever it is asked for; that must not cost a file for each of its pieces. */
static void test_ranges_ignored(void) {
        Scene s;

        scene_open(&s, true, ARGUMENTS("--fault", "range-ignored"));
        CHECK_EQ(run(&s, 1), 0);
        check_image(&s, false);
        hub_server_stop(&s.server);
        CHECK_EQ(hub_server_bytes(), s.total);
        scene_close(&s);
}

/* A file that was wrong is fetched anew by the next try, and nothing else is. */
static void test_wrong_once(void) {
        Scene s;

        scene_open(&s, true, ARGUMENTS("--fault", "flip=1@model-2"));
        CHECK_EQ(run(&s, 1), -EBADMSG);
        CHECK(strstr(s.fault.found, "model-2.safetensors"));
        scene_serve(&s, true, NULL);
        CHECK_EQ(run(&s, 4), 0);
        check_image(&s, false);
        hub_server_stop(&s.server);
        CHECK(hub_server_bytes() < s.total);
        CHECK(hub_server_requests("model-2", " 206 ") > 0);
        scene_close(&s);
}

/* What an earlier run has left may have been spoiled meanwhile. */
static void test_stale(void) {
        Scene s;

        scene_open(&s, true, NULL);
        CHECK_EQ(run(&s, 4), 0);
        CHECK_EQ(pwrite_all(s.image_fd, "spoiled", 7, s.offsets[5] + 100000), 0);
        CHECK_EQ(run(&s, 4), -ESTALE);
        CHECK(strstr(s.fault.found, "model-1.safetensors") && strstr(s.fault.found, "an earlier run"));
        CHECK_EQ(run(&s, 4), 0);
        check_image(&s, false);
        hub_server_stop(&s.server);
        CHECK_EQ(hub_server_bytes(), s.total + hub_test_files[5].size);
        scene_close(&s);
}

static void test_nothing_to_do(void) {
        Scene s;

        scene_open(&s, true, NULL);
        CHECK_EQ(run(&s, 4), 0);
        scene_serve(&s, true, ARGUMENTS("--fault", "file-404"));
        CHECK_EQ(run(&s, 4), 0);
        hub_server_stop(&s.server);
        CHECK_EQ(hub_server_requests("/resolve/", NULL), 0);
        scene_close(&s);
}

/* The journal of another listing says nothing about this one. */
static void test_other_listing(void) {
        Scene s;

        scene_open(&s, true, NULL);
        CHECK_EQ(run(&s, 4), 0);
        s.offsets[0] += GAP / 2;
        CHECK_EQ(run(&s, 4), 0);
        hub_server_stop(&s.server);
        CHECK_EQ(hub_server_bytes(), 2 * s.total);
        scene_close(&s);
}

static void test_waiting(void) {
        _cleanup_free_ uint8_t *wanted = malloc(hub_test_files[5].size), *found = malloc(hub_test_files[5].size);
        const size_t size = hub_test_files[5].size;
        Download *d;
        Scene s;

        scene_open(&s, true, ARGUMENTS("--fault", "slow=6"));
        d = start(&s, 3);
        hub_test_content(5, wanted);
        for (uint64_t end = 100000; end <= size; end += 100000) {
                CHECK_EQ(download_wait(d, 5, end), 0);
                CHECK_EQ(pread_all(s.image_fd, found, end, s.offsets[5]), 0);
                CHECK_EQ(memcmp(found, wanted, end), 0);
                CHECK(download_received(d) >= end);
        }
        CHECK_EQ(download_wait(d, 5, size), 0);
        CHECK_EQ(download_wait(d, 4, 0), 0);
        CHECK_EQ(download_finish(d, &s.fault), 0);
        download_free(d);
        scene_close(&s);
}

typedef struct Waiter {
        Download *download;
        int result;
} Waiter;

static void *wait_for_end(void *userdata) {
        Waiter *w = userdata;

        w->result = download_wait(w->download, 0, hub_test_files[0].size);
        return NULL;
}

static void test_cancel(void) {
        const struct timespec pause = { .tv_nsec = 300000000 };
        Waiter waiters[4];
        pthread_t threads[4];
        double begin;
        Scene s;

        scene_open(&s, true, ARGUMENTS("--fault", "stall"));
        hub_http(s.hub)->limits.stall_sec = 100;
        waiters[0].download = start(&s, 4);
        for (size_t i = 0; i < ELEMENTSOF(waiters); i++) {
                waiters[i].download = waiters[0].download;
                CHECK_EQ(pthread_create(&threads[i], NULL, wait_for_end, &waiters[i]), 0);
        }
        (void) nanosleep(&pause, NULL);
        begin = seconds();
        download_cancel(waiters[0].download, -ECANCELED);
        for (size_t i = 0; i < ELEMENTSOF(waiters); i++) {
                CHECK_EQ(pthread_join(threads[i], NULL), 0);
                CHECK_EQ(waiters[i].result, -ECANCELED);
        }
        CHECK_EQ(download_finish(waiters[0].download, &s.fault), -ECANCELED);
        download_free(waiters[0].download);
        CHECK(seconds() - begin < 1);
        check_image(&s, true);
        scene_close(&s);
}

/* Freed in the middle of its work, which then ends. */
static void test_abandoned(void) {
        Scene s;

        scene_open(&s, true, ARGUMENTS("--fault", "slow"));
        download_free(start(&s, 4));
        check_image(&s, true);
        scene_close(&s);
}

static void test_disk_full(void) {
        Scene s;

        scene_open(&s, true, NULL);
        closep(&s.image_fd);
        s.image_fd = open("/dev/full", O_RDWR | O_CLOEXEC);
        CHECK_EQ(run(&s, 4), -ENOSPC);
        CHECK(strstr(s.fault.found, "No space left"));
        scene_close(&s);
}

static void test_journal_in_the_way(void) {
        Download *d = NULL;
        Scene s;

        scene_open(&s, true, NULL);
        free(s.journal);
        s.journal = hub_test_path("root");
        CHECK_EQ(download_new(s.hub, HUB_TEST_NAME, HUB_TEST_COMMIT, &s.listing, s.offsets, s.image_fd, s.journal, 1, &d,
                              &s.fault), -EISDIR);
        CHECK(strstr(s.fault.found, s.journal));
        scene_close(&s);
}

static void download_forever(Scene *s) {
        _cleanup_(download_freep) Download *d = start(s, 2);

        (void) download_finish(d, &s->fault);
        _exit(0);
}

/* Killed once `pieces` of them are there, over and over, and each time what is there is not fetched again. */
static void test_killed(void) {
        const struct timespec pause = { .tv_nsec = 10000000 };
        uint64_t bytes = 0;
        Scene s;

        scene_open(&s, true, ARGUMENTS("--fault", "slow"));
        for (size_t pieces = 3; pieces <= 15; pieces += 4) {
                pid_t pid = fork();

                if (pid == 0)
                        download_forever(&s);
                CHECK(pid > 0);
                for (unsigned i = 0; i < 2000 && journal_pieces(&s) < pieces; i++)
                        (void) nanosleep(&pause, NULL);
                CHECK(journal_pieces(&s) >= pieces && journal_pieces(&s) < count_pieces(&s));
                CHECK_EQ(kill(pid, SIGKILL), 0);
                CHECK_EQ(waitpid(pid, NULL, 0), pid);
                check_image(&s, true);
        }
        scene_serve(&s, true, NULL);
        bytes = journal_pieces(&s) * HUB_TEST_PIECE / 2;
        CHECK_EQ(run(&s, 4), 0);
        check_image(&s, false);
        CHECK_EQ(journal_pieces(&s), count_pieces(&s));
        hub_server_stop(&s.server);
        CHECK(hub_server_bytes() < s.total - bytes);
        scene_close(&s);
}

static const Test tests[] = {
        { "every byte where it belongs, and the token nowhere else", test_whole              },
        { "misbehaviour of every kind",                              test_misbehaviours      },
        { "a server without ranges sends each file once",            test_ranges_ignored     },
        { "a wrong file is fetched again by the next try",           test_wrong_once         },
        { "what was spoiled since an earlier run",                   test_stale              },
        { "what is there is not asked for",                          test_nothing_to_do      },
        { "the journal of something else",                           test_other_listing      },
        { "waiting for the front of a file",                         test_waiting            },
        { "cancelled, and everybody knows",                          test_cancel             },
        { "freed while it runs",                                     test_abandoned          },
        { "a disk that is full",                                     test_disk_full          },
        { "a journal that cannot be",                                test_journal_in_the_way },
        { "killed, killed, and whole in the end",                    test_killed             },
};

int main(void) {
        int r;

        hub_test_setup();
        r = test_run_all(tests, ELEMENTSOF(tests));
        hub_test_cleanup();
        return r;
}
