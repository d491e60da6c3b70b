/* SPDX-License-Identifier: Apache-2.0 */

/* The opaque data by themselves, in both layouts. */

#include "attest/opaque.h"
#include "sim/bytes.h"
#include "test.h"

/* Opaque data under construction. */
typedef struct Blob {
        bool versioned;
        SimBytes bytes;
} Blob;

static void blob_done(Blob *b) {
        sim_bytes_done(&b->bytes);
}

static Blob blob_new(bool versioned) {
        static const uint8_t header[12] = { 'N', 'V', 'D', 'A', 'O', 'D', 0, 0, 2, 0, 0, 0 };
        Blob b = { .versioned = versioned };

        sim_bytes_put(&b.bytes, header, versioned ? sizeof(header) : 0);
        return b;
}

static void blob_head(Blob *b, unsigned type, unsigned value_type, size_t size) {
        sim_bytes_put_le(&b->bytes, type, 2);
        if (b->versioned)
                sim_bytes_put_le(&b->bytes, value_type, 2);
        sim_bytes_put_le(&b->bytes, (uint32_t) size, 2);
}

static void blob_put(Blob *b, unsigned type, const void *value, size_t size) {
        blob_head(b, type, 0x82, size);
        sim_bytes_put(&b->bytes, value, size);
}

static void blob_fill(Blob *b, unsigned type, uint8_t byte, size_t size) {
        blob_head(b, type, 0x82, size);
        sim_bytes_fill(&b->bytes, byte, size);
}

static int parse(const Blob *b, bool is_switch, Opaque *ret, Fault *fault) {
        return opaque_parse(cursor_of(b->bytes.data, b->bytes.size), is_switch, ret, fault);
}

/* Every size that is laid down, from the documentation of the fields and from real reports. */
static const struct {
        unsigned type;
        size_t gpu_min, gpu_max, switch_min, switch_max;
} sizes[] = {
        { 3,  1,   63,  1,   63  }, /* driver version */
        { 6,  8,   8,   14,  14  }, /* VBIOS version */
        { 11, 1,   1,   1,   1   }, /* NVDEC0 status */
        { 15, 1,   63,  1,   63  }, /* chip SKU */
        { 17, 1,   63,  1,   63  }, /* project */
        { 18, 1,   63,  1,   63  }, /* project SKU */
        { 20, 48,  48,  48,  48  }, /* firmware id */
        { 21, 1,   1,   1,   1   }, /* protected PCIe status */
        { 22, 144, 144, 8,   8   }, /* PDIs of switches; the switch's own */
        { 25, 2,   2,   2,   2   }, /* lock status */
        { 26, 128, 128, 128, 128 }, /* PDIs of GPUs */
        { 34, 2,   2,   2,   2   }, /* data version */
        { 35, 1,   63,  1,   63  }, /* chip info */
        { 36, 2,   2,   2,   2   }, /* feature flag */
};

static void check_one_size(unsigned type, size_t size, bool is_switch, bool versioned, bool fits) {
        _cleanup_(blob_done) Blob b = blob_new(versioned);
        Opaque opaque = {};
        Fault fault = {};
        char what[64];

        blob_fill(&b, type, type == 34 ? 0 : 'a', size);
        CHECK_EQ(parse(&b, is_switch, &opaque, &fault), fits ? 0 : -EBADMSG);
        if (fits) {
                CHECK_EQ(opaque.n_entries, 1);
                CHECK(opaque_find(&opaque, type) && opaque_find(&opaque, type)->size == size);
                return;
        }
        (void) snprintf(what, sizeof(what), "opaque data: size of entry %u", type);
        CHECK_STR(fault.what, what);
        CHECK_EQ(opaque.n_entries, 0);
}

static void test_sizes(void) {
        enum { LEGACY_SWITCH_TYPE_MAX = 27 };

        for (size_t i = 0; i < ELEMENTSOF(sizes); i++)
                for (unsigned kind = 0; kind < 4; kind++) {
                        bool is_switch = kind & 1, versioned = kind & 2;
                        size_t min = is_switch ? sizes[i].switch_min : sizes[i].gpu_min;
                        size_t max = is_switch ? sizes[i].switch_max : sizes[i].gpu_max;

                        if (is_switch && !versioned && sizes[i].type > LEGACY_SWITCH_TYPE_MAX)
                                continue;
                        check_one_size(sizes[i].type, min, is_switch, versioned, true);
                        check_one_size(sizes[i].type, max, is_switch, versioned, true);
                        check_one_size(sizes[i].type, min - 1, is_switch, versioned, false);
                        check_one_size(sizes[i].type, max + 1, is_switch, versioned, false);
                }
}

/* Types that the layout does not have, and the last ones that it does. */
static void test_types(void) {
        static const struct {
                bool is_switch, versioned;
                unsigned type;
                int wanted;
        } cases[] = {
                { false, false, 0,     -EBADMSG }, { false, false, 1,  0 }, { false, false, 33,    0        },
                { false, false, 37,    -EBADMSG }, { true,  false, 27, 0 }, { true,  false, 28,    -EBADMSG },
                { false, false, 0x103, -EBADMSG }, { false, true,  0, -EBADMSG }, { false, true, 37, 0      },
                { false, true,  65535, 0        }, { true,  true,  37, 0 }, { true,  true,  0,     -EBADMSG },
        };

        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                _cleanup_(blob_done) Blob b = blob_new(cases[i].versioned);
                Opaque opaque = {};
                Fault fault = {};

                blob_put(&b, cases[i].type, "\x00\x01", 2);
                CHECK_EQ(parse(&b, cases[i].is_switch, &opaque, &fault), cases[i].wanted);
                if (cases[i].wanted < 0)
                        CHECK_STR(fault.what, "opaque data: entry type");
                else
                        CHECK(opaque_find(&opaque, cases[i].type));
        }
}

static void test_a_type_twice(void) {
        for (int versioned = 0; versioned < 2; versioned++)
                for (int far = 0; far < 2; far++) {
                        _cleanup_(blob_done) Blob b = blob_new(versioned);
                        Opaque opaque = {};
                        Fault fault = {};

                        blob_put(&b, 13, "abcd", 4);
                        if (far)
                                blob_put(&b, 14, "abcd", 4);
                        CHECK_EQ(parse(&b, false, &opaque, &fault), 0);
                        blob_put(&b, 13, "", 0);
                        CHECK_EQ(parse(&b, false, &opaque, &fault), -EBADMSG);
                        CHECK_STR(fault.found, "type 13 again");
                }
}

/* The versioned layout has more types than a report can have entries. */
static void test_64_entries_and_65(void) {
        _cleanup_(blob_done) Blob b = blob_new(true);
        Opaque opaque = {};
        Fault fault = {};

        for (unsigned i = 0; i < OPAQUE_ENTRIES_MAX; i++)
                blob_fill(&b, 100 + i, (uint8_t) i, 1);
        CHECK_EQ(parse(&b, false, &opaque, &fault), 0);
        CHECK_EQ(opaque.n_entries, 64);
        for (unsigned i = 0; i < OPAQUE_ENTRIES_MAX; i++)
                CHECK(opaque_find(&opaque, 100 + i) && *opaque_find(&opaque, 100 + i)->value == i);
        blob_fill(&b, 200, 0, 1);
        CHECK_EQ(parse(&b, false, &opaque, &fault), -EBADMSG);
        CHECK_STR(fault.expected, "at most 64 entries");
}

static void test_no_entries(void) {
        for (int versioned = 0; versioned < 2; versioned++) {
                _cleanup_(blob_done) Blob b = blob_new(versioned);
                Opaque opaque = {};
                Fault fault = {};

                CHECK_EQ(parse(&b, false, &opaque, &fault), -EBADMSG);
                CHECK_STR(fault.expected, "entries");
        }
}

/* Cut anywhere but between two entries, and with up to five bytes behind the last one. */
static void test_cut_and_trailing(void) {
        for (int versioned = 0; versioned < 2; versioned++) {
                _cleanup_(blob_done) Blob b = blob_new(versioned);
                size_t start = b.bytes.size, first, whole;
                Opaque opaque = {};
                Fault fault = {};

                blob_put(&b, 13, "abcd", 4);
                first = b.bytes.size;
                blob_put(&b, 14, "abcd", 4);
                whole = b.bytes.size;
                for (size_t size = start + 1; size < whole; size++) {
                        Cursor c = cursor_of(b.bytes.data, size);

                        CHECK_EQ(opaque_parse(c, false, &opaque, &fault), size == first ? 0 : -EBADMSG);
                }
                for (size_t n = 1; n < 6; n++) {
                        sim_bytes_fill(&b.bytes, 0, 1);
                        CHECK_EQ(parse(&b, false, &opaque, &fault), -EBADMSG);
                }
        }
}

static void test_header(void) {
        static const struct {
                uint8_t header[12];
                int wanted;
                const char *what;
        } cases[] = {
                { "NVDAOD\0\0\0\0\0",         0,        NULL                    },
                { "NVDAOD\0\0\1\xff\xff\xff", 0,        NULL                    },
                { "NVDAOD\0\0\2\0\0",         0,        NULL                    },
                { "NVDAOD\0\0\3\0\0",         -EBADMSG, "opaque data: version"  },
                { "NVDAOD\0\0\xff\0\0",       -EBADMSG, "opaque data: version"  },
                { "NVDAOD\1\0\2\0\0",         -EBADMSG, "opaque data: profile"  },
                { "NVDAOD\0\1\2\0\0",         -EBADMSG, "opaque data: profile"  },
                { "NVDAOE\0\0\2\0\0",         -EBADMSG, "opaque data: entry type" }, /* then it is the other layout */
        };

        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                _cleanup_(blob_done) Blob b = { .versioned = true };
                Opaque opaque = {};
                Fault fault = {};

                sim_bytes_put(&b.bytes, cases[i].header, sizeof(cases[i].header));
                blob_put(&b, 13, "abcd", 4);
                /* What entry 34 says counts in the other layout only. */
                blob_put(&b, 34, "\x09\x09", 2);
                /* For the layout without header, the first six bytes claim to be this long. */
                sim_bytes_fill(&b.bytes, 0, cases[i].wanted < 0 ? 0x4500 : 0);
                CHECK_EQ(parse(&b, false, &opaque, &fault), cases[i].wanted);
                if (cases[i].wanted < 0)
                        CHECK_STR(fault.what, cases[i].what);
                else {
                        CHECK(opaque.versioned);
                        CHECK_EQ(opaque.version, cases[i].header[8]);
                }
        }
}

/* Entry 34, which is 0 where it is missing. Its high byte counts. */
static void test_legacy_version(void) {
        static const struct {
                uint8_t value[2];
                int wanted;
        } cases[] = { { { 0, 0 }, 0 }, { { 1, 0 }, 0 }, { { 2, 0 }, 0 }, { { 3, 0 }, -EBADMSG }, { { 0, 1 }, -EBADMSG } };

        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                _cleanup_(blob_done) Blob b = blob_new(false);
                Opaque opaque = {};
                Fault fault = {};

                blob_put(&b, 13, "abcd", 4);
                CHECK_EQ(parse(&b, false, &opaque, &fault), 0);
                CHECK_EQ(opaque.version, 0);
                blob_put(&b, 34, cases[i].value, 2);
                CHECK_EQ(parse(&b, false, &opaque, &fault), cases[i].wanted);
                if (cases[i].wanted < 0)
                        CHECK_STR(fault.what, "opaque data: version");
                else
                        CHECK_EQ(opaque.version, cases[i].value[0]);
        }
}

static void test_numbers(void) {
        static const struct {
                uint8_t value[3];
                size_t size;
                int wanted;
                unsigned number;
        } cases[] = {
                { { 0xaa },             1, 0,        0xaa   },
                { { 0x00, 0x01 },       2, 0,        256    },
                { { 0xff, 0xff },       2, 0,        65535  },
                { { 0x34, 0x12 },       2, 0,        0x1234 },
                { { 0 },                0, -EBADMSG, 0      },
                { { 0x00, 0x00, 0x01 }, 3, -EBADMSG, 0      },
        };

        for (int versioned = 0; versioned < 2; versioned++)
                for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                        _cleanup_(blob_done) Blob b = blob_new(versioned);
                        unsigned number = 77;
                        Opaque opaque = {};
                        Fault fault = {};

                        blob_put(&b, 33, cases[i].value, cases[i].size);
                        CHECK_EQ(parse(&b, false, &opaque, &fault), 0);
                        CHECK_EQ(opaque_number(&opaque, 33, &number), cases[i].wanted);
                        CHECK_EQ(number, cases[i].wanted < 0 ? 77 : cases[i].number);
                        CHECK_EQ(opaque_number(&opaque, 13, &number), -ENOENT);
                        CHECK_EQ(opaque_find(&opaque, 33)->value_type, versioned ? 0x82 : 0);
                }
}

static void test_texts(void) {
        static const struct {
                const char *value;
                size_t size;
                const char *text; /* NULL: it is none */
        } cases[] = {
                { "580.159.03\0",     11, "580.159.03" },
                { "580.159.03",       10, "580.159.03" },
                { "a-Z_0.9\0\0\0",    10, "a-Z_0.9"    },
                { "",                 1,  NULL         }, /* a NUL alone */
                { "\0\0\0\0",         4,  NULL         },
                { "\0" "580",         4,  NULL         },
                { "580\0" "90",       6,  NULL         },
                { "580/90",           6,  NULL         },
                { "580 90",           6,  NULL         },
                { "580\n",            4,  NULL         },
                { "580\xc3\xa9",      5,  NULL         },
                { "123456789012345678901234567890123456789012345678901234567890123", 63,
                  "123456789012345678901234567890123456789012345678901234567890123" },
        };

        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                _cleanup_(blob_done) Blob b = blob_new(false);
                char text[OPAQUE_TEXT_SIZE] = "before";
                Opaque opaque = {};
                Fault fault = {};

                blob_put(&b, 3, cases[i].value, cases[i].size);
                CHECK_EQ(parse(&b, false, &opaque, &fault), 0);
                CHECK_EQ(opaque_text(&opaque, OPAQUE_DRIVER_VERSION, text), cases[i].text ? 0 : -EBADMSG);
                CHECK_STR(text, cases[i].text ?: "before");
                CHECK_EQ(opaque_text(&opaque, OPAQUE_PROJECT, text), -ENOENT);
        }
}

static void test_vbios_versions(void) {
        static const uint8_t value[8] = { 0x00, 0x9f, 0xab, 0x96, 0x0f, 1, 2, 3 };
        _cleanup_(blob_done) Blob gpu = blob_new(false), nvswitch = blob_new(false), other = blob_new(false);
        char text[OPAQUE_TEXT_SIZE];
        Opaque opaque = {};
        Fault fault = {};

        blob_put(&gpu, 6, value, sizeof(value));
        CHECK_EQ(parse(&gpu, false, &opaque, &fault), 0);
        CHECK_EQ(opaque_vbios_version(&opaque, false, text), 0);
        CHECK_STR(text, "96.AB.9F.00.0F");

        blob_put(&nvswitch, 6, "96.10.5a.00.01", 14);
        CHECK_EQ(parse(&nvswitch, true, &opaque, &fault), 0);
        CHECK_EQ(opaque_vbios_version(&opaque, true, text), 0);
        CHECK_STR(text, "96.10.5A.00.01");

        blob_put(&other, 13, "abcd", 4);
        CHECK_EQ(parse(&other, false, &opaque, &fault), 0);
        CHECK_EQ(opaque_vbios_version(&opaque, false, text), -ENOENT);
        CHECK_EQ(opaque_vbios_version(&opaque, true, text), -ENOENT);
}

static const Test tests[] = {
        { "the size of every field, a byte less and a byte more", test_sizes             },
        { "types that a layout does not have",                    test_types             },
        { "a type twice",                                         test_a_type_twice      },
        { "64 entries, and 65",                                   test_64_entries_and_65 },
        { "no entries",                                           test_no_entries        },
        { "entries that are cut, and bytes behind the last",      test_cut_and_trailing  },
        { "the header of the versioned layout",                   test_header            },
        { "the version of the legacy layout",                     test_legacy_version    },
        { "numbers, with both bytes",                             test_numbers           },
        { "texts",                                                test_texts             },
        { "VBIOS versions",                                       test_vbios_versions    },
};

TEST_MAIN(tests)
