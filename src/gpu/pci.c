/* SPDX-License-Identifier: Apache-2.0 */

#include "gpu/pci.h"

#include <string.h>

#include "gpu/registers.h"

/* More than fit into 256 or 4096 bytes are a loop. */
#define CAPABILITIES_MAX 48
#define EXTENDED_MAX     96

#define CONFIG_SIZE 4096U

/* PCI Power Management 1.2, table 5-6: from D3hot to D0. */
#define WAKE_INTERVAL (10 * USEC_PER_MSEC)
#define WAKE_TIMEOUT  (100 * USEC_PER_MSEC)

static int pci_read(const Gpu *g, uint32_t offset, uint32_t *ret, Fault *f) {
        char where[32];
        int r = g->ops->config_read32(g->userdata, offset, ret);

        if (r >= 0)
                return 0;
        (void) snprintf(where, sizeof(where), "configuration 0x%x", offset);
        return gpu_fault(g, f, r, where, "to be read", "%s", strerror(-r));
}

static int pci_write(const Gpu *g, uint32_t offset, uint16_t value, Fault *f) {
        char where[32];
        int r = g->ops->config_write16(g->userdata, offset, value);

        if (r >= 0)
                return 0;
        (void) snprintf(where, sizeof(where), "configuration 0x%x", offset);
        return gpu_fault(g, f, r, where, "to be written", "%s", strerror(-r));
}

static bool answers(const Gpu *g, uint32_t offset, uint32_t *ret) {
        return g->ops->config_read32(g->userdata, offset, ret) >= 0 && *ret != BAR0_ALL_ONES;
}

int pci_read_ids(Gpu *g, uint32_t *ret_id, uint32_t *ret_class, Fault *ret_fault) {
        uint32_t id, class, subsystem, alive;
        int r;

        r = pci_read(g, CFG_ID, &id, ret_fault);
        if (r >= 0)
                r = pci_read(g, CFG_CLASS, &class, ret_fault);
        if (r >= 0)
                r = pci_read(g, CFG_SUBSYSTEM, &subsystem, ret_fault);
        if (r >= 0)
                r = pci_read(g, CFG_ALIVE, &alive, ret_fault);
        if (r < 0)
                return r;
        if (id == BAR0_ALL_ONES || (alive & 0xffff) == 0xffff)
                return gpu_fault(g, ret_fault, ENODEV, "configuration space", "a device that answers",
                                 "ids 0x%08x, 0x%x reads 0x%08x: it is gone or its link is down", id, CFG_ALIVE, alive);
        g->subsystem_vendor = (uint16_t) subsystem;
        g->subsystem_id = (uint16_t) (subsystem >> 16);
        *ret_id = id;
        *ret_class = class >> 8;
        return 0;
}

/* 0 for none. What cannot be read ends the list: nothing that is looked for must be there. */
static uint32_t find_capability(const Gpu *g, uint8_t wanted) {
        uint32_t value, offset;

        if (!answers(g, CFG_CAPABILITIES, &value))
                return 0;
        offset = value & 0xfc;
        for (int i = 0; i < CAPABILITIES_MAX && offset >= 0x40; i++) {
                if (!answers(g, offset, &value))
                        return 0;
                if ((value & 0xff) == wanted)
                        return offset;
                offset = value >> 8 & 0xfc;
        }
        return 0;
}

static uint32_t find_dvsec(const Gpu *g) {
        uint32_t offset = CFG_EXTENDED, header, vendor, id;

        for (int i = 0; i < EXTENDED_MAX && offset >= CFG_EXTENDED && offset <= CONFIG_SIZE - CAP_DVSEC_SECURITY - 4;
             i++) {
                if (!answers(g, offset, &header) || header == 0)
                        return 0;
                if ((header & 0xffff) == CAP_DVSEC && answers(g, offset + CAP_DVSEC_VENDOR, &vendor) &&
                    answers(g, offset + CAP_DVSEC_ID, &id) && (vendor & 0xffff) == PCI_VENDOR_NVIDIA &&
                    (id & 0xffff) == 0)
                        return offset;
                offset = header >> 20 & 0xffc;
        }
        return 0;
}

static int power_on(const Gpu *g, Fault *f) {
        uint32_t pm = find_capability(g, CAP_PM), status;
        GpuPoll poll;
        int r;

        if (pm == 0)
                return 0;
        r = pci_read(g, pm + CAP_PM_STATUS, &status, f);
        if (r < 0 || (status & CAP_PM_STATE_MASK) == 0)
                return r;
        gpu_note(g, "was in power state D%u, woken up", status & CAP_PM_STATE_MASK);
        r = pci_write(g, pm + CAP_PM_STATUS, (uint16_t) (status & 0x7ffc), f); /* not its PME status, write 1 to clear */
        if (r < 0)
                return r;
        poll = gpu_poll_start(g, WAKE_TIMEOUT, WAKE_INTERVAL);
        do {
                r = gpu_poll_again(&poll, f);
                if (r == -ETIMEDOUT)
                        return gpu_fault(g, f, EIO, "power state", "D0", "D%u", status & CAP_PM_STATE_MASK);
                if (r < 0)
                        return r;
                r = pci_read(g, pm + CAP_PM_STATUS, &status, f);
                if (r < 0)
                        return r;
        } while (status == BAR0_ALL_ONES || (status & CAP_PM_STATE_MASK) != 0);
        return 0;
}

int pci_wake(Gpu *g, Fault *ret_fault) {
        uint32_t command;
        int r;

        r = power_on(g, ret_fault);
        if (r >= 0)
                r = pci_read(g, CFG_COMMAND, &command, ret_fault);
        if (r < 0)
                return r;
        if (!(command & CFG_COMMAND_MEMORY))
                r = pci_write(g, CFG_COMMAND, (uint16_t) (command | CFG_COMMAND_MEMORY), ret_fault);
        if (r < 0)
                return r;
        g->dvsec = find_dvsec(g);
        return 0;
}

int pci_firewall_up(const Gpu *g, bool *ret, Fault *ret_fault) {
        uint32_t state;
        int r;

        r = pci_read(g, g->dvsec + CAP_DVSEC_STATE, &state, ret_fault);
        if (r < 0)
                return r;
        *ret = state & CAP_DVSEC_FIREWALL;
        return 0;
}

bool pci_in_recovery(const Gpu *g) {
        uint32_t state;

        return g->dvsec != 0 && answers(g, g->dvsec + CAP_DVSEC_STATE, &state) && (state & CAP_DVSEC_RECOVERY);
}

bool pci_security_fault(const Gpu *g, uint32_t *ret) {
        if (g->chip && g->chip->arch == CHIP_HOPPER)
                return answers(g, CFG_SECURITY_HOPPER, ret);
        return g->dvsec != 0 && answers(g, g->dvsec + CAP_DVSEC_SECURITY, ret);
}

bool pci_gone(const Gpu *g) {
        uint32_t value;

        return !answers(g, CFG_ID, &value);
}

const char *pci_why_silent(const Gpu *g) {
        uint32_t value, pm = find_capability(g, CAP_PM);

        if (pci_gone(g))
                return "configuration space is silent as well, the device is gone";
        if (g->dvsec != 0 && answers(g, g->dvsec + CAP_DVSEC_STATE, &value) && (value & CAP_DVSEC_FIREWALL))
                return "the BAR0 firewall is up";
        if (pm != 0 && answers(g, pm + CAP_PM_STATUS, &value) && (value & CAP_PM_STATE_MASK) != 0)
                return "it is not in power state D0";
        if (answers(g, CFG_COMMAND, &value) && !(value & CFG_COMMAND_MEMORY))
                return "memory decoding is off";
        return "configuration space answers, BAR0 does not";
}
