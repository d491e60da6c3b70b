/* SPDX-License-Identifier: Apache-2.0 */

#include "model/claim.h"

#include <fcntl.h>
#include <string.h>

#include "basic/hex.h"
#include "basic/io.h"
#include "basic/json.h"

#define CLAIM_MAX (64U * 1024)

/* NULL when the specification is not whole, for there is no such model then. */
static char *spec_to_text(const ModelSpec *spec, const char *root_hash) {
        char *text;

        if (!spec->name[0] || !spec->commit[0])
                return NULL;
        return asprintf(&text, "%s@%s:%s", spec->name, spec->commit, root_hash) < 0 ? NULL : text;
}

static int fill(json_object *o, const ModelSpec *spec, const DiskOptions *options, uint64_t size) {
        char root_hash[2 * ROOT_HASH_SIZE + 1];
        _cleanup_free_ char *text = spec_to_text(spec, hex_encode(spec->root_hash, ROOT_HASH_SIZE, root_hash));
        const struct {
                const char *key, *value;
        } members[] = {
                { "name",        spec->name[0] ? spec->name : NULL     },
                { "commit",      spec->commit[0] ? spec->commit : NULL },
                { "root_hash",   root_hash                             },
                { "spec",        text                                  },
                { "data_device", options->data_device                  },
                { "tree_device", options->tree_device                  },
                { "mapping",     "/dev/mapper/" MODEL_MAPPING          },
                { "mount_point", options->mount_point                  },
        };

        for (size_t i = 0; i < ELEMENTSOF(members); i++)
                if (json_add_string(o, members[i].key, members[i].value) < 0)
                        return -ENOMEM;
        if (json_add_bool(o, "panic_on_corruption", options->panic_on_corruption) < 0)
                return -ENOMEM;
        return json_add_int(o, "size", (int64_t) size);
}

int claim_write(const ModelSpec *spec, const DiskOptions *options, uint64_t size) {
        _cleanup_json_ json_object *o = json_object_new_object();
        _cleanup_free_ char *line = NULL;
        const char *text;

        if (!o || fill(o, spec, options, size) < 0)
                return -ENOMEM;
        text = json_object_to_json_string_ext(o, JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE);
        if (!text || asprintf(&line, "%s\n", text) < 0)
                return -ENOMEM;
        return write_file_atomic(MODEL_CLAIM, line, strlen(line), 0644);
}

int claim_remove(void) {
        return unlink(MODEL_CLAIM) < 0 && errno != ENOENT ? -errno : 0;
}

int claim_read_mount_point(char **ret) {
        _cleanup_free_ uint8_t *text = NULL;
        _cleanup_json_ json_object *o = NULL;
        const char *path;
        size_t size;
        int r;

        r = read_file_at(AT_FDCWD, MODEL_CLAIM, CLAIM_MAX, &text, &size);
        if (r < 0)
                return r;
        r = json_parse((const char *) text, size, 2, 32, &o);
        if (r < 0)
                return r;
        r = json_get_string(o, "mount_point", &path);
        if (r < 0)
                return -EBADMSG;
        *ret = strdup(path);
        return *ret ? 0 : -ENOMEM;
}
