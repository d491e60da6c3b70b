/* SPDX-License-Identifier: Apache-2.0 */

#include <dirent.h>
#include <fcntl.h>
#include <inttypes.h>
#include <string.h>
#include <sys/stat.h>
#include <systemd/sd-daemon.h>

#include "basic/log.h"
#include "hostd/lease.h"

#define NAME_PREFIX "lease-"
#define NAME_SIZE   (sizeof(NAME_PREFIX) + PCI_ADDRESS_SIZE)

struct KeptLease {
        KeptLease *next;
        char name[NAME_SIZE];
        int fd;
};

/* "lease-0000_01_00.0": names of descriptors have no colon. */
static const char *name_of(const char *address, char ret[static NAME_SIZE]) {
        (void) snprintf(ret, NAME_SIZE, NAME_PREFIX "%s", address);
        for (char *p = ret; *p; p++)
                if (*p == ':')
                        *p = '_';
        return ret;
}

/* It is kept when nobody has the other end as well: that is for us to see. */
void lease_keep(const Lease *l) {
        char name[NAME_SIZE], text[NAME_SIZE + 64];

        (void) snprintf(text, sizeof(text), "FDSTORE=1\nFDPOLL=0\nFDNAME=%s", name_of(l->gpu->address, name));
        (void) sd_pid_notify_with_fds(0, false, text, &l->end, 1);
}

static void forget(const char *name) {
        (void) sd_notifyf(false, "FDSTOREREMOVE=1\nFDNAME=%s", name);
}

void lease_forget(const GpuObject *g) {
        char name[NAME_SIZE];

        forget(name_of(g->address, name));
}

static void add(Manager *m, const char *name, int fd) {
        KeptLease *k = strlen(name) < NAME_SIZE ? calloc(1, sizeof(*k)) : NULL;

        if (!k) {
                (void) close(fd);
                return;
        }
        *k = (KeptLease){ .next = m->kept, .fd = fd };
        (void) snprintf(k->name, sizeof(k->name), "%s", name);
        m->kept = k;
}

void lease_keep_start(Manager *m) {
        _cleanup_(strv_freep) char **names = NULL;
        int n = sd_listen_fds_with_names(true, &names);

        for (int i = 0; i < n; i++)
                add(m, names[i], SD_LISTEN_FDS_START + i);
}

void lease_keep_done(Manager *m) {
        while (m->kept) {
                KeptLease *k = m->kept;

                m->kept = k->next;
                if (k->fd >= 0) {
                        forget(k->name);
                        (void) close(k->fd);
                }
                free(k);
        }
        for (const GpuObject *g = m->gpus; g; g = g->next)
                if (g->lease)
                        lease_keep(g->lease);
}

static bool is_pipe(int fd, uint64_t pipe) {
        struct stat st;

        return fd >= 0 && fstat(fd, &st) >= 0 && S_ISFIFO(st.st_mode) && st.st_ino == pipe;
}

/* Anew, through a descriptor of the other end. */
static int open_from(int process, uint64_t pipe) {
        _cleanup_closedir_ DIR *dir = NULL;
        char wanted[40], target[40];
        struct dirent *entry;
        int fd = openat(process, "fd", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

        dir = fd < 0 ? NULL : fdopendir(fd);
        if (!dir && fd >= 0)
                (void) close(fd);
        (void) snprintf(wanted, sizeof(wanted), "pipe:[%" PRIu64 "]", pipe);
        while (dir && (entry = readdir(dir))) {
                ssize_t n = readlinkat(dirfd(dir), entry->d_name, target, sizeof(target) - 1);

                target[n < 0 ? 0 : n] = '\0';
                if (strcmp(target, wanted) != 0)
                        continue;
                fd = openat(dirfd(dir), entry->d_name, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
                if (is_pipe(fd, pipe))
                        return fd;
                closep(&fd);
        }
        return -ENOENT;
}

/* Only links of /proc are read, which waits for nobody. */
static int find_in_processes(uint64_t pipe) {
        _cleanup_closedir_ DIR *dir = opendir("/proc");
        struct dirent *entry;
        int fd = -ENOENT;

        while (fd < 0 && dir && (entry = readdir(dir))) {
                _cleanup_close_ int process = -EBADF;

                if (entry->d_name[strspn(entry->d_name, "0123456789")] != '\0')
                        continue;
                process = openat(dirfd(dir), entry->d_name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
                if (process >= 0)
                        fd = open_from(process, pipe);
        }
        return fd;
}

int lease_find(Manager *m, const char *address, uint64_t pipe) {
        char name[NAME_SIZE];

        (void) name_of(address, name);
        for (KeptLease *k = m->kept; k; k = k->next)
                if (strcmp(k->name, name) == 0 && is_pipe(k->fd, pipe))
                        return TAKE_FD(k->fd);
        return find_in_processes(pipe);
}
