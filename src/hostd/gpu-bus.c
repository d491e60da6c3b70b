/* SPDX-License-Identifier: Apache-2.0 */

#include <inttypes.h>
#include <string.h>

#include "hostd/error.h"
#include "hostd/gpu-job.h"
#include "hostd/lease.h"
#include "hostd/polkit.h"

#define GPU_PREFIX HOST_BUS_PATH "/gpu"
#define NVIDIA     0x10de

char *gpu_bus_path(const char *address) {
        char *path;

        return sd_bus_path_encode(GPU_PREFIX, address, &path) < 0 ? NULL : path;
}

/* People write the address with an underscore for whatever a path cannot have: "_0000_01_00_0". */
static bool is_short_path(const char *path, const char *address) {
        if (strncmp(path, GPU_PREFIX "/_", strlen(GPU_PREFIX "/_")) != 0)
                return false;
        path += strlen(GPU_PREFIX "/_");
        for (; *path && *address; path++, address++)
                if (*path != (*address == ':' || *address == '.' ? '_' : *address))
                        return false;
        return *path == *address;
}

int gpu_bus_find(sd_bus *bus, const char *path, const char *interface, void *userdata, void **ret, sd_bus_error *error) {
        Manager *m = userdata;

        for (GpuObject *g = m->gpus; g; g = g->next)
                if (!g->forgotten && (strcmp(g->path, path) == 0 || is_short_path(path, g->address))) {
                        *ret = g;
                        return 1;
                }
        return 0;
}

int gpu_bus_list(sd_bus *bus, const char *prefix, void *userdata, char ***ret, sd_bus_error *error) {
        Manager *m = userdata;
        _cleanup_(strv_freep) char **paths = NULL;

        for (const GpuObject *g = m->gpus; g; g = g->next)
                if (!g->forgotten && strv_append(&paths, strdup(g->path)) < 0)
                        return -ENOMEM;
        *ret = TAKE_PTR(paths);
        return 0;
}

static int get_string(sd_bus *bus, const char *path, const char *interface, const char *property, sd_bus_message *reply,
                      void *userdata, sd_bus_error *error) {
        const GpuObject *g = userdata;
        const struct {
                const char *property, *value;
        } strings[] = {
                { "Address",      g->address                         },
                { "Name",         chip_product(g->device_id) ?: g->chip->name },
                { "Chip",         g->chip->name                      },
                { "Architecture", chip_arch_to_string(g->chip->arch) },
                { "Driver",       g->driver                          },
                { "CCMode",       g->cc_mode                         },
                { "PPCIeMode",    g->ppcie_mode                      },
                { "State",        gpu_state_to_string(g->state)      },
                { "Holder",       g->state == GPU_LEASED && g->lease ? g->lease->holder : "" },
        };

        for (size_t i = 0; i < ELEMENTSOF(strings); i++)
                if (strcmp(strings[i].property, property) == 0)
                        return sd_bus_message_append(reply, "s", strings[i].value);
        return -ENOENT;
}

static int get_vendor(sd_bus *bus, const char *path, const char *interface, const char *property, sd_bus_message *reply,
                      void *userdata, sd_bus_error *error) {
        return sd_bus_message_append(reply, "q", NVIDIA);
}

static int get_device(sd_bus *bus, const char *path, const char *interface, const char *property, sd_bus_message *reply,
                      void *userdata, sd_bus_error *error) {
        const GpuObject *g = userdata;

        return sd_bus_message_append(reply, "q", g->device_id);
}

static int get_failure(sd_bus *bus, const char *path, const char *interface, const char *property, sd_bus_message *reply,
                       void *userdata, sd_bus_error *error) {
        const GpuObject *g = userdata;

        return sd_bus_message_append(reply, "(ss)", g->error ?: "", g->message ?: "");
}

static int get_job(sd_bus *bus, const char *path, const char *interface, const char *property, sd_bus_message *reply,
                   void *userdata, sd_bus_error *error) {
        const GpuObject *g = userdata;

        return sd_bus_message_append(reply, "o", g->job ? g->job->base.path : "/");
}

int gpu_bus_read_flags(sd_bus_message *message, sd_bus_error *error) {
        uint64_t flags;
        int r;

        r = sd_bus_message_read(message, "t", &flags);
        if (r < 0 || flags == 0)
                return r;
        return host_error_set(error, HOST_ERROR_INVALID_FLAGS,
                              "Flags: expected 0, found %" PRIu64 ". None are defined yet.", flags);
}

int gpu_bus_begin(GpuObject *g, sd_bus_message *message, sd_bus_error *error) {
        bool restore = strncmp(sd_bus_message_get_member(message), "Restore", strlen("Restore")) == 0;
        GpuJob *j;
        int r;

        r = gpu_job_request(g, restore ? WORKER_RESTORE : WORKER_PREPARE, &j, error);
        return r < 0 ? r : sd_bus_reply_method_return(message, "o", j->base.path);
}

/* The GPU is looked up again: it may be gone by the time that a permission is there. */
static int begin(Manager *m, sd_bus_message *message, sd_bus_error *error) {
        void *g;

        if (gpu_bus_find(m->bus, sd_bus_message_get_path(message), NULL, m, &g, NULL) <= 0)
                return host_error_set(error, SD_BUS_ERROR_UNKNOWN_OBJECT, "The GPU is gone.");
        return gpu_bus_begin(g, message, error);
}

static int lease(Manager *m, sd_bus_message *message, sd_bus_error *error) {
        const char *holder;
        void *g;
        int r;

        if (gpu_bus_find(m->bus, sd_bus_message_get_path(message), NULL, m, &g, NULL) <= 0)
                return host_error_set(error, SD_BUS_ERROR_UNKNOWN_OBJECT, "The GPU is gone.");
        r = sd_bus_message_rewind(message, true);
        if (r >= 0)
                r = sd_bus_message_read(message, "s", &holder);
        return r < 0 ? r : lease_request(g, message, holder, polkit_sender(m, message), error);
}

static int method_lease(sd_bus_message *message, void *userdata, sd_bus_error *error) {
        GpuObject *g = userdata;
        const char *holder;
        int r;

        r = sd_bus_message_read(message, "s", &holder);
        if (r >= 0)
                r = lease_check(g, holder, error);
        return r < 0 ? r : polkit_run(g->manager, message, ACTION_LEASE_GPUS, lease, error);
}

static int method_begin(sd_bus_message *message, void *userdata, sd_bus_error *error) {
        GpuObject *g = userdata;
        int r;

        r = gpu_bus_read_flags(message, error);
        return r < 0 ? r : polkit_run(g->manager, message, ACTION_MANAGE_GPUS, begin, error);
}

#define CONST SD_BUS_VTABLE_PROPERTY_CONST
#define EMITS SD_BUS_VTABLE_PROPERTY_EMITS_CHANGE

const sd_bus_vtable gpu_vtable[] = {
        SD_BUS_VTABLE_START(0),
        SD_BUS_PROPERTY("Address", "s", get_string, 0, CONST),
        SD_BUS_PROPERTY("Name", "s", get_string, 0, CONST),
        SD_BUS_PROPERTY("Chip", "s", get_string, 0, CONST),
        SD_BUS_PROPERTY("Architecture", "s", get_string, 0, CONST),
        SD_BUS_PROPERTY("VendorID", "q", get_vendor, 0, CONST),
        SD_BUS_PROPERTY("DeviceID", "q", get_device, 0, CONST),
        SD_BUS_PROPERTY("Driver", "s", get_string, 0, EMITS),
        SD_BUS_PROPERTY("IOMMUGroup", "i", NULL, offsetof(GpuObject, iommu_group), EMITS),
        SD_BUS_PROPERTY("NUMANode", "i", NULL, offsetof(GpuObject, numa_node), EMITS),
        SD_BUS_PROPERTY("CCMode", "s", get_string, 0, EMITS),
        SD_BUS_PROPERTY("PPCIeMode", "s", get_string, 0, EMITS),
        SD_BUS_PROPERTY("State", "s", get_string, 0, EMITS),
        SD_BUS_PROPERTY("Failure", "(ss)", get_failure, 0, EMITS),
        SD_BUS_PROPERTY("Holder", "s", get_string, 0, EMITS),
        SD_BUS_PROPERTY("Job", "o", get_job, 0, EMITS),
        SD_BUS_METHOD_WITH_ARGS("Prepare", SD_BUS_ARGS("t", flags), SD_BUS_RESULT("o", job), method_begin,
                                SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_METHOD_WITH_ARGS("Restore", SD_BUS_ARGS("t", flags), SD_BUS_RESULT("o", job), method_begin,
                                SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_METHOD_WITH_ARGS("Lease", SD_BUS_ARGS("s", holder),
                                SD_BUS_RESULT("h", device, "h", iommu, "h", lease), method_lease,
                                SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_VTABLE_END,
};
