/* SPDX-License-Identifier: Apache-2.0 */

#include "model/store.h"

#include <fcntl.h>
#include <string.h>
#include <sys/file.h>

#include "basic/hex.h"
#include "basic/io.h"
#include "model/archive.h"
#include "model/verity.h"

int store_paths_make(const char *directory, const ModelSpec *spec, StorePaths *ret) {
        _cleanup_(store_paths_done) StorePaths p = {};
        _cleanup_free_ char *name = model_image_name(spec);
        const struct {
                char **path;
                const char *suffix;
        } rows[] = {
                { &p.image, "" },
                { &p.tree, ".verity" },
                { &p.hash, ".hash" },
                { &p.stamp, ".verified" },
                { &p.image_partial, ".partial" },
                { &p.tree_partial, ".verity.partial" },
                { &p.other_tree_partial, ".verity.other.partial" },
                { &p.hash_partial, ".hash.partial" },
                { &p.journal, ".journal.partial" },
        };

        p.directory = strdup(directory);
        if (!name || !p.directory)
                return -ENOMEM;
        for (size_t i = 0; i < ELEMENTSOF(rows); i++)
                if (asprintf(rows[i].path, "%s/%s%s", directory, name, rows[i].suffix) < 0) {
                        *rows[i].path = NULL;
                        return -ENOMEM;
                }
        *ret = TAKE_STRUCT(p);
        return 0;
}

void store_paths_done(StorePaths *paths) {
        free(paths->directory);
        free(paths->image);
        free(paths->tree);
        free(paths->hash);
        free(paths->stamp);
        free(paths->image_partial);
        free(paths->tree_partial);
        free(paths->other_tree_partial);
        free(paths->hash_partial);
        free(paths->journal);
        *paths = (StorePaths){};
}

static int read_hash(const char *path, uint8_t ret[static ROOT_HASH_SIZE], Fault *f) {
        _cleanup_free_ uint8_t *text = NULL;
        size_t size;
        int r;

        r = read_file_at(AT_FDCWD, path, 4096, &text, &size);
        if (r == -ENOENT)
                return r;
        if (r < 0 || hex_decode((const char *) text, size, ret, ROOT_HASH_SIZE) < 0)
                return fault_set(f, EBADMSG, "hash file", "64 hexadecimal digits and nothing else", "%s: %s", path,
                                 r < 0 ? strerror(-r) : "something else");
        return 0;
}

static int check_finished(const StorePaths *paths, int image_fd, int tree_fd, const uint8_t *stated,
                          TarVersion *ret_version, Fault *f) {
        uint8_t root[ROOT_HASH_SIZE];
        VerityGeometry g;
        struct stat st;
        int r;

        if (fstat(image_fd, &st) < 0)
                return -errno;
        if (!S_ISREG(st.st_mode))
                return fault_set(f, EBADMSG, "image", "a regular file", "%s, which is none", paths->image);
        r = verity_read_superblock(tree_fd, (uint64_t) st.st_size, &g, f);
        if (r < 0)
                return r;
        r = verity_read_root(tree_fd, &g, block_hash_choose(), root);
        if (r < 0)
                return r;
        if (memcmp(root, stated, sizeof(root)) != 0)
                return fault_set(f, EBADMSG, "hash file", "the root hash of the tree beside it", "another one in %s",
                                 paths->hash);
        return archive_version(image_fd, (uint64_t) st.st_size, ret_version, f);
}

int store_find(const StorePaths *paths, uint8_t ret_root[static ROOT_HASH_SIZE], TarVersion *ret_version,
               Fault *ret_fault) {
        _cleanup_close_ int image_fd = open(paths->image, O_RDONLY | O_CLOEXEC | O_NONBLOCK), tree_fd = -EBADF;
        uint8_t stated[ROOT_HASH_SIZE];
        int r;

        if (image_fd < 0)
                return -errno;
        tree_fd = open(paths->tree, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
        r = tree_fd < 0 ? -errno : read_hash(paths->hash, stated, ret_fault);
        if (r == -ENOENT)
                return fault_set(ret_fault, EBADMSG, "finished image", "hash tree and hash file beside it", "none for %s",
                                 paths->image);
        if (r < 0)
                return r;
        r = check_finished(paths, image_fd, tree_fd, stated, ret_version, ret_fault);
        if (r < 0)
                return r;
        memcpy(ret_root, stated, sizeof(stated));
        return 0;
}

static bool is_named(const char *path, int fd) {
        struct stat own, named;

        return fstat(fd, &own) == 0 && stat(path, &named) == 0 && named.st_ino == own.st_ino && named.st_dev == own.st_dev;
}

static bool is_partial_image(const StorePaths *paths, int fd) {
        return is_named(paths->image_partial, fd);
}

int store_lock(const StorePaths *paths, int *ret_fd) {
        _cleanup_close_ int fd = open(paths->image_partial, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0644);

        if (fd < 0 || flock(fd, LOCK_EX | LOCK_NB) < 0)
                return -errno;
        /* Whoever had the lock may have published this very file, or thrown it away. */
        if (!is_partial_image(paths, fd))
                return -EAGAIN;
        *ret_fd = TAKE_FD(fd);
        return 0;
}

static int write_hash(const char *path, const uint8_t *root) {
        _cleanup_close_ int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0644);
        char text[2 * ROOT_HASH_SIZE + 1];
        int r;

        if (fd < 0)
                return -errno;
        r = pwrite_all(fd, hex_encode(root, ROOT_HASH_SIZE, text), 2 * ROOT_HASH_SIZE, 0);
        if (r < 0)
                return r;
        return fdatasync(fd) < 0 ? -errno : 0;
}

int store_publish(const StorePaths *paths, int image_fd, int tree_fd, const uint8_t root[static ROOT_HASH_SIZE]) {
        int r;

        r = write_hash(paths->hash_partial, root);
        if (r < 0)
                return r;
        if (fdatasync(image_fd) < 0 || fdatasync(tree_fd) < 0)
                return -errno;
        /* An image that is replaced is gone before its tree is: never an image beside another one's tree. */
        if (unlink(paths->image) == 0) {
                r = sync_directory(paths->directory);
                if (r < 0)
                        return r;
        } else if (errno != ENOENT)
                return -errno;
        (void) unlink(paths->stamp);
        /* Not after the image has its name: then the next builder may be at work under these. */
        (void) unlink(paths->other_tree_partial);
        (void) unlink(paths->journal);
        if (rename(paths->tree_partial, paths->tree) < 0 || rename(paths->hash_partial, paths->hash) < 0)
                return -errno;
        r = sync_directory(paths->directory);
        if (r < 0)
                return r;
        if (rename(paths->image_partial, paths->image) < 0)
                return -errno;
        return sync_directory(paths->directory);
}

void store_discard(const StorePaths *paths, int image_fd, bool keep_resumable) {
        if (!is_partial_image(paths, image_fd))
                return;
        (void) unlink(paths->tree_partial);
        (void) unlink(paths->other_tree_partial);
        (void) unlink(paths->hash_partial);
        /* Without a journal nothing has arrived. */
        if (keep_resumable && access(paths->journal, F_OK) == 0)
                return;
        (void) unlink(paths->journal);
        (void) unlink(paths->image_partial);
}

int store_use(const StorePaths *paths, int *ret_image_fd, int *ret_tree_fd) {
        for (;;) {
                _cleanup_close_ int image_fd = open(paths->image, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
                _cleanup_close_ int tree_fd = -EBADF;

                /* Whoever just built it lets go of it in a moment, and so does who removes it. */
                if (image_fd < 0 || flock(image_fd, LOCK_SH) < 0)
                        return -errno;
                if (!is_named(paths->image, image_fd))
                        continue;
                tree_fd = open(paths->tree, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
                if (tree_fd < 0)
                        return -errno;
                /* Still the image that this tree is of. */
                if (!is_named(paths->image, image_fd))
                        continue;
                *ret_image_fd = TAKE_FD(image_fd);
                *ret_tree_fd = TAKE_FD(tree_fd);
                return 0;
        }
}

/* 1 and the descriptor when it is there and nobody else's; 0 when it is not there. */
static int take(const char *path, int *ret) {
        _cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);

        if (fd < 0)
                return errno == ENOENT ? 0 : -errno;
        if (flock(fd, LOCK_EX | LOCK_NB) < 0)
                return errno == EWOULDBLOCK ? -EBUSY : -errno;
        if (!is_named(path, fd))
                return -EBUSY;
        *ret = TAKE_FD(fd);
        return 1;
}

int store_remove(const StorePaths *paths) {
        _cleanup_close_ int image_fd = -EBADF, partial_fd = -EBADF;
        const char *const rest[] = { paths->tree, paths->hash, paths->stamp };
        int image, partial;

        image = take(paths->image, &image_fd);
        if (image < 0)
                return image;
        partial = take(paths->image_partial, &partial_fd);
        if (partial < 0)
                return partial;
        if (image == 0 && partial == 0)
                return -ENOENT;
        /* The name that says "whole" goes first. */
        if (image > 0 && unlink(paths->image) < 0)
                return -errno;
        for (size_t i = 0; i < ELEMENTSOF(rest); i++)
                if (unlink(rest[i]) < 0 && errno != ENOENT)
                        return -errno;
        if (partial > 0)
                store_discard(paths, partial_fd, false);
        return sync_directory(paths->directory);
}
