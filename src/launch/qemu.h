/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* QEMU's command line: upstream COCOON's machine. */

#include <stdio.h>

#include "launch/host.h"
#include "launch/image.h"
#include "launch/model.h"

/* Descriptors have the same numbers in every launch, from here on: devices of the GPUs, iommufd, vsock, and at the end what keeps
 * leases and model, which QEMU only has to have. */
#define QEMU_FD_FIRST 3
#define QEMU_FDS_MAX  (2 * WORKER_GPUS_MAX + 3)

typedef struct Machine {
        const WorkerConfig *config;
        const GuestImage *image;
        const LaunchModel *model;  /* NULL: none */
        const char *spec;          /* the directory */
        const char *qmp;           /* the socket through which it is told to end */
        bool kvm;
        const char *const *groups; /* addresses of GPUs that QEMU opens itself; NULL: descriptors */
        char *const *more;         /* arguments at the end, NULL ended, or NULL */
} Machine;

/* Which descriptors a machine has, in the order of their numbers. */
typedef enum FdKind {
        FD_DEVICE,
        FD_IOMMU,
        FD_VSOCK,
        FD_LEASE,
        FD_MODEL,
} FdKind;

typedef struct FdPlan {
        FdKind kinds[QEMU_FDS_MAX];
        unsigned gpus[QEMU_FDS_MAX]; /* of devices and leases: which one */
        size_t n;
} FdPlan;

void machine_plan(const Machine *m, FdPlan *ret);

/* The program and its arguments, NULL ended, for strv_free(). 0, or -ENOMEM. */
int machine_command(const Machine *m, char ***ret);

/* As a shell would take it, an option a line. */
void command_print(FILE *f, char *const *command);
