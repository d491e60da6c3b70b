/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* A byte string that grows: what reports, extensions and documents are composed in. */

#include <stddef.h>
#include <stdint.h>

#include "basic/cleanup.h"

typedef struct SimBytes {
        uint8_t *data; /* followed by a NUL that is not counted */
        size_t size, room;
} SimBytes;

void sim_bytes_done(SimBytes *b);
#define _cleanup_bytes_ _cleanup_(sim_bytes_done)

void sim_bytes_put(SimBytes *b, const void *data, size_t size);
void sim_bytes_fill(SimBytes *b, uint8_t value, size_t size);

/* The low `size` bytes of `value`, little-endian. */
void sim_bytes_put_le(SimBytes *b, uint32_t value, size_t size);

/* One DER element: tag, length, content. */
void sim_bytes_put_der(SimBytes *b, uint8_t tag, const void *content, size_t size);

void sim_bytes_printf(SimBytes *b, const char *format, ...) _printf_(2, 3);

/* `text` (freed) with the first occurrence of `from`, which must be there, replaced by `to`. The caller owns it. */
char *sim_text_replace(char *text, const char *from, const char *to);

/* Creates or overwrites DIR/NAME. 0 or a negative errno. */
int sim_write_file(const char *dir, const char *name, const void *data, size_t size);
