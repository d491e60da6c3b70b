/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* The policy that a verb judges with: a file, or the strict one, installed or built in. */

#include "attest/default-policy.h"
#include "attest/policy.h"

/* Reads `path`, or with NULL the strict policy for these claims. *ret_name, the caller's, says which policy it was,
 * also when it cannot be read. 0; -ENOMEM; the errno of reading and the errors of policy_parse(), with *ret_fault. */
int policy_file_read(const char *path, ClaimsVersion claims, Policy **ret, char **ret_name, Fault *ret_fault);
