/* SPDX-License-Identifier: Apache-2.0 */

#include "vfio/users.h"

#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/sysmacros.h>

#define NODES_MAX        32U
#define DEPTH_MAX        5
#define NVIDIA_MAJOR     195U /* of /dev/nvidiaN */
#define NVIDIA_GPUS      254U /* from there on: modeset, control */
#define INFORMATION_SIZE 4096U
#define TEXT_SIZE        192U

typedef struct Nodes {
        dev_t list[NODES_MAX];
        size_t n;
        bool any_nvidia;
} Nodes;

/* A scan of /proc. */
typedef struct Scan {
        const Nodes *nodes;
        PciUsers *users;
        bool blind;
} Scan;

/* "226:0" */
static void add_node(Nodes *nodes, const char *text) {
        char *colon, *end;
        unsigned long major_number = strtoul(text, &colon, 10), minor_number;

        if (colon == text || *colon != ':')
                return;
        minor_number = strtoul(colon + 1, &end, 10);
        if (end != colon + 1 && !*end && nodes->n < NODES_MAX)
                nodes->list[nodes->n++] = makedev((unsigned) major_number, (unsigned) minor_number);
}

static void add_node_file(const PciDevice *d, const char *path, Nodes *nodes) {
        char text[PCI_TEXT_SIZE];

        if (pci_host_read(d->host, path, text, sizeof(text)) >= 0)
                add_node(nodes, text);
}

/* Every "dev" below a directory of sysfs, but not in those of other PCI devices. */
static void add_nodes_below(const PciDevice *d, const char *path, int depth, Nodes *nodes) {
        _cleanup_closedir_ DIR *dir = NULL;
        char full[PATH_MAX], address[PCI_ADDRESS_SIZE];
        struct dirent *entry;

        (void) snprintf(full, sizeof(full), "%s%s", d->host->root, path);
        dir = opendir(full);
        while (dir && (entry = readdir(dir))) {
                if ((size_t) snprintf(full, sizeof(full), "%s/%s", path, entry->d_name) >= sizeof(full))
                        continue;
                if (entry->d_type == DT_REG && strcmp(entry->d_name, "dev") == 0)
                        add_node_file(d, full, nodes);
                if (entry->d_type == DT_DIR && entry->d_name[0] != '.' && depth > 0 &&
                    pci_address_parse(entry->d_name, address) < 0)
                        add_nodes_below(d, full, depth - 1, nodes);
        }
}

/* Which /dev/nvidiaN it is, the driver says. */
static void add_nvidia(const PciDevice *d, Nodes *nodes) {
        static const char key[] = "Device Minor:";
        char path[PATH_MAX], full[PATH_MAX + PCI_TEXT_SIZE], line[256], driver[PCI_TEXT_SIZE], *end;
        _cleanup_fclose_ FILE *file = NULL;

        if (pci_device_link(d, "driver", driver) < 0 || strcmp(driver, "nvidia") != 0)
                return;
        (void) snprintf(path, sizeof(path), "/proc/driver/nvidia/gpus/%s/information", d->address);
        (void) snprintf(full, sizeof(full), "%s%s", d->host->root, path);
        file = fopen(full, "re");
        while (file && fgets(line, sizeof(line), file)) {
                unsigned long minor_number;

                if (strncmp(line, key, strlen(key)) != 0)
                        continue;
                minor_number = strtoul(line + strlen(key), &end, 10);
                if (end == line + strlen(key) || nodes->n == NODES_MAX)
                        break;
                nodes->list[nodes->n++] = makedev(NVIDIA_MAJOR, (unsigned) minor_number);
                return;
        }
        nodes->any_nvidia = true;
}

static void find_nodes(const PciDevice *d, Nodes *nodes) {
        char path[PATH_MAX], group[PCI_TEXT_SIZE];

        (void) snprintf(path, sizeof(path), "/sys/bus/pci/devices/%s", d->address);
        add_nodes_below(d, path, DEPTH_MAX, nodes);
        if (pci_device_link(d, "iommu_group", group) >= 0 && *group) {
                (void) snprintf(path, sizeof(path), "/sys/class/vfio/%s/dev", group);
                add_node_file(d, path, nodes);
        }
        add_nvidia(d, nodes);
}

/* A user's own file system (FUSE) lets not even root look, but no node of a device can be opened there; which it says of
 * itself. */
static bool has_no_nodes(int dir_fd, const char *name) {
        _cleanup_close_ int fd = openat(dir_fd, name, O_PATH | O_CLOEXEC);
        struct statvfs st;

        return fd >= 0 && fstatvfs(fd, &st) >= 0 && (st.f_flag & ST_NODEV);
}

/* Without asking anybody on a network what it has open there. What cannot be looked at may be one, unless it is gone. */
static bool is_node(Scan *s, int dir_fd, const char *name) {
        const Nodes *nodes = s->nodes;
        struct statx st;

        if (statx(dir_fd, name, AT_STATX_DONT_SYNC, STATX_TYPE, &st) < 0) {
                s->blind = s->blind || (errno != ENOENT && errno != ESRCH && !has_no_nodes(dir_fd, name));
                return false;
        }
        if (!S_ISCHR(st.stx_mode))
                return false;
        if (nodes->any_nvidia && st.stx_rdev_major == NVIDIA_MAJOR && st.stx_rdev_minor < NVIDIA_GPUS)
                return true;
        for (size_t i = 0; i < nodes->n; i++)
                if (makedev(st.stx_rdev_major, st.stx_rdev_minor) == nodes->list[i])
                        return true;
        return false;
}

/* What cannot be looked at may be one, unless it is gone. */
static void miss(Scan *s) {
        s->blind = s->blind || (errno != ENOENT && errno != ESRCH);
}

/* A directory of a process. */
static DIR *open_list(Scan *s, int process, const char *name) {
        int fd = openat(process, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        DIR *dir = fd < 0 ? NULL : fdopendir(fd);

        if (!dir)
                miss(s);
        if (!dir && fd >= 0)
                (void) close(fd);
        return dir;
}

/* Descriptors; a process that ends meanwhile has none. */
static bool has_open(Scan *s, int process, bool *ret_none) {
        _cleanup_closedir_ DIR *dir = open_list(s, process, "fd");
        struct dirent *entry;

        *ret_none = true;
        while (dir && (entry = readdir(dir))) {
                if (entry->d_name[0] == '.')
                        continue;
                *ret_none = false;
                if (is_node(s, dirfd(dir), entry->d_name))
                        return true;
        }
        return false;
}

/* What was mapped stays in use when its descriptor is closed. Only what is called a device is looked at: there are
 * many mappings. */
static bool has_mapped(Scan *s, int process) {
        _cleanup_fclose_ FILE *file = NULL;
        char line[PATH_MAX + 128], range[64], path[80];
        int fd = openat(process, "maps", O_RDONLY | O_CLOEXEC);

        file = fd < 0 ? NULL : fdopen(fd, "r");
        if (!file)
                miss(s);
        if (!file && fd >= 0)
                (void) close(fd);
        while (file && fgets(line, sizeof(line), file)) {
                if (!strstr(line, " /dev/") || sscanf(line, "%63s", range) != 1)
                        continue;
                (void) snprintf(path, sizeof(path), "map_files/%s", range);
                if (is_node(s, process, path))
                        return true;
        }
        return false;
}

/* What a process has is not shown any more when its first thread has ended and others go on; it is where those are, which
 * /proc does not list. */
static bool others_have(Scan *s, int proc, int process, const char *pid) {
        _cleanup_closedir_ DIR *dir = open_list(s, process, "task");
        struct dirent *entry;
        bool none;

        while (dir && (entry = readdir(dir))) {
                _cleanup_close_ int thread = -EBADF;

                if (entry->d_name[0] != '.' && strcmp(entry->d_name, pid) != 0)
                        thread = openat(proc, entry->d_name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
                if (thread >= 0 && (has_open(s, thread, &none) || has_mapped(s, thread)))
                        return true;
        }
        return false;
}

static bool uses(Scan *s, int proc, int process, const char *pid) {
        bool none;

        return has_open(s, process, &none) || has_mapped(s, process) || (none && others_have(s, proc, process, pid));
}

static void look_at(Scan *s, int proc, const char *pid) {
        _cleanup_close_ int process = openat(proc, pid, O_RDONLY | O_DIRECTORY | O_CLOEXEC), fd = -EBADF;
        PciUser *u = &s->users->list[s->users->n];
        ssize_t n;

        if (process < 0 || s->users->n == PCI_USERS_MAX || !uses(s, proc, process, pid))
                return;
        *u = (PciUser){ .pid = (pid_t) strtol(pid, NULL, 10) };
        fd = openat(process, "comm", O_RDONLY | O_CLOEXEC);
        n = fd < 0 ? -1 : read(fd, u->name, sizeof(u->name) - 1);
        u->name[n < 0 ? 0 : n] = '\0';
        u->name[strcspn(u->name, "\n")] = '\0';
        s->users->n++;
}

static bool is_process(const char *name, pid_t except) {
        long pid = name[strspn(name, "0123456789")] == '\0' ? strtol(name, NULL, 10) : 0;

        return pid > 0 && pid != getpid() && pid != except;
}

int pci_users_find(const PciDevice *d, PciUsers *ret, Fault *ret_fault) {
        return d->host->find_users ? d->host->find_users(d, ret, ret_fault) : pci_users_find_except(d, 0, ret, ret_fault);
}

int pci_users_find_except(const PciDevice *d, pid_t pid, PciUsers *ret, Fault *ret_fault) {
        _cleanup_closedir_ DIR *dir = NULL;
        Nodes nodes = {};
        Scan s = { .nodes = &nodes, .users = ret };
        struct dirent *entry;
        char path[PATH_MAX];

        ret->n = 0;
        find_nodes(d, &nodes);
        if (nodes.n == 0 && !nodes.any_nvidia)
                return 0;
        (void) snprintf(path, sizeof(path), "%s/proc", d->host->root);
        dir = opendir(path);
        if (!dir)
                return fault_set(ret_fault, errno, d->address, "/proc, to see who uses it", "%m");
        while ((entry = readdir(dir)))
                if (is_process(entry->d_name, pid))
                        look_at(&s, dirfd(dir), entry->d_name);
        if (ret->n == 0 && s.blind)
                return fault_set(ret_fault, EACCES, d->address, "to see who uses it",
                                 "processes whose descriptors may not be looked at");
        return 0;
}

char *pci_users_text(const PciUsers *users, char ret[static TEXT_SIZE]) {
        size_t at = 0;

        ret[0] = '\0';
        for (size_t i = 0; i < users->n && at < TEXT_SIZE; i++)
                at += (size_t) snprintf(ret + at, TEXT_SIZE - at, "%s%s (%d)", i > 0 ? ", " : "",
                                        users->list[i].name, (int) users->list[i].pid);
        return ret;
}

int pci_users_check(const PciDevice *d, Fault *ret_fault) {
        char text[TEXT_SIZE];
        PciUsers users;
        int r;

        r = pci_users_find(d, &users, ret_fault);
        if (r < 0 || users.n == 0)
                return r;
        return fault_set(ret_fault, EBUSY, d->address, "nobody to use it", "in use by %s", pci_users_text(&users, text));
}
