/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Points in time as text (RFC 3339), for --at. */

#include <time.h>

/* "2025-08-21T12:00:00Z", or with an offset, a space for the T, or a fraction (cut off). 0 or -EINVAL. */
int instant_parse(const char *text, time_t *ret);
