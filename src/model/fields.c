/* SPDX-License-Identifier: Apache-2.0 */

#include "model/fields.h"

#include <errno.h>
#include <string.h>
#include <strings.h>

#include "basic/cleanup.h"
#include "model/decimal.h"

#define BLANKS " \t"

/* A piece of the value, not NUL terminated. */
typedef struct Span {
        const char *data;
        size_t size;
} Span;

static void skip_blanks(const char **at) {
        *at += strspn(*at, BLANKS);
}

/* A parameter's value: a quoted string, without its quotes, or all up to what may follow one. */
static int take_value(const char **at, Span *ret) {
        const char *p = *at;

        if (*p != '"') {
                *ret = (Span){ p, strcspn(p, BLANKS ";,\"") };
                *at += ret->size;
                return 0;
        }
        for (p++; *p && *p != '"'; p++)
                if (*p == '\\' && *++p == 0)
                        return -EBADMSG;
        if (!*p)
                return -EBADMSG;
        *ret = (Span){ *at + 1, (size_t) (p - *at) - 1 };
        *at = p + 1;
        return 0;
}

static bool is_word(Span s, const char *word) {
        return s.size == strlen(word) && strncasecmp(s.data, word, s.size) == 0;
}

/* Relation types are separated by blanks. */
static bool has_type(Span types, const char *type) {
        while (types.size > 0) {
                Span word = { types.data, 0 };

                while (word.size < types.size && !strchr(BLANKS, word.data[word.size]))
                        word.size++;
                if (is_word(word, type))
                        return true;
                word.size += word.size < types.size;
                types = (Span){ types.data + word.size, types.size - word.size };
        }
        return false;
}

/* The parameters of a link, of which only the first "rel" counts. */
static int take_parameters(const char **at, Span *ret_types) {
        bool found = false;
        int r;

        for (skip_blanks(at); **at == ';'; skip_blanks(at)) {
                Span name, value = {};

                (*at)++;
                skip_blanks(at);
                name = (Span){ *at, strcspn(*at, BLANKS "=;,\"") };
                *at += name.size;
                skip_blanks(at);
                if (**at == '=') {
                        (*at)++;
                        skip_blanks(at);
                        r = take_value(at, &value);
                        if (r < 0)
                                return r;
                }
                if (!found && is_word(name, "rel")) {
                        found = true;
                        *ret_types = value;
                }
        }
        return **at && **at != ',' ? -EBADMSG : 0;
}

int field_next_link(const char *value, char **ret) {
        for (;;) {
                Span target, types = {};
                int r;

                value += strspn(value, BLANKS ",");
                if (!*value)
                        return 0;
                target = (Span){ value + 1, strcspn(value, ">") - 1 };
                if (*value != '<' || !target.data[target.size])
                        return -EBADMSG;
                value = target.data + target.size + 1;
                r = take_parameters(&value, &types);
                if (r < 0)
                        return r;
                if (!has_type(types, "next"))
                        continue;
                *ret = strndup(target.data, target.size);
                return *ret ? 1 : -ENOMEM;
        }
}

int field_content_range(const char *value, ContentRange *ret) {
        ContentRange range = {};

        if (strncasecmp(value, "bytes ", 6) != 0)
                return -EBADMSG;
        value += 6;
        if (!decimal_take(&value, '-', &range.first) || !decimal_take(&value, '/', &range.last) || range.last < range.first)
                return -EBADMSG;
        range.has_size = strcmp(value, "*") != 0;
        if (range.has_size && (!decimal_take(&value, 0, &range.size) || range.last >= range.size))
                return -EBADMSG;
        *ret = range;
        return 0;
}
