/* SPDX-License-Identifier: Apache-2.0 */

/* EMEM and its queues, eight channels of each. */

#include <string.h>

#include "sim/gpu-internal.h"

#define CONTROL       0x8f2ac0U /* and data, in turns */
#define COMMAND       0x8f2c00U /* head and tail, in turns */
#define MESSAGE       0x8f2c80U
#define PORTS_SIZE    (8 * SIM_CHANNELS)
#define OFFSET_MASK   (SIM_EMEM_SIZE - 4)
#define WRITE_FORWARD (1U << 24)
#define READ_FORWARD  (1U << 25)

static uint32_t window(unsigned channel) {
        return channel * SIM_WINDOW;
}

static bool empty(const SimGpu *g, unsigned channel) {
        return g->emem.command_head[channel] == g->emem.command_tail[channel];
}

/* Where the data register of a channel points, which then moves on if it is to. */
static uint32_t *data_word(SimGpu *g, unsigned channel, uint32_t forward) {
        uint32_t *control = &g->emem.control[channel], *word = &g->emem.words[(*control & OFFSET_MASK) / 4];

        if (*control & forward)
                *control = (*control & ~OFFSET_MASK) | ((*control + 4) & OFFSET_MASK);
        return word;
}

/* The register of a pair in an area of them, and its channel. */
static bool in_area(uint32_t offset, uint32_t area, unsigned *ret_channel, bool *ret_second) {
        if (offset < area || offset >= area + PORTS_SIZE)
                return false;
        *ret_channel = (offset - area) / 8;
        *ret_second = (offset - area) % 8 != 0;
        return true;
}

static uint32_t read_message_head(SimGpu *g, unsigned channel) {
        uint32_t value = g->emem.message_head[channel];

        /* The first look comes between the two writes of FSP. */
        if (g->emem.torn) {
                g->emem.message_head[channel] = g->emem.torn_head;
                g->emem.torn = false;
        }
        return value;
}

bool sim_emem_read(SimGpu *g, uint32_t offset, uint32_t *ret) {
        unsigned channel;
        bool second;

        if (in_area(offset, CONTROL, &channel, &second))
                *ret = second ? *data_word(g, channel, READ_FORWARD) : g->emem.control[channel];
        else if (in_area(offset, COMMAND, &channel, &second))
                *ret = second ? g->emem.command_tail[channel] : g->emem.command_head[channel];
        else if (in_area(offset, MESSAGE, &channel, &second))
                *ret = second ? g->emem.message_tail[channel] : read_message_head(g, channel);
        else
                return false;
        return true;
}

/* The doorbell. */
static void command(SimGpu *g, unsigned channel) {
        uint32_t head = g->emem.command_head[channel], tail = g->emem.command_tail[channel];

        g->emem.stuck = false;
        if (head == tail)
                return;
        if (g->asked || g->taken)
                sim_gpu_violation(g, "a request before the one before it was answered");
        if (head != window(channel) || tail < head || tail >= window(channel) + SIM_WINDOW || tail % 4 != 0)
                sim_gpu_violation(g, "a request outside the window of its channel");
        g->asked = true;
        g->channel = channel;
        g->take_at = g->now + g->times.take;
}

bool sim_emem_write(SimGpu *g, uint32_t offset, uint32_t value) {
        unsigned channel;
        bool second;

        if (in_area(offset, CONTROL, &channel, &second)) {
                if (second && !empty(g, channel))
                        sim_gpu_violation(g, "data written over a request that was not taken");
                if (second)
                        *data_word(g, channel, WRITE_FORWARD) = value;
                else
                        g->emem.control[channel] = value;
        } else if (in_area(offset, COMMAND, &channel, &second)) {
                if (second)
                        g->emem.command_tail[channel] = value;
                else {
                        g->emem.command_head[channel] = value;
                        command(g, channel);
                }
        } else if (in_area(offset, MESSAGE, &channel, &second)) {
                if (second)
                        g->emem.message_tail[channel] = value;
                else
                        g->emem.message_head[channel] = value;
        } else
                return false;
        return true;
}

static void deliver(SimGpu *g, unsigned channel, const SimPacket *p) {
        SimEmem *e = &g->emem;
        uint32_t base = window(channel), tail = base + 4 * (uint32_t) p->n - 4;

        memcpy(&e->words[base / 4], p->words, 4 * (p->n < SIM_WINDOW / 4 ? p->n : SIM_WINDOW / 4));
        if (sim_gpu_has(g, SIM_FAULT_ANSWER_HUGE))
                tail = base + 0x10000;
        if (sim_gpu_has(g, SIM_FAULT_ANSWER_ODD))
                tail += 2;
        if (sim_gpu_has(g, SIM_FAULT_ANSWER_BACKWARDS))
                tail = base - 0x40;
        e->message_tail[channel] = tail;
        e->torn = sim_gpu_has(g, SIM_FAULT_ANSWER_TORN);
        e->torn_head = base;
        if (!e->torn)
                e->message_head[channel] = base;
}

static void take(SimGpu *g) {
        SimEmem *e = &g->emem;
        uint32_t head = e->command_head[g->channel], tail = e->command_tail[g->channel];
        SimPacket request = {};

        g->asked = false;
        if (tail >= head && head < SIM_EMEM_SIZE && tail < SIM_EMEM_SIZE && tail - head < SIM_WINDOW)
                request.n = (tail - head + 4) / 4;
        memcpy(request.words, &e->words[head % SIM_EMEM_SIZE / 4], 4 * request.n);
        e->command_head[g->channel] = tail;
        sim_fsp_answer(g, &request, &g->answer);
        sim_fsp_spoil(g, &g->answer);
        g->taken = true;
        g->answer_at = g->now + (sim_gpu_has(g, SIM_FAULT_SLOW) ? sim_gpu_fault_value(g, SIM_FAULT_SLOW) :
                                                                  g->times.answer);
}

void sim_emem_settle(SimGpu *g) {
        if (!sim_gpu_booted(g))
                return;
        if (g->asked && !sim_gpu_has(g, SIM_FAULT_DEAF) && g->now >= g->take_at)
                take(g);
        if (g->taken && !sim_gpu_has(g, SIM_FAULT_SILENT) && g->now >= g->answer_at) {
                g->taken = false;
                deliver(g, g->channel, &g->answer);
        } else if (sim_gpu_has(g, SIM_FAULT_FLOOD) && g->emem.message_head[2] == g->emem.message_tail[2])
                sim_emem_stale_message(g);
}

/* An answer that reads as value 1, which nobody asked for. */
void sim_emem_stale_message(SimGpu *g) {
        SimPacket p = { .words = { 0xc0000000, 0x1510de7e, 3, 0x13, 0, 1 }, .n = 6, .bytes = 24 };

        deliver(g, 2, &p);
}

/* A request in the queue that FSP does not look at any more. */
void sim_emem_stale_command(SimGpu *g) {
        g->emem.command_head[2] = window(2);
        g->emem.command_tail[2] = window(2) + 12;
        g->emem.stuck = true;
}
