/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* The device nodes of VFIO. */

#include "vfio/device.h"

/* "vfio/devices/vfio3", the device's own node, when the kernel has those and iommufd; else "". */
void vfio_cdev_node(const PciDevice *d, char ret[static PCI_TEXT_SIZE]);

/* "vfio/12", the node of its IOMMU group. 0, or -EOPNOTSUPP when it is in none. */
int vfio_group_node(const PciDevice *d, char ret[static PCI_TEXT_SIZE], Fault *ret_fault);

/* Opens /dev/NAME to read and write: the descriptor, or the errno; for -EBUSY the fault names who has it. */
int vfio_open_node(const PciDevice *d, const char *name, Fault *ret_fault);
