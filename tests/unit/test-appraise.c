/* SPDX-License-Identifier: Apache-2.0 */

/* The verdict: what each check and each claim does to it, and what weighs more than what. */

#include "breaks.h"
#include "test.h"

static const SimModel one_hopper[] = { SIM_MODEL_HOPPER, _SIM_MODEL_INVALID };
static const SimModel two_hoppers[] = { SIM_MODEL_HOPPER, SIM_MODEL_HOPPER, _SIM_MODEL_INVALID };
static const SimModel one_nvdaod[] = { SIM_MODEL_HOPPER_NVDAOD, _SIM_MODEL_INVALID };
static const SimModel one_switch[] = { SIM_MODEL_LS10, _SIM_MODEL_INVALID };
static const SimModel machine[] = { SIM_MODEL_HOPPER_PPCIE, SIM_MODEL_LS10, _SIM_MODEL_INVALID };

#define POLICY(overall, detached)                                                             \
        "{\"authorization-rules\":{\"type\":\"JWT\",\"overall-claims\":{" overall "},"        \
        "\"detached-claims\":{" detached "}}}"

static void test_every_model_accepted(void) {
        for (SimModel m = 0; m < _SIM_MODEL_MAX; m++) {
                const SimModel models[] = { m, _SIM_MODEL_INVALID };
                _cleanup_(trial_freep) Trial *s = trial_new(models);

                for (ClaimsVersion v = 0; v < _CLAIMS_VERSION_MAX; v++) {
                        _cleanup_free_ char *no = NULL;

                        s->version = v;
                        s->policy = POLICY("\"x-nvidia-overall-att-result\":true",
                                           "\"measres\":\"success\",\"secboot\":true,\"dbgstat\":\"disabled\"");
                        CHECK_EQ(trial_judge(s), EXIT_ACCEPTED);
                        no = trial_false_claims(s, 0);
                        CHECK_STR(no, "");
                }
                s->version = CLAIMS_3_0;
                s->policy = NULL;
                CHECK_EQ(trial_judge(s), EXIT_ACCEPTED);
        }
}

/* One thing wrong: one check fails and says expected and found, the claims about it say no and no others do, and the
 * strict policy refuses. */
typedef struct ClaimCase {
        void (*break_it)(Trial *s);
        const char *checks, *claims;
        ExitStatus status;
} ClaimCase;

static void check_case(const SimModel *models, const ClaimCase *c) {
        _cleanup_(trial_freep) Trial *s = trial_new(models);
        _cleanup_free_ char *no = NULL, *failed = NULL;
        const DeviceAppraisal *d;

        c->break_it(s);
        CHECK_EQ(trial_judge(s), c->status);
        d = &s->appraisal->devices[0];
        no = trial_false_claims(s, 0);
        CHECK_STR(no, c->claims);
        failed = trial_failed_checks(s, 0);
        CHECK_STR(failed, c->checks);
        CHECK(!d->accepted);
        CHECK(!s->appraisal->accepted);
        CHECK(!json_object_get_boolean(json_object_object_get(s->verdict.overall, "x-nvidia-overall-att-result")));
        CHECK(json_object_array_length(s->verdict.policy_failures) > 0);
        for (CheckId id = 0; id < _CHECK_MAX; id++)
                if (d->checks[id].state == CHECK_FAILED || d->checks[id].state == CHECK_MISSING) {
                        CHECK(*d->checks[id].fault.what);
                        CHECK(*d->checks[id].fault.expected);
                        CHECK(*d->checks[id].fault.found);
                }
}

static void check_cases(const SimModel *models, const ClaimCase *cases, size_t n) {
        for (size_t i = 0; i < n; i++) {
                unsigned before = test_failures;

                check_case(models, &cases[i]);
                if (test_failures > before)
                        (void) printf("# in the case of %s\n", cases[i].checks);
        }
}

#define GPU_REPORT "x-nvidia-gpu-attestation-report-"
#define DRIVER_RIM "x-nvidia-gpu-driver-rim-"
#define VBIOS_RIM  "x-nvidia-gpu-vbios-rim-"

static void test_each_gpu_claim_can_fail(void) {
        static const ClaimCase cases[] = {
                { break_arch, "architecture", "x-nvidia-gpu-arch-check", EXIT_REFUSED },
                { expire_leaf, "report-cert-chain", GPU_REPORT "cert-chain", EXIT_REFUSED },
                { postpone_leaf, "report-cert-chain", GPU_REPORT "cert-chain", EXIT_REFUSED },
                { break_fwid, "fwid", GPU_REPORT "cert-chain-fwid-match", EXIT_REFUSED },
                { break_framing, "report-parsed", GPU_REPORT "parsed", EXIT_REFUSED },
                { break_nonce, "nonce", GPU_REPORT "nonce-match", EXIT_REFUSED },
                { break_signature, "report-signature", GPU_REPORT "signature-verified", EXIT_REFUSED },
                { lose_driver_rim, "driver-rim-fetched", DRIVER_RIM "fetched", EXIT_COLLATERAL_MISSING },
                { break_driver_schema, "driver-rim-schema", DRIVER_RIM "schema-validated", EXIT_REFUSED },
                { expire_driver_signer, "driver-rim-cert-chain", DRIVER_RIM "cert-chain", EXIT_REFUSED },
                { break_driver_key, "driver-rim-signature", DRIVER_RIM "signature-verified", EXIT_REFUSED },
                { break_driver_version, "driver-rim-version", DRIVER_RIM "version-match", EXIT_REFUSED },
                { empty_driver_rim, "driver-rim-measurements", DRIVER_RIM "measurements-available", EXIT_REFUSED },
                { lose_vbios_rim, "vbios-rim-fetched", VBIOS_RIM "fetched", EXIT_COLLATERAL_MISSING },
                { break_vbios_schema, "vbios-rim-schema", VBIOS_RIM "schema-validated", EXIT_REFUSED },
                { expire_vbios_signer, "vbios-rim-cert-chain", VBIOS_RIM "cert-chain", EXIT_REFUSED },
                { break_vbios_key, "vbios-rim-signature", VBIOS_RIM "signature-verified", EXIT_REFUSED },
                { break_vbios_version, "vbios-rim-version", VBIOS_RIM "version-match", EXIT_REFUSED },
                { empty_vbios_rim, "vbios-rim-measurements", VBIOS_RIM "measurements-available", EXIT_REFUSED },
                { make_conflict, "rim-index-conflict", "x-nvidia-gpu-vbios-index-no-conflict", EXIT_REFUSED },
                { break_measurement, "measurements", "measres", EXIT_REFUSED },
        };

        check_cases(one_hopper, cases, ELEMENTSOF(cases));
}

#define SWITCH_REPORT "x-nvidia-switch-attestation-report-"
#define BIOS_RIM      "x-nvidia-switch-bios-rim-"

static void test_each_switch_claim_can_fail(void) {
        static const ClaimCase cases[] = {
                { expire_leaf, "report-cert-chain", SWITCH_REPORT "cert-chain", EXIT_REFUSED },
                { break_fwid, "fwid", SWITCH_REPORT "cert-chain-fwid-match", EXIT_REFUSED },
                { break_framing, "report-parsed", SWITCH_REPORT "parsed", EXIT_REFUSED },
                { break_nonce, "nonce", SWITCH_REPORT "nonce-match", EXIT_REFUSED },
                { break_signature, "report-signature", SWITCH_REPORT "signature-verified", EXIT_REFUSED },
                { lose_vbios_rim, "bios-rim-fetched", BIOS_RIM "fetched", EXIT_COLLATERAL_MISSING },
                { break_vbios_schema, "bios-rim-schema", BIOS_RIM "schema-validated", EXIT_REFUSED },
                { expire_vbios_signer, "bios-rim-cert-chain", BIOS_RIM "cert-chain", EXIT_REFUSED },
                { break_vbios_key, "bios-rim-signature", BIOS_RIM "signature-verified", EXIT_REFUSED },
                { break_vbios_version, "bios-rim-version", BIOS_RIM "version-match", EXIT_REFUSED },
                { empty_vbios_rim, "bios-rim-measurements measurements", "measres " BIOS_RIM "measurements-available",
                  EXIT_REFUSED },
                { break_measurement, "measurements", "measres", EXIT_REFUSED },
        };

        check_cases(one_switch, cases, ELEMENTSOF(cases));
}

static void raise_minimum(Trial *s) {
        (void) snprintf(sim_rim_find(s->rims[0][SIM_RIM_VBIOS], 4096 + 37)->min_svn, 24, "300");
}

static void send_twice(Trial *s) {
        s->evidence[1] = s->evidence[0];
}

static void change_link(Trial *s) {
        sim_entry_find(s->devices[0], 22)->value[0] ^= 1;
}

/* NVIDIA's claims have no name for these; the overall claim and the exit status have to do. */
static void test_checks_without_a_claim(void) {
        static const struct {
                const SimModel *models;
                ClaimCase c;
        } cases[] = {
                { one_hopper,  { break_identity,       "device-identity",    "",        EXIT_REFUSED } },
                { one_switch,  { break_identity,       "device-identity",    "",        EXIT_REFUSED } },
                { two_hoppers, { send_twice,           "distinct-devices",   "",        EXIT_REFUSED } },
                { one_hopper,  { break_driver_product, "driver-rim-product", "",        EXIT_REFUSED } },
                { one_hopper,  { break_vbios_product,  "vbios-rim-product",  "",        EXIT_REFUSED } },
                { one_switch,  { break_vbios_product,  "bios-rim-product",   "",        EXIT_REFUSED } },
                { one_nvdaod,  { raise_minimum,        "minimum-svn",        "measres", EXIT_REFUSED } },
                { one_hopper,  { break_mode,           "mode",               "",        EXIT_REFUSED } },
                { one_switch,  { break_mode,           "mode",               "",        EXIT_REFUSED } },
                { machine,     { change_link,          "topology",           "",        EXIT_REFUSED } },
        };

        for (size_t i = 0; i < ELEMENTSOF(cases); i++)
                check_cases(cases[i].models, &cases[i].c, 1);
}

#define COMMON_CHECKS                                                                                           \
        "architecture report-parsed report-cert-chain report-cert-chain-ocsp report-signature nonce fwid "       \
        "device-identity driver-agrees distinct-devices "
#define RIM_CHECKS(rim)                                                                                         \
        rim "-fetched " rim "-schema " rim "-cert-chain " rim "-cert-chain-ocsp " rim "-signature " rim         \
            "-product " rim "-version " rim "-measurements "

/* Names that scripts and the manual know. */
static void test_names_of_checks(void) {
        static const char *const wanted[] = {
                COMMON_CHECKS RIM_CHECKS("driver-rim") RIM_CHECKS("vbios-rim") "rim-index-conflict measurements "
                                                                               "minimum-svn mode topology ",
                COMMON_CHECKS RIM_CHECKS("bios-rim") "measurements minimum-svn mode topology ",
        };

        for (int is_switch = 0; is_switch < 2; is_switch++) {
                char names[1024] = "";

                for (CheckId id = 0; id < _CHECK_MAX; id++)
                        if (check_applies(id, is_switch))
                                (void) snprintf(names + strlen(names), sizeof(names) - strlen(names), "%s ",
                                                check_name(id, is_switch));
                CHECK_STR(names, wanted[is_switch]);
        }
}

/* Whichever device it is: the others cannot make up for it. */
static void test_one_bad_device_refuses_all(void) {
        static void (*const breaks[])(Trial *s) = {
                break_arch, break_framing, break_nonce, break_signature, break_fwid, break_identity, break_measurement,
        };

        for (size_t i = 0; i < ELEMENTSOF(breaks); i++)
                for (size_t bad = 0; bad < 2; bad++) {
                        _cleanup_(trial_freep) Trial *s = trial_new(two_hoppers);

                        breaks[i](s);
                        if (bad == 1) {
                                const SimEvidence e = s->evidence[0];

                                s->evidence[0] = s->evidence[1];
                                s->evidence[1] = e;
                        }
                        CHECK_EQ(trial_judge(s), EXIT_REFUSED);
                        CHECK(!s->appraisal->devices[bad].accepted);
                        CHECK(s->appraisal->devices[1 - bad].accepted);
                        CHECK(!s->appraisal->accepted);
                }
}

/* Everything passes by having passed, and nothing by being empty: not even with a policy that is met. */
static void test_nothing_is_not_accepted(void) {
        static const char rules[] = POLICY("\"x-nvidia-overall-att-result\":false", "\"measres\":null");
        static const Evidence evidence = { .arch = ARCH_HOPPER };
        DeviceAppraisal devices[] = { { .evidence = &evidence, .arch = arch_info(ARCH_HOPPER) } };
        const Appraisal one = { .devices = devices, .n_devices = 1 }, none = { .accepted = true };
        _cleanup_(policy_freep) Policy *policy = NULL;
        _cleanup_(verdict_done) Verdict verdict = {}, empty = {};
        Fault fault;

        CHECK_EQ(policy_parse(rules, strlen(rules), &policy, &fault), 0);
        CHECK_EQ(verdict_reach(&one, policy, CLAIMS_3_0, time(NULL), &verdict), 0);
        CHECK_EQ(json_object_array_length(verdict.policy_failures), 0);
        CHECK_EQ(verdict.status, EXIT_REFUSED);
        CHECK_EQ(verdict_reach(&none, policy, CLAIMS_3_0, time(NULL), &empty), 0);
        CHECK_EQ(empty.status, EXIT_REFUSED);
}

/* Good evidence, of a driver that the policy does not want; then of the one that it does. */
static void test_the_policy_decides(void) {
        _cleanup_(trial_freep) Trial *s = trial_new(one_hopper);

        s->policy = POLICY("\"x-nvidia-overall-att-result\":true", "\"x-nvidia-gpu-driver-version\":\"550.90.07\"");
        CHECK_EQ(trial_judge(s), EXIT_REFUSED);
        CHECK(s->appraisal->accepted);
        CHECK_EQ(json_object_array_length(s->verdict.policy_failures), 1);
        s->policy = POLICY("\"x-nvidia-overall-att-result\":true", "\"x-nvidia-gpu-driver-version\":\"580.159.03\"");
        CHECK_EQ(trial_judge(s), EXIT_ACCEPTED);
        s->policy = POLICY("\"x-nvidia-overall-att-result\":false", "\"measres\":\"success\"");
        CHECK_EQ(trial_judge(s), EXIT_REFUSED);
}

static void make_responder(SimCertSpec *spec) {
        spec->extended_key_usage = "OCSPSigning";
}

static void sign_with_responder(Trial *s) {
        SimAuthority l3 = sim_authority_issuer(sim_device_rim_signer(s->devices[0]));

        sim_rim_set_signer(s->rims[0][SIM_RIM_DRIVER], sim_pki_responder(s->pki, l3, SIM_RESPONDER_DELEGATED));
}

static void report_as_responder(Trial *s) {
        reissue_device_cert(s, 0, make_responder);
}

/* Responders hang in the same trees, at the same level as the signers, and their keys are online. */
static void test_responders_sign_nothing_else(void) {
        static const ClaimCase cases[] = {
                { sign_with_responder, "driver-rim-cert-chain", DRIVER_RIM "cert-chain", EXIT_REFUSED },
                { report_as_responder, "report-cert-chain", GPU_REPORT "cert-chain", EXIT_REFUSED },
        };

        check_cases(one_hopper, cases, ELEMENTSOF(cases));
}

static void test_wrong_outweighs_missing(void) {
        _cleanup_(trial_freep) Trial *s = trial_new(one_hopper), *other = trial_new(two_hoppers);
        _cleanup_free_ char *failed = NULL;

        break_nonce(s);
        lose_driver_rim(s);
        CHECK_EQ(trial_judge(s), EXIT_REFUSED);
        failed = trial_failed_checks(s, 0);
        CHECK_STR(failed, "nonce driver-rim-fetched");

        /* The first device lacks something, and something is wrong with the second. */
        for (size_t i = 0; i < 2; i++)
                other->rims[i][SIM_RIM_VBIOS] = sim_rim_free(other->rims[i][SIM_RIM_VBIOS]);
        CHECK_EQ(trial_judge(other), EXIT_COLLATERAL_MISSING);
        other->evidence[1].nonce[0] ^= 1;
        CHECK_EQ(trial_judge(other), EXIT_REFUSED);
}

static void test_no_policy_outweighs_missing(void) {
        _cleanup_(trial_freep) Trial *s = trial_new(one_hopper);
        _cleanup_(policy_freep) Policy *none = NULL;
        _cleanup_(verdict_done) Verdict verdict = {};
        Fault fault;

        lose_driver_rim(s);
        CHECK_EQ(trial_judge(s), EXIT_COLLATERAL_MISSING);
        CHECK_EQ(policy_parse("{}", 2, &none, &fault), 0);
        CHECK_EQ(verdict_reach(s->appraisal, none, CLAIMS_3_0, time(NULL), &verdict), 0);
        CHECK_EQ(verdict.status, EXIT_REFUSED);
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

/* The report answers what was asked, but the file says that something else was. */
static void test_nonce_of_the_file_alone(void) {
        for (int without = 0; without < 2; without++) {
                _cleanup_(trial_freep) Trial *s = trial_new(two_hoppers);
                _cleanup_free_ char *first = NULL, *second = NULL;

                s->without_nonce = without;
                s->evidence[1].file_nonce[31] ^= 1;
                CHECK_EQ(trial_judge(s), EXIT_REFUSED);
                first = trial_failed_checks(s, 0);
                CHECK_STR(first, "");
                second = trial_failed_checks(s, 1);
                CHECK_STR(second, "nonce");
                CHECK_STR(trial_check(s, 1, CHECK_NONCE)->fault.what, "nonce in the evidence file");
        }
}

static const Test tests[] = {
        { "every model is accepted, in every claims version",     test_every_model_accepted       },
        { "each claim of a GPU can be the only false one",        test_each_gpu_claim_can_fail    },
        { "each claim of a switch can be the only false one",     test_each_switch_claim_can_fail },
        { "each check that has no claim refuses alone",           test_checks_without_a_claim     },
        { "which kind of device has which checks, and their names", test_names_of_checks          },
        { "one bad device refuses all, be it first or last",      test_one_bad_device_refuses_all },
        { "what was not checked is not accepted",                 test_nothing_is_not_accepted    },
        { "good evidence is refused by a policy",                 test_the_policy_decides         },
        { "the key of an OCSP responder signs nothing else",      test_responders_sign_nothing_else },
        { "what is wrong outweighs what is missing",              test_wrong_outweighs_missing    },
        { "a policy that is none outweighs what is missing",      test_no_policy_outweighs_missing },
        { "the nonce asked for, of the file, of all devices",     test_nonce_of_the_file          },
        { "the nonce that only the file has",                     test_nonce_of_the_file_alone    },
};

int main(void) {
        if (rim_library_init() < 0)
                return 1;
        return test_run_all(tests, ELEMENTSOF(tests));
}
