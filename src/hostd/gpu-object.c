/* SPDX-License-Identifier: Apache-2.0 */

#include "hostd/gpu-object.h"

#include <limits.h>
#include <string.h>

#include "basic/log.h"
#include "hostd/error.h"
#include "hostd/gpu-job.h"
#include "hostd/lease.h"
#include "hostd/messages.h"
#include "hostd/state.h"
#include "hostd/udev.h"
#include "vfio/binding.h"

static const char *const state_names[_GPU_STATE_MAX] = {
        [GPU_UNMANAGED] = "unmanaged",
        [GPU_PREPARING] = "preparing",
        [GPU_READY]     = "ready",
        [GPU_LEASED]    = "leased",
        [GPU_RESTORING] = "restoring",
        [GPU_FAILED]    = "failed",
};

const char *gpu_state_to_string(GpuState state) {
        return state_names[state];
}

GpuState gpu_state_from_string(const char *name) {
        for (GpuState s = 0; s < _GPU_STATE_MAX; s++)
                if (strcmp(state_names[s], name) == 0)
                        return s;
        return _GPU_STATE_INVALID;
}

static void replace(char **s, const char *value) {
        char *copy = value ? strdup(value) : NULL;

        free(*s);
        *s = copy;
}

static void log_state(const GpuObject *g) {
        const LogField fields[] = {
                { "COCOON_GPU", g->address }, { "COCOON_ERROR", g->error }, { "COCOON_REASON", g->message },
        };

        if (g->state == GPU_READY)
                log_record(LOG_NOTICE, MESSAGE_GPU_READY, fields, ELEMENTSOF(fields), "%s is ready", g->address);
        else if (g->state == GPU_FAILED)
                log_record(LOG_ERR, MESSAGE_GPU_FAILED, fields, ELEMENTSOF(fields), "%s failed: %s", g->address,
                           g->message ? g->message : "for an unknown reason");
        else if (g->state == GPU_UNMANAGED)
                log_record(LOG_NOTICE, MESSAGE_GPU_RESTORED, fields, ELEMENTSOF(fields), "%s is the host's", g->address);
}

void gpu_object_set_state(GpuObject *g, GpuState state, const char *error, const char *message) {
        bool changed = g->state != state;

        g->state = state;
        replace(&g->error, error);
        replace(&g->message, message);
        gpu_bus_changed(g, "State", "Failure", "Holder", NULL);
        if (!changed)
                return;
        log_state(g);
        manager_notify_status(g->manager);
}

static void set_mode(char ret[static 16], const char *value, const char *const *words, size_t n_words) {
        const char *known = "unknown";

        for (size_t i = 0; value && i < n_words; i++)
                if (strcmp(words[i], value) == 0)
                        known = words[i];
        (void) snprintf(ret, 16, "%s", known);
}

void gpu_object_set_modes(GpuObject *g, const char *cc, const char *ppcie) {
        static const char *const cc_modes[] = { "on", "off", "devtools", "invalid" };
        static const char *const ppcie_modes[] = { "on", "off", "unsupported" };

        set_mode(g->cc_mode, cc, cc_modes, ELEMENTSOF(cc_modes));
        set_mode(g->ppcie_mode, ppcie, ppcie_modes, ELEMENTSOF(ppcie_modes));
        gpu_bus_changed(g, "CCMode", "PPCIeMode", NULL);
}

/* A ready GPU is on vfio-pci; somebody who takes it off behind the daemon's back has it. */
static void check_driver(GpuObject *g) {
        char message[256];

        if (g->state != GPU_READY || g->job || binding_is_vfio(g->driver))
                return;
        (void) snprintf(message, sizeof(message),
                        "driver: expected vfio-pci, found %s: it was changed from outside. "
                        "Prepare the GPU again, or restore it.", *g->driver ? g->driver : "none");
        gpu_object_set_state(g, GPU_FAILED, HOST_ERROR_DEVICE_ERROR, message);
        gpu_object_save(g, NULL);
}

/* Of an IOMMU group: -1 for none. */
static int parse_group(const char *text) {
        char *end;
        long n = strtol(text, &end, 10);

        return end == text || *end || n < 0 || n > INT_MAX ? -1 : (int) n;
}

void gpu_object_update(GpuObject *g, const PciDevice *d) {
        char driver[PCI_TEXT_SIZE] = "", group[PCI_TEXT_SIZE] = "";
        bool changed;

        (void) pci_device_link(d, "driver", driver);
        (void) pci_device_link(d, "iommu_group", group);
        changed = strcmp(driver, g->driver) != 0;
        (void) memcpy(g->driver, driver, sizeof(driver));
        g->iommu_group = parse_group(group);
        g->numa_node = d->numa_node;
        if (changed)
                gpu_bus_changed(g, "Driver", "IOMMUGroup", "NUMANode", NULL);
        check_driver(g);
}

/* A lease goes on. One of a GPU that has another driver by now means nothing any more: it was plugged in anew. */
static bool resume_lease(GpuObject *g, const GpuRecord *record) {
        if (record->state != GPU_LEASED || !record->this_boot || !binding_is_vfio(g->driver) ||
            !lease_resume(g, record->holder, record->pipe))
                return false;
        gpu_object_set_modes(g, record->cc, record->ppcie);
        gpu_object_set_state(g, GPU_LEASED, NULL, NULL);
        return true;
}

/* What the daemon was doing when it ended is done to its end; what was ready is looked at before it is said to be. */
static WorkerOperation resume_state(GpuObject *g, const GpuRecord *record) {
        GpuState state = record->state;

        if (state == GPU_FAILED)
                gpu_object_set_state(g, GPU_FAILED, record->error, record->message);
        else if (state == GPU_PREPARING && !record->this_boot)
                gpu_object_set_state(g, GPU_FAILED, HOST_ERROR_WORKER_FAILED,
                                     "the host ended in the middle of its preparation. Prepare or restore the GPU again.");
        else if (state == GPU_PREPARING || state == GPU_RESTORING) {
                gpu_object_set_state(g, GPU_FAILED, HOST_ERROR_WORKER_FAILED,
                                     "the daemon ended in the middle of a job, which begins anew.");
                return state == GPU_PREPARING ? WORKER_PREPARE : WORKER_RESTORE;
        } else if ((state == GPU_READY || state == GPU_LEASED) && record->this_boot)
                return WORKER_CHECK;
        return WORKER_INSPECT;
}

static void resume(GpuObject *g) {
        _cleanup_(gpu_record_done) GpuRecord record = {};
        int r;

        r = state_load(g->manager, g->address, g->device_id, &record);
        if (r < 0 && r != -ENOENT) {
                gpu_object_set_state(g, GPU_FAILED, HOST_ERROR_STATE_NOT_STORED,
                                     "the record of its state cannot be read. Prepare or restore the GPU again.");
                (void) log_warning_errno(r, "%s/%s.json is no record of a GPU's state: %m", g->manager->state_dir,
                                         g->address);
        }
        g->record = TAKE_PTR(record.record);
        if (r >= 0 && resume_lease(g, &record))
                return;
        r = gpu_job_request(g, r >= 0 ? resume_state(g, &record) : WORKER_INSPECT, NULL, NULL);
        if (r < 0)
                (void) log_error_errno(r, "%s: cannot look at it: %m", g->address);
}

DEFINE_CLEANUP_FUNC(GpuObject *, gpu_object_free)

int gpu_object_new(Manager *m, const PciDevice *d) {
        _cleanup_(gpu_object_freep) GpuObject *g = calloc(1, sizeof(*g));

        if (!g)
                return -ENOMEM;
        *g = (GpuObject){
                .chip = chip_from_device_id(d->device),
                .device_id = d->device,
                .iommu_group = -1,
                .numa_node = -1,
                .cc_mode = "unknown",
                .ppcie_mode = "unknown",
        };
        (void) memcpy(g->address, d->address, sizeof(g->address));
        g->path = gpu_bus_path(g->address);
        if (!g->path)
                return -ENOMEM;
        gpu_object_update(g, d);

        g->manager = m;
        g->next = m->gpus;
        m->gpus = g;
        (void) sd_bus_emit_object_added(m->bus, g->path);
        resume(TAKE_PTR(g));
        manager_notify_status(m);
        return 0;
}

GpuObject *gpu_object_free(GpuObject *g) {
        Manager *m;

        if (!g)
                return NULL;
        m = g->manager;
        if (m) {
                GpuObject **p = &m->gpus;

                if (!g->forgotten)
                        (void) sd_bus_emit_object_removed(m->bus, g->path);
                while (*p != g)
                        p = &(*p)->next;
                *p = g->next;
        }
        state_flush(g);
        (void) lease_free(g->lease);
        (void) json_object_put(g->record);
        free(g->error);
        free(g->message);
        free(g->path);
        free(g);
        return NULL;
}

static void on_forgotten(GpuObject *g, int r) {
        Manager *m = g->manager;
        char address[PCI_ADDRESS_SIZE];
        bool again = g->again;

        log_info("%s is gone", g->address);
        (void) memcpy(address, g->address, sizeof(address));
        (void) gpu_object_free(g);
        manager_notify_status(m);
        if (again)
                (void) host_udev_probe(m, address, NULL);
}

void gpu_object_remove(GpuObject *g) {
        g->gone = true;
        if (g->waiting)
                gpu_job_cancel(g->waiting);
        if (g->job)
                gpu_job_abort(g->job, JOB_FAILED, HOST_ERROR_DEVICE_GONE, "%s was unplugged", g->address);
        else {
                lease_drop(g);
                (void) sd_bus_emit_object_removed(g->manager->bus, g->path);
                g->forgotten = true;
                gpu_object_save(g, on_forgotten);
        }
}
