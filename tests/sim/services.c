/* SPDX-License-Identifier: Apache-2.0 */

#include "sim/services.h"

#include <string.h>
#include <sys/socket.h>

#include "sim/must.h"

static void answer(SimMachine *m, const SimHttpRequest *request, SimHttpAnswer *a, SimBehaviour *b,
                   char about[static 192]) {
        *about = 0;
        *a = (SimHttpAnswer){ .status = 404, .type = "text/plain" };
        if (strcmp(request->method, "POST") == 0)
                sim_ocsp_service_answer(m, request->body, request->body_size, a, b, about);
        else if (strcmp(request->method, "GET") != 0 || strcmp(request->path, "/") == 0)
                a->status = 405;
        else
                sim_rim_answer(m, request->path, a, b);
}

void sim_services_serve(SimMachine *m, int fd) {
        _cleanup_close_ int owned = fd;
        _cleanup_free_ SimHttpRequest *request = calloc(1, sizeof(*request));
        char what[512], about[192], result[16];
        SimBehaviour behaviour = {};
        SimHttpAnswer a;
        unsigned number;

        MUST(request);
        if (sim_http_read(fd, request) < 0)
                return;
        (void) snprintf(what, sizeof(what), "http %s %s", request->method, request->path);
        number = sim_access_log_begin(m->log, what);
        answer(m, request, &a, &behaviour, about);
        (void) snprintf(what, sizeof(what), "http %s %s%s%s", request->method, request->path, *about ? " " : "", about);
        sim_sleep_ms(behaviour.delay_ms);
        /* Logged before it leaves, so that whoever has the answer finds the line as well. */
        sim_access_log_end(m->log, number, what, sim_http_result(&a, &behaviour, result));
        sim_http_send(fd, &a, &behaviour);
        sim_bytes_done(&a.body);
        /* What is sent is read before the connection is reset, whatever of the request was left. */
        (void) shutdown(owned, SHUT_WR);
}
