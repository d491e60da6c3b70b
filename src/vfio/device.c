/* SPDX-License-Identifier: Apache-2.0 */

#include "vfio/device.h"

#include <fcntl.h>
#include <limits.h>
#include <string.h>

#include "basic/clock.h"
#include "basic/io.h"
#include "vfio/limit.h"

#define DEVICES       "/sys/bus/pci/devices/"
#define WRITE_TIMEOUT (30 * USEC_PER_SEC)

typedef struct Write {
        char path[PATH_MAX];
        char value[PCI_TEXT_SIZE];
} Write;

static int do_write(void *argument) {
        const Write *w = argument;
        _cleanup_close_ int fd = open(w->path, O_WRONLY | O_CLOEXEC | O_NOCTTY);
        size_t n = strlen(w->value);

        if (fd < 0)
                return -errno;
        /* In one piece: each write is a command of its own. */
        return write(fd, w->value, n) == (ssize_t) n ? 0 : -errno;
}

int pci_host_write(const PciHost *host, const char *path, const char *value) {
        Write w;

        if (host->write)
                return host->write(host->userdata, path, value);
        if ((size_t) snprintf(w.path, sizeof(w.path), "%s%s", host->root, path) >= sizeof(w.path) ||
            (size_t) snprintf(w.value, sizeof(w.value), "%s", value) >= sizeof(w.value))
                return -ENAMETOOLONG;
        return limited_call(do_write, &w, sizeof(w), WRITE_TIMEOUT);
}

int pci_host_read(const PciHost *host, const char *path, char *ret, size_t size) {
        _cleanup_free_ uint8_t *data = NULL;
        char full[PATH_MAX];
        size_t n;
        int r;

        if ((size_t) snprintf(full, sizeof(full), "%s%s", host->root, path) >= sizeof(full))
                return -ENAMETOOLONG;
        r = read_virtual_file_at(AT_FDCWD, full, size - 1, &data, &n);
        if (r < 0)
                return r;
        (void) snprintf(ret, size, "%s", (const char *) data);
        ret[strcspn(ret, "\n")] = '\0';
        return 0;
}

static const char *attribute(const PciDevice *d, const char *name, char ret[static PATH_MAX]) {
        (void) snprintf(ret, PATH_MAX, DEVICES "%s/%s", d->address, name);
        return ret;
}

char *pci_device_path(const PciDevice *d, const char *name, char ret[static PATH_MAX]) {
        (void) snprintf(ret, PATH_MAX, "%s" DEVICES "%s%s%s", d->host->root, d->address, *name ? "/" : "", name);
        return ret;
}

int pci_device_read(const PciDevice *d, const char *name, char ret[static PCI_TEXT_SIZE]) {
        char path[PATH_MAX];

        return pci_host_read(d->host, attribute(d, name, path), ret, PCI_TEXT_SIZE);
}

int pci_device_write(const PciDevice *d, const char *name, const char *value) {
        char path[PATH_MAX];

        return pci_host_write(d->host, attribute(d, name, path), value);
}

int pci_device_link(const PciDevice *d, const char *name, char ret[static PCI_TEXT_SIZE]) {
        char path[PATH_MAX], target[PATH_MAX];
        const char *last;
        ssize_t n;

        n = readlink(pci_device_path(d, name, path), target, sizeof(target) - 1);
        if (n < 0 && errno != ENOENT)
                return -errno;
        target[n < 0 ? 0 : n] = '\0';
        last = strrchr(target, '/');
        last = last ? last + 1 : target;
        if (strlen(last) >= PCI_TEXT_SIZE)
                return -ENAMETOOLONG;
        (void) snprintf(ret, PCI_TEXT_SIZE, "%s", last);
        return 0;
}

bool pci_device_present(const PciDevice *d) {
        char path[PATH_MAX];

        return access(pci_device_path(d, "", path), F_OK) == 0;
}

/* "0x10de" */
static int read_number(const PciDevice *d, const char *name, unsigned long max, unsigned long *ret, Fault *f) {
        char text[PCI_TEXT_SIZE] = "", what[64], *end = text;
        int r = pci_device_read(d, name, text);

        (void) snprintf(what, sizeof(what), "%s: %s", d->address, name);
        if (r == -ENOENT || r == -ENODEV)
                return fault_set(f, ENODEV, what, "a PCI device", "none; was it unplugged?");
        if (r < 0)
                return fault_set(f, r, what, "to be read", "%s", strerror(-r));
        errno = 0;
        *ret = strtoul(text, &end, 0);
        if (errno != 0 || end == text || *end || *ret > max)
                return fault_set(f, EIO, what, "a number", "\"%s\"", text);
        return 0;
}

int pci_device_open(const PciHost *host, const char *address, PciDevice *ret, Fault *ret_fault) {
        PciDevice d = { .host = host, .numa_node = -1 };
        unsigned long vendor, device, class;
        char text[PCI_TEXT_SIZE];
        int r;

        (void) snprintf(d.address, sizeof(d.address), "%s", address);
        if (!pci_device_present(&d))
                return fault_set(ret_fault, ENODEV, d.address, "a PCI device", "none of that address");
        r = read_number(&d, "vendor", UINT16_MAX, &vendor, ret_fault);
        if (r >= 0)
                r = read_number(&d, "device", UINT16_MAX, &device, ret_fault);
        if (r >= 0)
                r = read_number(&d, "class", 0xffffff, &class, ret_fault);
        if (r < 0)
                return r;
        d.vendor = (uint16_t) vendor;
        d.device = (uint16_t) device;
        d.class = (uint32_t) class;
        if (pci_device_read(&d, "numa_node", text) >= 0)
                d.numa_node = (int) strtol(text, NULL, 10);
        *ret = d;
        return 0;
}

const char *pci_device_asleep(const PciDevice *d) {
        static const char *const states[] = { "D1", "D2", "D3hot", "D3cold" };
        char text[PCI_TEXT_SIZE];

        if (pci_device_read(d, "power_state", text) < 0)
                return NULL;
        for (size_t i = 0; i < ELEMENTSOF(states); i++)
                if (strcmp(text, states[i]) == 0)
                        return states[i];
        return NULL;
}

bool pci_host_locked_down(const PciHost *host) {
        char text[128];

        return pci_host_read(host, "/sys/kernel/security/lockdown", text, sizeof(text)) >= 0 &&
               !strstr(text, "[none]") && strchr(text, '[');
}
