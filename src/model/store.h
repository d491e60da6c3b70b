/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* The files of an image in a directory: IMAGE.tar, IMAGE.tar.verity and IMAGE.tar.hash once it is finished, and what
 * is there before, under names that end in ".partial". Whoever builds an image holds a lock on IMAGE.tar.partial. */

#include "basic/parallel.h"
#include "model/spec.h"
#include "model/tar.h"

typedef struct StorePaths {
        char *directory;
        char *image, *tree, *hash, *stamp;
        char *image_partial, *tree_partial, *other_tree_partial, *hash_partial, *journal;
} StorePaths;

/* Names alone. 0 or -ENOMEM. */
int store_paths_make(const char *directory, const ModelSpec *spec, StorePaths *ret);
void store_paths_done(StorePaths *paths);

/* A finished image: all three files, sizes and superblock right, the tree's root the one in the hash file. 0; -ENOENT
 * when there is none; -EBADMSG (with *ret_fault) when there is something that only looks like it; other errnos. */
int store_find(const StorePaths *paths, uint8_t ret_root[static ROOT_HASH_SIZE], TarVersion *ret_version,
               Fault *ret_fault);

/* Opens the partial image and locks it against all others. 0 and the descriptor; -EWOULDBLOCK when somebody else is
 * building it right now; -EAGAIN when somebody finished it in between, so that store_find() should be asked again;
 * errnos of opening. */
int store_lock(const StorePaths *paths, int *ret_fd);

/* Opens a finished image and its tree for reading, and says that they are used for as long as the image's descriptor is
 * open in any process: a shared lock. Whoever only wants to know whether an image is used asks /proc/locks. The tree is opened
 * after the lock is there, so that who watches the directory is told then. 0; -ENOENT; other errnos. */
int store_use(const StorePaths *paths, int *ret_image_fd, int *ret_tree_fd);

/* Removes an image, finished or not, with all that belongs to it. 0; -ENOENT when there is nothing; -EBUSY when it is used
 * or being built; other errnos. */
int store_remove(const StorePaths *paths);

/* Makes the partial files durable, writes the hash file, and gives all their final names, the image's last, so that
 * whoever sees an image sees a whole one. What was finished under these names before is gone first. 0 or an errno. */
int store_publish(const StorePaths *paths, int image_fd, int tree_fd, const uint8_t root[static ROOT_HASH_SIZE]);

/* Removes what is partial and belongs to the lock `image_fd`, held. `keep_resumable` leaves image and journal, if
 * there is one. */
void store_discard(const StorePaths *paths, int image_fd, bool keep_resumable);
