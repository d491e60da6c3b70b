/* SPDX-License-Identifier: Apache-2.0 */

#include "sim/http.h"

#include <string.h>
#include <sys/socket.h>

#include "sim/machine.h"
#include "sim/must.h"

#define HEAD_MAX  8192U
#define HUGE_SIZE (64U * 1024 * 1024)
#define CHUNK     4096U

static bool send_all(int fd, const void *data, size_t size) {
        const uint8_t *p = data;

        while (size > 0) {
                ssize_t n = send(fd, p, size, MSG_NOSIGNAL);

                if (n <= 0)
                        return false;
                p += n;
                size -= (size_t) n;
        }
        return true;
}

/* The head with its empty line, NUL behind it; what came of the body is where *ret_rest points to. */
static int read_head(int fd, char head[static HEAD_MAX + 1], char **ret_rest, size_t *ret_size) {
        size_t size = 0;

        while (size < HEAD_MAX) {
                ssize_t n = recv(fd, head + size, HEAD_MAX - size, 0);
                char *end;

                if (n <= 0)
                        return -EBADMSG;
                size += (size_t) n;
                head[size] = 0;
                end = memmem(head, size, "\r\n\r\n", 4);
                if (!end)
                        continue;
                end[3] = 0;
                *ret_rest = end + 4;
                *ret_size = size - (size_t) (end + 4 - head);
                return 0;
        }
        return -EBADMSG;
}

static size_t content_length(const char *head) {
        const char *field = strcasestr(head, "\r\nContent-Length:");

        return field ? strtoul(field + strlen("\r\nContent-Length:"), NULL, 10) : 0;
}

int sim_http_read(int fd, SimHttpRequest *ret) {
        char head[HEAD_MAX + 1], *rest;
        size_t size, length;

        if (read_head(fd, head, &rest, &size) < 0 || sscanf(head, "%15s %255s", ret->method, ret->path) != 2)
                return -EBADMSG;
        length = content_length(head);
        if (length > sizeof(ret->body) || size > length)
                return -EBADMSG;
        memcpy(ret->body, rest, size);
        if (size < length && recv(fd, ret->body + size, length - size, MSG_WAITALL) != (ssize_t) (length - size))
                return -EBADMSG;
        ret->body_size = length;
        return 0;
}

static void put_head(SimBytes *b, unsigned status, const char *type, size_t size) {
        sim_bytes_printf(b, "HTTP/1.1 %u %s\r\nContent-Type: %s\r\nContent-Length: %zu\r\nConnection: close\r\n", status,
                         status == 200 ? "OK" : "Not so", type, size);
}

static void send_whole(int fd, unsigned status, const char *type, const void *body, size_t size, const char *more) {
        _cleanup_bytes_ SimBytes all = {};

        put_head(&all, status, type, size);
        sim_bytes_printf(&all, "%s\r\n", more);
        sim_bytes_put(&all, body, size);
        (void) send_all(fd, all.data, all.size);
}

static void send_status(int fd, unsigned status) {
        static const char body[] = "{\"error\":\"simulated\"}";

        send_whole(fd, status, "application/json", body, sizeof(body) - 1,
                   status == 429 || status == 503 ? "Retry-After: 1\r\n" : "");
}

static void send_redirect(int fd, const char *url) {
        _cleanup_bytes_ SimBytes more = {};

        sim_bytes_printf(&more, "Location: %s\r\n", url);
        send_whole(fd, 302, "text/plain", "", 0, (const char *) more.data);
}

/* Says how much comes, and stops halfway. */
static void send_half(int fd, const SimHttpAnswer *a) {
        _cleanup_bytes_ SimBytes all = {};

        put_head(&all, a->status, a->type, a->body.size);
        sim_bytes_printf(&all, "\r\n");
        sim_bytes_put(&all, a->body.data, a->body.size / 2);
        (void) send_all(fd, all.data, all.size);
}

/* The good answer, and spaces behind it up to `size`; 0: for as long as somebody listens. */
static void send_long(int fd, const SimHttpAnswer *a, size_t size) {
        char spaces[CHUNK];
        _cleanup_bytes_ SimBytes head = {};
        bool listening;

        memset(spaces, ' ', sizeof(spaces));
        if (size > 0)
                put_head(&head, a->status, a->type, size);
        else
                sim_bytes_printf(&head, "HTTP/1.1 %u OK\r\nContent-Type: %s\r\nConnection: close\r\n", a->status, a->type);
        sim_bytes_printf(&head, "\r\n");
        sim_bytes_put(&head, a->body.data, a->body.size);
        listening = send_all(fd, head.data, head.size);
        for (size_t sent = a->body.size; listening && (size == 0 || sent < size); sent += sizeof(spaces))
                listening = send_all(fd, spaces, size > 0 && size - sent < sizeof(spaces) ? size - sent : sizeof(spaces));
}

static void send_garbage(int fd, const SimHttpAnswer *a) {
        static const char body[] = "\xff\xfe{]<>\x01 no answer";

        send_whole(fd, a->status, a->type, body, sizeof(body) - 1, "");
}

static bool is_status(const SimBehaviour *b) {
        return b->deed == SIM_DEED_VALUE && b->number > 0;
}

char *sim_http_result(const SimHttpAnswer *a, const SimBehaviour *b, char ret[static 16]) {
        unsigned long status = is_status(b) ? b->number : b->deed == SIM_DEED_REDIRECT ? 302 : a->status;

        if (b->deed == SIM_DEED_HANG || b->deed == SIM_DEED_CLOSE)
                (void) snprintf(ret, 16, b->deed == SIM_DEED_HANG ? "hang" : "close");
        else
                (void) snprintf(ret, 16, "%lu", status);
        return ret;
}

void sim_http_send(int fd, const SimHttpAnswer *a, const SimBehaviour *b) {
        switch (b->deed) {
        case SIM_DEED_HANG:
                sim_wait_for_end(fd);
                break;
        case SIM_DEED_CLOSE:
                break;
        case SIM_DEED_TRUNCATED:
                send_half(fd, a);
                break;
        case SIM_DEED_HUGE:
                send_long(fd, a, HUGE_SIZE);
                break;
        case SIM_DEED_ENDLESS:
                send_long(fd, a, 0);
                break;
        case SIM_DEED_REDIRECT:
                send_redirect(fd, b->text);
                break;
        case SIM_DEED_GARBAGE:
                send_garbage(fd, a);
                break;
        case SIM_DEED_EMPTY:
                send_whole(fd, a->status, a->type, "", 0, "");
                break;
        default:
                if (is_status(b))
                        send_status(fd, (unsigned) b->number);
                else
                        send_whole(fd, a->status, a->type, a->body.data, a->body.size, "");
        }
}
