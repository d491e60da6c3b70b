/* SPDX-License-Identifier: Apache-2.0 */

#include "attest/signature.h"

#include <openssl/ecdsa.h>
#include <openssl/evp.h>

#include "attest/certchain.h"

DEFINE_CLEANUP_FUNC(ECDSA_SIG *, ECDSA_SIG_free)
DEFINE_CLEANUP_FUNC(EVP_MD_CTX *, EVP_MD_CTX_free)

/* OpenSSL wants SEQUENCE { r, s }. Values of r and s that are out of range are refused by the verification. */
static int to_der(const uint8_t *raw, unsigned char **ret) {
        _cleanup_(ECDSA_SIG_freep) ECDSA_SIG *sig = ECDSA_SIG_new();
        const int half = SPDM_SIGNATURE_SIZE / 2;
        BIGNUM *r = BN_bin2bn(raw, half, NULL), *s = BN_bin2bn(raw + half, half, NULL);
        int n;

        if (!sig || !r || !s || ECDSA_SIG_set0(sig, r, s) != 1) {
                BN_free(r);
                BN_free(s);
                return -ENOMEM;
        }
        *ret = NULL;
        n = i2d_ECDSA_SIG(sig, ret);
        return n > 0 ? n : -ENOMEM;
}

int report_signature_check(const SpdmReport *report, X509 *leaf, Fault *ret_fault) {
        _cleanup_(EVP_MD_CTX_freep) EVP_MD_CTX *ctx = EVP_MD_CTX_new();
        EVP_PKEY *key = X509_get0_pubkey(leaf);
        unsigned char *der;
        bool good;
        int n;

        if (!ctx)
                return -ENOMEM;
        if (!cert_key_is_p384(leaf))
                return fault_set(ret_fault, EBADMSG, "leaf key", "one on P-384", "another");
        n = to_der(report->signature, &der);
        if (n < 0)
                return n;
        good = EVP_DigestVerifyInit(ctx, NULL, EVP_sha384(), NULL, key) == 1 &&
               EVP_DigestVerify(ctx, der, (size_t) n, report->signed_data, report->signed_size) == 1;
        OPENSSL_free(der);
        if (!good)
                return fault_set(ret_fault, EBADMSG, "report signature",
                                 "ECDSA P-384 by the leaf certificate over the report", "one that does not verify");
        return 0;
}
