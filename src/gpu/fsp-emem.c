/* SPDX-License-Identifier: Apache-2.0 */

/* EMEM, the way to FSP on Hopper and LS10: a window of memory that request and answer share, and two pairs of queue
 * registers. They hold byte offsets, tail that of a packet's last word; head and tail are equal when there is none. */

#include "gpu/bar0.h"
#include "gpu/fsp.h"
#include "gpu/registers.h"

#define INTERVAL        (1 * USEC_PER_MSEC)
#define COMMAND_TIMEOUT (1 * USEC_PER_SEC)
#define MESSAGE_TIMEOUT (5 * USEC_PER_SEC)

typedef struct Queue {
        uint32_t head, tail;
} Queue;

/* `offset` is the head's; the tail is next to it. */
static int read_queue(const Gpu *g, uint32_t offset, Queue *ret, Fault *f) {
        int r = bar0_read(g, offset, &ret->head, f);

        return r < 0 ? r : bar0_read(g, offset + 4, &ret->tail, f);
}

/* Until head and tail of one queue are equal, or are not. */
static int wait_queue(const Gpu *g, uint32_t offset, bool empty, uint64_t timeout, Queue *ret, Fault *f) {
        GpuPoll poll = gpu_poll_start(g, timeout, INTERVAL);
        int r;

        for (;;) {
                r = read_queue(g, offset, ret, f);
                if (r < 0 || (ret->head == ret->tail) == empty)
                        return r;
                r = gpu_poll_again(&poll, f);
                if (r < 0)
                        return r;
        }
}

static int set_queue(const Gpu *g, uint32_t offset, Fault *f) {
        int r = bar0_write(g, offset + 4, FSP_EMEM_BASE, f);

        return r < 0 ? r : bar0_write(g, offset, FSP_EMEM_BASE, f);
}

/* Somebody was stopped in the middle of a request: let FSP finish it, then empty both queues. */
static int emem_open(const Gpu *g, Fault *f) {
        Queue command, message;
        int r;

        r = read_queue(g, REG_FSP_COMMAND_HEAD, &command, f);
        if (r >= 0)
                r = read_queue(g, REG_FSP_MESSAGE_HEAD, &message, f);
        if (r < 0 || (command.head == command.tail && message.head == message.tail))
                return r;
        r = wait_queue(g, REG_FSP_MESSAGE_HEAD, false, MESSAGE_TIMEOUT, &message, f);
        if (r < 0 && r != -ETIMEDOUT)
                return r;
        gpu_note(g, "FSP's queues were in use (command 0x%x to 0x%x, message 0x%x to 0x%x), emptied", command.head,
                 command.tail, message.head, message.tail);
        r = set_queue(g, REG_FSP_COMMAND_HEAD, f);
        return r < 0 ? r : set_queue(g, REG_FSP_MESSAGE_HEAD, f);
}

static int emem_acknowledge(const Gpu *g, const Queue *message, Fault *f) {
        return bar0_write(g, REG_FSP_MESSAGE_TAIL, message->head, f);
}

static int emem_drop(const Gpu *g, Fault *f) {
        Queue message;
        int r;

        r = read_queue(g, REG_FSP_MESSAGE_HEAD, &message, f);
        if (r < 0 || message.head == message.tail)
                return r;
        r = emem_acknowledge(g, &message, f);
        return r < 0 ? r : 1;
}

static int emem_select(const Gpu *g, Fault *f) {
        return bar0_write(g, REG_FSP_EMEM_CONTROL, FSP_EMEM_AUTO_INCREMENT | FSP_EMEM_BASE, f);
}

static int emem_send(const Gpu *g, const uint32_t *words, size_t n, Fault *f) {
        Queue command;
        int r;

        r = wait_queue(g, REG_FSP_COMMAND_HEAD, true, COMMAND_TIMEOUT, &command, f);
        if (r == -ETIMEDOUT)
                return bar0_fault(g, f, ETIMEDOUT, REG_FSP_COMMAND_HEAD, "equal to the tail within 1 s",
                                  "0x%x, tail 0x%x: FSP does not take the command before this one", command.head,
                                  command.tail);
        if (r >= 0)
                r = emem_select(g, f);
        for (size_t i = 0; i < n && r >= 0; i++)
                r = bar0_write(g, REG_FSP_EMEM_DATA, words[i], f);
        if (r >= 0)
                r = bar0_write(g, REG_FSP_COMMAND_TAIL, FSP_EMEM_BASE + 4 * (uint32_t) (n - 1), f);
        /* The head comes last: it tells FSP. */
        return r < 0 ? r : bar0_write(g, REG_FSP_COMMAND_HEAD, FSP_EMEM_BASE, f);
}

static int no_answer(const Gpu *g, const Queue *message, Fault *f) {
        Queue command = {};
        int r;

        r = read_queue(g, REG_FSP_COMMAND_HEAD, &command, f);
        if (r < 0)
                return r;
        return bar0_fault(g, f, ETIMEDOUT, REG_FSP_MESSAGE_HEAD, "an answer within 5 s",
                          "0x%x, tail 0x%x: FSP %s", message->head, message->tail,
                          command.head == command.tail ? "took the request and did not answer" :
                                                         "did not take the request");
}

static bool plausible(const Queue *message) {
        uint32_t size = message->tail - message->head + 4;

        return size <= FSP_EMEM_SIZE && size % 4 == 0;
}

static int emem_receive(const Gpu *g, uint32_t words[static FSP_PACKET_WORDS], size_t *ret_n, Fault *f) {
        Queue message;
        size_t n;
        int r;

        r = wait_queue(g, REG_FSP_MESSAGE_HEAD, false, MESSAGE_TIMEOUT, &message, f);
        if (r == -ETIMEDOUT)
                return no_answer(g, &message, f);
        /* FSP may have been between its two writes. */
        if (r >= 0 && !plausible(&message))
                r = read_queue(g, REG_FSP_MESSAGE_HEAD, &message, f);
        if (r < 0)
                return r;
        if (!plausible(&message)) {
                r = emem_acknowledge(g, &message, f);
                if (r < 0)
                        return r;
                return bar0_fault(g, f, EBADMSG, REG_FSP_MESSAGE_TAIL, "1024 bytes at most, whole words",
                                  "head 0x%x, tail 0x%x", message.head, message.tail);
        }
        /* The window is read from its start, wherever the head says that it is: only the length counts. */
        n = (message.tail - message.head + 4) / 4;
        r = emem_select(g, f);
        for (size_t i = 0; i < n && r >= 0; i++)
                r = bar0_peek(g, REG_FSP_EMEM_DATA, &words[i], f);
        if (r >= 0)
                r = emem_acknowledge(g, &message, f);
        if (r < 0)
                return r;
        *ret_n = n;
        return 0;
}

const FspTransport fsp_emem = { emem_open, emem_drop, emem_send, emem_receive };
