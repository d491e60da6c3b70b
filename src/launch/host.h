/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* cocoon-hostd as a launch needs it: GPUs on loan, models built. */

#include <systemd/sd-bus.h>

#include "basic/fault.h"
#include "launch/worker.h"
#include "vfio/address.h"

/* A GPU that is this process's, and of whatever has a copy of `lease`. */
typedef struct Lease {
        char address[PCI_ADDRESS_SIZE];
        int device, iommu, lease;
        bool by_address; /* a kernel without VFIO's character devices: QEMU opens the group itself */
} Lease;

typedef struct Leases {
        Lease items[WORKER_GPUS_MAX];
        size_t n;
} Leases;

void leases_done(Leases *leases);

/* Takes all GPUs of the configuration, or none. `holder` is what others are told. 0, or with *ret_fault -EHOSTUNREACH without
 * daemon, -EBUSY or another errno for what it refuses; -ENOMEM. */
int host_lease(sd_bus *bus, const WorkerConfig *c, const char *holder, Leases *ret, Fault *ret_fault);

/* The same question without an answer that lasts: are they ready now? */
int host_look(sd_bus *bus, const WorkerConfig *c, Fault *ret_fault);

/* Has the daemon build a model, and waits for the end of it; `progress` is called with what is said. 0, or with *ret_fault
 * -EHOSTUNREACH without daemon, -EACCES for who may not, another errno. */
int host_build(sd_bus *bus, const char *spec, void (*progress)(const char *text), Fault *ret_fault);
