/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* The appraisal: every device's evidence against the collateral, check by check, in a fixed order in which nothing is
 * believed before what proves it has passed. Each device starts from nothing and is judged in full, whatever became of the others. */

#include <stdbool.h>
#include <stddef.h>

#include "attest/check.h"
#include "attest/collateral.h"
#include "attest/evidence.h"
#include "attest/identity.h"
#include "attest/nonce.h"
#include "attest/opaque.h"
#include "attest/spdm.h"

typedef enum RimCheck {
        RIM_FETCHED,
        RIM_SCHEMA,
        RIM_CHAIN,
        RIM_OCSP,
        RIM_SIGNATURE,
        RIM_PRODUCT,
        RIM_VERSION,
        RIM_MEASUREMENTS_AVAILABLE,
        _RIM_CHECK_MAX,
} RimCheck;

typedef enum CheckId {
        CHECK_ARCH,
        CHECK_PARSED,
        CHECK_CHAIN,
        CHECK_CHAIN_OCSP,
        CHECK_SIGNATURE,
        CHECK_NONCE,
        CHECK_FWID,
        CHECK_IDENTITY,
        CHECK_TOLD, /* the driver says the same as the device; only where it was asked */
        CHECK_DISTINCT,
        CHECK_DRIVER_RIM, /* the first of _RIM_CHECK_MAX */
        CHECK_VBIOS_RIM = CHECK_DRIVER_RIM + _RIM_CHECK_MAX, /* a switch's BIOS RIM as well */
        CHECK_NO_CONFLICT = CHECK_VBIOS_RIM + _RIM_CHECK_MAX,
        CHECK_MEASUREMENTS,
        CHECK_MINIMUM_SVN,
        CHECK_MODE,
        CHECK_TOPOLOGY,
        _CHECK_MAX,
} CheckId;

typedef enum RimSlot {
        RIM_SLOT_DRIVER,
        RIM_SLOT_VBIOS,
        _RIM_SLOT_MAX,
} RimSlot;

typedef struct MeasurementMismatch {
        const RimRecord *golden;
        RimSlot slot;
        const uint8_t *runtime; /* NULL: the report has no such block */
} MeasurementMismatch;

typedef struct SvnMismatch {
        const RimSvn *golden;
        bool found; /* with the right type; `runtime` is valid */
        unsigned runtime;
} SvnMismatch;

typedef struct DeviceAppraisal {
        const Evidence *evidence; /* borrowed */
        const ArchInfo *arch;     /* NULL for an architecture that cannot be appraised */
        Check checks[_CHECK_MAX];
        bool accepted;

        bool parsed, authentic; /* the report's fields may be read; they are the device's own */
        SpdmReport report;      /* points into the evidence */
        Opaque opaque;
        CertChain chain;
        ChainStatus chain_status;
        DeviceIdentity identity;
        char driver_version[OPAQUE_TEXT_SIZE], vbios_version[OPAQUE_TEXT_SIZE];
        const RimEntry *rims[_RIM_SLOT_MAX]; /* borrowed from the collateral; NULL when not reached */

        size_t n_golden, n_matched;
        MeasurementMismatch *mismatches;
        size_t n_mismatches;
        SvnMismatch *svn_mismatches;
        size_t n_svn_mismatches;
} DeviceAppraisal;

typedef struct Appraisal {
        DeviceAppraisal *devices;
        size_t n_devices;
        uint8_t nonce[NONCE_SIZE]; /* the one that all the devices' were asked with: the root, or the first device's */
        bool accepted;             /* there are devices and all of them are */
} Appraisal;

/* `root`: the nonce that was asked, itself or as each device's own derived from it (attest/nonce.h), or NULL to hold
 * all reports against the nonce that the file has for the first (which proves no freshness). Evidence and collateral
 * must outlive the result. 0 or -ENOMEM; all else is in the result. */
int appraise(const EvidenceSet *set, const uint8_t *root, Collateral *collateral, Appraisal **ret);
Appraisal *appraisal_free(Appraisal *a);
DEFINE_CLEANUP_FUNC(Appraisal *, appraisal_free)

/* A short name for people and for "failures" in JSON output. Static. */
const char *check_name(CheckId id, bool is_switch);

/* Whether a device of this kind has the check at all. */
bool check_applies(CheckId id, bool is_switch);
