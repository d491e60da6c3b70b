/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Reading an image's archive back: what is in it, and which tar's form it has. An image may come from anywhere, so
 * everything in its headers is hostile. */

#include "model/tar.h"

typedef struct ArchiveEntry {
        char *name;   /* owned by the reader, until the next entry */
        char *target; /* NULL for what is no link */
        EntryType type;
        mode_t mode;
        uint64_t size;
        TarVersion version; /* whose form the entry's header has */
} ArchiveEntry;

typedef struct ArchiveReader ArchiveReader;

/* `size` of the image behind `fd`, which is borrowed. NULL when memory is out. */
ArchiveReader *archive_reader_new(int fd, uint64_t size);
ArchiveReader *archive_reader_free(ArchiveReader *reader);
DEFINE_CLEANUP_FUNC(ArchiveReader *, archive_reader_free)

/* The next entry: 1; 0 at the end of the archive; -EBADMSG with *ret_fault for what is no header of the recipe's;
 * errnos of reading. Memory does not grow with the archive. */
int archive_next(ArchiveReader *reader, const ArchiveEntry **ret, Fault *ret_fault);

/* The form of an archive, by its first entry, which is "./". 0, -ENOMEM, and the errors of archive_next(). */
int archive_version(int fd, uint64_t size, TarVersion *ret, Fault *ret_fault);
