/* SPDX-License-Identifier: Apache-2.0 */

#include "attest/chainstatus.h"

static const char *const ocsp_words[] = {
        [OCSP_STATUS_GOOD]    = "good",
        [OCSP_STATUS_REVOKED] = "revoked",
        [OCSP_STATUS_UNKNOWN] = "unknown",
        [OCSP_STATUS_INVALID] = NULL,
        [OCSP_STATUS_MISSING] = NULL,
};

void chain_status_judge_path(ChainStatus *s, CertVerifier *v, const CertChain *chain, size_t n_certs) {
        struct tm tm;
        time_t end;
        int r;

        if (certchain_expiration(chain, &end) >= 0 && gmtime_r(&end, &tm))
                (void) strftime(s->expiration, sizeof(s->expiration), "%FT%TZ", &tm);
        r = cert_verifier_check(v, chain, n_certs, &s->path.fault);
        s->authentic = r >= 0 || r == -EKEYEXPIRED;
        s->status = r >= 0 ? "valid" : r == -EKEYEXPIRED ? "expired" : "invalid";
        if (r >= 0)
                check_pass(&s->path, "%zu certificates, valid until %s", chain->n_certs, s->expiration);
        else
                s->path.state = CHECK_FAILED;
}

/* Which of several certificates' outcomes a chain has: one that is revoked is never hidden behind one that nothing is
 * known of. */
static const unsigned weight[] = {
        [OCSP_STATUS_GOOD]    = 0,
        [OCSP_STATUS_MISSING] = 1,
        [OCSP_STATUS_INVALID] = 2,
        [OCSP_STATUS_UNKNOWN] = 3,
        [OCSP_STATUS_REVOKED] = 4,
};

void chain_status_judge_revocation(ChainStatus *s, CertVerifier *v, const CertChain *chain, OcspAnswers *answers,
                                   size_t first) {
        OcspStatus worst = OCSP_STATUS_GOOD;

        if (!answers) {
                check_off(&s->ocsp, "not asked");
                return;
        }
        if (!s->authentic)
                return;
        check_pass(&s->ocsp, "good for %zu certificates", chain->n_certs - 1 - first);
        s->answers_valid = s->nonces_match = true;
        for (size_t i = first; i + 1 < chain->n_certs; i++) {
                OcspFinding found;
                OcspStatus status;

                status = ocsp_check(answers, v, chain, i, &found);
                s->nonces_match = s->nonces_match && found.nonce_matches;
                if (status == OCSP_STATUS_MISSING || status == OCSP_STATUS_INVALID)
                        s->answers_valid = false;
                if (weight[status] <= weight[worst])
                        continue;
                worst = status;
                s->ocsp.state = status == OCSP_STATUS_MISSING ? CHECK_MISSING : CHECK_FAILED;
                s->revocation_reason = found.reason;
                (void) fault_set(&s->ocsp.fault, 0, found.fault.what, found.fault.expected, "%s (certificate %zu)",
                                 found.fault.found, i);
        }
        s->ocsp_status = ocsp_words[worst];
        if (worst == OCSP_STATUS_REVOKED)
                s->status = "revoked";
}
