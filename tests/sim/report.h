/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* The report of a simulated device: SPDM 1.1 GET_MEASUREMENTS request and MEASUREMENTS response, signed. */

#include "sim/device.h"

#define SIM_NONCE_SIZE 32U

typedef enum SimSignature {
        SIM_SIGNATURE_GOOD,
        SIM_SIGNATURE_HIGH_BITS,    /* good; both numbers have their top bit set */
        SIM_SIGNATURE_LEADING_ZERO, /* good; r has a leading zero byte. Takes a second or so to find */
        SIM_SIGNATURE_FLIPPED,      /* one bit of s flipped */
        SIM_SIGNATURE_SWAPPED,      /* s || r */
        SIM_SIGNATURE_R_ZERO,
        SIM_SIGNATURE_S_ZERO,
        SIM_SIGNATURE_ALL_ONES,     /* both larger than the order of the curve */
} SimSignature;

#define SIM_KEEP (-1)

/* What a report has instead of what it should. Lengths that are not overridden follow from the bytes. Everything but
 * the last group is covered by a good signature. */
typedef struct SimReportTweaks {
        int request_version, request_code, request_param1, request_param2, request_slot;
        int response_version, response_code, response_param1, response_param2;

        int n_blocks_delta, record_length_delta, opaque_length_delta;
        int block_drop;   /* SPDM index of a block to leave out; 0: none */
        int block;        /* SPDM index of the block that the next six are about; 0: none */
        int block_index, block_specification, block_size, value_type, value_size; /* as written; SIM_KEEP */
        int value_bytes;  /* how many bytes the value really has; SIM_KEEP */
        int record_trailing, opaque_trailing; /* zero bytes inside the record or opaque data, counted by its length */
        int signed_trailing; /* zero bytes between opaque data and signature */
        int opaque_empty;    /* 1: no opaque data at all */
        const void *opaque;  /* `opaque_size` bytes instead of the device's entries; NULL: those */
        size_t opaque_size;

        EVP_PKEY *signer;    /* NULL: the leaf's key */
        int signature;       /* SimSignature */
        int unsigned_trailing; /* zero bytes after the signature */
        int cut;             /* bytes taken off the end */
} SimReportTweaks;

#define SIM_REPORT_TWEAKS                                                                                       \
        ((SimReportTweaks){                                                                                     \
                .request_version = 0x11, .request_code = 0xe0, .request_param1 = 0x01, .request_param2 = 0xff,  \
                .response_version = 0x11, .response_code = 0x60,                                                \
                .block_index = SIM_KEEP, .block_specification = SIM_KEEP, .block_size = SIM_KEEP,               \
                .value_type = SIM_KEEP, .value_size = SIM_KEEP, .value_bytes = SIM_KEEP,                        \
        })

/* `tweaks` NULL: none. The bytes are the caller's. */
void sim_device_report(const SimDevice *d, const uint8_t nonce[static SIM_NONCE_SIZE], const SimReportTweaks *tweaks,
                       uint8_t **ret, size_t *ret_size);

/* The opaque data alone, in the device's layout. The bytes are the caller's. */
void sim_device_opaque(const SimDevice *d, uint8_t **ret, size_t *ret_size);
