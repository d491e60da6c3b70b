/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* The IOMMU group of a device: what can only be given to a guest together. */

#include <stddef.h>

#include "vfio/binding.h"

#define PCI_GROUP_MAX 32U /* other devices in a group */

typedef struct PciSibling {
        PciDevice device;
        Binding binding;
} PciSibling;

typedef struct PciGroup {
        char name[PCI_TEXT_SIZE]; /* its number */
        PciSibling siblings[PCI_GROUP_MAX];
        size_t n;                 /* without the device itself */
} PciGroup;

/* 0; -EOPNOTSUPP when the device is in no group, because no IOMMU is at work, or in one that VFIO made up without one;
 * -E2BIG for more devices than that; or the errors of pci_device_open(). */
int pci_group_read(const PciDevice *d, PciGroup *ret, Fault *ret_fault);

/* Whether it belongs to the same card and does nothing of its own: the audio, USB and UCSI functions of a GPU. It goes
 * where the GPU goes. */
bool pci_sibling_is_companion(const PciDevice *d, const PciSibling *s);

/* Whether nobody but VFIO drives what is in the group, companions aside: 0, or -EBUSY and the fault names who is in
 * the way and its driver. */
int pci_group_check(const PciDevice *d, const PciGroup *g, Fault *ret_fault);
