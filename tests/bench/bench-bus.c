/* SPDX-License-Identifier: Apache-2.0 */

/* How long it takes to read a property of cocoon-hostd, one after the other:
 *
 *   bench-bus COUNT OBJECT INTERFACE PROPERTY */

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <systemd/sd-bus.h>

#include "basic/cleanup.h"
#include "basic/clock.h"

static int compare(const void *a, const void *b) {
        uint64_t x = *(const uint64_t *) a, y = *(const uint64_t *) b;

        return x < y ? -1 : x > y;
}

static int measure(sd_bus *bus, char *const *what, uint64_t *times, size_t n) {
        for (size_t i = 0; i < n; i++) {
                sd_bus_message *reply = NULL;
                uint64_t begin = monotonic_usec();
                int r;

                r = sd_bus_get_property(bus, "org.cocoon.Host1", what[0], what[1], what[2], NULL, &reply, "s");
                if (r < 0)
                        return r;
                times[i] = monotonic_usec() - begin;
                (void) sd_bus_message_unref(reply);
        }
        return 0;
}

int main(int argc, char *argv[]) {
        _cleanup_(sd_bus_flush_close_unrefp) sd_bus *bus = NULL;
        size_t n = argc == 5 ? strtoul(argv[1], NULL, 10) : 0;
        _cleanup_free_ uint64_t *times = calloc(n ? n : 1, sizeof(*times));
        int r;

        if (n == 0 || !times) {
                (void) fprintf(stderr, "usage: %s COUNT OBJECT INTERFACE PROPERTY, a string\n", argv[0]);
                return EXIT_FAILURE;
        }
        r = sd_bus_open_system(&bus);
        if (r >= 0)
                r = measure(bus, argv + 2, times, n);
        if (r < 0) {
                (void) fprintf(stderr, "%s: %s\n", argv[4], strerror(-r));
                return EXIT_FAILURE;
        }
        qsort(times, n, sizeof(*times), compare);
        (void) printf("%zu reads of %s: median %.3f ms, p99 %.3f ms, worst %.3f ms\n", n, argv[4],
                      (double) times[n / 2] / 1000, (double) times[n * 99 / 100] / 1000, (double) times[n - 1] / 1000);
        return EXIT_SUCCESS;
}
