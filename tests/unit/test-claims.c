/* SPDX-License-Identifier: Apache-2.0 */

/* Claims: names, order and types as NVIDIA's verifiers write them, and the values. */

#include <openssl/bn.h>

#include "basic/hex.h"
#include "breaks.h"
#include "golden-claims.h"
#include "sim/must.h"
#include "test.h"

static const SimModel hopper[] = { SIM_MODEL_HOPPER, _SIM_MODEL_INVALID };
static const SimModel nvdaod[] = { SIM_MODEL_HOPPER_NVDAOD, _SIM_MODEL_INVALID };
static const SimModel ls10[] = { SIM_MODEL_LS10, _SIM_MODEL_INVALID };
static const SimModel machine[] = { SIM_MODEL_HOPPER_PPCIE, SIM_MODEL_LS10, _SIM_MODEL_INVALID };

static void print_type(FILE *f, json_object *value) {
        const char *separator = "";

        switch (json_object_get_type(value)) {
        case json_type_null:    (void) fputc('n', f); return;
        case json_type_boolean: (void) fputc('b', f); return;
        case json_type_string:  (void) fputc('s', f); return;
        case json_type_int:     (void) fputc('i', f); return;
        case json_type_array:   (void) fputc('a', f); return;
        case json_type_object:  break;
        default:                (void) fputc('?', f); return;
        }
        (void) fputc('{', f);
        json_object_object_foreach(value, key, member) {
                (void) fprintf(f, "%s%s ", separator, key);
                print_type(f, member);
                separator = ", ";
        }
        (void) fputc('}', f);
}

/* The caller's. */
static char *shape(json_object *claims) {
        char *text = NULL;
        size_t size = 0;
        FILE *f = open_memstream(&text, &size);

        MUST(f);
        json_object_object_foreach(claims, key, value) {
                (void) fprintf(f, "%s ", key);
                print_type(f, value);
                (void) fputc('\n', f);
        }
        MUST(fclose(f) == 0);
        return text;
}

static const char any_policy[] = "{\"authorization-rules\":{\"type\":\"JWT\",\"overall-claims\":"
                                 "{\"x-nvidia-overall-att-result\":true},\"detached-claims\":{\"measres\":\"success\"}}}";

static void test_names_types_and_order(void) {
        static const struct {
                const SimModel *models;
                const char *wanted[_CLAIMS_VERSION_MAX];
        } cases[] = {
                { hopper, { gpu_2_0, gpu_3_0, gpu_4_0 }          },
                { ls10,   { switch_2_0, switch_3_0, switch_4_0 } },
        };

        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                _cleanup_(trial_freep) Trial *s = trial_new(cases[i].models);

                trial_answer_all(s);
                s->policy = any_policy;
                for (ClaimsVersion v = 0; v < _CLAIMS_VERSION_MAX; v++) {
                        _cleanup_free_ char *found = NULL;

                        s->version = v;
                        CHECK_EQ(trial_judge(s), EXIT_ACCEPTED);
                        found = shape(trial_claims(s, 0));
                        CHECK_STR(found, cases[i].wanted[v]);
                }
        }
}

static const char *text_of(json_object *claims, const char *name) {
        json_object *value;

        if (!json_object_object_get_ex(claims, name, &value))
                return "(none)";
        return value ? json_object_to_json_string_ext(value, JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE)
                     : "null";
}

/* `text` as JSON has it. */
static void check_text(json_object *claims, const char *name, const char *text) {
        char wanted[512];

        (void) snprintf(wanted, sizeof(wanted), "\"%s\"", text);
        CHECK_STR(text_of(claims, name), wanted);
}

/* The serial number of the leaf, in decimal digits; the caller's. */
static char *leaf_number(const SimDevice *d) {
        BIGNUM *number = ASN1_INTEGER_to_BN(X509_get0_serialNumber(d->leaf->cert), NULL);
        char *text = number ? BN_bn2dec(number) : NULL, *copy = text ? strdup(text) : NULL;

        MUST(copy);
        OPENSSL_free(text);
        BN_free(number);
        return copy;
}

static void test_values_of_a_gpu(void) {
        _cleanup_(trial_freep) Trial *s = trial_new(hopper);
        _cleanup_free_ char *nonce = hex_encode_alloc(s->nonce, sizeof(s->nonce)), *ueid = leaf_number(s->devices[0]);
        json_object *claims;

        s->policy = any_policy;
        for (ClaimsVersion v = 0; v < _CLAIMS_VERSION_MAX; v++) {
                s->version = v;
                CHECK_EQ(trial_judge(s), EXIT_ACCEPTED);
                claims = trial_claims(s, 0);
                check_text(claims, "measres", "success");
                CHECK_STR(text_of(claims, "secboot"), "true");
                check_text(claims, "dbgstat", "disabled");
                check_text(claims, "x-nvidia-gpu-driver-version", "580.159.03");
                check_text(claims, "x-nvidia-gpu-vbios-version", "96.00.A5.00.01");
                check_text(claims, "eat_nonce", nonce);
                check_text(claims, "hwmodel", "GH100 A01 GSP BROM");
                check_text(claims, "ueid", ueid);
                check_text(claims, "oemid", "5703");
        }
        check_text(claims, "x-nvidia-device-type", "gpu");
        check_text(claims, "x-nvidia-gpu-claims-version", "4.0");
        CHECK_STR(text_of(claims, "x-nvidia-attester-claims"), "{}");
        CHECK_STR(text_of(json_object_object_get(claims, "x-nvidia-gpu-attestation-report-cert-chain"),
                          "x-nvidia-cert-expiration-date"), "\"9999-12-31T23:59:59Z\"");
}

/* Upper-case digits, as all PDIs are printed. */
static void pdi_text(const uint8_t pdi[static SIM_PDI_SIZE], char ret[static 2 * SIM_PDI_SIZE + 1]) {
        (void) sim_hex_upper(pdi, SIM_PDI_SIZE, ret);
}

/* Sorted, each once; a link that is off has a PDI of zeroes, and so has the place of a GPU that is not there. */
static void test_values_of_a_switch_and_its_gpu(void) {
        _cleanup_(trial_freep) Trial *s = trial_new(machine);
        char gpu[2 * SIM_PDI_SIZE + 1], nvswitch[2 * SIM_PDI_SIZE + 1], wanted[128];
        json_object *claims;

        pdi_text(s->devices[0]->pdi, gpu);
        pdi_text(s->devices[1]->pdi, nvswitch);
        memset(&sim_entry_find(s->devices[0], 22)->value[16 * SIM_PDI_SIZE], 0, SIM_PDI_SIZE);
        s->version = CLAIMS_4_0;
        s->policy = any_policy;
        CHECK_EQ(trial_judge(s), EXIT_ACCEPTED);
        claims = trial_claims(s, 0);
        (void) snprintf(wanted, sizeof(wanted), "[\"0000000000000000\",\"%s\"]", nvswitch);
        CHECK_STR(text_of(claims, "x-nvidia-gpu-switch-pdis"), wanted);
        claims = trial_claims(s, 1);
        (void) snprintf(wanted, sizeof(wanted), "[\"0000000000000000\",\"%s\"]", gpu);
        CHECK_STR(text_of(claims, "x-nvidia-switch-gpu-pdis"), wanted);
        check_text(claims, "x-nvidia-switch-pdi", nvswitch);
        check_text(claims, "x-nvidia-switch-bios-version", "96.10.55.00.01");
        check_text(claims, "hwmodel", "LS_10 A01 FSP BROM");
        check_text(claims, "x-nvidia-device-type", "nvswitch");
        CHECK_STR(text_of(claims, "oemid"), "(none)");
}

/* Of a device's own claims, then of the overall ones. */
static void test_issuers(void) {
        static const struct {
                const SimModel *models;
                const char *issuer, *overall[_CLAIMS_VERSION_MAX];
        } cases[] = {
                { hopper,  "LOCAL_GPU_VERIFIER",    { "LOCAL_GPU_VERIFIER", "LOCAL_GPU_VERIFIER", "NVAT-LOCAL-VERIFIER" }       },
                { ls10,    "LOCAL_SWITCH_VERIFIER", { "LOCAL_SWITCH_VERIFIER", "LOCAL_SWITCH_VERIFIER", "NVAT-LOCAL-VERIFIER" } },
                { machine, "LOCAL_GPU_VERIFIER",    { "LOCAL_GPU_VERIFIER", "LOCAL_GPU_VERIFIER", "NVAT-LOCAL-VERIFIER" }       },
        };

        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                _cleanup_(trial_freep) Trial *s = trial_new(cases[i].models);

                s->policy = any_policy;
                for (ClaimsVersion v = 0; v < _CLAIMS_VERSION_MAX; v++) {
                        s->version = v;
                        CHECK_EQ(trial_judge(s), EXIT_ACCEPTED);
                        if (v == CLAIMS_4_0)
                                CHECK_STR(text_of(trial_claims(s, 0), "iss"), "(none)");
                        else
                                check_text(trial_claims(s, 0), "iss", cases[i].issuer);
                        check_text(s->verdict.overall, "iss", cases[i].overall[v]);
                        check_text(s->verdict.overall, "x-nvidia-ver", claims_version_to_string(v));
                        check_text(s->verdict.overall, "sub", "NVIDIA-PLATFORM-ATTESTATION");
                }
        }
}

static void test_shape_of_the_overall_claims(void) {
        static const char python[] = "sub s\nnbf i\nexp i\niat i\njti s\nx-nvidia-ver s\niss s\n"
                                     "x-nvidia-overall-att-result b\neat_nonce s\n";
        static const char cpp[] = "sub s\nexp i\niat i\njti s\nx-nvidia-ver s\niss s\n"
                                  "x-nvidia-overall-att-result b\neat_nonce s\n";
        _cleanup_(trial_freep) Trial *s = trial_new(hopper);

        s->policy = any_policy;
        for (ClaimsVersion v = 0; v < _CLAIMS_VERSION_MAX; v++) {
                _cleanup_free_ char *found = NULL;

                s->version = v;
                CHECK_EQ(trial_judge(s), EXIT_ACCEPTED);
                found = shape(s->verdict.overall);
                CHECK_STR(found, v == CLAIMS_4_0 ? cpp : python);
        }
}

/* Claims that say something of every report, even of one that could not be parsed. */
static bool is_always_there(const char *name) {
        static const char *const names[] = {
                "eat_nonce", "iss", "x-nvidia-device-type", "x-nvidia-gpu-claims-version", "x-nvidia-gpu-arch-check",
                "x-nvidia-gpu-attestation-report-parsed", "x-nvidia-attester-claims",
        };

        for (size_t i = 0; i < ELEMENTSOF(names); i++)
                if (strcmp(name, names[i]) == 0)
                        return true;
        return false;
}

/* 2.0 knows no null: false and empty texts stand for what was not reached; the others say null. */
static void test_what_was_not_reached(void) {
        static const char *const measres[] = { "\"fail\"", "null", "\"not-run\"" };
        _cleanup_(trial_freep) Trial *s = trial_new(hopper);

        break_framing(s);
        for (ClaimsVersion v = 0; v < _CLAIMS_VERSION_MAX; v++) {
                s->version = v;
                CHECK_EQ(trial_judge(s), EXIT_REFUSED);
                json_object_object_foreach(trial_claims(s, 0), key, value) {
                        const char *text = value ? json_object_to_json_string(value) : "null";

                        if (strcmp(key, "measres") == 0)
                                CHECK_STR(text, measres[v]);
                        else if (!is_always_there(key) && v == CLAIMS_2_0)
                                CHECK(strcmp(text, "false") == 0 || strcmp(text, "\"\"") == 0);
                        else if (!is_always_there(key))
                                CHECK_STR(text, "null");
                }
                CHECK_STR(text_of(trial_claims(s, 0), "x-nvidia-gpu-arch-check"), "true");
                CHECK_STR(text_of(trial_claims(s, 0), "x-nvidia-gpu-attestation-report-parsed"), "false");
                CHECK_STR(text_of(trial_claims(s, 0), "secboot"), v == CLAIMS_4_0 ? "null" : "(none)");
                CHECK_STR(text_of(trial_claims(s, 0), "dbgstat"), v == CLAIMS_4_0 ? "null" : "(none)");
        }
}

/* Claims 2.0 know the chain by one word. */
static void test_chain_in_2_0(void) {
        _cleanup_(trial_freep) Trial *s = trial_new(hopper);

        s->version = CLAIMS_2_0;
        CHECK_EQ(trial_judge(s), EXIT_REFUSED); /* by the policy, which is one for 3.0 */
        CHECK_STR(text_of(trial_claims(s, 0), G "attestation-report-cert-chain-validated"), "null"); /* not asked */
        expire_leaf(s);
        CHECK_EQ(trial_judge(s), EXIT_REFUSED);
        CHECK_STR(text_of(trial_claims(s, 0), G "attestation-report-cert-chain-validated"), "false");
        CHECK_STR(text_of(trial_claims(s, 0), G "attestation-report-cert-chain"), "(none)");
}

/* `n` mismatches, or none when the claim is null. */
static json_object *mismatches(const Trial *s, const char *name, size_t n) {
        json_object *list = json_object_object_get(trial_claims(s, 0), name);

        CHECK_EQ(list ? json_object_array_length(list) : 0, n);
        return list && json_object_array_length(list) == n ? json_object_array_get_idx(list, 0) : NULL;
}

static void test_mismatch_of_a_measurement(void) {
        static const struct {
                unsigned index;
                SimRimKind kind;
                const char *source;
        } cases[] = { { 1, SIM_RIM_VBIOS, "Firmware" }, { 12, SIM_RIM_VBIOS, "Firmware" }, { 40, SIM_RIM_DRIVER, "Driver" } };

        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                _cleanup_(trial_freep) Trial *s = trial_new(hopper);
                uint8_t *digest = s->devices[0]->digests[cases[i].index];
                char golden[2 * SIM_DIGEST_SIZE + 1], runtime[2 * SIM_DIGEST_SIZE + 1], wanted[512];
                json_object *record;

                /* The first of the alternatives, of which the device's own is the last. */
                hex_encode(sim_rim_find(s->rims[0][cases[i].kind], cases[i].index)->hashes[0], SIM_DIGEST_SIZE, golden);
                digest[0] ^= 1;
                hex_encode(digest, SIM_DIGEST_SIZE, runtime);
                s->version = CLAIMS_4_0;
                CHECK_EQ(trial_judge(s), EXIT_REFUSED);
                record = mismatches(s, "x-nvidia-mismatch-measurement-records", 1);
                (void) snprintf(wanted, sizeof(wanted),
                                "{\"index\":%u,\"goldenSize\":48,\"goldenValue\":\"%s\",\"runtimeSize\":48,"
                                "\"runtimeValue\":\"%s\",\"measurementSource\":\"%s\"}",
                                cases[i].index, golden, runtime, cases[i].source);
                CHECK_STR(json_object_to_json_string_ext(record, JSON_C_TO_STRING_PLAIN), wanted);
                CHECK(!mismatches(s, "x-nvidia-mismatch-opaque-data-records", 0));
        }
}

static void test_mismatch_without_a_measurement(void) {
        _cleanup_(trial_freep) Trial *s = trial_new(hopper);
        SimRimRecord *record = sim_rim_append(s->rims[0][SIM_RIM_DRIVER], 64);
        json_object *found;

        (void) snprintf(record->active, sizeof(record->active), "True");
        record->n_hashes = 1;
        s->version = CLAIMS_4_0;
        CHECK_EQ(trial_judge(s), EXIT_REFUSED);
        found = mismatches(s, "x-nvidia-mismatch-measurement-records", 1);
        CHECK_STR(text_of(found, "index"), "64");
        CHECK_STR(text_of(found, "runtimeSize"), "0");
        CHECK_STR(text_of(found, "runtimeValue"), "\"NA\"");
}

static void test_minimum_svn(void) {
        static const struct {
                uint16_t value_type;
                uint8_t value[2];
                const char *minimum, *record, *claims; /* NULL: nothing to complain of */
        } cases[] = {
                { 0x87, { 0, 1 }, "256", NULL, "{\"FSP_MICROCODE_SVN\":256}" },
                { 0x87, { 255, 0 }, "256",
                  "{\"id\":37,\"name\":\"FSP_MICROCODE_SVN\",\"goldenType\":\"MIN_SVN\",\"goldenValue\":256,"
                  "\"runtimeType\":\"SVN\",\"runtimeValue\":255}",
                  "{\"FSP_MICROCODE_SVN\":255}" },
                { 0x83, { 9, 9 }, "1",
                  "{\"id\":37,\"name\":\"FSP_MICROCODE_SVN\",\"goldenType\":\"MIN_SVN\",\"goldenValue\":1}", NULL },
        };

        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                _cleanup_(trial_freep) Trial *s = trial_new(nvdaod);
                json_object *record;

                sim_entry_replace(s->devices[0], 37, cases[i].value, 2)->value_type = cases[i].value_type;
                (void) snprintf(sim_rim_find(s->rims[0][SIM_RIM_VBIOS], 4096 + 37)->min_svn, 24, "%s", cases[i].minimum);
                s->version = CLAIMS_4_0;
                s->policy = any_policy;
                CHECK_EQ(trial_judge(s), cases[i].record ? EXIT_REFUSED : EXIT_ACCEPTED);
                record = mismatches(s, "x-nvidia-mismatch-opaque-data-records", cases[i].record ? 1 : 0);
                if (cases[i].record)
                        CHECK_STR(json_object_to_json_string_ext(record, JSON_C_TO_STRING_PLAIN), cases[i].record);
                if (cases[i].claims)
                        CHECK_STR(text_of(trial_claims(s, 0), "x-nvidia-attester-claims"), cases[i].claims);
        }
}

/* Published when the RIM says so, and only then. */
static void test_attester_claims(void) {
        static const struct {
                const char *active, *include, *wanted;
        } cases[] = {
                { "True",  "True",  "{\"FSP_MICROCODE_SVN\":2}" },
                { "True",  "False", "{}"                        },
                { "False", "True",  "{}"                        },
        };

        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                _cleanup_(trial_freep) Trial *s = trial_new(nvdaod);
                SimRimRecord *record = sim_rim_find(s->rims[0][SIM_RIM_VBIOS], 4096 + 37);

                (void) snprintf(record->active, sizeof(record->active), "%s", cases[i].active);
                (void) snprintf(record->include_in_result, sizeof(record->include_in_result), "%s", cases[i].include);
                s->version = CLAIMS_4_0;
                s->policy = any_policy;
                CHECK_EQ(trial_judge(s), EXIT_ACCEPTED);
                CHECK_STR(text_of(trial_claims(s, 0), "x-nvidia-attester-claims"), cases[i].wanted);
        }
}

/* Each kind is counted by itself. */
static void test_keys_of_devices(void) {
        static const SimModel mixed[] = {
                SIM_MODEL_LS10, SIM_MODEL_HOPPER_PPCIE, SIM_MODEL_LS10, SIM_MODEL_HOPPER_PPCIE, _SIM_MODEL_INVALID,
        };
        static const char *const wanted[] = { "SWITCH-0", "GPU-0", "SWITCH-1", "GPU-1" };
        _cleanup_(trial_freep) Trial *s = trial_new(mixed);

        CHECK_EQ(trial_judge(s), EXIT_ACCEPTED);
        CHECK_EQ(json_object_object_length(s->verdict.devices), 4);
        for (size_t i = 0; i < ELEMENTSOF(wanted); i++) {
                char key[16];

                claims_device_key(s->appraisal, i, key);
                CHECK_STR(key, wanted[i]);
                CHECK(json_object_object_get_ex(s->verdict.devices, wanted[i], NULL));
        }
}

static const Test tests[] = {
        { "names, types and order, of each version and kind", test_names_types_and_order          },
        { "values of a GPU",                                  test_values_of_a_gpu                },
        { "values of a switch and the GPU behind it",         test_values_of_a_switch_and_its_gpu },
        { "who says so",                                      test_issuers                        },
        { "the overall claims",                               test_shape_of_the_overall_claims    },
        { "what was not reached",                             test_what_was_not_reached           },
        { "claims 2.0 of a chain",                            test_chain_in_2_0                   },
        { "a measurement that does not match",                test_mismatch_of_a_measurement      },
        { "a golden value without a measurement",             test_mismatch_without_a_measurement },
        { "minimum security versions, with both bytes",       test_minimum_svn                    },
        { "security versions that are published",             test_attester_claims                },
        { "keys of devices",                                  test_keys_of_devices                },
};

int main(void) {
        if (rim_library_init() < 0)
                return 1;
        return test_run_all(tests, ELEMENTSOF(tests));
}
