/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* What evidence is judged with: trust anchors, points in time, OCSP answers, and the RIMs found in directories, each
 * read and judged once however many devices need it. */

#include <openssl/x509.h>
#include <time.h>

#include "attest/chainstatus.h"
#include "attest/rim.h"

typedef struct RimEntry {
        char *id;
        Check fetched, schema, signature;
        ChainStatus chain;
        bool content_valid; /* `content` is there and authentic */
        RimContent content;
} RimEntry;

typedef struct Collateral {
        CertVerifier *device_verifier;
        CertVerifier *rim_verifier;
        OcspAnswers *ocsp; /* NULL: OCSP is off */
        const char *const *rim_dirs; /* NULL terminated, borrowed */
        RimEntry **rims;
        size_t n_rims;
} Collateral;

typedef struct CollateralOptions {
        const char *anchors_dir; /* NULL: NVIDIA's pinned roots */
        const char *const *rim_dirs;
        const char *const *ocsp_dirs;
        bool ocsp;
        time_t device_time, rim_time;
} CollateralOptions;

/* Opens what the options name; with `anchors_dir`, device-root.pem and rim-root.pem in it stand in for NVIDIA's
 * roots. OCSP answers that cannot be read are passed over: they are hostile until verified, and a missing answer
 * fails later. 0; -ENOMEM; -EBADMSG or the errno of reading (with *ret_fault). */
int collateral_open(const CollateralOptions *options, Collateral **ret, Fault *ret_fault);
Collateral *collateral_free(Collateral *c);
DEFINE_CLEANUP_FUNC(Collateral *, collateral_free)

/* The RIM `id` (a file ID.xml in one of the directories, the first that has it), judged. Borrowed; NULL when memory
 * is out. */
const RimEntry *collateral_rim(Collateral *c, const char *id);

/* Judges the RIM in `xml` as collateral_rim() does with the file that it finds. */
void rim_entry_judge(RimEntry *e, const Collateral *c, const void *xml, size_t size);
void rim_entry_done(RimEntry *e);
