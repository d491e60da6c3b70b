/* SPDX-License-Identifier: Apache-2.0 */

#include "attest/ocsp.h"

#include <openssl/ocsp.h>
#include <string.h>

/* How far the clocks of responder and verifier may be apart, and how long an answer without nextUpdate is fresh. */
#define CLOCK_SKEW_SEC       300
#define DEFAULT_LIFETIME_SEC 3600

typedef struct OcspAnswer {
        OCSP_BASICRESP *basic;
        const CertVerifier *verified_by; /* whom `signature_good` is about; NULL: not tried */
        bool signature_good;
} OcspAnswer;

struct OcspAnswers {
        OcspAnswer *items;
        size_t n_items;
        size_t n_bytes;   /* of all answers, encoded */
        size_t n_skipped; /* that were none */
};

OcspAnswers *ocsp_answers_new(void) {
        return calloc(1, sizeof(OcspAnswers));
}

OcspAnswers *ocsp_answers_free(OcspAnswers *a) {
        if (!a)
                return NULL;
        for (size_t i = 0; i < a->n_items; i++)
                OCSP_BASICRESP_free(a->items[i].basic);
        free(a->items);
        free(a);
        return NULL;
}

static OCSP_BASICRESP *parse_basic(const uint8_t *der, size_t size, Fault *f) {
        const unsigned char *p = der;
        OCSP_BASICRESP *basic = NULL;
        OCSP_RESPONSE *response;

        response = d2i_OCSP_RESPONSE(NULL, &p, (long) size);
        if (!response || p != der + size)
                (void) fault_set(f, EBADMSG, "OCSP answer", "one DER OCSPResponse", "%zu bytes that are not", size);
        else if (OCSP_response_status(response) != OCSP_RESPONSE_STATUS_SUCCESSFUL)
                (void) fault_set(f, EBADMSG, "OCSP answer", "response status successful", "%s",
                                 OCSP_response_status_str(OCSP_response_status(response)));
        else {
                basic = OCSP_response_get1_basic(response);
                if (!basic)
                        (void) fault_set(f, EBADMSG, "OCSP answer", "a basic response", "another type");
                else if (OCSP_resp_count(basic) > OCSP_SINGLES_MAX) {
                        (void) fault_set(f, EBADMSG, "OCSP answer", "at most 16 certificates that it is about", "%d",
                                         OCSP_resp_count(basic));
                        OCSP_BASICRESP_free(basic);
                        basic = NULL;
                }
        }
        OCSP_RESPONSE_free(response);
        return basic;
}

void ocsp_answers_skip(OcspAnswers *a) {
        a->n_skipped++;
}

static int add_answer(OcspAnswers *a, const uint8_t *der, size_t size, Fault *ret_fault) {
        OCSP_BASICRESP *basic;
        OcspAnswer *items;

        if (size > OCSP_ANSWER_MAX || a->n_items >= OCSP_ANSWERS_MAX || size > OCSP_ANSWERS_BYTES_MAX - a->n_bytes)
                return fault_set(ret_fault, E2BIG, "OCSP answers", "at most 1024 of at most 16 KiB, 2 MiB in all",
                                 "%zu bytes, number %zu", size, a->n_items + 1);
        basic = parse_basic(der, size, ret_fault);
        if (!basic)
                return -EBADMSG;
        items = reallocarray(a->items, a->n_items + 1, sizeof(*items));
        if (!items) {
                OCSP_BASICRESP_free(basic);
                return -ENOMEM;
        }
        a->items = items;
        a->items[a->n_items++] = (OcspAnswer){ .basic = basic };
        a->n_bytes += size;
        return 0;
}

int ocsp_answers_add(OcspAnswers *a, const uint8_t *der, size_t size, Fault *ret_fault) {
        int r;

        r = add_answer(a, der, size, ret_fault);
        if (r < 0)
                ocsp_answers_skip(a);
        return r;
}

/* The digests that responders answer in; others are not asked for by anyone. */
static const int id_digests[] = { NID_sha1, NID_sha256, NID_sha384 };

/* A certificate that is asked about, and its ids as far as an answer needed them. */
typedef struct Question {
        X509 *cert, *issuer;
        OCSP_CERTID *ids[ELEMENTSOF(id_digests)];
} Question;

static void question_done(Question *q) {
        for (size_t i = 0; i < ELEMENTSOF(q->ids); i++)
                OCSP_CERTID_free(q->ids[i]);
}

/* The number comes first because it is cheap to compare. */
static bool is_about(const OCSP_SINGLERESP *single, Question *q) {
        const OCSP_CERTID *id = OCSP_SINGLERESP_get0_id(single);
        ASN1_OBJECT *algorithm;
        ASN1_INTEGER *serial;
        int nid;

        if (OCSP_id_get0_info(NULL, &algorithm, NULL, &serial, (OCSP_CERTID *) (uintptr_t) id) != 1 ||
            ASN1_INTEGER_cmp(serial, X509_get0_serialNumber(q->cert)) != 0)
                return false;
        nid = OBJ_obj2nid(algorithm);
        for (size_t i = 0; i < ELEMENTSOF(id_digests); i++) {
                if (id_digests[i] != nid)
                        continue;
                if (!q->ids[i])
                        q->ids[i] = OCSP_cert_to_id(EVP_get_digestbynid(nid), q->cert, q->issuer);
                return q->ids[i] && OCSP_id_cmp(q->ids[i], id) == 0;
        }
        return false;
}

static int find_times(OCSP_BASICRESP *basic, OCSP_SINGLERESP *single, time_t *ret_produced, time_t *ret_this,
                      time_t *ret_next) {
        ASN1_GENERALIZEDTIME *this_update = NULL, *next_update = NULL;

        (void) OCSP_single_get0_status(single, NULL, NULL, &this_update, &next_update);
        if (asn1_time_to_seconds(OCSP_resp_get0_produced_at(basic), ret_produced) < 0 ||
            asn1_time_to_seconds(this_update, ret_this) < 0)
                return -EBADMSG;
        if (!next_update)
                *ret_next = *ret_this + DEFAULT_LIFETIME_SEC;
        else if (asn1_time_to_seconds(next_update, ret_next) < 0)
                return -EBADMSG;
        return 0;
}

static bool is_timely(OCSP_BASICRESP *basic, OCSP_SINGLERESP *single, time_t at, Fault *f) {
        char now[32], from[32], to[32];
        time_t produced, this_update, next_update;
        struct tm tm;

        if (find_times(basic, single, &produced, &this_update, &next_update) < 0) {
                (void) fault_set(f, EBADMSG, "OCSP answer", "times", "none that can be read");
                return false;
        }
        if (this_update <= at + CLOCK_SKEW_SEC && produced <= at + CLOCK_SKEW_SEC && at <= next_update)
                return true;
        (void) strftime(now, sizeof(now), "valid at %FT%TZ", gmtime_r(&at, &tm));
        (void) strftime(from, sizeof(from), "%FT%TZ", gmtime_r(&this_update, &tm));
        (void) strftime(to, sizeof(to), "%FT%TZ", gmtime_r(&next_update, &tm));
        (void) fault_set(f, ESTALE, "OCSP answer", now, "one valid from %s to %s", from, to);
        return false;
}

/* OCSP_basic_verify(3) finds the responder's certificate, checks the signature, builds its chain to the anchor
 * (through the verifier's store, so at the same point in time) and demands that the issuer named in the answer
 * delegated it. NOEXPLICIT: the anchor itself is no general responder. */
static bool verify_answer(const OcspAnswer *answer, CertVerifier *v, const CertChain *chain) {
        STACK_OF(X509) *certs = sk_X509_new_null();
        X509 *signer = NULL;
        bool good = certs;

        for (size_t i = 0; good && i < chain->n_certs; i++)
                good = sk_X509_push(certs, chain->certs[i]) > 0;
        /* OpenSSL uses the responder's key before it knows whose that is: an enormous one would take its time. */
        good = good && OCSP_resp_get0_signer(answer->basic, &signer, certs) == 1 && cert_key_is_p384(signer) &&
               OCSP_basic_verify(answer->basic, certs, cert_verifier_store(v), OCSP_NOEXPLICIT) == 1;
        sk_X509_free(certs);
        return good;
}

static bool is_signed(OcspAnswer *answer, CertVerifier *v, const CertChain *chain) {
        if (answer->verified_by != v) {
                answer->signature_good = verify_answer(answer, v, chain);
                answer->verified_by = v;
        }
        return answer->signature_good;
}

static OcspStatus judge(OcspAnswer *answer, OCSP_SINGLERESP *single, CertVerifier *v, const CertChain *chain,
                        const char **ret_reason, Fault *f) {
        int reason = -1, status;

        if (!is_timely(answer->basic, single, cert_verifier_time(v), f))
                return OCSP_STATUS_MISSING;
        if (!is_signed(answer, v, chain)) {
                (void) fault_set(f, EBADMSG, "OCSP answer: signature",
                                 "by the certificate's issuer or a responder it delegated", "another or a broken one");
                return OCSP_STATUS_INVALID;
        }
        status = OCSP_single_get0_status(single, &reason, NULL, NULL, NULL);
        if (status == V_OCSP_CERTSTATUS_GOOD)
                return OCSP_STATUS_GOOD;
        if (status == V_OCSP_CERTSTATUS_REVOKED) {
                *ret_reason = reason >= 0 ? OCSP_crl_reason_str(reason) : "unspecified";
                (void) fault_set(f, EKEYREVOKED, "OCSP status", "good", "revoked, %s", *ret_reason);
                return OCSP_STATUS_REVOKED;
        }
        (void) fault_set(f, EKEYREJECTED, "OCSP status", "good", "unknown to its issuer");
        return OCSP_STATUS_UNKNOWN;
}

/* How much an outcome weighs when several answers speak of one certificate: revoked beats all. A good answer beats a
 * forged or stale one, which anybody could have put beside it. */
static const unsigned weight[] = {
        [OCSP_STATUS_MISSING] = 0,
        [OCSP_STATUS_INVALID] = 1,
        [OCSP_STATUS_GOOD]    = 2,
        [OCSP_STATUS_UNKNOWN] = 3,
        [OCSP_STATUS_REVOKED] = 4,
};

OcspStatus ocsp_check(OcspAnswers *a, CertVerifier *v, const CertChain *chain, size_t index, const char **ret_reason,
                      Fault *ret_fault) {
        _cleanup_(question_done) Question q = { .cert = chain->certs[index], .issuer = chain->certs[index + 1] };
        OcspStatus worst = OCSP_STATUS_MISSING;

        *ret_reason = NULL;
        (void) fault_set(ret_fault, ENOENT, "OCSP answer", "one for this certificate",
                         a->n_skipped > 0 ? "none; %zu files could not be taken as answers" : "none", a->n_skipped);
        for (size_t i = 0; i < a->n_items; i++)
                for (int k = 0; k < OCSP_resp_count(a->items[i].basic); k++) {
                        OCSP_SINGLERESP *single = OCSP_resp_get0(a->items[i].basic, k);
                        const char *reason = NULL;
                        OcspStatus status;
                        Fault fault;

                        if (!is_about(single, &q))
                                continue;
                        status = judge(&a->items[i], single, v, chain, &reason, &fault);
                        if (weight[status] < weight[worst])
                                continue;
                        worst = status;
                        *ret_reason = reason;
                        if (status != OCSP_STATUS_GOOD)
                                *ret_fault = fault;
                }
        return worst;
}
