/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* The strict policies, by version of the claims that they are about: their files' names, and their text built in, for
 * a verifier that runs where they are not installed. */

#include "attest/claims.h"

typedef struct DefaultPolicy {
        const char *file, *text;
} DefaultPolicy;

extern const DefaultPolicy default_policies[_CLAIMS_VERSION_MAX];
