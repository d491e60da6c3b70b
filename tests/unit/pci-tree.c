/* SPDX-License-Identifier: Apache-2.0 */

#include "pci-tree.h"

#include <ftw.h>
#include <limits.h>
#include <stdarg.h>
#include <string.h>
#include <sys/stat.h>

#include "sim/must.h"

#define DEVICES "/sys/bus/pci/devices/"
#define DRIVERS "/sys/bus/pci/drivers/"

static char *path_of(const PciTree *t, char ret[static PATH_MAX], const char *format, ...) _printf_(3, 4);
static char *path_of(const PciTree *t, char ret[static PATH_MAX], const char *format, ...) {
        size_t n = strlen(t->root);
        va_list ap;

        memcpy(ret, t->root, n);
        va_start(ap, format);
        MUST((size_t) vsnprintf(ret + n, PATH_MAX - n, format, ap) < PATH_MAX - n);
        va_end(ap);
        return ret;
}

static void make_parents(char *path) {
        for (char *at = strchr(path + 1, '/'); at; at = strchr(at + 1, '/')) {
                *at = '\0';
                (void) mkdir(path, 0755);
                *at = '/';
        }
}

static void make_file(char *path, const char *text) {
        _cleanup_fclose_ FILE *file = NULL;

        make_parents(path);
        file = fopen(path, "we");
        MUST(file && fputs(text, file) >= 0);
}

static void make_link(char *path, const char *target) {
        make_parents(path);
        (void) unlink(path);
        MUST(symlink(target, path) == 0);
}

static bool exists(const char *path) {
        struct stat st;

        return lstat(path, &st) == 0;
}

void pci_tree_write(PciTree *t, const char *path, const char *text) {
        char full[PATH_MAX];

        make_file(path_of(t, full, "%s", path), text);
}

static void set_driver(PciTree *t, const char *address, const char *driver) {
        char path[PATH_MAX], target[PATH_MAX];

        (void) path_of(t, path, DEVICES "%s/driver", address);
        (void) unlink(path);
        if (driver)
                make_link(path, path_of(t, target, DRIVERS "%s", driver));
}

static bool is_driver(const PciTree *t, const char *name) {
        char path[PATH_MAX];

        return exists(path_of(t, path, DRIVERS "%s", name));
}

const char *pci_tree_bound(PciTree *t, const char *address) {
        static char target[PATH_MAX];
        char path[PATH_MAX];
        ssize_t n = readlink(path_of(t, path, DEVICES "%s/driver", address), target, sizeof(target) - 1);

        if (n < 0)
                return "";
        target[n] = '\0';
        return strrchr(target, '/') + 1;
}

static bool ends_with(const char *text, const char *end) {
        size_t n = strlen(text), k = strlen(end);

        return n >= k && strcmp(text + n - k, end) == 0;
}

/* The kernel's rule: an override decides alone. */
static int bind(PciTree *t, const char *address, const char *driver) {
        char path[PATH_MAX], override[64] = "";
        _cleanup_fclose_ FILE *file = NULL;

        if (!exists(path_of(t, path, DEVICES "%s", address)))
                return -ENODEV;
        file = fopen(path_of(t, path, DEVICES "%s/driver_override", address), "re");
        if (file && fgets(override, sizeof(override), file))
                override[strcspn(override, "\n")] = '\0';
        if (*override && strcmp(override, "(null)") != 0 && strcmp(override, driver) != 0)
                return -ENODEV;
        if (*pci_tree_bound(t, address))
                return -EBUSY;
        set_driver(t, address, driver);
        return 0;
}

static int kernel(PciTree *t, const char *path, const char *value) {
        char address[32], name[64], full[PATH_MAX];

        if (sscanf(path, DEVICES "%31[^/]/driver/unbind", address) == 1 && ends_with(path, "driver/unbind")) {
                if (strcmp(value, address) != 0 || !*pci_tree_bound(t, address))
                        return -ENODEV;
                set_driver(t, address, NULL);
                return 0;
        }
        if (sscanf(path, DRIVERS "%63[^/]/bind", name) == 1)
                return is_driver(t, name) ? bind(t, value, name) : -ENOENT;
        if (strcmp(path, "/sys/bus/pci/drivers_probe") == 0) {
                if (!t->probes || *pci_tree_bound(t, value))
                        return 0;
                return bind(t, value, t->probes);
        }
        (void) path_of(t, full, "%s", path);
        if (!exists(full))
                return -ENOENT;
        make_file(full, strcmp(value, "\n") == 0 && ends_with(path, "driver_override") ? "(null)\n" : value);
        return 0;
}

static int on_write(void *userdata, const char *path, const char *value) {
        PciTree *t = userdata;
        const char *at = strncmp(path, DEVICES, strlen(DEVICES)) == 0 ? path + strlen(DEVICES) : strstr(path, "drivers");
        char *log;

        MUST(asprintf(&log, "%s%s=%s\n", t->log, at ? at : path, strcmp(value, "\n") == 0 ? "" : value) >= 0);
        free(t->log);
        t->log = log;
        if (t->fail_path && ends_with(path, t->fail_path) && t->fail_after-- == 0) {
                t->fail_after = 0;
                return t->fail_error;
        }
        return kernel(t, path, value);
}

PciTree *pci_tree_new(void) {
        PciTree *t = calloc(1, sizeof(*t));
        char template[] = "/tmp/cocoon-pci-XXXXXX";

        MUST(t && mkdtemp(template));
        t->root = strdup(template);
        t->log = strdup("");
        MUST(t->root && t->log);
        t->host = (PciHost){ .root = t->root, .write = on_write, .userdata = t };
        pci_tree_driver(t, "vfio-pci");
        pci_tree_write(t, "/proc/self-is-no-number", "");
        return t;
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw) {
        return remove(path);
}

static void remove_tree(const char *path) {
        (void) nftw(path, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

PciTree *pci_tree_free(PciTree *t) {
        if (t) {
                remove_tree(t->root);
                free(t->root);
                free(t->log);
        }
        free(t);
        return NULL;
}

void pci_tree_driver(PciTree *t, const char *name) {
        char path[PATH_MAX];

        make_file(path_of(t, path, DRIVERS "%s/bind", name), "");
}

static void add_number(PciTree *t, const char *address, const char *name, unsigned value) {
        char path[PATH_MAX], text[32];

        (void) snprintf(text, sizeof(text), "0x%04x\n", value);
        make_file(path_of(t, path, DEVICES "%s/%s", address, name), text);
}

void pci_tree_add(PciTree *t, const char *address, unsigned device, unsigned class, const char *driver, const char *group) {
        char path[PATH_MAX], target[PATH_MAX];

        add_number(t, address, "vendor", 0x10de);
        add_number(t, address, "device", device);
        add_number(t, address, "class", class);
        make_file(path_of(t, path, DEVICES "%s/numa_node", address), "1\n");
        make_file(path_of(t, path, DEVICES "%s/driver_override", address), "(null)\n");
        make_file(path_of(t, path, DEVICES "%s/power_state", address), "D0\n");
        if (driver) {
                pci_tree_driver(t, driver);
                set_driver(t, address, driver);
        }
        if (!group)
                return;
        make_link(path_of(t, path, "/sys/kernel/iommu_groups/%s/devices/%s", group, address),
                  path_of(t, target, DEVICES "%s", address));
        make_link(path_of(t, path, DEVICES "%s/iommu_group", address),
                  path_of(t, target, "/sys/kernel/iommu_groups/%s", group));
}

void pci_tree_remove(PciTree *t, const char *address) {
        char path[PATH_MAX];

        remove_tree(path_of(t, path, DEVICES "%s", address));
}

void pci_tree_process(PciTree *t, int pid, const char *name, const char *open, const char *mapped) {
        char path[PATH_MAX], text[PATH_MAX];

        (void) snprintf(text, sizeof(text), "%s\n", name);
        make_file(path_of(t, path, "/proc/%d/comm", pid), text);
        make_link(path_of(t, path, "/proc/%d/fd/0", pid), "/etc/passwd");
        make_link(path_of(t, path, "/proc/%d/fd/1", pid), "pipe:[4711]");
        if (open)
                make_link(path_of(t, path, "/proc/%d/fd/2", pid), open);
        (void) snprintf(text, sizeof(text), "55d0c0000000-55d0c0001000 r--p 00000000 fe:01 42    /usr/bin/%s\n%s%s%s", name,
                        mapped ? "7f0000000000-7f0000001000 rw-s 00000000 00:05 7    " : "", mapped ? mapped : "",
                        mapped ? "\n" : "");
        make_file(path_of(t, path, "/proc/%d/maps", pid), text);
        if (mapped)
                make_link(path_of(t, path, "/proc/%d/map_files/7f0000000000-7f0000001000", pid), mapped);
}
