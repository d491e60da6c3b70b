/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* What several devices must be together: all different, all in one mode, and, where GPUs and switches are attested
 * at once, one machine. Sets CHECK_DISTINCT, CHECK_MODE and CHECK_TOPOLOGY of every authentic device. */

#include "attest/appraise.h"

void topology_check(Appraisal *a);
