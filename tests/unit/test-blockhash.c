/* SPDX-License-Identifier: Apache-2.0 */

#include <stdlib.h>

#include "basic/cleanup.h"
#include "basic/hex.h"
#include "model/blockhash.h"
#include "test.h"

#define BLOCKS 37U

static const char *const names[] = { "openssl", "sha-ni" };

/* Computed with Python's hashlib. */
static const char zeros[] = "268230a0d5b8d356ec2b3c81d0e415ab9e46369aa5111f6f8b2541f41583672c";
static const char sevens[] = "7a9f5671590b91d4b4678455ea6f5b9ad48246b2add6d4265bf2572db3a8e54f"; /* byte i is 7 * i */

static void check_golden(BlockHash hash) {
        uint8_t block[VERITY_BLOCK_SIZE] = {}, digest[VERITY_DIGEST_SIZE];
        char text[2 * VERITY_DIGEST_SIZE + 1];

        hash(block, 1, digest);
        CHECK_STR(hex_encode(digest, sizeof(digest), text), zeros);
        for (size_t i = 0; i < sizeof(block); i++)
                block[i] = (uint8_t) (7 * i);
        hash(block, 1, digest);
        CHECK_STR(hex_encode(digest, sizeof(digest), text), sevens);
}

static void test_golden(void) {
        for (size_t i = 0; i < ELEMENTSOF(names); i++)
                if (block_hash_find(names[i]))
                        check_golden(block_hash_find(names[i]));
        CHECK(!block_hash_find("md5"));
        CHECK(block_hash_find("openssl"));
        CHECK(block_hash_choose());
}

/* Any number of blocks, at any alignment, and not a byte past the digests. */
static void test_agreement(void) {
        BlockHash reference = block_hash_find("openssl"), fast = block_hash_find("sha-ni");
        _cleanup_free_ uint8_t *data = malloc(BLOCKS * VERITY_BLOCK_SIZE + 64);
        uint8_t wanted[(BLOCKS + 1) * VERITY_DIGEST_SIZE], found[(BLOCKS + 1) * VERITY_DIGEST_SIZE];

        if (!fast)
                SKIP("no SHA instructions");
        for (size_t i = 0; i < BLOCKS * VERITY_BLOCK_SIZE + 64; i++)
                data[i] = (uint8_t) rand();
        for (size_t n = 0; n <= BLOCKS; n++) {
                const uint8_t *blocks = data + n % 64;

                memset(wanted, 0xee, sizeof(wanted));
                memset(found, 0xee, sizeof(found));
                reference(blocks, n, wanted);
                fast(blocks, n, found);
                CHECK(memcmp(wanted, found, sizeof(wanted)) == 0);
        }
}

static const Test tests[] = {
        { "known digests",                       test_golden    },
        { "OpenSSL and SHA instructions agree",  test_agreement },
};

TEST_MAIN(tests)
