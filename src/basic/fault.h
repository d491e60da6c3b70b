/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Why something was refused, in words for a person: what was looked at, what had to be there, what was there.
 * Library-like modules fill one in instead of logging. */

#include "basic/cleanup.h"

typedef struct Fault {
        char what[64];
        char expected[192];
        char found[256];
} Fault;

/* Fills *f (which may be NULL) and returns -error. `found` is a format; bytes outside printable ASCII come out as
 * '?', because what was found may be hostile and ends on terminals. */
int fault_set(Fault *f, int error, const char *what, const char *expected, const char *found, ...) _printf_(5, 6);
