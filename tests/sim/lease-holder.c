/* SPDX-License-Identifier: Apache-2.0 */

/* lease-holder HOLDER PATH COMMAND...: leases the GPU whose object is at PATH, prints what its descriptors of device and IOMMU
 * are called, a line each, and runs COMMAND, which has them and the lease from then on. For tests, where QEMU would do. */

#include <fcntl.h>
#include <stdbool.h>
#include <stdlib.h>
#include <systemd/sd-bus.h>

#include "basic/cleanup.h"
#include "basic/log.h"

#define TIMEOUT_USEC (120 * UINT64_C(1000000))

/* Not closed by exec. */
static int keep(int fd, bool tell) {
        char link[64], name[256];
        int copy = fcntl(fd, F_DUPFD, 3);
        ssize_t n;

        (void) snprintf(link, sizeof(link), "/proc/self/fd/%i", copy);
        n = readlink(link, name, sizeof(name));
        if (tell && n > 0)
                printf("%.*s\n", (int) n, name);
        return copy < 0 ? -errno : 0;
}

static int lease(const char *holder, const char *path) {
        _cleanup_(sd_bus_flush_close_unrefp) sd_bus *bus = NULL;
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *call = NULL, *reply = NULL;
        _cleanup_(sd_bus_error_free) sd_bus_error error = SD_BUS_ERROR_NULL;
        int fds[3], r;

        r = sd_bus_default_system(&bus);
        if (r >= 0)
                r = sd_bus_message_new_method_call(bus, &call, "org.cocoon.Host1", path, "org.cocoon.Host1.GPU", "Lease");
        if (r >= 0)
                r = sd_bus_message_append(call, "s", holder);
        if (r >= 0)
                r = sd_bus_call(bus, call, TIMEOUT_USEC, &error, &reply);
        if (r < 0)
                return log_error_errno(r, "%s: %s", path, error.message ?: "cannot be leased");
        r = sd_bus_message_read(reply, "hhh", &fds[0], &fds[1], &fds[2]);
        for (size_t i = 0; i < ELEMENTSOF(fds) && r >= 0; i++)
                r = keep(fds[i], i < 2);
        (void) fflush(stdout);
        return r;
}

int main(int argc, char *argv[]) {
        log_open("lease-holder", LOG_INFO);
        if (argc < 4 || lease(argv[1], argv[2]) < 0)
                return EXIT_FAILURE;
        (void) execvp(argv[3], argv + 3);
        (void) log_error_errno(errno, "%s: %m", argv[3]);
        return EXIT_FAILURE;
}
