/* SPDX-License-Identifier: Apache-2.0 */

#include <openssl/rand.h>

#include "trial.h"
#include "sim/bytes.h"
#include "test.h"

static const SimModel one_hopper[] = { SIM_MODEL_HOPPER, _SIM_MODEL_INVALID };
static const SimModel two_hoppers[] = { SIM_MODEL_HOPPER, SIM_MODEL_HOPPER, _SIM_MODEL_INVALID };
static const SimModel one_switch[] = { SIM_MODEL_LS10, _SIM_MODEL_INVALID };

static void test_every_model_accepted(void) {
        for (SimModel m = 0; m < _SIM_MODEL_MAX; m++) {
                const SimModel models[] = { m, _SIM_MODEL_INVALID };
                _cleanup_(trial_freep) Trial *s = trial_new(models);

                for (ClaimsVersion v = 0; v < _CLAIMS_VERSION_MAX; v++) {
                        _cleanup_free_ char *no = NULL;

                        s->version = v;
                        s->policy = "{\"authorization-rules\":{\"type\":\"JWT\",\"overall-claims\":"
                                    "{\"x-nvidia-overall-att-result\":true},\"detached-claims\":{\"measres\":\"success\","
                                    "\"secboot\":true,\"dbgstat\":\"disabled\"}}}";
                        CHECK_EQ(trial_judge(s), EXIT_ACCEPTED);
                        no = trial_false_claims(s, 0);
                        CHECK_STR(no, "");
                }
                s->version = CLAIMS_3_0;
                s->policy = NULL;
                CHECK_EQ(trial_judge(s), EXIT_ACCEPTED);
        }
}

/* One thing wrong, one claim false, and the strict policy refuses. */
typedef struct ClaimCase {
        const char *name;
        void (*break_it)(Trial *s);
        const char *claims; /* that say no, and no others */
        ExitStatus status;
} ClaimCase;

static void set_arch(Trial *s) {
        s->evidence[0].arch = "AMPERE";
}

static void extend_report(Trial *s) {
        s->evidence[0].tweaks.unsigned_trailing = 1;
}

static void replay_report(Trial *s) {
        s->evidence[0].nonce[0] ^= 1;
}

static void break_signature(Trial *s) {
        s->evidence[0].tweaks.signature = SIM_SIGNATURE_FLIPPED;
}

static void change_fwid(Trial *s) {
        uint8_t other[SIM_FWID_SIZE] = { 1 };

        if (s->devices[0]->arch == SIM_ARCH_LS10)
                sim_entry_append(s->devices[0], 20, 0, other, sizeof(other));
        else
                sim_entry_replace(s->devices[0], 20, other, sizeof(other));
}

static void expire_leaf(Trial *s) {
        SimCertSpec spec = s->devices[0]->leaf->spec;

        (void) snprintf(spec.not_after, sizeof(spec.not_after), "20240101000000Z");
        sim_device_reissue(s->devices[0], 0, &spec);
}

static void postpone_leaf(Trial *s) {
        SimCertSpec spec = s->devices[0]->leaf->spec;

        (void) snprintf(spec.not_before, sizeof(spec.not_before), "20900101000000Z");
        sim_device_reissue(s->devices[0], 0, &spec);
}

static void unpublish_driver(Trial *s) {
        s->rims[0][SIM_RIM_DRIVER] = sim_rim_free(s->rims[0][SIM_RIM_DRIVER]);
}

static void unpublish_vbios(Trial *s) {
        s->rims[0][SIM_RIM_VBIOS] = sim_rim_free(s->rims[0][SIM_RIM_VBIOS]);
}

static SimRimRecord *first_active(SimRim *rim) {
        for (size_t i = 0; i < rim->n_records; i++)
                if (strcmp(rim->records[i].active, "True") == 0)
                        return &rim->records[i];
        return NULL;
}

static void no_alternatives(SimRim *rim) {
        (void) snprintf(first_active(rim)->alternatives, sizeof(rim->records[0].alternatives), "0");
}

static void expire_signer(Trial *s, SimRim *rim) {
        SimCertSpec spec = sim_pki_cert(s->pki, sim_device_rim_signer(s->devices[0]))->spec;
        _cleanup_(sim_cert_freep) SimCert *signer = NULL;

        sim_pki_time(s->pki, -700, spec.not_before);
        sim_pki_time(s->pki, -1, spec.not_after);
        spec.serial[spec.serial_size - 1] ^= 1;
        signer = sim_cert_issue(&spec);
        sim_rim_set_signer(rim, signer);
}

static void other_key(SimRim *rim) {
        rim->form = SIM_RIM_OTHER_KEY;
}

static void other_version(SimRim *rim) {
        (void) snprintf(rim->version, sizeof(rim->version), "1.2.3");
}

static void deactivate_all(SimRim *rim) {
        for (size_t i = 0; i < rim->n_records; i++)
                (void) snprintf(rim->records[i].active, sizeof(rim->records[i].active), "False");
}

#define ON_RIM(name, kind, call)                  \
        static void name(Trial *s) {              \
                SimRim *rim = s->rims[0][kind];   \
                                                  \
                call;                             \
        }
ON_RIM(driver_schema, SIM_RIM_DRIVER, no_alternatives(rim))
ON_RIM(vbios_schema, SIM_RIM_VBIOS, no_alternatives(rim))
ON_RIM(driver_expired, SIM_RIM_DRIVER, expire_signer(s, rim))
ON_RIM(vbios_expired, SIM_RIM_VBIOS, expire_signer(s, rim))
ON_RIM(driver_key, SIM_RIM_DRIVER, other_key(rim))
ON_RIM(vbios_key, SIM_RIM_VBIOS, other_key(rim))
ON_RIM(driver_version, SIM_RIM_DRIVER, other_version(rim))
ON_RIM(vbios_version, SIM_RIM_VBIOS, other_version(rim))
ON_RIM(driver_empty, SIM_RIM_DRIVER, deactivate_all(rim))
ON_RIM(vbios_empty, SIM_RIM_VBIOS, deactivate_all(rim))

/* The index that the VBIOS RIM has as well, with the same golden value. */
static void conflict(Trial *s) {
        *sim_rim_find(s->rims[0][SIM_RIM_DRIVER], 0) = *sim_rim_find(s->rims[0][SIM_RIM_VBIOS], 0);
}

static void other_measurement(Trial *s) {
        s->devices[0]->digests[1][0] ^= 1;
}

static void check_cases(const SimModel *models, const ClaimCase *cases, size_t n) {
        for (size_t i = 0; i < n; i++) {
                _cleanup_(trial_freep) Trial *s = trial_new(models);
                _cleanup_free_ char *no = NULL;
                unsigned before = test_failures;

                cases[i].break_it(s);
                CHECK_EQ(trial_judge(s), cases[i].status);
                no = trial_false_claims(s, 0);
                CHECK_STR(no, cases[i].claims);
                CHECK(json_object_array_length(s->verdict.policy_failures) > 0);
                if (test_failures > before)
                        (void) printf("# in case %s\n", cases[i].name);
        }
}

static void test_each_gpu_claim_can_fail(void) {
        static const ClaimCase cases[] = {
                { "architecture",       set_arch,          "x-nvidia-gpu-arch-check", EXIT_REFUSED },
                { "expired leaf",       expire_leaf,       "x-nvidia-gpu-attestation-report-cert-chain", EXIT_REFUSED },
                { "leaf of the future", postpone_leaf,     "x-nvidia-gpu-attestation-report-cert-chain", EXIT_REFUSED },
                { "firmware id",        change_fwid,       "x-nvidia-gpu-attestation-report-cert-chain-fwid-match", EXIT_REFUSED },
                { "parsing",            extend_report,     "x-nvidia-gpu-attestation-report-parsed", EXIT_REFUSED },
                { "nonce",              replay_report,     "x-nvidia-gpu-attestation-report-nonce-match", EXIT_REFUSED },
                { "signature",          break_signature,   "x-nvidia-gpu-attestation-report-signature-verified", EXIT_REFUSED },
                { "no driver RIM",      unpublish_driver,  "x-nvidia-gpu-driver-rim-fetched", EXIT_COLLATERAL_MISSING },
                { "driver RIM schema",  driver_schema,     "x-nvidia-gpu-driver-rim-schema-validated", EXIT_REFUSED },
                { "driver RIM chain",   driver_expired,    "x-nvidia-gpu-driver-rim-cert-chain", EXIT_REFUSED },
                { "driver RIM key",     driver_key,        "x-nvidia-gpu-driver-rim-signature-verified", EXIT_REFUSED },
                { "driver RIM version", driver_version,    "x-nvidia-gpu-driver-rim-version-match", EXIT_REFUSED },
                { "driver RIM empty",   driver_empty,      "x-nvidia-gpu-driver-rim-measurements-available", EXIT_REFUSED },
                { "no VBIOS RIM",       unpublish_vbios,   "x-nvidia-gpu-vbios-rim-fetched", EXIT_COLLATERAL_MISSING },
                { "VBIOS RIM schema",   vbios_schema,      "x-nvidia-gpu-vbios-rim-schema-validated", EXIT_REFUSED },
                { "VBIOS RIM chain",    vbios_expired,     "x-nvidia-gpu-vbios-rim-cert-chain", EXIT_REFUSED },
                { "VBIOS RIM key",      vbios_key,         "x-nvidia-gpu-vbios-rim-signature-verified", EXIT_REFUSED },
                { "VBIOS RIM version",  vbios_version,     "x-nvidia-gpu-vbios-rim-version-match", EXIT_REFUSED },
                { "VBIOS RIM empty",    vbios_empty,       "x-nvidia-gpu-vbios-rim-measurements-available", EXIT_REFUSED },
                { "conflict",           conflict,          "x-nvidia-gpu-vbios-index-no-conflict", EXIT_REFUSED },
                { "measurement",        other_measurement, "measres", EXIT_REFUSED },
        };

        check_cases(one_hopper, cases, ELEMENTSOF(cases));
}

static void test_each_switch_claim_can_fail(void) {
        static const ClaimCase cases[] = {
                { "expired leaf",     expire_leaf,       "x-nvidia-switch-attestation-report-cert-chain", EXIT_REFUSED },
                { "firmware id",      change_fwid,       "x-nvidia-switch-attestation-report-cert-chain-fwid-match", EXIT_REFUSED },
                { "parsing",          extend_report,     "x-nvidia-switch-attestation-report-parsed", EXIT_REFUSED },
                { "nonce",            replay_report,     "x-nvidia-switch-attestation-report-nonce-match", EXIT_REFUSED },
                { "signature",        break_signature,   "x-nvidia-switch-attestation-report-signature-verified", EXIT_REFUSED },
                { "no BIOS RIM",      unpublish_vbios,   "x-nvidia-switch-bios-rim-fetched", EXIT_COLLATERAL_MISSING },
                { "BIOS RIM schema",  vbios_schema,      "x-nvidia-switch-bios-rim-schema-validated", EXIT_REFUSED },
                { "BIOS RIM chain",   vbios_expired,     "x-nvidia-switch-bios-rim-cert-chain", EXIT_REFUSED },
                { "BIOS RIM key",     vbios_key,         "x-nvidia-switch-bios-rim-signature-verified", EXIT_REFUSED },
                { "BIOS RIM version", vbios_version,     "x-nvidia-switch-bios-rim-version-match", EXIT_REFUSED },
                { "BIOS RIM empty",   vbios_empty,       "measres x-nvidia-switch-bios-rim-measurements-available", EXIT_REFUSED },
                { "measurement",      other_measurement, "measres", EXIT_REFUSED },
        };

        check_cases(one_switch, cases, ELEMENTSOF(cases));
}

/* Claims 2.0 know the chain by one word. */
static void test_claims_2_0_chain(void) {
        _cleanup_(trial_freep) Trial *s = trial_new(one_hopper);
        json_object *value;

        expire_leaf(s);
        s->version = CLAIMS_2_0;
        CHECK_EQ(trial_judge(s), EXIT_REFUSED);
        CHECK(json_object_object_get_ex(trial_claims(s, 0), "x-nvidia-gpu-attestation-report-cert-chain-validated", &value));
        CHECK(value && !json_object_get_boolean(value));
        CHECK(!json_object_object_get_ex(trial_claims(s, 0), "x-nvidia-gpu-attestation-report-cert-chain", &value));
}

static void test_claims_4_0_mismatch_record(void) {
        _cleanup_(trial_freep) Trial *s = trial_new(one_hopper);
        json_object *list, *index, *source;

        other_measurement(s);
        s->version = CLAIMS_4_0;
        CHECK_EQ(trial_judge(s), EXIT_REFUSED);
        CHECK(json_object_object_get_ex(trial_claims(s, 0), "x-nvidia-mismatch-measurement-records", &list));
        CHECK_EQ(json_object_array_length(list), 1);
        CHECK(json_object_object_get_ex(json_object_array_get_idx(list, 0), "index", &index));
        CHECK_EQ(json_object_get_int(index), 1);
        CHECK(json_object_object_get_ex(json_object_array_get_idx(list, 0), "measurementSource", &source));
        CHECK_STR(json_object_get_string(source), "Firmware");
}

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

        change_fwid(s);
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

        unpublish_driver(s);
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

        driver_key(s);
        driver_version(s);
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
        static void (*const breaks[])(Trial *s) = { expire_leaf, postpone_leaf, driver_expired, vbios_expired };

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

static void set_flag(SimDevice *d, uint8_t flag) {
        sim_entry_replace(d, 36, (uint8_t[]){ flag, 0 }, 2);
}

/* 0 is single-GPU and 1 multi-GPU CC; what counts is that they are never mixed. */
static void hole_13_modes_are_not_mixed(void) {
        _cleanup_(trial_freep) Trial *mixed = trial_new(two_hoppers), *same = trial_new(two_hoppers),
                                      *unknown = trial_new(one_hopper), *contradiction = trial_new(one_hopper);

        set_flag(mixed->devices[1], 1);
        CHECK_EQ(trial_judge(mixed), EXIT_REFUSED);
        CHECK_EQ(trial_check(mixed, 1, CHECK_MODE)->state, CHECK_FAILED);

        set_flag(same->devices[0], 1);
        set_flag(same->devices[1], 1);
        CHECK_EQ(trial_judge(same), EXIT_ACCEPTED);
        CHECK_STR(trial_check(same, 0, CHECK_MODE)->fault.found, "multi-GPU CC");

        set_flag(unknown->devices[0], 3);
        CHECK_EQ(trial_judge(unknown), EXIT_REFUSED);

        set_flag(contradiction->devices[0], 2); /* while entry 21 says that protected PCIe is off */
        CHECK_EQ(trial_judge(contradiction), EXIT_REFUSED);
        CHECK_EQ(trial_check(contradiction, 0, CHECK_MODE)->state, CHECK_FAILED);
}

/* The decision needs no token, and a policy that looks away does not change it. */
static void hole_14_refused_whatever_the_policy_ignores(void) {
        _cleanup_(trial_freep) Trial *s = trial_new(one_hopper);

        other_measurement(s);
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

static void hole_16_identity_of_another_form(void) {
        _cleanup_(trial_freep) Trial *s = trial_new(one_hopper);
        SimCertSpec spec = s->devices[0]->brom->spec;

        spec.serial[0] = 0x50; /* a switch's */
        sim_device_reissue(s->devices[0], 1, &spec);
        CHECK_EQ(trial_judge(s), EXIT_REFUSED);
        CHECK_EQ(trial_check(s, 0, CHECK_IDENTITY)->state, CHECK_FAILED);
}

static void hole_16_dice_extension_of_another_key(void) {
        _cleanup_(trial_freep) Trial *s = trial_new(one_hopper);
        SimCertSpec spec = s->devices[0]->leaf->spec;

        spec.dice_key = spec.key;
        sim_device_reissue(s->devices[0], 0, &spec);
        CHECK_EQ(trial_judge(s), EXIT_REFUSED);
        CHECK_EQ(trial_check(s, 0, CHECK_FWID)->state, CHECK_FAILED);
}

static const SimModel machine[] = {
        SIM_MODEL_HOPPER_PPCIE, SIM_MODEL_HOPPER_PPCIE, SIM_MODEL_LS10, SIM_MODEL_LS10, _SIM_MODEL_INVALID,
};

static void hole_16_topology_is_bound_to_certificates(void) {
        _cleanup_(trial_freep) Trial *good = trial_new(machine), *foreign = trial_new(machine);
        SimOpaqueEntry *entry;

        CHECK_EQ(trial_judge(good), EXIT_ACCEPTED);
        CHECK_EQ(trial_check(good, 0, CHECK_TOPOLOGY)->state, CHECK_PASSED);
        CHECK_EQ(trial_check(good, 2, CHECK_TOPOLOGY)->state, CHECK_PASSED);

        entry = sim_entry_find(foreign->devices[0], 22);
        entry->value[0] ^= 1;
        CHECK_EQ(trial_judge(foreign), EXIT_REFUSED);
        CHECK_EQ(trial_check(foreign, 0, CHECK_TOPOLOGY)->state, CHECK_FAILED);
        CHECK_EQ(trial_check(foreign, 1, CHECK_TOPOLOGY)->state, CHECK_PASSED);
}

static void hole_16_switch_names_itself(void) {
        _cleanup_(trial_freep) Trial *s = trial_new(one_switch);

        sim_entry_find(s->devices[0], 22)->value[0] ^= 1;
        CHECK_EQ(trial_judge(s), EXIT_REFUSED);
        CHECK_EQ(trial_check(s, 0, CHECK_IDENTITY)->state, CHECK_FAILED);
}

static void hole_16_unlocked_switch(void) {
        _cleanup_(trial_freep) Trial *s = trial_new(one_switch);

        sim_entry_replace(s->devices[0], 25, (uint8_t[]){ 0, 0 }, 2);
        CHECK_EQ(trial_judge(s), EXIT_REFUSED);
        CHECK_EQ(trial_check(s, 0, CHECK_MODE)->state, CHECK_FAILED);
}

static void test_nonce_of_the_file(void) {
        _cleanup_(trial_freep) Trial *s = trial_new(two_hoppers);

        s->without_nonce = true;
        CHECK_EQ(trial_judge(s), EXIT_ACCEPTED);
        /* Both agree with each other, but not with what was asked. */
        s->without_nonce = false;
        s->nonce[5] ^= 1;
        CHECK_EQ(trial_judge(s), EXIT_REFUSED);
        /* Each agrees with itself, but not with the other. */
        s->without_nonce = true;
        s->evidence[1].nonce[0] ^= 1;
        s->evidence[1].file_nonce[0] ^= 1;
        CHECK_EQ(trial_judge(s), EXIT_REFUSED);
        CHECK_EQ(trial_check(s, 0, CHECK_NONCE)->state, CHECK_PASSED);
        CHECK_EQ(trial_check(s, 1, CHECK_NONCE)->state, CHECK_FAILED);
}

static void test_chains_that_are_refused(void) {
        static const struct {
                const char *name;
                int drop, swap, repeat;
        } cases[] = {
                { "four certificates", 4, -1, -1 },
                { "no per-device CA",  1, -1, -1 },
                { "wrong order",      -1,  2, -1 },
                { "six certificates", -1, -1,  3 },
        };

        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                _cleanup_(trial_freep) Trial *s = trial_new(one_hopper);

                if (cases[i].drop >= 0)
                        sim_chain_drop(s->devices[0], (size_t) cases[i].drop);
                if (cases[i].swap >= 0)
                        sim_chain_swap(s->devices[0], (size_t) cases[i].swap, (size_t) cases[i].swap + 1);
                if (cases[i].repeat >= 0)
                        sim_chain_insert(s->devices[0], (size_t) cases[i].repeat, s->devices[0]->chain[cases[i].repeat]);
                CHECK_EQ(trial_judge(s), EXIT_REFUSED);
                CHECK_EQ(trial_check(s, 0, CHECK_CHAIN)->state, CHECK_FAILED);
                CHECK_EQ(trial_check(s, 0, CHECK_SIGNATURE)->state, CHECK_NOT_RUN);
        }
}

static void test_leaf_that_is_a_ca(void) {
        _cleanup_(trial_freep) Trial *s = trial_new(one_hopper);
        SimCertSpec spec = s->devices[0]->leaf->spec;

        spec.basic_constraints = "critical,CA:TRUE";
        sim_device_reissue(s->devices[0], 0, &spec);
        CHECK_EQ(trial_judge(s), EXIT_REFUSED);
        CHECK_EQ(trial_check(s, 0, CHECK_CHAIN)->state, CHECK_FAILED);
}

static void test_stranger_root(void) {
        _cleanup_(trial_freep) Trial *s = trial_new(one_hopper);

        sim_chain_replace(s->devices[0], 4, sim_pki_stranger(s->pki, SIM_DEVICE_ROOT)->cert);
        CHECK_EQ(trial_judge(s), EXIT_REFUSED);
        CHECK_EQ(trial_check(s, 0, CHECK_CHAIN)->state, CHECK_FAILED);
}

static const Test tests[] = {
        { "every model is accepted, in every claims version",           test_every_model_accepted                     },
        { "each claim of a GPU can be the only false one",              test_each_gpu_claim_can_fail                  },
        { "each claim of a switch can be the only false one",           test_each_switch_claim_can_fail               },
        { "claims 2.0 of an expired chain",                             test_claims_2_0_chain                         },
        { "claims 4.0 list the mismatch",                               test_claims_4_0_mismatch_record               },
        { "hole 1: later devices are judged",                           hole_1_later_devices_are_judged               },
        { "hole 1: so is the first",                                    hole_1_first_device_counts_too                },
        { "hole 2: more golden than runtime values",                    hole_2_more_golden_than_runtime               },
        { "hole 3: another firmware id refuses cleanly",                hole_3_fwid_mismatch_refuses                  },
        { "hole 3: the firmware id may not be left out",                hole_3_fwid_may_not_be_left_out               },
        { "hole 6: fetched means fetched",                              hole_6_fetched_means_fetched                  },
        { "hole 7: index 35 follows the NVDEC status",                  hole_7_index_35_follows_nvdec                 },
        { "hole 8: a RIM is not read before its signature",             hole_8_unsigned_rim_is_not_read               },
        { "hole 9: key and content are tied to the chain",              hole_9_key_and_content_are_tied_to_the_chain  },
        { "hole 10: dates refuse",                                      hole_10_dates_refuse                          },
        { "hole 12: repeated indexes and types refuse",                 hole_12_repeated_indexes_and_types_refuse     },
        { "hole 13: modes are not mixed",                               hole_13_modes_are_not_mixed                   },
        { "hole 14: refused whatever the policy ignores",               hole_14_refused_whatever_the_policy_ignores   },
        { "hole 15: a low SVN clears measres, secboot and dbgstat",     hole_15_low_svn_clears_measres                },
        { "hole 16: the same device twice",                             hole_16_same_device_twice                     },
        { "hole 16: a RIM of another product",                          hole_16_rim_of_another_product                },
        { "hole 16: the chain of another device",                       hole_16_certificate_of_another_device         },
        { "hole 16: a per-device CA of another form",                   hole_16_identity_of_another_form              },
        { "hole 16: a DICE extension about another key",                hole_16_dice_extension_of_another_key         },
        { "hole 16: topology is bound to the certificates",             hole_16_topology_is_bound_to_certificates     },
        { "hole 16: a switch names itself",                             hole_16_switch_names_itself                   },
        { "hole 16: an unlocked switch",                                hole_16_unlocked_switch                       },
        { "the nonce asked for, of the file, of all devices",           test_nonce_of_the_file                        },
        { "chains of another length or order",                          test_chains_that_are_refused                  },
        { "a leaf that is a CA",                                        test_leaf_that_is_a_ca                        },
        { "another root",                                               test_stranger_root                            },
};

int main(void) {
        if (rim_library_init() < 0)
                return 1;
        return test_run_all(tests, ELEMENTSOF(tests));
}
