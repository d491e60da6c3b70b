/* SPDX-License-Identifier: Apache-2.0 */

/* What tests/check/model-recipe cannot show: that any window of an image is what the whole has there, and that sizes
 * beyond what fits on a disk are laid out right. */

#include <stdlib.h>

#include "basic/cleanup.h"
#include "model/layout.h"
#include "model/verity.h"
#include "test.h"

static char *repeat(char c, size_t n) {
        char *text = malloc(n + 1);

        memset(text, c, n);
        text[n] = 0;
        return text;
}

static char *join(const char *a, char *b) {
        char *text = NULL;

        CHECK(asprintf(&text, "%s%s", a, b) >= 0);
        free(b);
        return text;
}

static void add(Listing *l, char *name, EntryType type, uint64_t size) {
        l->items = reallocarray(l->items, l->n_items + 1, sizeof(*l->items));
        l->items[l->n_items++] = (Entry){ .name = name, .type = type, .mode = 0644, .size = size };
}

static Listing some_listing(void) {
        Listing l = {};

        add(&l, strdup("./"), ENTRY_DIRECTORY, 0);
        add(&l, strdup("./a"), ENTRY_FILE, 1);
        add(&l, join("./b", repeat('b', 300)), ENTRY_FILE, 5000);
        add(&l, strdup("./c"), ENTRY_FILE, 0);
        add(&l, strdup("./d/"), ENTRY_DIRECTORY, 0);
        add(&l, strdup("./d/e"), ENTRY_FILE, 512);
        add(&l, strdup("./f\xc3\xa4"), ENTRY_FILE, 700000);
        return l;
}

static int content(void *userdata, size_t entry, uint64_t offset, uint8_t *ret, size_t size) {
        const Listing *l = userdata;

        CHECK(offset + size <= l->items[entry].size);
        for (size_t i = 0; i < size; i++)
                ret[i] = (uint8_t) (1 + (entry * 31 + (offset + i) * 7) % 255);
        return 0;
}

static void test_windows(void) {
        static const size_t sizes[] = { 1, 7, 511, 512, 513, 4096, 10000 };
        _cleanup_(listing_done) Listing l = some_listing();
        _cleanup_free_ uint8_t *whole = NULL, *window = malloc(10000);
        Layout layout;

        CHECK_EQ(layout_compute(&l, &layout, NULL), 0);
        whole = malloc(layout.image_size);
        for (TarVersion v = 0; v < _TAR_VERSION_MAX; v++) {
                CHECK_EQ(layout_read(&layout, v, 0, whole, layout.image_size, content, &l), 0);
                for (size_t s = 0; s < ELEMENTSOF(sizes); s++)
                        for (uint64_t at = 0; at + sizes[s] <= layout.image_size; at += 1 + (uint64_t) rand() % 6000) {
                                memset(window, 0xee, 10000);
                                CHECK_EQ(layout_read(&layout, v, at, window, sizes[s], content, &l), 0);
                                CHECK(memcmp(window, whole + at, sizes[s]) == 0);
                                if (sizes[s] < 10000)
                                        CHECK_EQ(window[sizes[s]], 0xee);
                        }
        }
}

static void test_sizes(void) {
        _cleanup_(listing_done) Listing l = {};
        VerityGeometry g;
        Layout layout;

        /* Smallest: one header, two blocks of zeros, up to 10240; then up to a multiple of 4096. */
        add(&l, strdup("./"), ENTRY_DIRECTORY, 0);
        CHECK_EQ(layout_compute(&l, &layout, NULL), 0);
        CHECK_EQ(layout.archive_size, 10240);
        CHECK_EQ(layout.image_size, 12288);

        /* An archive that is a multiple of 4096 gets a whole block of zeros more. */
        add(&l, strdup("./x"), ENTRY_FILE, 20480 - 4 * 512);
        CHECK_EQ(layout_compute(&l, &layout, NULL), 0);
        CHECK_EQ(layout.archive_size, 20480);
        CHECK_EQ(layout.image_size, 24576);

        /* 700 GB in files over 8 GiB: a size record each, and still exact. */
        for (int i = 0; i < 70; i++) {
                char *name = NULL;

                CHECK(asprintf(&name, "./x%02d", i) > 0);
                add(&l, name, ENTRY_FILE, UINT64_C(10000000001));
        }
        CHECK_EQ(layout_compute(&l, &layout, NULL), 0);
        CHECK_EQ(layout_content_offset(&l.items[2]) - l.items[2].offset, 3 * 512);
        CHECK_EQ(l.items[3].offset - l.items[2].offset, 3 * 512 + UINT64_C(10000000512));
        CHECK_EQ(verity_geometry(layout.image_size, &g), 0);
        CHECK_EQ(g.n_levels, 4);

        add(&l, strdup("./y"), ENTRY_FILE, INT64_MAX);
        CHECK_EQ(layout_compute(&l, &layout, NULL), -EFBIG);
}

static void test_geometry(void) {
        static const struct {
                uint64_t blocks;
                unsigned levels;
                uint64_t file_blocks;
        } cases[] = {
                { 2, 1, 2 },     { 127, 1, 2 },          { 128, 1, 2 },         { 129, 2, 4 },
                { 16384, 2, 130 }, { 16385, 3, 1 + 129 + 2 + 1 }, { 2097152, 3, 1 + 16384 + 128 + 1 },
        };
        VerityGeometry g;

        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                CHECK_EQ(verity_geometry(cases[i].blocks * VERITY_BLOCK_SIZE, &g), 0);
                CHECK_EQ(g.n_levels, cases[i].levels);
                CHECK_EQ(g.file_blocks, cases[i].file_blocks);
                CHECK_EQ(g.start[g.n_levels - 1], 1);
        }
        CHECK_EQ(verity_geometry(VERITY_BLOCK_SIZE, &g), -EINVAL);
        CHECK_EQ(verity_geometry(0, &g), -EINVAL);
        CHECK_EQ(verity_geometry(2 * VERITY_BLOCK_SIZE + 1, &g), -EINVAL);
        CHECK_EQ(verity_geometry(UINT64_MAX - VERITY_BLOCK_SIZE + 1, &g), -EINVAL);
}

static HubFile hub_file(const char *path, uint64_t size) {
        return (HubFile){ .path = (char *) (uintptr_t) path, .size = size };
}

/* As tar walks: a directory's contents right behind it, by the bytes of each part. */
static void test_from_hub(void) {
        static const char *const wanted[] = {
                "./", "./.gitattributes", "./a/", "./a/b/", "./a/b/c", "./a/z", "./a-1", "./a.d/", "./a.d/x", "./a0",
        };
        HubFile files[] = {
                hub_file(".gitattributes", 1), hub_file("a-1", 2), hub_file("a.d/x", 3), hub_file("a/b/c", 4),
                hub_file("a/z", 5),            hub_file("a0", 6),
        };
        const HubListing hub = { .files = files, .n_files = ELEMENTSOF(files) };
        _cleanup_(listing_done) Listing l = {};

        CHECK_EQ(listing_from_hub(&hub, &l, NULL), 0);
        CHECK_EQ(l.n_items, ELEMENTSOF(wanted));
        for (size_t i = 0; i < ELEMENTSOF(wanted) && i < l.n_items; i++)
                CHECK_STR(l.items[i].name, wanted[i]);
        CHECK_EQ(l.items[4].size, 4);
        CHECK_EQ(l.items[4].hub_file, 3);
}

static const Test tests[] = {
        { "any window is part of the whole",     test_windows  },
        { "sizes, small and beyond any disk",    test_sizes    },
        { "geometry of hash trees",              test_geometry },
        { "the hub's files in the order of tar", test_from_hub },
};

TEST_MAIN(tests)
