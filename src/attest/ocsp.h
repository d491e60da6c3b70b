/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Revocation by stored OCSP answers (RFC 6960): each must name the certificate asked about, be signed by its issuer
 * or by a responder that this issuer delegated, and be inside its own period of validity. */

#include <stddef.h>
#include <stdint.h>

#include "attest/certchain.h"
#include "basic/fault.h"

#define OCSP_ANSWER_MAX  (16U * 1024)
#define OCSP_ANSWERS_MAX 1024U
#define OCSP_ANSWERS_BYTES_MAX (2U * 1024 * 1024) /* all together */
#define OCSP_SINGLES_MAX 16  /* certificates that one answer is about; real ones have one */

typedef enum OcspStatus {
        OCSP_STATUS_GOOD,
        OCSP_STATUS_REVOKED,
        OCSP_STATUS_UNKNOWN,
        OCSP_STATUS_INVALID, /* an answer for this certificate that its issuer did not sign */
        OCSP_STATUS_MISSING, /* no answer for this certificate that is valid at the time judged */
} OcspStatus;

typedef struct OcspAnswers OcspAnswers;

OcspAnswers *ocsp_answers_new(void);
OcspAnswers *ocsp_answers_free(OcspAnswers *a);
DEFINE_CLEANUP_FUNC(OcspAnswers *, ocsp_answers_free)

/* One DER OCSPResponse. 0; -EBADMSG (with *ret_fault) when it is malformed or says anything but "successful";
 * -E2BIG over a limit; -ENOMEM. What is not taken is counted, and told when an answer is missed later. */
int ocsp_answers_add(OcspAnswers *a, const uint8_t *der, size_t size, Fault *ret_fault);

/* Counts something that was to be an answer but could not even be read. */
void ocsp_answers_skip(OcspAnswers *a);

/* What is known of `chain`'s certificate `index`, at the verifier's time. Of several valid answers the worst counts.
 * *ret_reason is OpenSSL's name of the revocation reason (static) or NULL; *ret_fault is filled unless good. */
OcspStatus ocsp_check(OcspAnswers *a, CertVerifier *v, const CertChain *chain, size_t index, const char **ret_reason,
                      Fault *ret_fault);
