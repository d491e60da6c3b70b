/* SPDX-License-Identifier: Apache-2.0 */

#include "attest/ocsp.h"

#include <inttypes.h>
#include <openssl/ocsp.h>
#include <string.h>

/* How far the clocks of responder and verifier may be apart, and how long an answer without nextUpdate is fresh. */
#define CLOCK_SKEW_SEC       300
#define DEFAULT_LIFETIME_SEC 3600

DEFINE_CLEANUP_FUNC(OCSP_BASICRESP *, OCSP_BASICRESP_free)

typedef struct OcspAnswer {
        uint8_t *der;
        size_t size;
        OCSP_BASICRESP *basic;
        const CertVerifier *verified_by; /* whom `signature_good` is about; NULL: not tried */
        bool signature_good;
        bool good; /* see OcspAnswerView */
        bool nonce_matches;
} OcspAnswer;

struct OcspAnswers {
        OcspAnswer *items;
        size_t n_items;
        size_t n_bytes;   /* of all answers, encoded */
        size_t n_skipped; /* that were none */

        OcspWant **wants;
        size_t n_wants;
        uint64_t max_age; /* seconds; 0: none */
        OcspLookup lookup;
        void *lookup_data;
        unsigned generation;
};

OcspAnswers *ocsp_answers_new(void) {
        return calloc(1, sizeof(OcspAnswers));
}

static void want_free(OcspWant *w) {
        X509_free(w->cert);
        X509_free(w->issuer);
        free(w);
}

OcspAnswers *ocsp_answers_free(OcspAnswers *a) {
        if (!a)
                return NULL;
        for (size_t i = 0; i < a->n_items; i++) {
                OCSP_BASICRESP_free(a->items[i].basic);
                free(a->items[i].der);
        }
        for (size_t i = 0; i < a->n_wants; i++)
                want_free(a->wants[i]);
        free(a->wants);
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
        _cleanup_(OCSP_BASICRESP_freep) OCSP_BASICRESP *basic = NULL;
        _cleanup_free_ uint8_t *copy = NULL;
        OcspAnswer *items;

        if (size > OCSP_ANSWER_MAX || a->n_items >= OCSP_ANSWERS_MAX || size > OCSP_ANSWERS_BYTES_MAX - a->n_bytes)
                return fault_set(ret_fault, E2BIG, "OCSP answers", "at most 1024 of at most 16 KiB, 1 MiB in all",
                                 "%zu bytes, number %zu", size, a->n_items + 1);
        basic = parse_basic(der, size, ret_fault);
        if (!basic)
                return -EBADMSG;
        copy = malloc(size);
        items = reallocarray(a->items, a->n_items + 1, sizeof(*items));
        if (items)
                a->items = items;
        if (!copy || !items)
                return -ENOMEM;
        memcpy(copy, der, size);
        a->items[a->n_items++] = (OcspAnswer){ .der = TAKE_PTR(copy), .size = size, .basic = TAKE_PTR(basic) };
        a->n_bytes += size;
        a->generation++;
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

static bool is_timely(OCSP_BASICRESP *basic, OCSP_SINGLERESP *single, time_t at, uint64_t max_age, Fault *f) {
        char now[64], from[32], to[32];
        time_t produced, this_update, next_update;
        struct tm tm;

        if (find_times(basic, single, &produced, &this_update, &next_update) < 0) {
                (void) fault_set(f, EBADMSG, "OCSP answer", "times", "none that can be read");
                return false;
        }
        (void) strftime(now, sizeof(now), "valid at %FT%TZ", gmtime_r(&at, &tm));
        (void) strftime(from, sizeof(from), "%FT%TZ", gmtime_r(&this_update, &tm));
        if (this_update <= at + CLOCK_SKEW_SEC && produced <= at + CLOCK_SKEW_SEC && at <= next_update) {
                if (max_age == 0 || this_update >= at || (uint64_t) (at - this_update) <= max_age)
                        return true;
                (void) snprintf(now, sizeof(now), "one of the last %" PRIu64 " seconds", max_age);
                (void) fault_set(f, ESTALE, "OCSP answer", now, "one of %s", from);
                return false;
        }
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
                        uint64_t max_age, const char **ret_reason, Fault *f) {
        int reason = -1, status;

        if (!is_timely(answer->basic, single, cert_verifier_time(v), max_age, f))
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

/* What the answers at hand say. */
static OcspStatus weigh(OcspAnswers *a, CertVerifier *v, const CertChain *chain, Question *q, OcspFinding *ret) {
        OcspStatus worst = OCSP_STATUS_MISSING;
        size_t chosen = 0;

        *ret = (OcspFinding){};
        (void) fault_set(&ret->fault, ENOENT, "OCSP answer", "one for this certificate",
                         a->n_skipped > 0 ? "none; %zu files could not be taken as answers" : "none", a->n_skipped);
        for (size_t i = 0; i < a->n_items; i++)
                for (int k = 0; k < OCSP_resp_count(a->items[i].basic); k++) {
                        OCSP_SINGLERESP *single = OCSP_resp_get0(a->items[i].basic, k);
                        const char *reason = NULL;
                        OcspStatus status;
                        Fault fault;

                        if (!is_about(single, q))
                                continue;
                        status = judge(&a->items[i], single, v, chain, a->max_age, &reason, &fault);
                        if (weight[status] < weight[worst])
                                continue;
                        worst = status;
                        chosen = i;
                        ret->reason = reason;
                        ret->nonce_matches = a->items[i].nonce_matches;
                        if (status != OCSP_STATUS_GOOD)
                                ret->fault = fault;
                }
        if (worst == OCSP_STATUS_GOOD)
                a->items[chosen].good = true;
        return worst;
}

static int make_key(const Question *q, uint8_t ret[static OCSP_KEY_SIZE]) {
        const ASN1_INTEGER *serial = X509_get0_serialNumber(q->cert);
        unsigned n = OCSP_KEY_SIZE;
        uint8_t digests[2 * OCSP_KEY_SIZE];

        if (X509_pubkey_digest(q->issuer, EVP_sha256(), digests, &n) != 1 ||
            EVP_Digest(ASN1_STRING_get0_data(serial), (size_t) ASN1_STRING_length(serial), digests + OCSP_KEY_SIZE, &n,
                       EVP_sha256(), NULL) != 1 ||
            EVP_Digest(digests, sizeof(digests), ret, &n, EVP_sha256(), NULL) != 1)
                return -ENOMEM;
        return 0;
}

static int add_want(OcspAnswers *a, const Question *q, const uint8_t *key, OcspWant **ret) {
        OcspWant **wants = reallocarray(a->wants, a->n_wants + 1, sizeof(*wants)), *w;

        if (wants)
                a->wants = wants;
        w = wants ? calloc(1, sizeof(*w)) : NULL;
        if (!w)
                return -ENOMEM;
        (void) X509_up_ref(q->cert);
        (void) X509_up_ref(q->issuer);
        w->cert = q->cert;
        w->issuer = q->issuer;
        memcpy(w->key, key, sizeof(w->key));
        a->wants[a->n_wants++] = w;
        *ret = w;
        return 1;
}

/* 1 when it is a new one, 0 when not, -ENOMEM. */
static int remember_want(OcspAnswers *a, const Question *q, OcspWant **ret) {
        uint8_t key[OCSP_KEY_SIZE];

        if (make_key(q, key) < 0)
                return -ENOMEM;
        for (size_t i = 0; i < a->n_wants; i++)
                if (memcmp(a->wants[i]->key, key, sizeof(key)) == 0) {
                        *ret = a->wants[i];
                        return 0;
                }
        return add_want(a, q, key, ret);
}

/* Whether there is something new to weigh. */
static bool look_up(OcspAnswers *a, const OcspWant *want) {
        _cleanup_free_ uint8_t *der = NULL;
        Fault ignored;
        size_t size;

        return a->lookup && a->lookup(a->lookup_data, want->key, &der, &size) >= 0 &&
               ocsp_answers_add(a, der, size, &ignored) >= 0;
}

/* What the service had to say belongs to the reason why there is nothing. */
static void explain(const OcspWant *want, Fault *f) {
        const Fault before = *f;

        if (*want->denied.found)
                (void) fault_set(f, 0, before.what, want->denied.expected, "%s; %s", before.found, want->denied.found);
        else
                (void) fault_set(f, 0, before.what, before.expected, "%s, from %s", before.found, want->service);
}

OcspStatus ocsp_check(OcspAnswers *a, CertVerifier *v, const CertChain *chain, size_t index, OcspFinding *ret) {
        _cleanup_(question_done) Question q = { .cert = chain->certs[index], .issuer = chain->certs[index + 1] };
        OcspStatus status;
        OcspWant *want;
        int r;

        status = weigh(a, v, chain, &q, ret);
        if (status != OCSP_STATUS_MISSING && status != OCSP_STATUS_INVALID)
                return status;
        r = remember_want(a, &q, &want);
        if (r > 0 && look_up(a, want)) {
                status = weigh(a, v, chain, &q, ret);
                want->met = status != OCSP_STATUS_MISSING && status != OCSP_STATUS_INVALID;
        }
        if (r == 0 && want->asked && status == OCSP_STATUS_MISSING)
                explain(want, &ret->fault);
        return status;
}

void ocsp_answers_set_max_age(OcspAnswers *a, uint64_t seconds) {
        a->max_age = seconds;
}

void ocsp_answers_set_lookup(OcspAnswers *a, OcspLookup lookup, void *userdata) {
        a->lookup = lookup;
        a->lookup_data = userdata;
}

OcspWant *ocsp_answers_want(const OcspAnswers *a, size_t i) {
        return i < a->n_wants ? a->wants[i] : NULL;
}

int ocsp_answers_give(OcspAnswers *a, OcspWant *want, const uint8_t *der, size_t size, bool nonce_matches,
                      Fault *ret_fault) {
        int r;

        r = ocsp_answers_add(a, der, size, ret_fault);
        if (r < 0)
                return r;
        want->asked = true;
        want->answer = a->n_items - 1;
        a->items[want->answer].nonce_matches = nonce_matches;
        return 0;
}

void ocsp_answers_deny(OcspAnswers *a, OcspWant *want, const Fault *why) {
        want->asked = true;
        want->denied = *why;
        a->generation++;
}

unsigned ocsp_answers_generation(const OcspAnswers *a) {
        return a->generation;
}

bool ocsp_answers_get(const OcspAnswers *a, size_t i, OcspAnswerView *ret) {
        const OcspAnswer *answer;
        OCSP_SINGLERESP *single;
        time_t ignored;

        if (i >= a->n_items)
                return false;
        answer = &a->items[i];
        *ret = (OcspAnswerView){ .der = answer->der, .size = answer->size, .good = answer->good };
        single = OCSP_resp_get0(answer->basic, 0);
        if (single)
                (void) find_times(answer->basic, single, &ignored, &ignored, &ret->next_update);
        return true;
}
