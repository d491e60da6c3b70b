/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* The nonces of one attestation. NVIDIA's tools ask every device for the same one; here one root nonce is drawn and
 * each device asked for its own, derived from it, so that no report can stand in for another device's and the root
 * alone still proves that all of them are fresh. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define NONCE_SIZE 32U /* bytes; SPDM 1.1 GET_MEASUREMENTS */

/* From the kernel's generator, waiting for it to be seeded. 0, or the errno of getrandom(2). */
int nonce_fresh(uint8_t ret[static NONCE_SIZE]);

/* The nonce of the device at `index` in the evidence: SHA-256("cocoon:device-nonce" 0x00 || root || index), the index
 * as 4 bytes, little-endian. */
void nonce_derive(const uint8_t root[static NONCE_SIZE], size_t index, uint8_t ret[static NONCE_SIZE]);

/* Whether the device at `index` may have been asked for `nonce` by someone who drew `root`: the root itself (NVIDIA's
 * form) or the one derived from it for this index. */
bool nonce_is_for(const uint8_t root[static NONCE_SIZE], size_t index, const uint8_t nonce[static NONCE_SIZE]);
