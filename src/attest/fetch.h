/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Gets from NVIDIA's RIM service and OCSP responder what a Collateral misses: all of it at once, each thing once, and
 * what a RIM's signers are asked about as soon as that RIM is there. */

#include <stdbool.h>
#include <stdint.h>

#include "attest/collateral.h"

#define FETCH_RIM_URL  "https://rim.attestation.nvidia.com"
#define FETCH_OCSP_URL "https://ocsp.ndis.nvidia.com/"

typedef struct FetchOptions {
        const char *rim_url, *ocsp_url; /* NULL: NVIDIA's */
        bool allow_http;                /* for tests: URLs may be http */
        bool require_nonce;             /* OCSP answers must have the nonce they were asked with */
        uint64_t deadline_usec;         /* CLOCK_MONOTONIC, for everything; 0: each request's own limits only */
        unsigned retries;               /* of each request, after the first try */
        const char *service_key_file;   /* a bearer token for NVIDIA's services; NULL: none */
} FetchOptions;

typedef struct Fetcher Fetcher;

/* `o` and what it names must outlive the fetcher. 0; with *ret_fault: -EINVAL for a URL that is not https (or http
 * where allowed) or has user, query or fragment, or for a key that no header may have, the errno of reading the key
 * file; -ENOMEM. */
int fetcher_new(const FetchOptions *o, Fetcher **ret, Fault *ret_fault);
Fetcher *fetcher_free(Fetcher *f);
DEFINE_CLEANUP_FUNC(Fetcher *, fetcher_free)

/* Asks for all that `c` misses and was not asked for before, until nothing of that kind is left. Each thing is then in
 * the collateral, or the reason why not. The number of things that were asked for, or -ENOMEM, -EIO. */
int fetch_missing(Fetcher *f, Collateral *c);

/* Requests that were sent so far, repeated ones included. */
size_t fetcher_requests(const Fetcher *f);

/* Whether the service key may go to this URL: https, and nvidia.com or a host below it. */
bool fetch_may_carry_key(const char *url);
