/* SPDX-License-Identifier: Apache-2.0 */

/* Collateral from services that answer in every good and bad way: what is asked, how often, and what comes of it. */

#include <stdlib.h>

#include "attest/claims.h"
#include "basic/json.h"
#include "hubserver.h"
#include "sim/must.h"
#include "simservices.h"
#include "test.h"

#define PATIENCE 60U /* seconds for what is expected to end by itself */

static const SimModel one[] = { SIM_MODEL_HOPPER, _SIM_MODEL_INVALID };

#define DRIVER_RIM(check) (CHECK_DRIVER_RIM + (check))
#define VBIOS_RIM(check)  (CHECK_VBIOS_RIM + (check))

static GatherResult gather_with(const Services *s, const GatherOptions *o) {
        GatherResult result = {};
        Fault fault = {};
        int r;

        r = gather(s->set, s->nonce, o, &result, &fault);
        if (r < 0)
                (void) printf("# gather: %s: expected %s, found %s\n", fault.what, fault.expected, fault.found);
        MUST(r == 0);
        return result;
}

static GatherResult gather_from(const Services *s, unsigned seconds) {
        FetchOptions fetch = services_fetch(s, seconds);
        GatherOptions o = services_options(s, &fetch);

        return gather_with(s, &o);
}

static const Check *check_of(const GatherResult *r, size_t device, CheckId id) {
        return &r->appraisal->devices[device].checks[id];
}

typedef struct Case {
        const char *control;
        CheckId id;
        CheckState state;
        const char *found;
        unsigned tries; /* of the thing that it is about; 0: does not matter */
} Case;

static void try_cases(const Services *s, const Case *cases, size_t n, const char *request, unsigned seconds) {
        for (size_t i = 0; i < n; i++) {
                _cleanup_(gather_result_done) GatherResult r = {};
                const Check *check;

                services_control(s, cases[i].control);
                r = gather_from(s, seconds);
                check = check_of(&r, 0, cases[i].id);
                if (check->state != cases[i].state || !strstr(check->fault.found, cases[i].found) ||
                    r.appraisal->accepted != (cases[i].state == CHECK_PASSED) ||
                    (cases[i].tries > 0 && services_count(s, " begin ", request) != cases[i].tries)) {
                        (void) printf("# \"%s\": state %d, found \"%s\", accepted %d, %zu tries\n", cases[i].control,
                                      (int) check->state, check->fault.found, r.appraisal->accepted,
                                      services_count(s, " begin ", request));
                        CHECK(false);
                }
                /* Whoever reads why something is missing learns where it was looked for. */
                CHECK(check->state != CHECK_MISSING || strstr(check->fault.found, s->url));
        }
}

static void test_bad_rims(void) {
        static const Case cases[] = {
                { "rim all 404",         DRIVER_RIM(RIM_FETCHED), CHECK_MISSING, "404, the service has no such RIM",    1 },
                { "rim all 403",         DRIVER_RIM(RIM_FETCHED), CHECK_MISSING, "service key",                         1 },
                { "rim all 400",         DRIVER_RIM(RIM_FETCHED), CHECK_MISSING, "HTTP status 400",                     1 },
                { "rim all 408",         DRIVER_RIM(RIM_FETCHED), CHECK_MISSING, "HTTP status 408 (2 tries)",           2 },
                { "rim all 429",         DRIVER_RIM(RIM_FETCHED), CHECK_MISSING, "HTTP status 429 (2 tries)",           2 },
                { "rim all 500",         DRIVER_RIM(RIM_FETCHED), CHECK_MISSING, "HTTP status 500 (2 tries)",           2 },
                { "rim all truncated",   DRIVER_RIM(RIM_FETCHED), CHECK_MISSING, "(2 tries)",                           2 },
                { "rim all close",       DRIVER_RIM(RIM_FETCHED), CHECK_MISSING, "(2 tries)",                           2 },
                { "rim all huge",        DRIVER_RIM(RIM_FETCHED), CHECK_MISSING, "more than 524288 bytes",              1 },
                { "rim all endless",     DRIVER_RIM(RIM_FETCHED), CHECK_MISSING, "more than 524288 bytes",              1 },
                { "rim all redirect http://127.0.0.1:1/v1/rim/x", DRIVER_RIM(RIM_FETCHED), CHECK_MISSING,
                  "redirect to http://127.0.0.1:1/v1/rim/x, which is not followed",                                     1 },
                { "rim all garbage",     DRIVER_RIM(RIM_FETCHED), CHECK_MISSING, "expected a JSON object",              1 },
                { "rim all empty",       DRIVER_RIM(RIM_FETCHED), CHECK_MISSING, "expected a JSON object",              1 },
                { "rim all wrong-id",    DRIVER_RIM(RIM_FETCHED), CHECK_MISSING, "found NV_GPU_DRIVER_GH100_1.2",       1 },
                { "rim all bad-base64",  DRIVER_RIM(RIM_FETCHED), CHECK_MISSING, "a RIM in base64",                     1 },
                { "rim all wrong-sha",   DRIVER_RIM(RIM_FETCHED), CHECK_MISSING, "SHA-256",                             1 },
                { "rim all other",       DRIVER_RIM(RIM_VERSION), CHECK_FAILED,  "96.00.A5.00.01",                      1 },
                { "first 1 rim all 500", DRIVER_RIM(RIM_FETCHED), CHECK_PASSED,  "NV_GPU_DRIVER",                       0 },
                { "first 2 rim all close", VBIOS_RIM(RIM_FETCHED), CHECK_PASSED, "NV_GPU_VBIOS",                        2 },
        };
        _cleanup_(services_freep) Services *s = services_new(one);

        try_cases(s, cases, ELEMENTSOF(cases), "/NV_GPU_DRIVER_", PATIENCE);
}

static void test_bad_answers(void) {
        static const Case cases[] = {
                { "ocsp device 0 1 revoked keyCompromise",   CHECK_CHAIN_OCSP, CHECK_FAILED,  "revoked, keyCompromise",   0 },
                { "ocsp device 0 1 revoked certificateHold", CHECK_CHAIN_OCSP, CHECK_FAILED,  "revoked, certificateHold", 0 },
                { "ocsp rim 0 revoked certificateHold", DRIVER_RIM(RIM_OCSP),  CHECK_FAILED,  "revoked, certificateHold", 0 },
                { "ocsp device 0 2 unknown",      CHECK_CHAIN_OCSP,     CHECK_FAILED,  "unknown",                      0 },
                { "ocsp device 0 1 no-eku",       CHECK_CHAIN_OCSP,     CHECK_FAILED,  "a broken one",                 0 },
                { "ocsp device 0 1 elsewhere",    CHECK_CHAIN_OCSP,     CHECK_FAILED,  "a broken one",                 0 },
                { "ocsp device 0 1 stranger",     CHECK_CHAIN_OCSP,     CHECK_FAILED,  "a broken one",                 0 },
                { "ocsp device 0 1 expired",      CHECK_CHAIN_OCSP,     CHECK_FAILED,  "a broken one",                 0 },
                { "ocsp device 0 1 issuer",       CHECK_CHAIN_OCSP,     CHECK_PASSED,  "good",                         6 },
                { "ocsp device 0 1 unauthorized", CHECK_CHAIN_OCSP,     CHECK_MISSING, "unauthorized",                 6 },
                { "ocsp device 0 1 trylater",     CHECK_CHAIN_OCSP,     CHECK_MISSING, "trylater (2 tries)",           7 },
                { "ocsp device 0 1 stale",        CHECK_CHAIN_OCSP,     CHECK_MISSING, "one valid from",               6 },
                { "ocsp device 0 1 future",       CHECK_CHAIN_OCSP,     CHECK_MISSING, "one valid from",               6 },
                { "ocsp device 0 1 no-nonce",     CHECK_CHAIN_OCSP,     CHECK_MISSING, "the nonce that was asked with, found none", 6 },
                { "ocsp device 0 1 other-nonce",  CHECK_CHAIN_OCSP,     CHECK_MISSING, "found another one",            6 },
                { "ocsp device 0 1 wrong-certid", CHECK_CHAIN_OCSP,     CHECK_MISSING, "about the certificate that was asked about", 6 },
                { "ocsp device 0 1 403",          CHECK_CHAIN_OCSP,     CHECK_MISSING, "HTTP status 403",              6 },
                { "ocsp device 0 1 500",          CHECK_CHAIN_OCSP,     CHECK_MISSING, "HTTP status 500 (2 tries)",    7 },
                { "ocsp device 0 1 429",          CHECK_CHAIN_OCSP,     CHECK_MISSING, "HTTP status 429 (2 tries)",    7 },
                { "ocsp device 0 1 truncated",    CHECK_CHAIN_OCSP,     CHECK_MISSING, "(2 tries)",                    7 },
                { "ocsp device 0 1 close",        CHECK_CHAIN_OCSP,     CHECK_MISSING, "(2 tries)",                    7 },
                { "ocsp device 0 1 huge",         CHECK_CHAIN_OCSP,     CHECK_MISSING, "more than 16384 bytes",        6 },
                { "ocsp device 0 1 endless",      CHECK_CHAIN_OCSP,     CHECK_MISSING, "more than 16384 bytes",        6 },
                { "ocsp device 0 1 garbage",      CHECK_CHAIN_OCSP,     CHECK_MISSING, "one DER OCSPResponse",         6 },
                { "ocsp device 0 1 empty",        CHECK_CHAIN_OCSP,     CHECK_MISSING, "one DER OCSPResponse",         6 },
                { "ocsp device 0 1 redirect https://example.com/", CHECK_CHAIN_OCSP, CHECK_MISSING, "which is not followed", 6 },
                { "ocsp rim 0 no-nonce",          DRIVER_RIM(RIM_OCSP), CHECK_MISSING, "found none",                   6 },
                { "ocsp rim 2 404",               VBIOS_RIM(RIM_OCSP),  CHECK_MISSING, "HTTP status 404",              6 },
                { "first 1 ocsp device 0 1 503",  CHECK_CHAIN_OCSP,     CHECK_PASSED,  "good",                         7 },
                { "first 1 ocsp device 0 1 trylater", CHECK_CHAIN_OCSP, CHECK_PASSED,  "good",                         7 },
        };
        _cleanup_(services_freep) Services *s = services_new(one);

        try_cases(s, cases, ELEMENTSOF(cases), "POST", PATIENCE);
}

/* What never ends is ended, and the rest is there all the same. */
static void test_deadline(void) {
        static const Case cases[] = {
                { "ocsp device 0 1 hang", CHECK_CHAIN_OCSP,        CHECK_MISSING, "", 0 },
                { "rim all hang",         DRIVER_RIM(RIM_FETCHED), CHECK_MISSING, "", 0 },
        };
        _cleanup_(services_freep) Services *s = services_new(one);

        try_cases(s, cases, ELEMENTSOF(cases), "POST", 3);
}

static void test_past_deadline(void) {
        _cleanup_(services_freep) Services *s = services_new(one);
        _cleanup_(gather_result_done) GatherResult r = {};

        services_control(s, "");
        r = gather_from(s, 0);
        CHECK_EQ(r.n_requests, 0);
        CHECK_EQ(check_of(&r, 0, CHECK_CHAIN_OCSP)->state, CHECK_MISSING);
        CHECK(strstr(check_of(&r, 0, CHECK_CHAIN_OCSP)->fault.found, "no answer within the time limit"));
        CHECK(strstr(check_of(&r, 0, DRIVER_RIM(RIM_FETCHED))->fault.found, "no answer within the time limit"));
}

/* Eight GPUs of one kind: two RIMs, one question for each device, two for what is above them, three for the RIMs'
 * signers. No thing is asked for twice, and two appraisals do. */
static void test_each_thing_once(void) {
        static const SimModel eight[] = { SIM_MODEL_HOPPER, SIM_MODEL_HOPPER, SIM_MODEL_HOPPER, SIM_MODEL_HOPPER,
                                          SIM_MODEL_HOPPER, SIM_MODEL_HOPPER, SIM_MODEL_HOPPER, SIM_MODEL_HOPPER,
                                          _SIM_MODEL_INVALID };
        _cleanup_(services_freep) Services *s = services_new(eight);
        _cleanup_(gather_result_done) GatherResult r = {};

        services_control(s, "");
        r = gather_from(s, PATIENCE);
        CHECK(r.appraisal->accepted);
        CHECK_EQ(r.n_rounds, 2);
        CHECK_EQ(r.n_requests, 2 + 8 + 2 + 3);
        CHECK_EQ(services_count(s, " begin ", "GET"), 2);
        CHECK_EQ(services_count(s, " begin ", "POST"), 8 + 2 + 3);
        CHECK_EQ(services_count(s, " end ", "(device 7 1) good"), 1);
        CHECK_EQ(services_count(s, " end ", "(rim 0) good"), 1);
}

/* Nothing waits for anything but the RIM whose signers it is about: with services that never answer, all that can be
 * asked has been asked. */
static void test_one_round_trip(void) {
        static const SimModel two[] = { SIM_MODEL_HOPPER, SIM_MODEL_HOPPER, _SIM_MODEL_INVALID };
        _cleanup_(services_freep) Services *s = services_new(two);
        _cleanup_(gather_result_done) GatherResult none = {}, some = {};
        _cleanup_free_ char *control = NULL;

        services_control(s, "rim all hang\nocsp all hang\n");
        none = gather_from(s, 4);
        CHECK_EQ(services_count(s, " begin ", NULL), 2 + 2 + 2);
        CHECK_EQ(services_count(s, " -> 200", NULL), 0);

        MUST(asprintf(&control, "rim %s hang\nocsp device 0 1 hang\n", s->scene->rims[1]->id) > 0);
        services_control(s, control);
        some = gather_from(s, 4);
        CHECK_EQ(services_count(s, "POST", "(rim 0) good"), 1);
        CHECK_EQ(services_count(s, "POST", "(rim 2) good"), 1);
        CHECK_EQ(check_of(&some, 0, DRIVER_RIM(RIM_OCSP))->state, CHECK_PASSED);
        CHECK_EQ(check_of(&some, 0, VBIOS_RIM(RIM_FETCHED))->state, CHECK_MISSING);
}

/* Evidence that is nobody's asks nobody. */
static void test_forged_evidence_asks_nothing(void) {
        _cleanup_(services_freep) Services *s = services_new(one);
        _cleanup_(gather_result_done) GatherResult r = {};

        services_control(s, "");
        s->set->items[0].report[s->set->items[0].report_size - 1] ^= 1;
        r = gather_from(s, PATIENCE);
        CHECK_EQ(check_of(&r, 0, CHECK_SIGNATURE)->state, CHECK_FAILED);
        CHECK_EQ(r.n_requests, 0);
}

static void test_no_service(void) {
        _cleanup_(services_freep) Services *s = services_new(one);
        FetchOptions fetch = services_fetch(s, PATIENCE);
        GatherOptions o = services_options(s, &fetch);
        _cleanup_(gather_result_done) GatherResult r = {};

        fetch.rim_url = fetch.ocsp_url = "http://127.0.0.1:1";
        r = gather_with(s, &o);
        CHECK_EQ(check_of(&r, 0, CHECK_CHAIN_OCSP)->state, CHECK_MISSING);
        CHECK_STR(check_of(&r, 0, CHECK_CHAIN_OCSP)->fault.what, "OCSP answer");
        CHECK(strstr(check_of(&r, 0, CHECK_CHAIN_OCSP)->fault.found, "http://127.0.0.1:1: Couldn't connect"));
        CHECK(strstr(check_of(&r, 0, DRIVER_RIM(RIM_FETCHED))->fault.found, "(2 tries)"));
        CHECK_EQ(r.n_requests, 2 * (2 + 3));
}

/* Who cannot prove who it is does not learn what is asked, nor is it asked again; who can is asked. */
static void test_tls(void) {
        _cleanup_(services_freep) Services *s = services_new(one);
        _cleanup_free_ char *certificate = NULL, *key = NULL;
        FetchOptions fetch = services_fetch(s, PATIENCE);
        GatherOptions o = services_options(s, &fetch);
        _cleanup_(gather_result_done) GatherResult stranger = {}, known = {};
        HubServer server;
        char url[80];

        hub_test_setup();
        if (hub_test_make_certificate(&certificate, &key)) {
                hub_server_start(&server, (const char *const[]){ "--tls", certificate, key, NULL });
                (void) snprintf(url, sizeof(url), "https://127.0.0.1:%d", server.port);
                fetch.rim_url = fetch.ocsp_url = url;
                fetch.allow_http = false;
                (void) unsetenv("CURL_CA_BUNDLE");
                stranger = gather_with(s, &o);
                CHECK_EQ(stranger.n_requests, 2 + 3);
                CHECK_EQ(hub_server_requests(NULL, NULL), 0);
                CHECK_EQ(check_of(&stranger, 0, DRIVER_RIM(RIM_FETCHED))->state, CHECK_MISSING);
                CHECK(strstr(check_of(&stranger, 0, DRIVER_RIM(RIM_FETCHED))->fault.found, "certificate"));
                (void) setenv("CURL_CA_BUNDLE", certificate, 1);
                known = gather_with(s, &o);
                CHECK(strstr(check_of(&known, 0, DRIVER_RIM(RIM_FETCHED))->fault.found, "HTTP status 404"));
                (void) unsetenv("CURL_CA_BUNDLE");
                hub_server_stop(&server);
        } else
                test_skip_reason = "no openssl";
        hub_test_cleanup();
}

static void test_urls(void) {
        static const struct {
                const char *url;
                bool allow_http, good;
        } rows[] = {
                { "https://example.com",          false, true  },
                { "https://example.com/a/b/",     false, true  },
                { "http://example.com",           false, false },
                { "http://example.com",           true,  true  },
                { "https://u:p@example.com",      true,  false },
                { "https://example.com/?a=b",     true,  false },
                { "https://example.com/#a",       true,  false },
                { "ftp://example.com",            true,  false },
                { "file:///etc/passwd",           true,  false },
                { "example.com",                  true,  false },
                { "",                             true,  false },
        };

        for (size_t i = 0; i < ELEMENTSOF(rows); i++)
                for (unsigned k = 0; k < 2; k++) {
                        const FetchOptions o = { .rim_url = k ? NULL : rows[i].url, .ocsp_url = k ? rows[i].url : NULL,
                                                 .allow_http = rows[i].allow_http };
                        _cleanup_(fetcher_freep) Fetcher *f = NULL;
                        Fault fault = {};

                        CHECK_EQ(fetcher_new(&o, &f, &fault), rows[i].good ? 0 : -EINVAL);
                        CHECK(!strstr(fault.found, "u:p"));
                }
}

static void test_where_the_key_goes(void) {
        static const struct {
                const char *url;
                bool may;
        } rows[] = {
                { "https://nvidia.com",                       true  },
                { "https://RIM.attestation.nvidia.com/v1",    true  },
                { "https://ocsp.ndis.nvidia.com:8443/",       true  },
                { "http://rim.attestation.nvidia.com",        false },
                { "https://evilnvidia.com",                   false },
                { "https://nvidia.com.example.org",           false },
                { "https://example.org/nvidia.com",           false },
                { "https://127.0.0.1",                        false },
                { "nonsense",                                 false },
        };

        for (size_t i = 0; i < ELEMENTSOF(rows); i++)
                CHECK_EQ(fetch_may_carry_key(rows[i].url), rows[i].may);
}

/* How many of the three chains' claims say that the OCSP nonces match. */
static unsigned matching_nonces(const Appraisal *a) {
        static const char *const chains[] = {
                "x-nvidia-gpu-attestation-report-cert-chain",
                "x-nvidia-gpu-driver-rim-cert-chain",
                "x-nvidia-gpu-vbios-rim-cert-chain",
        };
        _cleanup_json_ json_object *claims = NULL;
        unsigned n = 0;

        MUST(claims_of_device(&a->devices[0], CLAIMS_4_0, &claims) >= 0);
        for (size_t i = 0; i < ELEMENTSOF(chains); i++) {
                json_object *chain = json_object_object_get(claims, chains[i]);

                n += json_object_get_boolean(json_object_object_get(chain, "x-nvidia-cert-ocsp-nonce-matches"));
        }
        return n;
}

static void test_nonce_may_be_left_out(void) {
        _cleanup_(services_freep) Services *s = services_new(one);
        FetchOptions fetch = services_fetch(s, PATIENCE);
        GatherOptions o = services_options(s, &fetch);
        static const struct {
                const char *control;
                unsigned matching;
        } rows[] = { { "", 3 }, { "ocsp all no-nonce", 0 }, { "ocsp all other-nonce", 0 } };

        fetch.require_nonce = false;
        for (size_t i = 0; i < ELEMENTSOF(rows); i++) {
                _cleanup_(gather_result_done) GatherResult r = {};

                services_control(s, rows[i].control);
                r = gather_with(s, &o);
                CHECK(r.appraisal->accepted);
                CHECK_EQ(matching_nonces(r.appraisal), rows[i].matching);
        }
}

static void test_age(void) {
        _cleanup_(services_freep) Services *s = services_new(one);
        FetchOptions fetch = services_fetch(s, PATIENCE);
        GatherOptions o = services_options(s, &fetch);
        _cleanup_(gather_result_done) GatherResult young = {}, old = {};

        services_control(s, "ocsp all age 7200");
        o.max_age_usec = UINT64_C(10000) * 1000000;
        young = gather_with(s, &o);
        CHECK(young.appraisal->accepted);
        o.max_age_usec = UINT64_C(3600) * 1000000;
        old = gather_with(s, &o);
        CHECK_EQ(check_of(&old, 0, CHECK_CHAIN_OCSP)->state, CHECK_MISSING);
        CHECK_STR(check_of(&old, 0, CHECK_CHAIN_OCSP)->fault.expected, "one of the last 3600 seconds");
}

static const Test tests[] = {
        { "RIM services that misbehave",                       test_bad_rims                     },
        { "OCSP responders that misbehave",                    test_bad_answers                  },
        { "what never ends",                                   test_deadline                     },
        { "no time at all",                                    test_past_deadline                },
        { "each thing is asked for once",                      test_each_thing_once              },
        { "nothing waits that need not",                       test_one_round_trip               },
        { "forged evidence asks nothing",                      test_forged_evidence_asks_nothing },
        { "no service",                                        test_no_service                   },
        { "encrypted, by a stranger and by somebody known",    test_tls                          },
        { "URLs",                                              test_urls                         },
        { "whom the service key may be shown to",              test_where_the_key_goes           },
        { "without the nonce",                                 test_nonce_may_be_left_out        },
        { "the age of OCSP answers",                           test_age                          },
};

int main(void) {
        if (rim_library_init() < 0)
                return 1;
        return test_run_all(tests, ELEMENTSOF(tests));
}
