/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Golden against runtime: the records of a device's RIMs against the measurements and security version numbers of
 * its report. Sets CHECK_NO_CONFLICT, CHECK_MEASUREMENTS and CHECK_MINIMUM_SVN and fills the lists of mismatches. */

#include "attest/appraise.h"

/* Every RIM of the device must have valid content. 0 or -ENOMEM. */
int measurements_compare(DeviceAppraisal *d);
