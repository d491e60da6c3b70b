/* SPDX-License-Identifier: Apache-2.0 */

#include "hostd/udev.h"

#include <string.h>

#include "basic/log.h"
#include "hostd/error.h"
#include "hostd/gpu-object.h"

#define NVIDIA            0x10de
#define NVIDIA_ID         "0x10de" /* as sysfs has it */
#define PCI_BASE_DISPLAY  0x03 /* of the class: 0300 VGA, 0302 3D controllers */

bool host_udev_is_ours(const PciDevice *d) {
        return d->vendor == NVIDIA && d->class >> 16 == PCI_BASE_DISPLAY && chip_from_device_id(d->device);
}

static const PciHost pci_host = { .root = "" };

static GpuObject *find(const Manager *m, const char *address) {
        for (GpuObject *g = m->gpus; g; g = g->next)
                if (strcmp(g->address, address) == 0)
                        return g;
        return NULL;
}

int host_udev_probe(Manager *m, const char *address, sd_bus_error *error) {
        Fault fault = {};
        GpuObject *g;
        PciDevice d;
        int r;

        r = pci_device_open(&pci_host, address, &d, &fault);
        if (r == -ENODEV) {
                (void) host_error_set(error, HOST_ERROR_NO_SUCH_GPU,
                                         "%s: no PCI device has this address. 'cocoonctl gpu list' shows the GPUs.", address);
                return r;
        }
        if (r < 0) {
                (void) host_error_set(error, HOST_ERROR_NOT_SUPPORTED, "%s: %s: expected %s, found %s.", address,
                                         fault.what, fault.expected, fault.found);
                return r;
        }
        if (!host_udev_is_ours(&d)) {
                (void) host_error_set(error, HOST_ERROR_NOT_SUPPORTED,
                                         "%s: expected an NVIDIA GPU with a Confidential Computing mode, found device "
                                         "%04x:%04x of class %06x.", address, d.vendor, d.device, d.class);
                return -EOPNOTSUPP;
        }
        g = find(m, address);
        if (!g)
                return gpu_object_new(m, &d);
        /* It is looked at when the one before it is no more. */
        if (g->gone)
                g->again = true;
        else
                gpu_object_update(g, &d);
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
                const char *slash = strrchr(udev_list_entry_get_name(entry), '/');

                if (slash)
                        (void) host_udev_probe(m, slash + 1, NULL);
        }
        return 0;
}

int host_udev_rescan(Manager *m) {
        GpuObject *next;

        for (GpuObject *g = m->gpus; g; g = next) {
                next = g->next;
                if (!g->gone && host_udev_probe(m, g->address, NULL) == -ENODEV)
                        gpu_object_remove(g);
        }
        return enumerate(m);
}

static int on_event(sd_event_source *s, int fd, uint32_t revents, void *userdata) {
        Manager *m = userdata;
        _cleanup_(udev_device_unrefp) struct udev_device *device = udev_monitor_receive_device(m->monitor);
        int error = device ? 0 : errno;
        const char *action = device ? udev_device_get_action(device) : NULL;
        GpuObject *g;

        if (error == ENOBUFS) {
                log_warning("Events of udev were lost: looking at all devices");
                (void) host_udev_rescan(m);
        }
        if (!action)
                return 0;
        g = find(m, udev_device_get_sysname(device));
        if (strcmp(action, "remove") == 0) {
                if (g && !g->gone)
                        gpu_object_remove(g);
                return 0;
        }
        /* An event tells what was, and may be late. */
        if (g || strcmp(action, "add") == 0)
                (void) host_udev_probe(m, udev_device_get_sysname(device), NULL);
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
