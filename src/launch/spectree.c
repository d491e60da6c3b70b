/* SPDX-License-Identifier: Apache-2.0 */

#include "launch/spectree.h"

#include <dirent.h>
#include <fcntl.h>
#include <ftw.h>
#include <string.h>
#include <sys/stat.h>

#include "basic/io.h"
#include "model/runtime.h"

#define FILE_MAX  (10U * 1024 * 1024)
#define DEPTH_MAX 16U

#define VARS_FILE "runtime/runtime.vars"

/* The same mode whatever the process's umask is. */
static int write_file(int dir, const char *name, const void *data, size_t size, mode_t mode) {
        _cleanup_close_ int fd = openat(dir, name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
        int r;

        if (fd < 0)
                return -errno;
        r = write_all(fd, data, size);
        if (r < 0)
                return r;
        return fchmod(fd, mode) < 0 ? -errno : 0;
}

static int make_directory(int dir, const char *name, int *ret_fd) {
        _cleanup_close_ int fd = -EBADF;

        if (mkdirat(dir, name, 0700) < 0 && errno != EEXIST)
                return -errno;
        fd = openat(dir, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        if (fd < 0 || fchmod(fd, 0755) < 0)
                return -errno;
        *ret_fd = TAKE_FD(fd);
        return 0;
}

static int copy_file(int from, int to, const char *name, mode_t mode, Fault *f) {
        _cleanup_free_ uint8_t *data = NULL;
        size_t size;
        int r;

        r = read_file_at(from, name, FILE_MAX, &data, &size);
        if (r == -EFBIG)
                return fault_set(f, EINVAL, name, "a file of at most 10 MiB in the spec", "a larger one");
        if (r >= 0)
                r = write_file(to, name, data, size, mode & 0111 ? 0755 : 0644);
        return r == -ENOMEM || r >= 0 ? r : fault_set(f, r, name, "to be copied into the guest's spec", "%s", strerror(-r));
}

static int copy_tree(int from, int to, unsigned depth, Fault *f);

static int copy_entry(int from, int to, const char *name, unsigned depth, Fault *f) {
        _cleanup_close_ int below = -EBADF, target = -EBADF;
        struct stat st;
        int r;

        if (strcmp(name, ".git") == 0)
                return fault_set(f, EINVAL, "spec", "no repository in it, which the guest refuses", "%s", name);
        if (fstatat(from, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
                return fault_set(f, errno, name, "to be there", "%s", strerror(errno));
        if (S_ISREG(st.st_mode))
                return copy_file(from, to, name, st.st_mode, f);
        if (!S_ISDIR(st.st_mode))
                return fault_set(f, EINVAL, name, "a file or a directory in the spec", "%s",
                                 S_ISLNK(st.st_mode) ? "a link, which the guest would not see" : "something else");
        below = openat(from, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        r = below < 0 ? -errno : make_directory(to, name, &target);
        if (r < 0)
                return fault_set(f, r, name, "to be copied into the guest's spec", "%s", strerror(-r));
        return copy_tree(below, target, depth + 1, f);
}

static int copy_tree(int from, int to, unsigned depth, Fault *f) {
        _cleanup_closedir_ DIR *d = NULL;
        struct dirent *e;
        int fd, r;

        if (depth > DEPTH_MAX)
                return fault_set(f, EINVAL, "spec", "at most 16 directories in each other", "more");
        fd = fcntl(from, F_DUPFD_CLOEXEC, 3);
        d = fd < 0 ? NULL : fdopendir(fd);
        if (!d)
                return fault_set(f, errno, "spec", "to be listed", "%s", strerror(errno));
        while ((errno = 0, e = readdir(d))) {
                if (strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0)
                        continue;
                r = copy_entry(from, to, e->d_name, depth, f);
                if (r < 0)
                        return r;
        }
        return errno != 0 ? fault_set(f, errno, "spec", "to be listed", "%s", strerror(errno)) : 0;
}

/* One of TON's configurations, under the name that the guest knows. */
static int place_config(const char *key, const char *path, int to, const char *name, Fault *f) {
        _cleanup_free_ uint8_t *data = NULL;
        size_t size;
        int r;

        if (!path)
                return 0;
        r = read_file_at(AT_FDCWD, path, FILE_MAX, &data, &size);
        if (r >= 0)
                r = write_file(to, name, data, size, 0644);
        return r == -ENOMEM || r >= 0 ? r : fault_set(f, r, key, "a file of at most 10 MiB", "%s: %s", path, read_file_strerror(r));
}

/* The tree's own lines first. `vars` are said last. */
static int write_vars(int to, Vars *vars, Fault *f) {
        _cleanup_(vars_freep) Vars *all = vars_new();
        _cleanup_free_ char *own = vars_text(vars), *text = NULL;
        _cleanup_free_ uint8_t *data = NULL;
        size_t size;
        int r;

        if (!all || !own)
                return -ENOMEM;
        r = read_file_at(to, VARS_FILE, RUNTIME_VARS_MAX, &data, &size);
        if (r == -ENOMEM)
                return r;
        if (r < 0 && r != -ENOENT)
                return fault_set(f, r, VARS_FILE, "at most 64 KiB of text", "%s", read_file_strerror(r));
        r = r < 0 ? 0 : vars_read(all, (char *) data, size, f);
        if (r >= 0)
                r = vars_read(all, own, strlen(own), f);
        if (r < 0)
                return r;
        text = vars_text(all);
        if (!text)
                return -ENOMEM;
        r = write_file(to, VARS_FILE, text, strlen(text), 0644);
        return r < 0 ? fault_set(f, r, VARS_FILE, "to be written", "%s", strerror(-r)) : 0;
}

static int fill(int to, const WorkerConfig *c, Vars *vars, Fault *f) {
        _cleanup_close_ int from = open(c->spec_dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC), runtime = -EBADF;
        int r;

        if (from < 0)
                return fault_set(f, errno, "spec_dir", "the tree of the node's type", "%s: %s", c->spec_dir, strerror(errno));
        r = copy_tree(from, to, 0, f);
        if (r < 0)
                return r;
        r = make_directory(to, "runtime", &runtime);
        if (r < 0)
                return fault_set(f, r, "spec", "a directory runtime in it", "%s", strerror(-r));
        r = place_config("ton_config_base", c->ton_config_base, to, "global.config.json", f);
        if (r >= 0)
                r = place_config("ton_config", c->ton_config, runtime, "global.config.json", f);
        return r < 0 ? r : write_vars(to, vars, f);
}

int spectree_make(const WorkerConfig *c, Vars *vars, const char *target, Fault *ret_fault) {
        _cleanup_close_ int to = -EBADF;

        if (mkdir(target, 0700) < 0)
                return fault_set(ret_fault, errno, "the guest's spec", "a new directory", "%s: %s", target, strerror(errno));
        to = open(target, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        if (to < 0 || fchmod(to, 0755) < 0)
                return fault_set(ret_fault, errno, "the guest's spec", "a directory", "%s: %s", target, strerror(errno));
        return fill(to, c, vars, ret_fault);
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw) {
        return remove(path) < 0 ? -1 : 0;
}

int spectree_remove(const char *path) {
        return nftw(path, remove_one, 16, FTW_DEPTH | FTW_PHYS) < 0 && errno != ENOENT ? -errno : 0;
}
