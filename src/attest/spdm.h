/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* An attestation report: the SPDM 1.1 GET_MEASUREMENTS request that the driver sent and the MEASUREMENTS response
 * that the device signed (DMTF DSP0274 1.1, sections 10.11.1 and 10.11.2), back to back. Parsed strictly: every
 * length must fit exactly and every fixed field must have its one value. */

#include <stddef.h>
#include <stdint.h>

#include "basic/fault.h"
#include "basic/cursor.h"

#define SPDM_NONCE_SIZE     32U
#define SPDM_DIGEST_SIZE    48U
#define SPDM_SIGNATURE_SIZE 96U
#define SPDM_BLOCKS_MAX     254U

/* All pointers go into the report given to spdm_report_parse(). */
typedef struct SpdmReport {
        const uint8_t *nonce;     /* the requester's, SPDM_NONCE_SIZE bytes */
        const uint8_t *signed_data; /* everything but the signature */
        size_t signed_size;
        const uint8_t *signature; /* r || s, big-endian, 48 bytes each */
        size_t n_blocks;
        const uint8_t *digests[SPDM_BLOCKS_MAX]; /* [i] is the block with SPDM index i + 1, a RIM's index i */
        Cursor opaque;            /* see attest/opaque.h */
} SpdmReport;

/* 0, or -EBADMSG with *ret_fault filled. */
int spdm_report_parse(const void *data, size_t size, SpdmReport *ret, Fault *ret_fault);
