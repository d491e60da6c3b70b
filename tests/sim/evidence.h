/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Evidence files: reports and chains of several devices as JSON. */

#include "sim/report.h"

typedef enum SimEvidenceForm {
        SIM_FORM_CPP,     /* array of devices, as the C++ SDK reads it */
        SIM_FORM_WRAPPED, /* the same inside the object that `nvattest collect-evidence` prints */
        SIM_FORM_PYTHON,  /* the Python SDK's request: one architecture and nonce for all */
        _SIM_FORM_MAX,
        _SIM_FORM_INVALID = -1,
} SimEvidenceForm;

/* "cpp", "wrapped", "python". */
SimEvidenceForm sim_form_from_string(const char *name);

typedef struct SimEvidence {
        const SimDevice *device;
        uint8_t nonce[SIM_NONCE_SIZE];      /* in the report */
        uint8_t file_nonce[SIM_NONCE_SIZE]; /* what the file says */
        SimReportTweaks tweaks;
        const char *arch;                   /* NULL: the device's */
        const char *chain;                  /* PEM text; NULL: the device's */
} SimEvidence;

/* Plain evidence of `device`. */
SimEvidence sim_evidence_of(const SimDevice *device, const uint8_t nonce[static SIM_NONCE_SIZE]);

/* JSON text, the caller's. */
char *sim_evidence_json(const SimEvidence *items, size_t n, SimEvidenceForm form);
