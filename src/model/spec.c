/* SPDX-License-Identifier: Apache-2.0 */

#include "model/spec.h"

#include <ctype.h>
#include <string.h>

#include "basic/hex.h"

#define COMMIT_ID_LENGTH 40U
#define IMAGE_SUFFIX ".tar"

static int refuse(Fault *f, const char *what, const char *expected, const char *text, size_t length) {
        return fault_set(f, EINVAL, what, expected, "'%.*s'", (int) (length > 200 ? 200 : length), text);
}

static bool is_name_character(char c) {
        return isalnum((unsigned char) c) || c == '-' || c == '_' || c == '.';
}

/* "--" and ".." are the hub's own exceptions; without the first, a name with '/' as "--" stands for itself alone. */
static bool is_name_part(const char *text, size_t length) {
        if (length == 0 || length > MODEL_NAME_MAX || text[0] == '-' || text[0] == '.' || text[length - 1] == '-' ||
            text[length - 1] == '.')
                return false;
        for (size_t i = 0; i < length; i++)
                if (!is_name_character(text[i]) ||
                    (i > 0 && text[i] == text[i - 1] && (text[i] == '-' || text[i] == '.')))
                        return false;
        return true;
}

static bool is_name(const char *text, size_t length) {
        const char *slash = memchr(text, '/', length);
        size_t first = slash ? (size_t) (slash - text) : length;

        return is_name_part(text, first) && (!slash || is_name_part(slash + 1, length - first - 1));
}

/* A revision may be a branch with slashes in it; nothing in it may change the path or the query of a URL. */
static bool is_revision(const char *text, size_t length) {
        if (length == 0 || length > MODEL_COMMIT_MAX || text[0] == '-' || text[0] == '.' || text[0] == '/')
                return false;
        for (size_t i = 0; i < length; i++)
                if ((!is_name_character(text[i]) && text[i] != '/') || (i > 0 && text[i] == '.' && text[i - 1] == '.'))
                        return false;
        return true;
}

int model_spec_parse(const char *text, ModelSpec *ret, Fault *ret_fault) {
        size_t name = strcspn(text, "@"), commit;
        ModelSpec spec = {};

        if (!is_name(text, name))
                return refuse(ret_fault, "model name", "NAME or OWNER/NAME of letters, digits, '-', '_' and '.'", text, name);
        memcpy(spec.name, text, name);
        text += name;
        if (*text == '@') {
                text++;
                commit = strcspn(text, ":");
                if (!is_revision(text, commit))
                        return refuse(ret_fault, "model commit", "a commit id, branch or tag after '@'", text, commit);
                memcpy(spec.commit, text, commit);
                text += commit;
        }
        if (*text == ':') {
                text++;
                if (hex_decode(text, strlen(text), spec.root_hash, sizeof(spec.root_hash)) < 0)
                        return refuse(ret_fault, "model root hash", "64 hexadecimal digits after ':'", text, strlen(text));
                spec.has_root_hash = true;
        }
        *ret = spec;
        return 0;
}

bool model_commit_is_id(const char *commit) {
        return strlen(commit) == COMMIT_ID_LENGTH && strspn(commit, "0123456789abcdef") == COMMIT_ID_LENGTH;
}

char *model_image_name(const ModelSpec *spec) {
        const char *slash = strchr(spec->name, '/');
        int first = (int) (slash ? slash - spec->name : (ptrdiff_t) strlen(spec->name));
        char *name;

        if (asprintf(&name, "%.*s%s%s@%s" IMAGE_SUFFIX, first, spec->name, slash ? "--" : "", slash ? slash + 1 : "",
                     spec->commit) < 0)
                return NULL;
        return name;
}

int model_spec_from_image_name(const char *file, ModelSpec *ret) {
        size_t length = strlen(file), suffix = strlen(IMAGE_SUFFIX);
        char text[sizeof(ret->name) + sizeof(ret->commit) + 2];
        const char *dashes = strstr(file, "--"), *at = strchr(file, '@');
        ModelSpec spec;
        int r;

        if (length <= suffix || strcmp(file + length - suffix, IMAGE_SUFFIX) != 0 || !at || length >= sizeof(text))
                return -EINVAL;
        length -= suffix;
        if (dashes && dashes < at)
                (void) snprintf(text, sizeof(text), "%.*s/%.*s", (int) (dashes - file), file,
                                (int) (length - (size_t) (dashes + 2 - file)), dashes + 2);
        else
                (void) snprintf(text, sizeof(text), "%.*s", (int) length, file);
        r = model_spec_parse(text, &spec, NULL);
        if (r < 0)
                return r;
        if (spec.has_root_hash || !spec.commit[0])
                return -EINVAL;
        *ret = spec;
        return 0;
}
