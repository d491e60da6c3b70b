/* SPDX-License-Identifier: Apache-2.0 */

#include "vfio/binding.h"

#include <limits.h>
#include <string.h>

#define NO_OVERRIDE "(null)" /* as the kernel prints it */

static int binding_fault(const PciDevice *d, Fault *f, int error, const char *what, const char *expected) {
        char text[64];

        if (!pci_device_present(d))
                return fault_set(f, ENODEV, d->address, expected, "the device is gone");
        (void) snprintf(text, sizeof(text), "%s: %s", d->address, what);
        if (error == -ETIMEDOUT)
                return fault_set(f, error, text, expected, "no end of it within 30 s");
        return fault_set(f, error, text, expected, "%s", strerror(-error));
}

int binding_read(const PciDevice *d, Binding *ret, Fault *ret_fault) {
        Binding b = {};
        int r;

        r = pci_device_link(d, "driver", b.driver);
        if (r >= 0)
                r = pci_device_read(d, "driver_override", b.override);
        if (r < 0)
                return binding_fault(d, ret_fault, r, "driver", "to be read");
        if (strcmp(b.override, NO_OVERRIDE) == 0)
                b.override[0] = '\0';
        *ret = b;
        return 0;
}

bool binding_is_vfio(const char *driver) {
        size_t n = strlen(driver);

        /* Variant drivers: nvgrace_gpu_vfio_pci, … */
        return strcmp(driver, VFIO_PCI) == 0 || (n > 9 && strcmp(driver + n - 9, "_vfio_pci") == 0);
}

static int set_override(const PciDevice *d, const char *override, Fault *f) {
        Binding b;
        int r;

        r = binding_read(d, &b, f);
        if (r < 0 || strcmp(b.override, override) == 0)
                return r;
        r = pci_device_write(d, "driver_override", *override ? override : "\n");
        if (r < 0)
                return binding_fault(d, f, r, "driver_override", *override ? override : "to be cleared");
        r = binding_read(d, &b, f);
        if (r >= 0 && strcmp(b.override, override) != 0)
                return fault_set(f, EIO, d->address, "its driver_override to change", "it is still \"%s\"", b.override);
        return r;
}

int binding_unbind(const PciDevice *d, const char *override, Fault *ret_fault) {
        char expected[192];
        Binding b;
        int r;

        r = set_override(d, override, ret_fault);
        if (r >= 0)
                r = binding_read(d, &b, ret_fault);
        if (r < 0 || !*b.driver)
                return r;
        (void) snprintf(expected, sizeof(expected), "driver %s to let go of it", b.driver);
        r = pci_device_write(d, "driver/unbind", d->address);
        if (r < 0)
                return binding_fault(d, ret_fault, r, "driver/unbind", expected);
        r = binding_read(d, &b, ret_fault);
        if (r >= 0 && *b.driver)
                return fault_set(ret_fault, EIO, d->address, expected, "it is bound to %s", b.driver);
        return r;
}

static int start_bind(const PciDevice *d, const char *driver, Fault *f) {
        char path[PATH_MAX], expected[192];
        int r;

        if (driver)
                (void) snprintf(path, sizeof(path), "/sys/bus/pci/drivers/%s/bind", driver);
        r = pci_host_write(d->host, driver ? path : "/sys/bus/pci/drivers_probe", d->address);
        if (r >= 0 || (!driver && r == -EINVAL)) /* no driver wants it */
                return 0;
        (void) snprintf(expected, sizeof(expected), "driver %s to take it", driver ? driver : "of the kernel's choice");
        if (r == -ENOENT && pci_device_present(d))
                return fault_set(f, ENOENT, d->address, expected, "no such driver is loaded");
        return binding_fault(d, f, r, driver ? "bind" : "drivers_probe", expected);
}

int binding_bind(const PciDevice *d, const char *driver, Fault *ret_fault) {
        Binding b;
        int r;

        r = binding_read(d, &b, ret_fault);
        if (r < 0 || (driver ? strcmp(b.driver, driver) == 0 : *b.driver != '\0'))
                return r;
        r = start_bind(d, driver, ret_fault);
        if (r >= 0)
                r = binding_read(d, &b, ret_fault);
        if (r >= 0 && driver && strcmp(b.driver, driver) != 0)
                return fault_set(ret_fault, EIO, d->address, driver, "it is bound to %s", *b.driver ? b.driver : "no driver");
        return r;
}

int binding_restore(const PciDevice *d, const Binding *before, Fault *ret_fault) {
        Binding now;
        int r;

        r = binding_read(d, &now, ret_fault);
        if (r < 0)
                return r;
        if (strcmp(now.driver, before->driver) == 0)
                return set_override(d, before->override, ret_fault);
        r = binding_unbind(d, before->override, ret_fault);
        return r < 0 || !*before->driver ? r : binding_bind(d, before->driver, ret_fault);
}
