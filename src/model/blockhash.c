/* SPDX-License-Identifier: Apache-2.0 */

#include "model/blockhash.h"

#include <openssl/sha.h>
#include <stdbool.h>
#include <string.h>

#include "basic/cleanup.h"

const uint8_t verity_salt[VERITY_SALT_SIZE] = {
        0x00, 0x01, 0x02, 0x03, 0x04, 0x05, 0x06, 0x07, 0x08, 0x09, 0x10, 0x1a, 0x1b, 0x1c, 0x1d, 0x1e, 0x1f,
};

/* The one-shot functions are deprecated; nothing else in OpenSSL hashes 4 KiB without paying for a context. */
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wdeprecated-declarations"
static void hash_openssl(const uint8_t *blocks, size_t n, uint8_t *ret) {
        SHA256_CTX salted, ctx;

        (void) SHA256_Init(&salted);
        (void) SHA256_Update(&salted, verity_salt, sizeof(verity_salt));
        for (size_t i = 0; i < n; i++) {
                ctx = salted;
                (void) SHA256_Update(&ctx, blocks + i * VERITY_BLOCK_SIZE, VERITY_BLOCK_SIZE);
                (void) SHA256_Final(ret + i * VERITY_DIGEST_SIZE, &ctx);
        }
}
#pragma GCC diagnostic pop

#if defined(__x86_64__)

#include <cpuid.h>
#include <immintrin.h>

#define LANES 8U
#define PART  64U /* what SHA-256 takes at a time */
#define PARTS ((VERITY_SALT_SIZE + VERITY_BLOCK_SIZE) / PART)

/* How much of the block stands beside the salt in the first part, and what is left for the last. */
#define HEAD (PART - VERITY_SALT_SIZE)
#define TAIL ((VERITY_SALT_SIZE + VERITY_BLOCK_SIZE) % PART)

_Static_assert(TAIL + 9 <= PART, "the padding fits into the last part");

static const uint32_t round_constants[64] __attribute__((aligned(16))) = {
        0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5,
        0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174,
        0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da,
        0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967,
        0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85,
        0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070,
        0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3,
        0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2,
};

#define SHA_TARGET __attribute__((target("sha,sse4.1,ssse3")))
#define SHA_INLINE static inline __attribute__((always_inline)) SHA_TARGET

/* The state in the order that the instructions want it: words a b e f and c d g h, highest first. */
typedef struct Lane {
        __m128i abef, cdgh;
} Lane;

/* Four rounds of every lane, with words 4 * round to 4 * round + 3 of their message schedules. */
SHA_INLINE void four_rounds(Lane *lanes, __m128i w[][LANES], const uint8_t *const *parts, unsigned round) {
        const __m128i constants = _mm_load_si128((const __m128i *) (const void *) (round_constants + 4 * round));
        const __m128i big_endian = _mm_set_epi64x(0x0c0d0e0f08090a0b, 0x0405060700010203);
        __m128i *now = w[round % 4], *next = w[(round + 1) % 4], *after = w[(round + 2) % 4], *last = w[(round + 3) % 4];

#pragma GCC unroll 8
        for (unsigned i = 0; i < LANES; i++) {
                __m128i m;

                if (round < 4)
                        now[i] = _mm_shuffle_epi8(
                                _mm_loadu_si128((const __m128i *) (const void *) (parts[i] + 16 * round)), big_endian);
                else
                        now[i] = _mm_sha256msg2_epu32(_mm_add_epi32(_mm_sha256msg1_epu32(now[i], next[i]),
                                                                    _mm_alignr_epi8(last[i], after[i], 4)),
                                                      last[i]);
                m = _mm_add_epi32(now[i], constants);
                lanes[i].cdgh = _mm_sha256rnds2_epu32(lanes[i].cdgh, lanes[i].abef, m);
                lanes[i].abef = _mm_sha256rnds2_epu32(lanes[i].abef, lanes[i].cdgh, _mm_shuffle_epi32(m, 0x0e));
        }
}

/* One part of every lane. */
SHA_TARGET static void compress(Lane *lanes, const uint8_t *const *parts) {
        Lane before[LANES], state[LANES];
        __m128i w[4][LANES];

        memcpy(before, lanes, sizeof(before));
        memcpy(state, lanes, sizeof(state));
#pragma GCC unroll 16
        for (unsigned round = 0; round < 16; round++)
                four_rounds(state, w, parts, round);
        for (unsigned i = 0; i < LANES; i++) {
                lanes[i].abef = _mm_add_epi32(state[i].abef, before[i].abef);
                lanes[i].cdgh = _mm_add_epi32(state[i].cdgh, before[i].cdgh);
        }
}

SHA_TARGET static void store_digest(const Lane *lane, uint8_t *ret) {
        uint32_t abef[4], cdgh[4]; /* lowest first: f e b a, h g d c */

        _mm_storeu_si128((__m128i *) (void *) abef, lane->abef);
        _mm_storeu_si128((__m128i *) (void *) cdgh, lane->cdgh);
        for (unsigned i = 0; i < 8; i++) {
                uint32_t word = __builtin_bswap32((i / 2 % 2 ? cdgh : abef)[3 - i % 2 - 2 * (i / 4)]);

                memcpy(ret + 4 * i, &word, sizeof(word));
        }
}

/* LANES blocks, each of which stands anywhere. */
SHA_TARGET static void hash_lanes(const uint8_t *const *blocks, uint8_t *const *ret) {
        const Lane initial = {
                .abef = _mm_set_epi32(0x6a09e667, (int) 0xbb67ae85, 0x510e527f, (int) 0x9b05688c),
                .cdgh = _mm_set_epi32(0x3c6ef372, (int) 0xa54ff53a, 0x1f83d9ab, 0x5be0cd19),
        };
        const uint64_t bits = __builtin_bswap64(8ULL * (VERITY_SALT_SIZE + VERITY_BLOCK_SIZE));
        uint8_t edges[LANES][PART];
        const uint8_t *parts[LANES];
        Lane lanes[LANES];

        for (unsigned i = 0; i < LANES; i++) {
                lanes[i] = initial;
                memcpy(edges[i], verity_salt, VERITY_SALT_SIZE);
                memcpy(edges[i] + VERITY_SALT_SIZE, blocks[i], HEAD);
                parts[i] = edges[i];
        }
        compress(lanes, parts);
        for (unsigned i = 0; i < LANES; i++)
                parts[i] = blocks[i] + HEAD;
        for (unsigned k = 1; k < PARTS; k++) {
                compress(lanes, parts);
                for (unsigned i = 0; i < LANES; i++)
                        parts[i] += PART;
        }
        for (unsigned i = 0; i < LANES; i++) {
                memset(edges[i], 0, PART);
                memcpy(edges[i], parts[i], TAIL);
                edges[i][TAIL] = 0x80;
                memcpy(edges[i] + PART - sizeof(bits), &bits, sizeof(bits));
                parts[i] = edges[i];
        }
        compress(lanes, parts);
        for (unsigned i = 0; i < LANES; i++)
                store_digest(&lanes[i], ret[i]);
}

/* The lanes that the last few blocks leave free work on the last one again. */
static void hash_sha_ni(const uint8_t *blocks, size_t n, uint8_t *ret) {
        for (size_t i = 0; i < n; i += LANES) {
                const uint8_t *in[LANES];
                uint8_t *out[LANES];

                for (size_t k = 0; k < LANES; k++) {
                        size_t index = i + k < n ? i + k : n - 1;

                        in[k] = blocks + index * VERITY_BLOCK_SIZE;
                        out[k] = ret + index * VERITY_DIGEST_SIZE;
                }
                hash_lanes(in, out);
        }
}

/* Leaf 7: SHA; leaf 1: SSE4.1 and SSSE3 (Intel SDM, CPUID). */
static bool has_sha_ni(void) {
        unsigned a, b, c, d;

        if (!__get_cpuid_count(7, 0, &a, &b, &c, &d) || !(b & bit_SHA))
                return false;
        return __get_cpuid(1, &a, &b, &c, &d) && (c & bit_SSE4_1) && (c & bit_SSSE3);
}

#endif

BlockHash block_hash_find(const char *name) {
        if (strcmp(name, "openssl") == 0)
                return hash_openssl;
#if defined(__x86_64__)
        if (strcmp(name, "sha-ni") == 0 && has_sha_ni())
                return hash_sha_ni;
#endif
        return NULL;
}

BlockHash block_hash_choose(void) {
        return block_hash_find("sha-ni") ?: block_hash_find("openssl");
}
