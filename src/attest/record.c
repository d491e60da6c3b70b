/* SPDX-License-Identifier: Apache-2.0 */

#include "attest/record.h"

#include <endian.h>
#include <string.h>

#include "basic/io.h"

#define HEADER_SIZE 5U
#define ERRNO_MAX   4095U /* MAX_ERRNO of the kernel */

void record_send(int pipe, RecordTag tag, const void *data, size_t size) {
        uint8_t header[HEADER_SIZE] = { (uint8_t) tag };
        uint32_t n = htole32((uint32_t) size);

        memcpy(header + 1, &n, sizeof(n));
        if (write_all(pipe, header, sizeof(header)) < 0 || write_all(pipe, data, size) < 0)
                _exit(EXIT_FAILURE);
}

void record_send_text(int pipe, RecordTag tag, const char *text) {
        record_send(pipe, tag, text, strlen(text));
}

void record_send_fault(int pipe, int error, const Fault *f) {
        uint8_t body[4 + sizeof(f->what) + sizeof(f->expected) + sizeof(f->found)] = {}, *p = body;
        uint32_t n = htole32((uint32_t) abs(error));

        memcpy(p, &n, sizeof(n));
        p += sizeof(n);
        (void) snprintf((char *) p, sizeof(f->what), "%s", f->what);
        p += sizeof(f->what);
        (void) snprintf((char *) p, sizeof(f->expected), "%s", f->expected);
        p += sizeof(f->expected);
        (void) snprintf((char *) p, sizeof(f->found), "%s", f->found);
        record_send(pipe, RECORD_FAULT, body, sizeof(body));
}

int record_next(Cursor *c, Record *ret) {
        Cursor ahead = *c;
        uint32_t size;
        uint8_t tag;

        if (cursor_u8(&ahead, &tag) < 0)
                return 0;
        if (tag >= _RECORD_MAX)
                return -EBADMSG;
        if (cursor_le32(&ahead, &size) < 0 || cursor_sub(&ahead, size, &ret->body) < 0)
                return 0;
        ret->tag = (RecordTag) tag;
        *c = ahead;
        return 1;
}

int record_take_text(Cursor *c, char *ret, size_t size) {
        const uint8_t *bytes;
        size_t n;
        int r;

        r = cursor_bytes(c, size, &bytes);
        if (r < 0)
                return r;
        n = strnlen((const char *) bytes, size);
        for (size_t i = 0; i < size; i++)
                if (i < n ? bytes[i] < 0x20 || bytes[i] > 0x7e : bytes[i] != 0)
                        return -EBADMSG;
        if (n == size)
                return -EBADMSG;
        memcpy(ret, bytes, size);
        return 0;
}

int record_take_fault(Cursor body, int *ret_error, Fault *ret) {
        uint32_t error;
        Fault f;

        if (cursor_le32(&body, &error) < 0 || error == 0 || error > ERRNO_MAX ||
            record_take_text(&body, f.what, sizeof(f.what)) < 0 ||
            record_take_text(&body, f.expected, sizeof(f.expected)) < 0 ||
            record_take_text(&body, f.found, sizeof(f.found)) < 0 || cursor_left(&body) > 0)
                return -EBADMSG;
        *ret = f;
        *ret_error = (int) error;
        return 0;
}
