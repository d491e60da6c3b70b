/* SPDX-License-Identifier: Apache-2.0 */

#include <stddef.h>
#include <stdint.h>

#include "attest/evidence.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        EvidenceSet *set = NULL;
        Fault fault;

        if (evidence_set_parse((const char *) data, size, &set, &fault) >= 0)
                evidence_set_free(set);
        return 0;
}
