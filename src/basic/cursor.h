/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* A bounds-checked reader over bytes that are not trusted. Every binary format is read through it: no other code
 * does arithmetic on pointers into such bytes. Nothing is copied; the bytes must outlive the cursor. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct Cursor {
        const uint8_t *data;
        size_t size;
        size_t offset;
} Cursor;

static inline Cursor cursor_of(const void *data, size_t size) {
        return (Cursor){ .data = (const uint8_t *) data, .size = size };
}

static inline size_t cursor_left(const Cursor *c) {
        return c->size - c->offset;
}

/* Each takes the next bytes and moves on: 0, or -EBADMSG when fewer are left, in which case nothing moves and
 * nothing is stored. Integers are unsigned and little-endian. */
int cursor_u8(Cursor *c, uint8_t *ret);
int cursor_le16(Cursor *c, uint16_t *ret);
int cursor_le24(Cursor *c, uint32_t *ret);
int cursor_le32(Cursor *c, uint32_t *ret);

/* A pointer to the next `size` bytes, owned by the underlying buffer. */
int cursor_bytes(Cursor *c, size_t size, const uint8_t **ret);

/* A cursor over just the next `size` bytes. */
int cursor_sub(Cursor *c, size_t size, Cursor *ret);
