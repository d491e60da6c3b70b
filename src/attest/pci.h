/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* NVIDIA's devices on the PCI bus, as the kernel sees them, whether a driver knows them or not. */

#include "basic/fault.h"

typedef struct PciCensus {
        unsigned gpus;     /* display controllers (class 03) */
        unsigned switches; /* bridges (class 06): NVSwitches */
        unsigned others;   /* such as the audio function of a GPU */
        char first[32];    /* the address of one of them, such as "0000:01:00.0" */
} PciCensus;

/* Counts, below `root` ("" for the real system). 0; -ENOMEM; or the errno of what could not be read, with
 * *ret_fault: a device that cannot be looked at is not one that is absent. */
int pci_count_nvidia(const char *root, PciCensus *ret, Fault *ret_fault);
