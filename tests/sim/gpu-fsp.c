/* SPDX-License-Identifier: Apache-2.0 */

/* What FSP answers, whichever way the request came. */

#include <string.h>

#include "sim/gpu-internal.h"

#define MCTP_SINGLE  0xc0000000U
#define NVDM_REQUEST 0x0010de7eU
#define NVDM_ANSWER  0x1510de7eU
#define NVDM_PRC     0x13U
#define TASK_PRC     3U

#define PRC_RESET_COUPLING 0x04U
#define PRC_READ           0x0cU
#define PRC_WRITE          0x0dU

#define CODE_NOT_SUPPORTED 0x0a0U
#define CODE_INVALID_DATA  0x0a1U
#define CODE_NO_SUCH_KNOB  0x1e3U

static uint32_t noise(SimGpu *g) {
        g->noise ^= g->noise << 13;
        g->noise ^= g->noise >> 17;
        g->noise ^= g->noise << 5;
        return g->noise;
}

/* Knobs that another one has to allow. */
static bool is_guarded(unsigned knob) {
        static const uint8_t guarded[] = { 2, 4, 6, 8, 10, 34, 36, 45, 47 };

        return memchr(guarded, (int) knob, sizeof(guarded));
}

static uint32_t write_knob(SimGpu *g, unsigned knob, uint32_t value) {
        if (sim_gpu_has(g, SIM_FAULT_WRITE_REFUSED))
                return sim_gpu_fault_value(g, SIM_FAULT_WRITE_REFUSED);
        if (is_guarded(knob) && !g->missing[knob - 1] && g->knobs[knob - 1] == 0)
                return CODE_NOT_SUPPORTED;
        if (value > UINT16_MAX)
                return CODE_INVALID_DATA;
        if (!sim_gpu_has(g, SIM_FAULT_WRITE_IGNORED))
                g->knobs[knob] = (uint16_t) value;
        sim_gpu_log(g, "KNOB %u=%u", knob, g->knobs[knob]);
        return 0;
}

static uint32_t prc(SimGpu *g, const SimPacket *request, SimPacket *ret) {
        uint32_t verb = request->words[2] & 0xff, knob = request->words[2] >> 16;

        if (verb == PRC_RESET_COUPLING)
                return 0;
        if ((verb != PRC_READ || request->n != 3) && (verb != PRC_WRITE || request->n != 4))
                return CODE_NOT_SUPPORTED;
        if (knob == 0 || knob >= SIM_KNOBS || g->missing[knob])
                return CODE_NO_SUCH_KNOB;
        if (verb == PRC_WRITE)
                return write_knob(g, knob, request->words[3]);
        if (sim_gpu_has(g, SIM_FAULT_READ_REFUSED))
                return sim_gpu_fault_value(g, SIM_FAULT_READ_REFUSED);
        ret->words[5] = g->knobs[knob] | (g->model->mnoc ? noise(g) << 16 : 0);
        ret->bytes = 22;
        return 0;
}

void sim_fsp_answer(SimGpu *g, const SimPacket *request, SimPacket *ret) {
        uint32_t type = request->words[1] >> 24;

        *ret = (SimPacket){ .words = { MCTP_SINGLE, NVDM_ANSWER, TASK_PRC, type }, .bytes = 20 };
        if (request->n < 3 || request->words[0] != MCTP_SINGLE ||
            (request->words[1] & 0x00ffffff) != NVDM_REQUEST)
                sim_gpu_violation(g, "a request that is no message of one packet");
        ret->words[4] = type == NVDM_PRC && request->n >= 3 ? prc(g, request, ret) : CODE_NOT_SUPPORTED;
        ret->n = (ret->bytes + 3) / 4;
}

void sim_fsp_spoil(SimGpu *g, SimPacket *answer) {
        if (sim_gpu_has(g, SIM_FAULT_ANSWER_TYPE))
                answer->words[1] = 0x1610de7e;
        if (sim_gpu_has(g, SIM_FAULT_ANSWER_VENDOR))
                answer->words[1] = 0x15801e7e;
        if (sim_gpu_has(g, SIM_FAULT_ANSWER_REQUEST))
                answer->words[3] = 0x14;
        if (sim_gpu_has(g, SIM_FAULT_ANSWER_SPLIT))
                answer->words[0] = 0x80000000;
        if (sim_gpu_has(g, SIM_FAULT_ANSWER_SHORT))
                answer->bytes = 4 * (size_t) sim_gpu_fault_value(g, SIM_FAULT_ANSWER_SHORT);
        if (sim_gpu_has(g, SIM_FAULT_ANSWER_LONG))
                answer->bytes = 4 * (size_t) sim_gpu_fault_value(g, SIM_FAULT_ANSWER_LONG);
        if (answer->bytes > sizeof(answer->words))
                answer->bytes = sizeof(answer->words);
        answer->n = (answer->bytes + 3) / 4;
}
