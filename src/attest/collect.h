/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Evidence from the devices themselves: each is asked in a child process of its own, all of them side by side, so that
 * none can hold up or bring down the others. */

#include "attest/evidence.h"
#include "attest/nonce.h"
#include "attest/survey.h"

/* Asks every device of the survey for a report, with `derive` for the nonce derived from `root` and the device's place in the
 * survey, else for `root` itself, and for its certificate chain; and the driver once more for the device's facts, which
 * must still be of the same device (Evidence.told). Each attempt at a device has w->device_timeout_usec. The set is
 * the caller's, its order the survey's. 0, or what the first device that failed for good failed with: errors as of
 * survey_take(), and -ESTALE for a device that is another now. *f names device, call and limit. */
int collect_evidence(const Survey *s, const SurveyWants *w, const uint8_t root[static NONCE_SIZE], bool derive,
                     EvidenceSet **ret, Fault *f);

/* What the child of one device sends, into *ret (its nonce stays as it is): 0, -EBADMSG with *f filled, -ENOMEM. What
 * of *ret was filled is the caller's in any case. */
int collect_read(Cursor answer, Evidence *ret, Fault *f);
