/* SPDX-License-Identifier: Apache-2.0 */

#include "model/build.h"

#include <fcntl.h>
#include <pthread.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include "basic/hex.h"
#include "basic/io.h"
#include "basic/log.h"
#include "model/download.h"
#include "model/http.h"
#include "model/image.h"
#include "model/interrupt.h"
#include "model/progress.h"
#include "model/stamp.h"
#include "model/store.h"

#define WAIT_NSEC   200000000L
#define CONNECTIONS 16U
#define NO_COMMIT   "local" /* of a directory */

/* Where content comes from, and what goes with it. */
typedef struct Source {
        int dir_fd;        /* of a directory; -EBADF: the hub */
        Hub *hub;
        HubListing hub_listing;
        Download *download;
        Listing listing;
} Source;

typedef struct Build {
        const BuildOptions *options;
        ModelSpec spec;
        StorePaths paths;
        Source source;
        Layout layout;
        ImageJob job;
        Progress progress;
        int image_fd, tree_fd, other_tree_fd;
        pthread_mutex_t fault_lock; /* the first thread that fails says why */
        bool failed;
        Fault *fault;
} Build;

static void build_done(Build *b) {
        b->source.download = download_free(b->source.download);
        hub_free(b->source.hub);
        hub_listing_done(&b->source.hub_listing);
        listing_done(&b->source.listing);
        closep(&b->source.dir_fd);
        closep(&b->tree_fd);
        closep(&b->other_tree_fd);
        closep(&b->image_fd); /* the lock goes last */
        store_paths_done(&b->paths);
        (void) pthread_mutex_destroy(&b->fault_lock);
}

void build_result_done(BuildResult *result) {
        free(result->path);
        *result = (BuildResult){};
}

static int fail_path(Fault *f, int error, const char *what, const char *path) {
        return fault_set(f, error, what, "a place that can be written", "%s: %s", path, strerror(abs(error)));
}

/* From any thread: the first error is the one that is told. */
static int fail_once(Build *b, int error, const Fault *fault) {
        (void) pthread_mutex_lock(&b->fault_lock);
        if (!b->failed) {
                b->failed = true;
                *b->fault = *fault;
        }
        (void) pthread_mutex_unlock(&b->fault_lock);
        return error;
}

static int read_from_directory(void *userdata, size_t entry, uint64_t offset, uint8_t *ret, size_t size) {
        Build *b = userdata;
        const Entry *e = &b->source.listing.items[entry];
        _cleanup_close_ int fd = -EBADF;
        Fault fault;
        int r;

        fd = listing_open_file(b->source.dir_fd, e, &fault);
        if (fd < 0)
                return fail_once(b, fd, &fault);
        r = pread_all(fd, ret, size, offset);
        if (r < 0) {
                (void) fault_set(&fault, r, "model directory", "files that can be read to their end", "%s: %s", e->name,
                                 r == -EIO ? "it ended early or the disk failed" : strerror(-r));
                return fail_once(b, r, &fault);
        }
        return 0;
}

static int read_from_download(void *userdata, size_t entry, uint64_t offset, uint8_t *ret, size_t size) {
        Build *b = userdata;
        const Entry *e = &b->source.listing.items[entry];
        int r;

        r = download_wait(b->source.download, e->hub_file, offset + size);
        if (r < 0)
                return r;
        return pread_all(b->image_fd, ret, size, layout_content_offset(e) + offset);
}

static int tick(void *userdata) {
        Build *b = userdata;
        int r = interrupt_check();

        if (r < 0) {
                if (b->source.download)
                        download_cancel(b->source.download, r);
                return r;
        }
        /* Of a download what has arrived counts; the hashes keep up with it. */
        progress_show(&b->progress, b->source.download ? download_received(b->source.download) : atomic_load(&b->job.done));
        return 0;
}

static int open_directory(Build *b) {
        const char *path = b->options->from_directory;
        int r;

        b->source.dir_fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (b->source.dir_fd < 0) {
                r = -errno;
                return fault_set(b->fault, r, "model directory", "a directory that can be read", "%s: %s", path,
                                 strerror(-r));
        }
        r = listing_read_directory(b->source.dir_fd, &b->source.listing, b->fault);
        if (r < 0)
                return r;
        return layout_compute(&b->source.listing, &b->layout, b->fault);
}

/* 1 when the directory, or one that it is in, is this one; 0 when none is. */
static int is_in(int dir_fd, const struct stat *other) {
        _cleanup_close_ int fd = openat(dir_fd, ".", O_PATH | O_DIRECTORY | O_CLOEXEC);
        struct stat st, above;
        int parent;

        if (fd < 0 || fstat(fd, &st) < 0)
                return -errno;
        while (st.st_dev != other->st_dev || st.st_ino != other->st_ino) {
                parent = openat(fd, "..", O_PATH | O_DIRECTORY | O_CLOEXEC);
                if (parent < 0)
                        return -errno;
                closep(&fd);
                fd = parent;
                if (fstat(fd, &above) < 0)
                        return -errno;
                if (above.st_dev == st.st_dev && above.st_ino == st.st_ino)
                        return 0;
                st = above;
        }
        return 1;
}

/* An image in the directory that it is made of would be a part of itself. */
static int check_output(const BuildOptions *o, Fault *f) {
        _cleanup_close_ int fd = open(o->output, O_PATH | O_DIRECTORY | O_CLOEXEC);
        struct stat st;
        int r;

        if (fd < 0)
                return fail_path(f, -errno, "output directory", o->output);
        if (!o->from_directory || stat(o->from_directory, &st) < 0)
                return 0; /* who reads it says what is wrong with it */
        r = is_in(fd, &st);
        if (r < 0)
                return fail_path(f, r, "output directory", o->output);
        return r == 0 ? 0 : fault_set(f, EINVAL, "output directory", "one outside of the model directory", "%s, inside",
                                      o->output);
}

static int open_hub(Build *b) {
        int r;

        r = hub_list(b->source.hub, b->spec.name, b->spec.commit, &b->source.hub_listing, b->fault);
        if (r < 0)
                return r;
        r = listing_from_hub(&b->source.hub_listing, &b->source.listing, b->fault);
        if (r < 0)
                return r;
        return layout_compute(&b->source.listing, &b->layout, b->fault);
}

static int need_hub(Build *b) {
        int r;

        if (b->source.hub)
                return 0;
        r = hub_new(&b->source.hub, b->fault);
        if (r < 0)
                return r;
        hub_http(b->source.hub)->interrupted = interrupt_check;
        return 0;
}

static void say_step(const Build *b, const char *step) {
        if (b->options->report)
                report_step(b->options->report, step, 0, 0);
}

/* The image is named by a commit, so a name that moves is resolved first. */
static int resolve_commit(Build *b) {
        int r;

        if (b->options->from_directory) {
                /* A directory without a commit has a name of its own that says so. */
                if (!b->spec.commit[0])
                        (void) snprintf(b->spec.commit, sizeof(b->spec.commit), NO_COMMIT);
                if (strchr(b->spec.commit, '/'))
                        return fault_set(b->fault, EINVAL, "model commit", "a commit id, for a file name", "%s",
                                         b->spec.commit);
                return 0;
        }
        if (model_commit_is_id(b->spec.commit))
                return 0;
        say_step(b, "Resolving");
        r = need_hub(b);
        if (r < 0)
                return r;
        return hub_resolve(b->source.hub, b->spec.name, b->spec.commit, b->spec.commit, b->fault);
}

/* 1 when a finished image is what is asked for, 0 when there is something to build. */
static int find_finished(Build *b, uint8_t root[static ROOT_HASH_SIZE]) {
        Fault fault = {};
        TarVersion version;
        Stamp stamp;
        int r;

        r = store_find(&b->paths, root, &version, &fault);
        if (r == -ENOENT)
                return 0;
        if (r < 0) {
                log_warning("%s: expected %s, found %s. It is built again.", fault.what, fault.expected, fault.found);
                return 0;
        }
        if (stamp_read(AT_FDCWD, b->paths.image, root, &stamp) == 0 && !stamp.intact) {
                log_warning("%s: %s. It is built again.", b->paths.image, stamp.reason);
                return 0;
        }
        if (b->spec.has_root_hash)
                return memcmp(root, b->spec.root_hash, ROOT_HASH_SIZE) == 0;
        return b->options->version == _TAR_VERSION_INVALID || b->options->version == version;
}

/* What is called by the name of a directory without a commit may be of any directory, and any time. */
static bool is_nameless(const Build *b) {
        return b->options->from_directory && strcmp(b->spec.commit, NO_COMMIT) == 0;
}

/* 1 when somebody else finished the image meanwhile, 0 once the lock is held. */
static int take_lock(Build *b, uint8_t root[static ROOT_HASH_SIZE], bool *ret_waited) {
        const struct timespec pause = { .tv_nsec = WAIT_NSEC };

        for (;;) {
                int r = is_nameless(b) || (b->options->force && !*ret_waited) ? 0 : find_finished(b, root);

                if (r > 0)
                        return 1;
                r = store_lock(&b->paths, &b->image_fd);
                if (r == -EWOULDBLOCK) {
                        if (!*ret_waited) {
                                say_step(b, "Waiting");
                                log_info("%s is being built by someone else; waiting %s.", b->paths.image,
                                         is_nameless(b) ? "for its turn" : "to share the result");
                        }
                        *ret_waited = true;
                        if (interrupt_check() < 0)
                                return -ECANCELED;
                        (void) nanosleep(&pause, NULL);
                } else if (r != -EAGAIN)
                        return r < 0 ? fail_path(b->fault, r, "output directory", b->paths.image_partial) : 0;
        }
}

static int open_empty(const char *path, int *ret, Fault *f) {
        int fd = open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0644);

        if (fd < 0)
                return fail_path(f, -errno, "output directory", path);
        *ret = fd;
        return 0;
}

static int open_trees(Build *b) {
        int r;

        r = open_empty(b->paths.tree_partial, &b->tree_fd, b->fault);
        if (r < 0 || !b->spec.has_root_hash || b->options->version != _TAR_VERSION_INVALID)
                return r;
        return open_empty(b->paths.other_tree_partial, &b->other_tree_fd, b->fault);
}

/* A download's content lands in the image before the image is written, so its headers go there first. */
static int start_download(Build *b) {
        _cleanup_free_ uint64_t *offsets = calloc(b->source.hub_listing.n_files ?: 1, sizeof(*offsets));
        int r;

        if (!offsets)
                return -ENOMEM;
        for (size_t i = 0; i < b->source.listing.n_items; i++)
                if (b->source.listing.items[i].type == ENTRY_FILE)
                        offsets[b->source.listing.items[i].hub_file] = layout_content_offset(&b->source.listing.items[i]);
        r = download_new(b->source.hub, b->spec.name, b->spec.commit, &b->source.hub_listing, offsets, b->image_fd,
                         b->paths.journal, CONNECTIONS, &b->source.download, b->fault);
        if (r < 0)
                return r;
        r = image_write_headers(&b->layout, b->job.version, b->image_fd);
        if (r < 0)
                return fail_path(b->fault, r, "image", b->paths.image_partial);
        return download_start(b->source.download);
}

static int prepare_image(Build *b) {
        int r;

        if (b->options->from_directory && ftruncate(b->image_fd, 0) < 0)
                return fail_path(b->fault, -errno, "image", b->paths.image_partial);
        r = open_trees(b);
        if (r < 0)
                return r;
        b->job = (ImageJob){
                .layout = &b->layout,
                .version = b->options->version == _TAR_VERSION_INVALID ? TAR_1_35 : b->options->version,
                .image_fd = b->image_fd,
                .tree_fd = b->tree_fd,
                .other_tree_fd = b->other_tree_fd,
                .in_place = !b->options->from_directory,
                .jobs = b->options->jobs,
                .content = b->options->from_directory ? read_from_directory : read_from_download,
                .tick = tick,
                .userdata = b,
        };
        r = image_reserve(&b->job);
        if (r < 0)
                return fault_set(b->fault, r, "room for the image", "space for the image and its hash tree", "%s: %s",
                                 b->paths.image_partial, strerror(-r));
        /* Exactly as long as the image: an earlier try may have been of something longer. */
        if (ftruncate(b->image_fd, (off_t) b->layout.image_size) < 0)
                return fail_path(b->fault, -errno, "image", b->paths.image_partial);
        return b->options->from_directory ? 0 : start_download(b);
}

/* Everything is read; now it must all be what it was said to be. */
static int check_source(Build *b) {
        if (b->source.download)
                return download_finish(b->source.download, b->fault);
        return listing_check_directory(b->source.dir_fd, &b->source.listing, b->fault);
}

static int write_image(Build *b, uint8_t *root, uint8_t *other_root) {
        int r;

        progress_start(&b->progress, b->options->from_directory ? "Building" : "Downloading", b->options->json,
                       b->options->report, b->source.download ? download_received(b->source.download) : 0, b->layout.image_size);
        r = image_write(&b->job, root, other_root);
        progress_stop(&b->progress);
        if (r < 0 && r != -ECANCELED && b->source.download)
                (void) download_finish(b->source.download, b->fault); /* it knows why */
        else if (r < 0 && r != -ECANCELED && !b->failed)
                return fail_path(b->fault, r, "image", b->paths.image_partial);
        return r < 0 ? r : check_source(b);
}

/* Two forms, two hashes: the one that was asked for is published, and none when it is neither. */
static int choose_form(Build *b, uint8_t *root, const uint8_t *other_root) {
        char first[2 * ROOT_HASH_SIZE + 1], second[2 * ROOT_HASH_SIZE + 1], wanted[2 * ROOT_HASH_SIZE + 1];
        int r;

        if (!b->spec.has_root_hash || memcmp(root, b->spec.root_hash, ROOT_HASH_SIZE) == 0)
                return 0;
        hex_encode(b->spec.root_hash, ROOT_HASH_SIZE, wanted);
        hex_encode(root, ROOT_HASH_SIZE, first);
        if (b->other_tree_fd < 0)
                return fault_set(b->fault, EKEYREJECTED, "root hash", wanted, "%s (GNU tar %s)", first,
                                 tar_version_to_string(b->job.version));
        hex_encode(other_root, ROOT_HASH_SIZE, second);
        if (memcmp(other_root, b->spec.root_hash, ROOT_HASH_SIZE) != 0)
                return fault_set(b->fault, EKEYREJECTED, "root hash", wanted, "%s (GNU tar 1.35) and %s (GNU tar 1.34)",
                                 first, second);
        r = image_write_headers(&b->layout, TAR_1_34, b->image_fd);
        if (r < 0 || rename(b->paths.other_tree_partial, b->paths.tree_partial) < 0)
                return fail_path(b->fault, r < 0 ? r : -errno, "image", b->paths.image_partial);
        closep(&b->tree_fd);
        b->tree_fd = TAKE_FD(b->other_tree_fd);
        memcpy(root, other_root, ROOT_HASH_SIZE);
        return 0;
}

static int build_locked(Build *b, uint8_t root[static ROOT_HASH_SIZE]) {
        uint8_t other_root[ROOT_HASH_SIZE];
        int r;

        say_step(b, "Listing");
        r = b->options->from_directory ? open_directory(b) : open_hub(b);
        if (r >= 0)
                r = prepare_image(b);
        if (r >= 0)
                r = write_image(b, root, other_root);
        if (r >= 0)
                r = choose_form(b, root, other_root);
        if (r < 0)
                return r;
        say_step(b, "Publishing");
        r = store_publish(&b->paths, b->image_fd, b->tree_fd, root);
        if (r < 0)
                return fail_path(b->fault, r, "image", b->paths.image);
        return 0;
}

static void forget_source(Build *b) {
        b->source.download = download_free(b->source.download);
        hub_listing_done(&b->source.hub_listing);
        listing_done(&b->source.listing);
        closep(&b->tree_fd);
        closep(&b->other_tree_fd);
        b->tree_fd = b->other_tree_fd = -EBADF;
        b->failed = false;
}

/* What an interrupted run left in the image may turn out to be something else; then it is fetched anew, once. */
static int build_again_if_stale(Build *b, uint8_t root[static ROOT_HASH_SIZE]) {
        int r;

        r = build_locked(b, root);
        if (r != -ESTALE)
                return r;
        log_info("%s: %s: expected %s, found %s. Fetching that again.", b->paths.image, b->fault->what,
                 b->fault->expected, b->fault->found);
        forget_source(b);
        return build_locked(b, root);
}

static int build_or_share(Build *b, BuildResult *result) {
        bool waited = false;
        int r;

        r = take_lock(b, result->spec.root_hash, &waited);
        result->found = r > 0;
        result->shared = r > 0 && waited;
        if (r != 0)
                return r;
        if (!b->options->from_directory) {
                r = need_hub(b);
                if (r < 0)
                        return r;
        }
        r = build_again_if_stale(b, result->spec.root_hash);
        if (r >= 0)
                return 0;
        b->source.download = download_free(b->source.download);
        /* What was downloaded is kept for the next try, unless it is all there and simply something else. */
        store_discard(&b->paths, b->image_fd, !b->options->from_directory && r != -EKEYREJECTED);
        return r;
}

int build_model(const ModelSpec *spec, const BuildOptions *options, BuildResult *ret, Fault *ret_fault) {
        _cleanup_(build_done) Build b = {
                .options = options,
                .spec = *spec,
                .source.dir_fd = -EBADF,
                .image_fd = -EBADF,
                .tree_fd = -EBADF,
                .other_tree_fd = -EBADF,
                .fault_lock = PTHREAD_MUTEX_INITIALIZER,
                .fault = ret_fault,
        };
        _cleanup_(build_result_done) BuildResult result = {};
        int r;

        r = check_output(options, ret_fault);
        if (r >= 0)
                r = resolve_commit(&b);
        if (r >= 0)
                r = store_paths_make(options->output, &b.spec, &b.paths);
        if (r >= 0)
                r = build_or_share(&b, &result);
        if (r == -ECANCELED)
                return fault_set(ret_fault, r, "build", "to be let finish", "a signal to stop");
        if (r < 0)
                return r;
        (void) snprintf(result.spec.name, sizeof(result.spec.name), "%s", b.spec.name);
        (void) snprintf(result.spec.commit, sizeof(result.spec.commit), "%s", b.spec.commit);
        result.spec.has_root_hash = true;
        result.path = strdup(b.paths.image);
        if (!result.path)
                return -ENOMEM;
        *ret = TAKE_STRUCT(result);
        return 0;
}
