/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* What the fake driver libraries say to `cocoon-sim serve`: one question and one answer on each connection, in the
 * byte order of the machine that both run on. A library has no state of the devices, so a process that forks or dies
 * between two calls takes nothing along. */

#include <stddef.h>
#include <stdint.h>

#define SIM_SOCKET_ENVIRONMENT "COCOON_SIM_SOCKET"
#define SIM_SOCKET_DEFAULT     "/run/cocoon-sim/socket"
#define SIM_WIRE_NONCE         32U
#define SIM_WIRE_ANSWER_MAX    65536U

typedef enum SimCall {
        SIM_CALL_INIT,
        SIM_CALL_STATE,        /* u32: environment, CC feature, devtools mode */
        SIM_CALL_SETTINGS,     /* u32: the same and multi-GPU mode */
        SIM_CALL_CAPABILITIES, /* u32: CPU, GPUs */
        SIM_CALL_READY_GET,    /* u32 */
        SIM_CALL_READY_SET,    /* `value` in the question */
        SIM_CALL_DRIVER,       /* text */
        SIM_CALL_COUNT,        /* u32 */
        SIM_CALL_HANDLE,       /* nothing: whether there is such a device */
        SIM_CALL_UUID,         /* 16 bytes for a switch, text for a GPU */
        SIM_CALL_ARCHITECTURE, /* u32 */
        SIM_CALL_BOARD,        /* u32 */
        SIM_CALL_VBIOS,        /* text */
        SIM_CALL_PDI,          /* u64 */
        SIM_CALL_PERSISTENCE,  /* u32 */
        SIM_CALL_TNVL,         /* u32 */
        SIM_CALL_CHAIN,        /* u32 size that the library is to report, then the bytes */
        SIM_CALL_REPORT,       /* the same; `nonce` in the question */
        _SIM_CALL_MAX,
} SimCall;

typedef struct SimQuestion {
        uint32_t call;
        uint32_t is_switch; /* the NSCQ library asks */
        uint32_t index;     /* among the GPUs, or among the switches */
        uint32_t value;
        uint8_t nonce[SIM_WIRE_NONCE];
} SimQuestion;

typedef struct SimAnswer {
        int32_t status; /* of the library in question: 0 is good in both */
        uint32_t crash; /* the library ends its process, as a broken one would */
        uint32_t size;  /* of the bytes that follow */
} SimAnswer;

/* Asks; blocks for as long as the server does not answer. `ret` gets at most `max` bytes of the answer, *ret_size (may
 * be NULL) how many. 0 and the library's status in *ret_status, or a negative errno when there is no server. */
int sim_wire_ask(const SimQuestion *question, void *ret, size_t max, size_t *ret_size, int32_t *ret_status);
