/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* The guest's image directory, and its own disk. */

#include "launch/worker.h"

typedef struct GuestImage {
        char *firmware; /* NULL: QEMU's own, which no TDX guest can have */
        char *kernel, *initrd, *disk;
        char *command_line; /* the content of image.cmdline */
} GuestImage;

void guest_image_done(GuestImage *image);

/* Finds all files of the image, readable and not empty. 0; with *ret_fault -EINVAL or an errno; -ENOMEM. */
int guest_image_find(const WorkerConfig *c, GuestImage *ret, Fault *ret_fault);

/* Looks at the persistent disk: a raw image of at least the configured size that this user can write and no other QEMU has open.
 * One that is not there, or empty, is made, sparse, unless `look` is given. 0, or with *ret_fault a negative errno. */
int persistent_prepare(const WorkerConfig *c, bool look, Fault *ret_fault);
