/* SPDX-License-Identifier: Apache-2.0 */

#include <errno.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "attest/config.h"
#include "basic/cleanup.h"
#include "basic/io.h"
#include "test.h"

typedef struct Trial {
        char root[40];
        char refusals[2048];
        AttestConfig config;
} Trial;

static void note(const char *file, unsigned line, const char *message, void *userdata) {
        Trial *t = userdata;
        size_t used = strlen(t->refusals);

        (void) snprintf(t->refusals + used, sizeof(t->refusals) - used, "%u: %s\n", line, message);
}

static void trial_done(Trial *t) {
        _cleanup_free_ char *command = NULL;

        attest_config_done(&t->config);
        CHECK(asprintf(&command, "rm -r '%s'", t->root) > 0);
        CHECK_EQ(system(command), 0);
}

/* Loads `text` (NULL: no file). */
static int load(Trial *t, const char *text) {
        char path[80];

        *t = (Trial){ .root = "/tmp/cocoon-attest-conf-XXXXXX" };
        CHECK(mkdtemp(t->root));
        (void) snprintf(path, sizeof(path), "%s/etc", t->root);
        CHECK_EQ(mkdir(path, 0700), 0);
        (void) snprintf(path, sizeof(path), "%s/etc/cocoon", t->root);
        CHECK_EQ(mkdir(path, 0700), 0);
        (void) snprintf(path, sizeof(path), "%s/etc/cocoon/attest.conf", t->root);
        if (text)
                CHECK_EQ(write_file_atomic(path, text, strlen(text), 0600), 0);
        return attest_config_load(t->root, &t->config, note, t);
}

static void test_defaults(void) {
        _cleanup_(trial_done) Trial t;

        CHECK_EQ(load(&t, NULL), 0);
        CHECK(!t.config.policy && !t.config.trust_anchors && !t.config.rim_url && !t.config.ocsp_url);
        CHECK_EQ(t.config.gpus, 0);
        CHECK_EQ(t.config.switches, 0);
        CHECK_EQ(t.config.sources.n_items, _SOURCE_MAX);
        CHECK_EQ(t.config.sources.items[0], SOURCE_CACHE);
        CHECK_EQ(t.config.sources.items[3], SOURCE_NETWORK);
        CHECK_EQ(t.config.max_age_usec, UINT64_MAX);
        CHECK_EQ(t.config.device_timeout_usec, 20000000);
        CHECK_EQ(t.config.network_timeout_usec, 60000000);
        CHECK(t.config.ocsp_nonce && !t.config.allow_http && !t.config.require_tdx && !t.config.bind_quote);
        CHECK(t.config.device_timeout_usec <= t.config.timeout_usec);
        CHECK(t.config.network_timeout_usec <= t.config.timeout_usec);
        CHECK_STR(t.config.cache, "/var/cache/cocoon");
}

static void test_every_key(void) {
        _cleanup_(trial_done) Trial t;

        CHECK_EQ(load(&t, "[Attest]\nPolicy=/p\nTrustAnchors=/a\nTimeoutSec=2min\n"
                          "[Devices]\nGPUs=8\nSwitches=4\nTimeoutSec=5\nRetries=0\n"
                          "[Collateral]\nSources=network cache\nSources=directory bundle network\nCache=\nBundle=/b\n"
                          "RIMDirectory=/r1 /r2\nOCSPDirectory=/o\nMaxCollateralAge=6h\nRIMServiceURL=http://127.0.0.1:1\n"
                          "OCSPServiceURL=HTTPS://o/\nServiceKeyFile=/k\nAllowHTTP=yes\nOCSPNonce=no\nTimeoutSec=7s\n"
                          "Retries=10\n"
                          "[TDX]\nRequireTDX=yes\nBindQuote=on\n"),
                 0);
        CHECK_STR(t.refusals, "");
        CHECK_STR(t.config.policy, "/p");
        CHECK_STR(t.config.trust_anchors, "/a");
        CHECK_EQ(t.config.timeout_usec, 120000000);
        CHECK_EQ(t.config.gpus, 8);
        CHECK_EQ(t.config.switches, 4);
        CHECK_EQ(t.config.device_timeout_usec, 5000000);
        CHECK_EQ(t.config.device_retries, 0);
        CHECK_EQ(t.config.sources.n_items, 3);
        CHECK_EQ(t.config.sources.items[0], SOURCE_DIRECTORY);
        CHECK_EQ(t.config.sources.items[1], SOURCE_BUNDLE);
        CHECK(attest_config_uses(&t.config, SOURCE_NETWORK) && !attest_config_uses(&t.config, SOURCE_CACHE));
        CHECK(!t.config.cache);
        CHECK_STR(t.config.bundle, "/b");
        CHECK_STR(t.config.rim_dirs[1], "/r2");
        CHECK_STR(t.config.ocsp_dirs[0], "/o");
        CHECK_EQ(t.config.max_age_usec, UINT64_C(21600000000));
        CHECK_STR(t.config.rim_url, "http://127.0.0.1:1");
        CHECK_STR(t.config.ocsp_url, "HTTPS://o/");
        CHECK_STR(t.config.service_key_file, "/k");
        CHECK(t.config.allow_http && !t.config.ocsp_nonce && t.config.require_tdx && t.config.bind_quote);
        CHECK_EQ(t.config.network_timeout_usec, 7000000);
        CHECK_EQ(t.config.network_retries, 10);
}

static void test_words(void) {
        _cleanup_(trial_done) Trial t;

        CHECK_EQ(load(&t, "[Devices]\nGPUs=4\nGPUs=any\nSwitches=4\nSwitches=any\n[Collateral]\nMaxCollateralAge=1d\n"
                          "MaxCollateralAge=infinity\n"),
                 0);
        CHECK_EQ(t.config.gpus, 0);
        CHECK_EQ(t.config.switches, 0);
        CHECK_EQ(t.config.max_age_usec, UINT64_MAX);
}

static void test_refused(void) {
        static const char *const lines[] = {
                "[Attest]\nPolicy=policy.json",        "[Attest]\nTrustAnchors=anchors",
                "[Attest]\nTimeoutSec=0",              "[Attest]\nTimeoutSec=infinity",
                "[Attest]\nTimeoutSec=61min",          "[Attest]\nPolcy=/p",
                "[Devices]\nGPUs=0",                   "[Devices]\nGPUs=65",
                "[Devices]\nGPUs=all",                 "[Devices]\nGPUs=",
                "[Devices]\nSwitches=0",               "[Devices]\nSwitches=auto",
                "[Devices]\nRetries=11",               "[Devices]\nTimeoutSec=0",
                "[Collateral]\nSources=internet",      "[Collateral]\nSources=cache cache",
                "[Collateral]\nSources=cache,network", "[Collateral]\nSources=",
                "[Collateral]\nCache=cache",           "[Collateral]\nRIMDirectory=rims",
                "[Collateral]\nMaxCollateralAge=0",    "[Collateral]\nMaxCollateralAge=",
                "[Collateral]\nRIMServiceURL=http://x", "[Collateral]\nOCSPServiceURL=http://x\n",
                "[Collateral]\nAllowHTTP=yes\nOCSPServiceURL=ftp://x", "[Collateral]\nOCSPServiceURL=x",
                "[Collateral]\nSources=cache\nRIMDirectory=/r",
                "[Collateral]\nTimeoutSec=10min",      "[Devices]\nTimeoutSec=10min",
                "[TDX]\nRequireTDX=maybe",             "[TDX]\nRequire=yes",
                "[Collateral]\nRequireTDX=yes",        "[Other]\n",
        };

        for (size_t i = 0; i < ELEMENTSOF(lines); i++) {
                _cleanup_(trial_done) Trial t;
                int r = load(&t, lines[i]);

                if (r != -EINVAL || !t.refusals[0])
                        (void) printf("# %s\n", lines[i]);
                CHECK_EQ(r, -EINVAL);
                CHECK(t.refusals[0]);
                CHECK(!t.config.cache);
        }
}

static const Test tests[] = {
        { "without a file",                            test_defaults  },
        { "every key",                                 test_every_key },
        { "words in place of numbers",                 test_words     },
        { "what cannot be meant is refused, and said", test_refused   },
};

TEST_MAIN(tests)
