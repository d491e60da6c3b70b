/* SPDX-License-Identifier: Apache-2.0 */

#include "sim/must.h"

#include <openssl/err.h>
#include <stdio.h>
#include <stdlib.h>

_Noreturn void must_failed(const char *condition, const char *file, int line) {
        (void) fprintf(stderr, "%s:%d: simulator cannot go on: %s\n", file, line, condition);
        ERR_print_errors_fp(stderr);
        abort();
}
