/* SPDX-License-Identifier: Apache-2.0 */

#include "basic/unit-name.h"

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "basic/cleanup.h"
#include "basic/hex.h"

#define SUFFIX        ".service"
#define UNIT_NAME_MAX 255U

static bool is_plain(char c) {
        return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || c == ':' || c == '_' || c == '.';
}

int unit_name_make(const char *prefix, const char *instance, char **ret) {
        size_t n = strlen(prefix), size = n + 4 * strlen(instance) + sizeof(SUFFIX);
        _cleanup_free_ char *name = malloc(size);
        char *p = name;

        if (!name)
                return -ENOMEM;
        p = stpcpy(p, prefix);
        for (const char *c = instance; *c; c++)
                if (*c == '/')
                        *p++ = '-';
                else if (is_plain(*c) && !(*c == '.' && c == instance))
                        *p++ = *c;
                else
                        p += sprintf(p, "\\x%02x", (unsigned char) *c);
        p = stpcpy(p, SUFFIX);
        if ((size_t) (p - name) > UNIT_NAME_MAX)
                return -ENAMETOOLONG;
        *ret = TAKE_PTR(name);
        return 0;
}

static int unescape(const char *text, size_t size, char *ret) {
        for (size_t i = 0; i < size; i++) {
                uint8_t byte;

                if (text[i] == '-')
                        *ret++ = '/';
                else if (text[i] != '\\')
                        *ret++ = text[i];
                else if (size - i >= 4 && text[i + 1] == 'x' && hex_decode(text + i + 2, 2, &byte, 1) >= 0 && byte != 0) {
                        *ret++ = (char) byte;
                        i += 3;
                } else
                        return -EINVAL;
        }
        *ret = 0;
        return 0;
}

int unit_name_instance(const char *unit, const char *prefix, char **ret) {
        size_t n = strlen(prefix), length = strlen(unit);
        _cleanup_free_ char *instance = NULL, *again = NULL;
        int r;

        if (length <= n + strlen(SUFFIX) || strncmp(unit, prefix, n) != 0 || strcmp(unit + length - strlen(SUFFIX), SUFFIX) != 0)
                return -EINVAL;
        length -= n + strlen(SUFFIX);
        instance = malloc(length + 1);
        if (!instance)
                return -ENOMEM;
        r = unescape(unit + n, length, instance);
        if (r >= 0)
                r = unit_name_make(prefix, instance, &again);
        if (r < 0)
                return r == -ENAMETOOLONG ? -EINVAL : r;
        /* One object, one name. */
        if (strcmp(again, unit) != 0)
                return -EINVAL;
        *ret = TAKE_PTR(instance);
        return 0;
}
