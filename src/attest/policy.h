/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Policies in NVIDIA's JSON form, versions 3.0 and 4.0: {"version": …, "authorization-rules": {"type": "JWT",
 * "overall-claims": {…}, "detached-claims": {…}}}. Every rule must be met by a claim of that name and value, equal
 * as NVIDIA's Python SDK compares (true is 1); objects are compared member by member, lists in order. In a policy that
 * has both, rules named x-nvidia-gpu-… concern GPUs alone and those named x-nvidia-switch-… switches alone. Nothing
 * passes by being absent: an empty section, a missing or an unknown one make a policy that accepts nothing. */

#include <json-c/json.h>

#include "attest/claims.h"
#include "basic/fault.h"

#define POLICY_FILE_MAX (256U * 1024)

typedef struct Policy Policy;

/* 0; -EBADMSG (with *ret_fault) for text that is no JSON; -ENOMEM. A policy that is JSON but not of this form is
 * read, and then policy_check_form() says what is wrong. */
int policy_parse(const char *text, size_t size, Policy **ret, Fault *ret_fault);
Policy *policy_free(Policy *p);
DEFINE_CLEANUP_FUNC(Policy *, policy_free)

/* 0, or -EBADMSG (with *ret_fault): this policy accepts nothing. */
int policy_check_form(const Policy *p, Fault *ret_fault);

/* What the policy calls its own version, or "". Borrowed. */
const char *policy_version(const Policy *p);

/* The claims version that overall-claims demands; 3.0 when it demands none that is known. */
ClaimsVersion policy_claims_version(const Policy *p);

/* The first rule about OCSP, or NULL. Borrowed. */
const char *policy_ocsp_rule(const Policy *p);

/* Compares. `devices`: claims by key ("GPU-0"). *ret_failures is a new array of {"device", "check", "expected",
 * "found"}, empty when everything is met. 0 or -ENOMEM. */
int policy_evaluate(const Policy *p, json_object *overall, json_object *devices, json_object **ret_failures);
