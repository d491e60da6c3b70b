/* SPDX-License-Identifier: Apache-2.0 */

#include "launch/handover.h"

#include <fcntl.h>
#include <linux/close_range.h>
#include <string.h>

#include "basic/conf.h"

#define FDS_MAX 64U

/* Above all numbers that are handed over. */
#define FD_SAFE 128

int handover_find(const char *program, char **ret, Fault *ret_fault) {
        const char *path = strchr(program, '/') ? "" : getenv("PATH") ?: "/usr/local/bin:/usr/bin:/bin";

        do {
                size_t length = strcspn(path, ":");
                _cleanup_free_ char *candidate = NULL;

                if (asprintf(&candidate, "%.*s%s%s", (int) length, path, length > 0 ? "/" : "", program) < 0) {
                        candidate = NULL;
                        return -ENOMEM;
                }
                if (access(candidate, X_OK) == 0) {
                        *ret = TAKE_PTR(candidate);
                        return 0;
                }
                path += length + (path[length] == ':');
        } while (*path);
        return fault_set(ret_fault, ENOENT, "qemu", "a program; the package is qemu-system-x86", "no %s", program);
}

/* A token or key of whoever called stays here: what is passed on is named. */
static int make_environment(char ***ret) {
        static const char *const names[] = { "PATH", "HOME", "USER", "LOGNAME", "LANG", "LC_ALL", "TZ", "TMPDIR",
                                             "XDG_RUNTIME_DIR", "QEMU_MODULE_DIR" };
        _cleanup_(strv_freep) char **environment = NULL;

        for (size_t i = 0; i < ELEMENTSOF(names); i++) {
                const char *value = getenv(names[i]);
                char *entry;

                if (!value)
                        continue;
                if (asprintf(&entry, "%s=%s", names[i], value) < 0)
                        return -ENOMEM;
                if (strv_append(&environment, entry) < 0)
                        return -ENOMEM;
        }
        if (!environment) {
                environment = calloc(1, sizeof(*environment));
                if (!environment)
                        return -ENOMEM;
        }
        *ret = TAKE_PTR(environment);
        return 0;
}

/* First out of the way, so that none is overwritten before it has its number. */
static int place(const int *fds, size_t n, int first) {
        int moved[FDS_MAX];

        if (n > FDS_MAX)
                return -E2BIG;
        for (size_t i = 0; i < n; i++) {
                moved[i] = fcntl(fds[i], F_DUPFD_CLOEXEC, FD_SAFE);
                if (moved[i] < 0)
                        return -errno;
        }
        if (close_range((unsigned) STDERR_FILENO + 1, ~0U, CLOSE_RANGE_CLOEXEC) < 0)
                return -errno;
        for (size_t i = 0; i < n; i++)
                if (dup2(moved[i], first + (int) i) < 0)
                        return -errno;
        return 0;
}

int handover(const char *path, char *const *command, const int *fds, size_t n_fds, int first) {
        _cleanup_(strv_freep) char **environment = NULL;
        int r;

        r = make_environment(&environment);
        if (r >= 0)
                r = place(fds, n_fds, first);
        if (r < 0)
                return r;
        (void) execve(path, command, environment);
        return -errno;
}
