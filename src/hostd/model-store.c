/* SPDX-License-Identifier: Apache-2.0 */

#include "hostd/model-store.h"

#include <fcntl.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/stat.h>

#include "basic/clock.h"
#include "basic/hex.h"
#include "basic/io.h"
#include "basic/log.h"
#include "hostd/error.h"
#include "hostd/model-job.h"
#include "hostd/model-users.h"
#include "model/stamp.h"

#define MODELS_MAX 4096U

/* Events come in bursts; what they are about is looked at once they had this time to end. */
#define SETTLE_USEC (USEC_PER_SEC / 20)

static const char *const state_names[_MODEL_STATE_MAX] = {
        [MODEL_PARTIAL]   = "partial",
        [MODEL_BUILDING]  = "building",
        [MODEL_READY]     = "ready",
        [MODEL_VERIFYING] = "verifying",
        [MODEL_CORRUPT]   = "corrupt",
};

const char *model_state_to_string(ModelState state) {
        return state_names[state];
}

char *model_spec_format(const ModelSpec *spec, bool root_hash, char ret[static MODEL_SPEC_TEXT_MAX]) {
        char hex[2 * ROOT_HASH_SIZE + 1] = "";

        if (root_hash && spec->has_root_hash)
                (void) hex_encode(spec->root_hash, ROOT_HASH_SIZE, hex);
        (void) snprintf(ret, MODEL_SPEC_TEXT_MAX, "%s%s%s%s%s", spec->name, spec->commit[0] ? "@" : "", spec->commit,
                        hex[0] ? ":" : "", hex);
        return ret;
}

static ModelObject *object_free(ModelObject *o) {
        if (!o)
                return NULL;
        free(o->path);
        free(o->file);
        free(o->failure);
        free(o->noted);
        (void) strv_free(o->users);
        free(o);
        return NULL;
}
DEFINE_CLEANUP_FUNC(ModelObject *, object_free)

static bool is_same_time(struct timespec a, struct timespec b) {
        return a.tv_sec == b.tv_sec && a.tv_nsec == b.tv_nsec;
}

static bool is_same(const ModelFile *a, const ModelFile *b) {
        return a->device == b->device && a->inode == b->inode && a->size == b->size && is_same_time(a->written, b->written) &&
               is_same_time(a->changed, b->changed);
}

/* A file beside the image. Whether it is another one than before; none is one, too. What is no regular file is none: the
 * store belongs to somebody else. */
static bool look_at(const ModelStore *s, const char *file, const char *suffix, ModelFile *known) {
        char name[NAME_MAX + 32];
        ModelFile found = {};
        struct stat st;
        bool changed;

        (void) snprintf(name, sizeof(name), "%s%s", file, suffix);
        if (fstatat(s->fd, name, &st, AT_SYMLINK_NOFOLLOW) >= 0 && S_ISREG(st.st_mode))
                found = (ModelFile){ st.st_dev, st.st_ino, st.st_size, st.st_mtim, st.st_ctim };
        changed = !is_same(&found, known);
        *known = found;
        return changed;
}

static bool is_there(const ModelFile *file) {
        return file->inode != 0;
}

static bool read_hash(const ModelStore *s, ModelObject *o) {
        _cleanup_free_ uint8_t *text = NULL;
        char name[NAME_MAX + 32];
        size_t size;

        (void) snprintf(name, sizeof(name), "%s.hash", o->file);
        return is_there(&o->hash) && read_file_nofollow_at(s->fd, name, 2 * ROOT_HASH_SIZE, &text, &size) >= 0 &&
               hex_decode((const char *) text, size, o->spec.root_hash, ROOT_HASH_SIZE) >= 0;
}

static void read_stamp(const ModelStore *s, ModelObject *o) {
        Stamp stamp;

        free(o->noted);
        o->noted = NULL;
        o->noted_usec = 0;
        if (!o->spec.has_root_hash || !is_there(&o->stamp) || stamp_read(s->fd, o->file, o->spec.root_hash, &stamp) < 0)
                return;
        o->noted_usec = stamp.usec;
        o->noted = stamp.intact ? NULL : strdup(make_printable(stamp.reason));
}

/* What is wrong with it as far as that is known: NULL for nothing. */
static const char *find_failure(const ModelObject *o) {
        if (!o->whole)
                return NULL;
        if (!is_there(&o->tree))
                return "hash tree: expected IMAGE.verity beside the image, found none";
        if (!o->hash_good)
                return "hash file: expected IMAGE.hash with 64 hexadecimal digits beside the image, found none";
        return o->noted;
}

static ModelState find_state(const ModelObject *o, const char *failure) {
        if (!o->whole)
                return o->being_written ? MODEL_BUILDING : MODEL_PARTIAL;
        if (o->verifying)
                return MODEL_VERIFYING;
        return failure ? MODEL_CORRUPT : MODEL_READY;
}

/* State, failure and time of verification, from all that is known; changes are announced. */
static void settle(ModelObject *o) {
        const char *failure = find_failure(o);
        ModelState state = find_state(o, failure);

        if (state != o->state) {
                o->state = state;
                model_bus_changed(o, "State", NULL);
        }
        if (strcmp(o->failure ?: "", failure ?: "") != 0) {
                free(o->failure);
                o->failure = failure ? strdup(failure) : NULL;
                model_bus_changed(o, "Failure", NULL);
        }
        if (o->verified_usec != o->noted_usec) {
                o->verified_usec = o->noted_usec;
                model_bus_changed(o, "VerifiedUSec", NULL);
        }
}

static void update(const ModelStore *s, ModelObject *o) {
        bool had_hash = o->spec.has_root_hash, hash_changed, stamp_changed;
        uint64_t size = o->size;

        o->whole = true;
        (void) look_at(s, o->file, "", &o->image);
        if (!is_there(&o->image)) {
                o->whole = false;
                (void) look_at(s, o->file, ".partial", &o->image);
        }
        (void) look_at(s, o->file, ".verity", &o->tree);
        hash_changed = look_at(s, o->file, ".hash", &o->hash);
        stamp_changed = look_at(s, o->file, ".verified", &o->stamp);
        if (hash_changed)
                o->hash_good = read_hash(s, o);
        o->spec.has_root_hash = o->whole && o->hash_good;
        if (hash_changed || stamp_changed || had_hash != o->spec.has_root_hash)
                read_stamp(s, o);
        o->size = (uint64_t) o->image.size;
        if (o->size != size)
                model_bus_changed(o, "Size", NULL);
        if (hash_changed || had_hash != o->spec.has_root_hash)
                model_bus_changed(o, "RootHash", "Spec", NULL);
}

static ModelObject *find_file(const ModelStore *s, const char *file) {
        for (ModelObject *o = s->models; o; o = o->next)
                if (strcmp(o->file, file) == 0)
                        return o;
        return NULL;
}

static int add(ModelStore *s, const char *file, const ModelSpec *spec) {
        _cleanup_(object_freep) ModelObject *o = NULL;

        if (s->n_models >= MODELS_MAX) {
                if (!s->full)
                        log_warning("%s: expected %u images at most, found more; the rest is not shown.", s->directory, MODELS_MAX);
                s->full = true;
                return 0;
        }
        o = calloc(1, sizeof(*o));
        if (!o)
                return -ENOMEM;
        *o = (ModelObject){
                .manager = s->manager,
                .spec = *spec,
                .file = strdup(file),
                .path = model_bus_path(file),
                .seen = true,
        };
        if (!o->file || !o->path)
                return -ENOMEM;
        update(s, o);
        o->next = s->models;
        s->models = o;
        s->n_models++;
        (void) TAKE_PTR(o);
        return 0;
}

/* A name in the directory that may be an image's, finished or not. */
static int see(ModelStore *s, const char *name) {
        static const char partial[] = ".partial";
        _cleanup_free_ char *again = NULL, *file = strdup(name);
        size_t length = strlen(name);
        ModelSpec spec;
        struct stat st;
        ModelObject *o;

        if (!file)
                return -ENOMEM;
        if (length > strlen(partial) && strcmp(name + length - strlen(partial), partial) == 0)
                file[length - strlen(partial)] = 0;
        if (model_spec_from_image_name(file, &spec) < 0 || fstatat(s->fd, name, &st, AT_SYMLINK_NOFOLLOW) < 0 ||
            !S_ISREG(st.st_mode))
                return 0;
        /* Two names for one image would be two images for everybody else. */
        again = model_image_name(&spec);
        if (!again)
                return -ENOMEM;
        if (strcmp(again, file) != 0)
                return 0;
        o = find_file(s, file);
        if (!o)
                return add(s, file, &spec);
        if (!o->seen)
                update(s, o);
        o->seen = true;
        return 0;
}

/* What the last scan did not see. */
static void drop_unseen(ModelStore *s) {
        for (ModelObject **p = &s->models; *p;) {
                ModelObject *o = *p;

                if (o->seen) {
                        p = &o->next;
                        continue;
                }
                /* It is asked for its interfaces, and so is still to be found. */
                (void) sd_bus_emit_object_removed(s->manager->bus, o->path);
                *p = o->next;
                s->n_models--;
                (void) object_free(o);
        }
}

static void scan(ModelStore *s) {
        _cleanup_closedir_ DIR *dir = NULL;
        int fd = openat(s->fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC), r = 0;

        dir = fd >= 0 ? fdopendir(fd) : NULL;
        if (!dir) {
                closep(&fd);
                (void) log_warning_errno(errno, "%s: cannot be read: %m", s->directory);
                return;
        }
        for (ModelObject *o = s->models; o; o = o->next)
                o->seen = false;
        for (const struct dirent *e; r >= 0 && (e = readdir(dir));)
                r = see(s, e->d_name);
        if (r < 0)
                (void) log_oom();
        drop_unseen(s);
        s->full = s->full && s->n_models >= MODELS_MAX;
}

static void find_users(ModelStore *s) {
        if (model_users_read(s) < 0)
                (void) log_oom();
        for (ModelObject *o = s->models; o; o = o->next) {
                o->verifying = model_job_find(s->manager, MODEL_VERIFY, &o->spec);
                settle(o);
        }
}

void model_store_refresh(ModelStore *s) {
        if (s->fd < 0 && model_store_open(s) < 0)
                return;
        s->rescan = false;
        scan(s);
        find_users(s);
        for (ModelObject *o = s->models; o; o = o->next)
                if (!o->announced) {
                        o->announced = true;
                        (void) sd_bus_emit_object_added(s->manager->bus, o->path);
                }
}

static int on_timer(sd_event_source *source, uint64_t usec, void *userdata) {
        ModelStore *s = userdata;

        if (s->rescan)
                model_store_refresh(s);
        else
                find_users(s);
        return 0;
}

/* Not put off by further events: somebody who opens files without end holds up nothing. */
static void look_soon(ModelStore *s) {
        int enabled = SD_EVENT_OFF;

        (void) sd_event_source_get_enabled(s->timer, &enabled);
        if (enabled != SD_EVENT_OFF)
                return;
        (void) sd_event_source_set_time_relative(s->timer, SETTLE_USEC);
        (void) sd_event_source_set_enabled(s->timer, SD_EVENT_ONESHOT);
}

static void forget_directory(ModelStore *s) {
        s->inotify = sd_event_source_disable_unref(s->inotify);
        closep(&s->fd);
        s->fd = -EBADF;
        for (ModelObject *o = s->models; o; o = o->next)
                o->seen = false;
        drop_unseen(s);
}

static bool ends_with(const char *name, const char *suffix) {
        size_t n = strlen(name), k = strlen(suffix);

        return n >= k && strcmp(name + n - k, suffix) == 0;
}

/* The small files are opened by the daemon itself. */
static bool is_about_use(const char *name) {
        return ends_with(name, ".tar") || ends_with(name, ".tar.verity") || ends_with(name, ".tar.partial");
}

/* False when the directory itself is gone. */
static bool on_event(ModelStore *s, const struct inotify_event *e) {
        if (e->mask & (IN_DELETE_SELF | IN_MOVE_SELF | IN_UNMOUNT | IN_IGNORED))
                return false;
        if (!(e->mask & IN_Q_OVERFLOW) && (e->len == 0 || e->mask & IN_ISDIR))
                return true;
        if (e->mask & (IN_OPEN | IN_CLOSE_NOWRITE) && !is_about_use(e->name))
                return true;
        s->rescan = s->rescan || !(e->mask & (IN_OPEN | IN_CLOSE_NOWRITE));
        look_soon(s);
        return true;
}

static int on_inotify(sd_event_source *source, const struct inotify_event *e, void *userdata) {
        ModelStore *s = userdata;

        if (on_event(s, e))
                return 0;
        log_warning("%s is gone; it is looked for again when a model is asked for.", s->directory);
        forget_directory(s);
        return 0;
}

int model_store_open(ModelStore *s) {
        const uint32_t mask = IN_CREATE | IN_MOVE | IN_DELETE | IN_CLOSE | IN_OPEN | IN_DELETE_SELF | IN_MOVE_SELF | IN_ONLYDIR;
        int r;

        s->fd = open(s->directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (s->fd < 0)
                return -errno;
        r = sd_event_add_inotify(s->manager->event, &s->inotify, s->directory, mask, on_inotify, s);
        if (r < 0) {
                forget_directory(s);
                return r;
        }
        model_users_find_device(s);
        return 0;
}

ModelObject *model_store_get(ModelStore *s, const ModelSpec *spec) {
        for (ModelObject *o = s->models; o; o = o->next)
                if (strcmp(o->spec.name, spec->name) == 0 && strcmp(o->spec.commit, spec->commit) == 0)
                        return o;
        return NULL;
}

static int refuse_root_hash(const ModelObject *o, const ModelSpec *wanted, sd_bus_error *error) {
        char text[MODEL_SPEC_TEXT_MAX], hex[2 * ROOT_HASH_SIZE + 1];

        return host_error_set(error, HOST_ERROR_HASH_MISMATCH, "%s: expected root hash %s, found %s.",
                              model_spec_format(wanted, false, text), hex_encode(wanted->root_hash, ROOT_HASH_SIZE, hex),
                              o->spec.has_root_hash ? strrchr(model_spec_format(&o->spec, true, text), ':') + 1 : "none");
}

/* Without a commit there must be but one. */
static int find_by_name(ModelStore *s, const ModelSpec *spec, ModelObject **ret, sd_bus_error *error) {
        ModelObject *found = NULL;

        for (ModelObject *o = s->models; o; o = o->next) {
                if (strcmp(o->spec.name, spec->name) != 0)
                        continue;
                if (found)
                        return host_error_set(error, HOST_ERROR_NO_SUCH_MODEL,
                                              "%s: expected an image of one commit, found several, %s and %s among them. "
                                              "Say which, as NAME@COMMIT.", spec->name, found->spec.commit, o->spec.commit);
                found = o;
        }
        *ret = found;
        return 0;
}

int model_store_find(ModelStore *s, const char *text, ModelObject **ret, sd_bus_error *error) {
        ModelObject *o = NULL;
        ModelSpec spec;
        Fault fault;
        int r;

        if (model_spec_parse(text, &spec, &fault) < 0)
                return host_error_set(error, HOST_ERROR_INVALID_SPECIFICATION, "%s: expected %s, found %s.", fault.what,
                                      fault.expected, fault.found);
        model_store_refresh(s);
        if (spec.commit[0])
                o = model_store_get(s, &spec);
        else {
                r = find_by_name(s, &spec, &o, error);
                if (r < 0)
                        return r;
        }
        if (!o)
                return host_error_set(error, HOST_ERROR_NO_SUCH_MODEL, "%s: no image of this model is in %s. Build it first.",
                                      text, s->directory);
        if (spec.has_root_hash &&
            (!o->spec.has_root_hash || memcmp(o->spec.root_hash, spec.root_hash, ROOT_HASH_SIZE) != 0))
                return refuse_root_hash(o, &spec, error);
        *ret = o;
        return 0;
}

ModelStore *model_store_free(ModelStore *s) {
        if (!s)
                return NULL;
        while (s->models) {
                ModelObject *o = s->models;

                s->models = o->next;
                (void) object_free(o);
        }
        forget_directory(s);
        (void) sd_event_source_disable_unref(s->timer);
        free(s->directory);
        free(s);
        return NULL;
}
DEFINE_CLEANUP_FUNC(ModelStore *, model_store_free)

int model_store_new(Manager *m, ModelStore **ret) {
        _cleanup_(model_store_freep) ModelStore *s = calloc(1, sizeof(*s));
        int r;

        if (!s)
                return -ENOMEM;
        *s = (ModelStore){ .manager = m, .fd = -EBADF };
        if (asprintf(&s->directory, "%s" MODEL_STORE_DIR, m->root) < 0) {
                s->directory = NULL;
                return -ENOMEM;
        }
        r = sd_event_add_time(m->event, &s->timer, CLOCK_MONOTONIC, 0, 0, on_timer, s);
        if (r >= 0)
                r = sd_event_source_set_enabled(s->timer, SD_EVENT_OFF);
        if (r < 0)
                return r;
        /* Its owner makes it (systemd-tmpfiles); this is for who starts the daemon without. */
        (void) mkdir(s->directory, 0755);
        r = model_store_open(s);
        if (r < 0)
                (void) log_warning_errno(r, "%s: cannot be watched, and no model is shown: %m", s->directory);
        *ret = TAKE_PTR(s);
        return 0;
}
