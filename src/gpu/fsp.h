/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Requests to FSP, the GPU's security processor, and its answers: an MCTP packet that holds one NVDM message, over one
 * of two transports. Messages of more than one packet are not needed and not supported. */

#include <stddef.h>

#include "gpu/gpu.h"

#define FSP_NVDM_PRC 0x13U /* product configuration: knobs */

#define FSP_PAYLOAD_MAX 2U /* words, of a request and of an answer */

/* Words of any packet that can come; MNOC's limit is the larger one. */
#define FSP_PACKET_WORDS 1040U

typedef struct FspAnswer {
        uint32_t code; /* 0: done */
        uint32_t payload[FSP_PAYLOAD_MAX];
        size_t n_payload;
} FspAnswer;

/* Sends one request of `n` payload words and takes its answer. What was left in the queues by others is removed
 * before. 0 when an answer came, whatever it says; -ETIMEDOUT when FSP does not take the request within 1 s or does
 * not answer within 5 s; -EBADMSG for an answer that is none to this request; the errors of bar0_read(). */
int fsp_call(Gpu *g, uint8_t nvdm, const uint32_t *payload, size_t n, FspAnswer *ret, Fault *ret_fault);

/* Reads a packet as an answer to a request of this type: 0, or -EBADMSG. */
int fsp_decode(const Gpu *g, uint8_t nvdm, const uint32_t *words, size_t n, FspAnswer *ret, Fault *ret_fault);

/* Whether this chip has an FSP that can be asked. */
bool fsp_supported(const Chip *c);

/* One way to FSP. All return 0 or the errors of fsp_call(). */
typedef struct FspTransport {
        /* Puts queues right that were left in the middle of something. */
        int (*open)(const Gpu *g, Fault *ret_fault);
        /* Takes one message out if there is one: 1, or 0 when there is none. */
        int (*drop)(const Gpu *g, Fault *ret_fault);
        int (*send)(const Gpu *g, const uint32_t *words, size_t n, Fault *ret_fault);
        /* A packet of any length up to FSP_PACKET_WORDS. */
        int (*receive)(const Gpu *g, uint32_t words[static FSP_PACKET_WORDS], size_t *ret_n, Fault *ret_fault);
} FspTransport;

extern const FspTransport fsp_emem, fsp_mnoc;
