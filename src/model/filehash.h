/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* The hash by which a hub knows a file, fed with the file's bytes in order. */

#include "model/hub.h"

typedef struct FileHash FileHash;

/* NULL when memory is out. */
FileHash *file_hash_new(void);
FileHash *file_hash_free(FileHash *h);
DEFINE_CLEANUP_FUNC(FileHash *, file_hash_free)

/* Starts with another file. 0, or -ENOTSUP when OpenSSL has not got its algorithm. */
int file_hash_start(FileHash *h, const HubFile *file);

int file_hash_add(FileHash *h, const void *data, size_t size);

/* Whether what was added since the start is the file. */
bool file_hash_matches(FileHash *h, const HubFile *file);
