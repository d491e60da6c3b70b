/* SPDX-License-Identifier: Apache-2.0 */

#include "simserver.h"

#include <fcntl.h>
#include <ftw.h>
#include <spawn.h>
#include <string.h>
#include <sys/wait.h>

#include "basic/io.h"
#include "sim/must.h"
#include "sim/wire.h"

#define ARGUMENTS_MAX 64U
#define LIBRARIES     BUILD_ROOT "/tests/sim"

extern char **environ;

void sim_server_environment(char *argv[]) {
        const char *path = getenv("LD_LIBRARY_PATH");

        if (path && strcmp(path, LIBRARIES) == 0)
                return;
        MUST(setenv("LD_LIBRARY_PATH", LIBRARIES, 1) == 0);
        (void) execv("/proc/self/exe", argv);
        MUST(false);
}

static char *path_in(const SimServer *s, const char *name) {
        char *path;

        MUST(asprintf(&path, "%s/%s", s->dir, name) > 0);
        return path;
}

/* Reads up to the line that says that it listens. */
static bool is_ready(int fd) {
        char line[128] = "";
        size_t n = 0;

        while (!strstr(line, "ready\n") && n < sizeof(line) - 1 && read(fd, line + n, 1) == 1)
                n++;
        (void) close(fd);
        return strstr(line, "ready\n");
}

static void spawn(SimServer *s, const char *const *argv) {
        posix_spawn_file_actions_t actions;
        int input[2], output[2];

        MUST(pipe2(input, O_CLOEXEC) == 0 && pipe2(output, O_CLOEXEC) == 0);
        MUST(posix_spawn_file_actions_init(&actions) == 0);
        MUST(posix_spawn_file_actions_adddup2(&actions, input[0], STDIN_FILENO) == 0);
        MUST(posix_spawn_file_actions_adddup2(&actions, output[1], STDOUT_FILENO) == 0);
        MUST(posix_spawn(&s->pid, argv[0], &actions, NULL, (char *const *) (uintptr_t) argv, environ) == 0);
        MUST(posix_spawn_file_actions_destroy(&actions) == 0);
        (void) close(input[0]);
        (void) close(output[1]);
        s->input = input[1];
        MUST(is_ready(output[0]));
}

void sim_server_start(SimServer *s, const SimModel *models) {
        _cleanup_free_ char *socket = NULL, *control = NULL, *log = NULL;
        const char *argv[ARGUMENTS_MAX] = { BUILD_ROOT "/tests/sim/cocoon-sim", "serve", "--until-eof" };
        size_t n = 3;

        *s = (SimServer){ .dir = "/tmp/cocoon-driver-XXXXXX", .input = -EBADF };
        MUST(mkdtemp(s->dir));
        (void) snprintf(s->state, sizeof(s->state), "%s/state", s->dir);
        socket = path_in(s, "socket");
        control = path_in(s, "control");
        log = path_in(s, "log");
        const char *const options[] = { "--socket", socket, "--control", control, "--log", log, "--state", s->state };
        for (size_t i = 0; i < ELEMENTSOF(options); i++)
                argv[n++] = options[i];
        for (; *models != _SIM_MODEL_INVALID; models++) {
                MUST(n + 3 < ARGUMENTS_MAX);
                argv[n++] = "--device";
                argv[n++] = sim_model_to_string(*models);
        }
        MUST(setenv(SIM_SOCKET_ENVIRONMENT, socket, 1) == 0);
        spawn(s, argv);
}

static int remove_entry(const char *path, const struct stat *st, int type, struct FTW *ftw) {
        return remove(path);
}

void sim_server_stop(SimServer *s) {
        closep(&s->input);
        (void) waitpid(s->pid, NULL, 0);
        (void) nftw(s->dir, remove_entry, 16, FTW_DEPTH | FTW_PHYS);
        *s = (SimServer){ .input = -EBADF };
}

/* Counts start anew when the file changes: the comment makes that sure. */
void sim_server_control(SimServer *s, const char *lines) {
        static unsigned number;
        _cleanup_free_ char *path = path_in(s, "control"), *log = path_in(s, "log"), *text = NULL;

        MUST(asprintf(&text, "# %u\n%s\n", number++, lines) > 0);
        MUST(write_file_atomic(path, text, strlen(text), 0600) >= 0);
        MUST(truncate(log, 0) == 0);
}

size_t sim_server_lines(const SimServer *s, const char *needle, const char *other) {
        _cleanup_free_ char *path = path_in(s, "log"), *line = NULL;
        _cleanup_fclose_ FILE *f = fopen(path, "re");
        size_t size = 0, n = 0;

        MUST(f);
        while (getline(&line, &size, f) > 0)
                n += strstr(line, needle) && (!other || strstr(line, other));
        return n;
}
