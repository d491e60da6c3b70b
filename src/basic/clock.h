/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Microseconds of CLOCK_MONOTONIC, in which limits and deadlines are kept. */

#include <stdint.h>
#include <time.h>

#define USEC_PER_SEC  UINT64_C(1000000)
#define USEC_PER_MSEC UINT64_C(1000)

static inline uint64_t monotonic_usec(void) {
        struct timespec t = {};

        (void) clock_gettime(CLOCK_MONOTONIC, &t);
        return (uint64_t) t.tv_sec * USEC_PER_SEC + (uint64_t) t.tv_nsec / 1000;
}
