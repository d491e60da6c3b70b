/* SPDX-License-Identifier: Apache-2.0 */

#include <stdlib.h>

#include "basic/cleanup.h"
#include "model/spec.h"
#include "test.h"

#define COMMIT "0123456789abcdef0123456789abcdef01234567"
#define ROOT   "00ff00ff00ff00ff00ff00ff00ff00ff00ff00ff00ff00ff00ff00ff00ff00ff"

static void test_good(void) {
        static const struct {
                const char *text, *name, *commit, *file;
                bool has_root;
        } cases[] = {
                { "gpt2", "gpt2", "", "gpt2@.tar", false },
                { "Qwen/Qwen3-0.6B", "Qwen/Qwen3-0.6B", "", "Qwen--Qwen3-0.6B@.tar", false },
                { "a/b@" COMMIT, "a/b", COMMIT, "a--b@" COMMIT ".tar", false },
                { "a/b@" COMMIT ":" ROOT, "a/b", COMMIT, "a--b@" COMMIT ".tar", true },
                { "a_b@refs/pr/1", "a_b", "refs/pr/1", NULL, false },
                { "a@main:" ROOT, "a", "main", "a@main.tar", true },
        };

        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                _cleanup_free_ char *file = NULL;
                ModelSpec spec;

                CHECK_EQ(model_spec_parse(cases[i].text, &spec, NULL), 0);
                CHECK_STR(spec.name, cases[i].name);
                CHECK_STR(spec.commit, cases[i].commit);
                CHECK_EQ(spec.has_root_hash, cases[i].has_root);
                if (cases[i].has_root)
                        CHECK_EQ(spec.root_hash[1], 0xff);
                file = model_image_name(&spec);
                if (cases[i].file)
                        CHECK_STR(file, cases[i].file);
        }
}

static void test_refused(void) {
        static const char *const texts[] = {
                "", "/", "a/", "/a", "a//b", "a/b/c", ".", "..", "a/..", "../a", "-a", "a-", ".a", "a.", "a--b", "a..b",
                "a b", "a\n", "a?b", "a#b", "a%2fb", "\xc3\xa4", "@", "a@", "a@:", "a@b:", "a@b:00", ("a@b:" ROOT "0"), "a@/b",
                "a@b/../c", "a@-b", "a@.b", "a@b c", ("a@b:" ROOT ":"), "a@b@c", (":" ROOT),
        };

        for (size_t i = 0; i < ELEMENTSOF(texts); i++) {
                Fault fault = {};
                ModelSpec spec;

                CHECK_EQ(model_spec_parse(texts[i], &spec, &fault), -EINVAL);
                CHECK(fault.what[0] && fault.expected[0] && fault.found[0]);
        }
}

/* No two names share a file. */
static void test_names_do_not_collide(void) {
        static const char *const names[] = { "a/b", "a-b", "a_b", "a.b", "ab", "a/b-c", "a-b/c", "A/b", "a/B" };

        for (size_t i = 0; i < ELEMENTSOF(names); i++)
                for (size_t k = 0; k < i; k++) {
                        _cleanup_free_ char *x = NULL, *y = NULL;
                        ModelSpec a, b;

                        CHECK_EQ(model_spec_parse(names[i], &a, NULL), 0);
                        CHECK_EQ(model_spec_parse(names[k], &b, NULL), 0);
                        x = model_image_name(&a);
                        y = model_image_name(&b);
                        CHECK(strcmp(x, y) != 0);
                }
}

static void test_from_image_name(void) {
        static const char *const bad[] = { "a.tar", "a@.tar", "a@b", "a@b.tar.verity", "@b.tar", "a--b--c@d.tar", "a@b:c.tar" };
        ModelSpec spec;

        CHECK_EQ(model_spec_from_image_name("a--b@" COMMIT ".tar", &spec), 0);
        CHECK_STR(spec.name, "a/b");
        CHECK_STR(spec.commit, COMMIT);
        for (size_t i = 0; i < ELEMENTSOF(bad); i++)
                CHECK_EQ(model_spec_from_image_name(bad[i], &spec), -EINVAL);
        CHECK(model_commit_is_id(COMMIT));
        CHECK(!model_commit_is_id("0123"));
        CHECK(!model_commit_is_id("0123456789ABCDEF0123456789abcdef01234567"));
}

static const Test tests[] = {
        { "specifications that are good",    test_good                 },
        { "specifications that are refused", test_refused              },
        { "names do not collide",            test_names_do_not_collide },
        { "image names read back",           test_from_image_name      },
};

TEST_MAIN(tests)
