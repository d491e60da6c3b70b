/* SPDX-License-Identifier: Apache-2.0 */

#include "model/runtime.h"

#include <stdio.h>
#include <string.h>

enum {
        VAR_NAME,
        VAR_COMMIT,
        VAR_ROOT_HASH,
        _VAR_MAX,
};

static const struct {
        const char *key;
        const char *expected;
        size_t max;
} variables[_VAR_MAX] = {
        [VAR_NAME]      = { "MODEL_NAME",        "NAME or OWNER/NAME",                    2 * MODEL_NAME_MAX + 1 },
        [VAR_COMMIT]    = { "MODEL_COMMIT",      "40 lower-case hexadecimal digits",      MODEL_COMMIT_MAX       },
        [VAR_ROOT_HASH] = { "MODEL_VERITY_HASH", "64 hexadecimal digits",                 2 * ROOT_HASH_SIZE     },
};

/* A piece of the text, not NUL terminated. */
typedef struct Span {
        const char *data;
        size_t size;
} Span;

/* Keys are not held to a shell's names, as no shell reads them here; a blank or control character in one is a sign
 * of another format. */
static bool is_key(Span key) {
        for (size_t i = 0; i < key.size; i++)
                if (key.data[i] <= ' ' || key.data[i] > '~')
                        return false;
        return key.size > 0;
}

static int take_variable(Span key, Span value, Span *found, Fault *f) {
        for (size_t i = 0; i < _VAR_MAX; i++) {
                if (key.size != strlen(variables[i].key) || memcmp(key.data, variables[i].key, key.size) != 0)
                        continue;
                if (found[i].data)
                        return fault_set(f, EBADMSG, variables[i].key, "once in the runtime variables", "twice");
                if (value.size == 0 || value.size > variables[i].max)
                        return fault_set(f, EBADMSG, variables[i].key, variables[i].expected, "%zu characters",
                                         value.size);
                found[i] = value;
                return 0;
        }
        return 0;
}

static int take_line(Span line, size_t number, Span *found, Fault *f) {
        const char *equals = memchr(line.data, '=', line.size);
        Span key = { line.data, equals ? (size_t) (equals - line.data) : 0 };

        if (line.size == 0)
                return 0;
        /* The line itself is not quoted: it may be a token in the wrong place. */
        if (!equals || !is_key(key))
                return fault_set(f, EBADMSG, "runtime variables", "lines KEY=VALUE", "another line %zu", number);
        return take_variable(key, (Span){ equals + 1, line.size - key.size - 1 }, found, f);
}

static int find_variables(const char *text, size_t size, Span found[static _VAR_MAX], Fault *f) {
        size_t at = 0;
        int r;

        for (size_t number = 1; at < size; number++) {
                const char *end = memchr(text + at, '\n', size - at);
                Span line = { text + at, end ? (size_t) (end - text) - at : size - at };

                r = take_line(line, number, found, f);
                if (r < 0)
                        return r;
                at += line.size + 1;
        }
        for (size_t i = 0; i < _VAR_MAX; i++)
                if (!found[i].data)
                        return fault_set(f, EBADMSG, variables[i].key, "one in the runtime variables", "none");
        return 0;
}

/* Through the specification's own parser, so that a name means the same here as everywhere. A separator inside a
 * value cannot move the borders: what comes out must be what went in. */
static int parse_found(const Span found[static _VAR_MAX], ModelSpec *ret, Fault *f) {
        char text[sizeof(ret->name) + sizeof(ret->commit) + 2 * ROOT_HASH_SIZE + 3];
        ModelSpec spec;
        int r;

        (void) snprintf(text, sizeof(text), "%.*s@%.*s:%.*s", (int) found[VAR_NAME].size, found[VAR_NAME].data,
                        (int) found[VAR_COMMIT].size, found[VAR_COMMIT].data, (int) found[VAR_ROOT_HASH].size,
                        found[VAR_ROOT_HASH].data);
        r = model_spec_parse(text, &spec, f);
        if (r < 0)
                return -EBADMSG;
        if (strlen(spec.name) != found[VAR_NAME].size || strlen(spec.commit) != found[VAR_COMMIT].size ||
            !model_commit_is_id(spec.commit))
                return fault_set(f, EBADMSG, variables[VAR_COMMIT].key, variables[VAR_COMMIT].expected, "'%.*s'",
                                 (int) found[VAR_COMMIT].size, found[VAR_COMMIT].data);
        *ret = spec;
        return 0;
}

int runtime_vars_read_model(const char *text, size_t size, ModelSpec *ret, Fault *ret_fault) {
        Span found[_VAR_MAX] = {};
        int r;

        if (size > RUNTIME_VARS_MAX)
                return fault_set(ret_fault, EBADMSG, "runtime variables", "at most 64 KiB", "%zu bytes", size);
        if (memchr(text, '\0', size))
                return fault_set(ret_fault, EBADMSG, "runtime variables", "lines KEY=VALUE", "a NUL byte");
        r = find_variables(text, size, found, ret_fault);
        if (r < 0)
                return r;
        return parse_found(found, ret, ret_fault);
}
