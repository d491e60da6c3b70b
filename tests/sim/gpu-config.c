/* SPDX-License-Identifier: Apache-2.0 */

/* Configuration space of the simulated GPU: header, power management, PCI Express with function level reset, and
 * NVIDIA's own capability on Blackwell. */

#include <string.h>

#include "sim/gpu-internal.h"
#include "sim/must.h"

#define COMMAND       0x04U
#define BAR0          0x10U
#define CAPABILITIES  0x34U
#define INTERRUPT     0x3cU
#define PM            0x60U
#define PCIE          0x78U
#define SERIAL_NUMBER 0x100U
#define DVSEC         0xaf0U
#define SECURITY      0x2b4U /* Hopper */

#define DEVICE_CONTROL     (PCIE + 0x08)
#define DEVICE_CONTROL_FLR 0x8000U
#define PM_STATUS          (PM + 0x04)
#define PM_NO_SOFT_RESET   0x0008U

#define BAR_64_PREFETCHABLE 0x0cU

static void put(uint8_t *bytes, uint32_t offset, size_t size, uint32_t value) {
        for (size_t i = 0; i < size; i++, value >>= 8)
                bytes[offset + i] = (uint8_t) value;
}

static uint32_t get(const uint8_t *bytes, uint32_t offset, size_t size) {
        uint32_t value = 0;

        for (size_t i = size; i-- > 0;)
                value = value << 8 | bytes[offset + i];
        return value;
}

uint32_t sim_config_get(const SimGpu *g, uint32_t offset) {
        return get(g->config, offset, 4);
}

void sim_config_put(SimGpu *g, uint32_t offset, uint32_t value) {
        put(g->config, offset, 4, value);
}

static void init_bars(SimGpu *g) {
        for (unsigned i = 0; i < 6; i++) {
                uint64_t size = g->model->bars[i], mask = ~(size - 1);

                if (size == 0)
                        continue;
                put(g->config, BAR0 + 4 * i, 4, BAR_64_PREFETCHABLE);
                put(g->writable, BAR0 + 4 * i, 4, (uint32_t) mask);
                put(g->writable, BAR0 + 4 * i + 4, 4, (uint32_t) (mask >> 32));
        }
}

static void init_pcie(SimGpu *g) {
        put(g->config, PCIE, 4, 0x00020010);              /* version 2, endpoint, last in the list */
        put(g->config, PCIE + 0x04, 4, 0x10008fe1);       /* FLR, payload 256 */
        put(g->config, DEVICE_CONTROL, 2, 0x2910);
        put(g->config, PCIE + 0x0c, 4, 0x00000105);       /* link: 16 lanes, 32 GT/s */
        put(g->config, PCIE + 0x10, 4, 0x01050000);
        put(g->config, PCIE + 0x24, 4, 0x00000010);
        put(g->writable, DEVICE_CONTROL, 2, 0x7fff);
        put(g->writable, PCIE + 0x10, 2, 0x01c3);
        put(g->writable, PCIE + 0x28, 2, 0x041f);
}

void sim_config_init(SimGpu *g) {
        g->pm = PM;
        g->pcie = PCIE;
        put(g->config, 0x00, 4, 0x10deU | (uint32_t) g->model->device_id << 16);
        put(g->config, COMMAND, 4, 0x00100000); /* has capabilities */
        put(g->config, 0x08, 4, g->model->class << 8 | 0xa1);
        put(g->config, 0x2c, 4, 0x10deU | (uint32_t) g->model->subsystem_id << 16);
        put(g->config, CAPABILITIES, 1, PM);
        put(g->writable, COMMAND, 2, 0x0546);
        put(g->writable, INTERRUPT, 1, 0xff);
        put(g->config, PM, 4, 0x00030001U | PCIE << 8);
        put(g->config, PM_STATUS, 2, PM_NO_SOFT_RESET);
        put(g->writable, PM_STATUS, 2, 0x0103);
        init_pcie(g);
        init_bars(g);
        put(g->config, SERIAL_NUMBER, 4, 0x00010003);
        put(g->config, SERIAL_NUMBER + 4, 4, 0x9abcdef0);
        put(g->config, SERIAL_NUMBER + 8, 4, 0x12345678);
        if (!g->model->firewall)
                return;
        g->dvsec = DVSEC;
        put(g->config, SERIAL_NUMBER, 4, 0x00010003U | DVSEC << 20);
        put(g->config, DVSEC, 4, 0x00010023);
        put(g->config, DVSEC + 4, 4, 0x01c010de); /* 28 bytes, of NVIDIA */
        put(g->config, DVSEC + 8, 4, 0x00080000); /* number 0, MNOC available */
}

/* A reset takes away what the kernel has to restore. */
void sim_config_reset(SimGpu *g) {
        put(g->config, COMMAND, 2, 0);
        put(g->config, PM_STATUS, 2, PM_NO_SOFT_RESET);
        put(g->config, DEVICE_CONTROL, 2, 0x2910);
        for (uint32_t i = BAR0; i < BAR0 + 24; i++)
                g->config[i] &= (uint8_t) ~g->writable[i];
}

bool sim_config_decodes(const SimGpu *g) {
        return (g->config[COMMAND] & 0x02) && (g->config[PM_STATUS] & 0x03) == 0;
}

static bool silent(const SimGpu *g) {
        return g->now < g->config_at || sim_gpu_has(g, SIM_FAULT_UNPLUG) || sim_gpu_has(g, SIM_FAULT_CONFIG_DEAD);
}

/* Bits that follow from the state of the device. */
static void refresh(SimGpu *g) {
        uint32_t security = sim_gpu_has(g, SIM_FAULT_SECURITY) ? sim_gpu_fault_value(g, SIM_FAULT_SECURITY) : 0;

        if (g->kind == SIM_GPU_HOPPER)
                sim_config_put(g, SECURITY, security);
        if (g->dvsec == 0)
                return;
        sim_config_put(g, g->dvsec + 8, 0x00080000U | (sim_gpu_firewall_up(g) ? 1U << 20 : 0) |
                                                (sim_gpu_has(g, SIM_FAULT_RECOVERY) ? 1U << 17 : 0));
        sim_config_put(g, g->dvsec + 0x14, security);
}

uint32_t sim_gpu_config_read(SimGpu *g, uint32_t offset, size_t size) {
        uint32_t value;

        MUST(size <= 4 && offset <= SIM_CONFIG_SIZE - size);
        g->accesses++;
        sim_gpu_trigger(g);
        refresh(g);
        value = silent(g) ? SIM_ALL_ONES >> (32 - 8 * size) : get(g->config, offset, size);
        sim_gpu_log(g, "CR %03x=%0*x", offset, (int) (2 * size), value);
        return value;
}

void sim_gpu_config_write(SimGpu *g, uint32_t offset, size_t size, uint32_t value) {
        MUST(size <= 4 && offset <= SIM_CONFIG_SIZE - size);
        g->accesses++;
        sim_gpu_trigger(g);
        sim_gpu_log(g, "CW %03x=%0*x", offset, (int) (2 * size), value);
        if (silent(g))
                return;
        for (uint32_t i = offset; i < offset + size; i++, value >>= 8) {
                uint8_t mask = g->writable[i];

                if (i == PM_STATUS && sim_gpu_has(g, SIM_FAULT_SLEEPS_ON))
                        continue;
                g->config[i] = (uint8_t) ((g->config[i] & ~mask) | (value & mask));
                if (i == DEVICE_CONTROL + 1 && (value & DEVICE_CONTROL_FLR >> 8)) {
                        sim_gpu_reset(g, false);
                        return;
                }
        }
}
