/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* What the last verification of an image in a store came to: the file IMAGE.verified beside it. It tells when somebody
 * looked, and proves nothing. */

#include "model/spec.h"

typedef struct Stamp {
        bool intact;
        uint64_t usec; /* CLOCK_REALTIME, when it ended */
        char reason[320]; /* why it is not intact */
} Stamp;

/* `image` relative to `dir_fd`. 0; -ENOENT when there is none, or one of an image with another root hash; -ELOOP for a link; -EBADMSG for
 * what is none; other errnos. */
int stamp_read(int dir_fd, const char *image, const uint8_t root[static ROOT_HASH_SIZE], Stamp *ret);

int stamp_write(const char *image, const uint8_t root[static ROOT_HASH_SIZE], const Stamp *stamp);
