/* SPDX-License-Identifier: Apache-2.0 */

/* Apart from hex.c, so that who needs no base64 does not load OpenSSL for it. */

#include <openssl/evp.h>
#include <stdbool.h>
#include <string.h>

#include "basic/cleanup.h"
#include "basic/hex.h"

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
