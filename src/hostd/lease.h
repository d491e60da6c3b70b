/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Who has a ready GPU. A lease is a pipe: it lasts as long as any copy of the end that Lease() hands out is open. */

#include "hostd/gpu-object.h"
#include "vfio/lend.h"

struct Lease {
        GpuObject *gpu;
        char *holder;            /* as it calls itself */
        uid_t uid;
        int end;                 /* ours of the pipe */
        uint64_t pipe;           /* its number, by which a later daemon finds those who have it */
        sd_event_source *source; /* once it is in other hands */

        sd_bus_message *call;    /* Lease(), as long as it is not answered */
        sd_bus_track *caller;
        VfioLoan loan;           /* to be handed out */
        bool waits;              /* for the end of what is done to the GPU before */
};

/* Whether it could be leased now: 0 or an error. */
int lease_check(const GpuObject *g, const char *holder, sd_bus_error *error);

/* Answers `call` later, with the descriptors or an error; or returns an error now. */
int lease_request(GpuObject *g, sd_bus_message *call, const char *holder, uid_t uid, sd_bus_error *error);

/* The job that lends it has ended: `error` NULL: done. */
void lease_settle(GpuObject *g, const char *error, const char *message);

/* No job is at work on the GPU any more: a lease that waits begins, a GPU that comes back from one is checked. */
void lease_next(GpuObject *g);

/* The GPU is gone, and the lease with it. */
void lease_drop(GpuObject *g);

/* The lease that was on record is watched again: true; false when it has ended meanwhile. */
bool lease_resume(GpuObject *g, const char *holder, uint64_t pipe);

/* Lets go of it; as long as others have it, it goes on. */
Lease *lease_free(Lease *l);

/* lease-keep.c: where our end is while there is no daemon. */

/* Takes over what systemd kept. When the GPUs are known: what belongs to no lease is forgotten, all others are kept. */
void lease_keep_start(Manager *m);
void lease_keep_done(Manager *m);

/* Has it kept by systemd; and not any more. */
void lease_keep(const Lease *l);
void lease_forget(const GpuObject *g);

/* Our end, as systemd kept it, or anew from somebody who has the other one: a descriptor, or -ENOENT when nobody has. */
int lease_find(Manager *m, const char *address, uint64_t pipe);
