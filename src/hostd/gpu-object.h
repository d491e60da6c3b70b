/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* A GPU with a confidential mode, as udev shows it and as jobs leave it; org.cocoon.Host1.GPU on the bus. */

#include "basic/json.h"
#include "gpu/chip.h"
#include "hostd/manager.h"
#include "vfio/device.h"

typedef enum GpuState {
        GPU_UNMANAGED,
        GPU_PREPARING,
        GPU_READY,
        GPU_LEASED,
        GPU_RESTORING,
        GPU_FAILED,
        _GPU_STATE_MAX,
        _GPU_STATE_INVALID = -1,
} GpuState;

typedef struct GpuSave GpuSave;

/* r: 0 when the state is durable, else a negative errno. */
typedef void (*GpuSaved)(GpuObject *g, int r);

struct GpuObject {
        Manager *manager;
        GpuObject *next;
        char address[PCI_ADDRESS_SIZE];
        char *path; /* on the bus */
        const Chip *chip;
        uint16_t device_id;

        char driver[PCI_TEXT_SIZE]; /* "": none */
        int iommu_group, numa_node; /* -1: none */
        char cc_mode[16], ppcie_mode[16];

        GpuState state;
        char *error, *message; /* why it failed, or NULL */
        json_object *record;   /* the worker's: what leads back; NULL: nothing to take back */

        GpuJob *job, *waiting; /* what is done to it now and what is done next */
        Lease *lease; /* asked for, or in other hands */
        GpuSave *save;
        bool gone;  /* udev says so, a job does not yet */
        bool forgotten; /* nor is it on the bus any more, only its record is still to go */
        bool again; /* and another one is at its place */
};

/* Appears on the bus, with the state that is on record, and continues what that was in the middle of. */
int gpu_object_new(Manager *m, const PciDevice *d);
GpuObject *gpu_object_free(GpuObject *g);

/* What sysfs says about it now. */
void gpu_object_update(GpuObject *g, const PciDevice *d);

/* It was unplugged. Jobs end, then the object does, now or later. */
void gpu_object_remove(GpuObject *g);

/* Moves on; `error` and `message` (NULL: none) say why it failed. */
void gpu_object_set_state(GpuObject *g, GpuState state, const char *error, const char *message);

/* What a worker found. Anything unexpected is "unknown". */
void gpu_object_set_modes(GpuObject *g, const char *cc, const char *ppcie);

/* Stores the state, in a child process; `saved` (may be NULL) is called later, once, when it is durable or not to be.
 * With a store under way this is done afterwards, and only the last one's `saved` is called. */
void gpu_object_save(GpuObject *g, GpuSaved saved);

const char *gpu_state_to_string(GpuState state);
GpuState gpu_state_from_string(const char *name);

/* gpu-bus.c */
extern const sd_bus_vtable gpu_vtable[];
int gpu_bus_find(sd_bus *bus, const char *path, const char *interface, void *userdata, void **ret, sd_bus_error *error);
int gpu_bus_list(sd_bus *bus, const char *prefix, void *userdata, char ***ret, sd_bus_error *error);
char *gpu_bus_path(const char *address);
/* The flags of Prepare, PrepareGPU, Restore, RestoreGPU: 0 or an error. */
int gpu_bus_read_flags(sd_bus_message *message, sd_bus_error *error);
/* Begins the job that these are for, and answers. */
int gpu_bus_begin(GpuObject *g, sd_bus_message *message, sd_bus_error *error);

#define GPU_INTERFACE "org.cocoon.Host1.GPU"

/* gpu_bus_changed(g, "Property", …, NULL), once it is on the bus. */
#define gpu_bus_changed(g, ...)                                                                                       \
        ((g)->manager ? (void) sd_bus_emit_properties_changed((g)->manager->bus, (g)->path, GPU_INTERFACE, __VA_ARGS__) \
                      : (void) 0)
