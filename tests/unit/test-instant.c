/* SPDX-License-Identifier: Apache-2.0 */

#include "attest/instant.h"
#include "basic/cleanup.h"
#include "test.h"

static void test_good(void) {
        static const struct {
                const char *text;
                time_t seconds;
        } cases[] = {
                { "1970-01-01T00:00:00Z", 0 },
                { "2025-08-21T12:00:00Z", 1755777600 },
                { "2025-08-21 12:00:00z", 1755777600 },
                { "2025-08-21T14:00:00+02:00", 1755777600 },
                { "2025-08-21T06:30:00.75-05:30", 1755777600 },
                { "2024-02-29T00:00:00Z", 1709164800 },
        };

        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                time_t t = -1;

                CHECK_EQ(instant_parse(cases[i].text, &t), 0);
                CHECK_EQ(t, cases[i].seconds);
        }
}

static void test_bad(void) {
        static const char *const cases[] = {
                "", "now", "2025-08-21", "2025-08-21T12:00:00", "2025-08-21T12:00Z", "2025-13-01T00:00:00Z",
                "2025-02-30T00:00:00Z", "2025-08-21T24:00:00Z", "2025-08-21T12:00:00Zx", "2025-08-21T12:00:00.Z",
                "2025-8-21T12:00:00Z", "2025-08-21T12:00:00+2:00", "2025-08-21T12:00:00+0200",
        };

        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                time_t t;

                CHECK(instant_parse(cases[i], &t) < 0);
        }
}

static const Test tests[] = {
        { "times that are RFC 3339",  test_good },
        { "times that are not",       test_bad  },
};

TEST_MAIN(tests)
