/* SPDX-License-Identifier: Apache-2.0 */

#include "basic/bar.h"

#include <stdio.h>

#include "basic/cleanup.h"
#include "basic/clock.h"

#define WIDTH_MAX 40U

const char *format_size(uint64_t size, char ret[static 24]) {
        static const char *const units[] = { "B", "KiB", "MiB", "GiB", "TiB", "PiB" };
        double value = (double) size;
        size_t unit = 0;

        while (value >= 1024 && unit + 1 < ELEMENTSOF(units)) {
                value /= 1024;
                unit++;
        }
        (void) snprintf(ret, 24, unit > 0 ? "%.1f %s" : "%.0f %s", value, units[unit]);
        return ret;
}

static const char *format_left(uint64_t seconds, char ret[static 32]) {
        if (seconds >= 3600)
                (void) snprintf(ret, 32, "%llu h %02llu min", (unsigned long long) (seconds / 3600),
                                (unsigned long long) (seconds / 60 % 60));
        else
                (void) snprintf(ret, 32, "%llu:%02llu", (unsigned long long) (seconds / 60),
                                (unsigned long long) (seconds % 60));
        return ret;
}

uint64_t bar_rate(const Bar *b) {
        return b->elapsed_usec > 0 && b->done > b->first
                       ? (uint64_t) ((double) (b->done - b->first) * (double) USEC_PER_SEC / (double) b->elapsed_usec)
                       : 0;
}

const char *bar_format(const Bar *b, unsigned columns, char ret[static BAR_SIZE]) {
        char size[24], total[24], speed[24], time_left[32], bar[WIDTH_MAX + 1];
        unsigned width = columns > 120 ? WIDTH_MAX : columns > 90 ? 24 : columns > 76 ? 12 : 0;
        double part = b->total > 0 ? (double) b->done / (double) b->total : 0;
        uint64_t rate = bar_rate(b), left = rate > 0 && b->total > b->done ? (b->total - b->done) / rate : 0;

        for (unsigned i = 0; i < width; i++)
                bar[i] = i < (unsigned) (part * width) ? '#' : '.';
        bar[width] = 0;
        (void) snprintf(ret, BAR_SIZE, "%s %s %3u%% %s of %s, %s/s, %s left", b->step, bar, (unsigned) (part * 100),
                        format_size(b->done, size), format_size(b->total, total), format_size(rate, speed),
                        rate > 0 ? format_left(left, time_left) : "?");
        return ret;
}
