/* SPDX-License-Identifier: Apache-2.0 */

#include "gpu/gpu.h"

#include <ctype.h>
#include <stdarg.h>
#include <string.h>

#include "gpu/bar0.h"
#include "gpu/boot.h"
#include "gpu/pci.h"
#include "gpu/registers.h"

#define NAME_SIZE 32U

const char *gpu_step_to_string(GpuStep step) {
        static const char *const names[_GPU_STEP_MAX] = {
                [GPU_STEP_IDENTIFY] = "identify",
                [GPU_STEP_BOOT] = "wait for boot",
                [GPU_STEP_QUERY] = "read mode",
                [GPU_STEP_PERMISSIONS] = "check permissions",
                [GPU_STEP_STAGE] = "stage",
                [GPU_STEP_READ_BACK] = "read back",
                [GPU_STEP_UNSTAGE] = "take back",
                [GPU_STEP_RESET] = "reset",
                [GPU_STEP_VERIFY] = "verify",
        };

        return names[step];
}

char *gpu_name(const Gpu *g, char ret[static NAME_SIZE]) {
        const char *product = g->chip->arch == CHIP_LAGUNA ? "NVSwitch_gen3" : chip_product(g->device_id);
        size_t n = strlen("Generic-");

        if (product) {
                (void) snprintf(ret, NAME_SIZE, "%s", product);
                return ret;
        }
        (void) snprintf(ret, NAME_SIZE, "Generic-%s", g->chip->name);
        for (; ret[n]; n++)
                ret[n] = (char) toupper((unsigned char) ret[n]);
        return ret;
}

int gpu_begin(Gpu *g, GpuStep step, Fault *ret_fault) {
        int r = 0;

        g->step = step;
        if (g->ops->step)
                r = g->ops->step(g->userdata, step);
        if (r < 0)
                return gpu_fault(g, ret_fault, r, "before it began", "leave to begin", "%s", strerror(-r));
        return 0;
}

int gpu_fault(const Gpu *g, Fault *ret_fault, int error, const char *where, const char *expected, const char *found,
              ...) {
        char what[sizeof(ret_fault->what)], text[sizeof(ret_fault->found)];
        va_list ap;

        if (!ret_fault)
                return -abs(error);
        (void) snprintf(what, sizeof(what), "%s: %s", gpu_step_to_string(g->step), where);
        va_start(ap, found);
        (void) vsnprintf(text, sizeof(text), found, ap);
        va_end(ap);
        return fault_set(ret_fault, error, what, expected, "%s", text);
}

void gpu_note(const Gpu *g, const char *format, ...) {
        char text[160];
        va_list ap;

        if (!g->ops->note)
                return;
        va_start(ap, format);
        (void) vsnprintf(text, sizeof(text), format, ap);
        va_end(ap);
        g->ops->note(g->userdata, text);
}

GpuPoll gpu_poll_start(const Gpu *g, uint64_t timeout, uint64_t interval) {
        uint64_t now = g->ops->now_usec(g->userdata);

        return (GpuPoll){ .gpu = g, .start = now, .read_at = now, .timeout = timeout, .interval = interval };
}

int gpu_poll_again(GpuPoll *p, Fault *ret_fault) {
        uint64_t elapsed = p->read_at - p->start, pause = p->interval;
        int r;

        if (elapsed >= p->timeout)
                return -ETIMEDOUT;
        if (pause > p->timeout - elapsed)
                pause = p->timeout - elapsed;
        r = p->gpu->ops->wait_usec(p->gpu->userdata, pause);
        if (r < 0)
                return gpu_fault(p->gpu, ret_fault, r, "while it waited", "to go on", "%s", strerror(-r));
        p->read_at = p->gpu->ops->now_usec(p->gpu->userdata);
        return 0;
}

/* A GPU is known by its device id alone; an NVSwitch by what it says itself, so BAR0 has to answer before. */
static int check_ids(Gpu *g, uint32_t *ret_class, Fault *f) {
        uint32_t id, class;
        int r;

        r = pci_read_ids(g, &id, &class, f);
        if (r < 0)
                return r;
        if ((id & 0xffff) != PCI_VENDOR_NVIDIA)
                return gpu_fault(g, f, EOPNOTSUPP, "PCI ids", "vendor 10de", "%04x:%04x", id & 0xffff, id >> 16);
        g->device_id = (uint16_t) (id >> 16);
        if (class == PCI_CLASS_VGA || class == PCI_CLASS_3D)
                g->chip = chip_from_device_id(g->device_id);
        if (!g->chip && class != PCI_CLASS_SWITCH)
                return gpu_fault(g, f, EOPNOTSUPP, "PCI ids", "a GPU of Hopper or Blackwell, or an NVSwitch",
                                 "10de:%04x, class %06x", g->device_id, class);
        *ret_class = class;
        return 0;
}

static int check_boot_0(Gpu *g, uint32_t class, Fault *f) {
        int r;

        r = bar0_read(g, REG_BOOT_0, &g->boot_0, f);
        if (r < 0)
                return r;
        if (class == PCI_CLASS_SWITCH)
                g->chip = chip_from_boot_0(g->boot_0);
        if (!g->chip || g->chip->transport == CHIP_FSP_NONE)
                return gpu_fault(g, f, EOPNOTSUPP, "chip (0x0)", "an NVSwitch LS10: 0x007000a1",
                                 "0x%08x%s%s", g->boot_0, g->chip ? ", which is " : "", g->chip ? g->chip->name : "");
        return 0;
}

int gpu_open(const GpuOps *ops, void *userdata, Gpu *ret, Fault *ret_fault) {
        Gpu g = { .ops = ops, .userdata = userdata };
        uint32_t class = 0;
        int r;

        r = gpu_begin(&g, GPU_STEP_IDENTIFY, ret_fault);
        if (r >= 0)
                r = check_ids(&g, &class, ret_fault);
        if (r >= 0)
                r = pci_wake(&g, ret_fault);
        if (r >= 0 && g.chip && g.chip->arch == CHIP_BLACKWELL)
                r = boot_wait_firewall(&g, ret_fault);
        if (r >= 0)
                r = check_boot_0(&g, class, ret_fault);
        if (r >= 0)
                r = boot_init_priv_ring(&g, ret_fault);
        if (r < 0)
                return r;
        *ret = g;
        return 0;
}
