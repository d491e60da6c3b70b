/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* A directory that stands for /sys, /dev and /proc, and for the kernel where something is written there: drivers let
 * go of devices, and take those that they are told to, or not. */

#include "vfio/device.h"

typedef struct PciTree {
        char *root;
        PciHost host;          /* for src/vfio */
        char *log;             /* of writes, "PATH=VALUE\n", paths from the device's address or "drivers" on */
        /* What the kernel does instead, when the path of a write ends so. */
        const char *fail_path;
        int fail_error;        /* 0: says that it did, and did not */
        unsigned fail_after;   /* so many writes there that are good */
        const char *probes;    /* the driver that drivers_probe finds; NULL: none */
} PciTree;

PciTree *pci_tree_new(void);
PciTree *pci_tree_free(PciTree *t);
DEFINE_CLEANUP_FUNC(PciTree *, pci_tree_free)

/* A device, with `driver` (NULL: none), in an IOMMU group (NULL: none). */
void pci_tree_add(PciTree *t, const char *address, unsigned device, unsigned class, const char *driver, const char *group);
void pci_tree_remove(PciTree *t, const char *address);

/* A driver that is loaded. */
void pci_tree_driver(PciTree *t, const char *name);

/* A file, and the directories that it is in. */
void pci_tree_write(PciTree *t, const char *path, const char *text);

/* A process that has these files of the real system open, and mapped; NULL: none. */
void pci_tree_process(PciTree *t, int pid, const char *name, const char *open, const char *mapped);

/* What a device is bound to, "" for none; static. */
const char *pci_tree_bound(PciTree *t, const char *address);
