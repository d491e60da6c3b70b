/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* OCSP answers, given by the `openssl ocsp` program acting as responder, so that what the verifier reads comes from
 * an implementation that is not its own. That program signs for now only: a test that wants stale or future answers
 * moves the verifier's clock instead. */

#include "sim/device.h"

typedef enum SimOcspStatus {
        SIM_OCSP_GOOD,
        SIM_OCSP_REVOKED,
        SIM_OCSP_UNKNOWN,
} SimOcspStatus;

typedef struct SimOcspSpec {
        X509 *cert;             /* asked about */
        SimAuthority authority; /* that issued it */
        SimOcspStatus status;
        const char *reason;     /* of a revocation: "keyCompromise", "certificateHold", …; NULL: none is given */
        SimResponder responder;
        bool nonce;             /* the request has one, and so has the answer */
        const char *digest;     /* of the certificate id; NULL: "sha384" */
        unsigned minutes;       /* of validity; 0: a day */
} SimOcspSpec;

/* What responders say without saying anything: the whole answer. */
extern const uint8_t sim_ocsp_unauthorized[5], sim_ocsp_try_later[5];

/* The DER answer, the caller's. 0; -ENOPKG when there is no openssl program; the errno of starting it or of files;
 * -EIO when it failed, after what it said has been printed. */
int sim_ocsp_answer(SimPki *pki, const SimOcspSpec *spec, uint8_t **ret, size_t *ret_size);

/* What is asked about a device: certificate 1 to 3 of its chain, or 0 to 2 of its RIMs', good. */
SimOcspSpec sim_ocsp_device(SimDevice *d, unsigned level);
SimOcspSpec sim_ocsp_rim(SimDevice *d, unsigned level);

/* The file of an answer in a directory of them, such as "41A0…DF.der", into `ret`. */
void sim_ocsp_file_name(const SimOcspSpec *spec, char ret[static 64]);

/* Makes the answer and writes it into `dir`. Same errors, and those of writing. */
int sim_ocsp_write(SimPki *pki, const SimOcspSpec *spec, const char *dir);

/* Good answers for all that is asked about the devices and their RIMs, each once. */
int sim_ocsp_write_all(SimPki *pki, SimDevice *const *devices, size_t n, const char *dir);
