/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* A PCI device as sysfs shows it. */

#include <stdbool.h>
#include <stdint.h>

#include "basic/fault.h"
#include "vfio/address.h"

#define PCI_TEXT_SIZE 64U /* of attributes and of names of drivers */

#define PCI_CLASS_BRIDGE 0x06U /* the first byte of three */

typedef struct PciDevice PciDevice;
typedef struct PciUsers PciUsers;

/* Where the kernel is. */
typedef struct PciHost {
        const char *root; /* below which /sys, /dev and /proc are; "" for the real ones */
        /* What stands for the kernel in a test: does what writing `value` to the file `path` (below `root`) would do.
         * NULL: it is written. */
        int (*write)(void *userdata, const char *path, const char *value);
        void *userdata;
        /* Who uses a device is asked of somebody else, as in pci_users_find(); NULL: looked for here. */
        int (*find_users)(const PciDevice *d, PciUsers *ret, Fault *ret_fault);
        int scanner; /* whom it asks */
} PciHost;

struct PciDevice {
        const PciHost *host;
        char address[PCI_ADDRESS_SIZE];
        uint16_t vendor, device;
        uint32_t class; /* 24 bits */
        int numa_node;  /* -1: none */
};

/* `address` is in the form of pci_address_parse(); `host` must outlive *ret. 0; -ENODEV when there is no such device;
 * -EIO for attributes that make no sense. Changes nothing and wakes nobody. */
int pci_device_open(const PciHost *host, const char *address, PciDevice *ret, Fault *ret_fault);

/* Whether it is there now. */
bool pci_device_present(const PciDevice *d);

/* "ROOT/sys/bus/pci/devices/ADDRESS/NAME" into `ret`. Returns `ret`. */
char *pci_device_path(const PciDevice *d, const char *name, char ret[static 4096]);

/* An attribute without its line end, "" when it is empty. 0, -EFBIG, or the errno of reading it. */
int pci_device_read(const PciDevice *d, const char *name, char ret[static PCI_TEXT_SIZE]);

/* The last part of what a link points to ("driver", "iommu_group"), "" when there is none. 0 or an errno. */
int pci_device_link(const PciDevice *d, const char *name, char ret[static PCI_TEXT_SIZE]);

/* Writes to any file below the host's root, for 30 s at most: 0, -ETIMEDOUT and then the write may still happen, or
 * the errno that the kernel gave. */
int pci_host_write(const PciHost *host, const char *path, const char *value);

/* The same for an attribute. */
int pci_device_write(const PciDevice *d, const char *name, const char *value);

/* Reads a file of at most `size` - 1 bytes below the host's root, as pci_device_read() does. */
int pci_host_read(const PciHost *host, const char *path, char *ret, size_t size);

/* Why its registers may be out of reach, for a message: kernel lockdown, "D3cold", …; NULL when nothing is known. Static. */
const char *pci_device_asleep(const PciDevice *d);

/* Whether the kernel is locked down, so that configuration space and BARs are closed to sysfs, though not to VFIO. */
bool pci_host_locked_down(const PciHost *host);
