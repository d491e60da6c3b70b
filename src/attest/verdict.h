/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Appraisal and policy together: the decision, and its two printed forms. */

#include <stdio.h>

#include "attest/eat.h"
#include "attest/policy.h"

/* Exit statuses of cocoon-attest; a service that runs it may count on them. */
typedef enum ExitStatus {
        EXIT_ACCEPTED           = 0,
        EXIT_REFUSED            = 1,
        EXIT_CONFIGURATION      = 2, /* usage, configuration, or a file that cannot be read */
        EXIT_COLLATERAL_MISSING = 3, /* nothing was wrong, but a RIM or OCSP answer was not there */
} ExitStatus;

typedef struct Verdict {
        const Appraisal *appraisal; /* borrowed */
        ClaimsVersion version;
        json_object *overall, *devices;  /* claims; devices by key */
        json_object *policy_failures;    /* array, see policy_evaluate() */
        ExitStatus status;
} Verdict;

/* 0, -ENOMEM, -EIO without randomness. */
int verdict_reach(const Appraisal *a, const Policy *policy, ClaimsVersion version, time_t now, Verdict *ret);
void verdict_done(Verdict *v);

/* For people: a line for every check, passed or not, then the policy, then the verdict. */
void verdict_print(const Verdict *v, FILE *f, const char *policy_name);

/* Why a verdict is a refusal, in one reason: what was found wrong before what is missing, a device's check before a rule
 * of the policy. `ret_device` gets "GPU-0" and the like, or "" for what concerns all. Returns the check's or the rule's
 * name, borrowed; NULL for a verdict that accepts. */
const char *verdict_reason(const Verdict *v, char ret_device[static 16], Fault *ret_fault);

/* One JSON object. 0 or -ENOMEM. */
int verdict_print_json(const Verdict *v, FILE *f, const char *policy_name, const Policy *policy);

/* The same for evidence that could not even be read: no devices, and `failures` beside them. 0 or -ENOMEM. */
int verdict_print_json_fault(FILE *f, const char *policy_name, const Policy *policy, const Fault *fault);
