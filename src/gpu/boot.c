/* SPDX-License-Identifier: Apache-2.0 */

#include "gpu/boot.h"

#include "gpu/bar0.h"
#include "gpu/pci.h"
#include "gpu/registers.h"

#define BOOT_DONE 0xffU

#define INTERVAL         (10 * USEC_PER_MSEC)
#define FIREWALL_TIMEOUT (5 * USEC_PER_SEC)
#define ALIVE_TIMEOUT    (3 * USEC_PER_SEC)

static uint64_t boot_timeout(const Gpu *g) {
        return (g->chip->arch == CHIP_BLACKWELL ? 10 : 5) * USEC_PER_SEC;
}

/* Without the capability only BAR0 itself can tell. */
static int wait_alive(const Gpu *g, Fault *f) {
        GpuPoll poll = gpu_poll_start(g, ALIVE_TIMEOUT, INTERVAL);
        uint32_t value;
        int r;

        for (;;) {
                r = bar0_peek(g, REG_BOOT_0, &value, f);
                if (r < 0 || value != BAR0_ALL_ONES)
                        return r;
                r = gpu_poll_again(&poll, f);
                if (r == -ETIMEDOUT)
                        return bar0_bad(g, REG_BOOT_0, value, f);
                if (r < 0)
                        return r;
        }
}

int boot_wait_firewall(const Gpu *g, Fault *ret_fault) {
        GpuPoll poll = gpu_poll_start(g, FIREWALL_TIMEOUT, INTERVAL);
        char where[48];
        bool up;
        int r;

        if (g->dvsec == 0)
                return wait_alive(g, ret_fault);
        (void) snprintf(where, sizeof(where), "BAR0 firewall (configuration 0x%x)", g->dvsec + CAP_DVSEC_STATE);
        for (;;) {
                r = pci_firewall_up(g, &up, ret_fault);
                if (r < 0 || !up)
                        return r;
                r = gpu_poll_again(&poll, ret_fault);
                if (r == -ETIMEDOUT && pci_gone(g))
                        return gpu_fault(g, ret_fault, ENODEV, where, "down within 5 s", "%s", pci_why_silent(g));
                if (r == -ETIMEDOUT)
                        return gpu_fault(g, ret_fault, ETIMEDOUT, where, "down within 5 s", "still up");
                if (r < 0)
                        return r;
        }
}

int boot_init_priv_ring(const Gpu *g, Fault *ret_fault) {
        int r;

        if (g->chip->arch != CHIP_HOPPER)
                return 0;
        r = bar0_write(g, REG_PRIV_RING_COMMAND, REG_PRIV_RING_COMMAND_VALUE, ret_fault);
        if (r < 0)
                return r;
        return bar0_write(g, REG_PRIV_RING_MODE, REG_PRIV_RING_MODE_VALUE, ret_fault);
}

/* A pattern in place of the register says nothing. */
static bool in_recovery(const Gpu *g) {
        const ChipRegisters *c = g->chip->registers;
        uint32_t value;

        if (pci_in_recovery(g) || (g->chip->arch == CHIP_HOPPER && g->boot_0 == 0))
                return true;
        return bar0_peek(g, c->recovery, &value, NULL) >= 0 && !bar0_is_bad(value) && (value & c->recovery_mask);
}

static int recovery_fault(const Gpu *g, Fault *f) {
        return bar0_fault(g, f, EIO, g->chip->registers->recovery, "normal operation",
                          "recovery mode: its firmware did not start; power cycle or repair it");
}

static int boot_failed(const Gpu *g, uint32_t value, Fault *f) {
        uint32_t offset = g->chip->registers->boot_status, words[REG_FSP_STATUS_WORDS] = {};
        char expected[32];

        if (bar0_is_bad(value))
                return bar0_bad(g, offset, value, f);
        if (in_recovery(g))
                return recovery_fault(g, f);
        for (uint32_t i = 0; i < REG_FSP_STATUS_WORDS; i++)
                (void) bar0_peek(g, REG_FSP_STATUS + 4 * i, &words[i], NULL);
        (void) snprintf(expected, sizeof(expected), "0xff within %llu s",
                        (unsigned long long) (boot_timeout(g) / USEC_PER_SEC));
        return bar0_fault(g, f, ETIMEDOUT, offset, expected, "0x%x; FSP status 0x%08x 0x%08x 0x%08x 0x%08x", value,
                          words[0], words[1], words[2], words[3]);
}

int boot_wait(const Gpu *g, Fault *ret_fault) {
        uint32_t value;
        GpuPoll poll;
        int r;

        if (g->chip->arch == CHIP_BLACKWELL) {
                r = boot_wait_firewall(g, ret_fault);
                if (r < 0)
                        return r;
        }
        poll = gpu_poll_start(g, boot_timeout(g), INTERVAL);
        for (;;) {
                r = bar0_peek(g, g->chip->registers->boot_status, &value, ret_fault);
                if (r < 0)
                        return r;
                if (value == BOOT_DONE)
                        return in_recovery(g) ? recovery_fault(g, ret_fault) : 0;
                r = gpu_poll_again(&poll, ret_fault);
                if (r == -ETIMEDOUT)
                        return boot_failed(g, value, ret_fault);
                if (r < 0)
                        return r;
        }
}
