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
#define OCSP_ANSWERS_BYTES_MAX (1024U * 1024) /* all together; decoded, hostile ones take twenty times as much */
#define OCSP_SINGLES_MAX 16  /* certificates that one answer is about; real ones have one */
#define OCSP_KEY_SIZE    32U

typedef enum OcspStatus {
        OCSP_STATUS_GOOD,
        OCSP_STATUS_REVOKED,
        OCSP_STATUS_UNKNOWN,
        OCSP_STATUS_INVALID, /* an answer for this certificate that its issuer did not sign */
        OCSP_STATUS_MISSING, /* no answer for this certificate that is valid at the time judged */
} OcspStatus;

typedef struct OcspAnswers OcspAnswers;

/* A certificate for which there was no answer that helps (none, stale ones, forged ones). */
typedef struct OcspWant {
        X509 *cert, *issuer;        /* owned */
        uint8_t key[OCSP_KEY_SIZE]; /* of issuer's key and serial number: a name for the question */
        bool met;                   /* by what ocsp_answers_set_lookup() found */
        bool asked;                 /* a service was, and has answered or has not */
        char service[128];          /* its URL */
        Fault denied;               /* why it gave no answer; `found` is empty when it did */
        size_t answer;              /* what it gave, as a number for ocsp_answers_get() */
} OcspWant;

/* Where else an answer may be, under the key of the question. 0 and the DER, the caller's; -ENOENT. */
typedef int (*OcspLookup)(void *userdata, const uint8_t key[static OCSP_KEY_SIZE], uint8_t **ret, size_t *ret_size);

OcspAnswers *ocsp_answers_new(void);
OcspAnswers *ocsp_answers_free(OcspAnswers *a);
DEFINE_CLEANUP_FUNC(OcspAnswers *, ocsp_answers_free)

/* One DER OCSPResponse. 0; -EBADMSG (with *ret_fault) when it is malformed or says anything but "successful";
 * -E2BIG over a limit; -ENOMEM. What is not taken is counted, and told when an answer is missed later. */
int ocsp_answers_add(OcspAnswers *a, const uint8_t *der, size_t size, Fault *ret_fault);

/* Counts something that was to be an answer but could not even be read. */
void ocsp_answers_skip(OcspAnswers *a);

typedef struct OcspFinding {
        const char *reason; /* OpenSSL's name of the revocation reason (static) or NULL */
        bool nonce_matches; /* the answer that counts was asked for by us, and has the nonce that it was asked with */
        Fault fault;        /* filled unless good */
} OcspFinding;

/* What is known of `chain`'s certificate `index`, at the verifier's time. Of several valid answers the worst counts.
 * Where nothing is known it is remembered as a want. */
OcspStatus ocsp_check(OcspAnswers *a, CertVerifier *v, const CertChain *chain, size_t index, OcspFinding *ret);

/* Answers whose thisUpdate is longer ago than this many seconds are as if they were not there; 0: as long as they say
 * themselves. */
void ocsp_answers_set_max_age(OcspAnswers *a, uint64_t seconds);

/* Asked once for every certificate that the answers at hand do not help. */
void ocsp_answers_set_lookup(OcspAnswers *a, OcspLookup lookup, void *userdata);

/* What ocsp_check() has missed, each certificate once; `i` from 0 up, NULL at the end. Borrowed. */
OcspWant *ocsp_answers_want(const OcspAnswers *a, size_t i);

/* What a service has answered to one of these, or why it has not. ocsp_answers_give(): as ocsp_answers_add();
 * `nonce_matches`: with the nonce of the question. */
int ocsp_answers_give(OcspAnswers *a, OcspWant *want, const uint8_t *der, size_t size, bool nonce_matches,
                      Fault *ret_fault);
void ocsp_answers_deny(OcspAnswers *a, OcspWant *want, const Fault *why);

/* Changes whenever ocsp_check() may say something else than before. */
unsigned ocsp_answers_generation(const OcspAnswers *a);

typedef struct OcspAnswerView {
        const uint8_t *der; /* as it came; borrowed */
        size_t size;
        bool good;          /* it is why a certificate was found good */
        time_t next_update; /* of the first certificate that it is about */
} OcspAnswerView;

/* Every answer, in the order in which they came. False at the end. */
bool ocsp_answers_get(const OcspAnswers *a, size_t i, OcspAnswerView *ret);
