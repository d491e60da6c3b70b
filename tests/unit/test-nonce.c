/* SPDX-License-Identifier: Apache-2.0 */

/* The nonces of one attestation, and evidence whose devices were asked for their own. */

#include "test.h"
#include "trial.h"

#include "attest/nonce.h"
#include "basic/hex.h"

static const SimModel two_hoppers[] = { SIM_MODEL_HOPPER, SIM_MODEL_HOPPER, _SIM_MODEL_INVALID };

/* Digests that sha256sum(1) gave for the documented bytes. */
static void test_known_digests(void) {
        static const struct {
                size_t index;
                const char *wanted;
        } cases[] = {
                { 0,          "691d475688b771a39cbaa76baa910fcf6d9c6e46054cfc2e3fa457859192d24b" },
                { 1,          "e5959d5efd79c15315700e46d59fcfbabbc422bc7f404df2a3b985d425268ca1" },
                { 0x01020304, "df6ed98bd2b2a797727c2761ee1fb86bcb26d865b6f1fe761ddda8a937dee86d" },
        };
        uint8_t root[NONCE_SIZE], nonce[NONCE_SIZE];
        char text[2 * NONCE_SIZE + 1];

        for (size_t i = 0; i < sizeof(root); i++)
                root[i] = (uint8_t) i;
        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                nonce_derive(root, cases[i].index, nonce);
                CHECK_STR(hex_encode(nonce, sizeof(nonce), text), cases[i].wanted);
        }
}

static void test_whose_nonce(void) {
        uint8_t root[NONCE_SIZE], other[NONCE_SIZE], nonce[NONCE_SIZE];

        CHECK_EQ(nonce_fresh(root), 0);
        CHECK_EQ(nonce_fresh(other), 0);
        CHECK(memcmp(root, other, NONCE_SIZE) != 0);
        nonce_derive(root, 3, nonce);
        CHECK(nonce_is_for(root, 3, nonce));
        CHECK(nonce_is_for(root, 3, root));
        CHECK(!nonce_is_for(root, 2, nonce));
        CHECK(!nonce_is_for(other, 3, nonce));
        CHECK(!nonce_is_for(root, 3, other));
        nonce[31] ^= 1;
        CHECK(!nonce_is_for(root, 3, nonce));
}

/* Asks each device for its own nonce, as the collection does. */
static Trial *derived_trial(void) {
        Trial *s = trial_new(two_hoppers);

        for (size_t i = 0; i < s->n_devices; i++) {
                nonce_derive(s->nonce, i, s->evidence[i].nonce);
                memcpy(s->evidence[i].file_nonce, s->evidence[i].nonce, SIM_NONCE_SIZE);
        }
        return s;
}

static const char *text_of(json_object *o, const char *key) {
        return json_object_get_string(json_object_object_get(o, key));
}

static void test_derived_evidence(void) {
        _cleanup_(trial_freep) Trial *s = derived_trial();
        char root[2 * NONCE_SIZE + 1], own[2 * NONCE_SIZE + 1];

        CHECK_EQ(trial_judge(s), EXIT_ACCEPTED);
        CHECK_STR(trial_check(s, 0, CHECK_NONCE)->fault.found, "derived from what was asked");
        CHECK_STR(text_of(s->verdict.overall, "eat_nonce"), hex_encode(s->nonce, NONCE_SIZE, root));
        for (size_t i = 0; i < 2; i++)
                CHECK_STR(text_of(trial_claims(s, i), "eat_nonce"), hex_encode(s->evidence[i].nonce, NONCE_SIZE, own));

        /* Another root: none of them. */
        s->nonce[31] ^= 1;
        CHECK_EQ(trial_judge(s), EXIT_REFUSED);
        CHECK_EQ(trial_check(s, 0, CHECK_NONCE)->state, CHECK_FAILED);
        CHECK_EQ(trial_check(s, 1, CHECK_NONCE)->state, CHECK_FAILED);
}

/* A device that answers with what another was asked for. */
static void test_answers_of_others(void) {
        _cleanup_(trial_freep) Trial *s = derived_trial();

        s->evidence[1] = sim_evidence_of(s->devices[1], s->evidence[0].nonce);
        CHECK_EQ(trial_judge(s), EXIT_REFUSED);
        CHECK_EQ(trial_check(s, 0, CHECK_NONCE)->state, CHECK_PASSED);
        CHECK_EQ(trial_check(s, 1, CHECK_NONCE)->state, CHECK_FAILED);
}

/* Nothing but the root shows that they belong together. */
static void test_without_the_root(void) {
        _cleanup_(trial_freep) Trial *s = derived_trial();

        s->without_nonce = true;
        CHECK_EQ(trial_judge(s), EXIT_REFUSED);
        CHECK_EQ(trial_check(s, 0, CHECK_NONCE)->state, CHECK_PASSED);
        CHECK_EQ(trial_check(s, 1, CHECK_NONCE)->state, CHECK_FAILED);
        CHECK(strstr(trial_check(s, 1, CHECK_NONCE)->fault.expected, "--nonce"));
}

static const Test tests[] = {
        { "derived nonces are the documented digests",     test_known_digests     },
        { "a nonce is the root or its own device's",       test_whose_nonce       },
        { "evidence with a nonce for each device",         test_derived_evidence  },
        { "no device answers for another",                 test_answers_of_others },
        { "without the root such evidence is refused",     test_without_the_root  },
};

int main(void) {
        if (rim_library_init() < 0)
                return 1;
        return test_run_all(tests, ELEMENTSOF(tests));
}
