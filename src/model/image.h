/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Writing an image and its hash tree in one pass over the content, on all processors: each chunk of 512 KiB is put
 * together, hashed while it is in the cache, and written. */

#include <stdatomic.h>

#include "basic/parallel.h"
#include "model/layout.h"
#include "model/verity.h"

typedef struct ImageJob {
        const Layout *layout;
        TarVersion version;      /* the form that is written */
        int image_fd, tree_fd;   /* empty files; the image's may have its content already, see in_place */
        int other_tree_fd;       /* for the hash tree of the other form, or -EBADF: not wanted */
        bool in_place;           /* `content` reads what is in the image already, and nothing of it is written again */
        unsigned jobs;           /* threads; 0: as many as keep processors and disk at work */
        LayoutContent content;   /* called from all threads */
        ParallelTick tick;       /* may be NULL */
        void *userdata;

        atomic_uint_fast64_t done; /* bytes of the image; for `tick` */
} ImageJob;

/* Room for the whole image and its tree, where the file system can set it aside, so that a full disk is found out
 * first. 0 or -ENOSPC, -EFBIG, other errnos. */
int image_reserve(const ImageJob *job);

/* Writes image and tree (and the other tree), with what `tick` and `content` return as errors. Root hashes of the form
 * that was written and, if wanted, of the other. Nothing is synced. */
int image_write(ImageJob *job, uint8_t ret_root[static VERITY_DIGEST_SIZE],
                uint8_t ret_other_root[static VERITY_DIGEST_SIZE]);

/* Writes the headers alone: before content comes in place, or to turn an image into the other form. */
int image_write_headers(const Layout *layout, TarVersion version, int image_fd);
