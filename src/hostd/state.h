/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* What must be known of a GPU after the daemon has died: one file for each, /var/lib/cocoon/gpu/ADDRESS.json. */

#include "hostd/gpu-object.h"

typedef struct GpuRecord {
        GpuState state;
        bool this_boot;
        char *error, *message;
        char *cc, *ppcie; /* the modes that it had, or NULL */
        char *holder;     /* of a lease, or NULL, and its pipe */
        uint64_t pipe;
        json_object *record; /* the worker's, or NULL */
} GpuRecord;

/* What is on record: 0; -ENOENT when nothing is, or it is of another device at this address; -EBADMSG for a file that
 * is no record; or the errno of reading it. */
int state_load(const Manager *m, const char *address, uint16_t device_id, GpuRecord *ret);
void gpu_record_done(GpuRecord *r);

/* Waits until what gpu_object_save() began is done: for the end of the daemon, when nothing else is to be done. */
void state_flush(GpuObject *g);

/* Removes what stores that were killed left behind. */
void state_sweep(const Manager *m);

/* Removes records of GPUs that are not there any more: they went while there was no daemon, and what comes to their place is
 * not theirs. */
void state_drop_absent(const Manager *m);
