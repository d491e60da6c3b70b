/* SPDX-License-Identifier: Apache-2.0 */

#include "vfio/group.h"

#include <dirent.h>
#include <limits.h>
#include <string.h>

#define CLASS_DISPLAY 0x03U

static int find_group(const PciDevice *d, PciGroup *g, Fault *f) {
        char path[PATH_MAX], name[PCI_TEXT_SIZE];
        int r;

        r = pci_device_link(d, "iommu_group", g->name);
        if (r < 0)
                return fault_set(f, r, d->address, "its IOMMU group", "%s", strerror(-r));
        if (!*g->name)
                return fault_set(f, EOPNOTSUPP, d->address, "an IOMMU group", "none: no IOMMU is at work");
        (void) snprintf(path, sizeof(path), "/sys/kernel/iommu_groups/%s/name", g->name);
        if (pci_host_read(d->host, path, name, sizeof(name)) >= 0 && strstr(name, "noiommu"))
                return fault_set(f, EOPNOTSUPP, d->address, "an IOMMU", "none is at work: the group is %s", name);
        return 0;
}

static int add_sibling(const PciDevice *d, const char *address, PciGroup *g, Fault *f) {
        PciSibling *s = &g->siblings[g->n];
        int r;

        if (g->n == PCI_GROUP_MAX)
                return fault_set(f, E2BIG, d->address, "at most 32 others in its IOMMU group", "more");
        r = pci_device_open(d->host, address, &s->device, f);
        if (r >= 0)
                r = binding_read(&s->device, &s->binding, f);
        if (r >= 0)
                g->n++;
        return r;
}

int pci_group_read(const PciDevice *d, PciGroup *ret, Fault *ret_fault) {
        _cleanup_closedir_ DIR *dir = NULL;
        char path[PATH_MAX], address[PCI_ADDRESS_SIZE];
        struct dirent *entry;
        int r;

        ret->n = 0;
        r = find_group(d, ret, ret_fault);
        if (r < 0)
                return r;
        dir = opendir(pci_device_path(d, "iommu_group/devices", path));
        if (!dir)
                return fault_set(ret_fault, errno, d->address, "its IOMMU group's devices", "%m");
        while (r >= 0 && (entry = readdir(dir)))
                if (pci_address_parse(entry->d_name, address) >= 0 && strcmp(address, d->address) != 0)
                        r = add_sibling(d, address, ret, ret_fault);
        return r;
}

bool pci_sibling_is_companion(const PciDevice *d, const PciSibling *s) {
        size_t n = strlen(d->address) - 1; /* all but the function */

        return s->device.vendor == d->vendor && s->device.class >> 16 != CLASS_DISPLAY &&
               strncmp(s->device.address, d->address, n) == 0;
}

/* What VFIO tolerates beside itself (drivers that leave DMA to others). */
static bool is_harmless(const PciSibling *s) {
        static const char *const drivers[] = { "", "pci-stub", "pcieport" };

        for (size_t i = 0; i < ELEMENTSOF(drivers); i++)
                if (strcmp(s->binding.driver, drivers[i]) == 0)
                        return true;
        return binding_is_vfio(s->binding.driver);
}

int pci_group_check(const PciDevice *d, const PciGroup *g, Fault *ret_fault) {
        char what[64], text[160] = "";
        size_t n = 0;

        for (size_t i = 0; i < g->n; i++) {
                const PciSibling *s = &g->siblings[i];
                size_t left = sizeof(text) - n;
                int k;

                if (is_harmless(s) || pci_sibling_is_companion(d, s))
                        continue;
                k = snprintf(text + n, left, "%s%s (driver %s)", n > 0 ? ", " : "", s->device.address, s->binding.driver);
                n += (size_t) k < left ? (size_t) k : left - 1;
        }
        if (n == 0)
                return 0;
        (void) snprintf(what, sizeof(what), "%s: IOMMU group %.16s", d->address, g->name);
        return fault_set(ret_fault, EBUSY, what, "nothing in it that the host uses", "%s", text);
}
