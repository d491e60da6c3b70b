/* SPDX-License-Identifier: Apache-2.0 */

#include "attest/pci.h"

#include <dirent.h>
#include <fcntl.h>
#include <string.h>

#include "basic/io.h"

#define DEVICES_DIR "%s/sys/bus/pci/devices"
#define ATTRIBUTE_MAX 4096U
#define VENDOR_NVIDIA 0x10deUL

static int cannot_read(Fault *f, int error, const char *path) {
        return fault_set(f, error, "PCI bus", "devices that can be looked at", "%s: %s", path, strerror(abs(error)));
}

/* Attributes such as "0x10de\n". */
static int read_number(int bus_fd, const char *device, const char *attribute, unsigned long *ret, Fault *f) {
        _cleanup_free_ uint8_t *text = NULL;
        _cleanup_free_ char *path = NULL;
        char *end;
        size_t size;
        int r;

        if (asprintf(&path, "%s/%s", device, attribute) < 0) {
                path = NULL;
                return -ENOMEM;
        }
        r = read_virtual_file_at(bus_fd, path, ATTRIBUTE_MAX, &text, &size);
        if (r < 0)
                return cannot_read(f, r, path);
        *ret = strtoul((const char *) text, &end, 16);
        return size > 0 && *end == '\n' ? 0 : cannot_read(f, EBADMSG, path);
}

static int count_device(int bus_fd, const char *device, PciCensus *census, Fault *f) {
        unsigned long vendor, class;
        int r;

        r = read_number(bus_fd, device, "vendor", &vendor, f);
        if (r < 0 || vendor != VENDOR_NVIDIA)
                return r;
        r = read_number(bus_fd, device, "class", &class, f);
        if (r < 0)
                return r;
        if (class >> 16 == 0x03)
                census->gpus++;
        else if (class >> 16 == 0x06)
                census->switches++;
        else
                census->others++;
        if (!*census->first)
                (void) snprintf(census->first, sizeof(census->first), "%.31s", device);
        return 0;
}

int pci_count_nvidia(const char *root, PciCensus *ret, Fault *ret_fault) {
        _cleanup_closedir_ DIR *dir = NULL;
        _cleanup_free_ char *path = NULL;
        const struct dirent *entry;
        PciCensus census = {};

        if (asprintf(&path, DEVICES_DIR, root) < 0) {
                path = NULL;
                return -ENOMEM;
        }
        dir = opendir(path);
        if (!dir)
                return cannot_read(ret_fault, errno, path);
        while (errno = 0, (entry = readdir(dir))) {
                int r;

                if (entry->d_name[0] == '.')
                        continue;
                r = count_device(dirfd(dir), entry->d_name, &census, ret_fault);
                if (r < 0)
                        return r;
        }
        if (errno != 0)
                return cannot_read(ret_fault, errno, path);
        *ret = census;
        return 0;
}
