/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Where everything stands in an image: a pure function of names, sizes and modes, known before a byte of content is.
 * Archive, its end of archive up to a multiple of 10240, and the recipe's 1 to 4096 zeros behind it. */

#include "model/tar.h"

typedef struct Layout {
        Listing *listing; /* borrowed; its entries have their offsets */
        uint64_t archive_size, image_size;
} Layout;

/* Gives every entry its offset. 0, or -EFBIG (with *ret_fault) for more than a file can hold. */
int layout_compute(Listing *listing, Layout *ret, Fault *ret_fault);

/* Where an entry's content begins. */
uint64_t layout_content_offset(const Entry *entry);

/* Fills in the part of a file's content that falls into a range: `size` bytes from `offset` of that file. */
typedef int (*LayoutContent)(void *userdata, size_t entry, uint64_t offset, uint8_t *ret, size_t size);

/* The bytes of the image from `offset`, content by `content`. 0 or its error. */
int layout_read(const Layout *layout, TarVersion version, uint64_t offset, uint8_t *ret, size_t size,
                LayoutContent content, void *userdata);

/* Calls `each` for the headers of every entry that have bytes in the range, whole. 0 or its error. */
typedef int (*LayoutHeaders)(void *userdata, uint64_t offset, const uint8_t *headers, size_t size);
int layout_each_headers(const Layout *layout, TarVersion version, uint64_t offset, uint64_t size, LayoutHeaders each,
                        void *userdata);
