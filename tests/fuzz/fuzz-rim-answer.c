/* SPDX-License-Identifier: Apache-2.0 */

#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "attest/rim-answer.h"
#include "attest/rim.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* The id that was asked for, a line end, and the answer. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        const uint8_t *end = memchr(data, '\n', size);
        _cleanup_free_ uint8_t *xml = NULL;
        _cleanup_free_ char *id = NULL;
        size_t n = 0;
        Fault fault;

        if (!end)
                return 0;
        id = strndup((const char *) data, (size_t) (end - data));
        if (id && rim_answer_parse((const char *) end + 1, size - (size_t) (end + 1 - data), id, &xml, &n, &fault) >= 0 &&
            (!xml || n == 0 || n > RIM_FILE_MAX))
                abort();
        return 0;
}
