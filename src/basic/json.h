/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Helpers over json-c: reading text that may be hostile with limits, and taking typed members. */

#include <json-c/json.h>
#include <stdbool.h>
#include <stddef.h>

#include "basic/cleanup.h"

typedef struct json_object json_object;

static inline void json_object_putp(json_object **p) {
        if (*p)
                (void) json_object_put(*p);
}
#define _cleanup_json_ _cleanup_(json_object_putp)

/* Parses one complete JSON value: strict grammar, UTF-8, nothing but white space after it, at most `depth` nested
 * levels and `values` values in all (counted before anything is allocated, so that memory is bounded), no key twice
 * in one object. 0, -EBADMSG when it is not that, -E2BIG over the number of values, -ENOMEM. The caller owns *ret. */
int json_parse(const char *text, size_t size, int depth, size_t values, json_object **ret);

/* Members of an object, borrowed from it. 0, -ENOENT when there is none of that name, -EBADMSG when it has another
 * type (strings with a NUL in them included). */
int json_get_string(json_object *object, const char *key, const char **ret);
int json_get_array(json_object *object, const char *key, json_object **ret);
int json_get_object(json_object *object, const char *key, json_object **ret);

/* Adds a member, which `object` then owns; `value` may be NULL for null. 0 or -ENOMEM, and then `value` is freed. */
int json_add(json_object *object, const char *key, json_object *value);
int json_add_string(json_object *object, const char *key, const char *value); /* NULL adds null */
int json_add_bool(json_object *object, const char *key, bool value);
int json_add_int(json_object *object, const char *key, int64_t value);
