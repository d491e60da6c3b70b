/* SPDX-License-Identifier: Apache-2.0 */

#include "ctl/guest.h"
#include "test.h"

static GuestReport judge(const char *line) {
        GuestReport r = {};

        guest_judge(line, strlen(line), &r);
        return r;
}

static void test_words(void) {
        GuestReport r;

        r = judge("\rcocoon-attest: GPU attestation passed: 8 devices.\r");
        CHECK_EQ(r.outcome, GUEST_PASSED);
        CHECK_STR(r.line, "cocoon-attest: GPU attestation passed: 8 devices.");
        CHECK_STR(guest_outcome_to_string(r.outcome), "passed");

        r = judge("[  OK  ] Started x.cocoon-attest: GPU attestation refused at \"decide\": expected a, found b. Do c.");
        CHECK_EQ(r.outcome, GUEST_REFUSED);
        CHECK_STR(r.line, "cocoon-attest: GPU attestation refused at \"decide\": expected a, found b. Do c.");

        r = judge("cocoon-attest: This guest was not told to attest GPUs: there is one. Do c.");
        CHECK_EQ(r.outcome, GUEST_REFUSED);
}

static void test_others(void) {
        static const char *const lines[] = { "", "cocoon-attest: ", "cocoon-attest: GPU attestation", "systemd[1]: Started." };

        for (size_t i = 0; i < sizeof(lines) / sizeof(*lines); i++) {
                GuestReport r = judge(lines[i]);

                CHECK_EQ(r.outcome, GUEST_UNKNOWN);
                CHECK_STR(r.line, "");
        }
}

static void test_hostile(void) {
        static const char begin[] = "cocoon-attest: GPU attestation passed";
        char line[4096];
        GuestReport r = {};

        memset(line, '\033', sizeof(line));
        memcpy(line, begin, sizeof(begin));
        guest_judge(line, sizeof(line), &r);
        CHECK_EQ(r.outcome, GUEST_PASSED);
        CHECK_EQ(strlen(r.line), sizeof(r.line) - 1);
        CHECK(!strpbrk(r.line, "\033\r\n"));
        CHECK_EQ(r.line[sizeof(begin) - 1], '?');
}

static const Test tests[] = {
        { "what the gate says",                       test_words   },
        { "what others say",                          test_others  },
        { "a line that is long and steers terminals", test_hostile },
};

TEST_MAIN(tests)
