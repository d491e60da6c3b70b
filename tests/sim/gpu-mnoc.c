/* SPDX-License-Identifier: Apache-2.0 */

/* The MNOC mailbox, port 0. */

#include "sim/gpu-internal.h"

#define OUT_INFO 0x8f1f04U
#define OUT_DATA 0x8f1f08U
#define IN_INFO  0x8f1f84U
#define IN_DATA  0x8f1f88U

#define SIZE_MASK 0x000fffffU
#define TRIGGER   (1U << 20)
#define READY     (1U << 24)
#define ERROR     (1U << 25)
#define CREDIT    (1U << 26)

#define CREDIT_WORDS 16U

static uint32_t read_in_info(SimGpu *g) {
        uint32_t value = 0;

        if (!sim_gpu_has(g, SIM_FAULT_MNOC_NOT_READY) && !g->asked)
                value |= READY;
        if (sim_gpu_has(g, SIM_FAULT_MNOC_COMMAND_ERROR))
                value |= ERROR;
        if (!sim_gpu_has(g, SIM_FAULT_MNOC_NO_CREDIT)) {
                value |= CREDIT;
                g->mnoc.credit_seen = true;
        }
        return value;
}

static uint32_t read_out_info(SimGpu *g) {
        uint32_t error = sim_gpu_has(g, SIM_FAULT_MNOC_MESSAGE_ERROR) ? ERROR : 0;

        if (!g->mnoc.out_ready)
                return error;
        if (sim_gpu_has(g, SIM_FAULT_ANSWER_HUGE))
                return READY | SIZE_MASK;
        return READY | (uint32_t) g->mnoc.out.bytes;
}

static uint32_t read_out_data(SimGpu *g) {
        SimMnoc *m = &g->mnoc;
        uint32_t value;

        if (!m->out_ready || m->out_read >= m->out.n) {
                sim_gpu_violation(g, "more read than there is");
                return 0;
        }
        value = m->out.words[m->out_read++];
        if (m->out_read >= m->out.n)
                m->out_ready = false;
        return value;
}

bool sim_mnoc_read(SimGpu *g, uint32_t offset, uint32_t *ret) {
        switch (offset) {
        case IN_INFO:
                *ret = read_in_info(g);
                return true;
        case OUT_INFO:
                *ret = read_out_info(g);
                return true;
        case OUT_DATA:
                *ret = read_out_data(g);
                return true;
        default:
                return false;
        }
}

static void write_in_info(SimGpu *g, uint32_t value) {
        if (!(value & TRIGGER))
                return;
        if (g->mnoc.expected != 0 || g->asked || g->taken)
                sim_gpu_violation(g, "a message before the one before it was answered");
        g->mnoc.in = (SimPacket){ .bytes = value & SIZE_MASK };
        g->mnoc.expected = ((value & SIZE_MASK) + 3) / 4;
        g->mnoc.credit_seen = false;
        if (g->mnoc.expected > SIM_MNOC_WORDS)
                sim_gpu_violation(g, "a message that is too long");
}

static void write_in_data(SimGpu *g, uint32_t value) {
        SimMnoc *m = &g->mnoc;

        if (m->expected == 0) {
                sim_gpu_violation(g, "data without a message");
                return;
        }
        if (m->in.n % CREDIT_WORDS == 0 && !m->credit_seen)
                sim_gpu_violation(g, "data without a credit");
        if (m->in.n < SIM_MNOC_WORDS)
                m->in.words[m->in.n++] = value;
        if (m->in.n % CREDIT_WORDS == 0)
                m->credit_seen = false;
        if (m->in.n < m->expected && m->in.n < SIM_MNOC_WORDS)
                return;
        m->expected = 0;
        g->asked = true;
        g->take_at = g->now + g->times.take;
}

bool sim_mnoc_write(SimGpu *g, uint32_t offset, uint32_t value) {
        if (offset == IN_INFO)
                write_in_info(g, value);
        else if (offset == IN_DATA)
                write_in_data(g, value);
        else
                return false;
        return true;
}

static void deliver(SimGpu *g, const SimPacket *p) {
        g->mnoc.out = *p;
        g->mnoc.out_read = 0;
        g->mnoc.out_ready = true;
}

void sim_mnoc_settle(SimGpu *g) {
        if (!sim_gpu_booted(g))
                return;
        if (g->asked && !sim_gpu_has(g, SIM_FAULT_DEAF) && g->now >= g->take_at) {
                g->asked = false;
                sim_fsp_answer(g, &g->mnoc.in, &g->answer);
                sim_fsp_spoil(g, &g->answer);
                g->taken = true;
                g->answer_at = g->now + (sim_gpu_has(g, SIM_FAULT_SLOW) ? sim_gpu_fault_value(g, SIM_FAULT_SLOW) :
                                                                          g->times.answer);
        }
        if (g->taken && !sim_gpu_has(g, SIM_FAULT_SILENT) && g->now >= g->answer_at) {
                g->taken = false;
                deliver(g, &g->answer);
        } else if (sim_gpu_has(g, SIM_FAULT_FLOOD) && !g->mnoc.out_ready)
                sim_mnoc_stale_message(g);
}

void sim_mnoc_stale_message(SimGpu *g) {
        SimPacket p = { .words = { 0xc0000000, 0x1510de7e, 3, 0x13, 0, 1 }, .n = 6, .bytes = 22 };

        deliver(g, &p);
}
