/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* The boot gate's configuration: cocoon/attest.conf and its drop-ins (attest.conf(5)). */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "basic/conf.h"

/* Where collateral may come from. */
typedef enum CollateralSource {
        SOURCE_CACHE,
        SOURCE_BUNDLE,
        SOURCE_DIRECTORY,
        SOURCE_NETWORK,
        _SOURCE_MAX,
} CollateralSource;

/* Sources to ask, in this order, each once. */
typedef struct SourceOrder {
        CollateralSource items[_SOURCE_MAX];
        size_t n_items;
} SourceOrder;

typedef struct AttestConfig {
        char *policy, *trust_anchors; /* NULL: the strict one; NVIDIA's roots */
        uint64_t timeout_usec;        /* of everything together */

        unsigned gpus;     /* 0: any number but none */
        unsigned switches; /* 0: as many as there are, where the GPUs' mode needs them */
        uint64_t device_timeout_usec;
        unsigned device_retries;

        SourceOrder sources;
        char *cache, *bundle;
        char **rim_dirs, **ocsp_dirs; /* NULL ended, or NULL */
        uint64_t max_age_usec;        /* of OCSP answers; UINT64_MAX: as long as they say themselves */
        char *rim_url, *ocsp_url, *service_key_file; /* NULL: NVIDIA's; none */
        bool allow_http, ocsp_nonce;
        uint64_t network_timeout_usec;
        unsigned network_retries;

        bool require_tdx, bind_quote;
} AttestConfig;

/* Reads the configuration below `root` ("" for the real system). Every problem is reported, with file and line where it
 * has one. 0; -EINVAL when anything was refused; -ENOMEM. Nothing is set then. */
int attest_config_load(const char *root, AttestConfig *ret, ConfReport report, void *userdata);
void attest_config_done(AttestConfig *c);

/* Whether the source is asked at all. */
bool attest_config_uses(const AttestConfig *c, CollateralSource source);
