/* SPDX-License-Identifier: Apache-2.0 */

#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "model/spec.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* What a specification says is what its image's name says again. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        _cleanup_free_ char *text = strndup((const char *) data, size), *name = NULL;
        ModelSpec spec, again;
        Fault fault;

        if (!text || model_spec_parse(text, &spec, &fault) < 0) {
                if (text && model_spec_from_image_name(text, &spec) >= 0 && strchr(spec.commit, '@'))
                        abort();
                return 0;
        }
        if (!spec.commit[0] || strchr(spec.commit, '/'))
                return 0;
        name = model_image_name(&spec);
        if (!name || strchr(name, '/') || model_spec_from_image_name(name, &again) < 0 ||
            strcmp(again.name, spec.name) != 0 || strcmp(again.commit, spec.commit) != 0)
                abort();
        return 0;
}
