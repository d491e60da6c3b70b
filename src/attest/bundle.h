/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* A bundle: RIMs and OCSP answers in one JSON file, which a machine with a network makes for one without. It is not
 * signed, and need not be: each thing in it is.
 *
 *   { "cocoon-bundle": 1, "created": "2026-11-24T08:00:00Z",
 *     "rims": [ { "id": "NV_GPU_…", "rim": BASE64 }, … ], "ocsp": [ BASE64, … ] } */

#include "attest/collateral.h"

#define BUNDLE_MAX (4U * 1024 * 1024)

/* Reads one from a file or a block device (where padding follows: the text ends at the first NUL) into the
 * collateral. 0; with *ret_fault: -EBADMSG for what is no bundle, -EFBIG over BUNDLE_MAX, the errno of opening and
 * reading; -ENOMEM. OCSP answers that are none are passed over and counted, as in directories. */
int bundle_load(const char *path, Collateral *c, Fault *ret_fault);
int bundle_parse(const char *text, size_t size, Collateral *c, Fault *ret_fault);

/* The good RIMs and the OCSP answers for which certificates were found good, as text, the caller's. `created` is the
 * time to write into it. 0, -E2BIG over BUNDLE_MAX, -ENOMEM. */
int bundle_format(const Collateral *c, time_t created, char **ret);
