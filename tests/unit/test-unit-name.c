/* SPDX-License-Identifier: Apache-2.0 */

#include <string.h>

#include "basic/cleanup.h"
#include "basic/unit-name.h"

#include "test.h"

/* As systemd-escape(1) has it. */
static void test_pairs(void) {
        static const struct {
                const char *instance, *escaped;
        } cases[] = {
                { "Qwen/Qwen3-0.6B",   "Qwen-Qwen3\\x2d0.6B" },
                { "a/b@c:00",          "a-b\\x40c:00"        },
                { ".a_b",              "\\x2ea_b"            },
                { "\xc3\xa4 \\",       "\\xc3\\xa4\\x20\\x5c" },
                { "0000:01:00.0",      "0000:01:00.0"        },
        };

        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                _cleanup_free_ char *unit = NULL, *wanted = NULL, *instance = NULL;

                CHECK(asprintf(&wanted, "t@%s.service", cases[i].escaped) > 0);
                CHECK_EQ(unit_name_make("t@", cases[i].instance, &unit), 0);
                CHECK_STR(unit, wanted);
                CHECK_EQ(unit_name_instance(unit, "t@", &instance), 0);
                CHECK_STR(instance, cases[i].instance);
        }
}

static void test_refused(void) {
        static const char *const units[] = {
                "", "t@.service", "t@a", "u@a.service", "t@a.target", "t@\\.service", "t@\\x4.service", "t@\\x00.service",
                "t@\\x61.service", "t@\\xZZ.service", "t@a b.service", "t@.a.service", "t@a@b.service",
        };
        char longest[300], *unit;

        for (size_t i = 0; i < ELEMENTSOF(units); i++)
                CHECK_EQ(unit_name_instance(units[i], "t@", &unit), -EINVAL);
        memset(longest, 'a', sizeof(longest));
        longest[246] = 0;
        CHECK_EQ(unit_name_make("t@", longest, &unit), -ENAMETOOLONG);
        longest[245] = 0;
        CHECK_EQ(unit_name_make("t@", longest, &unit), 0);
        CHECK_EQ(strlen(unit), 255);
        free(unit);
}

static const Test tests[] = {
        { "instances and their names", test_pairs   },
        { "what is none",              test_refused },
};

TEST_MAIN(tests)
