/* SPDX-License-Identifier: Apache-2.0 */

#include "hostd/gpu-worker.h"

#include <limits.h>
#include <string.h>

#include "gpu/registers.h"
#include "vfio/users.h"

#define LET_GO_USEC      (60 * USEC_PER_SEC)
#define LET_GO_POLL_USEC (USEC_PER_SEC / 20)

static PciDevice *gpu_device(GpuWorker *w) {
        return &w->members[0].device;
}

/* A switch says only itself what it is, when it was opened. */
static int check_mode(GpuWorker *w) {
        const Chip *chip = chip_from_device_id(gpu_device(w)->device);

        if (!chip || w->operation != WORKER_PREPARE || cc_mode_supported(chip, w->mode))
                return 0;
        return fault_set(&w->fault, EOPNOTSUPP, w->address, "a device that has the mode asked for", "%s has no mode %s",
                         chip->name, cc_mode_to_string(w->mode));
}

int worker_identify(GpuWorker *w) {
        PciDevice *d = gpu_device(w);
        int r;

        r = worker_announce(w, WORKER_STEP_IDENTIFY);
        if (r >= 0)
                r = pci_device_open(&w->host, w->address, d, &w->fault);
        if (r < 0)
                return r;
        w->n_members = 1;
        if (d->vendor == PCI_VENDOR_NVIDIA && (d->class == PCI_CLASS_SWITCH || chip_from_device_id(d->device)) &&
            (d->class == PCI_CLASS_SWITCH || d->class == PCI_CLASS_3D || d->class == PCI_CLASS_VGA))
                return check_mode(w);
        return fault_set(&w->fault, EOPNOTSUPP, d->address, "an NVIDIA GPU of Hopper or Blackwell, or an NVSwitch",
                         "%04x:%04x, class %06x", d->vendor, d->device, d->class);
}

static int add_companion(GpuWorker *w, const PciSibling *s) {
        if (w->n_members == ELEMENTSOF(w->members))
                return fault_set(&w->fault, E2BIG, w->address, "at most 8 functions beside it", "more");
        w->members[w->n_members++] = (WorkerMember){ s->device, s->binding };
        return 0;
}

/* What a record says about a member; a function that it does not know was not moved. */
static void recall(WorkerMember *m, const WorkerRecord *record) {
        for (size_t i = 0; i < record->n; i++)
                if (strcmp(record->siblings[i].address, m->device.address) == 0)
                        m->before = record->siblings[i].binding;
}

static void remember(GpuWorker *w) {
        WorkerRecord *record = &w->record;

        if (record->known) {
                w->members[0].before = record->binding;
                for (size_t i = 1; i < w->n_members; i++)
                        recall(&w->members[i], record);
                return;
        }
        record->known = true;
        record->binding = w->members[0].before;
        for (size_t i = 1; i < w->n_members; i++, record->n++) {
                (void) snprintf(record->siblings[record->n].address, PCI_ADDRESS_SIZE, "%s", w->members[i].device.address);
                record->siblings[record->n].binding = w->members[i].before;
        }
}

int worker_find_members(GpuWorker *w) {
        PciDevice *d = gpu_device(w);
        PciGroup group;
        int r;

        r = binding_read(d, &w->members[0].before, &w->fault);
        group.n = 0;
        if (r >= 0)
                r = pci_group_read(d, &group, &w->fault);
        if (r == -EOPNOTSUPP) /* worker_check_free() will say so, if anything is to be moved */
                r = 0;
        for (size_t i = 0; r >= 0 && i < group.n; i++)
                if (pci_sibling_is_companion(d, &group.siblings[i]))
                        r = add_companion(w, &group.siblings[i]);
        if (r >= 0)
                remember(w);
        return r;
}

static bool needs_move(const WorkerMember *m) {
        Binding now;

        return binding_read(&m->device, &now, NULL) < 0 || !binding_is_vfio(now.driver);
}

int worker_check_users(GpuWorker *w, bool all) {
        int r = 0;

        for (size_t i = 0; i < w->n_members && r >= 0; i++)
                if (all || needs_move(&w->members[i]))
                        r = pci_users_check(&w->members[i].device, &w->fault);
        return r;
}

static int check_driver(GpuWorker *w) {
        char path[PATH_MAX];

        (void) snprintf(path, sizeof(path), "%s/sys/bus/pci/drivers/" VFIO_PCI, w->host.root);
        if (access(path, F_OK) >= 0)
                return 0;
        w->advice = "systemctl restart cocoon-hostd.service loads it (modprobe@vfio_pci.service)";
        return fault_set(&w->fault, ENOENT, "driver " VFIO_PCI, "to be loaded", "none of that name");
}

int worker_check_free(GpuWorker *w) {
        PciDevice *d = gpu_device(w);
        PciGroup group;
        int r;

        r = pci_group_read(d, &group, &w->fault);
        if (r < 0)
                return r;
        r = pci_group_check(d, &group, &w->fault);
        if (r < 0) {
                w->advice = "take these devices from their drivers first, or move the GPU to a slot with a group of its own";
                return r;
        }
        r = check_driver(w);
        return r < 0 ? r : worker_check_users(w, false);
}

int worker_move_to_vfio(GpuWorker *w) {
        bool needed = false;
        int r;

        for (size_t i = 0; i < w->n_members; i++)
                needed = needed || needs_move(&w->members[i]);
        if (!needed)
                return 0;
        r = worker_announce(w, WORKER_STEP_UNBIND);
        if (r >= 0)
                r = worker_check_users(w, false); /* once more: storing takes its time */
        if (r < 0)
                return r;
        w->moved = w->changed = true;
        for (size_t i = 0; i < w->n_members && r >= 0; i++)
                if (needs_move(&w->members[i]))
                        r = binding_unbind(&w->members[i].device, VFIO_PCI, &w->fault);
        if (r >= 0)
                r = worker_announce(w, WORKER_STEP_BIND);
        for (size_t i = 0; i < w->n_members && r >= 0; i++)
                if (needs_move(&w->members[i]))
                        r = binding_bind(&w->members[i].device, VFIO_PCI, &w->fault);
        return r;
}

static int gpu_read32(void *userdata, uint32_t offset, uint32_t *ret) {
        GpuWorker *w = userdata;

        return w->access->ops->read32(w->access, offset, ret);
}

static int gpu_write32(void *userdata, uint32_t offset, uint32_t value) {
        GpuWorker *w = userdata;

        return w->access->ops->write32(w->access, offset, value);
}

static int gpu_config_read32(void *userdata, uint32_t offset, uint32_t *ret) {
        GpuWorker *w = userdata;

        return w->access->ops->config_read32(w->access, offset, ret);
}

static int gpu_config_write16(void *userdata, uint32_t offset, uint16_t value) {
        GpuWorker *w = userdata;

        return w->access->ops->config_write16(w->access, offset, value);
}

static uint64_t gpu_now_usec(void *userdata) {
        GpuWorker *w = userdata;

        return w->ops->now_usec();
}

static int gpu_wait_usec(void *userdata, uint64_t usec) {
        return worker_wait(userdata, usec);
}

void worker_forget_status(GpuWorker *w) {
        (void) snprintf(w->cc, sizeof(w->cc), "unknown");
        (void) snprintf(w->ppcie, sizeof(w->ppcie), "unknown");
}

static int gpu_reset(void *userdata, Fault *ret_fault) {
        GpuWorker *w = userdata;

        w->reset = w->changed = true;
        worker_forget_status(w);
        return w->access->ops->reset(w->access, ret_fault);
}

void worker_set_status(GpuWorker *w, const CcStatus *status) {
        (void) snprintf(w->cc, sizeof(w->cc), "%s", cc_state_to_string(status->cc));
        (void) snprintf(w->ppcie, sizeof(w->ppcie), "%s",
                        !cc_mode_supported(w->gpu.chip, CC_MODE_PPCIE) ? "unsupported" : status->ppcie ? "on" : "off");
}

/* The mode has just been read, and permissions have not: what it was goes into the record before it can change. */
static void mode_is_known(GpuWorker *w) {
        w->queried = true;
        worker_set_status(w, &w->stage.before);
        if (*w->record.cc)
                return;
        (void) snprintf(w->record.cc, sizeof(w->record.cc), "%s", w->cc);
        (void) snprintf(w->record.ppcie, sizeof(w->record.ppcie), "%s", w->ppcie);
}

static int gpu_step(void *userdata, GpuStep step) {
        static const WorkerStep steps[_GPU_STEP_MAX] = {
                [GPU_STEP_BOOT] = WORKER_STEP_BOOT,
                [GPU_STEP_QUERY] = WORKER_STEP_QUERY,
                [GPU_STEP_PERMISSIONS] = WORKER_STEP_PERMISSIONS,
                [GPU_STEP_STAGE] = WORKER_STEP_STAGE,
                [GPU_STEP_READ_BACK] = WORKER_STEP_READ_BACK,
                [GPU_STEP_UNSTAGE] = WORKER_STEP_STAGE,
                [GPU_STEP_RESET] = WORKER_STEP_RESET,
                [GPU_STEP_VERIFY] = WORKER_STEP_VERIFY,
        };
        GpuWorker *w = userdata;

        if (step == GPU_STEP_IDENTIFY)
                return 0; /* part of opening */
        if (steps[step] == w->step && !w->cancelled && !w->orphaned)
                return 0; /* the same for another set of knobs */
        if (step == GPU_STEP_UNSTAGE)
                w->undoing = true;
        if (step == GPU_STEP_PERMISSIONS && !w->queried)
                mode_is_known(w);
        return worker_announce(w, steps[step]);
}

static void gpu_tell(void *userdata, const char *text) {
        worker_note(userdata, text);
}

static const GpuOps gpu_ops = {
        .read32 = gpu_read32,
        .write32 = gpu_write32,
        .config_read32 = gpu_config_read32,
        .config_write16 = gpu_config_write16,
        .now_usec = gpu_now_usec,
        .wait_usec = gpu_wait_usec,
        .step = gpu_step,
        .note = gpu_tell,
};

/* Nobody is seen to have it, and yet it is busy: a process that ends is not seen any more when its descriptors are closed,
 * one after another, and a guest's memory is let go of in its time. So the end of a lease may come before that of the use. */
static int open_when_let_go(GpuWorker *w) {
        uint64_t begin = w->ops->now_usec();
        int r;

        for (;;) {
                r = w->ops->open_vfio(gpu_device(w), &w->access, &w->fault);
                if (r != -EBUSY || w->ops->now_usec() - begin >= LET_GO_USEC || worker_check_users(w, true) < 0)
                        return r;
                r = worker_wait(w, LET_GO_POLL_USEC);
                if (r < 0)
                        return fault_set(&w->fault, r, worker_step_to_string(w->step), "to go on", "cancelled");
        }
}

int worker_open(GpuWorker *w) {
        int r;

        r = worker_announce(w, WORKER_STEP_OPEN);
        if (r >= 0)
                r = vfio_take_back(gpu_device(w), &w->fault);
        if (r >= 0 && !w->ops->in_process)
                r = worker_confine_to_nodes(w);
        if (r < 0)
                return r;
        r = open_when_let_go(w);
        w->opened = r >= 0;
        if (r >= 0)
                r = gpu_open(&gpu_ops, w, &w->gpu, &w->fault);
        w->stage = (StageDevice){ .gpu = &w->gpu, .reset = gpu_reset, .userdata = w };
        return r;
}

void worker_close(GpuWorker *w) {
        w->access = access_free(w->access);
}

static int take_stage_fault(GpuWorker *w, int error) {
        if (error < 0)
                w->fault = w->stage.fault;
        return error;
}

int worker_set_mode(GpuWorker *w, CcMode mode) {
        static const CcStatus modes[_CC_MODE_MAX] = {
                [CC_MODE_OFF] = { .cc = CC_STATE_OFF },
                [CC_MODE_ON] = { .cc = CC_STATE_ON },
                [CC_MODE_DEVTOOLS] = { .cc = CC_STATE_DEVTOOLS },
                [CC_MODE_PPCIE] = { .ppcie = true },
        };
        int r;

        r = stage_one(&w->stage, mode);
        if (r >= 0 && w->stage.needs_reset) {
                r = stage_reset(&w->stage);
                if (r >= 0)
                        r = stage_verify(&w->stage, mode);
        }
        if (r >= 0)
                worker_set_status(w, &modes[mode]);
        return take_stage_fault(w, r);
}

static void peek(GpuWorker *w, CcStatus *ret, bool *ret_seen) {
        PciUsers users = {};
        Binding b = {};
        int r;

        r = binding_read(gpu_device(w), &b, &w->fault);
        if (r >= 0 && binding_is_vfio(b.driver))
                r = pci_users_find(gpu_device(w), &users, &w->fault);
        if (r >= 0 && users.n > 0)
                r = fault_set(&w->fault, EBUSY, w->address, "nobody to use it", "a guest does");
        if (r >= 0)
                r = w->ops->open_sysfs(gpu_device(w), &w->access, &w->fault);
        if (r >= 0)
                r = gpu_open(&gpu_ops, w, &w->gpu, &w->fault);
        if (r >= 0)
                r = stage_query(&w->gpu, ret, &w->fault);
        *ret_seen = r >= 0;
}

void worker_peek(GpuWorker *w) {
        char text[600];
        CcStatus status;
        bool seen;

        peek(w, &status, &seen);
        worker_close(w);
        if (seen) {
                worker_set_status(w, &status);
                return;
        }
        (void) snprintf(text, sizeof(text), "the mode cannot be seen: %s, expected %s, found %s", w->fault.what,
                        w->fault.expected, w->fault.found);
        worker_note(w, text);
}
