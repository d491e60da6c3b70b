/* SPDX-License-Identifier: Apache-2.0 */

#include "basic/fault.h"

#include <stdarg.h>
#include <stdlib.h>

static void make_printable(char *text) {
        for (; *text; text++)
                if (*text < 0x20 || *text > 0x7e)
                        *text = '?';
}

int fault_set(Fault *f, int error, const char *what, const char *expected, const char *found, ...) {
        if (f) {
                va_list ap;

                (void) snprintf(f->what, sizeof(f->what), "%s", what);
                (void) snprintf(f->expected, sizeof(f->expected), "%s", expected);
                va_start(ap, found);
                (void) vsnprintf(f->found, sizeof(f->found), found, ap);
                va_end(ap);
                make_printable(f->what);
                make_printable(f->expected);
                make_printable(f->found);
        }
        return -abs(error);
}
