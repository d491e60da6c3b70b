/* SPDX-License-Identifier: Apache-2.0 */

#include "hostd/state.h"

#include <dirent.h>
#include <fcntl.h>
#include <fnmatch.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>
#include <systemd/sd-id128.h>

#include "basic/io.h"
#include "basic/log.h"
#include "hostd/lease.h"
#include "hostd/worker-protocol.h"

#define STATE_VERSION   1
#define STATE_SIZE_MAX  (4 * WORKER_MESSAGE_MAX)
#define STATE_DEPTH_MAX 8
#define STATE_VALUES_MAX 1024U

/* A child process, because a disk may take its time. */
struct GpuSave {
        sd_event_source *child;
        pid_t pid;
        GpuSaved saved;
        bool again; /* what it writes is out of date already */
};

static char *state_path(const Manager *m, const char *address) {
        char *path;

        return asprintf(&path, "%s/%s.json", m->state_dir, address) < 0 ? NULL : path;
}

static const char *boot_id(char ret[static SD_ID128_STRING_MAX]) {
        sd_id128_t id = {};

        (void) sd_id128_get_boot(&id);
        return sd_id128_to_string(id, ret);
}

void gpu_record_done(GpuRecord *r) {
        free(r->error);
        free(r->message);
        free(r->cc);
        free(r->ppcie);
        free(r->holder);
        (void) json_object_put(r->record);
        *r = (GpuRecord){};
}

/* Members that are strings or null. */
static int copy_string(json_object *o, const char *key, char **ret) {
        const char *value;

        if (json_get_string(o, key, &value) < 0)
                return 0;
        *ret = strdup(value);
        return *ret ? 0 : -ENOMEM;
}

static int read_lease(json_object *o, GpuRecord *ret) {
        json_object *lease, *pipe;

        if (json_get_object(o, "lease", &lease) < 0)
                return 0;
        if (json_object_object_get_ex(lease, "pipe", &pipe) && json_object_is_type(pipe, json_type_int))
                ret->pipe = json_object_get_uint64(pipe);
        return copy_string(lease, "holder", &ret->holder);
}

static int read_record(json_object *o, uint16_t device_id, GpuRecord *ret) {
        char boot[SD_ID128_STRING_MAX];
        const char *state, *boot_then;
        json_object *value, *record = NULL;

        if (!json_object_object_get_ex(o, "version", &value) || json_object_get_int(value) != STATE_VERSION ||
            json_get_string(o, "state", &state) < 0 || json_get_string(o, "boot-id", &boot_then) < 0 ||
            !json_object_object_get_ex(o, "device-id", &value) || !json_object_is_type(value, json_type_int))
                return -EBADMSG;
        if (json_object_get_int(value) != device_id)
                return -ENOENT;
        ret->state = gpu_state_from_string(state);
        if (ret->state < 0)
                return -EBADMSG;
        if (json_get_object(o, "record", &record) == 0)
                ret->record = json_object_get(record);
        ret->this_boot = strcmp(boot_then, boot_id(boot)) == 0;
        if (copy_string(o, "error", &ret->error) < 0 || copy_string(o, "message", &ret->message) < 0 ||
            copy_string(o, "cc", &ret->cc) < 0 || copy_string(o, "ppcie", &ret->ppcie) < 0 || read_lease(o, ret) < 0)
                return -ENOMEM;
        return 0;
}

int state_load(const Manager *m, const char *address, uint16_t device_id, GpuRecord *ret) {
        _cleanup_(gpu_record_done) GpuRecord found = {};
        _cleanup_free_ char *path = state_path(m, address);
        _cleanup_free_ uint8_t *data = NULL;
        _cleanup_json_ json_object *o = NULL;
        size_t size;
        int r;

        if (!path)
                return -ENOMEM;
        r = read_file_at(AT_FDCWD, path, STATE_SIZE_MAX, &data, &size);
        if (r < 0)
                return r;
        r = json_parse((const char *) data, size, STATE_DEPTH_MAX, STATE_VALUES_MAX, &o);
        if (r >= 0)
                r = read_record(o, device_id, &found);
        if (r < 0)
                return r == -E2BIG ? -EBADMSG : r;
        *ret = TAKE_STRUCT(found);
        return 0;
}

void state_sweep(const Manager *m) {
        _cleanup_closedir_ DIR *dir = opendir(m->state_dir);
        struct dirent *entry;

        while (dir && (entry = readdir(dir)))
                if (fnmatch("*.json.??????", entry->d_name, 0) == 0)
                        (void) unlinkat(dirfd(dir), entry->d_name, 0);
}

/* "0000:01:00.0.json" */
static bool is_present(const char *file) {
        static const PciHost host = { .root = "" };
        PciDevice d = { .host = &host };

        (void) snprintf(d.address, sizeof(d.address), "%.*s", (int) (strlen(file) - strlen(".json")), file);
        return pci_device_present(&d);
}

void state_drop_absent(const Manager *m) {
        _cleanup_closedir_ DIR *dir = opendir(m->state_dir);
        struct dirent *entry;

        while (dir && (entry = readdir(dir)))
                if (fnmatch("*.json", entry->d_name, 0) == 0 && !is_present(entry->d_name))
                        (void) unlinkat(dirfd(dir), entry->d_name, 0);
}

/* Without one, null. */
static int describe_lease(json_object *o, const GpuObject *g) {
        json_object *lease = g->lease ? json_object_new_object() : NULL;
        int r;

        if (!g->lease)
                return json_add(o, "lease", NULL);
        r = json_add(o, "lease", lease);
        if (r >= 0)
                r = json_add_string(lease, "holder", g->lease->holder);
        return r < 0 ? r : json_add_int(lease, "pipe", (int64_t) g->lease->pipe);
}

/* NULL when memory is out. */
static json_object *describe(const GpuObject *g) {
        _cleanup_json_ json_object *o = json_object_new_object();
        char boot[SD_ID128_STRING_MAX];

        if (!o || json_add_int(o, "version", STATE_VERSION) < 0 || json_add_string(o, "address", g->address) < 0 ||
            json_add_int(o, "device-id", g->device_id) < 0 || json_add_string(o, "boot-id", boot_id(boot)) < 0 ||
            json_add_string(o, "state", gpu_state_to_string(g->state)) < 0 ||
            json_add_string(o, "error", g->error) < 0 || json_add_string(o, "message", g->message) < 0 ||
            json_add_string(o, "cc", g->cc_mode) < 0 || json_add_string(o, "ppcie", g->ppcie_mode) < 0 ||
            describe_lease(o, g) < 0 || json_add(o, "record", json_object_get(g->record)) < 0)
                return NULL;
        return TAKE_PTR(o);
}

/* In the child. */
static int write_state(const GpuObject *g, const char *path) {
        _cleanup_json_ json_object *o = NULL;
        const char *text;

        if (g->forgotten || (g->state == GPU_UNMANAGED && !g->record)) {
                if (unlink(path) < 0 && errno != ENOENT)
                        return -errno;
                /* Nobody minds when the record of a device that is gone comes back: it is not its successor's, or says what
                 * that is looked at for. */
                return g->forgotten ? 0 : sync_directory_of(path);
        }
        o = describe(g);
        text = o ? json_object_to_json_string_ext(o, JSON_C_TO_STRING_PRETTY) : NULL;
        return text ? write_file_atomic(path, text, strlen(text), 0600) : -ENOMEM;
}

static GpuSave *save_free(GpuSave *s) {
        (void) sd_event_source_disable_unref(s->child);
        free(s);
        return NULL;
}

static int on_saved(sd_event_source *s, const siginfo_t *how, void *userdata) {
        GpuObject *g = userdata;
        GpuSaved saved = g->save->saved;
        bool again = g->save->again;
        int r;

        /* The child's exit status is an errno. */
        r = how->si_code == CLD_EXITED ? -how->si_status : -EIO;
        g->save = save_free(g->save);
        if (again) {
                gpu_object_save(g, saved);
                return 0;
        }
        if (r < 0)
                (void) log_warning_errno(r, "%s: cannot store its state below %s: %m", g->address, g->manager->state_dir);
        if (saved)
                saved(g, r);
        return 0;
}

static int start_save(GpuObject *g) {
        _cleanup_free_ char *path = state_path(g->manager, g->address);
        GpuSave *s = path ? calloc(1, sizeof(*s)) : NULL;

        if (!s)
                return -ENOMEM;
        s->pid = fork();
        if (s->pid == 0) {
                /* What the daemon has open at this moment may be a GPU that is being lent. */
                (void) close_range(STDERR_FILENO + 1, ~0U, 0);
                _exit(-write_state(g, path));
        }
        if (s->pid < 0 || sd_event_add_child(g->manager->event, &s->child, s->pid, WEXITED, on_saved, g) < 0) {
                (void) save_free(s);
                return -EAGAIN;
        }
        g->save = s;
        return 0;
}

void gpu_object_save(GpuObject *g, GpuSaved saved) {
        int r;

        if (!g->save) {
                r = start_save(g);
                if (r < 0) {
                        (void) log_warning_errno(r, "%s: cannot store its state: %m", g->address);
                        if (saved)
                                saved(g, r);
                        return;
                }
        } else
                g->save->again = true;
        g->save->saved = saved;
}

void state_flush(GpuObject *g) {
        _cleanup_free_ char *path = NULL;
        bool again = g->save && g->save->again;
        int r;

        if (!g->save)
                return;
        while (waitpid(g->save->pid, NULL, 0) < 0 && errno == EINTR)
                ;
        g->save = save_free(g->save);
        if (!again)
                return;
        path = state_path(g->manager, g->address);
        r = path ? write_state(g, path) : -ENOMEM;
        if (r < 0)
                (void) log_warning_errno(r, "%s: cannot store its state below %s: %m", g->address, g->manager->state_dir);
}
