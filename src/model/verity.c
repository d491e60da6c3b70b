/* SPDX-License-Identifier: Apache-2.0 */

#include "model/verity.h"

#include <endian.h>
#include <stdbool.h>
#include <string.h>
#include <sys/stat.h>

#include "basic/io.h"

/* More than any file offset can reach. */
#define DATA_BLOCKS_MAX (UINT64_C(1) << 51)

/* On disk, little-endian (cryptsetup, "DMVerity"); the rest of its block is zero. */
typedef struct Superblock {
        uint8_t signature[8];
        uint32_t version;
        uint32_t hash_type; /* 1: the salt comes first */
        uint8_t uuid[16];
        char algorithm[32];
        uint32_t data_block_size;
        uint32_t hash_block_size;
        uint64_t data_blocks;
        uint16_t salt_size;
        uint8_t pad[6];
        uint8_t salt[256];
} Superblock;

_Static_assert(sizeof(Superblock) == 344, "the superblock as it is on disk");
_Static_assert(VERITY_FANOUT == 128, "digests fill a block");

static const uint8_t image_uuid[16] = {
        0x64, 0x5a, 0xc3, 0x1f, 0x76, 0x10, 0x42, 0xe1, 0x84, 0x34, 0x9d, 0x73, 0x36, 0x99, 0xea, 0xc0,
};

int verity_geometry(uint64_t size, VerityGeometry *ret) {
        VerityGeometry g = { .data_blocks = size / VERITY_BLOCK_SIZE };
        uint64_t blocks = g.data_blocks;

        if (size % VERITY_BLOCK_SIZE != 0 || g.data_blocks < 2 || g.data_blocks > DATA_BLOCKS_MAX)
                return -EINVAL;
        do {
                blocks = (blocks + VERITY_FANOUT - 1) / VERITY_FANOUT;
                g.blocks[g.n_levels++] = blocks;
        } while (blocks > 1);

        g.file_blocks = 1;
        for (unsigned level = g.n_levels; level-- > 0;) {
                g.start[level] = g.file_blocks;
                g.file_blocks += g.blocks[level];
        }
        *ret = g;
        return 0;
}

static uint64_t block_offset(const VerityGeometry *g, unsigned level, uint64_t index) {
        return (g->start[level] + index) * VERITY_BLOCK_SIZE;
}

/* Puts the digest of a block into its place one level up. */
static int store_parent(int fd, const VerityGeometry *g, BlockHash hash, unsigned level, uint64_t index,
                        const uint8_t *block) {
        uint8_t digest[VERITY_DIGEST_SIZE];

        if (level + 1 == g->n_levels)
                return 0;
        hash(block, 1, digest);
        return pwrite_all(fd, digest, sizeof(digest),
                          block_offset(g, level + 1, 0) + index * VERITY_DIGEST_SIZE);
}

int verity_store_chunk(int fd, const VerityGeometry *g, BlockHash hash, uint64_t index, const uint8_t *digests) {
        uint8_t block[VERITY_BLOCK_SIZE] = {};
        int r;

        memcpy(block, digests, verity_chunk_blocks(g, index) * VERITY_DIGEST_SIZE);
        r = pwrite_all(fd, block, sizeof(block), block_offset(g, 0, index));
        if (r < 0)
                return r;
        return store_parent(fd, g, hash, 0, index, block);
}

void verity_superblock(const VerityGeometry *g, uint8_t ret[static VERITY_BLOCK_SIZE]) {
        Superblock sb = {
                .signature = "verity\0",
                .version = htole32(1),
                .hash_type = htole32(1),
                .algorithm = "sha256",
                .data_block_size = htole32(VERITY_BLOCK_SIZE),
                .hash_block_size = htole32(VERITY_BLOCK_SIZE),
                .data_blocks = htole64(g->data_blocks),
                .salt_size = htole16(VERITY_SALT_SIZE),
        };

        memcpy(sb.uuid, image_uuid, sizeof(image_uuid));
        memcpy(sb.salt, verity_salt, VERITY_SALT_SIZE);
        memset(ret, 0, VERITY_BLOCK_SIZE);
        memcpy(ret, &sb, sizeof(sb));
}

int verity_read_root(int fd, const VerityGeometry *g, BlockHash hash, uint8_t ret_root[static VERITY_DIGEST_SIZE]) {
        uint8_t block[VERITY_BLOCK_SIZE];
        int r;

        r = pread_all(fd, block, sizeof(block), block_offset(g, g->n_levels - 1, 0));
        if (r < 0)
                return r;
        hash(block, 1, ret_root);
        return 0;
}

int verity_finish(int fd, const VerityGeometry *g, BlockHash hash, uint8_t ret_root[static VERITY_DIGEST_SIZE]) {
        uint8_t block[VERITY_BLOCK_SIZE];
        int r;

        /* The lowest level gave its digests as it was stored. What it wrote of a level's last block is followed by a
         * hole, or by the next level, never by old bytes: the file began empty. */
        for (unsigned level = 1; level < g->n_levels; level++)
                for (uint64_t i = 0; i < g->blocks[level]; i++) {
                        r = pread_all(fd, block, sizeof(block), block_offset(g, level, i));
                        if (r < 0)
                                return r;
                        r = store_parent(fd, g, hash, level, i, block);
                        if (r < 0)
                                return r;
                }
        verity_superblock(g, block);
        r = pwrite_all(fd, block, sizeof(block), 0);
        if (r < 0)
                return r;
        return verity_read_root(fd, g, hash, ret_root);
}

int verity_read_superblock(int fd, uint64_t data_size, VerityGeometry *ret, Fault *ret_fault) {
        uint8_t wanted[VERITY_BLOCK_SIZE], found[VERITY_BLOCK_SIZE];
        VerityGeometry g;
        struct stat st;
        int r;

        if (verity_geometry(data_size, &g) < 0)
                return fault_set(ret_fault, EBADMSG, "image size", "a multiple of 4096, at least 8192", "%llu bytes",
                                 (unsigned long long) data_size);
        if (fstat(fd, &st) < 0)
                return -errno;
        if (S_ISREG(st.st_mode) && (uint64_t) st.st_size != g.file_blocks * VERITY_BLOCK_SIZE) {
                char expected[96];

                (void) snprintf(expected, sizeof(expected), "%llu bytes, for an image of %llu",
                                (unsigned long long) (g.file_blocks * VERITY_BLOCK_SIZE), (unsigned long long) data_size);
                return fault_set(ret_fault, EBADMSG, "size of the hash tree", expected, "%lld bytes",
                                 (long long) st.st_size);
        }
        r = pread_all(fd, found, sizeof(found), 0);
        if (r < 0)
                return r;
        verity_superblock(&g, wanted);
        if (memcmp(found, wanted, sizeof(found)) != 0)
                return fault_set(ret_fault, EBADMSG, "superblock of the hash tree",
                                 "that of COCOON's recipe (SHA-256, blocks of 4096, its UUID and salt) for this size",
                                 "%s", memcmp(found, wanted, 8) == 0 ? "other parameters" : "no superblock at all");
        *ret = g;
        return 0;
}

int verity_read_block(int fd, const VerityGeometry *g, BlockHash hash, const uint8_t root[static VERITY_DIGEST_SIZE],
                      unsigned level, uint64_t index, uint8_t ret[static VERITY_BLOCK_SIZE]) {
        uint8_t digest[VERITY_DIGEST_SIZE], wanted[VERITY_DIGEST_SIZE];
        int r;

        r = pread_all(fd, ret, VERITY_BLOCK_SIZE, block_offset(g, level, index));
        if (r < 0)
                return r;
        memcpy(wanted, root, sizeof(wanted));
        if (level + 1 < g->n_levels) {
                r = pread_all(fd, wanted, sizeof(wanted), block_offset(g, level + 1, 0) + index * VERITY_DIGEST_SIZE);
                if (r < 0)
                        return r;
        }
        hash(ret, 1, digest);
        return memcmp(digest, wanted, sizeof(digest)) == 0 ? 0 : -EBADMSG;
}
