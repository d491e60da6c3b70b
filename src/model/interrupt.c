/* SPDX-License-Identifier: Apache-2.0 */

#include "model/interrupt.h"

#include <errno.h>
#include <signal.h>
#include <stddef.h>
#include <time.h>

static sigset_t stop_signals(void) {
        sigset_t set;

        (void) sigemptyset(&set);
        (void) sigaddset(&set, SIGINT);
        (void) sigaddset(&set, SIGTERM);
        (void) sigaddset(&set, SIGHUP);
        return set;
}

void interrupt_block(void) {
        sigset_t set = stop_signals();

        (void) sigprocmask(SIG_BLOCK, &set, NULL);
}

int interrupt_check(void) {
        const struct timespec none = {};
        sigset_t set = stop_signals();

        return sigtimedwait(&set, NULL, &none) > 0 ? -ECANCELED : 0;
}
