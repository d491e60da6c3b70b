/* SPDX-License-Identifier: Apache-2.0 */

#include "attest/certchain.h"

#include <ctype.h>
#include <openssl/evp.h>
#include <openssl/obj_mac.h>
#include <openssl/x509v3.h>
#include <string.h>

#include "basic/hex.h"

#define PEM_BEGIN "-----BEGIN CERTIFICATE-----"
#define PEM_END   "-----END CERTIFICATE-----"

/* More than any set of devices needs; beyond it a signature is just verified again. */
#define MEMO_MAX 512U

/* 128 bits (X509_VERIFY_PARAM_set_auth_level(3)); every key and digest of real chains has more. */
#define SECURITY_LEVEL 3

typedef struct MemoKey {
        uint8_t issuer[32], subject[32]; /* SHA-256 of the certificates */
} MemoKey;

struct CertVerifier {
        X509 *anchor;
        X509_STORE *store;
        time_t at;
        MemoKey memo[MEMO_MAX];
        size_t n_memo;
};

DEFINE_CLEANUP_FUNC(X509_STORE_CTX *, X509_STORE_CTX_free)

static void stack_free(STACK_OF(X509) *s) {
        sk_X509_free(s);
}
DEFINE_CLEANUP_FUNC(STACK_OF(X509) *, stack_free)

void certchain_done(CertChain *chain) {
        for (size_t i = 0; i < chain->n_certs; i++)
                X509_free(chain->certs[i]);
        *chain = (CertChain){};
}

static bool has_bytes(X509 *cert, const uint8_t *der, size_t size) {
        uint8_t *own = NULL;
        int n = i2d_X509(cert, &own);
        bool same = n >= 0 && (size_t) n == size && memcmp(own, der, size) == 0;

        OPENSSL_free(own);
        return same;
}

/* A reference that is the caller's; NULL for what is no certificate. */
static X509 *read_certificate(const uint8_t *der, size_t size, X509 *like) {
        const unsigned char *p = der;
        X509 *cert;

        if (like && has_bytes(like, der, size) && X509_up_ref(like) == 1)
                return like;
        cert = d2i_X509(NULL, &p, (long) size);
        if (cert && p == der + size)
                return cert;
        X509_free(cert);
        return NULL;
}

int certchain_append_base64(CertChain *chain, const char *text, size_t length, const CertChain *like, Fault *ret_fault) {
        _cleanup_free_ uint8_t *der = NULL;
        _cleanup_free_ char *packed = NULL;
        size_t n = 0, size;
        char what[32];
        X509 *cert;
        int r;

        (void) snprintf(what, sizeof(what), "certificate %zu", chain->n_certs);
        if (chain->n_certs >= CERTCHAIN_MAX)
                return fault_set(ret_fault, EBADMSG, "certificate chain", "at most 8 certificates", "more");

        packed = malloc(length + 1);
        if (!packed)
                return -ENOMEM;
        for (size_t i = 0; i < length; i++)
                if (!strchr(" \t\r\n", text[i]) || !text[i])
                        packed[n++] = text[i];

        r = base64_decode(packed, n, &der, &size);
        if (r == -ENOMEM)
                return r;
        if (r < 0 || size == 0)
                return fault_set(ret_fault, EBADMSG, what, "base64 of a DER certificate", "text that is not base64");
        cert = read_certificate(der, size, like && like->n_certs > chain->n_certs ? like->certs[chain->n_certs] : NULL);
        if (!cert)
                return fault_set(ret_fault, EBADMSG, what, "one DER certificate", "%zu bytes that are not", size);
        chain->certs[chain->n_certs++] = cert;
        return 0;
}

static size_t skip_space(const char *text, size_t size, size_t at) {
        while (at < size && isspace((unsigned char) text[at]))
                at++;
        return at;
}

int certchain_parse_pem(const char *pem, size_t size, const CertChain *like, CertChain *ret, Fault *ret_fault) {
        _cleanup_(certchain_done) CertChain chain = {};

        for (size_t at = skip_space(pem, size, 0); at < size; at = skip_space(pem, size, at)) {
                const char *begin = pem + at, *end;
                int r;

                if (size - at < strlen(PEM_BEGIN) || memcmp(begin, PEM_BEGIN, strlen(PEM_BEGIN)) != 0)
                        return fault_set(ret_fault, EBADMSG, "certificate chain", "PEM certificates alone",
                                         "other text at byte %zu", at);
                begin += strlen(PEM_BEGIN);
                at += strlen(PEM_BEGIN);
                end = memmem(begin, size - at, PEM_END, strlen(PEM_END));
                if (!end)
                        return fault_set(ret_fault, EBADMSG, "certificate chain", PEM_END, "the end of the text");
                r = certchain_append_base64(&chain, begin, (size_t) (end - begin), like, ret_fault);
                if (r < 0)
                        return r;
                at += (size_t) (end - begin) + strlen(PEM_END);
        }
        if (chain.n_certs == 0)
                return fault_set(ret_fault, EBADMSG, "certificate chain", "PEM certificates", "none");
        *ret = TAKE_STRUCT(chain);
        return 0;
}

int asn1_time_to_seconds(const ASN1_TIME *t, time_t *ret) {
        struct tm tm = {};

        if (!t || ASN1_TIME_to_tm(t, &tm) != 1)
                return -EBADMSG;
        *ret = timegm(&tm);
        return 0;
}

int certchain_expiration(const CertChain *chain, time_t *ret) {
        time_t earliest = 0;

        if (chain->n_certs == 0)
                return -EBADMSG;
        for (size_t i = 0; i < chain->n_certs; i++) {
                time_t t;

                if (asn1_time_to_seconds(X509_get0_notAfter(chain->certs[i]), &t) < 0)
                        return -EBADMSG;
                if (i == 0 || t < earliest)
                        earliest = t;
        }
        *ret = earliest;
        return 0;
}

bool cert_key_is_p384(X509 *cert) {
        EVP_PKEY *key = X509_get0_pubkey(cert);
        char group[32];

        return key && EVP_PKEY_get_base_id(key) == EVP_PKEY_EC &&
               EVP_PKEY_get_group_name(key, group, sizeof(group), NULL) == 1 && strcmp(group, SN_secp384r1) == 0;
}

static int memo_key(X509 *issuer, X509 *subject, MemoKey *ret) {
        unsigned n = sizeof(ret->issuer);

        if (X509_digest(issuer, EVP_sha256(), ret->issuer, &n) != 1 ||
            X509_digest(subject, EVP_sha256(), ret->subject, &n) != 1)
                return -ENOMEM;
        return 0;
}

/* 1 when `issuer` signed `subject`, 0 when not, as OpenSSL's functions say it. */
static int signature_good(CertVerifier *v, X509 *issuer, X509 *subject) {
        EVP_PKEY *key = X509_get0_pubkey(issuer);
        MemoKey wanted;

        if (!key || memo_key(issuer, subject, &wanted) < 0)
                return 0;
        for (size_t i = 0; i < v->n_memo; i++)
                if (memcmp(&v->memo[i], &wanted, sizeof(wanted)) == 0)
                        return 1;
        if (X509_verify(subject, key) != 1)
                return 0;
        if (v->n_memo < MEMO_MAX)
                v->memo[v->n_memo++] = wanted;
        return 1;
}

static int date_error(const CertVerifier *v, X509 *cert) {
        time_t from, to;

        if (asn1_time_to_seconds(X509_get0_notBefore(cert), &from) < 0)
                return X509_V_ERR_ERROR_IN_CERT_NOT_BEFORE_FIELD;
        if (asn1_time_to_seconds(X509_get0_notAfter(cert), &to) < 0)
                return X509_V_ERR_ERROR_IN_CERT_NOT_AFTER_FIELD;
        if (v->at < from)
                return X509_V_ERR_CERT_NOT_YET_VALID;
        return v->at > to ? X509_V_ERR_CERT_HAS_EXPIRED : X509_V_OK;
}

static int verify_fails(X509_STORE_CTX *ctx, int depth, X509 *cert, int error) {
        X509_STORE_CTX_set_error(ctx, error);
        X509_STORE_CTX_set_error_depth(ctx, depth);
        X509_STORE_CTX_set_current_cert(ctx, cert);
        return 0;
}

/* Stands in for OpenSSL's own signature and date loop (X509_STORE_set_verify(3)), after OpenSSL has built the chain
 * and checked its extensions. The anchor's own signature says nothing: it is trusted for its bytes. All signatures
 * come first, then what is worse than expiry, so that "expired" means that nothing else is wrong. */
static int verify_signatures_and_dates(X509_STORE_CTX *ctx) {
        CertVerifier *v = X509_STORE_get_ex_data(X509_STORE_CTX_get0_store(ctx), 0);
        STACK_OF(X509) *chain = X509_STORE_CTX_get0_chain(ctx);
        int n = sk_X509_num(chain), expired = -1;

        for (int i = n - 2; i >= 0; i--)
                if (!signature_good(v, sk_X509_value(chain, i + 1), sk_X509_value(chain, i)))
                        return verify_fails(ctx, i, sk_X509_value(chain, i), X509_V_ERR_CERT_SIGNATURE_FAILURE);
        for (int i = n - 1; i >= 0; i--) {
                X509 *cert = sk_X509_value(chain, i);
                int error = date_error(v, cert);

                if (error == X509_V_ERR_CERT_HAS_EXPIRED)
                        expired = i;
                else if (error != X509_V_OK)
                        return verify_fails(ctx, i, cert, error);
        }
        if (expired >= 0)
                return verify_fails(ctx, expired, sk_X509_value(chain, expired), X509_V_ERR_CERT_HAS_EXPIRED);
        return 1;
}

CertVerifier *cert_verifier_new(X509 *anchor, time_t at) {
        _cleanup_(cert_verifier_freep) CertVerifier *v = NULL;
        X509_VERIFY_PARAM *param;

        v = calloc(1, sizeof(*v));
        if (!v)
                return NULL;
        v->store = X509_STORE_new();
        if (!v->store || X509_up_ref(anchor) != 1)
                return NULL;
        v->anchor = anchor;
        v->at = at;

        if (X509_STORE_add_cert(v->store, anchor) != 1 || X509_STORE_set_ex_data(v->store, 0, v) != 1)
                return NULL;
        X509_STORE_set_verify(v->store, verify_signatures_and_dates);
        param = X509_STORE_get0_param(v->store);
        (void) X509_VERIFY_PARAM_set_flags(param, X509_V_FLAG_X509_STRICT);
        X509_VERIFY_PARAM_set_time(param, at);
        X509_VERIFY_PARAM_set_auth_level(param, SECURITY_LEVEL);
        return TAKE_PTR(v);
}

CertVerifier *cert_verifier_free(CertVerifier *v) {
        if (!v)
                return NULL;
        X509_STORE_free(v->store);
        X509_free(v->anchor);
        free(v);
        return NULL;
}

time_t cert_verifier_time(const CertVerifier *v) {
        return v->at;
}

X509_STORE *cert_verifier_store(CertVerifier *v) {
        return v->store;
}

static int check_shape(CertVerifier *v, const CertChain *chain, size_t n_certs, Fault *f) {
        if (n_certs > 0 ? chain->n_certs != n_certs : chain->n_certs < 2) {
                char expected[48];

                (void) snprintf(expected, sizeof(expected), n_certs > 0 ? "%zu certificates" : "2 or more certificates",
                                n_certs);
                return fault_set(f, EKEYREJECTED, "certificate chain", expected, "%zu", chain->n_certs);
        }
        if (X509_cmp(chain->certs[chain->n_certs - 1], v->anchor) != 0)
                return fault_set(f, EKEYREJECTED, "certificate chain: root", "the pinned root, byte for byte",
                                 "another certificate");
        return 0;
}

/* A leaf must neither be a CA nor be able to pass for one. Responders hang in the same trees, and their keys are online:
 * none of them may sign a report or a RIM. */
static int check_roles(const CertChain *chain, Fault *f) {
        for (size_t i = 0; i < chain->n_certs; i++) {
                bool is_ca = X509_get_extension_flags(chain->certs[i]) & EXFLAG_CA;
                uint32_t usage = X509_get_key_usage(chain->certs[i]); /* all ones when the extension is absent */
                uint32_t needed = i == 0 ? KU_DIGITAL_SIGNATURE : KU_KEY_CERT_SIGN;
                uint32_t barred = i == 0 ? KU_KEY_CERT_SIGN : 0;
                char what[64];

                (void) snprintf(what, sizeof(what), "certificate %zu: constraints", i);
                if (is_ca != (i > 0))
                        return fault_set(f, EKEYREJECTED, what, i > 0 ? "a CA certificate" : "no CA certificate",
                                         is_ca ? "a CA certificate" : "no CA certificate");
                if (usage == UINT32_MAX || !(usage & needed) || (usage & barred))
                        return fault_set(f, EKEYREJECTED, what,
                                         i > 0 ? "key usage keyCertSign" : "key usage digitalSignature, not keyCertSign",
                                         usage == UINT32_MAX ? "no key usage" : "key usage 0x%x", usage);
        }
        if (X509_get_extension_flags(chain->certs[0]) & EXFLAG_XKUSAGE &&
            X509_get_extended_key_usage(chain->certs[0]) & XKU_OCSP_SIGN)
                return fault_set(f, EKEYREJECTED, "certificate 0: extended key usage", "none of an OCSP responder",
                                 "OCSPSigning");
        return 0;
}

static int check_same_chain(X509_STORE_CTX *ctx, const CertChain *chain, Fault *f) {
        STACK_OF(X509) *built = X509_STORE_CTX_get0_chain(ctx);

        if ((size_t) sk_X509_num(built) != chain->n_certs)
                return fault_set(f, EKEYREJECTED, "certificate chain", "each certificate issued by the next",
                                 "a path of %d certificates", sk_X509_num(built));
        for (size_t i = 0; i < chain->n_certs; i++)
                if (X509_cmp(sk_X509_value(built, (int) i), chain->certs[i]) != 0)
                        return fault_set(f, EKEYREJECTED, "certificate chain", "each certificate issued by the next",
                                         "certificate %zu out of order", i);
        return 0;
}

static int verify_error(X509_STORE_CTX *ctx, Fault *f) {
        int error = X509_STORE_CTX_get_error(ctx);
        char what[64];

        (void) snprintf(what, sizeof(what), "certificate %d", X509_STORE_CTX_get_error_depth(ctx));
        return fault_set(f, error == X509_V_ERR_CERT_HAS_EXPIRED ? EKEYEXPIRED : EKEYREJECTED, what,
                         "valid at the time judged, and issued by the next", "%s",
                         X509_verify_cert_error_string(error));
}

int cert_verifier_check(CertVerifier *v, const CertChain *chain, size_t n_certs, Fault *ret_fault) {
        _cleanup_(X509_STORE_CTX_freep) X509_STORE_CTX *ctx = NULL;
        _cleanup_(stack_freep) STACK_OF(X509) *untrusted = NULL;
        int r;

        r = check_shape(v, chain, n_certs, ret_fault);
        if (r < 0)
                return r;
        r = check_roles(chain, ret_fault);
        if (r < 0)
                return r;

        untrusted = sk_X509_new_null();
        ctx = X509_STORE_CTX_new();
        if (!untrusted || !ctx)
                return -ENOMEM;
        for (size_t i = 1; i + 1 < chain->n_certs; i++)
                if (sk_X509_push(untrusted, chain->certs[i]) <= 0)
                        return -ENOMEM;
        if (X509_STORE_CTX_init(ctx, v->store, chain->certs[0], untrusted) != 1)
                return -ENOMEM;
        r = X509_verify_cert(ctx);
        if (r != 1 && X509_STORE_CTX_get_error(ctx) != X509_V_ERR_CERT_HAS_EXPIRED)
                return verify_error(ctx, ret_fault);
        /* An expired chain is looked at first for anything worse than its age. */
        if (check_same_chain(ctx, chain, ret_fault) < 0)
                return -EKEYREJECTED;
        return r == 1 ? 0 : verify_error(ctx, ret_fault);
}
