/* SPDX-License-Identifier: Apache-2.0 */

#include "attest/nonce.h"

#include <errno.h>
#include <openssl/sha.h>
#include <string.h>
#include <sys/random.h>

/* With its NUL, which ends it: no other purpose's label can begin so. */
static const char label[] = "cocoon:device-nonce";

int nonce_fresh(uint8_t ret[static NONCE_SIZE]) {
        uint8_t nonce[NONCE_SIZE];
        size_t n = 0;

        while (n < sizeof(nonce)) {
                ssize_t k = getrandom(nonce + n, sizeof(nonce) - n, 0);

                if (k < 0 && errno == EINTR)
                        continue;
                if (k < 0)
                        return -errno;
                n += (size_t) k;
        }
        memcpy(ret, nonce, sizeof(nonce));
        return 0;
}

void nonce_derive(const uint8_t root[static NONCE_SIZE], size_t index, uint8_t ret[static NONCE_SIZE]) {
        uint8_t input[sizeof(label) + NONCE_SIZE + 4], *p = input;

        memcpy(p, label, sizeof(label));
        p += sizeof(label);
        memcpy(p, root, NONCE_SIZE);
        p += NONCE_SIZE;
        for (unsigned i = 0; i < 4; i++)
                *p++ = (uint8_t) (index >> 8 * i);
        (void) SHA256(input, sizeof(input), ret);
}

bool nonce_is_for(const uint8_t root[static NONCE_SIZE], size_t index, const uint8_t nonce[static NONCE_SIZE]) {
        uint8_t derived[NONCE_SIZE];

        nonce_derive(root, index, derived);
        return memcmp(nonce, root, NONCE_SIZE) == 0 || memcmp(nonce, derived, NONCE_SIZE) == 0;
}
