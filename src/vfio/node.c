/* SPDX-License-Identifier: Apache-2.0 */

#include "vfio/node.h"

#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>

#include "vfio/users.h"

void vfio_cdev_node(const PciDevice *d, char ret[static PCI_TEXT_SIZE]) {
        _cleanup_closedir_ DIR *dir = NULL;
        char path[PATH_MAX];
        struct dirent *entry;

        ret[0] = '\0';
        dir = opendir(pci_device_path(d, "vfio-dev", path));
        while (dir && (entry = readdir(dir)))
                if (strncmp(entry->d_name, "vfio", 4) == 0)
                        (void) snprintf(ret, PCI_TEXT_SIZE, "vfio/devices/%.40s", entry->d_name);
        (void) snprintf(path, sizeof(path), "%s/dev/iommu", d->host->root);
        if (access(path, F_OK) < 0)
                ret[0] = '\0';
}

int vfio_group_node(const PciDevice *d, char ret[static PCI_TEXT_SIZE], Fault *ret_fault) {
        char group[PCI_TEXT_SIZE];
        int r;

        r = pci_device_link(d, "iommu_group", group);
        if (r < 0 || !*group)
                return fault_set(ret_fault, EOPNOTSUPP, d->address, "an IOMMU group", "none: no IOMMU is at work");
        (void) snprintf(ret, PCI_TEXT_SIZE, "vfio/%.40s", group);
        return 0;
}

int vfio_open_node(const PciDevice *d, const char *name, Fault *ret_fault) {
        char path[PATH_MAX];
        int fd;

        (void) snprintf(path, sizeof(path), "%s/dev/%s", d->host->root, name);
        fd = open(path, O_RDWR | O_CLOEXEC);
        if (fd >= 0)
                return fd;
        if (errno == EBUSY)
                return pci_users_check(d, ret_fault) < 0
                               ? -EBUSY
                               : fault_set(ret_fault, EBUSY, path, "to be free", "in use by another process");
        return fault_set(ret_fault, errno == ENODEV ? EOPNOTSUPP : errno, path, "to be opened", "%m");
}
