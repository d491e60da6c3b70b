/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* A model's two disks in the guest: dm-verity over the image through libcryptsetup, and the archive in it mounted
 * read-only through EROFS's tar mode, with an index that is made here, from verified blocks. */

#include <stdbool.h>

#include "basic/fault.h"
#include "model/spec.h"

typedef struct DiskOptions {
        const char *data_device;    /* NULL: /dev/disk/by-id/virtio-model-tar */
        const char *tree_device;    /* NULL: /dev/disk/by-id/virtio-model-tar-verity */
        const char *mount_point;    /* NULL: /mnt/model */
        bool panic_on_corruption;   /* instead of an I/O error */
} DiskOptions;

/* All or nothing: what was set up is taken down again when a later step fails. 0; with *ret_fault: -ENODEV (a disk is
 * not there), -EBADMSG (superblock, sizes or root hash are not the image's), -EOPNOTSUPP (what kernel or erofs-utils
 * are too old for it, naming the version that is needed), -EBUSY (open already), other errnos. */
int disk_open(const ModelSpec *spec, const DiskOptions *options, Fault *ret_fault);

/* Undoes disk_open(), as far as it got; nothing open is success. 0 or a negative errno with *ret_fault. */
int disk_close(const DiskOptions *options, Fault *ret_fault);
