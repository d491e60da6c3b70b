/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Giving a device that is bound to VFIO to somebody without permissions of their own, and taking it back. */

#include <sys/types.h>

#include "vfio/device.h"

typedef struct VfioLoan {
        int device, iommu; /* descriptors */
} VfioLoan;

/* With iommufd: the device's own node and /dev/iommu, opened to read and write, which is all that its user needs. With
 * groups only, which cannot be passed on: the user `uid` may open the group's node from now on; `device` is that node,
 * opened as a path only, and `iommu` the container /dev/vfio/vfio. Neither opens the device, or resets it. 0 or a negative
 * errno. */
int vfio_lend(const PciDevice *d, uid_t uid, VfioLoan *ret, Fault *ret_fault);
void vfio_loan_close(VfioLoan *loan);

/* Takes from users what vfio_lend() gave them on the group's node; its owner and mode stay. What was opened already stays
 * open. Nothing to do is 0; else the errno of changing it. */
int vfio_take_back(const PciDevice *d, Fault *ret_fault);
