/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Hexadecimal and base64 text, strictly: no white space, no prefixes, no other alphabet, exact lengths. */

#include <stddef.h>
#include <stdint.h>

/* Two digits a byte, either case. 0, or -EINVAL when `text` (of `length` characters) is not exactly 2 * size hex
 * digits; nothing is stored then. */
int hex_decode(const char *text, size_t length, uint8_t *ret, size_t size);

/* Lower case; `ret` has room for 2 * size + 1 characters and is NUL terminated. Returns `ret`. */
char *hex_encode(const void *data, size_t size, char *ret);

/* The same in fresh memory (owned by the caller), NULL when memory is out. */
char *hex_encode_alloc(const void *data, size_t size);

/* Standard base64 (RFC 4648 section 4), padded, canonical (unused bits zero). 0, -EINVAL when it is anything else,
 * -ENOMEM. The bytes are the caller's, with a NUL behind them that is not counted. */
int base64_decode(const char *text, size_t length, uint8_t **ret, size_t *ret_size);

/* Standard, padded; NULL when memory is out. */
char *base64_encode(const void *data, size_t size);

/* base64url without padding (RFC 7515 section 2); NULL when memory is out. */
char *base64url_encode(const void *data, size_t size);
