/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* A question to an OCSP responder (RFC 6960) with a nonce of its own (RFC 8954), and whether something answers it. */

#include <openssl/x509.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "basic/fault.h"

#define OCSP_NONCE_SIZE 32U

typedef struct OcspRequest {
        uint8_t *der;
        size_t size;
        uint8_t nonce[OCSP_NONCE_SIZE];
        const X509 *cert;   /* borrowed */
        const X509 *issuer;
} OcspRequest;

/* Asks about `cert`, whose id is made with SHA-256, as NVIDIA's C++ SDK 2.0 does. The certificates must outlive the
 * request. 0, -EIO without randomness, -ENOMEM. */
int ocsp_request_make(const X509 *cert, const X509 *issuer, OcspRequest *ret);
void ocsp_request_done(OcspRequest *r);

/* Whether `der` is a response to exactly this: about the certificate that was asked about alone, and with this
 * request's nonce, in *ret_nonce_matches. Without `require_nonce` the nonce may be any or none: caches in between answer
 * with what they have.
 * Nothing is said about signature and time. 0; with *ret_fault: -EAGAIN when the responder wants to be asked later,
 * -EBADMSG for all else. */
int ocsp_request_check(const OcspRequest *r, const uint8_t *der, size_t size, bool require_nonce,
                       bool *ret_nonce_matches, Fault *ret_fault);
