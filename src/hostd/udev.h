/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Which GPUs there are. */

#include "hostd/manager.h"

/* Watches from now on, and finds those that are there already. */
int host_udev_start(Manager *m);

/* Looks for a GPU at this address now; what is known of it is brought up to date. 0; with an error in *error:
 * -ENODEV when there is nothing, -EOPNOTSUPP for what is no GPU with a confidential mode. */
int host_udev_probe(Manager *m, const char *address, sd_bus_error *error);

/* PCI's ids of a device, and its class (24 bits): 0 or -ENODEV for what does not say. */
int host_udev_ids(struct udev_device *device, uint16_t *ret_vendor, uint16_t *ret_device, uint32_t *ret_class);

/* Whether it is a GPU with a confidential mode. */
bool host_udev_is_ours(uint16_t vendor, uint16_t device, uint32_t class);
