/* SPDX-License-Identifier: Apache-2.0 */

#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <time.h>

#include "attest/ocsp-request.h"
#include "attest/ocsp.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* A chain in PEM, a NUL, and an answer that may be about any of its certificates. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        _cleanup_(ocsp_answers_freep) OcspAnswers *answers = ocsp_answers_new();
        _cleanup_(cert_verifier_freep) CertVerifier *verifier = NULL;
        _cleanup_(certchain_done) CertChain chain = {};
        _cleanup_(ocsp_request_done) OcspRequest request = {};
        const uint8_t *end = memchr(data, 0, size);
        OcspFinding found;
        bool nonce_matches;
        Fault fault;

        if (!answers || !end || certchain_parse_pem((const char *) data, (size_t) (end - data), NULL, &chain, &fault) < 0)
                return 0;
        if (chain.n_certs > 1 && ocsp_request_make(chain.certs[0], chain.certs[1], &request) >= 0)
                (void) ocsp_request_check(&request, end + 1, size - (size_t) (end + 1 - data), true,
                                          &nonce_matches, &fault);
        /* Answers of the corpus are fresh when it is made. */
        verifier = cert_verifier_new(chain.certs[chain.n_certs - 1], time(NULL));
        if (!verifier || ocsp_answers_add(answers, end + 1, size - (size_t) (end + 1 - data), &fault) < 0)
                return 0;
        for (size_t i = 0; i + 1 < chain.n_certs; i++)
                (void) ocsp_check(answers, verifier, &chain, i, &found);
        return 0;
}
