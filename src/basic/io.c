/* SPDX-License-Identifier: Apache-2.0 */

#include "basic/io.h"

#include <fcntl.h>
#include <libgen.h>
#include <string.h>
#include <sys/stat.h>

#include "basic/cleanup.h"

static int read_all(int fd, uint8_t *data, size_t size, size_t *ret_size) {
        size_t n = 0;

        while (n < size) {
                ssize_t k = read(fd, data + n, size - n);

                if (k < 0 && errno == EINTR)
                        continue;
                if (k < 0)
                        return -errno;
                if (k == 0)
                        break;
                n += (size_t) k;
        }
        *ret_size = n;
        return 0;
}

/* O_NONBLOCK: opening a FIFO must not wait for a writer. */
#define OPEN_FLAGS (O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY)

/* Of what was just opened, or an error of that. */
static int check_regular(int fd, struct stat *ret_st) {
        if (fd < 0 || fstat(fd, ret_st) < 0)
                return -errno;
        if (S_ISDIR(ret_st->st_mode))
                return -EISDIR;
        return S_ISREG(ret_st->st_mode) ? 0 : -EINVAL;
}

static int read_regular(int fd, size_t limit, uint8_t **ret, size_t *ret_size) {
        _cleanup_free_ uint8_t *data = NULL;
        struct stat st;
        size_t size = 0;
        int r;

        r = check_regular(fd, &st);
        if (r < 0)
                return r;
        if (st.st_size < 0 || (uint64_t) st.st_size > limit)
                return -EFBIG;

        /* One byte more than it had, so that a file that grows meanwhile is noticed. */
        data = malloc((size_t) st.st_size + 2);
        if (!data)
                return -ENOMEM;
        r = read_all(fd, data, (size_t) st.st_size + 1, &size);
        if (r < 0)
                return r;
        if (size > (size_t) st.st_size)
                return -EBUSY;
        data[size] = 0;
        *ret = TAKE_PTR(data);
        *ret_size = size;
        return 0;
}

int read_file_at(int dir_fd, const char *path, size_t limit, uint8_t **ret, size_t *ret_size) {
        _cleanup_close_ int fd = openat(dir_fd, path, OPEN_FLAGS);

        return read_regular(fd, limit, ret, ret_size);
}

int read_file_nofollow_at(int dir_fd, const char *path, size_t limit, uint8_t **ret, size_t *ret_size) {
        _cleanup_close_ int fd = openat(dir_fd, path, OPEN_FLAGS | O_NOFOLLOW);

        return read_regular(fd, limit, ret, ret_size);
}

int read_virtual_file_at(int dir_fd, const char *path, size_t limit, uint8_t **ret, size_t *ret_size) {
        _cleanup_close_ int fd = openat(dir_fd, path, OPEN_FLAGS);
        _cleanup_free_ uint8_t *data = NULL;
        struct stat st;
        size_t size = 0;
        int r;

        r = check_regular(fd, &st);
        if (r < 0)
                return r;
        data = malloc(limit + 1);
        if (!data)
                return -ENOMEM;
        r = read_all(fd, data, limit + 1, &size);
        if (r < 0)
                return r;
        if (size > limit)
                return -EFBIG;
        data[size] = 0;
        *ret = TAKE_PTR(data);
        *ret_size = size;
        return 0;
}

const char *read_file_strerror(int error) {
        return error == -EINVAL ? "Not a regular file" : strerror(abs(error));
}

int write_all(int fd, const void *data, size_t size) {
        const uint8_t *p = data;

        while (size > 0) {
                ssize_t k = write(fd, p, size);

                if (k < 0 && errno == EINTR)
                        continue;
                if (k < 0)
                        return -errno;
                p += k;
                size -= (size_t) k;
        }
        return 0;
}

int sync_directory(const char *path) {
        _cleanup_close_ int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

        return fd < 0 || fsync(fd) < 0 ? -errno : 0;
}

int sync_directory_of(const char *path) {
        _cleanup_free_ char *copy = strdup(path);

        return copy ? sync_directory(dirname(copy)) : -ENOMEM;
}

static int write_temporary(int fd, const void *data, size_t size, mode_t mode) {
        int r;

        r = write_all(fd, data, size);
        if (r < 0)
                return r;
        if (fchmod(fd, mode) < 0 || fsync(fd) < 0)
                return -errno;
        return 0;
}

/* rename() would put a file in place of /dev/null, or of /dev/stdout, which is a link. */
static int check_replaceable(const char *path) {
        struct stat st;

        if (lstat(path, &st) < 0)
                return errno == ENOENT ? 0 : -errno;
        if (S_ISDIR(st.st_mode))
                return -EISDIR;
        return S_ISREG(st.st_mode) ? 0 : -EINVAL;
}

int remove_file(const char *path) {
        int r;

        r = check_replaceable(path);
        if (r < 0)
                return r;
        return unlink(path) < 0 && errno != ENOENT ? -errno : 0;
}

int write_file_atomic(const char *path, const void *data, size_t size, mode_t mode) {
        _cleanup_close_ int fd = -EBADF;
        _cleanup_free_ char *temporary = NULL;
        int r;

        r = check_replaceable(path);
        if (r < 0)
                return r;
        if (asprintf(&temporary, "%s.XXXXXX", path) < 0)
                return -ENOMEM;
        fd = mkostemp(temporary, O_CLOEXEC);
        if (fd < 0)
                return -errno;
        r = write_temporary(fd, data, size, mode);
        if (r >= 0 && rename(temporary, path) < 0)
                r = -errno;
        if (r < 0) {
                (void) unlink(temporary);
                return r;
        }
        return sync_directory_of(path);
}

int pread_all(int fd, void *ret, size_t size, uint64_t offset) {
        uint8_t *p = ret;

        while (size > 0) {
                ssize_t k = pread(fd, p, size, (off_t) offset);

                if (k < 0 && errno == EINTR)
                        continue;
                if (k <= 0)
                        return k < 0 ? -errno : -EIO;
                p += k;
                size -= (size_t) k;
                offset += (uint64_t) k;
        }
        return 0;
}

int pwrite_all(int fd, const void *data, size_t size, uint64_t offset) {
        const uint8_t *p = data;

        while (size > 0) {
                ssize_t k = pwrite(fd, p, size, (off_t) offset);

                if (k < 0 && errno == EINTR)
                        continue;
                if (k < 0)
                        return -errno;
                p += k;
                size -= (size_t) k;
                offset += (uint64_t) k;
        }
        return 0;
}
