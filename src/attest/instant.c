/* SPDX-License-Identifier: Apache-2.0 */

#include "attest/instant.h"

#include <ctype.h>
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

static int parse_digits(const char **text, unsigned n, int min, int max, int *ret) {
        int value = 0;

        for (; n > 0; n--, (*text)++) {
                if (!isdigit((unsigned char) **text))
                        return -EINVAL;
                value = value * 10 + (**text - '0');
        }
        if (value < min || value > max)
                return -EINVAL;
        *ret = value;
        return 0;
}

static bool skip(const char **text, const char *any) {
        if (!**text || !strchr(any, **text))
                return false;
        (*text)++;
        return true;
}

/* "Z", or a signed offset, which must be the end. */
static int parse_zone(const char *text, int *ret_seconds) {
        int hours, minutes, sign;

        if (skip(&text, "Zz")) {
                *ret_seconds = 0;
                return *text ? -EINVAL : 0;
        }
        sign = *text == '-' ? -1 : 1;
        if (!skip(&text, "+-") || parse_digits(&text, 2, 0, 23, &hours) < 0 || !skip(&text, ":") ||
            parse_digits(&text, 2, 0, 59, &minutes) < 0 || *text)
                return -EINVAL;
        *ret_seconds = sign * (hours * 3600 + minutes * 60);
        return 0;
}

int instant_parse(const char *text, time_t *ret) {
        struct tm tm = {}, again;
        int offset, year, month;
        time_t t;

        if (parse_digits(&text, 4, 1970, 9999, &year) < 0 || !skip(&text, "-") ||
            parse_digits(&text, 2, 1, 12, &month) < 0 || !skip(&text, "-") ||
            parse_digits(&text, 2, 1, 31, &tm.tm_mday) < 0 || !skip(&text, "Tt ") ||
            parse_digits(&text, 2, 0, 23, &tm.tm_hour) < 0 || !skip(&text, ":") ||
            parse_digits(&text, 2, 0, 59, &tm.tm_min) < 0 || !skip(&text, ":") ||
            parse_digits(&text, 2, 0, 59, &tm.tm_sec) < 0)
                return -EINVAL;
        if (skip(&text, ".")) {
                if (!isdigit((unsigned char) *text))
                        return -EINVAL;
                while (isdigit((unsigned char) *text))
                        text++;
        }
        if (parse_zone(text, &offset) < 0)
                return -EINVAL;
        tm.tm_year = year - 1900;
        tm.tm_mon = month - 1;
        again = tm;
        t = timegm(&again);
        if (again.tm_mday != tm.tm_mday) /* 30 February */
                return -EINVAL;
        *ret = t - offset;
        return 0;
}
