/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Who uses a device: processes that have one of its device nodes open or mapped. Taking a driver away from a device in use
 * waits until it is not, in the kernel, where nothing can end the wait. */

#include <sys/types.h>

#include "vfio/device.h"

#define PCI_USERS_MAX 16U

typedef struct PciUser {
        pid_t pid;
        char name[32]; /* as the process calls itself */
} PciUser;

struct PciUsers {
        PciUser list[PCI_USERS_MAX];
        size_t n;      /* in the list; there may be more */
};

/* Looks at every process but this one. The nodes are those that sysfs has below the device (DRM, VFIO), the one of its
 * IOMMU group, and NVIDIA's /dev/nvidiaN; any of those when it cannot be known which. 0; -EACCES when a process may not
 * be looked at; or an errno of reading. */
int pci_users_find(const PciDevice *d, PciUsers *ret, Fault *ret_fault);

/* The same on behalf of another process, which is left out, too. */
int pci_users_find_except(const PciDevice *d, pid_t pid, PciUsers *ret, Fault *ret_fault);

/* 0 when nobody uses it; -EBUSY and the fault lists who does; or the errors of pci_users_find(). */
int pci_users_check(const PciDevice *d, Fault *ret_fault);

/* "nvidia-smi (4711), python3 (4712)" for a message. Returns `ret`. */
char *pci_users_text(const PciUsers *users, char ret[static 192]);
