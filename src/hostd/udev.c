/* SPDX-License-Identifier: Apache-2.0 */

#include "hostd/udev.h"

#include <string.h>

#include "basic/log.h"
#include "hostd/error.h"
#include "hostd/gpu-object.h"

#define NVIDIA            0x10de
#define NVIDIA_ID         "0x10de"
#define PCI_BASE_DISPLAY  0x03 /* of the class: 0300 VGA, 0302 3D controllers */

static int read_hex(struct udev_device *device, const char *attribute, uint32_t limit, uint32_t *ret) {
        const char *text = udev_device_get_sysattr_value(device, attribute);
        char *end;
        unsigned long value;

        if (!text || strncmp(text, "0x", 2) != 0)
                return -ENODEV;
        value = strtoul(text, &end, 16);
        if (end == text + 2 || *end || value > limit)
                return -ENODEV;
        *ret = (uint32_t) value;
        return 0;
}

int host_udev_ids(struct udev_device *device, uint16_t *ret_vendor, uint16_t *ret_device, uint32_t *ret_class) {
        uint32_t vendor, id, class;

        if (read_hex(device, "vendor", UINT16_MAX, &vendor) < 0 || read_hex(device, "device", UINT16_MAX, &id) < 0 ||
            read_hex(device, "class", 0xffffff, &class) < 0)
                return -ENODEV;
        *ret_vendor = (uint16_t) vendor;
        *ret_device = (uint16_t) id;
        *ret_class = class;
        return 0;
}

bool host_udev_is_ours(uint16_t vendor, uint16_t device, uint32_t class) {
        return vendor == NVIDIA && class >> 16 == PCI_BASE_DISPLAY && chip_from_device_id(device);
}

static GpuObject *find(const Manager *m, const char *address) {
        for (GpuObject *g = m->gpus; g; g = g->next)
                if (strcmp(g->address, address) == 0)
                        return g;
        return NULL;
}

/* 0, -EOPNOTSUPP for what is no business of this daemon, or another error. */
static int take(Manager *m, struct udev_device *device) {
        uint16_t vendor, id;
        uint32_t class;
        GpuObject *g;

        if (host_udev_ids(device, &vendor, &id, &class) < 0 || !host_udev_is_ours(vendor, id, class))
                return -EOPNOTSUPP;
        g = find(m, udev_device_get_sysname(device));
        if (!g)
                return gpu_object_new(m, device, id);
        gpu_object_update(g, device);
        return 0;
}

int host_udev_probe(Manager *m, const char *address, sd_bus_error *error) {
        _cleanup_(udev_device_unrefp) struct udev_device *device = NULL;
        int r;

        device = udev_device_new_from_subsystem_sysname(m->udev, "pci", address);
        if (!device) {
                (void) sd_bus_error_setf(error, HOST_ERROR_NO_SUCH_GPU,
                                         "%s: no PCI device has this address. 'cocoonctl gpu list' shows the GPUs.", address);
                return -ENODEV;
        }
        r = take(m, device);
        if (r == -EOPNOTSUPP)
                (void) sd_bus_error_setf(error, HOST_ERROR_NOT_SUPPORTED,
                                         "%s: expected an NVIDIA GPU with a Confidential Computing mode, found a device "
                                         "with vendor %s, id %s, class %s.", address,
                                         udev_device_get_sysattr_value(device, "vendor") ?: "none",
                                         udev_device_get_sysattr_value(device, "device") ?: "none",
                                         udev_device_get_sysattr_value(device, "class") ?: "none");
        return r;
}

static int on_event(sd_event_source *s, int fd, uint32_t revents, void *userdata) {
        Manager *m = userdata;
        _cleanup_(udev_device_unrefp) struct udev_device *device = udev_monitor_receive_device(m->monitor);
        const char *action = device ? udev_device_get_action(device) : NULL;
        GpuObject *g;

        if (!action)
                return 0;
        g = find(m, udev_device_get_sysname(device));
        if (strcmp(action, "remove") == 0) {
                if (g && !g->gone)
                        gpu_object_remove(g);
                return 0;
        }
        /* It is looked at when the last job on the one before it has ended. */
        if (g && g->gone) {
                g->again = true;
                return 0;
        }
        /* An event tells what was, and may be late. */
        if (g || strcmp(action, "add") == 0)
                (void) host_udev_probe(m, udev_device_get_sysname(device), NULL);
        return 0;
}

static int enumerate(Manager *m) {
        _cleanup_(udev_enumerate_unrefp) struct udev_enumerate *e = udev_enumerate_new(m->udev);
        struct udev_list_entry *entry;
        int r;

        if (!e)
                return -ENOMEM;
        r = udev_enumerate_add_match_subsystem(e, "pci");
        if (r >= 0)
                r = udev_enumerate_add_match_sysattr(e, "vendor", NVIDIA_ID);
        if (r >= 0)
                r = udev_enumerate_scan_devices(e);
        if (r < 0)
                return r;
        udev_list_entry_foreach(entry, udev_enumerate_get_list_entry(e)) {
                _cleanup_(udev_device_unrefp) struct udev_device *device = NULL;

                device = udev_device_new_from_syspath(m->udev, udev_list_entry_get_name(entry));
                if (device)
                        (void) take(m, device);
        }
        return 0;
}

int host_udev_start(Manager *m) {
        int r;

        m->udev = udev_new();
        m->monitor = m->udev ? udev_monitor_new_from_netlink(m->udev, "udev") : NULL;
        if (!m->monitor)
                return log_error_errno(errno ?: ENOMEM, "Cannot watch udev: %m");
        r = udev_monitor_filter_add_match_subsystem_devtype(m->monitor, "pci", NULL);
        if (r >= 0)
                r = udev_monitor_enable_receiving(m->monitor);
        if (r >= 0)
                r = sd_event_add_io(m->event, &m->monitor_source, udev_monitor_get_fd(m->monitor), EPOLLIN, on_event, m);
        if (r < 0)
                return log_error_errno(r, "Cannot watch udev: %m");
        r = enumerate(m);
        if (r < 0)
                return log_error_errno(r, "Cannot list PCI devices: %m");
        return 0;
}
