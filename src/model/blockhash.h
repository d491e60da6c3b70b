/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Digests of dm-verity blocks, SHA-256(salt || block), many at a time. Blocks are independent, so a processor with SHA
 * instructions works on several at once and hides the latency of each (FIPS 180-4; Intel SHA Extensions). This loop is
 * what building and checking an image costs. */

#include <stddef.h>
#include <stdint.h>

#define VERITY_BLOCK_SIZE  4096U
#define VERITY_DIGEST_SIZE 32U
#define VERITY_SALT_SIZE   17U

/* The salt that every image has (COCOON's recipe); it makes digests comparable and is no secret. */
extern const uint8_t verity_salt[VERITY_SALT_SIZE];

/* Writes the digests of `n` blocks that follow each other at `blocks`, VERITY_DIGEST_SIZE bytes each. */
typedef void (*BlockHash)(const uint8_t *blocks, size_t n, uint8_t *ret);

/* The fastest that this processor has. */
BlockHash block_hash_choose(void);

/* By name, "openssl" or "sha-ni"; NULL when this processor or build has not got it. */
BlockHash block_hash_find(const char *name);
