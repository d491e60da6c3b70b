/* SPDX-License-Identifier: Apache-2.0 */

#include "sim/server.h"

#include <libgen.h>
#include <netdb.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include "basic/cleanup.h"
#include "sim/must.h"

#define LISTENERS_MAX 4U
#define STACK_SIZE    (512U * 1024)

typedef struct Connection {
        const SimListener *listener;
        int fd;
} Connection;

int sim_listen_unix(const char *path, int *ret) {
        _cleanup_close_ int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
        struct sockaddr_un address = { .sun_family = AF_UNIX };
        _cleanup_free_ char *copy = strdup(path);

        MUST(copy);
        if (strlen(path) >= sizeof(address.sun_path))
                return -ENAMETOOLONG;
        memcpy(address.sun_path, path, strlen(path) + 1);
        if (mkdir(dirname(copy), 0755) < 0 && errno != EEXIST)
                return -errno;
        (void) unlink(path);
        if (fd < 0 || bind(fd, (const struct sockaddr *) &address, sizeof(address)) < 0 || listen(fd, SOMAXCONN) < 0)
                return -errno;
        *ret = TAKE_FD(fd);
        return 0;
}

static int listen_at(const struct addrinfo *a, int *ret, unsigned *ret_port) {
        _cleanup_close_ int fd = socket(a->ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
        struct sockaddr_storage bound;
        socklen_t size = sizeof(bound);
        char port[NI_MAXSERV];
        int on = 1;

        if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) < 0 ||
            bind(fd, a->ai_addr, a->ai_addrlen) < 0 || listen(fd, SOMAXCONN) < 0 ||
            getsockname(fd, (struct sockaddr *) &bound, &size) < 0)
                return -errno;
        if (getnameinfo((struct sockaddr *) &bound, size, NULL, 0, port, sizeof(port), NI_NUMERICSERV) != 0)
                return -EIO;
        *ret = TAKE_FD(fd);
        *ret_port = (unsigned) strtoul(port, NULL, 10);
        return 0;
}

int sim_listen_tcp(const char *address, int *ret, unsigned *ret_port) {
        struct addrinfo hints = { .ai_flags = AI_NUMERICHOST | AI_NUMERICSERV, .ai_socktype = SOCK_STREAM }, *list;
        _cleanup_free_ char *host = strdup(address);
        char *colon = host ? strrchr(host, ':') : NULL;
        int r;

        if (!colon)
                return -EINVAL;
        *colon = 0;
        if (getaddrinfo(host, colon + 1, &hints, &list) != 0)
                return -EINVAL;
        r = listen_at(list, ret, ret_port);
        freeaddrinfo(list);
        return r;
}

static void *serve(void *userdata) {
        Connection c = *(Connection *) userdata;

        free(userdata);
        c.listener->serve(c.listener->userdata, c.fd);
        return NULL;
}

static void start(const SimListener *listener, int fd) {
        Connection *c = malloc(sizeof(*c));
        pthread_attr_t attributes;
        pthread_t thread;

        MUST(c);
        *c = (Connection){ listener, fd };
        MUST(pthread_attr_init(&attributes) == 0);
        MUST(pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED) == 0);
        MUST(pthread_attr_setstacksize(&attributes, STACK_SIZE) == 0);
        MUST(pthread_create(&thread, &attributes, serve, c) == 0);
        (void) pthread_attr_destroy(&attributes);
}

static void accept_one(const SimListener *listener) {
        int fd = accept4(listener->fd, NULL, NULL, SOCK_CLOEXEC);

        if (fd >= 0)
                start(listener, fd);
}

/* Only the end counts, not what may be said before. */
static bool has_ended(int input) {
        char buffer[256];

        return read(input, buffer, sizeof(buffer)) <= 0;
}

void sim_server_run(const SimListener *listeners, size_t n, int input) {
        struct pollfd polls[LISTENERS_MAX + 2] = {};
        _cleanup_close_ int signals = -EBADF;
        sigset_t set;

        MUST(n <= LISTENERS_MAX);
        MUST(sigemptyset(&set) == 0 && sigaddset(&set, SIGTERM) == 0 && sigaddset(&set, SIGINT) == 0);
        signals = signalfd(-1, &set, SFD_CLOEXEC);
        MUST(signals >= 0);
        for (size_t i = 0; i < n; i++)
                polls[i] = (struct pollfd){ .fd = listeners[i].fd, .events = POLLIN };
        polls[n] = (struct pollfd){ .fd = signals, .events = POLLIN };
        polls[n + 1] = (struct pollfd){ .fd = input, .events = POLLIN };
        for (;;) {
                if (poll(polls, n + 2, -1) < 0)
                        continue;
                if (polls[n].revents || (polls[n + 1].revents && has_ended(input)))
                        return;
                for (size_t i = 0; i < n; i++)
                        if (polls[i].revents)
                                accept_one(&listeners[i]);
        }
}
