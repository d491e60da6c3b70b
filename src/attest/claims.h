/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* The appraisal in NVIDIA's claims, under their names and in their types: versions 2.0 and 3.0 as the Python verifier
 * and NVIDIA's remote service write them, 4.0 as the C++ SDK does. A check that was not reached leaves its claim null
 * (2.0: false); an OCSP claim with OCSP off stays null in every version. */

#include <json-c/json.h>

#include "attest/appraise.h"

typedef enum ClaimsVersion {
        CLAIMS_2_0,
        CLAIMS_3_0,
        CLAIMS_4_0,
        _CLAIMS_VERSION_MAX,
        _CLAIMS_VERSION_INVALID = -1,
} ClaimsVersion;

const char *claims_version_to_string(ClaimsVersion version);
ClaimsVersion claims_version_from_string(const char *text);

/* One device's claims, a new object. 0 or -ENOMEM. */
int claims_of_device(const DeviceAppraisal *d, ClaimsVersion version, json_object **ret);

/* The key of device `index` among the submodules: "GPU-0", "SWITCH-1" (each kind counted by itself), into `ret`. */
void claims_device_key(const Appraisal *a, size_t index, char ret[static 16]);

/* Whether a claim of this name says anything about OCSP, by itself or as a part. */
bool claims_name_is_ocsp(const char *name);
