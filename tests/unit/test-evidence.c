/* SPDX-License-Identifier: Apache-2.0 */

#include <string.h>

#include "attest/evidence.h"
#include "sim/bytes.h"
#include "sim/evidence.h"
#include "test.h"

typedef struct Fixture {
        SimPki *pki;
        SimDevice *devices[2];
        SimEvidence evidence[2];
} Fixture;

static void fixture_done(Fixture *f) {
        sim_device_free(f->devices[0]);
        sim_device_free(f->devices[1]);
        sim_pki_free(f->pki);
}

static Fixture fixture(void) {
        static const uint8_t nonce[SIM_NONCE_SIZE] = { 0x01, 0xfe };
        Fixture f = { .pki = sim_pki_new(0) };

        for (size_t i = 0; i < 2; i++) {
                f.devices[i] = sim_device_new(f.pki, SIM_MODEL_HOPPER);
                f.evidence[i] = sim_evidence_of(f.devices[i], nonce);
        }
        return f;
}

static int parse(const char *text, size_t size, Fault *fault) {
        _cleanup_(evidence_set_freep) EvidenceSet *set = NULL;

        return evidence_set_parse(text, size, &set, fault);
}

/* A list that nobody looks at, beside the one that is judged. */
static void test_two_lists(void) {
        static const char *const other[2][2] = {
                { "{\"evidences\":null,",     "{\"evidences\":[],"     },
                { "{\"evidence_list\":null,", "{\"evidence_list\":[]," },
        };
        _cleanup_(fixture_done) Fixture f = fixture();

        for (SimEvidenceForm form = SIM_FORM_CPP + 1; form < _SIM_FORM_MAX; form++)
                for (int list = 0; list < 2; list++) {
                        _cleanup_free_ char *good = sim_evidence_json(f.evidence, 1, form), *bad = NULL;
                        Fault fault = {};

                        CHECK_EQ(parse(good, strlen(good), &fault), 0);
                        bad = sim_text_replace(strdup(good), "{", other[form == SIM_FORM_WRAPPED][list]);
                        CHECK_EQ(parse(bad, strlen(bad), &fault), -EBADMSG);
                        CHECK_STR(fault.found, "both");
                }
}

/* Every form gives the same bytes of the same devices. */
static void test_forms(void) {
        _cleanup_(fixture_done) Fixture f = fixture();
        _cleanup_free_ char *chain = sim_device_chain_pem(f.devices[1]);

        for (SimEvidenceForm form = 0; form < _SIM_FORM_MAX; form++) {
                _cleanup_free_ char *json = sim_evidence_json(f.evidence, 2, form);
                _cleanup_(evidence_set_freep) EvidenceSet *set = NULL;
                Fault fault;

                CHECK_EQ(evidence_set_parse(json, strlen(json), &set, &fault), 0);
                if (!set)
                        continue;
                CHECK_EQ(set->n_items, 2);
                CHECK_EQ(set->items[1].arch, ARCH_HOPPER);
                CHECK_EQ(set->items[1].nonce[1], 0xfe);
                CHECK_EQ(set->items[1].chain_size, strlen(chain));
                CHECK_STR(set->items[1].chain, chain);
                CHECK(set->items[0].report_size > 2000);
                /* SPDM 1.1, GET_MEASUREMENTS */
                CHECK(set->items[0].report[0] == 0x11 && set->items[0].report[1] == 0xe0);
        }
}

static void test_edits(void) {
        static const struct {
                const char *from, *to, *what;
        } edits[] = {
                { "\"nonce\"",       "\"nonse\"",               "device 0: nonce"       },
                { "\"nonce\":\"01", "\"nonce\":\"0",          "nonce"                 },
                { "\"nonce\":\"01", "\"nonce\":\"0x",         "nonce"                 },
                { "\"nonce\":\"",   "\"nonce\":\"00",         "nonce"                 },
                { "\"arch\"",        "\"Arch\"",                "device 0: arch"        },
                { "\"HOPPER\"",      "1",                       "device 0: arch"        },
                { "\"evidence\"",    "\"evidences\"",           "device 0: evidence"    },
                { "\"evidence\":\"", "\"evidence\":\"!",      "device 0: evidence"    },
                { "\"certificate\"", "\"certificates\"",        "device 0: certificate" },
                { "\"certificate\":\"", "\"certificate\":[],\"x\":\"", "device 0: certificate" },
                { "\"arch\"",        "\"arch\":\"HOPPER\", \"arch\"", "evidence file"  },
                { "{",               "1, {",                    "evidence list"         },
                { "]",               "], []",                   "evidence file"         },
        };
        _cleanup_(fixture_done) Fixture f = fixture();
        _cleanup_free_ char *good = sim_evidence_json(f.evidence, 1, SIM_FORM_CPP);
        Fault fault = {};

        CHECK_EQ(parse(good, strlen(good), &fault), 0);
        for (size_t i = 0; i < ELEMENTSOF(edits); i++) {
                _cleanup_free_ char *bad = NULL;

                CHECK(strstr(good, edits[i].from));
                bad = sim_text_replace(strdup(good), edits[i].from, edits[i].to);
                CHECK_EQ(parse(bad, strlen(bad), &fault), -EBADMSG);
                CHECK_STR(fault.what, edits[i].what);
        }
        for (size_t cut = 1; cut < 64; cut++)
                CHECK_EQ(parse(good, strlen(good) - cut, &fault), -EBADMSG);
}

static void test_no_evidence(void) {
        static const char *const texts[] = {
                "", "[]", "{}", "null", "[[]]", "[null]", "{\"evidences\":[]}", "{\"evidences\":{}}",
                "{\"evidence_list\":[{}]}", "{\"evidence_list\":[],\"arch\":\"HOPPER\",\"nonce\":\"00\"}",
        };
        Fault fault = {};

        for (size_t i = 0; i < ELEMENTSOF(texts); i++)
                CHECK_EQ(parse(texts[i], strlen(texts[i]), &fault), -EBADMSG);
}

static void test_too_many(void) {
        _cleanup_free_ char *list = calloc(1, 65 * 3 + 2);
        Fault fault = {};

        strcat(list, "[{}");
        for (size_t i = 1; i < 65; i++)
                strcat(list, ",{}");
        strcat(list, "]");
        CHECK_EQ(parse(list, strlen(list), &fault), -EBADMSG);
        CHECK_STR(fault.found, "65 devices");
}

static const Test tests[] = {
        { "each form gives the same devices",      test_forms       },
        { "each member missing, wrong or doubled", test_edits       },
        { "two lists of devices",                  test_two_lists   },
        { "what is no evidence",                   test_no_evidence },
        { "more devices than any machine has",     test_too_many    },
};

TEST_MAIN(tests)
