/* SPDX-License-Identifier: Apache-2.0 */

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "basic/io.h"
#include "hubserver.h"
#include "test.h"

/* One server, one hub. */
typedef struct Scene {
        HubServer server;
        Hub *hub;
        Fault fault;
        HubListing listing;
        char commit[MODEL_COMMIT_MAX + 1];
} Scene;

#define ARGUMENTS(...) ((const char *const[]){ __VA_ARGS__ __VA_OPT__(,) NULL })

static void scene_open(Scene *s, bool token, const char *const *arguments) {
        *s = (Scene){};
        hub_server_start(&s->server, arguments);
        s->hub = hub_server_connect(&s->server, token);
}

static void scene_close(Scene *s) {
        hub_listing_done(&s->listing);
        s->hub = hub_free(s->hub);
        hub_server_stop(&s->server);
}

static int resolve(Scene *s, const char *name, const char *revision) {
        s->fault = (Fault){};
        s->commit[0] = 0;
        return hub_resolve(s->hub, name, revision, s->commit, &s->fault);
}

static int list(Scene *s) {
        s->fault = (Fault){};
        hub_listing_done(&s->listing);
        return hub_list(s->hub, HUB_TEST_NAME, HUB_TEST_COMMIT, &s->listing, &s->fault);
}

static double seconds(void) {
        struct timespec t;

        (void) clock_gettime(CLOCK_MONOTONIC, &t);
        return (double) t.tv_sec + (double) t.tv_nsec / 1e9;
}

#define FILE_ENTRY(path) "[{\"type\":\"file\",\"path\":\"" path "\",\"size\":3,\"oid\":\"" HUB_TEST_COMMIT "\"}]"
#define SHA256 "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"

static const struct {
        const char *json;
        const char *expected; /* in the fault; NULL: it is fine */
} pages[] = {
        { "[]", NULL },
        { FILE_ENTRY("a"), NULL },
        { FILE_ENTRY("..."), NULL },
        { FILE_ENTRY("a/.b/..c/d..:\\\\~ -$(x)"), NULL },
        { FILE_ENTRY(".cache"), NULL },
        { "[{\"type\":\"file\",\"path\":\"a\",\"size\":3,\"oid\":\"x\",\"lfs\":{\"oid\":\"" SHA256
          "\",\"size\":3,\"pointerSize\":1}}]", NULL },
        { "[{\"type\":\"file\",\"path\":\"a\",\"size\":3,\"oid\":\"" HUB_TEST_COMMIT "\",\"lfs\":null}]", NULL },
        { FILE_ENTRY("../a"), "without . and .." },
        { FILE_ENTRY("a/../../b"), "without . and .." },
        { FILE_ENTRY("a/.."), "without . and .." },
        { FILE_ENTRY(".."), "without . and .." },
        { FILE_ENTRY("./a"), "without . and .." },
        { FILE_ENTRY("a/./b"), "without . and .." },
        { FILE_ENTRY("/etc/passwd"), "relative paths" },
        { FILE_ENTRY("a//b"), "without empty parts" },
        { FILE_ENTRY("a/"), "without empty parts" },
        { FILE_ENTRY(""), "1 to 4093 bytes" },
        { FILE_ENTRY("a\\u0000b"), "entries with path and type" },
        { FILE_ENTRY("a\\nb"), "control characters" },
        { FILE_ENTRY("a\\u001b[2J"), "control characters" },
        { FILE_ENTRY("a\\u007f"), "control characters" },
        { "[{\"type\":\"submodule\",\"path\":\"a\",\"size\":3,\"oid\":\"" HUB_TEST_COMMIT "\"}]", "files and directories" },
        { "[{\"type\":\"file\",\"path\":\"a\",\"size\":3}]", "a hash" },
        { "[{\"type\":\"file\",\"path\":\"a\",\"size\":3,\"oid\":\"abc\"}]", "a hash" },
        { "[{\"type\":\"file\",\"path\":\"a\",\"size\":-1,\"oid\":\"" HUB_TEST_COMMIT "\"}]", "a size" },
        { "[{\"type\":\"file\",\"path\":\"a\",\"size\":1.5,\"oid\":\"" HUB_TEST_COMMIT "\"}]", "a size" },
        { "[{\"type\":\"file\",\"path\":\"a\",\"size\":\"3\",\"oid\":\"" HUB_TEST_COMMIT "\"}]", "a size" },
        { "[{\"type\":\"file\",\"path\":\"a\",\"oid\":\"" HUB_TEST_COMMIT "\"}]", "a size" },
        { "[{\"type\":\"file\",\"path\":\"a\",\"size\":9223372036854775807,\"oid\":\"" HUB_TEST_COMMIT "\"}]", "1 PiB" },
        { "[{\"type\":\"file\",\"path\":\"a\",\"size\":99999999999999999999,\"oid\":\"" HUB_TEST_COMMIT "\"}]", "1 PiB" },
        { "[{\"type\":\"file\",\"path\":\"a\",\"size\":3,\"oid\":\"x\",\"lfs\":{\"oid\":\"" SHA256 "\",\"size\":4}}]",
          "the same size" },
        { "[{\"type\":\"file\",\"path\":\"a\",\"size\":3,\"oid\":\"" HUB_TEST_COMMIT "\",\"lfs\":{\"size\":3}}]", "a hash" },
        { "[{\"type\":\"file\",\"path\":\"a\",\"size\":3,\"oid\":\"" HUB_TEST_COMMIT "\",\"lfs\":7}]", "'lfs'" },
        { "[{\"path\":\"a\"}]", "path and type" },
        { "[7]", "path and type" },
        { "[null]", "path and type" },
        { "{}", "JSON array" },
        { "", "JSON array" },
        { "[", "JSON array" },
        { "[{\"type\":\"file\",\"type\":\"file\"}]", "JSON array" },
        { "[[[[[[[[[[[[[[[[[[[[[[]]]]]]]]]]]]]]]]]]]]]]", "JSON array" },
};

static int parse_page(const char *json, HubListing *listing, Fault *fault) {
        int r = hub_parse_page(json, strlen(json), listing, fault);

        return r < 0 ? r : hub_listing_finish(listing, fault);
}

static void test_pages(void) {
        for (size_t i = 0; i < ELEMENTSOF(pages); i++) {
                HubListing listing = {};
                Fault fault = {};
                int r = parse_page(pages[i].json, &listing, &fault);

                if (r != (pages[i].expected ? -EBADMSG : 0) ||
                    (pages[i].expected && !strstr(fault.expected, pages[i].expected))) {
                        test_failures++;
                        (void) printf("# %s: %d, %s, %s\n", pages[i].json, r, fault.expected, fault.found);
                }
                hub_listing_done(&listing);
        }
}

static void test_names(void) {
        static const struct {
                const char *paths[4];
                bool good;
        } rows[] = {
                { { "a", "b", "A" }, true },
                { { "readme", "README", "Readme" }, true },
                { { "a", "a-b", "a0" }, true },
                { { "a/b", "a-b", "a/c/d" }, true },
                { { "a", "b", "a" }, false },
                { { "a", "a-b", "a/b" }, false },
                { { "x/y/z", "w", "x/y" }, false },
                { { "d/", "d" }, false }, /* a directory, and a file of its name */
                { { "d/", "d/e" }, true },
        };

        for (size_t i = 0; i < ELEMENTSOF(rows); i++) {
                HubListing listing = {};
                Fault fault = {};
                int r = 0;

                for (size_t j = 0; j < 4 && rows[i].paths[j]; j++) {
                        const char *path = rows[i].paths[j];
                        size_t n = strlen(path);
                        bool directory = path[n - 1] == '/';
                        char json[256];

                        (void) snprintf(json, sizeof(json), "[{\"type\":\"%s\",\"path\":\"%.*s\",\"size\":1,\"oid\":\"%s\"}]",
                                        directory ? "directory" : "file", (int) (n - directory), path, HUB_TEST_COMMIT);
                        CHECK_EQ(hub_parse_page(json, strlen(json), &listing, &fault), 0);
                }
                r = hub_listing_finish(&listing, &fault);
                if (r != (rows[i].good ? 0 : -EBADMSG)) {
                        test_failures++;
                        (void) printf("# row %zu: %d %s %s\n", i, r, fault.expected, fault.found);
                }
                for (size_t j = 1; r == 0 && j < listing.n_files; j++)
                        CHECK(strcmp(listing.files[j - 1].path, listing.files[j].path) < 0);
                hub_listing_done(&listing);
        }
}

static void test_long_names(void) {
        static const struct {
                size_t part, total;
                int wanted;
        } rows[] = { { 255, 255, 0 }, { 256, 256, -EBADMSG }, { 100, 4093, 0 }, { 100, 4094, -EBADMSG } };

        for (size_t i = 0; i < ELEMENTSOF(rows); i++) {
                char path[5000], json[6000];
                HubListing listing = {};
                Fault fault;

                for (size_t j = 0; j < rows[i].total; j++)
                        path[j] = j % (rows[i].part + 1) == rows[i].part ? '/' : 'n';
                path[rows[i].total] = 0;
                (void) snprintf(json, sizeof(json), "[{\"type\":\"file\",\"path\":\"%s\",\"size\":1,\"oid\":\"%s\"}]", path,
                                HUB_TEST_COMMIT);
                CHECK_EQ(parse_page(json, &listing, &fault), rows[i].wanted);
                hub_listing_done(&listing);
        }
}

static void test_endpoints(void) {
        static const struct {
                const char *endpoint;
                int wanted;
        } rows[] = {
                { "https://huggingface.co", 0 }, { "https://hub.example/mirror/", 0 }, { "http://127.0.0.1:8080", 0 },
                { "https://[::1]:8443", 0 }, { "huggingface.co", -EINVAL }, { "ftp://huggingface.co", -EINVAL },
                { "file:///etc/passwd", -EINVAL }, { "https://", -EINVAL }, { "https://me:secret@hub.example", -EINVAL },
                { "https://hub.example/?a=b", -EINVAL }, { "https://hub.example/#a", -EINVAL }, { "https://a b", -EINVAL },
        };

        for (size_t i = 0; i < ELEMENTSOF(rows); i++) {
                Fault fault = {};
                Hub *hub = NULL;
                int r;

                (void) setenv("HF_ENDPOINT", rows[i].endpoint, 1);
                r = hub_new(&hub, &fault);
                if (r != rows[i].wanted || strstr(fault.found, "secret")) {
                        test_failures++;
                        (void) printf("# %s: %d %s\n", rows[i].endpoint, r, fault.found);
                }
                if (r >= 0) {
                        _cleanup_free_ char *url = hub_file_url(hub, "a/b", "c", "d e/%\xc3\xa9?#");

                        CHECK(url && strncmp(url, rows[i].endpoint, 16) == 0);
                        CHECK(url && strstr(url, "/a/b/resolve/c/d%20e/%25%C3%A9%3F%23") && !strstr(url + 8, "//"));
                        hub_free(hub);
                }
        }
        (void) setenv("HF_ENDPOINT", "https://huggingface.co", 1);
}

static void test_offline(void) {
        Fault fault;
        Hub *hub;

        (void) setenv("HF_HUB_OFFLINE", "1", 1);
        CHECK_EQ(hub_new(&hub, &fault), -ENETDOWN);
        CHECK(strstr(fault.found, "HF_HUB_OFFLINE"));
        (void) setenv("HF_HUB_OFFLINE", "0", 1);
        CHECK_EQ(hub_new(&hub, &fault), 0);
        hub_free(hub);
        (void) unsetenv("HF_HUB_OFFLINE");
}

/* The token that a hub has taken from its environment, or what it says about it. */
static void check_token(const char *wanted, int wanted_error) {
        Fault fault = {};
        Hub *hub = NULL;

        CHECK_EQ(hub_new(&hub, &fault), wanted_error);
        CHECK(!strstr(fault.found, "hf_") && !strstr(fault.expected, "hf_"));
        if (hub && wanted)
                CHECK_STR(hub_http(hub)->token, wanted);
        else if (hub)
                CHECK(!hub_http(hub)->token);
        hub_free(hub);
}

static void test_tokens(void) {
        _cleanup_free_ char *home = hub_test_path("home"), *file = hub_test_path("home/token"), *none = hub_test_path("none");
        _cleanup_free_ char *command = NULL;

        CHECK(asprintf(&command, "mkdir -p '%s'", home) > 0);
        CHECK_EQ(system(command), 0);
        (void) unsetenv("HF_TOKEN");
        (void) setenv("HF_TOKEN_PATH", none, 1);
        check_token(NULL, 0);
        CHECK_EQ(write_file_atomic(file, "  hf_file\r\n\n", 12, 0600), 0);
        (void) setenv("HF_TOKEN_PATH", file, 1);
        check_token("hf_file", 0);
        (void) unsetenv("HF_TOKEN_PATH");
        (void) setenv("HF_HOME", home, 1);
        check_token("hf_file", 0);
        (void) setenv("HF_TOKEN", "\thf_variable ", 1);
        check_token("hf_variable", 0);
        (void) setenv("HF_TOKEN", "hf_a\r\nX-Evil: yes", 1);
        check_token(NULL, -EINVAL);
        (void) setenv("HF_TOKEN", "", 1);
        CHECK_EQ(write_file_atomic(file, "hf_a\nhf_b\n", 10, 0600), 0);
        check_token(NULL, -EINVAL);
        CHECK_EQ(write_file_atomic(file, "hf_\0x", 5, 0600), 0);
        check_token(NULL, -EINVAL);
        CHECK_EQ(write_file_atomic(file, " \n", 2, 0600), 0);
        check_token(NULL, 0);
        (void) setenv("HF_TOKEN_PATH", home, 1);
        check_token(NULL, -EISDIR);
        (void) unsetenv("HF_HOME");
        (void) unsetenv("HF_TOKEN_PATH");
}

static void test_resolve(void) {
        Scene s;

        scene_open(&s, true, NULL);
        CHECK_EQ(resolve(&s, HUB_TEST_NAME, NULL), 0);
        CHECK_STR(s.commit, HUB_TEST_COMMIT);
        CHECK_EQ(resolve(&s, HUB_TEST_NAME, ""), 0);
        CHECK_EQ(resolve(&s, HUB_TEST_NAME, "main"), 0);
        CHECK_STR(s.commit, HUB_TEST_COMMIT);
        CHECK_EQ(resolve(&s, HUB_TEST_NAME, HUB_TEST_OTHER), 0);
        CHECK_STR(s.commit, HUB_TEST_OTHER);
        CHECK_EQ(resolve(&s, HUB_TEST_NAME, "no-such"), -ENOENT);
        CHECK(strstr(s.fault.found, "no such commit, branch or tag") && strstr(s.fault.found, "no-such"));
        CHECK_EQ(resolve(&s, "acme/none", NULL), -ENOENT);
        CHECK(strstr(s.fault.found, "a private one that the token may not read"));
        CHECK_STR(s.commit, "");
        hub_server_stop(&s.server);
        CHECK_EQ(hub_server_requests("/revision/main 200", "token"), 3);
        CHECK_EQ(hub_server_requests(NULL, NULL), 6); /* what will not change is asked for once */
        scene_close(&s);
}

static void test_list(void) {
        static const char *const pages_of[] = { "1000", "5", "1" };

        for (size_t i = 0; i < ELEMENTSOF(pages_of); i++) {
                Scene s;

                scene_open(&s, false, ARGUMENTS("--page", pages_of[i]));
                CHECK_EQ(list(&s), 0);
                CHECK_EQ(s.listing.n_files, hub_test_n_files);
                for (size_t j = 0; j < hub_test_n_files && j < s.listing.n_files; j++) {
                        CHECK_STR(s.listing.files[j].path, hub_test_files[j].path);
                        CHECK_EQ(s.listing.files[j].size, hub_test_files[j].size);
                        CHECK_EQ(s.listing.files[j].hash == HUB_HASH_SHA256, hub_test_files[j].size >= 65536);
                }
                hub_server_stop(&s.server);
                if (i > 0)
                        CHECK(hub_server_requests("/tree/", "cursor=") > 2);
                scene_close(&s);
        }
}

/* What a misbehaving hub comes to, for the token's owner and for others. */
static const struct {
        const char *fault;
        bool token;
        int resolve, list;
        const char *text;        /* in what is found or expected by the last that failed */
        size_t requests;         /* of both together; 0: any number */
} misbehaviours[] = {
        { "gated",                  false, 0,         0,         NULL,                               2 },
        { "private",                true,  0,         0,         NULL,                               2 },
        { "private",                false, -ENOENT,   -ENOENT,   "a private one, which needs HF_TOKEN", 2 },
        { "disabled",               true,  -EACCES,   -EACCES,   "disabled",                         2 },
        { "api-429=1",              true,  0,         0,         NULL,                               3 },
        { "api-429",                true,  -EBUSY,    -EBUSY,    "rate limited",                     8 },
        { "api-429-long",           true,  -EBUSY,    -EBUSY,    "rate limited",                     2 },
        { "api-503=3",              true,  0,         0,         NULL,                               5 },
        { "api-503",                true,  -EIO,      -EIO,      "503 (the server's error)",         8 },
        { "api-reset=2",            true,  0,         0,         NULL,                               4 },
        { "api-reset",              true,  -EIO,      -EIO,      "an answer",                        8 },
        { "api-garbage",            true,  -EBADMSG,  -EBADMSG,  "a JSON array",                     2 },
        { "api-empty",              true,  -EBADMSG,  -EBADMSG,  "a JSON array",                     2 },
        { "api-huge@/tree/",        true,  0,         -EBADMSG,  "more than",                        2 },
        { "api-message",            true,  -EACCES,   -EACCES,   "forbidden",                        2 },
        { "api-redirect=2@/api/models/", true, 0,     0,         NULL,                               4 },
        { "api-redirect-elsewhere", true,  0,         0,         NULL,                               5 },
        { "api-loop",               true,  -EBADMSG,  -EBADMSG,  "more than 10",                     22 },
        { "api-scheme",             true,  -EBADMSG,  -EBADMSG,  "redirect",                         2 },
        { "wrong-commit",           true,  -EBADMSG,  0,         NULL,                               2 },
        { "short-commit",           true,  -EBADMSG,  0,         NULL,                               2 },
        { "page-loop",              true,  0,         -EBADMSG,  "leads nowhere",                    0 },
        { "page-circle",            true,  0,         -EBADMSG,  "an end of its pages",              0 },
        { "page-repeat=1",          true,  0,         -EBADMSG,  "every path once",                  0 },
        { "page-relative",          true,  0,         0,         NULL,                               0 },
        { "page-links",             true,  0,         0,         NULL,                               0 },
        { "page-bad-link",          true,  0,         -EBADMSG,  "RFC 8288",                         0 },
        { "page-elsewhere",         true,  0,         0,         NULL,                               0 },
};

static void check_misbehaviour(size_t i) {
        Scene s;

        scene_open(&s, misbehaviours[i].token, ARGUMENTS("--fault", misbehaviours[i].fault, "--page", "10"));
        CHECK_EQ(resolve(&s, HUB_TEST_NAME, HUB_TEST_COMMIT), misbehaviours[i].resolve);
        CHECK(!strstr(s.fault.found, HUB_TEST_TOKEN));
        CHECK_EQ(list(&s), misbehaviours[i].list);
        CHECK(!strstr(s.fault.found, HUB_TEST_TOKEN));
        if (misbehaviours[i].text)
                CHECK(strstr(s.fault.found, misbehaviours[i].text) || strstr(s.fault.expected, misbehaviours[i].text));
        if (misbehaviours[i].list == 0)
                CHECK_EQ(s.listing.n_files, hub_test_n_files);
        hub_server_stop(&s.server);
        if (misbehaviours[i].requests)
                CHECK_EQ(hub_server_requests(NULL, NULL), misbehaviours[i].requests + (misbehaviours[i].list == 0));
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

static void test_retry_after(void) {
        double start;
        Scene s;

        scene_open(&s, true, ARGUMENTS("--fault", "api-429=2"));
        start = seconds();
        CHECK_EQ(list(&s), 0);
        CHECK(seconds() - start >= 2);
        scene_close(&s);
}

static void test_bad_token(void) {
        Scene s;

        scene_open(&s, true, NULL);
        (void) strcpy(hub_http(s.hub)->token, "hf_wrong");
        CHECK_EQ(resolve(&s, HUB_TEST_NAME, NULL), -EACCES);
        CHECK(strstr(s.fault.found, "the token is refused"));
        scene_close(&s);
}

static void test_unreachable(void) {
        Scene s;

        scene_open(&s, true, NULL);
        hub_server_stop(&s.server);
        CHECK_EQ(resolve(&s, HUB_TEST_NAME, NULL), -ECONNREFUSED);
        scene_close(&s);
}

static int interrupt(void) {
        return -ECANCELED;
}

static void test_interrupted(void) {
        double start = seconds();
        Scene s;

        scene_open(&s, true, ARGUMENTS("--fault", "api-503"));
        hub_http(s.hub)->limits.backoff_msec = 20000;
        hub_http(s.hub)->interrupted = interrupt;
        CHECK_EQ(list(&s), -ECANCELED);
        CHECK(seconds() - start < 5);
        CHECK_EQ(hub_server_requests(NULL, NULL) <= 1, true);
        scene_close(&s);
}

static void test_origins(void) {
        static const struct {
                const char *a, *b;
                bool same;
        } rows[] = {
                { "https://hub.example", "https://hub.example/x?y", true },
                { "https://hub.example", "https://HUB.example:443/", true },
                { "https://hub.example", "https://hub.example:444/", false },
                { "https://hub.example", "http://hub.example/", false },
                { "https://hub.example", "https://hub.example.evil/", false },
                { "https://hub.example", "https://evil/hub.example", false },
                { "https://hub.example", "https://hub.example@evil/", false },
                { "https://hub.example", "https://hub.example%2eevil/", false },
                { "https://hub.example", "https://hub.example\\@evil/", false },
                { "http://127.0.0.1:80", "http://127.0.0.1/", true },
                { "http://127.0.0.1:8080", "http://127.0.0.2:8080/", false },
                { "https://hub.example", "nothing", false },
        };

        for (size_t i = 0; i < ELEMENTSOF(rows); i++)
                if (http_same_origin(rows[i].b, rows[i].a) != rows[i].same) {
                        test_failures++;
                        (void) printf("# %s\n", rows[i].b);
                }
}

static const Test tests[] = {
        { "pages of a listing, good and bad",                   test_pages         },
        { "names twice, and as file and directory",             test_names         },
        { "names as long as they may be",                       test_long_names    },
        { "endpoints, and where files are on them",             test_endpoints     },
        { "HF_HUB_OFFLINE",                                     test_offline       },
        { "where the token comes from, and what it may be",     test_tokens        },
        { "which places are the endpoint's",                    test_origins       },
        { "revisions, and those that are not there",            test_resolve       },
        { "listings of one page and of many",                   test_list          },
        { "misbehaviour of every kind",                         test_misbehaviours },
        { "Retry-After is waited for",                          test_retry_after   },
        { "a token that is refused",                            test_bad_token     },
        { "a hub that is not there",                            test_unreachable   },
        { "an interruption ends waiting",                       test_interrupted   },
};

int main(void) {
        int r;

        hub_test_setup();
        r = test_run_all(tests, ELEMENTSOF(tests));
        hub_test_cleanup();
        return r;
}
