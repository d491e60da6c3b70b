/* SPDX-License-Identifier: Apache-2.0 */

#include "attest/default-policy.h"

/* The texts are made of policy/ by the build (default-policy.sed). */
const DefaultPolicy default_policies[_CLAIMS_VERSION_MAX] = {
        [CLAIMS_2_0] = { .file = "attest_policy-2.0.json", .text =
#include "attest_policy-2.0.inc"
        },
        [CLAIMS_3_0] = { .file = "attest_policy.json", .text =
#include "attest_policy.inc"
        },
        [CLAIMS_4_0] = { .file = "attest_policy-4.0.json", .text =
#include "attest_policy-4.0.inc"
        },
};
