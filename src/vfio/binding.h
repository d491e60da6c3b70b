/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Which driver a device is bound to, and changing that; every change is proven by looking again. */

#include "vfio/device.h"

#define VFIO_PCI "vfio-pci"

typedef struct Binding {
        char driver[PCI_TEXT_SIZE];   /* "" for none */
        char override[PCI_TEXT_SIZE]; /* driver_override, "" for none */
} Binding;

/* 0 or an errno of reading. */
int binding_read(const PciDevice *d, Binding *ret, Fault *ret_fault);

/* Whether that driver is one of VFIO. */
bool binding_is_vfio(const char *driver);

/* Sees to it that no driver but `override` ("": any) takes the device, and takes it from the one that has it; waits for
 * 30 s at most. Fine when it has none. 0; -ETIMEDOUT when the driver does not let go, and then it may still do so;
 * -EIO when it is bound all the same; or the errno of the kernel. */
int binding_unbind(const PciDevice *d, const char *override, Fault *ret_fault);

/* Binds a device that has no driver to this one, or with NULL to the one that the kernel finds for it, which may be none.
 * Fine when it is bound to it. 0; -ENOENT when no such driver is loaded; -EIO when it did not take the device; or the
 * errno of the kernel. */
int binding_bind(const PciDevice *d, const char *driver, Fault *ret_fault);

/* Brings a device back to what binding_read() said before it was moved: its driver, or none, and its override. Errors
 * as above. */
int binding_restore(const PciDevice *d, const Binding *before, Fault *ret_fault);
