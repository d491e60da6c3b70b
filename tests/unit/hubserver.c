/* SPDX-License-Identifier: Apache-2.0 */

#include "hubserver.h"

#include <fcntl.h>
#include <inttypes.h>
#include <libgen.h>
#include <signal.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "basic/io.h"

#define ARGUMENTS_MAX 32

const HubTestFile hub_test_files[] = {
        { ".gitattributes",                300           },
        { "README.md",                     1500          },
        { "a b/\xc3\xbcn\xc3\xaf#?%41.txt", 77           },
        { "config.json",                   5000          },
        { "empty",                         0             },
        { "model-1.safetensors",           1048576 + 123 },
        { "model-2.safetensors",           300000        },
        { "readme.md",                     1             },
        { "sub-x",                         10            },
        { "sub/a",                         65535         },
        { "sub/b",                         65536         },
        { "sub/deep/c",                    65537         },
};
const size_t hub_test_n_files = ELEMENTSOF(hub_test_files);

static char scratch[64];

/* Without its surroundings no test can say anything. */
static void must(bool good, const char *what) {
        if (good)
                return;
        (void) printf("Bail out! %s: %s\n", what, strerror(errno));
        exit(1);
}

void hub_test_content(size_t file, uint8_t *ret) {
        uint32_t state = 2463534242U + (uint32_t) file;

        for (size_t i = 0; i < hub_test_files[file].size; i++) {
                state ^= state << 13;
                state ^= state >> 17;
                state ^= state << 5;
                ret[i] = (uint8_t) (state >> 11);
        }
}

char *hub_test_path(const char *name) {
        char *path;

        return asprintf(&path, "%s/%s", scratch, name) < 0 ? NULL : path;
}

static void run(const char *what, const char *argument) {
        _cleanup_free_ char *command = NULL;

        must(asprintf(&command, "%s '%s'", what, argument) > 0 && system(command) == 0, what);
}

static void write_file(const char *commit, const char *name, const void *data, size_t size) {
        _cleanup_free_ char *path = NULL, *directory = NULL;

        must(asprintf(&path, "%s/root/" HUB_TEST_NAME "/%s/%s", scratch, commit, name) > 0, "memory");
        directory = strdup(path);
        must(directory, "memory");
        run("mkdir -p", dirname(directory));
        must(write_file_atomic(path, data, size, 0644) == 0, path);
}

void hub_test_setup(void) {
        _cleanup_free_ char *link = NULL;

        (void) snprintf(scratch, sizeof(scratch), "%s", "/tmp/cocoon-hub-XXXXXX");
        must(mkdtemp(scratch), scratch);
        for (size_t i = 0; i < hub_test_n_files; i++) {
                _cleanup_free_ uint8_t *content = malloc(hub_test_files[i].size + 1);

                hub_test_content(i, content);
                write_file(HUB_TEST_COMMIT, hub_test_files[i].path, content, hub_test_files[i].size);
        }
        write_file(HUB_TEST_COMMIT, ".cache/left/out", "x", 1);
        write_file(HUB_TEST_OTHER, "README.md", "other", 5);
        link = hub_test_path("root/" HUB_TEST_NAME "/main");
        must(symlink(HUB_TEST_COMMIT, link) == 0, link);
}

void hub_test_cleanup(void) {
        run("rm -rf", scratch);
}

bool hub_test_make_certificate(char **ret_certificate, char **ret_key) {
        _cleanup_free_ char *certificate = hub_test_path("cert.pem"), *key = hub_test_path("key.pem"), *command = NULL;

        must(asprintf(&command,
                      "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj /CN=test "
                      "-addext subjectAltName=IP:127.0.0.1,IP:127.0.0.2 -keyout '%s' -out '%s' 2>/dev/null",
                      key, certificate) > 0, "memory");
        if (system(command) != 0)
                return false;
        *ret_certificate = TAKE_PTR(certificate);
        *ret_key = TAKE_PTR(key);
        return true;
}

static bool read_ports(HubServer *s, int fd) {
        FILE *file = fdopen(fd, "r");
        bool good;

        if (!file) {
                (void) close(fd);
                return false;
        }
        good = fscanf(file, "%d %d", &s->port, &s->storage_port) == 2; /* NOLINT(cert-err34-c) */
        (void) fclose(file);
        return good;
}

void hub_server_start(HubServer *s, const char *const *arguments) {
        _cleanup_free_ char *root = hub_test_path("root"), *log = hub_test_path("log");
        const char *argv[ARGUMENTS_MAX] = { "python3", "-I", "-S", SOURCE_ROOT "/tests/sim/hub-server", "--root", root, "--log", log,
                                            "--token", HUB_TEST_TOKEN };
        posix_spawn_file_actions_t actions;
        int input[2], output[2], r;

        *s = (HubServer){ .input = -EBADF };
        (void) unlink(log);
        for (size_t n = 10; arguments && *arguments && n < ARGUMENTS_MAX - 1; n++) {
                s->encrypted = s->encrypted || strcmp(*arguments, "--tls") == 0;
                argv[n] = *arguments++;
        }
        must(pipe2(input, O_CLOEXEC) == 0 && pipe2(output, O_CLOEXEC) == 0, "pipe");
        (void) posix_spawn_file_actions_init(&actions);
        (void) posix_spawn_file_actions_adddup2(&actions, input[0], STDIN_FILENO);
        (void) posix_spawn_file_actions_adddup2(&actions, output[1], STDOUT_FILENO);
        r = posix_spawnp(&s->pid, argv[0], &actions, NULL, (char *const *) (uintptr_t) argv, environ);
        (void) posix_spawn_file_actions_destroy(&actions);
        (void) close(input[0]);
        (void) close(output[1]);
        s->input = input[1];
        must(r == 0 && read_ports(s, output[0]), "hub-server");
}

void hub_server_stop(HubServer *s) {
        closep(&s->input);
        if (s->pid > 0)
                (void) waitpid(s->pid, NULL, 0);
        *s = (HubServer){ .input = -EBADF };
}

Hub *hub_server_connect(const HubServer *s, bool token) {
        Fault fault = {};
        char url[64];
        Hub *hub;

        (void) snprintf(url, sizeof(url), "%s://127.0.0.1:%d", s->encrypted ? "https" : "http", s->port);
        (void) setenv("HF_ENDPOINT", url, 1);
        (void) setenv("HF_TOKEN", token ? HUB_TEST_TOKEN : "", 1);
        (void) setenv("HF_TOKEN_PATH", "/nonexistent", 1);
        (void) unsetenv("HF_HUB_OFFLINE");
        (void) setenv("no_proxy", "*", 1);
        must(hub_new(&hub, &fault) == 0, fault.found);
        hub_http(hub)->limits = (HttpLimits){
                .retries = 3,
                .backoff_msec = 20,
                .wait_max_sec = 5,
                .connect_sec = 5,
                .stall_sec = 2,
                .answer_sec = 20,
                .piece_size = HUB_TEST_PIECE,
        };
        return hub;
}

/* Calls `each` for every line of the log. */
static void each_request(void (*each)(const char *line, void *userdata), void *userdata) {
        _cleanup_free_ char *path = hub_test_path("log"), *line = NULL;
        _cleanup_fclose_ FILE *file = fopen(path, "re");
        size_t size = 0;

        while (file && getline(&line, &size, file) > 0)
                each(line, userdata);
}

typedef struct Count {
        const char *needle, *other;
        size_t lines;
        uint64_t bytes;
} Count;

static void count(const char *line, void *userdata) {
        Count *c = userdata;
        uint64_t bytes;
        int status;

        c->lines += (!c->needle || strstr(line, c->needle)) && (!c->other || strstr(line, c->other));
        if (!strstr(line, " /api/") && sscanf(line, "%*s %*s %d %" SCNu64, &status, &bytes) == 2 && /* NOLINT */
            (status == 200 || status == 206))
                c->bytes += bytes;
}

size_t hub_server_requests(const char *needle, const char *other) {
        Count c = { .needle = needle, .other = other };

        each_request(count, &c);
        return c.lines;
}

uint64_t hub_server_bytes(void) {
        Count c = {};

        each_request(count, &c);
        return c.bytes;
}
