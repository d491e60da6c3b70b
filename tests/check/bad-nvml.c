/* SPDX-License-Identifier: Apache-2.0 */

/* Libraries that are no libnvidia-ml.so.1: BAD is one of the words below. */

#include <signal.h>
#include <stdio.h>
#include <unistd.h>

enum {
        OLD,   /* of a driver before Confidential Computing; it prints, as no library should */
        CRASH, /* as soon as it is loaded */
        LEAVE, /* ends the process as soon as it is loaded */
        HANG,  /* never finishes loading */
};

int nvmlInit_v2(void);
const char *nvmlErrorString(int code);

int nvmlInit_v2(void) {
        return 0;
}

const char *nvmlErrorString(int code) {
        return "?";
}

static __attribute__((constructor)) void on_load(void) {
        switch (BAD) {
        case OLD:
                (void) puts("a library that prints");
                (void) fflush(stdout);
                break;
        case CRASH:
                (void) signal(SIGSEGV, SIG_DFL);
                (void) raise(SIGSEGV);
                break;
        case LEAVE:
                _exit(0);
        default:
                while (pause() < 0)
                        ;
        }
}
