/* SPDX-License-Identifier: Apache-2.0 */

#include "model/stamp.h"

#include <string.h>

#include "basic/hex.h"
#include "basic/io.h"
#include "basic/json.h"

#define STAMP_SIZE_MAX 4096U
#define DEPTH_MAX      2
#define VALUES_MAX     8U

static int read_stamp(json_object *o, const uint8_t *root, Stamp *ret) {
        uint8_t stated[ROOT_HASH_SIZE];
        const char *text;
        json_object *value;

        if (json_get_string(o, "root_hash", &text) < 0 || hex_decode(text, strlen(text), stated, sizeof(stated)) < 0)
                return -EBADMSG;
        if (memcmp(stated, root, sizeof(stated)) != 0)
                return -ENOENT;
        if (!json_object_object_get_ex(o, "intact", &value) || !json_object_is_type(value, json_type_boolean))
                return -EBADMSG;
        ret->intact = json_object_get_boolean(value);
        if (!json_object_object_get_ex(o, "usec", &value) || !json_object_is_type(value, json_type_int) ||
            json_object_get_int64(value) < 0 || json_get_string(o, "reason", &text) < 0)
                return -EBADMSG;
        ret->usec = (uint64_t) json_object_get_int64(value);
        (void) snprintf(ret->reason, sizeof(ret->reason), "%s", text);
        return 0;
}

int stamp_read(int dir_fd, const char *image, const uint8_t root[static ROOT_HASH_SIZE], Stamp *ret) {
        _cleanup_json_ json_object *o = NULL;
        _cleanup_free_ uint8_t *text = NULL;
        _cleanup_free_ char *path = NULL;
        Stamp stamp = {};
        size_t size;
        int r;

        if (asprintf(&path, "%s.verified", image) < 0) {
                path = NULL;
                return -ENOMEM;
        }
        r = read_file_nofollow_at(dir_fd, path, STAMP_SIZE_MAX, &text, &size);
        if (r >= 0)
                r = json_parse((const char *) text, size, DEPTH_MAX, VALUES_MAX, &o);
        if (r >= 0)
                r = read_stamp(o, root, &stamp);
        if (r < 0)
                return r;
        *ret = stamp;
        return 0;
}

int stamp_write(const char *image, const uint8_t root[static ROOT_HASH_SIZE], const Stamp *stamp) {
        _cleanup_json_ json_object *o = json_object_new_object();
        _cleanup_free_ char *path = NULL;
        char hex[2 * ROOT_HASH_SIZE + 1];
        const char *text;

        if (asprintf(&path, "%s.verified", image) < 0) {
                path = NULL;
                return -ENOMEM;
        }
        if (!o || json_add_string(o, "root_hash", hex_encode(root, ROOT_HASH_SIZE, hex)) < 0 ||
            json_add_bool(o, "intact", stamp->intact) < 0 || json_add_int(o, "usec", (int64_t) stamp->usec) < 0 ||
            json_add_string(o, "reason", stamp->reason) < 0)
                return -ENOMEM;
        text = json_object_to_json_string_ext(o, JSON_C_TO_STRING_PLAIN);
        return text ? write_file_atomic(path, text, strlen(text), 0644) : -ENOMEM;
}
