/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* PCI addresses as people write them. */

#define PCI_ADDRESS_SIZE 17U

/* Into the form of sysfs, "0000:c1:00.0": either case, with or without a domain, which need not be 0 and may be longer,
 * and ".00" for function 0. 0, or -EINVAL for what is none. */
int pci_address_parse(const char *text, char ret[static PCI_ADDRESS_SIZE]);
