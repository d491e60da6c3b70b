/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Which GPUs there are. */

#include "hostd/manager.h"
#include "vfio/device.h"

/* Watches from now on, and finds those that are there already. */
int host_udev_start(Manager *m);

/* Looks for a GPU at this address now; what is known of it is brought up to date. 0; with an error in *error: -ENODEV
 * when there is nothing, -EOPNOTSUPP for what is no GPU with a confidential mode, -EIO for what says nonsense. */
int host_udev_probe(Manager *m, const char *address, sd_bus_error *error);

/* Finds those that appeared, and drops those that went, without an event. */
int host_udev_rescan(Manager *m);

/* Whether it is a GPU with a confidential mode. */
bool host_udev_is_ours(const PciDevice *d);
