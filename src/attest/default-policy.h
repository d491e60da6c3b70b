/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* The text of policy/attest_policy.json, built in, for a verifier that runs where it is not installed. */

extern const char default_policy[];
