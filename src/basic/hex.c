/* SPDX-License-Identifier: Apache-2.0 */

#include "basic/hex.h"

#include <errno.h>
#include <stdlib.h>

static int digit_value(char c) {
        if (c >= '0' && c <= '9')
                return c - '0';
        if (c >= 'a' && c <= 'f')
                return c - 'a' + 10;
        if (c >= 'A' && c <= 'F')
                return c - 'A' + 10;
        return -1;
}

int hex_decode(const char *text, size_t length, uint8_t *ret, size_t size) {
        if (length % 2 != 0 || length / 2 != size)
                return -EINVAL;
        for (size_t i = 0; i < length; i++)
                if (digit_value(text[i]) < 0)
                        return -EINVAL;
        for (size_t i = 0; i < size; i++)
                ret[i] = (uint8_t) (digit_value(text[2 * i]) << 4 | digit_value(text[2 * i + 1]));
        return 0;
}

char *hex_encode(const void *data, size_t size, char *ret) {
        static const char digits[] = "0123456789abcdef";
        const uint8_t *bytes = data;

        for (size_t i = 0; i < size; i++) {
                ret[2 * i] = digits[bytes[i] >> 4];
                ret[2 * i + 1] = digits[bytes[i] & 15];
        }
        ret[2 * size] = 0;
        return ret;
}

char *hex_encode_alloc(const void *data, size_t size) {
        char *text = malloc(2 * size + 1);

        return text ? hex_encode(data, size, text) : NULL;
}
