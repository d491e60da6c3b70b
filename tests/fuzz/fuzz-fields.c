/* SPDX-License-Identifier: Apache-2.0 */

#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "basic/cleanup.h"
#include "model/fields.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* A target stands in the value, between its brackets. */
static void check_link(const char *value) {
        _cleanup_free_ char *target = NULL;
        _cleanup_free_ char *bracketed = NULL;

        if (field_next_link(value, &target) != 1)
                return;
        if (asprintf(&bracketed, "<%s>", target) < 0)
                return;
        if (!strstr(value, bracketed) || strchr(target, '>'))
                abort();
}

/* Both fields, of the same value. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        _cleanup_free_ char *value = strndup((const char *) data, size);
        ContentRange range;

        if (!value)
                return 0;
        check_link(value);
        if (field_content_range(value, &range) >= 0 && (range.last < range.first || (range.has_size && range.last >= range.size)))
                abort();
        return 0;
}
