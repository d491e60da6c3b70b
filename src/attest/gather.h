/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Appraisal with collateral from wherever it is: a cache, a bundle, directories, and the services on the network. What
 * is looked for is what the appraisal of authentic devices asks for, and nothing else; wherever it comes from, it is
 * judged in the same way. */

#include "attest/appraise.h"
#include "attest/cache.h"
#include "attest/fetch.h"

typedef struct GatherOptions {
        CollateralOptions collateral;
        const char *bundle;        /* file, block device or directory; NULL: none */
        bool bundle_optional;      /* one that cannot be used is noted only */
        const char *cache;         /* directory; NULL: none */
        uint64_t max_age_usec;     /* of OCSP answers; 0: until their own nextUpdate */
        const FetchOptions *fetch; /* NULL: no network */
} GatherOptions;

typedef struct GatherResult {
        Collateral *collateral;
        Appraisal *appraisal;  /* NULL after gather_rims() */
        size_t n_requests;     /* that were sent, repeated ones included */
        size_t n_rounds;       /* appraisals */
        Fault bundle, cache;   /* why they could not be used or written; `found` is empty when all is well */

        /* What the collateral borrows. */
        Cache *cache_open;
        const char **rim_dirs, **ocsp_dirs;
        char *bundle_rims, *bundle_answers;
} GatherResult;

/* Appraises; as long as something is missing that a source may have, gets all of it at once and appraises anew. 0;
 * with *ret_fault: the errors of collateral_open(), fetcher_new() and, unless it is optional, bundle_load(); -ENOMEM.
 * What is missing in the end is in the appraisal, with the reason. `set` must outlive the result. */
int gather(const EvidenceSet *set, const uint8_t *root_nonce, const GatherOptions *o, GatherResult *ret,
           Fault *ret_fault);

/* Gets these RIMs (NULL terminated list of ids) and what is asked about their signers, without any evidence. They are
 * judged in ret->collateral. Same errors. */
int gather_rims(const char *const *ids, const GatherOptions *o, GatherResult *ret, Fault *ret_fault);

void gather_result_done(GatherResult *r);
