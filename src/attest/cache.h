/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* A directory that keeps what services have given: rims/ID.xml, and ocsp/KEY.der under the key of the question. What
 * is read from it is believed no more than what comes from anywhere else. */

#include "attest/collateral.h"

typedef struct Cache Cache;

/* Makes the directory and the two in it where they are not there (but not what is above). 0; with *ret_fault the errno
 * of that; -ENOMEM. */
int cache_open(const char *dir, Cache **ret, Fault *ret_fault);
Cache *cache_free(Cache *cache);
DEFINE_CLEANUP_FUNC(Cache *, cache_free)

/* Has the collateral look into the cache, which must outlive it. 0 or -ENOMEM. */
int cache_attach(Cache *cache, Collateral *c);

/* Keeps what a service gave and what was found good. 0; with *ret_fault the errno of the first that could not be
 * written; -ENOMEM. */
int cache_store(const Cache *cache, const Collateral *c, Fault *ret_fault);
