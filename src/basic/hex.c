/* SPDX-License-Identifier: Apache-2.0 */

#include "basic/hex.h"

#include <openssl/evp.h>
#include <stdbool.h>
#include <string.h>

#include "basic/cleanup.h"

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

static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/* How many '=' end a text that is otherwise in the alphabet, or -EINVAL. */
static int count_padding(const char *text, size_t length) {
        int padding = 0;

        if (length % 4 != 0)
                return -EINVAL;
        while (padding < 2 && (size_t) padding < length && text[length - 1 - (size_t) padding] == '=')
                padding++;
        for (size_t i = 0; i < length - (size_t) padding; i++)
                if (!text[i] || !strchr(alphabet, text[i]))
                        return -EINVAL;
        return padding;
}

/* The last digit before the padding has bits that stand for nothing; another value there would be a second spelling
 * of the same bytes. */
static bool is_canonical(const char *text, size_t length, int padding) {
        unsigned unused = padding == 2 ? 0xf : padding == 1 ? 0x3 : 0;
        const char *last;

        if (unused == 0)
                return true;
        last = strchr(alphabet, text[length - 1 - (size_t) padding]);
        return last && !((unsigned) (last - alphabet) & unused);
}

int base64_decode(const char *text, size_t length, uint8_t **ret, size_t *ret_size) {
        _cleanup_free_ uint8_t *data = NULL;
        int padding, n;

        padding = count_padding(text, length);
        if (padding < 0 || !is_canonical(text, length, padding) || length > 1U << 30)
                return -EINVAL;
        data = malloc(length / 4 * 3 + 1);
        if (!data)
                return -ENOMEM;
        n = length > 0 ? EVP_DecodeBlock(data, (const unsigned char *) text, (int) length) : 0;
        if (n < padding)
                return -EINVAL;
        data[n - padding] = 0;
        *ret = TAKE_PTR(data);
        *ret_size = (size_t) (n - padding);
        return 0;
}

char *base64_encode(const void *data, size_t size) {
        char *text = malloc((size + 2) / 3 * 4 + 1);

        if (text) {
                text[0] = 0;
                (void) EVP_EncodeBlock((unsigned char *) text, data, (int) size);
        }
        return text;
}

char *base64url_encode(const void *data, size_t size) {
        char *text = base64_encode(data, size);

        if (!text)
                return NULL;
        for (char *p = text; *p; p++) {
                if (*p == '+')
                        *p = '-';
                else if (*p == '/')
                        *p = '_';
                else if (*p == '=')
                        *p = 0;
                if (!*p)
                        break;
        }
        return text;
}
