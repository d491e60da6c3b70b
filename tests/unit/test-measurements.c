/* SPDX-License-Identifier: Apache-2.0 */

/* Golden values and minimum security versions against a report, once both are known to be genuine. */

#include "breaks.h"
#include "sim/bytes.h"
#include "test.h"

static const SimModel hopper[] = { SIM_MODEL_HOPPER, _SIM_MODEL_INVALID };
static const SimModel nvdaod[] = { SIM_MODEL_HOPPER_NVDAOD, _SIM_MODEL_INVALID };

enum { SVN_TYPE = 37, SVN_INDEX = 4096 + SVN_TYPE };

static void set_text(char *field, size_t size, const char *text) {
        (void) snprintf(field, size, "%s", text);
}
#define SET(field, text) set_text(field, sizeof(field), text)

static void check_failed(Trial *s, const char *wanted) {
        _cleanup_free_ char *failed = NULL;

        CHECK_EQ(trial_judge(s), *wanted ? EXIT_REFUSED : EXIT_ACCEPTED);
        failed = trial_failed_checks(s, 0);
        CHECK_STR(failed, wanted);
}

/* Any alternative will do, and nothing but the whole of it. */
static void test_alternatives(void) {
        for (size_t i = 0; i < 4; i++) {
                _cleanup_(trial_freep) Trial *s = trial_new(hopper);
                SimRimRecord *record = sim_rim_find(s->rims[0][SIM_RIM_VBIOS], 12);

                CHECK_EQ(record->n_hashes, 4);
                memcpy(s->devices[0]->digests[12], record->hashes[i], SIM_DIGEST_SIZE);
                check_failed(s, "");
                s->devices[0]->digests[12][SIM_DIGEST_SIZE - 1] ^= 1;
                check_failed(s, "measurements");
                s->devices[0]->digests[12][SIM_DIGEST_SIZE - 1] ^= 1;
                s->devices[0]->digests[12][0] ^= 0x80;
                check_failed(s, "measurements");
        }
}

/* What no RIM names may be anything; what one names may not, though it be the last. */
static void test_which_measurements_count(void) {
        static const struct {
                unsigned index;
                const char *failed;
        } cases[] = { { 0, "measurements" }, { 7, "measurements" }, { 40, "measurements" }, { 13, "" }, { 41, "" }, { 63, "" } };

        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                _cleanup_(trial_freep) Trial *s = trial_new(hopper);

                s->devices[0]->digests[cases[i].index][20] ^= 1;
                check_failed(s, cases[i].failed);
        }
}

static void test_inactive_records(void) {
        _cleanup_(trial_freep) Trial *s = trial_new(hopper);

        s->devices[0]->digests[1][0] ^= 1;
        check_failed(s, "measurements");
        SET(sim_rim_find(s->rims[0][SIM_RIM_VBIOS], 1)->active, "False");
        check_failed(s, "");
}

/* An index that both RIMs have is a conflict when both want it. */
static void test_conflict_of_indexes(void) {
        _cleanup_(trial_freep) Trial *s = trial_new(hopper);
        SimRimRecord *driver = sim_rim_find(s->rims[0][SIM_RIM_DRIVER], 0);

        make_conflict(s);
        check_failed(s, "rim-index-conflict");
        SET(driver->active, "False");
        check_failed(s, "");
        SET(driver->active, "True");
        SET(sim_rim_find(s->rims[0][SIM_RIM_VBIOS], 0)->active, "False");
        check_failed(s, "");
}

static void test_svn_of_another_form(void) {
        static const struct {
                uint16_t value_type;
                const char *value;
                size_t size;
                const char *failed;
        } cases[] = {
                { 0x87, "\x02\x00",     2, ""            },
                { 0x87, "\x00\x01",     2, ""            }, /* 256 */
                { 0x87, "\xff\xff",     2, ""            },
                { 0x87, "\x01\x00",     2, "minimum-svn" },
                { 0x87, "\x02",         1, "minimum-svn" },
                { 0x87, "\x02\x00\x00", 3, "minimum-svn" },
                { 0x87, "",             0, "minimum-svn" },
                { 0x86, "\x02\x00",     2, "minimum-svn" },
                { 0x07, "\x02\x00",     2, "minimum-svn" },
        };

        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                _cleanup_(trial_freep) Trial *s = trial_new(nvdaod);

                sim_entry_replace(s->devices[0], SVN_TYPE, cases[i].value, cases[i].size)->value_type = cases[i].value_type;
                check_failed(s, cases[i].failed);
        }
}

static void test_svn_that_is_missing(void) {
        _cleanup_(trial_freep) Trial *s = trial_new(nvdaod);

        sim_entry_remove(s->devices[0], SVN_TYPE);
        check_failed(s, "minimum-svn");
        SET(sim_rim_find(s->rims[0][SIM_RIM_VBIOS], SVN_INDEX)->min_svn, "0");
        check_failed(s, "minimum-svn");
}

static void test_inactive_minimum(void) {
        _cleanup_(trial_freep) Trial *s = trial_new(nvdaod);
        SimRimRecord *record = sim_rim_find(s->rims[0][SIM_RIM_VBIOS], SVN_INDEX);

        SET(record->min_svn, "3");
        check_failed(s, "minimum-svn");
        SET(record->active, "False");
        check_failed(s, "");
        sim_entry_remove(s->devices[0], SVN_TYPE);
        check_failed(s, "");
}

/* A minimum in the driver RIM beside the one in the VBIOS RIM: of another entry and with another name, or not. */
static void test_conflict_of_minimums(void) {
        static const struct {
                unsigned type;
                const char *name, *active, *failed;
        } cases[] = {
                { 38,       "OTHER_SVN",         "True",  ""                   },
                { SVN_TYPE, "OTHER_SVN",         "True",  "rim-index-conflict" },
                { 38,       "FSP_MICROCODE_SVN", "True",  "rim-index-conflict" },
                { SVN_TYPE, "FSP_MICROCODE_SVN", "True",  "rim-index-conflict" },
                { SVN_TYPE, "FSP_MICROCODE_SVN", "False", ""                   },
        };

        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                _cleanup_(trial_freep) Trial *s = trial_new(nvdaod);
                SimRimRecord *record = sim_rim_append(s->rims[0][SIM_RIM_DRIVER], 4096 + cases[i].type);

                SET(record->min_svn, "1");
                SET(record->include_in_result, "False");
                SET(record->name, cases[i].name);
                SET(record->active, cases[i].active);
                sim_entry_append(s->devices[0], 38, 0x87, "\x05\x00", 2);
                check_failed(s, cases[i].failed);
                SET(sim_rim_find(s->rims[0][SIM_RIM_VBIOS], SVN_INDEX)->active, "False");
                check_failed(s, "");
        }
}

/* A minimum that only the driver RIM has counts as much. */
static void test_minimum_of_the_driver(void) {
        _cleanup_(trial_freep) Trial *s = trial_new(nvdaod);
        SimRimRecord *record = sim_rim_append(s->rims[0][SIM_RIM_DRIVER], 4096 + 38);

        SET(record->min_svn, "6");
        SET(record->include_in_result, "False");
        SET(record->name, "OTHER_SVN");
        SET(record->active, "True");
        sim_entry_append(s->devices[0], 38, 0x87, "\x05\x00", 2);
        check_failed(s, "minimum-svn");
        SET(record->min_svn, "5");
        check_failed(s, "");
}

static void test_spelling_of_versions(void) {
        _cleanup_(trial_freep) Trial *s = trial_new(hopper);

        SET(s->rims[0][SIM_RIM_VBIOS]->version, "96.00.a5.00.01");
        check_failed(s, "");
        SET(s->rims[0][SIM_RIM_VBIOS]->version, "96.00.a5.00.011");
        check_failed(s, "vbios-rim-version");
        SET(s->rims[0][SIM_RIM_VBIOS]->version, "96.00.a5.00.0");
        check_failed(s, "vbios-rim-version");
        SET(s->rims[0][SIM_RIM_VBIOS]->version, "96.00.A5.00.01");
        SET(s->rims[0][SIM_RIM_VBIOS]->product, "gh100");
        check_failed(s, "vbios-rim-product");
}

static char *pad(char *xml) {
        SimBytes b = {};

        sim_bytes_put(&b, xml, strlen(xml));
        sim_bytes_fill(&b, '\n', RIM_FILE_MAX + 1 - b.size);
        free(xml);
        return (char *) b.data;
}

/* It is there, and not read: that is wrong and not missing. */
static void test_rim_file_that_is_too_large(void) {
        _cleanup_(trial_freep) Trial *s = trial_new(hopper);

        s->rims[0][SIM_RIM_DRIVER]->edit_after = pad;
        check_failed(s, "driver-rim-fetched");
        CHECK_EQ(trial_check(s, 0, CHECK_DRIVER_RIM + RIM_FETCHED)->state, CHECK_FAILED);
}

static const Test tests[] = {
        { "each alternative, and its first and last byte",    test_alternatives               },
        { "which measurements count",                         test_which_measurements_count   },
        { "records that are not active",                      test_inactive_records           },
        { "an index in both RIMs",                            test_conflict_of_indexes        },
        { "security versions of each form",                   test_svn_of_another_form        },
        { "a security version that is missing",               test_svn_that_is_missing        },
        { "a minimum that is not active",                     test_inactive_minimum           },
        { "a minimum in both RIMs, by entry or by name",      test_conflict_of_minimums       },
        { "a minimum in the driver's RIM",                    test_minimum_of_the_driver      },
        { "how versions and products are spelled",            test_spelling_of_versions       },
        { "a RIM file that is too large",                     test_rim_file_that_is_too_large },
};

int main(void) {
        if (rim_library_init() < 0)
                return 1;
        return test_run_all(tests, ELEMENTSOF(tests));
}
