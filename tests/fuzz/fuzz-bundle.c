/* SPDX-License-Identifier: Apache-2.0 */

#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "attest/bundle.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* What is taken from a bundle has names that are names, and is judged like anything else. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        const CollateralOptions options = { .ocsp = true, .device_time = time(NULL), .rim_time = time(NULL) };
        _cleanup_(collateral_freep) Collateral *c = NULL;
        _cleanup_free_ char *again = NULL;
        static bool ready;
        Fault fault;

        if (!ready)
                ready = rim_library_init() >= 0;
        if (collateral_open(&options, &c, &fault) < 0)
                abort();
        if (bundle_parse((const char *) data, size, c, &fault) < 0)
                return 0;
        for (size_t i = 0; i < c->n_stored && i < 4; i++) {
                const RimEntry *e;

                if (!rim_id_is_valid(c->stored[i].id) || strchr(c->stored[i].id, '/'))
                        abort();
                e = collateral_rim(c, c->stored[i].id);
                /* Nobody here has NVIDIA's keys. */
                if (!e || rim_entry_is_good(e))
                        abort();
        }
        if (bundle_format(c, 0, &again) < 0)
                abort();
        return 0;
}
