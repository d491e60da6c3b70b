/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* The services of the devices' manufacturer, over HTTP: GET /v1/rim/ID and /v1/rim/ids, and OCSP by POST. */

#include "sim/http.h"
#include "sim/machine.h"

/* Reads a request, answers it and closes `fd`. */
void sim_services_serve(SimMachine *m, int fd);

/* Fills in the answer about a RIM, and the behaviour that it is to leave with. */
void sim_rim_answer(SimMachine *m, const char *path, SimHttpAnswer *ret, SimBehaviour *ret_behaviour);

/* The same about a certificate. Says in `ret_about` which one it was, by serial number and place, and what was said.
 *
 * What the control file may want about a certificate, besides what sim/control.h lists:
 *   good | revoked [REASON] | unknown | unauthorized | trylater
 *   stale | future | age SECONDS          of another time: two days late, two days early, produced so long ago
 *   no-nonce | other-nonce
 *   wrong-certid                          about another certificate of the same issuer
 *   no-eku | elsewhere | stranger | expired | issuer        who signs, see SimResponder
 * REASON as OpenSSL names it: keyCompromise, certificateHold, … */
void sim_ocsp_service_answer(SimMachine *m, const uint8_t *request, size_t size, SimHttpAnswer *ret,
                             SimBehaviour *ret_behaviour, char ret_about[static 192]);
