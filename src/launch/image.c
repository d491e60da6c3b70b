/* SPDX-License-Identifier: Apache-2.0 */

#include "launch/image.h"

#include <fcntl.h>
#include <inttypes.h>
#include <string.h>
#include <sys/stat.h>

#include "basic/io.h"

#define COMMAND_LINE_MAX 2048U /* the kernel's own limit on x86 */
#define SECTOR_SIZE      512

/* QEMU's locks on an image (its block/file-posix.c): one byte for each thing it does, from 100, and for each that it does not
 * want others to do, from 200. */
#define QEMU_LOCKS_START 100
#define QEMU_LOCKS_END   264

void guest_image_done(GuestImage *image) {
        free(image->firmware);
        free(image->kernel);
        free(image->initrd);
        free(image->disk);
        free(image->command_line);
        *image = (GuestImage){};
}

static int find_file(const char *directory, const char *name, char **ret, Fault *f) {
        _cleanup_close_ int fd = -EBADF;
        _cleanup_free_ char *path = NULL;
        struct stat st;

        if (asprintf(&path, "%s/%s", directory, name) < 0) {
                path = NULL;
                return -ENOMEM;
        }
        fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
        if (fd < 0 || fstat(fd, &st) < 0)
                return fault_set(f, errno, name, "a file of the guest's image (image-dir)", "%s: %s", path, strerror(errno));
        if (!S_ISREG(st.st_mode) || st.st_size == 0)
                return fault_set(f, EINVAL, name, "a file of the guest's image (image-dir)", "%s: %s", path,
                                 S_ISREG(st.st_mode) ? "it is empty" : "no regular file");
        *ret = TAKE_PTR(path);
        return 0;
}

/* The line is measured with the kernel: what stands in it must be what the guest gets. */
static int read_command_line(const char *directory, char **ret, Fault *f) {
        _cleanup_free_ char *path = NULL;
        _cleanup_free_ uint8_t *text = NULL;
        size_t size;
        int r;

        r = find_file(directory, "image.cmdline", &path, f);
        if (r < 0)
                return r;
        r = read_file_at(AT_FDCWD, path, COMMAND_LINE_MAX, &text, &size);
        if (r < 0)
                return r == -ENOMEM ? r : fault_set(f, r, "image.cmdline", "at most 2 KiB", "%s: %s", path, read_file_strerror(r));
        if (size > 0 && text[size - 1] == '\n')
                text[--size] = 0;
        for (size_t i = 0; i < size; i++)
                if (text[i] < 0x20 || text[i] > 0x7e)
                        return fault_set(f, EINVAL, "image.cmdline", "one line of text", "another character at %zu of %s", i, path);
        *ret = (char *) TAKE_PTR(text);
        return 0;
}

static int check_disk(const char *path, Fault *f) {
        struct stat st;

        if (stat(path, &st) < 0)
                return fault_set(f, errno, "image.img", "a disk", "%s: %s", path, strerror(errno));
        return st.st_size % SECTOR_SIZE != 0 ?
                       fault_set(f, EINVAL, "image.img", "a whole number of 512-byte sectors", "%s with %jd bytes: was it cut off?",
                                 path, (intmax_t) st.st_size) :
                       0;
}

int guest_image_find(const WorkerConfig *c, GuestImage *ret, Fault *ret_fault) {
        _cleanup_(guest_image_done) GuestImage image = {};
        const struct {
                const char *name;
                char **path;
        } rows[] = {
                { "image.vmlinuz", &image.kernel },
                { "image.initrd", &image.initrd },
                { "image.img", &image.disk },
                { "OVMF.fd", &image.firmware },
        };
        int r;

        for (size_t i = 0; i < ELEMENTSOF(rows); i++) {
                r = find_file(c->image_dir, rows[i].name, rows[i].path, ret_fault);
                if (r == -ENOENT && rows[i].path == &image.firmware && c->no_tdx)
                        continue;
                if (r < 0)
                        return r;
        }
        r = check_disk(image.disk, ret_fault);
        if (r >= 0)
                r = read_command_line(c->image_dir, &image.command_line, ret_fault);
        if (r < 0)
                return r;
        *ret = TAKE_STRUCT(image);
        return 0;
}

static int set_size(const WorkerConfig *c, int fd, Fault *f) {
        return ftruncate(fd, (off_t) c->persistent_size) < 0 ?
                       fault_set(f, errno, "persistent", "a sparse disk of the size persistent_size", "%s: %s", c->persistent,
                                 strerror(errno)) :
                       0;
}

static int make_persistent(const WorkerConfig *c, Fault *f) {
        _cleanup_close_ int fd = open(c->persistent, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);

        if (fd < 0)
                return fault_set(f, errno, "persistent", "a disk that can be made", "%s: %s", c->persistent, strerror(errno));
        return set_size(c, fd, f);
}

static int check_persistent(const WorkerConfig *c, int fd, bool look, Fault *f) {
        struct flock lock = { .l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = QEMU_LOCKS_START,
                              .l_len = QEMU_LOCKS_END - QEMU_LOCKS_START };
        struct stat st;

        if (fstat(fd, &st) < 0)
                return fault_set(f, errno, "persistent", "a disk", "%s: %s", c->persistent, strerror(errno));
        if (!S_ISREG(st.st_mode) && !S_ISBLK(st.st_mode))
                return fault_set(f, EINVAL, "persistent", "a raw image or a block device", "%s, which is neither", c->persistent);
        /* Somebody was killed, or had no space, while it was made. */
        if (S_ISREG(st.st_mode) && st.st_size == 0)
                return look ? 0 : set_size(c, fd, f);
        if (S_ISREG(st.st_mode) && (uint64_t) st.st_size < c->persistent_size)
                return fault_set(f, EINVAL, "persistent", "a disk of the size persistent_size at least; truncate(1) can grow it",
                                 "%s with %jd bytes, not %" PRIu64, c->persistent, (intmax_t) st.st_size, c->persistent_size);
        if (fcntl(fd, F_OFD_GETLK, &lock) == 0 && lock.l_type != F_UNLCK)
                return fault_set(f, EBUSY, "persistent", "a disk that no other guest has", "%s, which a running QEMU has open",
                                 c->persistent);
        return 0;
}

int persistent_prepare(const WorkerConfig *c, bool look, Fault *ret_fault) {
        _cleanup_close_ int fd = open(c->persistent, O_RDWR | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);

        if (fd >= 0)
                return check_persistent(c, fd, look, ret_fault);
        if (errno != ENOENT)
                return fault_set(ret_fault, errno, "persistent", "a disk that this user can write", "%s: %s", c->persistent,
                                 strerror(errno));
        return look ? 0 : make_persistent(c, ret_fault);
}
