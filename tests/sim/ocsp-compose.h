/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* OCSP answers that the openssl program does not give: of another time, about several certificates, of any size. */

#include <openssl/ocsp.h>

#include "sim/ocsp.h"

#define SIM_OCSP_SINGLES_MAX 20U

/* What is said of one certificate. Times are in seconds from now. */
typedef struct SimOcspSingle {
        SimOcspSpec about;     /* certificate, authority, digest and status */
        OCSP_CERTID *id;       /* instead of one made of certificate and digest; NULL: that */
        int reason;            /* of a revocation, as CRLReason (RFC 5280, 5.3.1); 0: unspecified */
        int this_update, next_update;
        bool no_next_update;
} SimOcspSingle;

typedef struct SimOcspComposition {
        SimOcspSingle singles[SIM_OCSP_SINGLES_MAX];
        size_t n_singles;
        SimResponder responder; /* of the first single's authority */
        int produced_at;
        OCSP_REQUEST *request;  /* whose nonce is given back, when it has one; NULL: no nonce */
        bool other_nonce;       /* a random one instead */
        size_t padding;         /* bytes in an extension that means nothing; 0: there is none */
} SimOcspComposition;

/* A composition that says what `openssl ocsp` would: one certificate, from now for a day. */
SimOcspComposition sim_ocsp_composition(SimOcspSpec about);

/* The DER answer, the caller's. */
void sim_ocsp_compose(SimPki *pki, const SimOcspComposition *c, uint8_t **ret, size_t *ret_size);
