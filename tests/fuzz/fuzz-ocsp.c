/* SPDX-License-Identifier: Apache-2.0 */

#include <stddef.h>
#include <stdint.h>

#include "attest/ocsp.h"
#include "attest/roots.h"

/* The answer is asked about the root, as if it had issued itself: enough to walk through every field. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        _cleanup_(ocsp_answers_freep) OcspAnswers *answers = ocsp_answers_new();
        _cleanup_(cert_verifier_freep) CertVerifier *verifier = NULL;
        _cleanup_(certchain_done) CertChain chain = { .certs = { root_device(), root_device() }, .n_certs = 2 };
        const char *reason;
        Fault fault;

        if (!answers || !chain.certs[0] || !chain.certs[1])
                return 0;
        verifier = cert_verifier_new(chain.certs[1], 1750000000);
        if (verifier && ocsp_answers_add(answers, data, size, &fault) >= 0)
                (void) ocsp_check(answers, verifier, &chain, 0, &reason, &fault);
        return 0;
}
