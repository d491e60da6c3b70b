/* SPDX-License-Identifier: Apache-2.0 */

#include "vfio/access.h"

#include <fcntl.h>
#include <limits.h>
#include <linux/vfio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>

#include "basic/clock.h"
#include "vfio/limit.h"
#include "vfio/node.h"
#include "vfio/users.h"

#define COMMAND 0x04U

/* The kernel waits up to 60 s for a device to come back, and a little before and after that. */
#define RESET_TIMEOUT (75 * USEC_PER_SEC)

/* Of Linux 6.6, which older headers do not have. */
#ifndef VFIO_DEVICE_BIND_IOMMUFD
struct vfio_device_bind_iommufd {
        uint32_t argsz;
        uint32_t flags;
        int32_t iommufd;
        uint32_t out_devid;
};
#define VFIO_DEVICE_BIND_IOMMUFD _IO(VFIO_TYPE, VFIO_BASE + 18)
#endif

typedef struct VfioRegion {
        uint64_t offset, size;
} VfioRegion;

typedef struct VfioAccess {
        Access access;
        char address[PCI_ADDRESS_SIZE];
        int iommu, group, device; /* iommufd or container; group only with the latter */
        int config;               /* of sysfs, which hides nothing */
        VfioRegion bar0, space;
} VfioAccess;

static VfioAccess *vfio(Access *a) {
        return (VfioAccess *) (void *) a;
}

/* What a transfer of exactly `size` bytes has come to. */
static int whole(ssize_t n, size_t size) {
        if (n < 0)
                return -errno;
        return (size_t) n == size ? 0 : -EIO;
}

static bool inside(const VfioRegion *region, uint32_t offset, size_t size) {
        return offset % size == 0 && region->size >= size && offset <= region->size - size;
}

/* By read() and write(), each of which is one access in the kernel: unlike a mapping they fail, rather than kill, when
 * the device is reset or taken away meanwhile. */
static int vfio_read32(Access *a, uint32_t offset, uint32_t *ret) {
        VfioAccess *v = vfio(a);

        if (!inside(&v->bar0, offset, sizeof(*ret)))
                return -EFAULT;
        return whole(pread(v->device, ret, sizeof(*ret), (off_t) (v->bar0.offset + offset)), sizeof(*ret));
}

static int vfio_write32(Access *a, uint32_t offset, uint32_t value) {
        VfioAccess *v = vfio(a);

        if (!inside(&v->bar0, offset, sizeof(value)))
                return -EFAULT;
        return whole(pwrite(v->device, &value, sizeof(value), (off_t) (v->bar0.offset + offset)), sizeof(value));
}

/* VFIO answers ids itself, even of a device that is gone, and leaves out capabilities that it does not know; sysfs
 * reads the device. Only the command register is VFIO's. */
static int vfio_config_read32(Access *a, uint32_t offset, uint32_t *ret) {
        VfioAccess *v = vfio(a);
        ssize_t n;

        n = offset == COMMAND ? pread(v->device, ret, sizeof(*ret), (off_t) (v->space.offset + offset))
                              : pread(v->config, ret, sizeof(*ret), offset);
        if (n == (ssize_t) sizeof(*ret))
                return 0;
        if (n < 0 && errno != ENODEV)
                return -errno;
        *ret = UINT32_MAX;
        return 0;
}

static int vfio_config_write16(Access *a, uint32_t offset, uint16_t value) {
        VfioAccess *v = vfio(a);

        if (!inside(&v->space, offset, sizeof(value)))
                return -EFAULT;
        return whole(pwrite(v->device, &value, sizeof(value), (off_t) (v->space.offset + offset)), sizeof(value));
}

static int do_reset(void *argument) {
        return ioctl(*(const int *) argument, VFIO_DEVICE_RESET) < 0 ? -errno : 0;
}

static int vfio_reset(Access *a, Fault *ret_fault) {
        VfioAccess *v = vfio(a);
        int fd = v->device, r;

        r = limited_call(do_reset, &fd, sizeof(fd), RESET_TIMEOUT);
        return r < 0 ? fault_set(ret_fault, r, "reset: VFIO", "the function to be reset", "%s", strerror(-r)) : 0;
}

static void vfio_free(Access *a) {
        VfioAccess *v = vfio(a);

        closep(&v->access.release_fd);
        closep(&v->config);
        closep(&v->device);
        closep(&v->group);
        closep(&v->iommu);
        free(v);
}

static const AccessOps vfio_ops = {
        .read32 = vfio_read32,
        .write32 = vfio_write32,
        .config_read32 = vfio_config_read32,
        .config_write16 = vfio_config_write16,
        .reset = vfio_reset,
        .free = vfio_free,
};

/* What resets, and may therefore hang. */
typedef struct Take {
        int from, with;
        char address[PCI_ADDRESS_SIZE];
        int device;
} Take;

static int do_bind_iommufd(void *argument) {
        const Take *t = argument;
        struct vfio_device_bind_iommufd b = { .argsz = sizeof(b), .iommufd = t->with };

        return ioctl(t->from, VFIO_DEVICE_BIND_IOMMUFD, &b) < 0 ? -errno : 0;
}

static int do_get_device(void *argument) {
        Take *t = argument;

        t->device = ioctl(t->from, VFIO_GROUP_GET_DEVICE_FD, t->address);
        return t->device < 0 ? -errno : 0;
}

static int take_fault(const PciDevice *d, int error, Fault *f) {
        if (error == -EBUSY && pci_users_check(d, f) < 0)
                return -EBUSY;
        if (error == -ETIMEDOUT)
                return fault_set(f, error, d->address, "VFIO to open and reset it within 75 s", "no end of it");
        return fault_set(f, error, d->address, "VFIO to open and reset it", "%s", strerror(-error));
}

static int open_cdev(const PciDevice *d, const char *node, VfioAccess *v, Fault *f) {
        Take t;
        int r;

        v->iommu = vfio_open_node(d, "iommu", f);
        if (v->iommu < 0)
                return v->iommu;
        v->device = vfio_open_node(d, node, f);
        if (v->device < 0)
                return v->device;
        t = (Take){ .from = v->device, .with = v->iommu };
        r = limited_call(do_bind_iommufd, &t, sizeof(t), RESET_TIMEOUT);
        /* Who has it through its group has it too. */
        return r < 0 ? take_fault(d, r == -EINVAL ? -EBUSY : r, f) : 0;
}

static int set_container(const PciDevice *d, const VfioAccess *v, Fault *f) {
        struct vfio_group_status status = { .argsz = sizeof(status) };

        if (ioctl(v->iommu, VFIO_GET_API_VERSION) != VFIO_API_VERSION ||
            ioctl(v->iommu, VFIO_CHECK_EXTENSION, VFIO_TYPE1v2_IOMMU) <= 0)
                return fault_set(f, EOPNOTSUPP, "/dev/vfio/vfio", "VFIO with an IOMMU of type 1", "another one");
        if (ioctl(v->group, VFIO_GROUP_GET_STATUS, &status) < 0)
                return fault_set(f, errno, d->address, "the state of its VFIO group", "%m");
        if (!(status.flags & VFIO_GROUP_FLAGS_VIABLE))
                return fault_set(f, EBUSY, d->address, "a VFIO group that is viable", "host drivers have devices of it");
        if (ioctl(v->group, VFIO_GROUP_SET_CONTAINER, &v->iommu) < 0 ||
            ioctl(v->iommu, VFIO_SET_IOMMU, VFIO_TYPE1v2_IOMMU) < 0)
                return fault_set(f, errno, d->address, "a VFIO container for its group", "%m");
        return 0;
}

static int open_group(const PciDevice *d, VfioAccess *v, Fault *f) {
        char node[PCI_TEXT_SIZE];
        Take t = { .device = -EBADF };
        int r;

        r = vfio_group_node(d, node, f);
        if (r < 0)
                return r;
        v->iommu = vfio_open_node(d, "vfio/vfio", f);
        if (v->iommu < 0)
                return v->iommu;
        v->group = vfio_open_node(d, node, f);
        if (v->group < 0)
                return v->group;
        r = set_container(d, v, f);
        if (r < 0)
                return r;
        t.from = v->group;
        (void) snprintf(t.address, sizeof(t.address), "%s", d->address);
        r = limited_call(do_get_device, &t, sizeof(t), RESET_TIMEOUT);
        v->device = t.device;
        return r < 0 ? take_fault(d, r, f) : 0;
}

static int find_region(const PciDevice *d, const VfioAccess *v, uint32_t index, VfioRegion *ret, Fault *f) {
        struct vfio_region_info info = { .argsz = sizeof(info), .index = index };
        uint32_t needed = VFIO_REGION_INFO_FLAG_READ | VFIO_REGION_INFO_FLAG_WRITE;

        if (ioctl(v->device, VFIO_DEVICE_GET_REGION_INFO, &info) < 0)
                return fault_set(f, errno, d->address, "its regions", "%m");
        if (info.size == 0 || (info.flags & needed) != needed)
                return index == VFIO_PCI_BAR0_REGION_INDEX
                               ? fault_set(f, EADDRNOTAVAIL, d->address, "a BAR0", "none")
                               : fault_set(f, EOPNOTSUPP, d->address, "a configuration space", "none");
        *ret = (VfioRegion){ info.offset, info.size };
        return 0;
}

/* So that a device that is unplugged meanwhile is let go of. Not every device can. */
static void watch_release(VfioAccess *v) {
        _Alignas(struct vfio_irq_set) uint8_t request[sizeof(struct vfio_irq_set) + sizeof(int32_t)];
        struct vfio_irq_set set = {
                .argsz = sizeof(request),
                .flags = VFIO_IRQ_SET_DATA_EVENTFD | VFIO_IRQ_SET_ACTION_TRIGGER,
                .index = VFIO_PCI_REQ_IRQ_INDEX,
                .count = 1,
        };
        _cleanup_close_ int fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);

        memcpy(request, &set, sizeof(set));
        memcpy(request + sizeof(set), &fd, sizeof(int32_t));
        if (fd >= 0 && ioctl(v->device, VFIO_DEVICE_SET_IRQS, request) >= 0)
                v->access.release_fd = TAKE_FD(fd);
}

static int open_all(const PciDevice *d, VfioAccess *v, Fault *f) {
        char path[PATH_MAX], cdev[PCI_TEXT_SIZE];
        int r;

        v->config = open(pci_device_path(d, "config", path), O_RDONLY | O_CLOEXEC);
        if (v->config < 0)
                return fault_set(f, errno == ENOENT ? ENODEV : errno, d->address, "its configuration space", "%m");
        vfio_cdev_node(d, cdev);
        r = *cdev ? open_cdev(d, cdev, v, f) : open_group(d, v, f);
        if (r >= 0)
                r = find_region(d, v, VFIO_PCI_BAR0_REGION_INDEX, &v->bar0, f);
        if (r >= 0)
                r = find_region(d, v, VFIO_PCI_CONFIG_REGION_INDEX, &v->space, f);
        if (r >= 0)
                watch_release(v);
        return r;
}

int access_open_vfio(const PciDevice *d, Access **ret, Fault *ret_fault) {
        VfioAccess *v = malloc(sizeof(*v));
        int r;

        if (!v)
                return -ENOMEM;
        *v = (VfioAccess){ .access = { .ops = &vfio_ops, .release_fd = -EBADF }, .iommu = -EBADF, .group = -EBADF,
                           .device = -EBADF, .config = -EBADF };
        r = open_all(d, v, ret_fault);
        if (r < 0) {
                vfio_free(&v->access);
                return r;
        }
        *ret = &v->access;
        return 0;
}
