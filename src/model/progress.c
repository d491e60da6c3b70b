/* SPDX-License-Identifier: Apache-2.0 */

#include "model/progress.h"

#include <stdio.h>
#include <sys/ioctl.h>
#include <systemd/sd-daemon.h>
#include <unistd.h>

#include "basic/cleanup.h"
#include "basic/clock.h"

void progress_start(Progress *p, const char *step, bool json, Report *report, uint64_t first, uint64_t total) {
        *p = (Progress){ .step = step, .report = report, .json = json, .terminal = !json && isatty(STDERR_FILENO),
                         .total = total, .first = first, .started = monotonic_usec() };
        if (report)
                report_step(report, step, first, total);
}

/* "12.3 GiB" */
static const char *format_size(uint64_t size, char ret[static 24]) {
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

static void draw(const Progress *p, uint64_t done, uint64_t rate, uint64_t left) {
        char size[24], total[24], speed[24], time_left[32], bar[64];
        struct winsize window = { .ws_col = 80 };
        unsigned width, filled;

        (void) ioctl(STDERR_FILENO, TIOCGWINSZ, &window);
        width = window.ws_col > 120 ? 40 : window.ws_col > 90 ? 24 : window.ws_col > 76 ? 12 : 0;
        filled = p->total > 0 ? (unsigned) ((double) done / (double) p->total * width) : 0;
        for (unsigned i = 0; i < width; i++)
                bar[i] = i < filled ? '#' : '.';
        bar[width] = 0;
        (void) fprintf(stderr, "\r\033[K%s %s %3u%% %s of %s, %s/s, %s left", p->step, bar,
                       p->total > 0 ? (unsigned) ((double) done * 100 / (double) p->total) : 0, format_size(done, size),
                       format_size(p->total, total), format_size(rate, speed),
                       rate > 0 ? format_left(left, time_left) : "?");
        (void) fflush(stderr);
}

void progress_show(Progress *p, uint64_t done) {
        uint64_t now = monotonic_usec(), elapsed = now - p->started, rate, left;

        if (p->report)
                report_progress(p->report, p->step, done, p->total);
        if (now - p->shown < (p->terminal ? USEC_PER_SEC / 10 : USEC_PER_SEC))
                return;
        p->shown = now;
        rate = elapsed > 0 && done > p->first ? (uint64_t) ((double) (done - p->first) * 1e6 / (double) elapsed) : 0;
        left = rate > 0 && p->total > done ? (p->total - done) / rate : 0;
        if (p->terminal)
                draw(p, done, rate, left);
        if (p->json) {
                (void) printf("{\"event\":\"progress\",\"step\":\"%s\",\"done\":%llu,\"total\":%llu,\"rate\":%llu}\n",
                              p->step, (unsigned long long) done, (unsigned long long) p->total,
                              (unsigned long long) rate);
                (void) fflush(stdout);
        }
        (void) sd_notifyf(false, "STATUS=%s: %u%%\nX_COCOON_DONE=%llu\nX_COCOON_TOTAL=%llu", p->step,
                          p->total > 0 ? (unsigned) ((double) done * 100 / (double) p->total) : 0,
                          (unsigned long long) done, (unsigned long long) p->total);
}

void progress_stop(Progress *p) {
        if (p->terminal && p->shown > 0) {
                (void) fputs("\r\033[K", stderr);
                (void) fflush(stderr);
        }
}
