/* SPDX-License-Identifier: Apache-2.0 */

#include <string.h>

#include "basic/hex.h"
#include "basic/json.h"
#include "model/hub.h"

#define JSON_DEPTH      16
#define JSON_VALUES_MAX 1000000U
#define PART_MAX        255U                  /* NAME_MAX */
#define PATH_BYTES_MAX  (256U * 1024 * 1024) /* of all paths of a commit */
#define TOTAL_MAX       (UINT64_C(1) << 50)

static const struct {
        const char *name;
        size_t size;
} hashes[] = {
        [HUB_HASH_GIT_BLOB] = { "git blob id", 20 },
        [HUB_HASH_SHA256] = { "SHA-256", 32 },
};

void hub_listing_done(HubListing *listing) {
        for (size_t i = 0; i < listing->n_files; i++)
                free(listing->files[i].path);
        free(listing->files);
        *listing = (HubListing){};
}

static int refuse(Fault *f, const char *expected, const char *path) {
        return fault_set(f, EBADMSG, "hub: listing", expected, "'%.200s'", path);
}

static int parse(const char *text, size_t size, const char *what, json_type type, json_object **ret, Fault *f) {
        _cleanup_json_ json_object *o = NULL;
        int r;

        r = json_parse(text, size, JSON_DEPTH, JSON_VALUES_MAX, &o);
        if (r == -ENOMEM)
                return r;
        if (r == -E2BIG)
                return fault_set(f, EBADMSG, what, "at most a million values", "more");
        if (r < 0 || !json_object_is_type(o, type))
                return fault_set(f, EBADMSG, what, type == json_type_array ? "a JSON array" : "a JSON object",
                                 "something else, of %zu bytes", size);
        *ret = TAKE_PTR(o);
        return 0;
}

int hub_parse_commit(const char *text, size_t size, char ret_commit[static MODEL_COMMIT_MAX + 1], Fault *ret_fault) {
        _cleanup_json_ json_object *o = NULL;
        const char *commit;
        int r;

        r = parse(text, size, "hub: revision", json_type_object, &o, ret_fault);
        if (r < 0)
                return r;
        if (json_get_string(o, "sha", &commit) < 0 || !model_commit_is_id(commit))
                return fault_set(ret_fault, EBADMSG, "hub: revision", "'sha', 40 lower-case hexadecimal digits",
                                 "none, or something else");
        (void) snprintf(ret_commit, MODEL_COMMIT_MAX + 1, "%s", commit);
        return 0;
}

/* Nothing that could leave the model's directory, or fool whoever reads it on a terminal. */
static const char *path_problem(const char *path) {
        size_t length = strlen(path);

        if (length == 0 || length > HUB_PATH_MAX)
                return "paths of 1 to 4093 bytes";
        for (const char *p = path; *p; p++)
                if ((unsigned char) *p < 0x20 || *p == 0x7f)
                        return "paths without control characters";
        for (const char *part = path;; part++) {
                size_t n = strcspn(part, "/");

                if (n == 0)
                        return "relative paths without empty parts";
                if ((n == 1 && part[0] == '.') || (n == 2 && part[0] == '.' && part[1] == '.'))
                        return "paths without . and ..";
                if (n > PART_MAX)
                        return "paths whose parts have at most 255 bytes";
                part += n;
                if (!*part)
                        return NULL;
        }
}

static int get_size(json_object *o, uint64_t *ret) {
        json_object *value;

        if (!json_object_object_get_ex(o, "size", &value) || !json_object_is_type(value, json_type_int) ||
            json_object_get_int64(value) < 0)
                return -EBADMSG;
        *ret = (uint64_t) json_object_get_int64(value);
        return 0;
}

static int get_digest(json_object *o, HubFile *file) {
        size_t size = hashes[file->hash].size;
        const char *text;

        if (json_get_string(o, "oid", &text) < 0 || hex_decode(text, strlen(text), file->digest, size) < 0)
                return -EBADMSG;
        return 0;
}

/* What a file's content must be: LFS files have the content's own hash, others git's. */
static int parse_content(json_object *o, HubFile *file, Fault *f) {
        json_object *lfs = NULL;
        uint64_t size;

        if (json_object_object_get_ex(o, "lfs", &lfs) && lfs && !json_object_is_type(lfs, json_type_object))
                return refuse(f, "'lfs' that is an object", file->path);
        if (get_size(o, &file->size) < 0)
                return refuse(f, "a size for every file", file->path);
        file->hash = lfs ? HUB_HASH_SHA256 : HUB_HASH_GIT_BLOB;
        if (lfs && (get_size(lfs, &size) < 0 || size != file->size))
                return refuse(f, "the same size with and without LFS", file->path);
        if (get_digest(lfs ?: o, file) < 0)
                return fault_set(f, EBADMSG, "hub: listing", "a hash for every file", "no %s for '%.200s'",
                                 hashes[file->hash].name, file->path);
        return 0;
}

static int make_room(HubListing *l) {
        size_t n = l->n_allocated > 0 ? 2 * l->n_allocated : 64;
        HubFile *files;

        if (l->n_files < l->n_allocated)
                return 0;
        files = reallocarray(l->files, n, sizeof(*files));
        if (!files)
                return -ENOMEM;
        l->files = files;
        l->n_allocated = n;
        return 0;
}

static int add_entry(HubListing *l, json_object *o, Fault *f) {
        const char *type, *path, *problem;
        HubFile file = {};
        int r;

        if (json_get_string(o, "path", &path) < 0 || json_get_string(o, "type", &type) < 0)
                return fault_set(f, EBADMSG, "hub: listing", "entries with path and type", "another, entry %zu",
                                 l->n_files + 1);
        problem = path_problem(path);
        if (problem)
                return refuse(f, problem, path);
        file.directory = strcmp(type, "directory") == 0;
        if (!file.directory && strcmp(type, "file") != 0)
                return refuse(f, "files and directories alone", path);
        if (l->n_files >= HUB_FILES_MAX || strlen(path) > PATH_BYTES_MAX - l->n_path_bytes)
                return fault_set(f, EBADMSG, "hub: listing", "at most a million files, with 256 MiB of paths", "more");
        r = make_room(l);
        if (r < 0)
                return r;
        file.path = strdup(path);
        if (!file.path)
                return -ENOMEM;
        l->n_path_bytes += strlen(path);
        l->files[l->n_files++] = file;
        return file.directory ? 0 : parse_content(o, &l->files[l->n_files - 1], f);
}

int hub_parse_page(const char *text, size_t size, HubListing *listing, Fault *ret_fault) {
        _cleanup_json_ json_object *o = NULL;
        int r;

        r = parse(text, size, "hub: listing", json_type_array, &o, ret_fault);
        for (size_t i = 0; r >= 0 && i < json_object_array_length(o); i++)
                r = add_entry(listing, json_object_array_get_idx(o, i), ret_fault);
        return r;
}

static int by_path(const void *a, const void *b) {
        return strcmp(((const HubFile *) a)->path, ((const HubFile *) b)->path);
}

/* Whether a file is where this path has a directory. */
static bool is_below_file(const HubListing *l, const HubFile *file) {
        char prefix[HUB_PATH_MAX + 1];
        const HubFile *found, key = { .path = prefix };

        for (const char *slash = strchr(file->path, '/'); slash; slash = strchr(slash + 1, '/')) {
                size_t length = (size_t) (slash - file->path);

                memcpy(prefix, file->path, length);
                prefix[length] = 0;
                found = bsearch(&key, l->files, l->n_files, sizeof(*l->files), by_path);
                if (found && !found->directory)
                        return true;
        }
        return false;
}

static bool is_wanted(const HubFile *file) {
        return !file->directory && strcmp(file->path, ".cache") != 0 && strncmp(file->path, ".cache/", 7) != 0;
}

static void drop_unwanted(HubListing *l) {
        size_t n = 0;

        for (size_t i = 0; i < l->n_files; i++)
                if (is_wanted(&l->files[i]))
                        l->files[n++] = l->files[i];
                else
                        free(l->files[i].path);
        l->n_files = n;
}

int hub_listing_finish(HubListing *listing, Fault *ret_fault) {
        uint64_t total = 0;

        if (listing->n_files == 0)
                return 0;
        qsort(listing->files, listing->n_files, sizeof(*listing->files), by_path);
        for (size_t i = 0; i < listing->n_files; i++) {
                const HubFile *file = &listing->files[i];

                if (i > 0 && strcmp(file->path, listing->files[i - 1].path) == 0)
                        return refuse(ret_fault, "every path once", file->path);
                if (is_below_file(listing, file))
                        return refuse(ret_fault, "no path that is file and directory", file->path);
                if (file->size > TOTAL_MAX - total)
                        return refuse(ret_fault, "at most 1 PiB in all", file->path);
                total += file->size;
        }
        drop_unwanted(listing);
        return 0;
}
