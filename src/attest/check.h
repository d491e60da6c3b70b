/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* The outcome of one check: what every verdict, claim and line of output is made from. A check that was never run
 * is not passed: nothing is accepted by being absent. */

#include <stdbool.h>

#include "basic/fault.h"

typedef enum CheckState {
        CHECK_NOT_RUN, /* something it needs had failed before */
        CHECK_PASSED,
        CHECK_FAILED,
        CHECK_MISSING, /* collateral that would decide it is not there */
        CHECK_OFF,     /* the user asked for it not to be done, or there is nothing to do */
} CheckState;

typedef struct Check {
        CheckState state;
        Fault fault; /* when passed or off, only `found`, as a remark */
} Check;

void check_pass(Check *c, const char *remark, ...) _printf_(2, 3);
void check_off(Check *c, const char *remark);
bool check_fail(Check *c, const char *what, const char *expected, const char *found, ...) _printf_(4, 5); /* false */
