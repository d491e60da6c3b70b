/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* A model's two disks in the guest: dm-verity over the image through libcryptsetup, and the archive in it mounted
 * read-only through EROFS's tar mode, with an index that is made here, from verified blocks. One model at a
 * time. */

#include <stdbool.h>

#include "basic/fault.h"
#include "model/spec.h"

#define MODEL_MAPPING     "cocoon-model"           /* below /dev/mapper */
#define MODEL_CLAIM       "/run/cocoon/model.json" /* says what is open; there while it is, and only then */
#define MODEL_MOUNT_POINT "/mnt/model"
#define MODEL_DATA_DEVICE "/dev/disk/by-id/virtio-model-tar"
#define MODEL_TREE_DEVICE "/dev/disk/by-id/virtio-model-tar-verity"

typedef struct DiskOptions {
        const char *data_device;    /* NULL: MODEL_DATA_DEVICE */
        const char *tree_device;    /* NULL: MODEL_TREE_DEVICE */
        const char *mount_point;    /* NULL: MODEL_MOUNT_POINT when opening, what MODEL_CLAIM says when closing */
        bool panic_on_corruption;   /* instead of an I/O error */
} DiskOptions;

/* Opens what the specification's root hash stands for; its name may be empty. All or nothing: what was set up is
 * taken down again when a later step fails. 0; with *ret_fault: -ENODEV (a disk is not there), -EBADMSG
 * (superblock, sizes or root hash are not the image's, or it holds no archive), -EOPNOTSUPP (what kernel or
 * erofs-utils are too old for it, naming the version that is needed), -EBUSY (open already), other errnos. */
int disk_open(const ModelSpec *spec, const DiskOptions *options, Fault *ret_fault);

/* Undoes disk_open(), as far as it got; nothing open is success. 0; -EBUSY (and everything stays) when the mount
 * is in use; other errnos with *ret_fault. */
int disk_close(const DiskOptions *options, Fault *ret_fault);
