/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Addresses of PCI functions, as people write them and as sysfs has them. */

/* The kernel's domains are 32 bits wide: "10000:e1:00.0" is an NVMe disk behind Intel VMD. */
#define PCI_ADDRESS_SIZE sizeof("ffffffff:ff:1f.7")

/* "0000:01:00.0", "01:00.0" (in domain 0) and the same in upper case, to the form that sysfs uses. 0, or -EINVAL for
 * anything else, after which *ret is as it was. */
int pci_address_parse(const char *text, char ret[static PCI_ADDRESS_SIZE]);
