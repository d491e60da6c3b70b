/* SPDX-License-Identifier: Apache-2.0 */

#include <string.h>
#include <sys/stat.h>

#include "basic/io.h"
#include "trial.h"
#include "sim/bytes.h"
#include "sim/must.h"
#include "sim/ocsp-compose.h"
#include "test.h"

static const SimModel one_hopper[] = { SIM_MODEL_HOPPER, _SIM_MODEL_INVALID };

/* A trial with all the answers it needs. */
static Trial *answered_trial(void) {
        Trial *s = trial_new(one_hopper);

        trial_answer_all(s);
        return s;
}

static const char *chain_claim(const Trial *s, const char *chain, const char *member) {
        json_object *object, *value;

        if (!json_object_object_get_ex(trial_claims(s, 0), chain, &object) ||
            !json_object_object_get_ex(object, member, &value) || !value)
                return "null";
        return json_object_get_string(value);
}

#define REPORT_CHAIN "x-nvidia-gpu-attestation-report-cert-chain"
#define DRIVER_CHAIN "x-nvidia-gpu-driver-rim-cert-chain"

static void test_good(void) {
        _cleanup_(trial_freep) Trial *s = answered_trial();

        CHECK_EQ(trial_judge(s), EXIT_ACCEPTED);
        CHECK_STR(chain_claim(s, REPORT_CHAIN, "x-nvidia-cert-ocsp-status"), "good");
        CHECK_STR(chain_claim(s, DRIVER_CHAIN, "x-nvidia-cert-ocsp-status"), "good");
        s->version = CLAIMS_4_0;
        s->policy = "{\"authorization-rules\":{\"type\":\"JWT\",\"overall-claims\":{\"x-nvidia-ver\":\"4.0\"},\"detached-claims\":"
                    "{\"x-nvidia-gpu-driver-rim-cert-chain\":{\"x-nvidia-cert-ocsp-response-valid\":true}}}}";
        CHECK_EQ(trial_judge(s), EXIT_ACCEPTED);
        s->version = CLAIMS_2_0;
        s->policy = "{\"authorization-rules\":{\"type\":\"JWT\",\"overall-claims\":{\"x-nvidia-ver\":\"2.0\"},\"detached-claims\":"
                    "{\"x-nvidia-gpu-driver-rim-cert-validated\":true,\"x-nvidia-gpu-vbios-rim-cert-validated\":true,"
                    "\"x-nvidia-gpu-attestation-report-cert-chain-validated\":true}}}";
        CHECK_EQ(trial_judge(s), EXIT_ACCEPTED);
}

static void test_digests_and_responders(void) {
        static const char *const digests[] = { "sha1", "sha256", "sha384" };
        _cleanup_(trial_freep) Trial *s = answered_trial();

        for (size_t i = 0; i < ELEMENTSOF(digests); i++) {
                SimOcspSpec spec = sim_ocsp_device(s->devices[0], 1);

                spec.digest = digests[i];
                spec.nonce = true;
                CHECK_EQ(sim_ocsp_write(s->pki, &spec, s->answers), 0);
                CHECK_EQ(trial_judge(s), EXIT_ACCEPTED);
                spec.responder = SIM_RESPONDER_ISSUER;
                CHECK_EQ(sim_ocsp_write(s->pki, &spec, s->answers), 0);
                CHECK_EQ(trial_judge(s), EXIT_ACCEPTED);
        }
}

/* The RIM of a signer that was revoked since, in the first directory, does not hide the one that took its place. */
static void test_revoked_rim_gives_way(void) {
        _cleanup_(trial_freep) Trial *s = answered_trial();
        const SimCert *successor = sim_pki_cert(s->pki, sim_device_rim_signer(s->devices[0]));
        SimOcspSpec answer = sim_ocsp_rim(s->devices[0], 0);
        SimRim *rim = s->rims[0][SIM_RIM_DRIVER];
        _cleanup_(sim_cert_freep) SimCert *signer = NULL;
        SimCertSpec spec = successor->spec;
        _cleanup_free_ char *xml = NULL;
        char dir[96], name[192];

        spec.serial[spec.serial_size - 1] ^= 1;
        signer = sim_cert_issue(&spec);
        sim_rim_set_signer(rim, signer);
        xml = sim_rim_xml(rim);
        sim_rim_set_signer(rim, successor);
        (void) snprintf(dir, sizeof(dir), "%s/first", s->dir);
        (void) snprintf(name, sizeof(name), "%s.xml", rim->id);
        CHECK_EQ(mkdir(dir, 0700), 0);
        CHECK_EQ(sim_write_file(dir, name, xml, strlen(xml)), 0);
        answer.cert = signer->cert;
        answer.status = SIM_OCSP_REVOKED;
        CHECK_EQ(sim_ocsp_write(s->pki, &answer, s->answers), 0);

        s->rim_dirs[0] = dir;
        CHECK_EQ(trial_judge(s), EXIT_REFUSED);
        CHECK_EQ(trial_check(s, 0, CHECK_DRIVER_RIM + RIM_CHAIN)->state, CHECK_PASSED);
        CHECK_EQ(trial_check(s, 0, CHECK_DRIVER_RIM + RIM_OCSP)->state, CHECK_FAILED);
        s->rim_dirs[1] = s->dir;
        CHECK_EQ(trial_judge(s), EXIT_ACCEPTED);
}

/* Nobody is asked about certificates that a stranger signed. */
static void test_forged_chain_asks_nothing(void) {
        _cleanup_(trial_freep) Trial *s = answered_trial();
        SimAuthority signer = sim_device_rim_signer(s->devices[0]);
        SimCertSpec spec = sim_pki_cert(s->pki, signer)->spec;
        _cleanup_(sim_cert_freep) SimCert *forged = NULL;

        spec.issuer = sim_pki_stranger(s->pki, sim_authority_issuer(signer));
        forged = sim_cert_issue(&spec);
        sim_rim_set_signer(s->rims[0][SIM_RIM_DRIVER], forged);
        CHECK_EQ(trial_judge(s), EXIT_REFUSED);
        CHECK_EQ(trial_check(s, 0, CHECK_DRIVER_RIM + RIM_CHAIN)->state, CHECK_FAILED);
        CHECK_EQ(trial_check(s, 0, CHECK_DRIVER_RIM + RIM_OCSP)->state, CHECK_NOT_RUN);
        CHECK(!ocsp_answers_want(s->collateral->ocsp, 0));
}

/* Every certificate must be answered for; without the answer nothing is wrong, but nothing is accepted. */
static void test_each_answer_is_needed(void) {
        char name[64], path[256];
        _cleanup_(trial_freep) Trial *s = answered_trial();

        for (unsigned level = 0; level < 4; level++)
                for (unsigned rim = 0; rim < 2; rim++) {
                        SimOcspSpec spec;

                        if ((rim && level == 3) || (!rim && level == 0))
                                continue;
                        spec = rim ? sim_ocsp_rim(s->devices[0], level) : sim_ocsp_device(s->devices[0], level);
                        sim_ocsp_file_name(&spec, name);
                        (void) snprintf(path, sizeof(path), "%s/%s", s->answers, name);
                        CHECK_EQ(unlink(path), 0);
                        CHECK_EQ(trial_judge(s), EXIT_COLLATERAL_MISSING);
                        CHECK_EQ(sim_ocsp_write(s->pki, &spec, s->answers), 0);
                }
        CHECK_EQ(trial_judge(s), EXIT_ACCEPTED);
}

/* The answer about certificate 2 under the name of that about certificate 1, and the answer about another device. */
static void hole_4_answers_are_tied_to_the_certificate(void) {
        static const SimModel two[] = { SIM_MODEL_HOPPER, SIM_MODEL_HOPPER, _SIM_MODEL_INVALID };
        _cleanup_(trial_freep) Trial *s = trial_new(two);
        SimOcspSpec spec;

        s->n_devices = 1;
        trial_answer_all(s);
        s->n_devices = 2;
        CHECK_EQ(trial_judge(s), EXIT_COLLATERAL_MISSING);
        CHECK_EQ(trial_check(s, 0, CHECK_CHAIN_OCSP)->state, CHECK_PASSED);
        CHECK_EQ(trial_check(s, 1, CHECK_CHAIN_OCSP)->state, CHECK_MISSING);
        spec = sim_ocsp_device(s->devices[1], 1);
        CHECK_EQ(sim_ocsp_write(s->pki, &spec, s->answers), 0);
        CHECK_EQ(trial_judge(s), EXIT_ACCEPTED);
}

static void hole_4_only_the_issuers_responder_may_answer(void) {
        static const SimResponder wrong[] = { SIM_RESPONDER_NO_EKU, SIM_RESPONDER_ELSEWHERE, SIM_RESPONDER_STRANGER,
                                              SIM_RESPONDER_EXPIRED, SIM_RESPONDER_CURVE };

        for (size_t i = 0; i < ELEMENTSOF(wrong); i++)
                for (unsigned level = 1; level <= 2; level++) {
                        _cleanup_(trial_freep) Trial *s = answered_trial();
                        SimOcspSpec spec = sim_ocsp_device(s->devices[0], level);

                        spec.responder = wrong[i];
                        CHECK_EQ(sim_ocsp_write(s->pki, &spec, s->answers), 0);
                        CHECK_EQ(trial_judge(s), EXIT_REFUSED);
                        CHECK_EQ(trial_check(s, 0, CHECK_CHAIN_OCSP)->state, CHECK_FAILED);
                }
}

static const char *const reasons[] = {
        NULL, "keyCompromise", "CACompromise", "affiliationChanged", "superseded", "cessationOfOperation", "certificateHold",
};

static void test_revoked_refuses_with_its_reason(void) {
        for (size_t i = 0; i < ELEMENTSOF(reasons); i++) {
                _cleanup_(trial_freep) Trial *s = answered_trial();
                _cleanup_free_ char *no = NULL;
                SimOcspSpec spec = sim_ocsp_rim(s->devices[0], 0);

                spec.status = SIM_OCSP_REVOKED;
                spec.reason = reasons[i];
                CHECK_EQ(sim_ocsp_write(s->pki, &spec, s->answers), 0);
                CHECK_EQ(trial_judge(s), EXIT_REFUSED);
                CHECK_STR(chain_claim(s, DRIVER_CHAIN, "x-nvidia-cert-status"), "revoked");
                CHECK_STR(chain_claim(s, DRIVER_CHAIN, "x-nvidia-cert-ocsp-status"), "revoked");
                CHECK_STR(chain_claim(s, DRIVER_CHAIN, "x-nvidia-cert-revocation-reason"),
                          reasons[i] ? (i == 2 ? "cACompromise" : reasons[i]) : "unspecified");
                no = trial_false_claims(s, 0);
                CHECK_STR(no, DRIVER_CHAIN " x-nvidia-gpu-vbios-rim-cert-chain"); /* one signer for both */
        }
}

/* There is no exception for a certificate on hold, neither a RIM's nor a device's. */
static void hole_5_hold_is_revoked_for_devices(void) {
        for (unsigned level = 1; level <= 3; level++) {
                _cleanup_(trial_freep) Trial *s = answered_trial();
                _cleanup_free_ char *no = NULL;
                SimOcspSpec spec = sim_ocsp_device(s->devices[0], level);

                spec.status = SIM_OCSP_REVOKED;
                spec.reason = "certificateHold";
                CHECK_EQ(sim_ocsp_write(s->pki, &spec, s->answers), 0);
                CHECK_EQ(trial_judge(s), EXIT_REFUSED);
                no = trial_false_claims(s, 0);
                CHECK_STR(no, REPORT_CHAIN);
                /* Hole 11: the certificate below the root keeps its reason, too. */
                CHECK_STR(chain_claim(s, REPORT_CHAIN, "x-nvidia-cert-revocation-reason"), "certificateHold");
        }
}

static void test_unknown_refuses(void) {
        _cleanup_(trial_freep) Trial *s = answered_trial();
        SimOcspSpec spec = sim_ocsp_rim(s->devices[0], 1);

        spec.status = SIM_OCSP_UNKNOWN;
        CHECK_EQ(sim_ocsp_write(s->pki, &spec, s->answers), 0);
        CHECK_EQ(trial_judge(s), EXIT_REFUSED);
        CHECK_STR(chain_claim(s, DRIVER_CHAIN, "x-nvidia-cert-ocsp-status"), "unknown");
}

static void hole_11_answers_have_their_time(void) {
        _cleanup_(trial_freep) Trial *s = answered_trial();
        time_t now = time(NULL);

        s->at = now + 23 * 3600;
        CHECK_EQ(trial_judge(s), EXIT_ACCEPTED);
        s->at = now + 25 * 3600;
        CHECK_EQ(trial_judge(s), EXIT_COLLATERAL_MISSING);
        s->at = now - 120; /* clocks may differ this much */
        CHECK_EQ(trial_judge(s), EXIT_ACCEPTED);
        s->at = now - 3600;
        CHECK_EQ(trial_judge(s), EXIT_COLLATERAL_MISSING);
}

/* A revoked answer is not hidden by a good one beside it, and a good one is not spoiled by a forged one. */
static void test_the_worst_valid_answer_counts(void) {
        char path[256];
        _cleanup_(trial_freep) Trial *s = answered_trial();
        SimOcspSpec spec = sim_ocsp_device(s->devices[0], 1);
        uint8_t *der;
        size_t size;

        (void) snprintf(path, sizeof(path), "%s/extra.der", s->answers);
        spec.responder = SIM_RESPONDER_STRANGER;
        spec.status = SIM_OCSP_REVOKED;
        MUST(sim_ocsp_answer(s->pki, &spec, &der, &size) >= 0);
        MUST(write_file_atomic(path, der, size, 0600) >= 0);
        free(der);
        CHECK_EQ(trial_judge(s), EXIT_ACCEPTED);

        spec.responder = SIM_RESPONDER_DELEGATED;
        MUST(sim_ocsp_answer(s->pki, &spec, &der, &size) >= 0);
        MUST(write_file_atomic(path, der, size, 0600) >= 0);
        free(der);
        CHECK_EQ(trial_judge(s), EXIT_REFUSED);
}

/* Puts a composed answer in the place of the one about the per-device CA. */
static void replace_answer(Trial *s, const SimOcspComposition *c) {
        SimOcspSpec spec = sim_ocsp_device(s->devices[0], 1);
        _cleanup_free_ uint8_t *der = NULL;
        char name[64], path[256];
        size_t size;

        sim_ocsp_file_name(&spec, name);
        (void) snprintf(path, sizeof(path), "%s/%s", s->answers, name);
        sim_ocsp_compose(s->pki, c, &der, &size);
        MUST(write_file_atomic(path, der, size, 0600) >= 0);
}

/* Seconds from now; the moments that an answer has, apart from each other. */
static void test_each_moment_counts(void) {
        static const struct {
                const char *name;
                int this_update, next_update, produced_at;
                bool no_next_update;
                ExitStatus wanted;
        } cases[] = {
                { "now for a day",                    0,     86400, 0,     false, EXIT_ACCEPTED           },
                { "almost over",                      -7200, 60,    -7200, false, EXIT_ACCEPTED           },
                { "over",                             -7200, -900,  -7200, false, EXIT_COLLATERAL_MISSING },
                { "from clocks that go ahead",        240,   86400, 240,   false, EXIT_ACCEPTED           },
                { "of the future",                    900,   86400, 0,     false, EXIT_COLLATERAL_MISSING },
                { "made in the future",               0,     86400, 900,   false, EXIT_COLLATERAL_MISSING },
                { "without an end, half an hour old", -1800, 0,     -1800, true,  EXIT_ACCEPTED           },
                { "without an end, two hours old",    -7200, 0,     -7200, true,  EXIT_COLLATERAL_MISSING },
                { "without an end, made anew",        -7200, 0,     0,     true,  EXIT_COLLATERAL_MISSING },
        };
        _cleanup_(trial_freep) Trial *s = answered_trial();

        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                SimOcspComposition c = sim_ocsp_composition(sim_ocsp_device(s->devices[0], 1));
                unsigned before = test_failures;

                c.produced_at = cases[i].produced_at;
                c.singles[0].this_update = cases[i].this_update;
                c.singles[0].next_update = cases[i].next_update;
                c.singles[0].no_next_update = cases[i].no_next_update;
                replace_answer(s, &c);
                CHECK_EQ(trial_judge(s), cases[i].wanted);
                CHECK_EQ(trial_check(s, 0, CHECK_CHAIN_OCSP)->state,
                         cases[i].wanted == EXIT_ACCEPTED ? CHECK_PASSED : CHECK_MISSING);
                if (test_failures > before)
                        (void) printf("# an answer %s\n", cases[i].name);
        }
}

static void test_digests_that_nobody_asks_for(void) {
        static const char *const digests[] = { "md5", "sha224", "sha512", "sha3-384" };
        _cleanup_(trial_freep) Trial *s = answered_trial();

        for (size_t i = 0; i < ELEMENTSOF(digests); i++) {
                SimOcspSpec spec = sim_ocsp_device(s->devices[0], 1);
                SimOcspComposition c;

                spec.digest = digests[i];
                c = sim_ocsp_composition(spec);
                replace_answer(s, &c);
                CHECK_EQ(trial_judge(s), EXIT_COLLATERAL_MISSING);
        }
}

/* Nobody has said anything about certificate 1 of the device, and something bad about another one. */
static void test_wrong_outweighs_missing(void) {
        static const struct {
                bool rim;
                unsigned level;
                SimOcspStatus status;
                const char *check;
        } cases[] = {
                { false, 2, SIM_OCSP_REVOKED, "report-cert-chain-ocsp" },
                { false, 3, SIM_OCSP_UNKNOWN, "report-cert-chain-ocsp" },
                { true,  0, SIM_OCSP_REVOKED, "report-cert-chain-ocsp driver-rim-cert-chain-ocsp vbios-rim-cert-chain-ocsp" },
                { true,  2, SIM_OCSP_UNKNOWN, "report-cert-chain-ocsp driver-rim-cert-chain-ocsp vbios-rim-cert-chain-ocsp" },
        };

        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                char name[64], path[256];
                _cleanup_(trial_freep) Trial *s = answered_trial();
                SimOcspSpec spec = sim_ocsp_device(s->devices[0], 1);
                _cleanup_free_ char *failed = NULL;

                sim_ocsp_file_name(&spec, name);
                (void) snprintf(path, sizeof(path), "%s/%s", s->answers, name);
                CHECK_EQ(unlink(path), 0);
                CHECK_EQ(trial_judge(s), EXIT_COLLATERAL_MISSING);
                spec = (cases[i].rim ? sim_ocsp_rim : sim_ocsp_device)(s->devices[0], cases[i].level);
                spec.status = cases[i].status;
                CHECK_EQ(sim_ocsp_write(s->pki, &spec, s->answers), 0);
                CHECK_EQ(trial_judge(s), EXIT_REFUSED);
                failed = trial_failed_checks(s, 0);
                CHECK_STR(failed, cases[i].check);
        }
}

static const Test tests[] = {
        { "good answers",                                          test_good                                    },
        { "certificate ids in three digests, two kinds of signer", test_digests_and_responders                  },
        { "each answer is needed",                                 test_each_answer_is_needed                   },
        { "nothing is asked about a forged chain",                 test_forged_chain_asks_nothing               },
        { "a revoked RIM gives way to another",                    test_revoked_rim_gives_way                   },
        { "hole 4: answers are tied to their certificate",         hole_4_answers_are_tied_to_the_certificate   },
        { "hole 4: only the issuer's responder may answer",        hole_4_only_the_issuers_responder_may_answer },
        { "revoked refuses, with its reason",                      test_revoked_refuses_with_its_reason         },
        { "hole 5: a device on hold is revoked",                   hole_5_hold_is_revoked_for_devices           },
        { "unknown refuses",                                       test_unknown_refuses                         },
        { "hole 11: answers have their time",                      hole_11_answers_have_their_time              },
        { "the worst valid answer counts",                         test_the_worst_valid_answer_counts           },
        { "each moment of an answer counts",                       test_each_moment_counts                      },
        { "digests that nobody asks for",                          test_digests_that_nobody_asks_for            },
        { "what is wrong outweighs what is missing",               test_wrong_outweighs_missing                 },
};

int main(void) {
        if (rim_library_init() < 0)
                return 1;
        return test_run_all(tests, ELEMENTSOF(tests));
}
