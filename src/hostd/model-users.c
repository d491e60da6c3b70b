/* SPDX-License-Identifier: Apache-2.0 */

#include "hostd/model-users.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/file.h>
#include <sys/sysmacros.h>
#include <systemd/sd-login.h>

#include "basic/io.h"
#include "hostd/error.h"

#define LINE_SIZE  256
#define USERS_MAX  256U /* of one image */

typedef struct Lock {
        bool exclusive;
        int pid;
        dev_t device;
        unsigned long long inode;
} Lock;

/* "1: FLOCK  ADVISORY  WRITE 123 fe:01:5678 0 EOF". False for other locks, and for those who only wait for theirs. */
static bool parse_lock(const char *line, Lock *ret) {
        char access[16], pid[16], place[64], *end;
        unsigned long high, low;

        if (sscanf(line, "%*u: FLOCK ADVISORY %15s %15s %63s", access, pid, place) != 3)
                return false;
        high = strtoul(place, &end, 16);
        if (*end != ':')
                return false;
        low = strtoul(end + 1, &end, 16);
        if (*end != ':')
                return false;
        ret->device = makedev(high, low);
        ret->inode = strtoull(end + 1, NULL, 10);
        ret->pid = (int) strtol(pid, NULL, 10);
        ret->exclusive = strcmp(access, "WRITE") == 0;
        return true;
}

/* What the kernel calls the lock on a file that is locked here. */
static bool find_own_lock(int fd, Lock *ret) {
        _cleanup_fclose_ FILE *f = NULL;
        char path[64], line[LINE_SIZE];

        (void) snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", fd);
        f = flock(fd, LOCK_SH | LOCK_NB) < 0 ? NULL : fopen(path, "re");
        while (f && fgets(line, sizeof(line), f))
                if (strncmp(line, "lock:\t", 6) == 0 && parse_lock(line + 6, ret))
                        return true;
        return false;
}

void model_users_find_device(ModelStore *s) {
        struct stat st = {};
        Lock lock;

        s->device = find_own_lock(s->fd, &lock) ? lock.device : fstat(s->fd, &st) >= 0 ? st.st_dev : 0;
}

/* The unit that a process belongs to, which is what its owner knows it by; else its number. */
static char *name_user(int pid) {
        char *unit = NULL, *name;

        if (pid > 0 && sd_pid_get_unit(pid, &unit) >= 0)
                return make_printable(unit);
        return asprintf(&name, "process %d", pid) < 0 ? NULL : name;
}

static bool has(char *const *list, const char *word) {
        for (; list && *list; list++)
                if (strcmp(*list, word) == 0)
                        return true;
        return false;
}

static size_t count(char *const *list) {
        size_t n = 0;

        while (list && list[n])
                n++;
        return n;
}

static bool is_same_list(char *const *a, char *const *b) {
        for (; a && *a; a++)
                if (!has(b, *a))
                        return false;
        return true;
}

static ModelObject *find_inode(const ModelStore *s, unsigned long long inode) {
        for (ModelObject *o = s->models; o; o = o->next)
                if (o->image.inode == inode)
                        return o;
        return NULL;
}

/* What the list said last time is kept aside, by each object's place. */
static int note_lock(const ModelStore *s, const char *line) {
        _cleanup_free_ char *user = NULL;
        ModelObject *o;
        Lock lock;

        if (!parse_lock(line, &lock) || lock.device != s->device)
                return 0;
        o = find_inode(s, lock.inode);
        if (!o)
                return 0;
        if (lock.exclusive) {
                o->being_written = true;
                return 0;
        }
        if (count(o->users) >= USERS_MAX)
                return 0;
        user = name_user(lock.pid);
        if (user && has(o->users, user))
                return 0;
        return strv_append(&o->users, TAKE_PTR(user));
}

int model_users_read(ModelStore *s) {
        _cleanup_fclose_ FILE *f = fopen("/proc/locks", "re");
        _cleanup_free_ char ***before = calloc(s->n_models + 1, sizeof(*before));
        char line[LINE_SIZE];
        size_t i = 0;
        int r = 0;

        if (!f || !before)
                return before ? -errno : -ENOMEM;
        for (ModelObject *o = s->models; o; o = o->next) {
                before[i++] = TAKE_PTR(o->users);
                o->being_written = false;
        }
        while (fgets(line, sizeof(line), f)) {
                int k = note_lock(s, line);

                r = r < 0 ? r : k;
        }
        i = 0;
        for (ModelObject *o = s->models; o; o = o->next, i++) {
                if (!is_same_list(before[i], o->users) || !is_same_list(o->users, before[i]))
                        model_bus_changed(o, "Users", NULL);
                (void) strv_free(before[i]);
        }
        return r;
}
