/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* The pieces' way over the network, many at a time, in one thread. */

#include "model/pieces.h"

typedef struct TransferJob {
        Hub *hub;
        const char *name, *commit;
        const HubListing *listing;
        int image_fd;
        Pieces *pieces;
        unsigned connections;
        int (*arrived)(void *userdata, uint64_t piece); /* before anybody else hears of it; a negative errno ends all */
        void *userdata;
} TransferJob;

typedef struct Transfers Transfers;

/* `job` is borrowed. NULL when memory is out. */
Transfers *transfers_new(const TransferJob *job);
Transfers *transfers_free(Transfers *ts);
DEFINE_CLEANUP_FUNC(Transfers *, transfers_free)

/* Until there is nothing left to fetch, or something failed, here (then pieces_fail() has been told) or elsewhere. */
void transfers_run(Transfers *ts);

/* Makes transfers_run() look at once whether something failed. From any thread. */
void transfers_wake(Transfers *ts);
