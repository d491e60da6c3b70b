/* SPDX-License-Identifier: Apache-2.0 */

#include "attest/quote.h"

#include <string.h>

#include "basic/cursor.h"

#define TEE_TYPE_TDX 0x81U
#define HEADER_REST_SIZE 40U /* behind version, key type and TEE type */
#define BODY_BEFORE_RTMR3_SIZE (328U + 3 * RTMR_SIZE)
#define BODY_SIZE 584U    /* TDX 1.0, and what TDX 1.5 begins with */

/* Stops where the body begins. */
static int read_header(Cursor *c, Fault *f) {
        uint16_t version, key_type, body_type;
        const uint8_t *rest;
        uint32_t tee, body_size = BODY_SIZE;

        if (cursor_le16(c, &version) < 0 || cursor_le16(c, &key_type) < 0 || cursor_le32(c, &tee) < 0 ||
            cursor_bytes(c, HEADER_REST_SIZE, &rest) < 0)
                return fault_set(f, EBADMSG, "TDX quote", "a header of 48 bytes", "%zu bytes", c->size);
        if ((version != 4 && version != 5) || tee != TEE_TYPE_TDX)
                return fault_set(f, EBADMSG, "TDX quote", "version 4 or 5, TEE type 0x81", "version %u, TEE type %#x",
                                 version, tee);
        if (version == 5 && (cursor_le16(c, &body_type) < 0 || cursor_le32(c, &body_size) < 0))
                body_size = 0;
        if (body_size < BODY_SIZE || cursor_left(c) < body_size)
                return fault_set(f, EBADMSG, "TDX quote", "a body of at least 584 bytes", "%zu left, said to be %u",
                                 cursor_left(c), body_size);
        return 0;
}

int quote_check(const void *quote, size_t size, const uint8_t report_data[static QUOTE_REPORT_DATA_SIZE],
                const uint8_t *rtmr3, Fault *ret_fault) {
        const uint8_t *before, *found_rtmr3, *found_data;
        Cursor c = cursor_of(quote, size);
        int r;

        r = read_header(&c, ret_fault);
        if (r < 0)
                return r;
        if (cursor_bytes(&c, BODY_BEFORE_RTMR3_SIZE, &before) < 0 || cursor_bytes(&c, RTMR_SIZE, &found_rtmr3) < 0 ||
            cursor_bytes(&c, QUOTE_REPORT_DATA_SIZE, &found_data) < 0)
                return fault_set(ret_fault, EBADMSG, "TDX quote", "a whole body", "less");
        if (memcmp(found_data, report_data, QUOTE_REPORT_DATA_SIZE) != 0)
                return fault_set(ret_fault, ESTALE, "TDX quote", "the report data that was asked for", "others");
        if (rtmr3 && memcmp(found_rtmr3, rtmr3, RTMR_SIZE) != 0)
                return fault_set(ret_fault, ESTALE, "TDX quote", "the value that RTMR3 has", "another");
        return 0;
}
