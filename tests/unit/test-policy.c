/* SPDX-License-Identifier: Apache-2.0 */

#include "attest/policy.h"
#include "basic/json.h"
#include "test.h"

#define GOOD_OVERALL "{\"x-nvidia-overall-att-result\":true,\"x-nvidia-ver\":\"3.0\"}"
#define GOOD_DEVICES                                                                                       \
        "{\"GPU-0\":{\"measres\":\"success\",\"x-nvidia-gpu-arch-check\":true,\"n\":1,\"nothing\":null,"  \
        "\"list\":[\"a\",2],\"x-nvidia-gpu-chain\":{\"status\":\"valid\",\"reason\":null}}}"

static json_object *parse(const char *text) {
        json_object *o = NULL;

        CHECK_EQ(json_parse(text, strlen(text), 16, 256, &o), 0);
        return o;
}

/* How many rules are not met; -1 for a policy that is no JSON. */
static int failures(const char *policy_text, const char *overall_text, const char *devices_text) {
        _cleanup_json_ json_object *overall = parse(overall_text), *devices = parse(devices_text), *list = NULL;
        _cleanup_(policy_freep) Policy *policy = NULL;
        Fault fault;

        if (policy_parse(policy_text, strlen(policy_text), &policy, &fault) < 0)
                return -1;
        CHECK_EQ(policy_evaluate(policy, overall, devices, &list), 0);
        return (int) json_object_array_length(list);
}

static int with_rules(const char *detached) {
        char text[1024];

        (void) snprintf(text, sizeof(text),
                        "{\"version\":\"4.0\",\"authorization-rules\":{\"type\":\"JWT\","
                        "\"overall-claims\":{\"x-nvidia-overall-att-result\":true},\"detached-claims\":%s}}",
                        detached);
        return failures(text, GOOD_OVERALL, GOOD_DEVICES);
}

static void test_met(void) {
        CHECK_EQ(with_rules("{\"measres\":\"success\",\"x-nvidia-gpu-arch-check\":true}"), 0);
        CHECK_EQ(with_rules("{\"x-nvidia-gpu-chain\":{\"status\":\"valid\"}}"), 0);
        CHECK_EQ(with_rules("{\"nothing\":null}"), 0);
        CHECK_EQ(with_rules("{\"list\":[\"a\",2]}"), 0);
        CHECK_EQ(with_rules("{\"n\":1.0}"), 0);
}

static void test_not_met(void) {
        CHECK_EQ(with_rules("{\"measres\":\"fail\"}"), 1);
        CHECK_EQ(with_rules("{\"measres\":\"fail\",\"x-nvidia-gpu-arch-check\":false}"), 2);
        CHECK_EQ(with_rules("{\"x-nvidia-gpu-chain\":{\"status\":\"expired\"}}"), 1);
        CHECK_EQ(with_rules("{\"list\":[2,\"a\"]}"), 1);
        CHECK_EQ(with_rules("{\"list\":[\"a\"]}"), 1);
}

static void test_missing_claim_refuses(void) {
        CHECK_EQ(with_rules("{\"no-such-claim\":true}"), 1);
        CHECK_EQ(with_rules("{\"no-such-claim\":null}"), 1);
        CHECK_EQ(with_rules("{\"x-nvidia-gpu-chain\":{\"no-such-member\":null}}"), 1);
}

/* In Python, which NVIDIA's SDK compares in, true == 1 == 1.0 and false == 0. */
static void test_numbers_as_python_has_them(void) {
        CHECK_EQ(with_rules("{\"n\":1.0}"), 0);
        CHECK_EQ(with_rules("{\"n\":true}"), 0);
        CHECK_EQ(with_rules("{\"n\":false}"), 1);
        CHECK_EQ(with_rules("{\"n\":2}"), 1);
        CHECK_EQ(with_rules("{\"x-nvidia-gpu-arch-check\":1}"), 0);
        CHECK_EQ(with_rules("{\"x-nvidia-gpu-arch-check\":0}"), 1);
        CHECK_EQ(with_rules("{\"list\":[\"a\",true]}"), 1);
        CHECK_EQ(with_rules("{\"list\":[\"a\",2.0]}"), 0);
        CHECK_EQ(with_rules("{\"list\":[\"a\",2,2]}"), 1);
}

static void test_other_type_refuses(void) {
        CHECK_EQ(with_rules("{\"n\":\"1\"}"), 1);
        CHECK_EQ(with_rules("{\"x-nvidia-gpu-arch-check\":\"true\"}"), 1);
        CHECK_EQ(with_rules("{\"x-nvidia-gpu-chain\":\"valid\"}"), 1);
        CHECK_EQ(with_rules("{\"measres\":{\"a\":1}}"), 1);
        CHECK_EQ(with_rules("{\"n\":null}"), 1);
}

static void test_empty_and_unknown_sections_refuse(void) {
        static const char *const bad[] = {
                "{}",
                "[]",
                "{\"version\":\"4.0\"}",
                "{\"authorization-rules\":{}}",
                "{\"authorization-rules\":{\"type\":\"JWT\",\"overall-claims\":{},\"detached-claims\":{\"measres\":\"success\"}}}",
                "{\"authorization-rules\":{\"type\":\"JWT\",\"overall-claims\":{\"x-nvidia-ver\":\"3.0\"},\"detached-claims\":{}}}",
                "{\"authorization-rules\":{\"type\":\"JWT\",\"overall-claims\":{\"x-nvidia-ver\":\"3.0\"}}}",
                "{\"authorization-rules\":{\"type\":\"JWT\",\"detached-claims\":{\"measres\":\"success\"}}}",
                "{\"authorization-rules\":{\"overall-claims\":{\"x-nvidia-ver\":\"3.0\"},\"detached-claims\":{\"measres\":\"success\"}}}",
                "{\"authorization-rules\":{\"type\":\"EAR\",\"overall-claims\":{\"x-nvidia-ver\":\"3.0\"},\"detached-claims\":{\"measres\":\"success\"}}}",
                "{\"authorization-rules\":{\"type\":\"JWT\",\"overall-claims\":{\"x-nvidia-ver\":\"3.0\"},\"detached-claims\":{\"measres\":\"success\"},\"extra\":{}}}",
                "{\"more\":1,\"authorization-rules\":{\"type\":\"JWT\",\"overall-claims\":{\"x-nvidia-ver\":\"3.0\"},\"detached-claims\":{\"measres\":\"success\"}}}",
                "{\"authorization-rules\":{\"type\":\"JWT\",\"overall-claims\":{\"x-nvidia-ver\":\"3.0\"},\"detached-claims\":[\"measres\"]}}",
                "{\"authorization-rules\":{\"x-nv-gpu-available\":true}}",
        };

        for (size_t i = 0; i < ELEMENTSOF(bad); i++)
                CHECK_EQ(failures(bad[i], GOOD_OVERALL, GOOD_DEVICES), 1);
        CHECK_EQ(with_rules("{\"x-nvidia-gpu-chain\":{}}"), 1);
}

static void test_no_devices_refuse(void) {
        static const char policy[] = "{\"authorization-rules\":{\"type\":\"JWT\",\"overall-claims\":{\"x-nvidia-ver\":\"3.0\"},"
                                     "\"detached-claims\":{\"measres\":\"success\"}}}";

        CHECK_EQ(failures(policy, GOOD_OVERALL, GOOD_DEVICES), 0);
        CHECK_EQ(failures(policy, GOOD_OVERALL, "{}"), 1);
}

static void test_every_device_counts(void) {
        static const char policy[] = "{\"authorization-rules\":{\"type\":\"JWT\",\"overall-claims\":{\"x-nvidia-ver\":\"3.0\"},"
                                     "\"detached-claims\":{\"measres\":\"success\"}}}";

        CHECK_EQ(failures(policy, GOOD_OVERALL, "{\"GPU-0\":{\"measres\":\"success\"},\"GPU-1\":{\"measres\":\"fail\"}}"), 1);
        CHECK_EQ(failures(policy, GOOD_OVERALL, "{\"GPU-0\":{\"measres\":\"fail\"},\"GPU-1\":{\"measres\":\"success\"}}"), 1);
        CHECK_EQ(failures(policy, GOOD_OVERALL, "{\"GPU-0\":{\"measres\":\"success\"},\"GPU-1\":{}}"), 1);
}

static void test_rules_of_the_other_kind(void) {
        static const char both[] = "{\"authorization-rules\":{\"type\":\"JWT\",\"overall-claims\":{\"x-nvidia-ver\":\"3.0\"},"
                                   "\"detached-claims\":{\"measres\":\"success\",\"x-nvidia-gpu-a\":true,\"x-nvidia-switch-a\":true}}}";
        static const char gpu_only[] = "{\"authorization-rules\":{\"type\":\"JWT\",\"overall-claims\":{\"x-nvidia-ver\":\"3.0\"},"
                                       "\"detached-claims\":{\"measres\":\"success\",\"x-nvidia-gpu-a\":true}}}";
        static const char gpu[] = "{\"GPU-0\":{\"measres\":\"success\",\"x-nvidia-gpu-a\":true}}";
        static const char nvswitch[] = "{\"SWITCH-0\":{\"measres\":\"success\",\"x-nvidia-switch-a\":true}}";
        static const char bad_switch[] = "{\"SWITCH-0\":{\"measres\":\"success\",\"x-nvidia-gpu-a\":true,\"x-nvidia-switch-a\":false}}";

        CHECK_EQ(failures(both, GOOD_OVERALL, gpu), 0);
        CHECK_EQ(failures(both, GOOD_OVERALL, nvswitch), 0);
        CHECK_EQ(failures(both, GOOD_OVERALL, bad_switch), 1);
        CHECK_EQ(failures(gpu_only, GOOD_OVERALL, nvswitch), 1);
}

static void test_overall_rules(void) {
        static const char policy[] = "{\"authorization-rules\":{\"type\":\"JWT\",\"overall-claims\":{\"x-nvidia-overall-att-result\":true},"
                                     "\"detached-claims\":{\"measres\":\"success\"}}}";

        CHECK_EQ(failures(policy, "{\"x-nvidia-overall-att-result\":false}", GOOD_DEVICES), 1);
        CHECK_EQ(failures(policy, "{}", GOOD_DEVICES), 1);
}

static void test_not_json(void) {
        CHECK_EQ(failures("", GOOD_OVERALL, GOOD_DEVICES), -1);
        CHECK_EQ(failures("{\"a\":1,\"a\":2}", GOOD_OVERALL, GOOD_DEVICES), -1);
        CHECK_EQ(failures("{} {}", GOOD_OVERALL, GOOD_DEVICES), -1);
}

static void test_ocsp_rule_found(void) {
        static const struct {
                const char *rules, *found;
        } cases[] = {
                { "{\"measres\":\"success\"}", NULL },
                { "{\"x-nvidia-gpu-driver-rim-cert-chain\":{\"x-nvidia-cert-status\":\"valid\"}}", NULL },
                { "{\"x-nvidia-gpu-driver-rim-cert-chain\":{\"x-nvidia-cert-ocsp-status\":\"good\"}}", "x-nvidia-cert-ocsp-status" },
                { "{\"x-nvidia-switch-bios-rim-cert-validated\":true}", "x-nvidia-switch-bios-rim-cert-validated" },
                { "{\"x-nvidia-gpu-attestation-report-cert-chain-validated\":true}", "x-nvidia-gpu-attestation-report-cert-chain-validated" },
        };

        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                _cleanup_(policy_freep) Policy *policy = NULL;
                char text[512];
                Fault fault;

                (void) snprintf(text, sizeof(text), "{\"authorization-rules\":{\"type\":\"JWT\",\"overall-claims\":{\"a\":1},\"detached-claims\":%s}}", cases[i].rules);
                CHECK_EQ(policy_parse(text, strlen(text), &policy, &fault), 0);
                if (cases[i].found)
                        CHECK_STR(policy_ocsp_rule(policy), cases[i].found);
                else
                        CHECK(!policy_ocsp_rule(policy));
        }
}

static const Test tests[] = {
        { "rules that are met",                       test_met                               },
        { "rules that are not met",                   test_not_met                           },
        { "missing claims refuse",                    test_missing_claim_refuses             },
        { "numbers as Python has them",               test_numbers_as_python_has_them        },
        { "claims of another type refuse",            test_other_type_refuses                },
        { "empty and unknown sections refuse",        test_empty_and_unknown_sections_refuse },
        { "no devices refuse",                        test_no_devices_refuse                 },
        { "every device counts",                      test_every_device_counts               },
        { "rules of the other kind of device",        test_rules_of_the_other_kind           },
        { "rules for the whole",                      test_overall_rules                     },
        { "text that is no JSON",                     test_not_json                          },
        { "rules about OCSP are found",               test_ocsp_rule_found                   },
};

TEST_MAIN(tests)
