/* SPDX-License-Identifier: Apache-2.0 */

#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "basic/hex.h"
#include "model/runtime.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static bool is_in(const uint8_t *data, size_t size, const char *key, const char *value) {
        _cleanup_free_ char *line = NULL;

        if (asprintf(&line, "%s=%s", key, value) < 0)
                return true;
        return memmem(data, size, line, strlen(line));
}

/* What comes out stands in the text, as it is, and is a specification again. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        char root_hash[2 * ROOT_HASH_SIZE + 1];
        _cleanup_free_ char *text = NULL;
        ModelSpec spec, again;
        Fault fault;

        if (runtime_vars_read_model((const char *) data, size, &spec, &fault) < 0)
                return 0;
        hex_encode(spec.root_hash, ROOT_HASH_SIZE, root_hash);
        if (!is_in(data, size, "MODEL_NAME", spec.name) || !is_in(data, size, "MODEL_COMMIT", spec.commit) ||
            !spec.has_root_hash || !model_commit_is_id(spec.commit))
                abort();
        if (asprintf(&text, "%s@%s:%s", spec.name, spec.commit, root_hash) < 0)
                return 0;
        if (model_spec_parse(text, &again, NULL) < 0 || strcmp(spec.name, again.name) != 0 ||
            strcmp(spec.commit, again.commit) != 0 || memcmp(spec.root_hash, again.root_hash, ROOT_HASH_SIZE) != 0)
                abort();
        return 0;
}
