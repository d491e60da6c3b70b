/* SPDX-License-Identifier: Apache-2.0 */

#include "attest/spdm.h"

enum {
        SPDM_VERSION_1_1              = 0x11,
        SPDM_CODE_GET_MEASUREMENTS    = 0xe0,
        SPDM_CODE_MEASUREMENTS        = 0x60,
        SPDM_WITH_SIGNATURE           = 0x01,
        SPDM_ALL_MEASUREMENTS         = 0xff,
        SPDM_MEASUREMENT_SPEC_DMTF    = 0x01,
        SPDM_VALUE_MUTABLE_FIRMWARE   = 0x01,
        SPDM_MEASUREMENT_SIZE         = 3 + SPDM_DIGEST_SIZE, /* value type, value size, value */
};

typedef struct FixedByte {
        const char *what;
        uint8_t value;
} FixedByte;

static const FixedByte request_head[] = {
        { "request: SPDM version", SPDM_VERSION_1_1           },
        { "request: code",         SPDM_CODE_GET_MEASUREMENTS },
        { "request: parameter 1",  SPDM_WITH_SIGNATURE        },
        { "request: parameter 2",  SPDM_ALL_MEASUREMENTS      },
};

static const FixedByte request_tail[] = {
        { "request: slot", 0 },
};

static const FixedByte response_head[] = {
        { "response: SPDM version", SPDM_VERSION_1_1       },
        { "response: code",         SPDM_CODE_MEASUREMENTS },
        { "response: parameter 1",  0                      },
        { "response: parameter 2",  0                      },
};

static int truncated(Fault *f, const char *what, const Cursor *c) {
        return fault_set(f, EBADMSG, what, "more bytes", "the end, after %zu bytes", c->size);
}

static int number_wrong(Fault *f, const char *what, unsigned expected, unsigned found) {
        char text[32];

        (void) snprintf(text, sizeof(text), "%u (0x%02x)", expected, expected);
        return fault_set(f, EBADMSG, what, text, "%u (0x%02x)", found, found);
}

static int expect_bytes(Cursor *c, const FixedByte *fields, size_t n, Fault *f) {
        for (size_t i = 0; i < n; i++) {
                uint8_t value;

                if (cursor_u8(c, &value) < 0)
                        return truncated(f, fields[i].what, c);
                if (value != fields[i].value)
                        return number_wrong(f, fields[i].what, fields[i].value, value);
        }
        return 0;
}

static int parse_block(Cursor *record, size_t number, const uint8_t **ret_digest, Fault *f) {
        uint8_t index, spec, type;
        uint16_t size, value_size;
        char what[64];

        (void) snprintf(what, sizeof(what), "measurement block %zu", number);
        if (cursor_u8(record, &index) < 0 || cursor_u8(record, &spec) < 0 || cursor_le16(record, &size) < 0 ||
            cursor_u8(record, &type) < 0 || cursor_le16(record, &value_size) < 0 ||
            cursor_bytes(record, SPDM_DIGEST_SIZE, ret_digest) < 0)
                return truncated(f, what, record);

        const struct {
                const char *what;
                unsigned expected, found;
        } checks[] = {
                { "index",         (unsigned) number,           index      },
                { "specification", SPDM_MEASUREMENT_SPEC_DMTF,  spec       },
                { "size",          SPDM_MEASUREMENT_SIZE,       size       },
                { "value type",    SPDM_VALUE_MUTABLE_FIRMWARE, type       },
                { "value size",    SPDM_DIGEST_SIZE,            value_size },
        };
        for (size_t i = 0; i < ELEMENTSOF(checks); i++)
                if (checks[i].expected != checks[i].found) {
                        (void) snprintf(what, sizeof(what), "measurement block %zu: %s", number, checks[i].what);
                        return number_wrong(f, what, checks[i].expected, checks[i].found);
                }
        return 0;
}

static int parse_record(Cursor *record, size_t n_blocks, SpdmReport *report, Fault *f) {
        if (n_blocks == 0 || n_blocks > SPDM_BLOCKS_MAX)
                return fault_set(f, EBADMSG, "response: number of blocks", "1 to 254", "%zu", n_blocks);
        for (size_t i = 0; i < n_blocks; i++) {
                int r;

                r = parse_block(record, i + 1, &report->digests[i], f);
                if (r < 0)
                        return r;
        }
        if (cursor_left(record) > 0)
                return fault_set(f, EBADMSG, "measurement record", "nothing after its last block", "%zu more bytes",
                                 cursor_left(record));
        report->n_blocks = n_blocks;
        return 0;
}

static int parse_response(Cursor *c, SpdmReport *report, Fault *f) {
        const uint8_t *responder_nonce;
        uint32_t record_size;
        uint16_t opaque_size;
        uint8_t n_blocks;
        Cursor record;
        int r;

        r = expect_bytes(c, response_head, ELEMENTSOF(response_head), f);
        if (r < 0)
                return r;
        if (cursor_u8(c, &n_blocks) < 0 || cursor_le24(c, &record_size) < 0)
                return truncated(f, "response: header", c);
        if (cursor_sub(c, record_size, &record) < 0)
                return truncated(f, "measurement record", c);
        r = parse_record(&record, n_blocks, report, f);
        if (r < 0)
                return r;

        if (cursor_bytes(c, SPDM_NONCE_SIZE, &responder_nonce) < 0 || cursor_le16(c, &opaque_size) < 0)
                return truncated(f, "response: nonce and opaque length", c);
        if (cursor_sub(c, opaque_size, &report->opaque) < 0)
                return truncated(f, "opaque data", c);
        return 0;
}

int spdm_report_parse(const void *data, size_t size, SpdmReport *ret, Fault *ret_fault) {
        SpdmReport report = {};
        Cursor c = cursor_of(data, size);
        int r;

        r = expect_bytes(&c, request_head, ELEMENTSOF(request_head), ret_fault);
        if (r < 0)
                return r;
        if (cursor_bytes(&c, SPDM_NONCE_SIZE, &report.nonce) < 0)
                return truncated(ret_fault, "request: nonce", &c);
        r = expect_bytes(&c, request_tail, ELEMENTSOF(request_tail), ret_fault);
        if (r < 0)
                return r;
        r = parse_response(&c, &report, ret_fault);
        if (r < 0)
                return r;

        report.signed_data = c.data;
        report.signed_size = c.offset;
        if (cursor_bytes(&c, SPDM_SIGNATURE_SIZE, &report.signature) < 0)
                return truncated(ret_fault, "signature", &c);
        if (cursor_left(&c) > 0)
                return fault_set(ret_fault, EBADMSG, "report", "nothing after the signature", "%zu more bytes",
                                 cursor_left(&c));
        *ret = report;
        return 0;
}
