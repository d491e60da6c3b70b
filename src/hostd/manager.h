/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* The daemon as a whole: its connections, its configuration, its GPUs and jobs. */

#include <libudev.h>
#include <systemd/sd-bus.h>
#include <systemd/sd-event.h>

#include "basic/cleanup.h"
#include "hostd/config.h"

#define HOST_BUS_NAME  "org.cocoon.Host1"
#define HOST_BUS_PATH  "/org/cocoon/Host1"
#define HOST_STATE_DIR "/var/lib/cocoon/gpu"

#define ACTION_LEASE_GPUS    "org.cocoon.host1.lease-gpus"
#define ACTION_MANAGE_GPUS   "org.cocoon.host1.manage-gpus"
#define ACTION_MANAGE_MODELS "org.cocoon.host1.manage-models"

DEFINE_CLEANUP_FUNC(struct udev_device *, udev_device_unref)
DEFINE_CLEANUP_FUNC(struct udev_enumerate *, udev_enumerate_unref)

typedef struct GpuJob GpuJob;
typedef struct GpuObject GpuObject;
typedef struct Job Job;
typedef struct KeptLease KeptLease;
typedef struct Lease Lease;
typedef struct ModelReports ModelReports;
typedef struct ModelStore ModelStore;
typedef struct PolkitQuery PolkitQuery;
typedef struct Worker Worker;

typedef struct Manager {
        sd_event *event;
        sd_bus *bus;
        struct udev *udev;
        struct udev_monitor *monitor;
        sd_event_source *monitor_source;

        const char *root;   /* "" for the real system */
        const char *worker; /* the program that is run for each operation */
        char *state_dir;
        HostConfig config;
        gid_t group, worker_group; /* whose members may do everything, or lease GPUs; -1: there is none */

        GpuObject *gpus;    /* lists */
        Job *jobs;
        PolkitQuery *queries;
        Worker *stuck;      /* killed, and not gone */
        KeptLease *kept;    /* by systemd for the daemon before; while it starts */
        uint32_t last_job;

        ModelStore *models;
        ModelReports *reports;
} Manager;

/* Takes over nothing; `root` and `worker` must stay. Reads configuration, GPUs and their states, and goes on the bus.
 * 0 or a negative errno, logged. */
int manager_start(Manager *m, const char *root, const char *worker);
void manager_done(Manager *m);

/* Reads the configuration again, and looks for GPUs again. A configuration with mistakes is not taken: -EINVAL, and the
 * first of them in *error. */
int manager_reload(Manager *m, sd_bus_error *error);

/* The GPU that a user names: 0, or an error in *error that says why there is none. */
int manager_find_gpu(Manager *m, const char *text, GpuObject **ret, sd_bus_error *error);

/* Tells systemd how many GPUs are in which state. */
void manager_notify_status(Manager *m);

/* manager-bus.c: the objects' places on the bus. */
int manager_bus_export(Manager *m);
