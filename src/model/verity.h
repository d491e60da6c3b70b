/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* A dm-verity hash tree in a file of its own, computed while the data arrives (format: the Linux kernel's
 * dm-verity documentation and cryptsetup's; superblock version 1, SHA-256, blocks of 4096 bytes, and the UUID and salt
 * of COCOON's recipe): the superblock's block, then the levels, the top one first. */

#include <stdint.h>

#include "basic/fault.h"
#include "model/blockhash.h"

/* The data whose digests fill one block of the lowest level: what is hashed at a time. */
#define VERITY_FANOUT     (VERITY_BLOCK_SIZE / VERITY_DIGEST_SIZE)
#define VERITY_CHUNK_SIZE ((size_t) VERITY_FANOUT * VERITY_BLOCK_SIZE)

#define VERITY_LEVELS_MAX 9U /* 128^9 blocks are more than 64 bits of bytes */

typedef struct VerityGeometry {
        uint64_t data_blocks;
        unsigned n_levels;
        uint64_t blocks[VERITY_LEVELS_MAX]; /* of each level, the lowest first */
        uint64_t start[VERITY_LEVELS_MAX];  /* its first block in the file */
        uint64_t file_blocks;
} VerityGeometry;

/* Of `size` bytes of data. 0, or -EINVAL when that is no multiple of the block size, or less than two blocks, or more
 * than a file can have. */
int verity_geometry(uint64_t size, VerityGeometry *ret);

/* How many chunks the data has: the blocks of the lowest level. */
static inline uint64_t verity_chunks(const VerityGeometry *g) {
        return g->blocks[0];
}

/* How many data blocks chunk `index` has: VERITY_FANOUT, or what is left for the last. */
static inline size_t verity_chunk_blocks(const VerityGeometry *g, uint64_t index) {
        uint64_t left = g->data_blocks - index * VERITY_FANOUT;

        return left < VERITY_FANOUT ? (size_t) left : VERITY_FANOUT;
}

/* Stores the digests of one chunk's blocks. Chunks may come in any order, each once, from any thread. 0 or the errno
 * of writing. */
int verity_store_chunk(int fd, const VerityGeometry *g, BlockHash hash, uint64_t index, const uint8_t *digests);

/* Once all chunks are stored: the upper levels, the superblock, and the root hash. 0 or an errno of reading and
 * writing. */
int verity_finish(int fd, const VerityGeometry *g, BlockHash hash, uint8_t ret_root[static VERITY_DIGEST_SIZE]);

/* Reads the superblock of a tree, which must be exactly what verity_finish() writes for `data_size` bytes, and the
 * file must be as long. 0, -EBADMSG with *ret_fault, or the errno of reading. */
int verity_read_superblock(int fd, uint64_t data_size, VerityGeometry *ret, Fault *ret_fault);

/* The digest of the top block: what the root hash of an intact tree is. */
int verity_read_root(int fd, const VerityGeometry *g, BlockHash hash, uint8_t ret_root[static VERITY_DIGEST_SIZE]);

/* Reads block `index` of a level (0: the digests of that chunk), and says whether it is what the level above has, or
 * for the top level `root`. 0, -EBADMSG when it is not (the block is stored all the same), or the errno of reading. */
int verity_read_block(int fd, const VerityGeometry *g, BlockHash hash, const uint8_t root[static VERITY_DIGEST_SIZE],
                      unsigned level, uint64_t index, uint8_t ret[static VERITY_BLOCK_SIZE]);

/* The superblock as it stands in the file, for a geometry. */
void verity_superblock(const VerityGeometry *g, uint8_t ret[static VERITY_BLOCK_SIZE]);
