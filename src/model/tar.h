/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* The headers that GNU tar writes for an entry with the recipe's options (--format=posix, owners, times and modes made
 * equal everywhere), byte for byte. Version 1.34 and 1.35 differ in one field. */

#include <stddef.h>
#include <stdint.h>

#include "model/listing.h"

#define TAR_BLOCK_SIZE 512U

/* One entry's headers at most: a pax header, its records (two names and their keys), and the entry's own. */
#define TAR_HEADERS_MAX (2 * TAR_BLOCK_SIZE + 2 * (LISTING_NAME_MAX + 1) + 2 * TAR_BLOCK_SIZE)

typedef enum TarVersion {
        TAR_1_34,
        TAR_1_35,
        _TAR_VERSION_MAX,
        _TAR_VERSION_INVALID = -1,
} TarVersion;

TarVersion tar_version_from_string(const char *text);
const char *tar_version_to_string(TarVersion version);

/* How many bytes tar_headers() writes for this entry. */
size_t tar_headers_size(const Entry *entry);

/* Writes them. Returns their number. */
size_t tar_headers(const Entry *entry, TarVersion version, uint8_t ret[static TAR_HEADERS_MAX]);
