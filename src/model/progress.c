/* SPDX-License-Identifier: Apache-2.0 */

#include "model/progress.h"

#include <stdio.h>
#include <sys/ioctl.h>
#include <systemd/sd-daemon.h>
#include <unistd.h>

#include "basic/bar.h"
#include "basic/clock.h"

void progress_start(Progress *p, const char *step, bool json, Report *report, uint64_t first, uint64_t total) {
        *p = (Progress){ .step = step, .report = report, .json = json, .terminal = !json && isatty(STDERR_FILENO),
                         .total = total, .first = first, .started = monotonic_usec() };
        if (report)
                report_step(report, step, first, total);
}

static void draw(const Bar *b) {
        struct winsize window = { .ws_col = 80 };
        char text[BAR_SIZE];

        (void) ioctl(STDERR_FILENO, TIOCGWINSZ, &window);
        (void) fprintf(stderr, "\r\033[K%s", bar_format(b, window.ws_col, text));
        (void) fflush(stderr);
}

void progress_show(Progress *p, uint64_t done) {
        uint64_t now = monotonic_usec();
        const Bar b = { p->step, p->first, done, p->total, now - p->started };

        if (p->report)
                report_progress(p->report, p->step, done, p->total);
        if (now - p->shown < (p->terminal ? USEC_PER_SEC / 10 : USEC_PER_SEC))
                return;
        p->shown = now;
        if (p->terminal)
                draw(&b);
        if (p->json) {
                (void) printf("{\"event\":\"progress\",\"step\":\"%s\",\"done\":%llu,\"total\":%llu,\"rate\":%llu}\n",
                              p->step, (unsigned long long) done, (unsigned long long) p->total,
                              (unsigned long long) bar_rate(&b));
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
