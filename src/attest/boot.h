/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* The boot gate: attests every GPU and NVSwitch of the guest, and only then lets the GPUs accept work. */

#include <openssl/sha.h>

#include "attest/collect.h"
#include "attest/config.h"
#include "attest/gather.h"
#include "attest/nonce.h"
#include "attest/verdict.h"

#define BOOT_STEPS_MAX 16U

typedef struct Boot {
        const char *root; /* stands for / ("" for the real one); borrowed */
        AttestConfig config;
        Policy *policy;
        char *policy_name;
        uint64_t started_usec, deadline_usec;

        uint8_t nonce[NONCE_SIZE];
        SurveyWants wants;
        Survey *survey;
        EvidenceSet *evidence;
        GatherResult gathered;
        Verdict verdict; /* `appraisal` is NULL until there is one */
        size_t n_requests;
        char *eat;
        uint8_t eat_digest[SHA384_DIGEST_LENGTH];
        bool measured; /* into RTMR3 */

        /* Of the outcome. */
        const char *failed_step;    /* NULL: passed */
        const char *advice;         /* what a person can do about it; may be `advice_text` */
        char advice_text[512];
        const char *refused_check;  /* of the verdict, or NULL */
        char refused_device[16];    /* "GPU-0", or "" */
        ExitStatus status;
        Fault fault;
        uint64_t step_usec[BOOT_STEPS_MAX];
        size_t n_steps; /* that were begun */
} Boot;

/* Goes through the gate. Whatever fails: the ready state is cleared, no file of the outcome stays in /run/cocoon, and
 * an attestation that was measured is measured as withdrawn. The outcome is in *b, which boot_done() frees. Returns
 * b->status. */
ExitStatus boot_run(Boot *b, const char *root);
void boot_done(Boot *b);

/* Undoes what a passed boot did, but for the event log. EXIT_ACCEPTED, or EXIT_REFUSED with b->fault when a part of it
 * could not be undone. */
ExitStatus boot_withdraw(Boot *b, const char *root);

/* "survey 2.1 ms, collect 812.0 ms, …" of the steps that were done; the caller's, NULL when memory is out. */
char *boot_timing(const Boot *b);
