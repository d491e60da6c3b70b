/* SPDX-License-Identifier: Apache-2.0 */

#include "launch/model.h"

#include <dirent.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "basic/hex.h"
#include "model/stamp.h"

void launch_model_done(LaunchModel *m) {
        free(m->image);
        free(m->tree);
        *m = (LaunchModel){};
}

static bool is_newer(const struct timespec *a, const struct timespec *b) {
        return a->tv_sec != b->tv_sec ? a->tv_sec > b->tv_sec : a->tv_nsec > b->tv_nsec;
}

/* A name is given to an image last of all, so what is listed here is finished. */
static int find_newest(const char *directory, ModelSpec *spec, unsigned *ret_others) {
        _cleanup_closedir_ DIR *d = opendir(directory);
        struct timespec newest = {};
        unsigned n = 0;
        struct dirent *e;

        while (d && (errno = 0, e = readdir(d))) {
                ModelSpec found;
                struct stat st;

                if (model_spec_from_image_name(e->d_name, &found) < 0 || strcmp(found.name, spec->name) != 0 ||
                    !model_commit_is_id(found.commit) || fstatat(dirfd(d), e->d_name, &st, 0) < 0)
                        continue;
                if (n++ > 0 && !is_newer(&st.st_mtim, &newest))
                        continue;
                newest = st.st_mtim;
                (void) memcpy(spec->commit, found.commit, sizeof(spec->commit));
        }
        if (errno != 0)
                return -errno;
        *ret_others = n > 0 ? n - 1 : 0;
        return n > 0 ? 0 : -ENOENT;
}

static int missing(const char *directory, const ModelSpec *spec, int error, Fault *f) {
        return fault_set(f, error, "model", "a finished image; cocoonctl model build, or cocoon-model build, makes one",
                         "%s of %s%s%s in %s", error == -ENOENT ? "none" : strerror(-error), spec->name,
                         spec->commit[0] ? "@" : "", spec->commit, directory);
}

static int refuse_root(const ModelSpec *spec, const uint8_t *found, Fault *f) {
        char wanted[2 * ROOT_HASH_SIZE + 1], other[2 * ROOT_HASH_SIZE + 1], expected[sizeof(f->expected)];

        (void) snprintf(expected, sizeof(expected), "the root hash %s", hex_encode(spec->root_hash, ROOT_HASH_SIZE, wanted));
        return fault_set(f, EKEYREJECTED, "model", expected, "%s in the store's image of %s@%s",
                         hex_encode(found, ROOT_HASH_SIZE, other), spec->name, spec->commit);
}

/* The guest would find it out by itself, much later, and with an error of a disk. */
static int check_stamp(const StorePaths *paths, const uint8_t *root, Fault *f) {
        Stamp stamp;

        if (stamp_read(AT_FDCWD, paths->image, root, &stamp) < 0 || stamp.intact)
                return 0;
        return fault_set(f, EBADMSG, "model", "an image that its last verification found intact; cocoonctl model remove, and build again",
                         "%s, of which it said: %s", paths->image, stamp.reason);
}

int launch_model_find(const char *directory, const ModelSpec *wanted, LaunchModel *ret, Fault *ret_fault) {
        _cleanup_(launch_model_done) LaunchModel m = { .spec = *wanted };
        _cleanup_(store_paths_done) StorePaths paths = {};
        uint8_t root[ROOT_HASH_SIZE];
        TarVersion version;
        int r = 0;

        if (!m.spec.commit[0])
                r = find_newest(directory, &m.spec, &m.n_others);
        if (r >= 0)
                r = store_paths_make(directory, &m.spec, &paths);
        if (r == -ENOMEM)
                return r;
        if (r >= 0)
                r = store_find(&paths, root, &version, ret_fault);
        if (r < 0)
                return r == -EBADMSG ? r : missing(directory, &m.spec, r, ret_fault);
        r = check_stamp(&paths, root, ret_fault);
        if (r < 0)
                return r;
        if (m.spec.has_root_hash && memcmp(m.spec.root_hash, root, sizeof(root)) != 0)
                return refuse_root(&m.spec, root, ret_fault);
        memcpy(m.spec.root_hash, root, sizeof(root));
        m.spec.has_root_hash = true;
        m.image = TAKE_PTR(paths.image);
        m.tree = TAKE_PTR(paths.tree);
        *ret = TAKE_STRUCT(m);
        return 0;
}

int launch_model_hold(const char *directory, const LaunchModel *m, int *ret_fd, Fault *ret_fault) {
        _cleanup_(launch_model_done) LaunchModel again = {};
        _cleanup_(store_paths_done) StorePaths paths = {};
        _cleanup_close_ int image_fd = -EBADF, tree_fd = -EBADF;
        int r;

        r = store_paths_make(directory, &m->spec, &paths);
        if (r < 0)
                return r;
        r = store_use(&paths, &image_fd, &tree_fd);
        if (r < 0)
                return missing(directory, &m->spec, r, ret_fault);
        r = launch_model_find(directory, &m->spec, &again, ret_fault);
        if (r >= 0)
                *ret_fd = TAKE_FD(image_fd);
        return r;
}
