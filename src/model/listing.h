/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* What an image holds, in the order of its archive: "./" first, then each directory's entries by the bytes of their
 * own names, a directory's contents right behind it (GNU tar, --sort=name in the C locale). */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>

#include "basic/fault.h"
#include "model/hub.h"

#define LISTING_NAME_MAX 4095U /* bytes of an entry's name; what a path may have on Linux */

typedef enum EntryType {
        ENTRY_FILE      = '0', /* the archive's own type flags (POSIX.1-2017, pax, ustar interchange format) */
        ENTRY_HARD_LINK = '1',
        ENTRY_SYMLINK   = '2',
        ENTRY_DIRECTORY = '5',
        ENTRY_FIFO      = '6',
} EntryType;

/* What tells that a file of a directory is still what it was when it was listed. */
typedef struct EntryStamp {
        dev_t device;
        ino_t inode;
        struct timespec mtime, ctime;
} EntryStamp;

typedef struct Entry {
        char *name;         /* "./", "./DIR/", "./DIR/FILE" */
        char *target;       /* of links; NULL for others */
        EntryType type;
        mode_t mode;        /* permissions, before the recipe's changes */
        uint64_t size;      /* of files; 0 for others */
        struct timespec mtime;
        EntryStamp stamp;   /* of entries that come from a directory */
        size_t hub_file;    /* index in the hub's listing, of those that do not */
        uint64_t offset;    /* of the entry's first header in the image; layout_compute() sets it */
} Entry;

typedef struct Listing {
        Entry *items;
        size_t n_items;
        size_t n_allocated;
} Listing;

void listing_done(Listing *listing);

/* Everything below `dir_fd`, without ".cache" at the top, as upstream leaves it out. 0; -EINVAL with *ret_fault for
 * what an image cannot hold (sockets, devices, names of more than LISTING_NAME_MAX bytes), other errnos (with
 * *ret_fault) of reading. */
int listing_read_directory(int dir_fd, Listing *ret, Fault *ret_fault);

/* Whether everything is still as it was listed. 0; -EBUSY with *ret_fault when something changed. */
int listing_check_directory(int dir_fd, const Listing *listing, Fault *ret_fault);

/* What a download leaves: the hub's files with mode 0644, and their directories with 0755. 0, -EINVAL, -ENOMEM. */
int listing_from_hub(const HubListing *hub, Listing *ret, Fault *ret_fault);

/* Opens a file of the listing, which must still be the one that was listed. The descriptor; -EBUSY with *ret_fault when
 * it is not, or an errno. */
int listing_open_file(int dir_fd, const Entry *entry, Fault *ret_fault);
