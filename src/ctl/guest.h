/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* What a guest said of its attestation, by its console in the journal. It is the guest's word, and whatever else it may have
 * written to the same console is hostile. */

#include <stddef.h>

typedef enum GuestOutcome {
        GUEST_UNKNOWN, /* it did not say, or not yet, or nobody may read it */
        GUEST_PASSED,
        GUEST_REFUSED,
        _GUEST_OUTCOME_MAX,
} GuestOutcome;

typedef struct GuestReport {
        GuestOutcome outcome;
        char line[512]; /* what the gate wrote, printable; "" for none */
} GuestReport;

/* "unknown", "passed", "refused". */
const char *guest_outcome_to_string(GuestOutcome outcome);

/* Whether a line of a console is the gate's; then the report is set. */
void guest_judge(const void *line, size_t size, GuestReport *report);

/* The last word in one run of a unit, by its invocation id; "": the last one that said anything. `root` is what stands for /. */
void guest_read(const char *root, const char *unit, const char *invocation, GuestReport *ret);
