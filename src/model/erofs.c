/* SPDX-License-Identifier: Apache-2.0 */

#include "model/erofs.h"

#include <fcntl.h>
#include <linux/loop.h>
#include <linux/magic.h>
#include <spawn.h>
#include <stdbool.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/statfs.h>
#include <sys/utsname.h>
#include <sys/wait.h>

#define KERNEL_NEEDED "a kernel with EROFS for blocks of 512 bytes, 6.4 or newer (CONFIG_EROFS_FS)"
#define TOOL_NEEDED   "mkfs.erofs of erofs-utils 1.7 or newer"

#define LOOP_BLOCK_SIZE 512U /* EROFS's own for an archive: files begin at any multiple of it */
#define LOOP_ATTEMPTS   64
#define LOOP_PATH_MAX   32U

/* Sectors. A model is read from its beginning to its end, and dm-verity hashes the blocks of one long request on
 * several processors. */
#define READ_AHEAD 8192UL

#define INDEX_FD 3 /* in the child */

typedef struct LoopDevice {
        int fd; /* whoever closes it last detaches it */
        char path[LOOP_PATH_MAX];
} LoopDevice;

static void loop_device_done(LoopDevice *loop) {
        closep(&loop->fd);
}

static void set_read_ahead(int fd) {
        (void) ioctl(fd, BLKRASET, READ_AHEAD); /* slower without, but no worse */
}

/* 0, -EBUSY when somebody else took this device first, or an errno. */
static int loop_configure(int backing_fd, LoopDevice *ret) {
        struct loop_config config = {
                .fd = (uint32_t) backing_fd,
                .block_size = LOOP_BLOCK_SIZE,
                .info.lo_flags = LO_FLAGS_READ_ONLY | LO_FLAGS_AUTOCLEAR,
        };
        _cleanup_close_ int fd = open(ret->path, O_RDONLY | O_CLOEXEC);

        if (fd < 0 || ioctl(fd, LOOP_CONFIGURE, &config) < 0)
                return -errno;
        set_read_ahead(fd);
        ret->fd = TAKE_FD(fd);
        return 0;
}

static int loop_attach(int backing_fd, LoopDevice *ret) {
        _cleanup_close_ int control_fd = open("/dev/loop-control", O_RDWR | O_CLOEXEC);
        int r = -EBUSY;

        if (control_fd < 0)
                return -errno;
        for (int i = 0; i < LOOP_ATTEMPTS && r == -EBUSY; i++) {
                int number = ioctl(control_fd, LOOP_CTL_GET_FREE);

                if (number < 0)
                        return -errno;
                (void) snprintf(ret->path, sizeof(ret->path), "/dev/loop%d", number);
                r = loop_configure(backing_fd, ret);
        }
        return r;
}

/* All that the child says, of which the first `size` - 1 bytes are kept: the reason comes before the consequences.
 * */
static void read_output(int fd, char *ret, size_t size) {
        char rest[512];
        size_t n = 0;

        for (;;) {
                bool full = n + 1 >= size;
                ssize_t k = read(fd, full ? rest : ret + n, full ? sizeof(rest) : size - 1 - n);

                if (k < 0 && errno == EINTR)
                        continue;
                if (k <= 0)
                        break;
                if (!full)
                        n += (size_t) k;
        }
        ret[n] = '\0';
        ret[strcspn(ret, "\n")] = '\0';
}

static int add_descriptors(posix_spawn_file_actions_t *actions, int index_fd, int output_fd) {
        int r;

        r = posix_spawn_file_actions_addopen(actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
        if (r == 0)
                r = posix_spawn_file_actions_addopen(actions, STDOUT_FILENO, "/dev/null", O_WRONLY, 0);
        if (r == 0)
                r = posix_spawn_file_actions_adddup2(actions, output_fd, STDERR_FILENO);
        if (r == 0)
                r = posix_spawn_file_actions_adddup2(actions, index_fd, INDEX_FD);
        return -r;
}

/* Starts mkfs.erofs with the index as its descriptor INDEX_FD. */
static int spawn_mkfs(const char *device, int index_fd, int output_fd, pid_t *ret) {
        char locale[] = "LC_ALL=C", path[] = "PATH=/usr/sbin:/usr/bin:/sbin:/bin";
        char name[] = "mkfs.erofs", mode[] = "--tar=i", index[32];
        _cleanup_free_ char *input = strdup(device);
        char *arguments[] = { name, mode, index, input, NULL }, *environment[] = { locale, path, NULL };
        posix_spawn_file_actions_t actions;
        int r;

        if (!input || posix_spawn_file_actions_init(&actions) != 0)
                return -ENOMEM;
        (void) snprintf(index, sizeof(index), "/proc/self/fd/%d", INDEX_FD);
        r = add_descriptors(&actions, index_fd, output_fd);
        if (r == 0)
                r = -posix_spawnp(ret, name, &actions, NULL, arguments, environment);
        (void) posix_spawn_file_actions_destroy(&actions);
        return r;
}

static int wait_for(pid_t pid, int *ret_status) {
        while (waitpid(pid, ret_status, 0) < 0)
                if (errno != EINTR)
                        return -errno;
        return 0;
}

/* What the tool said about a failure, told apart: too old for the job, or the archive is at fault. */
static int mkfs_failed(const char *device, int status, const char *said, Fault *f) {
        if (strstr(said, "unrecognized option") || strstr(said, "invalid option"))
                return fault_set(f, EOPNOTSUPP, "EROFS index", TOOL_NEEDED, "an older one: %s", said);
        if (WIFSIGNALED(status))
                return fault_set(f, EIO, "EROFS index", "mkfs.erofs to make it", "mkfs.erofs ended by signal %d",
                                 WTERMSIG(status));
        return fault_set(f, EBADMSG, "EROFS index", "an archive that mkfs.erofs can read", "%s: %s", device,
                         said[0] ? said : "another one");
}

static int make_index(const char *device, int *ret_fd, Fault *f) {
        _cleanup_close_ int index_fd = memfd_create("cocoon-model-index", MFD_CLOEXEC | MFD_ALLOW_SEALING);
        _cleanup_close_ int read_fd = -EBADF;
        char said[192];
        int pipe_fds[2], status, r;
        pid_t pid;

        if (index_fd < 0 || pipe2(pipe_fds, O_CLOEXEC) < 0)
                return fault_set(f, errno, "EROFS index", "memory for it", "%s", strerror(errno));
        read_fd = pipe_fds[0];
        r = spawn_mkfs(device, index_fd, pipe_fds[1], &pid);
        closep(&pipe_fds[1]);
        if (r < 0)
                return fault_set(f, r == -ENOENT ? EOPNOTSUPP : r, "EROFS index", TOOL_NEEDED, "%s", strerror(-r));
        read_output(read_fd, said, sizeof(said));
        r = wait_for(pid, &status);
        if (r < 0)
                return fault_set(f, r, "EROFS index", "mkfs.erofs to end", "%s", strerror(-r));
        if (status != 0)
                return mkfs_failed(device, status, said, f);
        if (fcntl(index_fd, F_ADD_SEALS, F_SEAL_WRITE | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL) < 0)
                return fault_set(f, errno, "EROFS index", "to be sealed", "%s", strerror(errno));
        *ret_fd = TAKE_FD(index_fd);
        return 0;
}

static int mount_failed(int error, const char *mount_point, Fault *f) {
        struct utsname name = {};

        (void) uname(&name);
        if (error == ENODEV || error == EINVAL)
                return fault_set(f, EOPNOTSUPP, "EROFS mount", KERNEL_NEEDED, "kernel %s, which says: %s",
                                 name.release, strerror(error));
        return fault_set(f, error, "EROFS mount", mount_point, "%s", strerror(error));
}

/* The data comes through a loop device as well: files begin at multiples of 512 bytes, and dm-verity takes no
 * request that is not aligned to its blocks of 4096. The loop device reads whole pages. */
int erofs_mount_archive(const char *device, const char *mount_point, Fault *ret_fault) {
        _cleanup_(loop_device_done) LoopDevice index = { .fd = -EBADF }, data = { .fd = -EBADF };
        _cleanup_close_ int index_fd = -EBADF, device_fd = -EBADF;
        char options[LOOP_PATH_MAX + 16];
        int r;

        r = make_index(device, &index_fd, ret_fault);
        if (r < 0)
                return r;
        device_fd = open(device, O_RDONLY | O_CLOEXEC);
        if (device_fd < 0)
                return fault_set(ret_fault, errno, "verified device", device, "%s", strerror(errno));
        set_read_ahead(device_fd);
        r = loop_attach(index_fd, &index);
        if (r >= 0)
                r = loop_attach(device_fd, &data);
        if (r < 0)
                return fault_set(ret_fault, r, "loop device", "two, from a kernel with loop devices, 5.8 or newer",
                                 "%s", strerror(-r));
        (void) snprintf(options, sizeof(options), "device=%s", data.path);
        if (mount(index.path, mount_point, "erofs", MS_RDONLY | MS_NODEV | MS_NOSUID | MS_NOEXEC, options) < 0)
                return mount_failed(errno, mount_point, ret_fault);
        return 0;
}

int erofs_unmount(const char *mount_point, Fault *ret_fault) {
        struct statfs fs;

        if (statfs(mount_point, &fs) < 0 || (unsigned long) fs.f_type != EROFS_SUPER_MAGIC_V1)
                return -ENOENT;
        if (umount2(mount_point, UMOUNT_NOFOLLOW) >= 0)
                return 0;
        if (errno == EINVAL) /* a directory of another one */
                return -ENOENT;
        return fault_set(ret_fault, errno, "mount of the model", "one that nothing uses", "%s: %s", mount_point,
                         strerror(errno));
}
