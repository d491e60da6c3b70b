/* SPDX-License-Identifier: Apache-2.0 */

/* The faults of the simulated GPU, by name. */

#include <string.h>

#include "sim/gpu-internal.h"

static void fall_asleep(SimGpu *g) {
        sim_config_put(g, g->pm + 4, sim_config_get(g, g->pm + 4) | 3);
}

static void lose_capability(SimGpu *g) {
        sim_config_put(g, 0x100, sim_config_get(g, 0x100) & 0x000fffff);
        g->dvsec = 0;
}

/* Both lists. */
static void loop_capabilities(SimGpu *g) {
        sim_config_put(g, g->pcie, (sim_config_get(g, g->pcie) & 0xffff00ff) | g->pm << 8);
        sim_config_put(g, g->pm, (sim_config_get(g, g->pm) & 0xffffff00) | 0x09);
        sim_config_put(g, 0x100, 0x10000000U | 0x00010003U);
        g->dvsec = 0;
}

static void mode_invalid(SimGpu *g) {
        g->mode = SIM_MODE_DEVTOOLS;
        g->knobs[6] = 1;
        g->knobs[8] = 0;
}

static void forbid(SimGpu *g) {
        uint32_t knob = sim_gpu_fault_value(g, SIM_FAULT_FORBIDDEN);

        if (knob > 1 && knob < SIM_KNOBS)
                g->knobs[knob - 1] = 0;
        else
                g->knobs[5] = g->knobs[7] = g->knobs[9] = g->knobs[44] = 0;
}

static void lose_knob(SimGpu *g) {
        uint32_t knob = sim_gpu_fault_value(g, SIM_FAULT_KNOB_MISSING);

        if (knob < SIM_KNOBS)
                g->missing[knob] = true;
}

static void lose_ppcie(SimGpu *g) {
        g->missing[44] = g->missing[45] = true;
}

static void stale_message(SimGpu *g) {
        if (g->model->mnoc)
                sim_mnoc_stale_message(g);
        else
                sim_emem_stale_message(g);
}

static void stale_command(SimGpu *g) {
        if (!g->model->mnoc)
                sim_emem_stale_command(g);
}

static const struct {
        const char *name, *description;
        uint32_t value; /* when none is given */
        void (*happen)(SimGpu *g); /* NULL: it only is */
} table[_SIM_FAULT_MAX] = {
        [SIM_FAULT_UNPLUG] = { "unplug", "everything reads all ones", 0, NULL },
        [SIM_FAULT_CONFIG_DEAD] = { "config-dead", "configuration space reads all ones", 0, NULL },
        [SIM_FAULT_BAR0_ONES] = { "bar0-ones", "BAR0 reads all ones", 0, NULL },
        [SIM_FAULT_BAR0_BADF] = { "bar0-badf", "BAR0 reads an error pattern", 0, NULL },
        [SIM_FAULT_REGISTER_BADF] = { "register-badf", "the register at =OFFSET reads an error pattern", 0, NULL },
        [SIM_FAULT_REGISTER_ONES] = { "register-ones", "the register at =OFFSET reads all ones", 0, NULL },
        [SIM_FAULT_SECURITY] = { "security-fault", "BAR0 reads 0xbadf0200; =CAUSE in configuration space", 0x10, NULL },
        [SIM_FAULT_RECOVERY] = { "recovery", "recovery mode", 0, NULL },
        [SIM_FAULT_ASLEEP] = { "asleep", "falls into D3hot", 0, fall_asleep },
        [SIM_FAULT_SLEEPS_ON] = { "sleeps-on", "ignores changes of its power state", 0, NULL },
        [SIM_FAULT_BOOT_NEVER] = { "boot-never", "FSP is not booted", 0, NULL },
        [SIM_FAULT_BOOT_SLOW] = { "boot-slow", "boot after a reset takes =USEC", 4000000, NULL },
        [SIM_FAULT_BOOT_BADF] = { "boot-badf", "BAR0 reads an error pattern until boot is done", 0, NULL },
        [SIM_FAULT_FIREWALL_STUCK] = { "firewall-stuck", "the BAR0 firewall is up (Blackwell)", 0, NULL },
        [SIM_FAULT_NO_FIREWALL_BIT] = { "no-firewall-bit", "no capability that shows it", 0, lose_capability },
        [SIM_FAULT_CAPABILITY_LOOP] = { "capability-loop", "lists of capabilities without end", 0, loop_capabilities },
        [SIM_FAULT_RESET_IGNORED] = { "reset-ignored", "resets do nothing", 0, NULL },
        [SIM_FAULT_RESET_NO_LATCH] = { "reset-no-latch", "resets do not change the mode", 0, NULL },
        [SIM_FAULT_MODE_INVALID] = { "mode-invalid", "devtools without CC", 0, mode_invalid },
        [SIM_FAULT_FORBIDDEN] = { "forbidden", "knob =KNOB (else CC, PPCIe) not allowed from the host", 0, forbid },
        [SIM_FAULT_WRITE_REFUSED] = { "write-refused", "writing a knob gives error =CODE", 0x0a0, NULL },
        [SIM_FAULT_WRITE_IGNORED] = { "write-ignored", "writing a knob succeeds and does nothing", 0, NULL },
        [SIM_FAULT_READ_REFUSED] = { "read-refused", "reading a knob gives error =CODE", 0x202, NULL },
        [SIM_FAULT_KNOB_MISSING] = { "knob-missing", "there is no knob =KNOB", 45, lose_knob },
        [SIM_FAULT_NO_PPCIE] = { "no-ppcie", "firmware without PPCIe", 0, lose_ppcie },
        [SIM_FAULT_DEAF] = { "fsp-deaf", "FSP takes no request", 0, NULL },
        [SIM_FAULT_SILENT] = { "fsp-silent", "FSP takes requests and does not answer", 0, NULL },
        [SIM_FAULT_SLOW] = { "fsp-slow", "answers take =USEC", 7000000, NULL },
        [SIM_FAULT_ANSWER_TYPE] = { "answer-type", "answers are no answers", 0, NULL },
        [SIM_FAULT_ANSWER_VENDOR] = { "answer-vendor", "answers of another vendor", 0, NULL },
        [SIM_FAULT_ANSWER_REQUEST] = { "answer-request", "answers to another type of request", 0, NULL },
        [SIM_FAULT_ANSWER_SPLIT] = { "answer-split", "answers of which more packets would follow", 0, NULL },
        [SIM_FAULT_ANSWER_SHORT] = { "answer-short", "answers of =WORDS", 4, NULL },
        [SIM_FAULT_ANSWER_LONG] = { "answer-long", "answers of =WORDS", 7, NULL },
        [SIM_FAULT_ANSWER_HUGE] = { "answer-huge", "answers longer than can be", 0, NULL },
        [SIM_FAULT_ANSWER_ODD] = { "answer-odd", "answers of half a word too much (EMEM)", 0, NULL },
        [SIM_FAULT_ANSWER_BACKWARDS] = { "answer-backwards", "tail before head (EMEM)", 0, NULL },
        [SIM_FAULT_ANSWER_TORN] = { "answer-torn", "the tail is there before the head (EMEM)", 0, NULL },
        [SIM_FAULT_STALE_MESSAGE] = { "stale-message", "an answer that nobody asked for", 0, stale_message },
        [SIM_FAULT_STALE_COMMAND] = { "stale-command", "a request that FSP forgot (EMEM)", 0, stale_command },
        [SIM_FAULT_FLOOD] = { "flood", "one such answer after the other", 0, NULL },
        [SIM_FAULT_MNOC_COMMAND_ERROR] = { "mnoc-command-error", "error towards FSP (Blackwell)", 0, NULL },
        [SIM_FAULT_MNOC_MESSAGE_ERROR] = { "mnoc-message-error", "error from FSP (Blackwell)", 0, NULL },
        [SIM_FAULT_MNOC_NOT_READY] = { "mnoc-not-ready", "never ready (Blackwell)", 0, NULL },
        [SIM_FAULT_MNOC_NO_CREDIT] = { "mnoc-no-credit", "never a credit (Blackwell)", 0, NULL },
};

bool sim_gpu_has(const SimGpu *g, SimGpuFaultId id) {
        return g->faults[id].armed && g->accesses >= g->faults[id].from;
}

uint32_t sim_gpu_fault_value(const SimGpu *g, SimGpuFaultId id) {
        return g->faults[id].value;
}

void sim_gpu_trigger(SimGpu *g) {
        for (SimGpuFaultId i = 0; i < _SIM_FAULT_MAX; i++) {
                SimGpuFaultState *f = &g->faults[i];

                if (!sim_gpu_has(g, i) || f->happened)
                        continue;
                f->happened = true;
                sim_gpu_log(g, "FAULT %s", table[i].name);
                if (table[i].happen)
                        table[i].happen(g);
        }
}

static int parse_number(const char **text, uint64_t *ret) {
        char *end;

        errno = 0;
        *ret = strtoull(*text, &end, 0);
        if (errno != 0 || end == *text || **text == '-')
                return -EINVAL;
        *text = end;
        return 0;
}

static SimGpuFaultId find(const char *name, size_t n) {
        for (SimGpuFaultId i = 0; i < _SIM_FAULT_MAX; i++)
                if (strlen(table[i].name) == n && memcmp(table[i].name, name, n) == 0)
                        return i;
        return _SIM_FAULT_MAX;
}

int sim_gpu_fault(SimGpu *g, const char *spec) {
        size_t n = strcspn(spec, "=@");
        SimGpuFaultId id = find(spec, n);
        uint64_t value, after = 0;

        if (id == _SIM_FAULT_MAX)
                return -EINVAL;
        spec += n;
        value = table[id].value;
        if (*spec == '=') {
                spec++;
                if (parse_number(&spec, &value) < 0 || value > UINT32_MAX)
                        return -EINVAL;
        }
        if (*spec == '@') {
                spec++;
                if (parse_number(&spec, &after) < 0 || after > UINT32_MAX)
                        return -EINVAL;
        }
        if (*spec)
                return -EINVAL;
        g->faults[id] = (SimGpuFaultState){ .armed = true, .from = g->accesses + after, .value = (uint32_t) value };
        sim_gpu_trigger(g);
        return 0;
}

void sim_gpu_heal(SimGpu *g) {
        memset(g->faults, 0, sizeof(g->faults));
}

const char *sim_gpu_fault_name(size_t i) {
        return i < _SIM_FAULT_MAX ? table[i].name : NULL;
}

const char *sim_gpu_fault_description(size_t i) {
        return i < _SIM_FAULT_MAX ? table[i].description : NULL;
}
