/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* The claims of all devices as a detached EAT bundle (RFC 9711 section 4.3 is its ancestor) in the JSON form that
 * NVIDIA's verifiers write: [["JWT", overall], {"GPU-0": token, …}], the overall token holding a digest of each
 * device's. Versions 2.0 and 3.0 are written as the Python verifier does, HS256 with its public key "secret";
 * 4.0 as the C++ SDK does without a key, algorithm "none". In neither form does a token prove who made it. */

#include "attest/claims.h"


/* The claims of the overall token but its digests, a new object: what a policy's overall-claims are compared with.
 * 0, -ENOMEM, -EIO without randomness. */
int eat_overall_claims(const Appraisal *a, ClaimsVersion version, time_t now, json_object **ret);

/* The bundle as text, the caller's. `devices`: the claims of each by its key. 0, -ENOMEM, -EIO when OpenSSL fails. */
int eat_bundle(json_object *overall, json_object *devices, ClaimsVersion version, char **ret);
