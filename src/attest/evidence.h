/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Attestation evidence: for each device a report and a certificate chain, as files carry them. Reads the serialized
 * forms of both NVIDIA SDKs: the C++ one's array, the object that `nvattest collect-evidence` wraps around it, and
 * the Python one's (also NRAS's) request object. Nothing in it is verified here. */

#include <json-c/json.h>
#include <stddef.h>
#include <stdint.h>

#include "attest/arch.h"
#include "attest/spdm.h"
#include "attest/survey.h"
#include "basic/fault.h"

#define EVIDENCE_NONCE_SIZE SPDM_NONCE_SIZE
#define EVIDENCE_REPORT_MAX 8192U     /* NVML: attestationReport[0x2000] */
#define EVIDENCE_CHAIN_MAX  16384U    /* NVML: attestationCertChain[0x1400]; files may add a root */
#define EVIDENCE_DEVICES_MAX 64U
#define EVIDENCE_FILE_MAX (2U * 1024 * 1024)

typedef struct Evidence {
        char *arch_name;   /* as the file says; for messages */
        Architecture arch; /* _ARCH_INVALID when it is none that can be appraised */
        uint8_t nonce[EVIDENCE_NONCE_SIZE]; /* what the file claims was asked; only the report's own counts */
        uint8_t *report;
        size_t report_size;
        char *chain; /* PEM text */
        size_t chain_size;
        DeviceFacts *told; /* what the driver said of the device beside its evidence; NULL in files */
} Evidence;

typedef struct EvidenceSet {
        Evidence *items;
        size_t n_items;
} EvidenceSet;

EvidenceSet *evidence_set_free(EvidenceSet *set);
DEFINE_CLEANUP_FUNC(EvidenceSet *, evidence_set_free)

/* The set in the C++ SDK's form, with a newline behind; the caller's. 0 or -ENOMEM. */
int evidence_set_write(const EvidenceSet *set, char **ret_json);

/* The same as a new JSON array. 0 or -ENOMEM. */
int evidence_set_to_json(const EvidenceSet *set, json_object **ret);

/* 0; -EBADMSG with *ret_fault filled for text that is no evidence (an empty list included), -ENOMEM. */
int evidence_set_parse(const char *text, size_t size, EvidenceSet **ret, Fault *ret_fault);
