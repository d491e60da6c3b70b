/* SPDX-License-Identifier: Apache-2.0 */

#include "model/listing.h"

#include <dirent.h>
#include <fcntl.h>
#include <search.h>
#include <string.h>

#define ENTRIES_MAX 10000000U

typedef struct Scan {
        int dir_fd;
        Listing *listing;
        void *first_names; /* tsearch() tree of FirstName: files with several names */
        Fault *fault;
} Scan;

typedef struct FirstName {
        dev_t device;
        ino_t inode;
        size_t entry;
} FirstName;

void listing_done(Listing *listing) {
        for (size_t i = 0; i < listing->n_items; i++) {
                free(listing->items[i].name);
                free(listing->items[i].target);
        }
        free(listing->items);
        *listing = (Listing){};
}

/* Takes `name` and `target`, also when it fails. */
static int add_entry(Listing *l, Entry entry, char *name, char *target, Entry **ret) {
        entry.name = name;
        entry.target = target;
        if (l->n_items == l->n_allocated) {
                size_t n = l->n_allocated > 0 ? 2 * l->n_allocated : 64;
                Entry *items = n <= ENTRIES_MAX ? reallocarray(l->items, n, sizeof(*items)) : NULL;

                if (!items) {
                        free(name);
                        free(target);
                        return -ENOMEM;
                }
                l->items = items;
                l->n_allocated = n;
        }
        l->items[l->n_items] = entry;
        if (ret)
                *ret = &l->items[l->n_items];
        l->n_items++;
        return 0;
}

static int fail(Fault *f, int error, const char *name) {
        return fault_set(f, error, "model directory", "entries that can be read", "%s: %s", name, strerror(abs(error)));
}

/* Below `dir_fd` and through no link, whoever changes the directory meanwhile; names have no "..". Not openat2(2), which no
 * unit with RestrictSUIDSGID= has. */
static int open_beneath(int dir_fd, const char *name, int flags) {
        _cleanup_close_ int above = -EBADF;

        for (const char *slash; (slash = strchr(name, '/')); name = slash + 1) {
                _cleanup_free_ char *part = strndup(name, (size_t) (slash - name));
                int fd = part ? openat(above >= 0 ? above : dir_fd, part, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC) : -1;

                if (fd < 0)
                        return part ? -errno : -ENOMEM;
                closep(&above);
                above = fd;
        }
        dir_fd = openat(above >= 0 ? above : dir_fd, name, flags | O_CLOEXEC | O_NONBLOCK | O_NOFOLLOW);
        return dir_fd < 0 ? -errno : dir_fd;
}

static EntryStamp stamp_of(const struct stat *st) {
        return (EntryStamp){ .device = st->st_dev, .inode = st->st_ino, .mtime = st->st_mtim, .ctime = st->st_ctim };
}

static bool same_time(const struct timespec *a, const struct timespec *b) {
        return a->tv_sec == b->tv_sec && a->tv_nsec == b->tv_nsec;
}

static bool is_unchanged(const Entry *e, const struct stat *st) {
        return st->st_dev == e->stamp.device && st->st_ino == e->stamp.inode &&
               same_time(&st->st_mtim, &e->stamp.mtime) && same_time(&st->st_ctim, &e->stamp.ctime) &&
               (e->type != ENTRY_FILE || (uint64_t) st->st_size == e->size);
}

static int report_change(const Entry *e, Fault *f) {
        return fault_set(f, EBUSY, "model directory", "files that nobody changes while the image is built", "%s changed",
                         e->name);
}

static int by_name(const void *a, const void *b) {
        return strcmp(*(char *const *) a, *(char *const *) b);
}

static int by_inode(const void *a, const void *b) {
        const FirstName *x = a, *y = b;

        if (x->device != y->device)
                return x->device < y->device ? -1 : 1;
        return x->inode < y->inode ? -1 : x->inode > y->inode;
}

static void names_free(char **names) {
        for (char **p = names; *p; p++)
                free(*p);
        free(names);
}
DEFINE_CLEANUP_FUNC(char **, names_free)

static int read_names(DIR *dir, char ***ret) {
        _cleanup_(names_freep) char **names = calloc(1, sizeof(*names));
        size_t n = 0;

        for (;;) {
                struct dirent *e;
                char **longer;

                errno = 0;
                e = readdir(dir);
                if (!e && errno != 0)
                        return -errno;
                if (!e)
                        break;
                if (strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0)
                        continue;
                longer = names ? reallocarray(names, n + 2, sizeof(*names)) : NULL;
                if (!longer)
                        return -ENOMEM;
                names = longer;
                names[n + 1] = NULL;
                names[n] = strdup(e->d_name);
                if (!names[n++])
                        return -ENOMEM;
        }
        if (!names)
                return -ENOMEM;
        qsort(names, n, sizeof(*names), by_name);
        *ret = TAKE_PTR(names);
        return 0;
}

static int read_target(const Scan *s, const char *name, char **ret) {
        char target[LISTING_NAME_MAX + 1];
        ssize_t n = readlinkat(s->dir_fd, name, target, sizeof(target));

        if (n < 0)
                return fail(s->fault, -errno, name);
        if ((size_t) n >= sizeof(target))
                return fail(s->fault, -ENAMETOOLONG, name);
        *ret = strndup(target, (size_t) n);
        return *ret ? 0 : -ENOMEM;
}

/* 1 when an earlier entry has the same content, whose name is then *ret_target; 0 when this is the first. */
static int find_first_name(Scan *s, const struct stat *st, char **ret_target) {
        FirstName *key, **found;

        if (st->st_nlink < 2)
                return 0;
        key = calloc(1, sizeof(*key));
        if (!key)
                return -ENOMEM;
        *key = (FirstName){ .device = st->st_dev, .inode = st->st_ino, .entry = s->listing->n_items };
        found = (FirstName **) tsearch(key, &s->first_names, by_inode);
        if (!found || *found == key) {
                if (!found)
                        free(key);
                return found ? 0 : -ENOMEM;
        }
        free(key);
        *ret_target = strdup(s->listing->items[(*found)->entry].name);
        return *ret_target ? 1 : -ENOMEM;
}

static int entry_type(mode_t mode, EntryType *ret) {
        static const struct {
                mode_t mode;
                EntryType type;
        } types[] = {
                { S_IFREG, ENTRY_FILE }, { S_IFDIR, ENTRY_DIRECTORY }, { S_IFLNK, ENTRY_SYMLINK }, { S_IFIFO, ENTRY_FIFO },
        };

        for (size_t i = 0; i < ELEMENTSOF(types); i++)
                if ((mode & S_IFMT) == types[i].mode) {
                        *ret = types[i].type;
                        return 0;
                }
        return -EINVAL;
}

/* Adds what `path` (relative to the top) is; 1 when that is a directory. */
static int add_path(Scan *s, const char *path) {
        _cleanup_free_ char *name = NULL, *target = NULL;
        Entry e = {};
        struct stat st;
        int r;

        if (fstatat(s->dir_fd, path, &st, AT_SYMLINK_NOFOLLOW) < 0)
                return fail(s->fault, -errno, path);
        if (entry_type(st.st_mode, &e.type) < 0)
                return fault_set(s->fault, EINVAL, "model directory", "files, directories, links and FIFOs",
                                 "%s, a socket or device", path);
        e.mode = st.st_mode & 07777;
        e.mtime = st.st_mtim;
        e.stamp = stamp_of(&st);
        if (e.type == ENTRY_SYMLINK) {
                r = read_target(s, path, &target);
                if (r < 0)
                        return r;
        }
        /* GNU tar links files and symlinks alone; of a FIFO it writes every name as another one. */
        if (e.type == ENTRY_FILE || e.type == ENTRY_SYMLINK) {
                char *first = NULL;

                r = find_first_name(s, &st, &first);
                if (r < 0)
                        return r;
                if (r > 0) {
                        free(target);
                        target = first;
                        e.type = ENTRY_HARD_LINK;
                }
        }
        if (e.type == ENTRY_FILE)
                e.size = (uint64_t) st.st_size;
        if (asprintf(&name, "./%s%s", path, e.type == ENTRY_DIRECTORY ? "/" : "") < 0) {
                name = NULL;
                return -ENOMEM;
        }
        if (strlen(name) > LISTING_NAME_MAX)
                return fault_set(s->fault, EINVAL, "model directory", "names of at most 4095 bytes", "%.64s...", name);
        r = add_entry(s->listing, e, TAKE_PTR(name), TAKE_PTR(target), NULL);
        return r < 0 ? r : e.type == ENTRY_DIRECTORY;
}

/* Everything in the directory `path` ("" for the top), which has been listed itself. */
static int scan_directory(Scan *s, const char *path) {
        _cleanup_(names_freep) char **names = NULL;
        int r;

        {
                /* Closed before going deeper, or depth would be bounded by the descriptors that are left. */
                _cleanup_closedir_ DIR *dir = NULL;
                int fd = open_beneath(s->dir_fd, *path ? path : ".", O_RDONLY | O_DIRECTORY);

                if (fd < 0)
                        return fail(s->fault, fd, *path ? path : ".");
                dir = fdopendir(fd);
                if (!dir) {
                        (void) close(fd);
                        return -ENOMEM;
                }
                r = read_names(dir, &names);
                if (r < 0)
                        return fail(s->fault, r, *path ? path : ".");
        }
        for (char **p = names; p && *p; p++) {
                _cleanup_free_ char *child = NULL;

                if (!*path && strcmp(*p, ".cache") == 0)
                        continue;
                if (asprintf(&child, "%s%s%s", path, *path ? "/" : "", *p) < 0)
                        return -ENOMEM;
                r = add_path(s, child);
                if (r > 0)
                        r = scan_directory(s, child);
                if (r < 0)
                        return r;
        }
        return 0;
}

static int add_top(Scan *s) {
        struct stat st;
        Entry e = { .type = ENTRY_DIRECTORY };
        char *name;

        if (fstat(s->dir_fd, &st) < 0)
                return fail(s->fault, -errno, ".");
        e.mode = st.st_mode & 07777;
        e.mtime = st.st_mtim;
        e.stamp = stamp_of(&st);
        name = strdup("./");
        return name ? add_entry(s->listing, e, name, NULL, NULL) : -ENOMEM;
}

int listing_read_directory(int dir_fd, Listing *ret, Fault *ret_fault) {
        _cleanup_(listing_done) Listing listing = {};
        Scan s = { .dir_fd = dir_fd, .listing = &listing, .fault = ret_fault };
        int r;

        r = add_top(&s);
        if (r >= 0)
                r = scan_directory(&s, "");
        tdestroy(s.first_names, free);
        if (r == -ENOMEM)
                return fault_set(ret_fault, ENOMEM, "model directory", "at most ten million entries, and memory for them",
                                 "%zu so far", listing.n_items);
        if (r < 0)
                return r;
        *ret = TAKE_STRUCT(listing);
        return 0;
}

int listing_check_directory(int dir_fd, const Listing *listing, Fault *ret_fault) {
        for (size_t i = 0; i < listing->n_items; i++) {
                const Entry *e = &listing->items[i];
                struct stat st;

                if (fstatat(dir_fd, e->name, &st, AT_SYMLINK_NOFOLLOW) < 0 || !is_unchanged(e, &st))
                        return report_change(e, ret_fault);
        }
        return 0;
}

int listing_open_file(int dir_fd, const Entry *entry, Fault *ret_fault) {
        struct stat st;
        int fd = open_beneath(dir_fd, entry->name, O_RDONLY);

        if (fd < 0)
                return fail(ret_fault, fd, entry->name);
        if (fstat(fd, &st) < 0 || !is_unchanged(entry, &st)) {
                (void) close(fd);
                return report_change(entry, ret_fault);
        }
        return fd;
}

/* Paths compare as tar walks them: a directory's name ends where its slash is, so '/' sorts before all else. */
static int by_walk(const void *a, const void *b) {
        const unsigned char *x = (const unsigned char *) ((const Entry *) a)->name;
        const unsigned char *y = (const unsigned char *) ((const Entry *) b)->name;

        while (*x && *x == *y)
                x++, y++;
        if (*x == *y)
                return 0;
        if (*x == '/' || *y == '/')
                return *x == '/' ? (*y == 0 ? 1 : -1) : (*x == 0 ? -1 : 1);
        return *x < *y ? -1 : 1;
}

static int add_hub_directories(Listing *l, const char *path) {
        for (const char *slash = strchr(path, '/'); slash; slash = strchr(slash + 1, '/')) {
                size_t length = (size_t) (slash - path) + 1;
                const Entry *before = l->n_items > 0 ? &l->items[l->n_items - 1] : NULL;
                char *name;
                int r;

                /* Files come sorted, so a directory that the one before is in was added with it. */
                if (before && strlen(before->name) > length + 2 && memcmp(before->name + 2, path, length) == 0)
                        continue;
                if (asprintf(&name, "./%.*s", (int) length, path) < 0)
                        return -ENOMEM;
                r = add_entry(l, (Entry){ .type = ENTRY_DIRECTORY, .mode = 0755 }, name, NULL, NULL);
                if (r < 0)
                        return r;
        }
        return 0;
}

static int drop_repeated_directories(Listing *l, Fault *f) {
        size_t n = 1;

        for (size_t i = 1; i < l->n_items; i++) {
                if (strcmp(l->items[i].name, l->items[n - 1].name) != 0) {
                        l->items[n++] = l->items[i];
                        continue;
                }
                if (l->items[i].type != ENTRY_DIRECTORY)
                        return fault_set(f, EINVAL, "hub: listing", "every file once", "%s twice", l->items[i].name);
                free(l->items[i].name);
                l->items[i].name = NULL;
        }
        l->n_items = n;
        return 0;
}

int listing_from_hub(const HubListing *hub, Listing *ret, Fault *ret_fault) {
        _cleanup_(listing_done) Listing listing = {};
        char *name = strdup("./");
        int r;

        r = name ? add_entry(&listing, (Entry){ .type = ENTRY_DIRECTORY, .mode = 0755 }, name, NULL, NULL) : -ENOMEM;
        for (size_t i = 0; r >= 0 && i < hub->n_files; i++) {
                const HubFile *file = &hub->files[i];

                r = add_hub_directories(&listing, file->path);
                if (r < 0 || asprintf(&name, "./%s", file->path) < 0)
                        return -ENOMEM;
                r = add_entry(&listing,
                              (Entry){ .type = ENTRY_FILE, .mode = 0644, .size = file->size, .hub_file = i }, name, NULL,
                              NULL);
        }
        if (r < 0)
                return r;
        qsort(listing.items, listing.n_items, sizeof(*listing.items), by_walk);
        r = drop_repeated_directories(&listing, ret_fault);
        if (r < 0)
                return r;
        *ret = TAKE_STRUCT(listing);
        return 0;
}
