/* SPDX-License-Identifier: Apache-2.0 */

#include "sim/wire.h"

#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "basic/cleanup.h"

static int connect_server(int *ret) {
        _cleanup_close_ int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
        struct sockaddr_un address = { .sun_family = AF_UNIX };
        const char *path = getenv(SIM_SOCKET_ENVIRONMENT);

        if (!path || !*path)
                path = SIM_SOCKET_DEFAULT;
        if (strlen(path) >= sizeof(address.sun_path))
                return -ENAMETOOLONG;
        memcpy(address.sun_path, path, strlen(path) + 1);
        if (fd < 0 || connect(fd, (const struct sockaddr *) &address, sizeof(address)) < 0)
                return -errno;
        *ret = TAKE_FD(fd);
        return 0;
}

static int receive(int fd, void *ret, size_t size) {
        uint8_t *p = ret;

        while (size > 0) {
                ssize_t n = recv(fd, p, size, 0);

                if (n < 0 && errno == EINTR)
                        continue;
                if (n <= 0)
                        return n < 0 ? -errno : -ECONNRESET;
                p += n;
                size -= (size_t) n;
        }
        return 0;
}

int sim_wire_ask(const SimQuestion *question, void *ret, size_t max, size_t *ret_size, int32_t *ret_status) {
        _cleanup_close_ int fd = -EBADF;
        SimAnswer answer;
        int r;

        r = connect_server(&fd);
        if (r < 0)
                return r;
        if (send(fd, question, sizeof(*question), MSG_NOSIGNAL) != (ssize_t) sizeof(*question))
                return -EIO;
        r = receive(fd, &answer, sizeof(answer));
        if (r < 0)
                return r;
        if (answer.crash)
                abort();
        if (answer.size < max)
                max = answer.size;
        r = receive(fd, ret, max);
        if (r < 0)
                return r;
        if (ret_size)
                *ret_size = max;
        *ret_status = answer.status;
        return 0;
}
