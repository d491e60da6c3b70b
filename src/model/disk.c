/* SPDX-License-Identifier: Apache-2.0 */

#include "model/disk.h"

#include <fcntl.h>
#include <libcryptsetup.h>
#include <string.h>
#include <sys/file.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/stat.h>

#include "basic/hex.h"
#include "basic/io.h"
#include "model/claim.h"
#include "model/erofs.h"
#include "model/verity.h"

#define MAPPING_PATH "/dev/mapper/" MODEL_MAPPING
#define STATE_DIRECTORY "/run/cocoon"

typedef struct crypt_device CryptDevice;
DEFINE_CLEANUP_FUNC(CryptDevice *, crypt_free)

/* What libcryptsetup says about a failure, the first line of it without its full stop. */
typedef struct CryptLog {
        char text[192];
} CryptLog;

static void keep_message(int level, const char *message, void *userdata) {
        CryptLog *log = userdata;

        if (level == CRYPT_LOG_ERROR && !log->text[0])
                (void) snprintf(log->text, sizeof(log->text), "%.*s", (int) strcspn(message, ".\n"), message);
}

/* For calls without a context, which would print. Their errors speak for themselves. */
static void ignore_message(int level, const char *message, void *userdata) {
}

/* Whoever opens or closes holds this; two at once would undo each other's work. */
static int lock_state(int *ret_fd, Fault *f) {
        _cleanup_close_ int fd = -EBADF;

        if (mkdir(STATE_DIRECTORY, 0755) < 0 && errno != EEXIST)
                return fault_set(f, errno, "directory", STATE_DIRECTORY, "%s", strerror(errno));
        fd = open(STATE_DIRECTORY, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (fd < 0 || flock(fd, LOCK_EX) < 0)
                return fault_set(f, errno, "directory", STATE_DIRECTORY, "%s", strerror(errno));
        *ret_fd = TAKE_FD(fd);
        return 0;
}

typedef struct Devices {
        int data_fd, tree_fd;
        uint64_t data_size, tree_size;
        VerityGeometry geometry;
} Devices;

static void devices_done(Devices *d) {
        closep(&d->data_fd);
        closep(&d->tree_fd);
}

static int open_device(const char *path, int *ret_fd, uint64_t *ret_size, Fault *f) {
        _cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
        struct stat st;

        if (fd < 0 && (errno == ENOENT || errno == ENXIO))
                return fault_set(f, ENODEV, "disk", path, "none");
        if (fd < 0 || fstat(fd, &st) < 0)
                return fault_set(f, errno, "disk", path, "%s", strerror(errno));
        if (!S_ISBLK(st.st_mode))
                return fault_set(f, ENODEV, "disk", path, "what is no block device");
        if (ioctl(fd, BLKGETSIZE64, ret_size) < 0)
                return fault_set(f, errno, "size of a disk", path, "%s", strerror(errno));
        *ret_fd = TAKE_FD(fd);
        return 0;
}

static int check_tree_size(const Devices *d, Fault *f) {
        uint64_t wanted = d->geometry.file_blocks * VERITY_BLOCK_SIZE;
        char expected[96];

        if (d->tree_size == wanted)
                return 0;
        (void) snprintf(expected, sizeof(expected), "%llu bytes, for an image of %llu",
                        (unsigned long long) wanted, (unsigned long long) d->data_size);
        return fault_set(f, EBADMSG, "size of the hash tree's disk", expected, "%llu bytes",
                         (unsigned long long) d->tree_size);
}

/* What can be said before the kernel is asked, for a message with both hashes in it. The disks may be others the
 * next time they are read: nothing below relies on this. */
static int check_root(const Devices *d, const ModelSpec *spec, Fault *f) {
        char wanted[2 * ROOT_HASH_SIZE + 1], found[2 * ROOT_HASH_SIZE + 1];
        uint8_t root[VERITY_DIGEST_SIZE];
        int r;

        r = verity_read_root(d->tree_fd, &d->geometry, block_hash_choose(), root);
        if (r < 0)
                return fault_set(f, r, "hash tree", "a top block", "%s", strerror(-r));
        if (memcmp(root, spec->root_hash, sizeof(root)) == 0)
                return 0;
        return fault_set(f, EBADMSG, "root hash", hex_encode(spec->root_hash, ROOT_HASH_SIZE, wanted), "%s",
                         hex_encode(root, sizeof(root), found));
}

static int open_devices(const ModelSpec *spec, const DiskOptions *o, Devices *ret, Fault *f) {
        _cleanup_(devices_done) Devices d = { .data_fd = -EBADF, .tree_fd = -EBADF };
        int r;

        r = open_device(o->data_device, &d.data_fd, &d.data_size, f);
        if (r < 0)
                return r;
        r = open_device(o->tree_device, &d.tree_fd, &d.tree_size, f);
        if (r < 0)
                return r;
        r = verity_read_superblock(d.tree_fd, d.data_size, &d.geometry, f);
        if (r < 0 && r != -EBADMSG)
                return fault_set(f, r, "hash tree", "a superblock", "%s: %s", o->tree_device, strerror(-r));
        if (r >= 0)
                r = check_tree_size(&d, f);
        if (r >= 0)
                r = check_root(&d, spec, f);
        if (r < 0)
                return r;
        *ret = d;
        d.data_fd = d.tree_fd = -EBADF;
        return 0;
}

/* dm-verity itself is content with a root hash until something is read. */
static int check_mapping(CryptDevice *cd, Fault *f) {
        _cleanup_close_ int fd = open(MAPPING_PATH, O_RDONLY | O_CLOEXEC);
        struct crypt_active_device active;
        uint8_t block[VERITY_BLOCK_SIZE];
        int r;

        if (fd < 0)
                return fault_set(f, errno, "verified device", MAPPING_PATH, "%s", strerror(errno));
        r = pread_all(fd, block, sizeof(block), 0);
        if (r < 0)
                return fault_set(f, EBADMSG, "verified device", "a first block that the root hash stands for",
                                 "%s", strerror(-r));
        r = crypt_get_active_device(cd, MODEL_MAPPING, &active);
        if (r < 0)
                return fault_set(f, r, "verified device", "its state", "%s", strerror(-r));
        if ((active.flags & CRYPT_ACTIVATE_CORRUPTED) || !(active.flags & CRYPT_ACTIVATE_READONLY))
                return fault_set(f, EBADMSG, "verified device", "read-only, without corruption", "another state");
        return 0;
}

/* The parameters are the recipe's and the sizes what the disks have; the superblock says the same, or
 * open_devices() had refused it, and is not asked again. */
static int activate(CryptDevice *cd, const ModelSpec *spec, const DiskOptions *o, const Devices *d) {
        struct crypt_params_verity params = {
                .hash_name = "sha256",
                .salt = (const char *) verity_salt,
                .salt_size = VERITY_SALT_SIZE,
                .hash_type = 1,
                .data_block_size = VERITY_BLOCK_SIZE,
                .hash_block_size = VERITY_BLOCK_SIZE,
                .data_size = d->geometry.data_blocks,
                .hash_area_offset = VERITY_BLOCK_SIZE,
                .flags = CRYPT_VERITY_NO_HEADER,
        };
        uint32_t flags = CRYPT_ACTIVATE_READONLY | CRYPT_ACTIVATE_PRIVATE;
        int r;

        if (o->panic_on_corruption)
                flags |= CRYPT_ACTIVATE_PANIC_ON_CORRUPTION;
        r = crypt_format(cd, CRYPT_VERITY, NULL, NULL, NULL, NULL, 0, &params);
        if (r < 0)
                return r;
        return crypt_activate_by_volume_key(cd, MODEL_MAPPING, (const char *) spec->root_hash, ROOT_HASH_SIZE,
                                            flags);
}

static int open_mapping(const ModelSpec *spec, const DiskOptions *o, const Devices *d, Fault *f) {
        _cleanup_(crypt_freep) CryptDevice *cd = NULL;
        CryptLog log = {};
        int r;

        r = crypt_init_data_device(&cd, o->tree_device, o->data_device);
        if (r >= 0) {
                crypt_set_log_callback(cd, keep_message, &log);
                r = activate(cd, spec, o, d);
        }
        if (r < 0)
                return fault_set(f, r == -ENOTSUP ? EOPNOTSUPP : r, "dm-verity",
                                 "to be set up, by a kernel that has it (CONFIG_DM_VERITY)", "%s",
                                 log.text[0] ? log.text : strerror(-r));
        r = check_mapping(cd, f);
        if (r < 0)
                (void) crypt_deactivate(cd, MODEL_MAPPING);
        return r;
}

/* 1 or 0, or an error when device mapper does not answer. */
static int mapping_exists(Fault *f) {
        crypt_status_info status = crypt_status(NULL, MODEL_MAPPING);

        if (status == CRYPT_INVALID)
                return fault_set(f, EOPNOTSUPP, "device mapper", "root, and a kernel with CONFIG_BLK_DEV_DM",
                                 "no answer from /dev/mapper/control");
        return status != CRYPT_INACTIVE;
}

static int close_mapping(Fault *f) {
        int r = crypt_deactivate(NULL, MODEL_MAPPING);

        if (r < 0)
                return fault_set(f, r, "verified device", "one that nothing uses", "%s: %s", MAPPING_PATH,
                                 strerror(-r));
        return 0;
}

static int mount_model(const ModelSpec *spec, const DiskOptions *o, const Devices *d, Fault *f) {
        int r;

        if (mkdir(o->mount_point, 0755) < 0 && errno != EEXIST)
                return fault_set(f, errno, "mount point", o->mount_point, "%s", strerror(errno));
        r = erofs_mount_archive(MAPPING_PATH, o->mount_point, f);
        if (r < 0)
                return r;
        r = claim_write(spec, o, d->data_size);
        if (r >= 0)
                return 0;
        (void) erofs_unmount(o->mount_point, NULL);
        return fault_set(f, r, "file", MODEL_CLAIM, "%s", strerror(-r));
}

static int open_locked(const ModelSpec *spec, const DiskOptions *o, Fault *f) {
        _cleanup_(devices_done) Devices d = { .data_fd = -EBADF, .tree_fd = -EBADF };
        int r;

        r = mapping_exists(f);
        if (r < 0)
                return r;
        if (r > 0)
                return fault_set(f, EBUSY, "verified device", "none before this one", "%s, open already",
                                 MAPPING_PATH);
        r = claim_remove();
        if (r < 0)
                return fault_set(f, r, "file", "to be removed: " MODEL_CLAIM, "%s", strerror(-r));
        r = open_devices(spec, o, &d, f);
        if (r < 0)
                return r;
        r = open_mapping(spec, o, &d, f);
        if (r < 0)
                return r;
        r = mount_model(spec, o, &d, f);
        if (r < 0)
                (void) close_mapping(NULL);
        return r;
}

int disk_open(const ModelSpec *spec, const DiskOptions *options, Fault *ret_fault) {
        _cleanup_close_ int lock_fd = -EBADF;
        DiskOptions o = *options;
        int r;

        crypt_set_log_callback(NULL, ignore_message, NULL);
        o.data_device = o.data_device ?: MODEL_DATA_DEVICE;
        o.tree_device = o.tree_device ?: MODEL_TREE_DEVICE;
        o.mount_point = o.mount_point ?: MODEL_MOUNT_POINT;
        r = lock_state(&lock_fd, ret_fault);
        return r < 0 ? r : open_locked(spec, &o, ret_fault);
}

/* A mount keeps the mapping under it busy, so without a mapping whatever is mounted there is somebody else's. */
static int close_locked(const char *mount_point, Fault *f) {
        int exists, r;

        exists = mapping_exists(f);
        if (exists < 0)
                return exists;
        r = exists ? erofs_unmount(mount_point, f) : 0;
        if (r < 0 && r != -ENOENT)
                return r;
        r = claim_remove();
        if (r < 0)
                return fault_set(f, r, "file", "to be removed: " MODEL_CLAIM, "%s", strerror(-r));
        return exists ? close_mapping(f) : 0;
}

int disk_close(const DiskOptions *options, Fault *ret_fault) {
        _cleanup_close_ int lock_fd = -EBADF;
        _cleanup_free_ char *claimed = NULL;
        int r;

        crypt_set_log_callback(NULL, ignore_message, NULL);
        r = lock_state(&lock_fd, ret_fault);
        if (r < 0)
                return r;
        if (!options->mount_point)
                (void) claim_read_mount_point(&claimed);
        return close_locked(options->mount_point ?: claimed ?: MODEL_MOUNT_POINT, ret_fault);
}
