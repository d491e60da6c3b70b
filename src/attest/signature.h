/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* The signature of a report: ECDSA, P-384, SHA-384 (FIPS 186-5), as r || s of 48 big-endian bytes each. */

#include <openssl/x509.h>

#include "basic/fault.h"
#include "attest/spdm.h"

/* 0, or -EBADMSG (with *ret_fault) when it does not verify with the key of `leaf` or that key is not on P-384;
 * -ENOMEM. */
int report_signature_check(const SpdmReport *report, X509 *leaf, Fault *ret_fault);
