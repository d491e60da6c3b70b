/* SPDX-License-Identifier: Apache-2.0 */

#include "model/decimal.h"

bool decimal_take(const char **text, char end, uint64_t *ret) {
        const char *p = *text;
        uint64_t value = 0;

        for (; *p >= '0' && *p <= '9'; p++)
                if (__builtin_mul_overflow(value, 10, &value) ||
                    __builtin_add_overflow(value, (uint64_t) (*p - '0'), &value))
                        return false;
        if (p == *text || *p != end)
                return false;
        *text = end ? p + 1 : p;
        *ret = value;
        return true;
}
