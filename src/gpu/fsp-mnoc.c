/* SPDX-License-Identifier: Apache-2.0 */

/* MNOC, the way to FSP on Blackwell: a mailbox in each direction, of an information and a data register. Reading the
 * last word of a message is what acknowledges it. */

#include "gpu/bar0.h"
#include "gpu/fsp.h"
#include "gpu/registers.h"

#define INTERVAL        (1 * USEC_PER_MSEC)
#define READY_TIMEOUT   (5 * USEC_PER_SEC)
#define CREDIT_TIMEOUT  (1 * USEC_PER_SEC)
#define MESSAGE_TIMEOUT (5 * USEC_PER_SEC)

static int wait_bit(const Gpu *g, uint32_t offset, uint32_t bit, uint64_t timeout, uint32_t *ret, Fault *f) {
        GpuPoll poll = gpu_poll_start(g, timeout, INTERVAL);
        int r;

        for (;;) {
                r = bar0_read(g, offset, ret, f);
                if (r < 0 || (*ret & bit))
                        return r;
                r = gpu_poll_again(&poll, f);
                if (r < 0)
                        return r;
        }
}

static int check_error(const Gpu *g, uint32_t offset, Fault *f) {
        uint32_t info;
        int r;

        r = bar0_read(g, offset, &info, f);
        if (r < 0)
                return r;
        if (info & FSP_MNOC_ERROR)
                return bar0_fault(g, f, EIO, offset, "no error", "0x%08x: the mailbox has an error (bit 25)", info);
        return 0;
}

static int read_message(const Gpu *g, uint32_t words[static FSP_PACKET_WORDS], size_t *ret_n, Fault *f) {
        uint32_t info, size;
        int r;

        r = bar0_read(g, REG_FSP_MNOC_SEND_INFO, &info, f);
        if (r < 0)
                return r;
        size = info & FSP_MNOC_SIZE_MASK;
        if (size > FSP_MNOC_MESSAGE_MAX)
                return bar0_fault(g, f, EBADMSG, REG_FSP_MNOC_SEND_INFO, "4160 bytes at most", "%u bytes", size);
        /* The last word of an answer is not all its own, so that any value is right. */
        for (size_t i = 0; i < (size + 3) / 4 && r >= 0; i++)
                r = bar0_peek(g, REG_FSP_MNOC_SEND_DATA, &words[i], f);
        if (r < 0)
                return r;
        *ret_n = (size + 3) / 4;
        return 0;
}

static int mnoc_open(const Gpu *g, Fault *f) {
        return 0;
}

static int mnoc_drop(const Gpu *g, Fault *f) {
        uint32_t words[FSP_PACKET_WORDS], info;
        size_t n;
        int r;

        r = bar0_read(g, REG_FSP_MNOC_SEND_INFO, &info, f);
        if (r < 0 || !(info & FSP_MNOC_READY))
                return r;
        r = read_message(g, words, &n, f);
        return r < 0 ? r : 1;
}

static int send_word(const Gpu *g, uint32_t word, bool needs_credit, Fault *f) {
        uint32_t info;
        int r = 0;

        if (needs_credit)
                r = wait_bit(g, REG_FSP_MNOC_RECEIVE_INFO, FSP_MNOC_CREDIT, CREDIT_TIMEOUT, &info, f);
        if (r == -ETIMEDOUT)
                return bar0_fault(g, f, ETIMEDOUT, REG_FSP_MNOC_RECEIVE_INFO, "a credit (bit 26) within 1 s", "0x%08x",
                                  info);
        return r < 0 ? r : bar0_write(g, REG_FSP_MNOC_RECEIVE_DATA, word, f);
}

static int mnoc_send(const Gpu *g, const uint32_t *words, size_t n, Fault *f) {
        uint32_t info;
        int r;

        r = check_error(g, REG_FSP_MNOC_RECEIVE_INFO, f);
        if (r < 0)
                return r;
        r = wait_bit(g, REG_FSP_MNOC_RECEIVE_INFO, FSP_MNOC_READY, READY_TIMEOUT, &info, f);
        if (r == -ETIMEDOUT)
                return bar0_fault(g, f, ETIMEDOUT, REG_FSP_MNOC_RECEIVE_INFO, "ready (bit 24) within 5 s",
                                  "0x%08x: FSP does not take the command before this one", info);
        if (r >= 0)
                r = bar0_write(g, REG_FSP_MNOC_RECEIVE_INFO, (uint32_t) (4 * n) | FSP_MNOC_TRIGGER, f);
        for (size_t i = 0; i < n && r >= 0; i++)
                r = send_word(g, words[i], 4 * i % FSP_MNOC_CREDIT_BYTES == 0, f);
        return r < 0 ? r : check_error(g, REG_FSP_MNOC_RECEIVE_INFO, f);
}

static int mnoc_receive(const Gpu *g, uint32_t words[static FSP_PACKET_WORDS], size_t *ret_n, Fault *f) {
        uint32_t info;
        size_t n;
        int r;

        r = wait_bit(g, REG_FSP_MNOC_SEND_INFO, FSP_MNOC_READY, MESSAGE_TIMEOUT, &info, f);
        if (r == -ETIMEDOUT && (info & FSP_MNOC_ERROR))
                return check_error(g, REG_FSP_MNOC_SEND_INFO, f);
        if (r == -ETIMEDOUT)
                return bar0_fault(g, f, ETIMEDOUT, REG_FSP_MNOC_SEND_INFO, "an answer (bit 24) within 5 s",
                                  "0x%08x: FSP did not answer", info);
        if (r >= 0)
                r = read_message(g, words, &n, f);
        if (r >= 0)
                r = check_error(g, REG_FSP_MNOC_SEND_INFO, f);
        if (r < 0)
                return r;
        *ret_n = n;
        return 0;
}

const FspTransport fsp_mnoc = { mnoc_open, mnoc_drop, mnoc_send, mnoc_receive };
