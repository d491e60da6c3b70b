/* SPDX-License-Identifier: Apache-2.0 */

#include "sim/gpu.h"

#include <stdarg.h>
#include <string.h>

#include "sim/gpu-internal.h"
#include "sim/must.h"

#define MIB (1024ULL * 1024)

#define MARKER_BUS    0x91288U
#define PRIV_RING_A   0x12004cU
#define PRIV_RING_B   0x122204U
#define SCRATCH       0x1400U
#define LAST_FSP_CORE 0x8f0abcU

static const SimGpuModel models[_SIM_GPU_KIND_MAX] = {
        [SIM_GPU_HOPPER] = {
                .name = "hopper", .device_id = 0x2331, .subsystem_id = 0x1626, .class = 0x030200,
                .boot_0 = 0x180000a1, .boot_status = 0x200bc, .cc_mode = 0x1182cc, .ppcie_mode = 0x1182cc,
                .recovery = 0x20120, .marker = 0x1458, .bars = { 16 * MIB, 0, 64 * MIB, 0, 32 * MIB },
        },
        [SIM_GPU_GB100] = {
                .name = "gb100", .device_id = 0x2901, .subsystem_id = 0x1999, .class = 0x030200,
                .boot_0 = 0x1a0000a1, .boot_status = 0x200bc, .cc_mode = 0x590, .recovery = 0x8aa128,
                .bars = { 64 * MIB, 0, 64 * MIB, 0, 32 * MIB }, .mnoc = true, .firewall = true,
        },
        [SIM_GPU_GB202] = {
                .name = "gb202", .device_id = 0x2bb1, .subsystem_id = 0x204b, .class = 0x030000,
                .boot_0 = 0x1b2000a1, .boot_status = 0xad00bc, .cc_mode = 0x590, .recovery = 0x8aa128,
                .bars = { 64 * MIB, 0, 64 * MIB, 0, 32 * MIB }, .mnoc = true, .firewall = true,
        },
        [SIM_GPU_LS10] = {
                .name = "ls10", .device_id = 0x22a3, .subsystem_id = 0x1796, .class = 0x068000,
                .boot_0 = 0x007000a1, .boot_status = 0x660bc, .ppcie_mode = 0x28c50, .recovery = 0x66120,
                .marker = 0xdfe0, .bars = { 32 * MIB },
        },
        [SIM_GPU_AUDIO] = {
                .name = "audio", .device_id = 0x22e8, .subsystem_id = 0x0000, .class = 0x040300,
                .bars = { MIB / 64 },
        },
};

SimGpuKind sim_gpu_kind_from_string(const char *name) {
        for (SimGpuKind k = 0; k < _SIM_GPU_KIND_MAX; k++)
                if (strcmp(name, models[k].name) == 0)
                        return k;
        return _SIM_GPU_KIND_INVALID;
}

const char *sim_gpu_kind_to_string(SimGpuKind kind) {
        return models[kind].name;
}

SimGpu *sim_gpu_new(SimGpuKind kind) {
        static const uint8_t allowing[] = { 1, 3, 5, 7, 9, 33, 35, 44, 46 };
        SimGpu *g = calloc(1, sizeof(*g));

        MUST(g);
        g->kind = kind;
        g->model = &models[kind];
        g->noise = 0x2545f491;
        for (size_t i = 0; i < ELEMENTSOF(allowing); i++)
                g->knobs[allowing[i]] = 1;
        sim_config_init(g);
        return g;
}

SimGpu *sim_gpu_free(SimGpu *g) {
        free(g);
        return NULL;
}

void sim_gpu_set_log(SimGpu *g, void (*log)(void *userdata, const char *line), void *userdata) {
        g->log = log;
        g->log_userdata = userdata;
}

void sim_gpu_set_times(SimGpu *g, const SimGpuTimes *times) {
        g->times = *times;
}

const SimGpuTimes *sim_gpu_times(const SimGpu *g) {
        return &g->times;
}

void sim_gpu_log(SimGpu *g, const char *format, ...) {
        char line[160];
        va_list ap;

        if (!g->log)
                return;
        va_start(ap, format);
        (void) vsnprintf(line, sizeof(line), format, ap);
        va_end(ap);
        g->log(g->log_userdata, line);
}

void sim_gpu_violation(SimGpu *g, const char *what) {
        g->violations++;
        sim_gpu_log(g, "VIOLATION %s", what);
}

bool sim_gpu_firewall_up(const SimGpu *g) {
        return g->model->firewall && (sim_gpu_has(g, SIM_FAULT_FIREWALL_STUCK) || g->now < g->firewall_at);
}

bool sim_gpu_booted(const SimGpu *g) {
        return !sim_gpu_has(g, SIM_FAULT_BOOT_NEVER) && g->now >= g->boot_at;
}

static void settle(SimGpu *g) {
        if (g->model->mnoc)
                sim_mnoc_settle(g);
        else
                sim_emem_settle(g);
}

void sim_gpu_set_time(SimGpu *g, uint64_t usec) {
        g->now = usec;
        settle(g);
}

/* The mode is what the knobs said when the reset came. */
static void latch(SimGpu *g) {
        g->mode = 0;
        if (g->knobs[8] == 1)
                g->mode |= SIM_MODE_CC;
        if (g->knobs[6] == 1)
                g->mode |= SIM_MODE_DEVTOOLS;
        if (g->model->ppcie_mode != 0 && g->knobs[45] == 1)
                g->mode |= SIM_MODE_PPCIE;
        if (g->knobs[10] == 2)
                g->mode |= SIM_MODE_FIREWALL;
}

void sim_gpu_reset(SimGpu *g, bool bus) {
        uint64_t boot = g->times.boot;

        sim_gpu_log(g, "RESET %s", bus ? "bus" : "flr");
        g->resets++;
        if (sim_gpu_has(g, SIM_FAULT_RESET_IGNORED))
                return;
        if (!sim_gpu_has(g, SIM_FAULT_RESET_NO_LATCH))
                latch(g);
        if (sim_gpu_has(g, SIM_FAULT_BOOT_SLOW))
                boot = sim_gpu_fault_value(g, SIM_FAULT_BOOT_SLOW);
        sim_config_reset(g);
        g->config_at = g->now + g->times.config;
        g->firewall_at = g->config_at + (g->model->firewall ? g->times.firewall : 0);
        g->boot_at = g->firewall_at + boot;
        memset(&g->emem, 0, sizeof(g->emem));
        memset(&g->mnoc, 0, sizeof(g->mnoc));
        g->asked = g->taken = false;
        g->marker = 0;
        if (bus)
                g->marker_bus = 0;
}

/* What a register would read if it could be reached. */
static uint32_t read_register(SimGpu *g, uint32_t offset) {
        const SimGpuModel *m = g->model;
        uint32_t value = 0;

        if (offset == m->boot_status && m->boot_status != 0)
                return sim_gpu_booted(g) ? 0xff : 0;
        if (offset == m->recovery && m->recovery != 0)
                return !sim_gpu_has(g, SIM_FAULT_RECOVERY) ? 0 : m->mnoc ? 2 : 1U << 30;
        if (m->mnoc ? sim_mnoc_read(g, offset, &value) : sim_emem_read(g, offset, &value))
                return value;
        if (offset == m->cc_mode && m->cc_mode != 0)
                value |= (g->mode & (SIM_MODE_CC | SIM_MODE_DEVTOOLS)) |
                         (m->firewall && (g->mode & SIM_MODE_FIREWALL) ? 1U << 2 : 0);
        if (offset == m->ppcie_mode && m->ppcie_mode != 0 && (g->mode & SIM_MODE_PPCIE))
                value |= m->ppcie_mode == m->cc_mode ? 1U << 5 : 1U << 0;
        if (offset == m->marker && m->marker != 0)
                value = g->marker;
        else if (offset == MARKER_BUS && m->marker != 0)
                value = g->marker_bus;
        else if (offset >= SCRATCH && offset < SCRATCH + sizeof(g->scratch))
                value = g->scratch[(offset - SCRATCH) / 4];
        return value;
}

/* What does not depend on what the device does. */
static bool read_constant(const SimGpu *g, uint32_t offset, uint32_t *ret) {
        static const struct {
                uint32_t offset, value;
        } constants[] = {
                { 0x8f012c,      0x00001100 }, /* ports of FSP's memories */
                { 0x8f0278,      0x00800080 }, /* their sizes */
                { LAST_FSP_CORE, 0x00000020 }, /* of EMEM, in 256 bytes */
                { 0x8f0320,      0x00000001 },
                { 0x8f0324,      0x00000000 },
                { 0x8f0328,      0x00000000 },
                { 0x8f032c,      0x00000000 },
                { 0x8f0334,      0x00000104 }, /* firmware 1.4 */
                { 0x820344,      0x9abcdef0 }, /* product id */
                { 0x820348,      0x12345678 },
        };

        if (offset == 0) {
                *ret = sim_gpu_has(g, SIM_FAULT_RECOVERY) && g->kind == SIM_GPU_HOPPER ? 0 : g->model->boot_0;
                return true;
        }
        for (size_t i = 0; i < ELEMENTSOF(constants); i++)
                if (offset == constants[i].offset) {
                        *ret = constants[i].value;
                        return true;
                }
        return false;
}

/* What is read instead of any register. */
static bool read_pattern(const SimGpu *g, uint32_t offset, uint32_t *ret) {
        const struct {
                bool so;
                uint32_t pattern;
        } patterns[] = {
                { sim_gpu_has(g, SIM_FAULT_UNPLUG),                                      SIM_ALL_ONES },
                { !sim_config_decodes(g) || g->now < g->config_at,                       SIM_ALL_ONES },
                { sim_gpu_firewall_up(g) || sim_gpu_has(g, SIM_FAULT_BAR0_ONES),         SIM_ALL_ONES },
                { sim_gpu_has(g, SIM_FAULT_SECURITY),                                    0xbadf0200   },
                { sim_gpu_has(g, SIM_FAULT_BAR0_BADF),                                   SIM_BADF     },
                { sim_gpu_has(g, SIM_FAULT_BOOT_BADF) && !sim_gpu_booted(g),             0xbadf4100   },
                { sim_gpu_has(g, SIM_FAULT_REGISTER_BADF) &&
                          offset == sim_gpu_fault_value(g, SIM_FAULT_REGISTER_BADF),     SIM_BADF     },
                { sim_gpu_has(g, SIM_FAULT_REGISTER_ONES) &&
                          offset == sim_gpu_fault_value(g, SIM_FAULT_REGISTER_ONES),     SIM_ALL_ONES },
        };

        for (size_t i = 0; i < ELEMENTSOF(patterns); i++)
                if (patterns[i].so) {
                        *ret = patterns[i].pattern;
                        return true;
                }
        return false;
}

static void count_access(SimGpu *g) {
        g->accesses++;
        sim_gpu_trigger(g);
        settle(g);
}

uint32_t sim_gpu_read32(SimGpu *g, uint32_t offset) {
        uint32_t value;

        count_access(g);
        if (!read_pattern(g, offset, &value) && !read_constant(g, offset, &value))
                value = read_register(g, offset);
        sim_gpu_log(g, "R %06x=%08x", offset, value);
        return value;
}

void sim_gpu_write32(SimGpu *g, uint32_t offset, uint32_t value) {
        const SimGpuModel *m = g->model;
        uint32_t pattern;

        count_access(g);
        sim_gpu_log(g, "W %06x=%08x", offset, value);
        if (read_pattern(g, offset, &pattern))
                return;
        if (m->mnoc ? sim_mnoc_write(g, offset, value) : sim_emem_write(g, offset, value))
                settle(g);
        else if (offset == m->marker && m->marker != 0)
                g->marker = value;
        else if (offset == MARKER_BUS && m->marker != 0)
                g->marker_bus = value;
        else if (offset >= SCRATCH && offset < SCRATCH + sizeof(g->scratch))
                g->scratch[(offset - SCRATCH) / 4] = value;
        else if (g->kind != SIM_GPU_HOPPER || (offset != PRIV_RING_A && offset != PRIV_RING_B))
                sim_gpu_violation(g, "a write to a register that is not to be written");
}

uint64_t sim_gpu_bar_size(const SimGpu *g, unsigned bar) {
        return bar < ELEMENTSOF(g->model->bars) ? g->model->bars[bar] : 0;
}

uint16_t sim_gpu_knob(const SimGpu *g, unsigned knob) {
        MUST(knob > 0 && knob < SIM_KNOBS);
        return g->knobs[knob];
}

void sim_gpu_set_knob(SimGpu *g, unsigned knob, uint16_t value) {
        MUST(knob > 0 && knob < SIM_KNOBS);
        g->knobs[knob] = value;
}

unsigned sim_gpu_mode(const SimGpu *g) {
        return g->mode;
}

uint64_t sim_gpu_accesses(const SimGpu *g) {
        return g->accesses;
}

unsigned sim_gpu_violations(const SimGpu *g) {
        return g->violations;
}

unsigned sim_gpu_resets(const SimGpu *g) {
        return g->resets;
}
