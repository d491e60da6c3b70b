/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* NVIDIA's NVSwitch library, as much of it as attestation needs (nscq API 2.0), in a probe's child
 * (attest/library.h). It answers questions about paths by calling back; a path that is about one switch must be
 * answered exactly once. Every result but 0 is a failure, warnings included: the library warns, and then knows no
 * switch, when its version is not the driver's. */

#include "attest/library.h"
#include "attest/nonce.h"
#include "attest/survey.h"

#define NSCQ_REPORT_MAX 0x2000U
#define NSCQ_CHAIN_MAX  0x1400U

typedef struct NscqUuid {
        uint8_t bytes[16];
} NscqUuid;

typedef struct NscqLabel {
        char text[64];
} NscqLabel;

typedef struct NscqSession {
        int8_t result;
        void *session;
} NscqSession;

typedef void (*NscqCallback)(void);

typedef struct Nscq {
        Library library;
        const uint32_t *api_version;
        NscqSession (*session_create)(uint32_t flags);
        int8_t (*observe)(void *session, const char *path, NscqCallback callback, void *userdata, uint32_t flags);
        int8_t (*set_input)(void *session, uint32_t flags, void *data, uint32_t size);
        int8_t (*uuid_to_label)(const NscqUuid *uuid, NscqLabel *ret, uint32_t flags);
        void *session;
} Nscq;

/* Loads it and opens a session. -ELIBACC when it cannot be loaded, or is not of API version 2. Like all below: 0, or a
 * negative errno with *f filled; -EIO for what NSCQ refuses, -EBADMSG for an answer that cannot be. */
int nscq_open(Nscq *n, int pipe, Fault *f);

/* All switches, in the library's order: at most `max`, else -E2BIG. */
int nscq_facts(Nscq *n, DeviceFacts *ret, size_t max, size_t *ret_n, Fault *f);

/* Of the switch that has this label. */
int nscq_report(Nscq *n, const char *label, const uint8_t nonce[static NONCE_SIZE], uint8_t ret[static NSCQ_REPORT_MAX],
                size_t *ret_size, Fault *f);
int nscq_chain(Nscq *n, const char *label, uint8_t ret[static NSCQ_CHAIN_MAX], size_t *ret_size, Fault *f);
