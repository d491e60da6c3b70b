/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* A whole appraisal in one process: simulated devices, their evidence, RIMs and OCSP answers in a temporary
 * directory, and the verdict that the strict policy gives. A test changes one thing and says what must come of it. */

#include "attest/verdict.h"
#include "sim/evidence.h"
#include "sim/rim.h"

#define TRIAL_DEVICES_MAX 12U

typedef struct Trial {
        SimPki *pki;
        SimDevice *devices[TRIAL_DEVICES_MAX];
        SimEvidence evidence[TRIAL_DEVICES_MAX];
        SimRim *rims[TRIAL_DEVICES_MAX][2]; /* by SimRimKind; NULL: not published */
        size_t n_devices;
        uint8_t nonce[SIM_NONCE_SIZE];
        bool without_nonce;        /* of the verifier's own */
        const char *ocsp_dir;      /* NULL: OCSP is off */
        const char *policy;        /* text; NULL: the strict one */
        ClaimsVersion version;
        time_t at;                 /* 0: now */
        const DeviceFacts *told[TRIAL_DEVICES_MAX]; /* by the driver; NULL: it was not asked */
        char dir[64], answers[96];
        const char *rim_dirs[3]; /* in which RIMs are looked for; `dir`, to begin with */

        EvidenceSet *set;
        Collateral *collateral;
        Appraisal *appraisal;
        Verdict verdict;
} Trial;

/* Devices of the models, up to _SIM_MODEL_INVALID, with good evidence and RIMs, in a directory of their own. */
Trial *trial_new(const SimModel *models);
Trial *trial_free(Trial *s);
DEFINE_CLEANUP_FUNC(Trial *, trial_free)

/* Answers everything that OCSP is asked about the devices and their RIMs, in a directory of the trial's, and has it
 * asked from now on. */
void trial_answer_all(Trial *s);

/* Renders evidence and RIMs and judges them. Returns the ExitStatus; -1 when the evidence could not be parsed; -2 when
 * the verdict contradicts itself. Whatever a test is about, a device with a check that failed or was not done is not
 * accepted, a machine with such a device is not, and the overall claim and the exit status say the same. */
int trial_judge(Trial *s);

/* Claims of device `index` after trial_judge(); borrowed. */
json_object *trial_claims(const Trial *s, size_t index);

/* The names of the device's claims that say "no" (false, a chain that is not valid or not good, measurements that do
 * not match), separated by blanks; measres only when measurements were compared. The caller's. */
char *trial_false_claims(const Trial *s, size_t index);

/* The names of the device's checks that failed or that lack collateral, in their order, separated by blanks. The
 * caller's. */
char *trial_failed_checks(const Trial *s, size_t index);

const Check *trial_check(const Trial *s, size_t index, CheckId id);

/* Reads a file of the source tree or of the trial's; aborts when it is not there. The caller's. */
char *trial_read(const char *path);
