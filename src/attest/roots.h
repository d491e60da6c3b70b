/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* The two roots that NVIDIA's attestation ends in, compiled in.
 *
 *                  device certificates              reference integrity manifests
 *   subject        CN=NVIDIA Device Identity CA     CN=NVIDIA CoRIM signing Root CA
 *   serial         2d3670b1ca100411                 45dae3a00e5037bd
 *                  c1fec0e82a065b54                 df875375ecb5e270
 *   SHA-256 (DER)  102bf659d5419614c9d8e6aecebc8045 12977b5115acb0381179279fffeb5a8c
 *                  4eb26b1df6a769ac720b9a690b167b48 4d264971ebb32298023a465fa41df5d1
 *   valid          2021-11-05 to 9999-12-31         2023-03-16 to 2053-03-08
 */

#include <openssl/x509.h>

/* A new reference, NULL when memory is out. */
X509 *root_device(void);
X509 *root_rim(void);
