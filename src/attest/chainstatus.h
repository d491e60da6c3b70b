/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* A chain's path and its revocation together, in the words of NVIDIA's cert-chain claims. */

#include "attest/certchain.h"
#include "attest/check.h"
#include "attest/ocsp.h"

typedef struct ChainStatus {
        bool authentic; /* signed up to the anchor, whatever its dates and revocation say */
        Check path, ocsp;
        char expiration[32];    /* earliest notAfter, RFC 3339; empty when there is none */
        const char *status;     /* "valid", "invalid", "expired", "revoked"; NULL when not judged; static */
        const char *ocsp_status; /* "good", "revoked", "unknown"; NULL when not known; static */
        const char *revocation_reason; /* OpenSSL's name; static */
        bool answers_valid; /* one for every certificate, each signed and timely, whatever it says */
        bool nonces_match;  /* these were all asked for by us, with the nonces that they have */
} ChainStatus;

/* Shape, signatures and dates. `n_certs` as for cert_verifier_check(). */
void chain_status_judge_path(ChainStatus *s, CertVerifier *v, const CertChain *chain, size_t n_certs);

/* Certificates `first` up to but without the root at OCSP; nothing for a chain that is not authentic. `answers` NULL:
 * OCSP is off. */
void chain_status_judge_revocation(ChainStatus *s, CertVerifier *v, const CertChain *chain, OcspAnswers *answers,
                                   size_t first);
