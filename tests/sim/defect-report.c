/* SPDX-License-Identifier: Apache-2.0 */

/* The report's framing, blocks and signature, and what it measures. */

#include <openssl/rand.h>

#include "sim/defect.h"
#include "sim/must.h"

static void sign_with_other_key(SimScene *s) {
        s->evidence[0].tweaks.signer = s->devices[0]->brom->key;
}

static void ask_other_nonce(SimScene *s) {
        MUST(RAND_bytes(s->evidence[0].nonce, SIM_NONCE_SIZE) == 1);
}

static void turn_nonce_around(SimScene *s) {
        for (size_t i = 0; i < SIM_NONCE_SIZE; i++)
                s->evidence[0].nonce[i] = s->nonce[SIM_NONCE_SIZE - 1 - i];
}

static void send_twice(SimScene *s) {
        s->evidence[s->n_evidence++] = s->evidence[0];
}

static void call_it_another_architecture(SimScene *s) {
        s->evidence[0].arch = s->devices[0]->arch == SIM_ARCH_BLACKWELL ? "HOPPER" : "BLACKWELL";
}

static void call_it_unknown(SimScene *s) {
        s->evidence[0].arch = "RUBIN";
}

static void change_driver_measurement(SimScene *s) {
        s->devices[0]->digests[s->devices[0]->arch == SIM_ARCH_BLACKWELL ? 40 : 25][47] ^= 1;
}

static void change_vbios_measurement(SimScene *s) {
        s->devices[0]->digests[2][0] ^= 0x80;
}

static void clear_measurement(SimScene *s) {
        s->devices[0]->digests[3][0] = 0;
        for (size_t i = 0; i < SIM_DIGEST_SIZE; i++)
                s->devices[0]->digests[3][i] = 0;
}

/* Zero is golden at index 0. */
static void fill_empty_measurement(SimScene *s) {
        s->devices[0]->digests[0][20] = 1;
}

static void change_decoder_measurement(SimScene *s) {
        s->devices[0]->digests[35][0] ^= 1;
        (void) sim_entry_replace(s->devices[0], 11, "\xaa", 1);
}

#define BYTE(label, field, number, text) { label, text, SIM_ON_ALL, { SIM_TWEAK(field, number) }, 1, NULL, NULL }
#define BLOCK(label, field, number, text)                                                                       \
        { label, text, SIM_ON_ALL, { SIM_TWEAK(block, 7), SIM_TWEAK(field, number) }, 2, NULL, NULL }
#define CALL(label, mask, function, text) { label, text, mask, {}, 0, function, NULL }

static const SimDefect rows[] = {
        BYTE("request-version", request_version, 0x10, "the request speaks SPDM 1.0"),
        BYTE("request-code", request_code, 0xe1, "the request is GET_CAPABILITIES"),
        BYTE("request-parameter-1", request_param1, 0, "the request does not ask for a signature"),
        BYTE("request-parameter-2", request_param2, 0xfe, "the request asks for one measurement"),
        BYTE("request-slot", request_slot, 1, "the request names another certificate slot"),
        BYTE("response-version", response_version, 0x12, "the response speaks SPDM 1.2"),
        BYTE("response-code", response_code, 0x7f, "the response is ERROR"),
        BYTE("response-parameter-1", response_param1, 1, "the response has a parameter 1"),
        BYTE("response-parameter-2", response_param2, 1, "the response has a parameter 2"),
        BYTE("block-count-low", n_blocks_delta, -1, "one block fewer is announced than there is"),
        BYTE("block-count-high", n_blocks_delta, 1, "one block more is announced than there is"),
        BYTE("record-length-low", record_length_delta, -1, "the record is one byte longer than announced"),
        BYTE("record-length-high", record_length_delta, 1, "the record is one byte shorter than announced"),
        BYTE("record-trailing", record_trailing, 1, "the record has a byte behind its last block"),
        BYTE("opaque-length-low", opaque_length_delta, -1, "the opaque data are one byte longer than announced"),
        BYTE("opaque-length-high", opaque_length_delta, 1, "the opaque data are one byte shorter than announced"),
        BYTE("signed-trailing", signed_trailing, 1, "a signed byte stands before the signature"),
        BYTE("unsigned-trailing", unsigned_trailing, 1, "a byte stands behind the signature"),
        BYTE("report-cut", cut, 1, "the report's last byte is missing"),
        BYTE("report-cut-in-half", cut, 1200, "the report ends in the middle"),
        BYTE("block-missing", block_drop, 9, "the block with SPDM index 9 is missing"),
        BYTE("block-last-missing", block_drop, 31, "the block with SPDM index 31 is missing"),
        BLOCK("block-index-zero", block_index, 0, "a block has index 0"),
        BLOCK("block-index-repeated", block_index, 6, "a block has the index of the one before"),
        BLOCK("block-specification", block_specification, 2, "a block's measurement specification is not DMTF"),
        BLOCK("block-size-low", block_size, 50, "a block's size is one too small"),
        BLOCK("block-size-high", block_size, 52, "a block's size is one too large"),
        BLOCK("value-type", value_type, 0x81, "a block's value is of another type"),
        BLOCK("value-size", value_size, 47, "a block's value size does not fit its size"),
        BLOCK("value-short", value_bytes, 47, "a block's value has 47 bytes, and says so"),
        BLOCK("value-long", value_bytes, 64, "a block's value has 64 bytes, and says so"),
        BYTE("signature-flipped", signature, SIM_SIGNATURE_FLIPPED, "one bit of the signature is wrong"),
        BYTE("signature-swapped", signature, SIM_SIGNATURE_SWAPPED, "the signature is s || r"),
        BYTE("signature-r-zero", signature, SIM_SIGNATURE_R_ZERO, "r is zero"),
        BYTE("signature-s-zero", signature, SIM_SIGNATURE_S_ZERO, "s is zero"),
        BYTE("signature-all-ones", signature, SIM_SIGNATURE_ALL_ONES, "r and s exceed the order of the curve"),
        CALL("signature-other-key", SIM_ON_ALL, sign_with_other_key, "signed with the key of the per-device CA"),
        CALL("nonce-other", SIM_ON_ALL, ask_other_nonce, "the report answers another request"),
        CALL("nonce-backwards", SIM_ON_ALL, turn_nonce_around, "the nonce is there backwards"),
        CALL("device-twice", SIM_ON_ALL, send_twice, "the same device is sent twice"),
        CALL("arch-other", SIM_ON_ALL, call_it_another_architecture, "the file names another architecture"),
        CALL("arch-unknown", SIM_ON_ALL, call_it_unknown, "the file names an unknown architecture"),
        CALL("measurement-driver", SIM_ON_GPU, change_driver_measurement, "a driver measurement is not golden"),
        CALL("measurement-vbios", SIM_ON_ALL, change_vbios_measurement, "a VBIOS measurement is not golden"),
        CALL("measurement-cleared", SIM_ON_ALL, clear_measurement, "a measurement is zero"),
        CALL("measurement-not-empty", SIM_ON_ALL, fill_empty_measurement, "a measurement that must be zero is not"),
        CALL("measurement-decoder", SIM_ON_HOPPER, change_decoder_measurement,
             "NVDEC0 is enabled and its measurement is not golden"),
};

const SimDefectTable sim_report_defects = { rows, ELEMENTSOF(rows) };
