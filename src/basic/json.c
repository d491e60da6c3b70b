/* SPDX-License-Identifier: Apache-2.0 */

#include "basic/json.h"

#include <stdint.h>
#include <string.h>

/* json-c accepts more than RFC 8259 and keeps the last of two equal keys; what comes from an adversary is checked
 * here first, byte by byte, with the memory of a few words. */
typedef struct Scanner {
        const char *text;
        size_t size, at;
        size_t values_left;
        int depth_left;
} Scanner;

static bool at_any(const Scanner *s, const char *characters) {
        return s->at < s->size && s->text[s->at] && strchr(characters, s->text[s->at]);
}

static void skip_space(Scanner *s) {
        while (at_any(s, " \t\r\n"))
                s->at++;
}

static bool take(Scanner *s, char c) {
        if (s->at >= s->size || s->text[s->at] != c)
                return false;
        s->at++;
        return true;
}

static bool is_hex(char c) {
        return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
}

static int scan_escape(Scanner *s) {
        if (at_any(s, "\"\\/bfnrt")) {
                s->at++;
                return 0;
        }
        if (!take(s, 'u') || s->size - s->at < 4)
                return -EBADMSG;
        for (int i = 0; i < 4; i++)
                if (!is_hex(s->text[s->at++]))
                        return -EBADMSG;
        return 0;
}

static int scan_string(Scanner *s) {
        if (!take(s, '"'))
                return -EBADMSG;
        while (s->at < s->size) {
                unsigned char c = (unsigned char) s->text[s->at++];

                if (c == '"')
                        return 0;
                if (c < 0x20 || (c == '\\' && scan_escape(s) < 0))
                        return -EBADMSG;
        }
        return -EBADMSG;
}

static size_t scan_digits(Scanner *s) {
        size_t n = 0;

        for (; s->at < s->size && s->text[s->at] >= '0' && s->text[s->at] <= '9'; n++)
                s->at++;
        return n;
}

static int scan_number(Scanner *s) {
        bool zero;
        size_t n;

        (void) take(s, '-');
        zero = s->at < s->size && s->text[s->at] == '0';
        n = scan_digits(s);
        if (n == 0 || (zero && n > 1) || (take(s, '.') && scan_digits(s) == 0))
                return -EBADMSG;
        if (take(s, 'e') || take(s, 'E')) {
                if (!take(s, '+'))
                        (void) take(s, '-');
                if (scan_digits(s) == 0)
                        return -EBADMSG;
        }
        return 0;
}

static int scan_value(Scanner *s);

static int scan_members(Scanner *s, char close, bool keys) {
        int r;

        s->at++;
        skip_space(s);
        if (take(s, close))
                return 0;
        for (;;) {
                skip_space(s);
                if (keys) {
                        r = scan_string(s);
                        if (r < 0)
                                return r;
                        skip_space(s);
                        if (!take(s, ':'))
                                return -EBADMSG;
                }
                r = scan_value(s);
                if (r < 0)
                        return r;
                if (take(s, close))
                        return 0;
                if (!take(s, ','))
                        return -EBADMSG;
        }
}

static int scan_literal(Scanner *s) {
        static const char *const literals[] = { "true", "false", "null" };

        for (size_t i = 0; i < ELEMENTSOF(literals); i++) {
                size_t n = strlen(literals[i]);

                if (s->size - s->at >= n && memcmp(s->text + s->at, literals[i], n) == 0) {
                        s->at += n;
                        return 0;
                }
        }
        return scan_number(s);
}

/* Recursion is bounded by depth_left. */
static int scan_value(Scanner *s) {
        int r;

        skip_space(s);
        if (s->at >= s->size)
                return -EBADMSG;
        if (s->values_left == 0)
                return -E2BIG;
        s->values_left--;
        if (s->text[s->at] == '{' || s->text[s->at] == '[') {
                bool object = s->text[s->at] == '{';

                if (s->depth_left == 0)
                        return -EBADMSG;
                s->depth_left--;
                r = scan_members(s, object ? '}' : ']', object);
                s->depth_left++;
        } else if (s->text[s->at] == '"')
                r = scan_string(s);
        else
                r = scan_literal(s);
        skip_space(s);
        return r;
}

/* How many members all objects have, to be compared with how many json-c kept: fewer means equal keys. */
static size_t count_values(json_object *o) {
        size_t n = 1;

        if (json_object_is_type(o, json_type_object)) {
                json_object_object_foreach(o, key, value) {
                        (void) key;
                        n += count_values(value);
                }
        } else if (json_object_is_type(o, json_type_array))
                for (size_t i = 0; i < json_object_array_length(o); i++)
                        n += count_values(json_object_array_get_idx(o, i));
        return n;
}

static void tokener_free(json_tokener *t) {
        json_tokener_free(t);
}
DEFINE_CLEANUP_FUNC(json_tokener *, tokener_free)

int json_parse(const char *text, size_t size, int depth, size_t values, json_object **ret) {
        Scanner s = { .text = text, .size = size, .values_left = values, .depth_left = depth };
        _cleanup_(tokener_freep) json_tokener *tokener = NULL;
        _cleanup_json_ json_object *o = NULL;
        int r;

        if (size > INT32_MAX)
                return -E2BIG;
        r = scan_value(&s);
        if (r < 0)
                return r;
        if (s.at != size)
                return -EBADMSG;
        tokener = json_tokener_new_ex(depth + 1);
        if (!tokener)
                return -ENOMEM;
        json_tokener_set_flags(tokener, JSON_TOKENER_STRICT | JSON_TOKENER_VALIDATE_UTF8);
        o = json_tokener_parse_ex(tokener, text, (int) size);
        /* A bare number has no end of its own. */
        if (json_tokener_get_error(tokener) == json_tokener_continue)
                o = json_tokener_parse_ex(tokener, "", -1);
        if (json_tokener_get_error(tokener) != json_tokener_success)
                return -EBADMSG;
        if (count_values(o) != values - s.values_left)
                return -EBADMSG;
        *ret = TAKE_PTR(o);
        return 0;
}

static int get_typed(json_object *object, const char *key, json_type type, json_object **ret) {
        json_object *value;

        if (!json_object_is_type(object, json_type_object) || !json_object_object_get_ex(object, key, &value))
                return -ENOENT;
        if (!json_object_is_type(value, type))
                return -EBADMSG;
        *ret = value;
        return 0;
}

int json_get_string(json_object *object, const char *key, const char **ret) {
        json_object *value;
        int r;

        r = get_typed(object, key, json_type_string, &value);
        if (r < 0)
                return r;
        if (strlen(json_object_get_string(value)) != (size_t) json_object_get_string_len(value))
                return -EBADMSG;
        *ret = json_object_get_string(value);
        return 0;
}

int json_get_array(json_object *object, const char *key, json_object **ret) {
        return get_typed(object, key, json_type_array, ret);
}

int json_get_object(json_object *object, const char *key, json_object **ret) {
        return get_typed(object, key, json_type_object, ret);
}

int json_add(json_object *object, const char *key, json_object *value) {
        if (json_object_object_add(object, key, value) == 0)
                return 0;
        (void) json_object_put(value);
        return -ENOMEM;
}

int json_add_string(json_object *object, const char *key, const char *value) {
        json_object *o = value ? json_object_new_string(value) : NULL;

        return value && !o ? -ENOMEM : json_add(object, key, o);
}

int json_add_bool(json_object *object, const char *key, bool value) {
        json_object *o = json_object_new_boolean(value);

        return o ? json_add(object, key, o) : -ENOMEM;
}

int json_add_int(json_object *object, const char *key, int64_t value) {
        json_object *o = json_object_new_int64(value);

        return o ? json_add(object, key, o) : -ENOMEM;
}
