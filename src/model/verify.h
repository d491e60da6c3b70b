/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Checking a whole image against its hash tree, and the tree against its root hash. */

#include "basic/parallel.h"
#include "model/verity.h"

typedef struct VerifyResult {
        uint64_t data_blocks, bad_blocks, first_bad_block;
        uint64_t tree_blocks, bad_tree_blocks, first_bad_tree_block; /* in blocks of the tree's file */
} VerifyResult;

typedef struct VerifyJob {
        int image_fd, tree_fd;
        uint8_t root[VERITY_DIGEST_SIZE];
        unsigned jobs;
        void (*show)(void *userdata, uint64_t done, uint64_t total); /* bytes; may be NULL */
        int (*interrupted)(void); /* a negative errno stops it; may be NULL */
        void *userdata;
} VerifyJob;

/* Reads everything once, on all processors. 0 with the counts, good or bad; -EBADMSG with *ret_fault when sizes or
 * superblock are wrong and nothing was counted; errnos of reading. */
int verify_image(const VerifyJob *job, VerifyResult *ret, Fault *ret_fault);
