/* SPDX-License-Identifier: Apache-2.0 */

#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/stat.h>

#include "basic/cleanup.h"
#include "basic/conf.h"
#include "basic/io.h"
#include "test.h"

typedef struct Settings {
        bool require;
        char *policy;
        char **sources;
        unsigned devices;
        uint64_t age;
} Settings;

static const ConfItem items[] = {
        { "Attest",  "Require",  conf_parse_bool,     offsetof(Settings, require)  },
        { "Attest",  "Policy",   conf_parse_string,   offsetof(Settings, policy)   },
        { "Sources", "Order",    conf_parse_strv,     offsetof(Settings, sources)  },
        { "Sources", "Devices",  conf_parse_unsigned, offsetof(Settings, devices)  },
        { "Sources", "MaxAge",   conf_parse_sec,      offsetof(Settings, age)      },
};

static void settings_done(Settings *s) {
        free(s->policy);
        (void) strv_free(s->sources);
}

/* A root directory with the four places, gone at the end. */
typedef struct Root {
        char path[32];
        char refusals[1024];
} Root;

static void root_init(Root *root) {
        static const char *const dirs[] = {
                "/etc", "/etc/c", "/etc/c/a.conf.d", "/run", "/run/c", "/run/c/a.conf.d", "/usr", "/usr/lib", "/usr/lib/c",
                "/usr/lib/c/a.conf.d",
        };

        *root = (Root){ .path = "/tmp/cocoon-conf-XXXXXX" };
        CHECK(mkdtemp(root->path));
        for (size_t i = 0; i < ELEMENTSOF(dirs); i++) {
                _cleanup_free_ char *path = NULL;

                CHECK(asprintf(&path, "%s%s", root->path, dirs[i]) > 0);
                CHECK_EQ(mkdir(path, 0700), 0);
        }
}

static void root_done(Root *root) {
        _cleanup_free_ char *command = NULL;

        CHECK(asprintf(&command, "rm -r '%s'", root->path) > 0);
        CHECK_EQ(system(command), 0);
}

static void root_write(Root *root, const char *name, const char *text) {
        _cleanup_free_ char *path = NULL;

        CHECK(asprintf(&path, "%s%s", root->path, name) > 0);
        CHECK_EQ(write_file_atomic(path, text, strlen(text), 0600), 0);
}

static void note(const char *file, unsigned line, const char *message, void *userdata) {
        Root *root = userdata;
        size_t used = strlen(root->refusals);

        (void) snprintf(root->refusals + used, sizeof(root->refusals) - used, "%s:%u: %s\n",
                        file + strlen(root->path), line, message);
}

static int load(Root *root, Settings *s) {
        root->refusals[0] = 0;
        return conf_load(root->path, "c/a.conf", items, ELEMENTSOF(items), s, note, root);
}

static void test_nothing(void) {
        _cleanup_(settings_done) Settings s = { .devices = 7 };
        _cleanup_(root_done) Root root;

        root_init(&root);
        CHECK_EQ(load(&root, &s), 0);
        CHECK_EQ(s.devices, 7);
        CHECK_STR(root.refusals, "");
}

static void test_syntax(void) {
        _cleanup_(settings_done) Settings s = {};
        _cleanup_(root_done) Root root;

        root_init(&root);
        root_write(&root, "/etc/c/a.conf",
                   "# comment\n; comment = x\n\n  [Attest]  \r\nRequire = yes\nPolicy=a=b #c \\\n; between \\\n  d\n"
                   "[Sources]\nOrder=one  two\nOrder=three\nDevices=8\nMaxAge=1h 30min 5");
        CHECK_EQ(load(&root, &s), 0);
        CHECK_STR(root.refusals, "");
        CHECK(s.require);
        CHECK_STR(s.policy, "a=b #c  d");
        CHECK_STR(s.sources[0], "one");
        CHECK_STR(s.sources[1], "two");
        CHECK_STR(s.sources[2], "three");
        CHECK(!s.sources[3]);
        CHECK_EQ(s.devices, 8);
        CHECK_EQ(s.age, UINT64_C(5405000000));
}

static void test_precedence(void) {
        _cleanup_(settings_done) Settings s = {};
        _cleanup_(root_done) Root root;

        root_init(&root);
        root_write(&root, "/usr/lib/c/a.conf", "[Sources]\nDevices=1\nMaxAge=1\n");
        root_write(&root, "/run/c/a.conf", "[Sources]\nDevices=2\n");
        root_write(&root, "/usr/lib/c/a.conf.d/20-x.conf", "[Attest]\nPolicy=hidden\n[Sources]\nOrder=hidden\n");
        root_write(&root, "/run/c/a.conf.d/20-x.conf", "[Sources]\nOrder=\nOrder=mine\n");
        root_write(&root, "/usr/lib/c/a.conf.d/10-x.conf", "[Sources]\nOrder=early\nDevices=3\n");
        root_write(&root, "/usr/lib/c/a.conf.d/README", "nonsense");
        CHECK_EQ(load(&root, &s), 0);
        CHECK_EQ(s.devices, 3);
        CHECK_EQ(s.age, 0); /* /run's main file hides /usr/lib's */
        CHECK(!s.policy);
        CHECK_STR(s.sources[0], "mine");
        CHECK(!s.sources[1]);
}

static void test_masked(void) {
        _cleanup_(settings_done) Settings s = {};
        _cleanup_(root_done) Root root;
        _cleanup_free_ char *link = NULL;

        root_init(&root);
        root_write(&root, "/usr/lib/c/a.conf", "[Sources]\nDevices=1\n");
        CHECK(asprintf(&link, "%s/etc/c/a.conf", root.path) > 0);
        CHECK_EQ(symlink("/dev/null", link), 0);
        CHECK_EQ(load(&root, &s), 0);
        CHECK_EQ(s.devices, 0);
}

/* What cannot be read may be what refuses. */
static void test_unreadable(void) {
        static const struct {
                const char *link, *to, *refusal;
        } cases[] = {
                { "/usr/lib/c/a.conf.d/x.conf", "nowhere",   "/usr/lib/c/a.conf.d/x.conf:0: is listed, and not there\n" },
                { "/run/c/a.conf.d/x.conf",     "x.conf",
                  "/run/c/a.conf.d/x.conf:0: cannot be read: Too many levels of symbolic links\n" },
                { "/usr/lib/c/a.conf",          "a.conf",
                  "/usr/lib/c/a.conf:0: cannot be read: Too many levels of symbolic links\n" },
                { "/etc/c/a.conf.d",            "a.conf.d",
                  "/etc/c/a.conf.d:0: cannot be listed: Too many levels of symbolic links\n" },
        };

        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                _cleanup_(settings_done) Settings s = {};
                _cleanup_(root_done) Root root;
                _cleanup_free_ char *link = NULL;

                root_init(&root);
                CHECK(asprintf(&link, "%s%s", root.path, cases[i].link) > 0);
                (void) rmdir(link);
                CHECK_EQ(symlink(cases[i].to, link), 0);
                CHECK_EQ(load(&root, &s), -EINVAL);
                CHECK_STR(root.refusals, cases[i].refusal);
        }
}

static void test_refusals(void) {
        _cleanup_(settings_done) Settings s = {};
        _cleanup_(root_done) Root root;

        root_init(&root);
        root_write(&root, "/etc/c/a.conf",
                   "Early=1\n[Attest]\nRequire=perhaps\nRequir=yes\n[Attest\n[Other]\nX=1\n[Sources]\njust text\n"
                   "Devices=-1\nDevices=4294967296\nMaxAge=5 parsecs\nMaxAge=600000000w\nMaxAge=\nDevices=5\n");
        CHECK_EQ(load(&root, &s), -EINVAL);
        CHECK_STR(root.refusals,
                  "/etc/c/a.conf:1: 'Early=1' stands in no section that is known\n"
                  "/etc/c/a.conf:3: Require= cannot be 'perhaps': Invalid argument\n"
                  "/etc/c/a.conf:4: unknown key Requir= in section [Attest]\n"
                  "/etc/c/a.conf:5: section '[Attest' has no closing bracket\n"
                  "/etc/c/a.conf:6: unknown section [Other]\n"
                  "/etc/c/a.conf:7: 'X=1' stands in no section that is known\n"
                  "/etc/c/a.conf:9: 'just text' is neither a section nor Key=value\n"
                  "/etc/c/a.conf:10: Devices= cannot be '-1': Invalid argument\n"
                  "/etc/c/a.conf:11: Devices= cannot be '4294967296': Numerical result out of range\n"
                  "/etc/c/a.conf:12: MaxAge= cannot be '5 parsecs': Invalid argument\n"
                  "/etc/c/a.conf:13: MaxAge= cannot be '600000000w': Numerical result out of range\n"
                  "/etc/c/a.conf:14: MaxAge= cannot be '': Invalid argument\n");
        CHECK_EQ(s.devices, 5);
}

static const Test tests[] = {
        { "no file at all",                    test_nothing    },
        { "comments, joined lines, blanks",    test_syntax     },
        { "directories and drop-ins in order", test_precedence },
        { "a link to /dev/null hides",         test_masked     },
        { "what cannot be read",               test_unreadable },
        { "each refusal with file and line",   test_refusals   },
};

TEST_MAIN(tests)
