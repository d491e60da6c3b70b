/* SPDX-License-Identifier: Apache-2.0 */

#include "launch/ports.h"

#include <fcntl.h>
#include <linux/vhost.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#define VHOST_VSOCK "/dev/vhost-vsock"

/* With the option that QEMU sets too: a connection that just ended is in nobody's way. */
static int check_port(unsigned port, Fault *f) {
        const struct sockaddr_in address = { .sin_family = AF_INET, .sin_port = htons((uint16_t) port) };
        _cleanup_close_ int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        const int one = 1;
        char what[sizeof(f->what)];

        if (fd >= 0 && setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one)) == 0 &&
            bind(fd, (const struct sockaddr *) &address, sizeof(address)) == 0 && listen(fd, 1) == 0)
                return 0;
        (void) snprintf(what, sizeof(what), "TCP port %u", port);
        return fault_set(f, errno, what, "to be free for this guest; see instance and the ports in worker.conf(5)", "%s",
                         strerror(errno));
}

int ports_check(const WorkerConfig *c, Fault *ret_fault) {
        for (NodePort p = 0; p < _NODE_PORT_MAX; p++) {
                int r = c->ports[p] > 0 ? check_port(c->ports[p], ret_fault) : 0;

                if (r < 0)
                        return r;
        }
        return 0;
}

int vsock_open(const WorkerConfig *c, int *ret_fd, Fault *ret_fault) {
        _cleanup_close_ int fd = open(VHOST_VSOCK, O_RDWR | O_CLOEXEC);
        uint64_t cid = c->vsock_cid;
        char what[sizeof(ret_fault->what)];

        if (fd < 0)
                return fault_set(ret_fault, errno, VHOST_VSOCK, "a device that this user can open (group kvm); a guest with no_tdx can do without, vsock_cid = 0", "%s",
                                 strerror(errno));
        if (ioctl(fd, VHOST_VSOCK_SET_GUEST_CID, &cid) < 0) {
                (void) snprintf(what, sizeof(what), "vsock CID %u", c->vsock_cid);
                return fault_set(ret_fault, errno, what, "to be free for this guest; see instance and vsock_cid in worker.conf(5)",
                                 "%s", strerror(errno));
        }
        *ret_fd = TAKE_FD(fd);
        return 0;
}
