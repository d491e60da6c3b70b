/* SPDX-License-Identifier: Apache-2.0 */

#include "model/layout.h"

#include <string.h>

#include "model/verity.h"

#define RECORD_SIZE 10240U /* tar's blocking factor of 20 */
#define END_SIZE    (2 * TAR_BLOCK_SIZE)
#define IMAGE_MAX   ((uint64_t) INT64_MAX - 2 * RECORD_SIZE)

static uint64_t round_up(uint64_t size, uint64_t unit) {
        return (size + unit - 1) / unit * unit;
}

uint64_t layout_content_offset(const Entry *entry) {
        return entry->offset + tar_headers_size(entry);
}

int layout_compute(Listing *listing, Layout *ret, Fault *ret_fault) {
        uint64_t at = 0;

        for (size_t i = 0; i < listing->n_items; i++) {
                Entry *e = &listing->items[i];

                e->offset = at;
                if (e->size > IMAGE_MAX || at > IMAGE_MAX - e->size - TAR_HEADERS_MAX - TAR_BLOCK_SIZE)
                        return fault_set(ret_fault, EFBIG, "image", "less than 8 EiB in all", "more, with %s", e->name);
                at += tar_headers_size(e) + round_up(e->size, TAR_BLOCK_SIZE);
        }
        *ret = (Layout){ .listing = listing, .archive_size = round_up(at + END_SIZE, RECORD_SIZE) };
        ret->image_size = ret->archive_size + VERITY_BLOCK_SIZE - ret->archive_size % VERITY_BLOCK_SIZE;
        return 0;
}

/* The last entry that begins at or before `offset`. */
static size_t find_entry(const Listing *l, uint64_t offset) {
        size_t low = 0, high = l->n_items;

        while (high - low > 1) {
                size_t middle = low + (high - low) / 2;

                if (l->items[middle].offset <= offset)
                        low = middle;
                else
                        high = middle;
        }
        return low;
}

/* What two ranges have in common; size 0 for nothing. */
typedef struct Range {
        uint64_t offset, size;
} Range;

static Range common(uint64_t a, uint64_t a_size, uint64_t b, uint64_t b_size) {
        uint64_t from = a > b ? a : b, to = a + a_size < b + b_size ? a + a_size : b + b_size;

        return (Range){ .offset = from, .size = to > from ? to - from : 0 };
}

int layout_each_headers(const Layout *layout, TarVersion version, uint64_t offset, uint64_t size, LayoutHeaders each,
                        void *userdata) {
        const Listing *l = layout->listing;

        for (size_t i = find_entry(l, offset); i < l->n_items && l->items[i].offset < offset + size; i++) {
                uint8_t headers[TAR_HEADERS_MAX];
                size_t n = tar_headers(&l->items[i], version, headers);
                int r;

                if (common(offset, size, l->items[i].offset, n).size == 0)
                        continue;
                r = each(userdata, l->items[i].offset, headers, n);
                if (r < 0)
                        return r;
        }
        return 0;
}

typedef struct Window {
        uint64_t offset;
        uint8_t *bytes;
        size_t size;
} Window;

static int put_headers(void *userdata, uint64_t offset, const uint8_t *headers, size_t size) {
        Window *w = userdata;
        Range r = common(w->offset, w->size, offset, size);

        memcpy(w->bytes + (r.offset - w->offset), headers + (r.offset - offset), r.size);
        return 0;
}

/* Whatever is neither content nor header is zero. */
int layout_read(const Layout *layout, TarVersion version, uint64_t offset, uint8_t *ret, size_t size,
                LayoutContent content, void *userdata) {
        Window w = { .offset = offset, .bytes = ret, .size = size };
        const Listing *l = layout->listing;
        uint64_t filled = offset;
        int r;

        for (size_t i = find_entry(l, offset); i < l->n_items && l->items[i].offset < offset + size; i++) {
                const Entry *e = &l->items[i];
                uint64_t begin = layout_content_offset(e);
                Range part = common(offset, size, begin, e->size);

                if (part.size == 0)
                        continue;
                memset(ret + (filled - offset), 0, part.offset - filled);
                r = content(userdata, i, part.offset - begin, ret + (part.offset - offset), part.size);
                if (r < 0)
                        return r;
                filled = part.offset + part.size;
        }
        memset(ret + (filled - offset), 0, offset + size - filled);
        return layout_each_headers(layout, version, offset, size, put_headers, &w);
}
