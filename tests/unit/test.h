/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Unit tests that print TAP. A file has a table of tests and ends in TEST_MAIN(table); a check that fails is printed
 * with its place and the test goes on. */

#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

typedef struct Test {
        const char *name;
        void (*run)(void);
} Test;

static unsigned test_failures;
static const char *test_skip_reason;

#define CHECK(expression)                                                                             \
        do {                                                                                          \
                if (!(expression)) {                                                                  \
                        test_failures++;                                                              \
                        (void) printf("# %s:%d: %s: not so: %s\n", __FILE__, __LINE__, __func__, #expression); \
                }                                                                                     \
        } while (0)

#define CHECK_EQ(expression, wanted)                                                                  \
        do {                                                                                          \
                long long _found = (long long) (expression), _wanted = (long long) (wanted);          \
                if (_found != _wanted) {                                                              \
                        test_failures++;                                                              \
                        (void) printf("# %s:%d: %s: %s is %lld, not %lld\n", __FILE__, __LINE__, __func__, \
                                      #expression, _found, _wanted);                                  \
                }                                                                                     \
        } while (0)

#define CHECK_STR(expression, wanted)                                                                 \
        do {                                                                                          \
                const char *_found = (expression), *_wanted = (wanted);                               \
                if (!_found || strcmp(_found, _wanted) != 0) {                                        \
                        test_failures++;                                                              \
                        (void) printf("# %s:%d: %s: %s is \"%s\", not \"%s\"\n", __FILE__, __LINE__,  \
                                      __func__, #expression, _found ? _found : "(null)", _wanted);    \
                }                                                                                     \
        } while (0)

#define SKIP(reason)                       \
        do {                               \
                test_skip_reason = reason; \
                return;                    \
        } while (0)

static inline int test_run_all(const Test *tests, size_t n) {
        bool good = true;

        (void) setvbuf(stdout, NULL, _IOLBF, 0);
        (void) printf("1..%zu\n", n);
        for (size_t i = 0; i < n; i++) {
                test_failures = 0;
                test_skip_reason = NULL;
                tests[i].run();
                good = good && test_failures == 0;
                (void) printf("%sok %zu - %s", test_failures > 0 ? "not " : "", i + 1, tests[i].name);
                if (test_skip_reason)
                        (void) printf(" # SKIP %s", test_skip_reason);
                (void) printf("\n");
        }
        return good ? 0 : 1;
}

#define TEST_MAIN(tests)                                                       \
        int main(void) {                                                       \
                return test_run_all(tests, sizeof(tests) / sizeof((tests)[0])); \
        }
