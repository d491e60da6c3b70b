/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Certificate chains, leaf first and root last, and their verification up to one anchor (RFC 5280; OpenSSL's strict
 * mode). A CertVerifier belongs to one anchor and one point in time, and remembers which signatures it has already
 * found good: chains of eight GPUs and their OCSP responders share most of their certificates, and a P-384
 * verification is what all of this costs. */

#include <openssl/x509.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>

#include "basic/fault.h"

#define CERTCHAIN_MAX 8U

DEFINE_CLEANUP_FUNC(X509 *, X509_free)

typedef struct CertChain {
        X509 *certs[CERTCHAIN_MAX]; /* owned */
        size_t n_certs;
} CertChain;

void certchain_done(CertChain *chain);

/* PEM text with nothing but CERTIFICATE blocks and white space. Certificates that `like` (may be NULL) has in the same
 * place, byte for byte, are shared with it: decoding one costs a third of verifying it, and the chains of a machine's
 * devices differ in two of five. 0; -EBADMSG (with *ret_fault) for anything else or more than CERTCHAIN_MAX
 * certificates; -ENOMEM. */
int certchain_parse_pem(const char *pem, size_t size, const CertChain *like, CertChain *ret, Fault *ret_fault);

/* Appends the certificate in `text` (`length` characters of base64 of DER, white space allowed). Same errors. */
int certchain_append_base64(CertChain *chain, const char *text, size_t length, const CertChain *like, Fault *ret_fault);

/* Earliest notAfter in the chain, as seconds since the epoch. 0 or -EBADMSG. */
int certchain_expiration(const CertChain *chain, time_t *ret);

int asn1_time_to_seconds(const ASN1_TIME *t, time_t *ret);

/* NVIDIA's keys, all of them, are on this curve. */
bool cert_key_is_p384(X509 *cert);

typedef struct CertVerifier CertVerifier;

/* Takes a reference to `anchor`. NULL when memory is out. */
CertVerifier *cert_verifier_new(X509 *anchor, time_t at);
CertVerifier *cert_verifier_free(CertVerifier *v);
DEFINE_CLEANUP_FUNC(CertVerifier *, cert_verifier_free)

time_t cert_verifier_time(const CertVerifier *v);

/* For OCSP_basic_verify(): signatures and dates of responder chains are checked the same way. Borrowed. */
X509_STORE *cert_verifier_store(CertVerifier *v);

/* The chain must be exactly `n_certs` long (0: 2 or more), end in the anchor byte for byte, be in order, have CAs
 * that may sign certificates and a leaf that is no CA, may sign data and is no OCSP responder. 0; -EKEYEXPIRED when nothing is wrong but that a
 * certificate is past its notAfter; -EKEYREJECTED for all else (not yet valid included); -ENOMEM. */
int cert_verifier_check(CertVerifier *v, const CertChain *chain, size_t n_certs, Fault *ret_fault);
