/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* How far a long piece of work is, in words for people. */

#include <stddef.h>
#include <stdint.h>

#define BAR_SIZE 224U

/* "12.3 GiB". Returns `ret`. */
const char *format_size(uint64_t size, char ret[static 24]);

typedef struct Bar {
        const char *step; /* as in "Building" */
        uint64_t first, done, total; /* bytes; the first ones were there at the start, and are no part of the rate; 0 total: not known */
        uint64_t elapsed_usec;
} Bar;

uint64_t bar_rate(const Bar *b); /* bytes a second */

/* One line for a terminal of so many columns: step, bar, bytes, rate, what is left. Returns `ret`. */
const char *bar_format(const Bar *b, unsigned columns, char ret[static BAR_SIZE]);
