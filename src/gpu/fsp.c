/* SPDX-License-Identifier: Apache-2.0 */

#include "gpu/fsp.h"

#include <string.h>

/* Word 0: MCTP header (DSP0236 1.3, table 1) with SOM and EOM, the rest zero. Word 1: vendor defined message of
 * NVIDIA, NVDM type in the upper byte. */
#define MCTP_SINGLE      0xc0000000U
#define NVDM_HEADER      0x0010de7eU
#define NVDM_HEADER_MASK 0x00ffffffU
#define NVDM_TYPE_SHIFT  24
#define NVDM_RESPONSE    0x15U

/* Of an answer: headers, task id, type of the request, code. */
#define ANSWER_WORDS 5U

/* Messages that nobody fetched; more than this is a device that sends without end. */
#define DROP_MAX 8

static const FspTransport *transport_of(const Chip *c) {
        static const FspTransport *const transports[] = {
                [CHIP_FSP_NONE] = NULL,
                [CHIP_FSP_EMEM] = &fsp_emem,
                [CHIP_FSP_MNOC] = &fsp_mnoc,
        };

        return transports[c->transport];
}

bool fsp_supported(const Chip *c) {
        return transport_of(c);
}

static int bad_answer(const Gpu *g, Fault *f, const char *expected, const char *name, uint32_t value) {
        return gpu_fault(g, f, EBADMSG, "FSP answer", expected, "%s 0x%x", name, value);
}

int fsp_decode(const Gpu *g, uint8_t nvdm, const uint32_t *words, size_t n, FspAnswer *ret, Fault *ret_fault) {
        FspAnswer answer = {};

        if (n < ANSWER_WORDS)
                return bad_answer(g, ret_fault, "at least 20 bytes", "bytes", (uint32_t) (4 * n));
        if ((words[0] & MCTP_SINGLE) != MCTP_SINGLE)
                return bad_answer(g, ret_fault, "a message of one packet", "MCTP header", words[0]);
        if (words[1] >> NVDM_TYPE_SHIFT != NVDM_RESPONSE || (words[1] & NVDM_HEADER_MASK) != NVDM_HEADER)
                return bad_answer(g, ret_fault, "message header 0x1510de7e", "message header", words[1]);
        if (words[3] != nvdm)
                return bad_answer(g, ret_fault, "an answer to a request of type 0x13", "one to type", words[3]);
        answer.code = words[4];
        answer.n_payload = n - ANSWER_WORDS;
        if (answer.n_payload > FSP_PAYLOAD_MAX)
                return bad_answer(g, ret_fault, "28 bytes at most", "bytes", (uint32_t) (4 * n));
        memcpy(answer.payload, words + ANSWER_WORDS, answer.n_payload * sizeof(uint32_t));
        *ret = answer;
        return 0;
}

/* Nothing in an answer says which request it answers, so that one left over would be taken for the next one. */
static int drop_all(const Gpu *g, const FspTransport *t, Fault *f) {
        for (int i = 0; i < DROP_MAX; i++) {
                int r = t->drop(g, f);

                if (r <= 0)
                        return r;
                gpu_note(g, "dropped a message of FSP that nobody had asked for");
        }
        return gpu_fault(g, f, EBADMSG, "FSP message queue", "to be empty before a request",
                         "still full after %d messages", DROP_MAX);
}

static int ask(const Gpu *g, const FspTransport *t, const uint32_t *request, size_t n, uint8_t nvdm, FspAnswer *ret,
               Fault *f) {
        uint32_t words[FSP_PACKET_WORDS];
        size_t n_words;
        int r;

        r = drop_all(g, t, f);
        if (r >= 0)
                r = t->send(g, request, n, f);
        if (r >= 0)
                r = t->receive(g, words, &n_words, f);
        if (r < 0)
                return r;
        return fsp_decode(g, nvdm, words, n_words, ret, f);
}

int fsp_call(Gpu *g, uint8_t nvdm, const uint32_t *payload, size_t n, FspAnswer *ret, Fault *ret_fault) {
        uint32_t request[2 + FSP_PAYLOAD_MAX] = { MCTP_SINGLE, NVDM_HEADER | (uint32_t) nvdm << NVDM_TYPE_SHIFT };
        const FspTransport *t = transport_of(g->chip);
        int r = 0;

        if (!t || n > FSP_PAYLOAD_MAX)
                return gpu_fault(g, ret_fault, EOPNOTSUPP, "FSP", "a chip that has one", "%s", g->chip->name);
        memcpy(request + 2, payload, n * sizeof(uint32_t));
        if (!g->fsp_ready)
                r = t->open(g, ret_fault);
        if (r >= 0)
                r = ask(g, t, request, 2 + n, nvdm, ret, ret_fault);
        g->fsp_ready = r >= 0; /* after a failure the queues may hold anything */
        return r;
}
