/* SPDX-License-Identifier: Apache-2.0 */

#include <stddef.h>
#include <stdint.h>

#include <stdbool.h>

#include "attest/rim.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        _cleanup_(certchain_done) CertChain chain = {};
        _cleanup_(rim_content_done) RimContent content = {};
        _cleanup_(rim_freep) Rim *rim = NULL;
        static bool ready;
        Fault fault;

        if (!ready)
                ready = rim_library_init() >= 0;
        if (rim_parse(data, size, &rim, &fault) < 0)
                return 0;
        if (rim_check_schema(rim, &fault) >= 0)
                (void) rim_read_content(rim, &content);
        /* Whatever signed it: the verification must survive any document. */
        if (rim_read_chain(rim, &chain, &fault) >= 0 && chain.n_certs > 0)
                (void) rim_check_signature(rim, chain.certs[0], &fault);
        return 0;
}
