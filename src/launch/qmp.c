/* SPDX-License-Identifier: Apache-2.0 */

#include "launch/qmp.h"

#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "basic/io.h"

/* QEMU takes commands once it was told that nothing special is wanted. */
static const char commands[] = "{\"execute\":\"qmp_capabilities\"}\n{\"execute\":\"system_powerdown\"}\n";

static int connect_to(const char *path, int flags, int *ret_fd) {
        _cleanup_close_ int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | flags, 0);
        struct sockaddr_un address = { .sun_family = AF_UNIX };

        if (fd < 0)
                return -errno;
        if (strlen(path) >= sizeof(address.sun_path))
                return -ENAMETOOLONG;
        (void) memcpy(address.sun_path, path, strlen(path) + 1);
        if (connect(fd, (const struct sockaddr *) &address, sizeof(address)) < 0)
                return -errno;
        *ret_fd = TAKE_FD(fd);
        return 0;
}

/* What it answers is of no interest: that the guest hears, its end says. */
static int wait_for_end(int fd) {
        char text[4096];
        ssize_t n;

        do
                n = read(fd, text, sizeof(text));
        while (n > 0 || (n < 0 && errno == EINTR));
        return n < 0 && errno != ECONNRESET ? -errno : 0;
}

int qmp_power_down(const char *path, Fault *ret_fault) {
        _cleanup_close_ int fd = -EBADF;
        int r;

        r = connect_to(path, 0, &fd);
        if (r == -ENOENT || r == -ECONNREFUSED)
                return 0;
        if (r >= 0)
                r = write_all(fd, commands, strlen(commands));
        if (r >= 0)
                r = wait_for_end(fd);
        return r < 0 ? fault_set(ret_fault, r, "QEMU's control socket", "to take a command", "%s: %s", path, strerror(-r)) : 0;
}

/* One that is busy with others takes no further connection, and is alive. */
bool qmp_is_alive(const char *path) {
        _cleanup_close_ int fd = -EBADF;
        int r = connect_to(path, SOCK_NONBLOCK, &fd);

        return r >= 0 || r == -EAGAIN;
}
