/* SPDX-License-Identifier: Apache-2.0 */

#include <errno.h>
#include <stdlib.h>

#include "basic/cleanup.h"
#include "model/runtime.h"
#include "test.h"

#define COMMIT "0123456789abcdef0123456789abcdef01234567"
#define HASH   "00112233445566778899aabbccddeeff00112233445566778899AABBCCDDEEFF"
#define NAMED  "MODEL_NAME=Owner/Model-1.0\nMODEL_COMMIT=" COMMIT "\n"
#define WHOLE  NAMED "MODEL_VERITY_HASH=" HASH "\n"

static int read_size(const char *text, size_t size, ModelSpec *ret, Fault *ret_fault) {
        /* Of its own size, so that a sanitizer sees every byte read too many. */
        _cleanup_free_ char *copy = malloc(size ?: 1);

        if (!copy)
                return -ENOMEM;
        memcpy(copy, text, size);
        return runtime_vars_read_model(copy, size, ret, ret_fault);
}

static int read_text(const char *text, ModelSpec *ret, Fault *ret_fault) {
        return read_size(text, strlen(text), ret, ret_fault);
}

static void check_whole(const char *text) {
        static const uint8_t wanted[] = { 0x00, 0x11, 0x22, 0x33, 0x44, 0x55, 0x66, 0x77 };
        ModelSpec spec = {};
        Fault fault = {};

        CHECK_EQ(read_text(text, &spec, &fault), 0);
        CHECK_STR(spec.name, "Owner/Model-1.0");
        CHECK_STR(spec.commit, COMMIT);
        CHECK(spec.has_root_hash);
        CHECK(memcmp(spec.root_hash, wanted, sizeof(wanted)) == 0);
        CHECK_EQ(spec.root_hash[31], 0xff);
        CHECK_STR(fault.what, "");
}

static void test_read(void) {
        check_whole(WHOLE);
        check_whole("MODEL_VERITY_HASH=" HASH "\n" NAMED);
        check_whole("\n\n" WHOLE "\n");
        check_whole(NAMED "MODEL_VERITY_HASH=" HASH);
}

static void test_others(void) {
        check_whole("HF_TOKEN=hf_x\n" WHOLE "X=\nX=again\nmodel_name=a\nMODEL_NAMES=b\nMODEL_NAM=c\n");
        check_whole(WHOLE "a-b.c/d=\x01\xff value = with\ttabs\r\n");
        check_whole(WHOLE "ODD==MODEL_NAME=x\n");
}

static void test_refused(void) {
        static const struct {
                const char *text, *what, *found;
        } bad[] = {
                { "",                                              "MODEL_NAME",        "none"            },
                { NAMED,                                           "MODEL_VERITY_HASH", "none"            },
                { WHOLE "MODEL_NAME=Owner/Model-1.0\n",            "MODEL_NAME",        "twice"           },
                { WHOLE "MODEL_VERITY_HASH=" HASH "\n",            "MODEL_VERITY_HASH", "twice"           },
                { WHOLE "no variable\n",                           "runtime variables", "another line 4"  },
                { WHOLE "=x\n",                                    "runtime variables", "another line 4"  },
                { WHOLE " X=x\n",                                  "runtime variables", "another line 4"  },
                { WHOLE "export X=x\n",                            "runtime variables", "another line 4"  },
                { WHOLE "\xc3\xa4=x\n",                            "runtime variables", "another line 4"  },
                { "\r\n" WHOLE,                                    "runtime variables", "another line 1"  },
                { "# MODEL\n" WHOLE,                               "runtime variables", "another line 1"  },
                { NAMED "MODEL_VERITY_HASH=" HASH "\r\n",          "MODEL_VERITY_HASH", "65 characters"   },
                { NAMED "MODEL_VERITY_HASH=\n",                    "MODEL_VERITY_HASH", "0 characters"    },
                { NAMED "MODEL_VERITY_HASH=" HASH "00\n",          "MODEL_VERITY_HASH", "66 characters"   },
                { NAMED "MODEL_VERITY_HASH=" "0x" "\n",            "model root hash",   "'0x'"            },
                { NAMED "MODEL_VERITY_HASH=\"" HASH "\"\n",        "MODEL_VERITY_HASH", "66 characters"   },
        };

        for (size_t i = 0; i < ELEMENTSOF(bad); i++) {
                ModelSpec spec = { .name = "untouched" };
                Fault fault = {};

                CHECK_EQ(read_text(bad[i].text, &spec, &fault), -EBADMSG);
                CHECK_STR(fault.what, bad[i].what);
                CHECK_STR(fault.found, bad[i].found);
                CHECK_STR(spec.name, "untouched");
        }
}

/* Values with the specification's own separators in them. */
static void test_borders(void) {
        static const char *const bad[] = {
                "MODEL_NAME=a@" COMMIT "\nMODEL_COMMIT=" COMMIT "\n",
                "MODEL_NAME=a@" COMMIT ":" HASH "\nMODEL_COMMIT=" COMMIT "\n",
                "MODEL_NAME=a\nMODEL_COMMIT=main:" "0123456789012345678901234567890123456789" "\n",
                "MODEL_NAME=a\nMODEL_COMMIT=b@" "01234567890123456789012345678901234567" "\n",
                "MODEL_NAME=a\nMODEL_COMMIT=main\n",
                "MODEL_NAME=a\nMODEL_COMMIT=0123456789ABCDEF0123456789ABCDEF01234567\n",
                "MODEL_NAME=a\nMODEL_COMMIT=" COMMIT "0\n",
                "MODEL_NAME=../a\nMODEL_COMMIT=" COMMIT "\n",
                "MODEL_NAME=a/b/c\nMODEL_COMMIT=" COMMIT "\n",
                "MODEL_NAME=/\nMODEL_COMMIT=" COMMIT "\n",
                "MODEL_NAME=a b\nMODEL_COMMIT=" COMMIT "\n",
        };

        for (size_t i = 0; i < ELEMENTSOF(bad); i++) {
                _cleanup_free_ char *text = NULL;
                ModelSpec spec;

                CHECK(asprintf(&text, "%sMODEL_VERITY_HASH=%s\n", bad[i], HASH) > 0);
                CHECK_EQ(read_text(text, &spec, NULL), -EBADMSG);
        }
}

static void test_nul(void) {
        static const char text[] = WHOLE "X=\0\n";
        ModelSpec spec;
        Fault fault;

        CHECK_EQ(read_size(text, sizeof(text) - 1, &spec, &fault), -EBADMSG);
        CHECK_STR(fault.found, "a NUL byte");
        CHECK_EQ(read_size(text, sizeof(WHOLE), &spec, &fault), -EBADMSG);
        CHECK_EQ(read_size(text, sizeof(WHOLE) - 1, &spec, &fault), 0);
}

static void test_sizes(void) {
        _cleanup_free_ char *text = malloc(RUNTIME_VARS_MAX + 1);
        ModelSpec spec;
        Fault fault;

        CHECK(text != NULL);
        if (!text)
                return;
        memset(text, '\n', RUNTIME_VARS_MAX + 1);
        memcpy(text, WHOLE, sizeof(WHOLE) - 1);
        CHECK_EQ(read_size(text, RUNTIME_VARS_MAX, &spec, &fault), 0);
        CHECK_EQ(read_size(text, RUNTIME_VARS_MAX + 1, &spec, &fault), -EBADMSG);
        CHECK_STR(fault.expected, "at most 64 KiB");

        /* One value as large as it all. */
        memset(text, 'x', RUNTIME_VARS_MAX);
        memcpy(text, "MODEL_NAME=", strlen("MODEL_NAME="));
        CHECK_EQ(read_size(text, RUNTIME_VARS_MAX, &spec, &fault), -EBADMSG);
        CHECK_STR(fault.what, "MODEL_NAME");
}

static const Test tests[] = {
        { "three variables, in any order",       test_read    },
        { "others are ignored",                  test_others  },
        { "each refusal with its reason",        test_refused },
        { "separators do not move the borders",  test_borders },
        { "a NUL byte is no text",               test_nul     },
        { "limits",                              test_sizes   },
};

TEST_MAIN(tests)
