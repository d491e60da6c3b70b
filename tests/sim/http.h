/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* HTTP/1.1 as far as NVIDIA's two services need it: one request on a connection. The answer leaves as a behaviour
 * wants it, which knows all the ways of a bad server or network. */

#include "sim/bytes.h"
#include "sim/control.h"

#define SIM_HTTP_BODY_MAX 65536U

typedef struct SimHttpRequest {
        char method[16], path[256];
        uint8_t body[SIM_HTTP_BODY_MAX];
        size_t body_size;
} SimHttpRequest;

typedef struct SimHttpAnswer {
        unsigned status;
        const char *type;
        SimBytes body;
} SimHttpAnswer;

/* 0, or -EBADMSG when it is no request or the other side has gone. */
int sim_http_read(int fd, SimHttpRequest *ret);

/* What the behaviour makes of the answer: errors of HTTP (`number` of a VALUE), redirections, bodies cut in half, of
 * 64 MiB, endless or meaningless, or no answer. Its delay is the caller's business. */
void sim_http_send(int fd, const SimHttpAnswer *a, const SimBehaviour *b);

/* The same in a word, into `ret`: the status, "hang" or "close". Returns `ret`. */
char *sim_http_result(const SimHttpAnswer *a, const SimBehaviour *b, char ret[static 16]);
