/* SPDX-License-Identifier: Apache-2.0 */

#include "basic/cursor.h"

#include <errno.h>

int cursor_bytes(Cursor *c, size_t size, const uint8_t **ret) {
        if (size > cursor_left(c))
                return -EBADMSG;
        *ret = size > 0 ? c->data + c->offset : c->data;
        c->offset += size;
        return 0;
}

int cursor_sub(Cursor *c, size_t size, Cursor *ret) {
        const uint8_t *data;
        int r;

        r = cursor_bytes(c, size, &data);
        if (r < 0)
                return r;
        *ret = cursor_of(data, size);
        return 0;
}

static int take_le(Cursor *c, size_t size, uint32_t *ret) {
        const uint8_t *data;
        uint32_t value = 0;
        int r;

        r = cursor_bytes(c, size, &data);
        if (r < 0)
                return r;
        for (size_t i = size; i > 0; i--)
                value = value << 8 | data[i - 1];
        *ret = value;
        return 0;
}

int cursor_u8(Cursor *c, uint8_t *ret) {
        uint32_t value;
        int r;

        r = take_le(c, 1, &value);
        if (r >= 0)
                *ret = (uint8_t) value;
        return r;
}

int cursor_le16(Cursor *c, uint16_t *ret) {
        uint32_t value;
        int r;

        r = take_le(c, 2, &value);
        if (r >= 0)
                *ret = (uint16_t) value;
        return r;
}

int cursor_le24(Cursor *c, uint32_t *ret) {
        return take_le(c, 3, ret);
}

int cursor_le32(Cursor *c, uint32_t *ret) {
        return take_le(c, 4, ret);
}
