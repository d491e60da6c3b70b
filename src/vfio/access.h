/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* A way to a device's registers and configuration space: what src/gpu needs of GpuOps, and resetting. */

#include "vfio/device.h"

typedef struct Access Access;

typedef struct AccessOps {
        /* As in GpuOps. */
        int (*read32)(Access *a, uint32_t offset, uint32_t *ret);
        int (*write32)(Access *a, uint32_t offset, uint32_t value);
        int (*config_read32)(Access *a, uint32_t offset, uint32_t *ret);
        int (*config_write16)(Access *a, uint32_t offset, uint16_t value);
        /* As StageReset; NULL: this way has none. */
        int (*reset)(Access *a, Fault *ret_fault);
        void (*free)(Access *a);
} AccessOps;

struct Access {
        const AccessOps *ops;
        int release_fd; /* becomes readable when the kernel wants the device back (unplugged); negative: never */
};

static inline Access *access_free(Access *a) {
        if (a)
                a->ops->free(a);
        return NULL;
}
DEFINE_CLEANUP_FUNC(Access *, access_free)

/* Through VFIO, which gives a device to one at a time, for a device that is bound to it: the device's own node and
 * iommufd where the kernel has them, the IOMMU group and a container where not. Opening and closing reset the device.
 * 0; -EBUSY when somebody has it, whom the fault names; -ENODEV; -EOPNOTSUPP when the kernel has no VFIO or the device
 * no BAR0; -ETIMEDOUT; or the errno of the kernel. */
int access_open_vfio(const PciDevice *d, Access **ret, Fault *ret_fault);

/* Through sysfs, for looking only, whichever driver the device has: registers cannot be written; configuration space
 * only for waking the device up, which closing takes back. 0; -EPERM when the kernel is locked down; -EHOSTDOWN when
 * the device is asleep and a driver other than VFIO's has it, which is not to be disturbed; or an errno. */
int access_open_sysfs(const PciDevice *d, Access **ret, Fault *ret_fault);
