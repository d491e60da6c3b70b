/* SPDX-License-Identifier: Apache-2.0 */

#include "attest/check.h"

#include <stdarg.h>

static _printf_(5, 0) void set(Check *c, CheckState state, const char *what, const char *expected, const char *format,
                               va_list ap) {
        char found[sizeof(c->fault.found)];

        (void) vsnprintf(found, sizeof(found), format, ap);
        (void) fault_set(&c->fault, 0, what, expected, "%s", found);
        c->state = state;
}

void check_pass(Check *c, const char *remark, ...) {
        va_list ap;

        va_start(ap, remark);
        set(c, CHECK_PASSED, "", "", remark, ap);
        va_end(ap);
}

void check_off(Check *c, const char *remark) {
        (void) fault_set(&c->fault, 0, "", "", "%s", remark);
        c->state = CHECK_OFF;
}

bool check_fail(Check *c, const char *what, const char *expected, const char *found, ...) {
        va_list ap;

        va_start(ap, found);
        set(c, CHECK_FAILED, what, expected, found, ap);
        va_end(ap);
        return false;
}
