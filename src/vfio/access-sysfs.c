/* SPDX-License-Identifier: Apache-2.0 */

#include "vfio/access.h"

#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include "vfio/binding.h"

#define BAR0_LIMIT     (64U << 20)

typedef struct SysfsAccess {
        Access access;
        PciDevice device;
        int config;
        volatile uint32_t *bar0;
        size_t size;
        char power[PCI_TEXT_SIZE]; /* power/control from before; "" when it was not changed */
} SysfsAccess;

static SysfsAccess *sysfs(Access *a) {
        return (SysfsAccess *) (void *) a;
}

static int sysfs_read32(Access *a, uint32_t offset, uint32_t *ret) {
        SysfsAccess *s = sysfs(a);

        if (offset % 4 != 0 || s->size < 4 || offset > s->size - 4)
                return -EFAULT;
        *ret = s->bar0[offset / 4];
        return 0;
}

static int sysfs_write32(Access *a, uint32_t offset, uint32_t value) {
        return 0;
}

static int sysfs_config_read32(Access *a, uint32_t offset, uint32_t *ret) {
        ssize_t n = pread(sysfs(a)->config, ret, sizeof(*ret), offset);

        if (n == (ssize_t) sizeof(*ret))
                return 0;
        if (n < 0 && errno != ENODEV)
                return -errno;
        *ret = UINT32_MAX;
        return 0;
}

static int sysfs_config_write16(Access *a, uint32_t offset, uint16_t value) {
        if (pwrite(sysfs(a)->config, &value, sizeof(value), offset) != (ssize_t) sizeof(value))
                return -errno;
        return 0;
}

/* Memory decoding, where it had to be turned on, stays: a driver may have come meanwhile and need it. */
static void sysfs_free(Access *a) {
        SysfsAccess *s = sysfs(a);

        if (s->bar0)
                (void) munmap((void *) (uintptr_t) s->bar0, s->size);
        closep(&s->config);
        if (*s->power)
                (void) pci_device_write(&s->device, "power/control", s->power);
        free(s);
}

static const AccessOps sysfs_ops = {
        .read32 = sysfs_read32,
        .write32 = sysfs_write32,
        .config_read32 = sysfs_config_read32,
        .config_write16 = sysfs_config_write16,
        .free = sysfs_free,
};

/* A device that nobody uses sleeps, and its registers read all ones. */
static int wake_up(SysfsAccess *s, Fault *f) {
        const PciDevice *d = &s->device;
        const char *state = pci_device_asleep(d);
        char driver[PCI_TEXT_SIZE];
        int r;

        if (!state)
                return 0;
        r = pci_device_link(d, "driver", driver);
        if (r >= 0 && *driver && !binding_is_vfio(driver))
                return fault_set(f, EHOSTDOWN, d->address, "power state D0", "%s under driver %s, which is left alone", state,
                                 driver);
        if (r >= 0)
                r = pci_device_read(d, "power/control", s->power);
        if (r >= 0)
                r = pci_device_write(d, "power/control", "on");
        if (r < 0)
                return fault_set(f, r, d->address, "to be woken from its sleep", "%s, and %s", state, strerror(-r));
        return 0;
}

static int open_config(SysfsAccess *s, Fault *f) {
        char path[PATH_MAX];

        (void) pci_device_path(&s->device, "config", path);
        s->config = open(path, O_RDWR | O_CLOEXEC);
        if (s->config < 0)
                s->config = open(path, O_RDONLY | O_CLOEXEC);
        return s->config < 0 ? fault_set(f, errno, s->device.address, "its configuration space", "%m") : 0;
}

static int map_bar0(SysfsAccess *s, Fault *f) {
        const PciDevice *d = &s->device;
        char path[PATH_MAX];
        _cleanup_close_ int fd = open(pci_device_path(d, "resource0", path), O_RDONLY | O_CLOEXEC);
        struct stat st;
        void *p;

        if (fd < 0 || fstat(fd, &st) < 0)
                return fault_set(f, errno, d->address, "its BAR0 (resource0)", "%m");
        s->size = st.st_size < BAR0_LIMIT ? (size_t) st.st_size : BAR0_LIMIT;
        p = s->size > 0 ? mmap(NULL, s->size, PROT_READ, MAP_SHARED, fd, 0) : MAP_FAILED;
        if (p == MAP_FAILED && s->size > 0)
                return fault_set(f, errno, d->address, "to map its BAR0 (resource0)", "%m%s",
                                 errno == EPERM && pci_host_locked_down(d->host) ? ": the kernel is locked down" : "");
        if (p == MAP_FAILED)
                return fault_set(f, EOPNOTSUPP, d->address, "a BAR0", "an empty one");
        s->bar0 = p;
        return 0;
}

int access_open_sysfs(const PciDevice *d, Access **ret, Fault *ret_fault) {
        SysfsAccess *s = malloc(sizeof(*s));
        int r;

        if (!s)
                return -ENOMEM;
        *s = (SysfsAccess){ .access = { .ops = &sysfs_ops, .release_fd = -EBADF }, .device = *d, .config = -EBADF };
        r = wake_up(s, ret_fault);
        if (r >= 0)
                r = open_config(s, ret_fault);
        if (r >= 0)
                r = map_bar0(s, ret_fault);
        if (r < 0) {
                sysfs_free(&s->access);
                return r;
        }
        *ret = &s->access;
        return 0;
}
