/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Enveloped XML signatures as RIMs have them: canonical XML 1.1, SHA-384, ECDSA on P-384. Made from libxml2's
 * canonicalization and OpenSSL alone, so that what the verifier does with xmlsec meets a second implementation. */

#include <openssl/evp.h>
#include <openssl/x509.h>
#include <stdbool.h>
#include <stddef.h>

#define SIM_SIGNED_ID "signed"

typedef struct SimSigning {
        EVP_PKEY *key;
        X509 *const *chain; /* in KeyInfo; with none, the bare key is */
        size_t n_chain;
        bool by_id;         /* refer to the element with Id SIM_SIGNED_ID; else to the whole document */
        bool one_transform; /* without the canonicalization one: the default's result is the same */
} SimSigning;

/* Puts a signature at the end of the root element of `xml` (freed). The new text is the caller's. */
char *sim_xml_sign(char *xml, const SimSigning *s);
