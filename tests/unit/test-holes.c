/* SPDX-License-Identifier: Apache-2.0 */

/* The holes that other verifiers of this evidence have or had: each is closed. */

#include "breaks.h"
#include "test.h"

static const SimModel one_hopper[] = { SIM_MODEL_HOPPER, _SIM_MODEL_INVALID };
static const SimModel two_hoppers[] = { SIM_MODEL_HOPPER, SIM_MODEL_HOPPER, _SIM_MODEL_INVALID };

/* Garbage that is no report at all, 200 bytes of it, for the second device. */
static void hole_1_later_devices_are_judged(void) {
        _cleanup_(trial_freep) Trial *s = trial_new(two_hoppers);
        _cleanup_free_ char *first = NULL, *second = NULL;

        s->evidence[1].tweaks.cut = 3900;
        CHECK_EQ(trial_judge(s), EXIT_REFUSED);
        CHECK(s->appraisal->devices[0].accepted);
        CHECK(!s->appraisal->devices[1].accepted);
        CHECK(!s->appraisal->accepted);
        first = trial_false_claims(s, 0);
        second = trial_false_claims(s, 1);
        CHECK_STR(first, "");
        CHECK_STR(second, "x-nvidia-gpu-attestation-report-parsed");
        CHECK(!json_object_get_boolean(json_object_object_get(s->verdict.overall, "x-nvidia-overall-att-result")));
}

static void hole_1_first_device_counts_too(void) {
        _cleanup_(trial_freep) Trial *s = trial_new(two_hoppers);

        s->evidence[0].tweaks.signature = SIM_SIGNATURE_FLIPPED;
        CHECK_EQ(trial_judge(s), EXIT_REFUSED);
        CHECK(!s->appraisal->devices[0].accepted);
        CHECK(s->appraisal->devices[1].accepted);
}

/* A golden record beyond the last block of the report. */
static void hole_2_more_golden_than_runtime(void) {
        _cleanup_(trial_freep) Trial *s = trial_new(one_hopper);
        SimRimRecord *record = sim_rim_append(s->rims[0][SIM_RIM_DRIVER], 64);
        _cleanup_free_ char *no = NULL;

        (void) snprintf(record->active, sizeof(record->active), "True");
        record->n_hashes = 1;
        CHECK_EQ(trial_judge(s), EXIT_REFUSED);
        no = trial_false_claims(s, 0);
        CHECK_STR(no, "measres");
        CHECK_EQ(s->appraisal->devices[0].n_mismatches, 1);
        CHECK(!s->appraisal->devices[0].mismatches[0].runtime);
}

/* A clean failure of one claim; the rest of the appraisal goes on. */
static void hole_3_fwid_mismatch_refuses(void) {
        _cleanup_(trial_freep) Trial *s = trial_new(one_hopper);

        break_fwid(s);
        CHECK_EQ(trial_judge(s), EXIT_REFUSED);
        CHECK_EQ(trial_check(s, 0, CHECK_FWID)->state, CHECK_FAILED);
        CHECK_EQ(trial_check(s, 0, CHECK_MEASUREMENTS)->state, CHECK_PASSED);
}

static void hole_3_fwid_may_not_be_left_out(void) {
        static const SimModel models[] = { SIM_MODEL_BLACKWELL, SIM_MODEL_HOPPER, SIM_MODEL_HOPPER_NVDAOD, SIM_MODEL_HOPPER_550 };

        for (size_t i = 0; i < ELEMENTSOF(models); i++) {
                const SimModel one[] = { models[i], _SIM_MODEL_INVALID };
                _cleanup_(trial_freep) Trial *s = trial_new(one);

                sim_entry_remove(s->devices[0], 20);
                CHECK_EQ(trial_judge(s), EXIT_REFUSED);
                CHECK_EQ(trial_check(s, 0, CHECK_FWID)->state, CHECK_FAILED);
        }
}

static void hole_6_fetched_means_fetched(void) {
        _cleanup_(trial_freep) Trial *s = trial_new(one_hopper);

        lose_driver_rim(s);
        CHECK_EQ(trial_judge(s), EXIT_COLLATERAL_MISSING);
        CHECK_EQ(trial_check(s, 0, CHECK_DRIVER_RIM + RIM_FETCHED)->state, CHECK_MISSING);
        CHECK(!s->appraisal->accepted);
}

static void set_nvdec(Trial *s, uint8_t status) {
        sim_entry_replace(s->devices[0], 11, &status, 1);
        s->devices[0]->digests[35][0] ^= 1;
}

static void hole_7_index_35_follows_nvdec(void) {
        static const struct {
                uint8_t status;
                ExitStatus wanted;
        } cases[] = { { 0x55, EXIT_ACCEPTED }, { 0xaa, EXIT_REFUSED }, { 0x00, EXIT_REFUSED }, { 0x56, EXIT_REFUSED } };
        _cleanup_(trial_freep) Trial *missing = trial_new(one_hopper);

        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                _cleanup_(trial_freep) Trial *s = trial_new(one_hopper);

                set_nvdec(s, cases[i].status);
                CHECK_EQ(trial_judge(s), cases[i].wanted);
        }
        sim_entry_remove(missing->devices[0], 11);
        CHECK_EQ(trial_judge(missing), EXIT_REFUSED);
}

/* Nothing of a RIM with a bad signature is used, not even to compare its version. */
static void hole_8_unsigned_rim_is_not_read(void) {
        _cleanup_(trial_freep) Trial *s = trial_new(one_hopper);

        break_driver_key(s);
        break_driver_version(s);
        CHECK_EQ(trial_judge(s), EXIT_REFUSED);
        CHECK_EQ(trial_check(s, 0, CHECK_DRIVER_RIM + RIM_SIGNATURE)->state, CHECK_FAILED);
        CHECK_EQ(trial_check(s, 0, CHECK_DRIVER_RIM + RIM_VERSION)->state, CHECK_NOT_RUN);
        CHECK_EQ(trial_check(s, 0, CHECK_MEASUREMENTS)->state, CHECK_NOT_RUN);
        CHECK(!s->appraisal->devices[0].rims[RIM_SLOT_DRIVER]->content_valid);
}

static void hole_9_key_and_content_are_tied_to_the_chain(void) {
        for (SimRimForm form = SIM_RIM_OTHER_KEY; form <= SIM_RIM_UNSIGNED; form++) {
                _cleanup_(trial_freep) Trial *s = trial_new(one_hopper);

                s->rims[0][SIM_RIM_DRIVER]->form = form;
                CHECK_EQ(trial_judge(s), EXIT_REFUSED);
                CHECK(!s->appraisal->devices[0].rims[RIM_SLOT_DRIVER]->content_valid);
        }
}

static void hole_10_dates_refuse(void) {
        static void (*const breaks[])(Trial *s) = { expire_leaf, postpone_leaf, expire_driver_signer, expire_vbios_signer };

        for (size_t i = 0; i < ELEMENTSOF(breaks); i++) {
                _cleanup_(trial_freep) Trial *s = trial_new(one_hopper);

                breaks[i](s);
                CHECK_EQ(trial_judge(s), EXIT_REFUSED);
                CHECK(!s->appraisal->accepted);
        }
}

static void hole_12_repeated_indexes_and_types_refuse(void) {
        _cleanup_(trial_freep) Trial *block = trial_new(one_hopper), *entry = trial_new(one_hopper);

        block->evidence[0].tweaks.block = 5;
        block->evidence[0].tweaks.block_index = 4;
        CHECK_EQ(trial_judge(block), EXIT_REFUSED);
        CHECK_EQ(trial_check(block, 0, CHECK_PARSED)->state, CHECK_FAILED);

        sim_entry_append(entry->devices[0], 3, 0, "550.90.07", 10);
        CHECK_EQ(trial_judge(entry), EXIT_REFUSED);
        CHECK_EQ(trial_check(entry, 0, CHECK_PARSED)->state, CHECK_FAILED);
}

/* The decision needs no token, and a policy that looks away does not change it. */
static void hole_14_refused_whatever_the_policy_ignores(void) {
        _cleanup_(trial_freep) Trial *s = trial_new(one_hopper);

        break_measurement(s);
        s->policy = "{\"authorization-rules\":{\"type\":\"JWT\",\"overall-claims\":{\"x-nvidia-ver\":\"3.0\"},"
                    "\"detached-claims\":{\"x-nvidia-gpu-arch-check\":true}}}";
        CHECK_EQ(trial_judge(s), EXIT_REFUSED);
        CHECK_EQ(json_object_array_length(s->verdict.policy_failures), 0);
}

static void hole_15_low_svn_clears_measres(void) {
        static const SimModel nvdaod[] = { SIM_MODEL_HOPPER_NVDAOD, _SIM_MODEL_INVALID };
        static const struct {
                const char *minimum;
                unsigned value_type;
                ExitStatus wanted;
        } cases[] = { { "0", 0x87, EXIT_ACCEPTED }, { "7", 0x87, EXIT_ACCEPTED }, { "8", 0x87, EXIT_REFUSED }, { "0", 0x82, EXIT_REFUSED } };

        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                _cleanup_(trial_freep) Trial *s = trial_new(nvdaod);
                SimOpaqueEntry *entry = sim_entry_replace(s->devices[0], 37, (uint8_t[]){ 7, 0 }, 2);
                json_object *value;

                entry->value_type = (uint16_t) cases[i].value_type;
                (void) snprintf(sim_rim_find(s->rims[0][SIM_RIM_VBIOS], 4096 + 37)->min_svn, 24, "%s", cases[i].minimum);
                CHECK_EQ(trial_judge(s), cases[i].wanted);
                CHECK_EQ(json_object_object_get_ex(trial_claims(s, 0), "secboot", &value), cases[i].wanted == EXIT_ACCEPTED);
                CHECK_STR(json_object_get_string(json_object_object_get(trial_claims(s, 0), "measres")),
                          cases[i].wanted == EXIT_ACCEPTED ? "success" : "fail");
        }
}

static void hole_16_same_device_twice(void) {
        _cleanup_(trial_freep) Trial *s = trial_new(two_hoppers);

        s->evidence[1] = s->evidence[0];
        CHECK_EQ(trial_judge(s), EXIT_REFUSED);
        CHECK_EQ(trial_check(s, 0, CHECK_DISTINCT)->state, CHECK_FAILED);
        CHECK_EQ(trial_check(s, 1, CHECK_DISTINCT)->state, CHECK_FAILED);
}

static void hole_16_rim_of_another_product(void) {
        _cleanup_(trial_freep) Trial *s = trial_new(one_hopper);

        (void) snprintf(s->rims[0][SIM_RIM_DRIVER]->product, 32, "GB100");
        CHECK_EQ(trial_judge(s), EXIT_REFUSED);
        CHECK_EQ(trial_check(s, 0, CHECK_DRIVER_RIM + RIM_PRODUCT)->state, CHECK_FAILED);
}

static void hole_16_certificate_of_another_device(void) {
        _cleanup_(trial_freep) Trial *s = trial_new(two_hoppers);
        _cleanup_free_ char *chain = sim_device_chain_pem(s->devices[1]);

        s->evidence[0].chain = chain;
        CHECK_EQ(trial_judge(s), EXIT_REFUSED);
        CHECK_EQ(trial_check(s, 0, CHECK_SIGNATURE)->state, CHECK_FAILED);
}

static const Test tests[] = {
        { "hole 1: later devices are judged",                       hole_1_later_devices_are_judged              },
        { "hole 1: so is the first",                                hole_1_first_device_counts_too               },
        { "hole 2: more golden than runtime values",                hole_2_more_golden_than_runtime              },
        { "hole 3: another firmware id refuses cleanly",            hole_3_fwid_mismatch_refuses                 },
        { "hole 3: the firmware id may not be left out",            hole_3_fwid_may_not_be_left_out              },
        { "hole 6: fetched means fetched",                          hole_6_fetched_means_fetched                 },
        { "hole 7: index 35 follows the NVDEC status",              hole_7_index_35_follows_nvdec                },
        { "hole 8: a RIM is not read before its signature",         hole_8_unsigned_rim_is_not_read              },
        { "hole 9: key and content are tied to the chain",          hole_9_key_and_content_are_tied_to_the_chain },
        { "hole 10: dates refuse",                                  hole_10_dates_refuse                         },
        { "hole 12: repeated indexes and types refuse",             hole_12_repeated_indexes_and_types_refuse    },
        { "hole 14: refused whatever the policy ignores",           hole_14_refused_whatever_the_policy_ignores  },
        { "hole 15: a low SVN clears measres, secboot and dbgstat", hole_15_low_svn_clears_measres               },
        { "hole 16: the same device twice",                         hole_16_same_device_twice                    },
        { "hole 16: a RIM of another product",                      hole_16_rim_of_another_product               },
        { "hole 16: the chain of another device",                   hole_16_certificate_of_another_device        },
};

int main(void) {
        if (rim_library_init() < 0)
                return 1;
        return test_run_all(tests, ELEMENTSOF(tests));
}
