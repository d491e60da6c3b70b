/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* The part of libnvidia-nscq.so.2 that attestation uses, with the library's own names and layouts (API 2.0.0). */

#include <stdint.h>

#define NSCQ_VERSION         0x02000000U /* major << 24 | minor << 12 | patch */
#define NSCQ_REPORT_MAX      0x2000U
#define NSCQ_CERTIFICATE_MAX 0x1400U
#define NSCQ_NONCE           32U

enum {
        NSCQ_SUCCESS                = 0,
        NSCQ_ERROR_NOT_IMPLEMENTED  = -1,
        NSCQ_ERROR_INVALID_UUID     = -2,
        NSCQ_ERROR_UNEXPECTED_VALUE = -5,
        NSCQ_ERROR_DRIVER           = -7,
        NSCQ_ERROR_UNSPECIFIED      = -128,
};

typedef int8_t nscq_rc_t;
typedef struct nscq_session_st *nscq_session_t;

typedef struct nscq_session_result_t {
        nscq_rc_t rc;
        nscq_session_t session;
} nscq_session_result_t;

typedef struct nscq_uuid_t {
        uint8_t bytes[16];
} nscq_uuid_t;

typedef struct nscq_label_t {
        char data[64];
} nscq_label_t;

typedef struct nscq_attestation_report_t {
        uint32_t report_size;
        uint8_t report[NSCQ_REPORT_MAX];
} nscq_attestation_report_t;

typedef struct nscq_attestation_certificate_t {
        uint8_t cert_chain[NSCQ_CERTIFICATE_MAX];
        uint32_t cert_chain_size;
} nscq_attestation_certificate_t;

/* What callbacks are cast to, and what they are for each kind of value. */
typedef void (*nscq_fn_t)(void);
typedef void (*nscq_uuid_fn_t)(const nscq_uuid_t *device, nscq_rc_t rc, const nscq_uuid_t *value, void *userdata);
typedef void (*nscq_int8_fn_t)(const nscq_uuid_t *device, nscq_rc_t rc, int8_t value, void *userdata);
typedef void (*nscq_text_fn_t)(const nscq_uuid_t *device, nscq_rc_t rc, const char *value, void *userdata);
typedef void (*nscq_report_fn_t)(const nscq_uuid_t *device, nscq_rc_t rc, nscq_attestation_report_t value,
                                 void *userdata);
typedef void (*nscq_certificate_fn_t)(const nscq_uuid_t *device, nscq_rc_t rc, nscq_attestation_certificate_t value,
                                      void *userdata);

extern const uint32_t nscq_api_version;

nscq_session_result_t nscq_session_create(uint32_t flags);
void nscq_session_destroy(nscq_session_t session);
nscq_rc_t nscq_session_path_observe(nscq_session_t session, const char *path, nscq_fn_t callback, void *userdata,
                                    uint32_t flags);
nscq_rc_t nscq_session_set_input(nscq_session_t session, uint32_t flags, void *data, uint32_t size);
nscq_rc_t nscq_uuid_to_label(const nscq_uuid_t *uuid, nscq_label_t *label, uint32_t flags);
