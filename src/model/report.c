/* SPDX-License-Identifier: Apache-2.0 */

#include "model/report.h"

#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "basic/clock.h"
#include "basic/json.h"

#define INTERVAL_USEC (USEC_PER_SEC / 4)
#define RETRY_USEC    USEC_PER_SEC
#define FAREWELL_MSEC 2000
#define MESSAGE_MAX   600 /* what is said of a failure: bounded even when each byte of it is escaped */

static void hang_up(Report *r) {
        closep(&r->fd);
        r->fd = -EBADF;
}

/* Neither waits nor insists: a daemon that is not there must not hold up what is done. */
static bool call(Report *r, bool insist) {
        struct sockaddr_un address = { .sun_family = AF_UNIX };
        uint64_t now = monotonic_usec();

        if (r->fd >= 0)
                return true;
        if (!r->path || strlen(r->path) >= sizeof(address.sun_path) ||
            (!insist && r->tried > 0 && now - r->tried < RETRY_USEC))
                return false;
        r->tried = now;
        (void) memcpy(address.sun_path, r->path, strlen(r->path) + 1);
        r->fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
        if (r->fd >= 0 && connect(r->fd, (struct sockaddr *) &address, sizeof(address)) < 0)
                hang_up(r);
        return r->fd >= 0;
}

static bool tell(Report *r, json_object *o) {
        const char *text = json_object_to_json_string_ext(o, JSON_C_TO_STRING_PLAIN);

        if (!text)
                return false;
        if (send(r->fd, text, strlen(text), MSG_NOSIGNAL) >= 0)
                return true;
        if (errno != EAGAIN)
                hang_up(r);
        return false;
}

void report_step(Report *r, const char *step, uint64_t done, uint64_t total) {
        _cleanup_json_ json_object *o = NULL;

        if (!call(r, false))
                return;
        o = json_object_new_object();
        if (!o || json_add_string(o, "step", step) < 0 || json_add_int(o, "done", (int64_t) (done < total ? done : total)) < 0 ||
            json_add_int(o, "total", (int64_t) total) < 0)
                return;
        r->told = monotonic_usec();
        (void) tell(r, o);
}

void report_progress(Report *r, const char *step, uint64_t done, uint64_t total) {
        if (r->path && monotonic_usec() - r->told >= INTERVAL_USEC)
                report_step(r, step, done, total);
}

/* A connection that broke is made once more, and then the daemon gets its moment to ask who this is. */
static void say_farewell(Report *r, json_object *o) {
        struct pollfd p;

        for (int i = 0; i < 2; i++) {
                if (!call(r, true))
                        return;
                p = (struct pollfd){ .fd = r->fd, .events = POLLOUT };
                if (poll(&p, 1, FAREWELL_MSEC) > 0 && tell(r, o))
                        break;
        }
        if (r->fd < 0)
                return;
        (void) shutdown(r->fd, SHUT_WR);
        p = (struct pollfd){ .fd = r->fd, .events = POLLIN };
        (void) poll(&p, 1, FAREWELL_MSEC);
        hang_up(r);
}

void report_done(Report *r, const char *spec) {
        _cleanup_json_ json_object *o = r->path ? json_object_new_object() : NULL;

        if (o && json_add_string(o, "result", "done") >= 0 && json_add_string(o, "spec", spec) >= 0)
                say_farewell(r, o);
}

void report_failed(Report *r, int error, const char *message) {
        _cleanup_json_ json_object *o = r->path ? json_object_new_object() : NULL;
        char text[MESSAGE_MAX];

        (void) snprintf(text, sizeof(text), "%s", message);
        for (char *p = text; *p; p++)
                if (*p < 0x20 || *p > 0x7e)
                        *p = '?';
        if (o && json_add_string(o, "result", "failed") >= 0 &&
            json_add_string(o, "errno", strerrorname_np(abs(error)) ?: "EIO") >= 0 && json_add_string(o, "message", text) >= 0)
                say_farewell(r, o);
}
