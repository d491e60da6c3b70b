/* SPDX-License-Identifier: Apache-2.0 */

/* Collateral that was kept: caches, bundles, directories, and what happens to it on the way. */

#include <fcntl.h>
#include <sys/stat.h>

#include "attest/bundle.h"
#include "attest/rim-answer.h"
#include "basic/hex.h"
#include "basic/io.h"
#include "sim/must.h"
#include "simservices.h"
#include "test.h"

#define PATIENCE 60U

static const SimModel one[] = { SIM_MODEL_HOPPER, _SIM_MODEL_INVALID };

#define DRIVER_RIM(check) (CHECK_DRIVER_RIM + (check))

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

static const Check *check_of(const GatherResult *r, CheckId id) {
        return &r->appraisal->devices[0].checks[id];
}

/* `cache` is filled from the services. */
static void fill(const Services *s, const char *cache, const char *control) {
        FetchOptions fetch = services_fetch(s, PATIENCE);
        GatherOptions o = services_options(s, &fetch);
        _cleanup_(gather_result_done) GatherResult r = {};

        o.cache = cache;
        services_control(s, control);
        r = gather_with(s, &o);
        CHECK_STR(r.cache.found, "");
}

/* A shell command, in a directory. */
static void run(const char *what, const char *dir) {
        _cleanup_free_ char *command = NULL;

        MUST(asprintf(&command, "cd '%s' && %s", dir, what) > 0);
        MUST(system(command) == 0); /* NOLINT(cert-env33-c) */
}

static void test_cache(void) {
        _cleanup_(services_freep) Services *s = services_new(one);
        _cleanup_free_ char *cache = services_path(s, "cache");
        GatherOptions o = services_options(s, NULL);
        _cleanup_(gather_result_done) GatherResult empty = {}, full = {};

        o.cache = cache;
        empty = gather_with(s, &o);
        CHECK_EQ(check_of(&empty, DRIVER_RIM(RIM_FETCHED))->state, CHECK_MISSING);
        CHECK_EQ(check_of(&empty, CHECK_CHAIN_OCSP)->state, CHECK_MISSING);
        fill(s, cache, "");
        full = gather_with(s, &o);
        CHECK(full.appraisal->accepted);
        CHECK_EQ(full.n_rounds, 1);
}

/* With all of it at hand nobody is asked. */
static void test_cache_before_network(void) {
        _cleanup_(services_freep) Services *s = services_new(one);
        _cleanup_free_ char *cache = services_path(s, "cache");
        FetchOptions fetch = services_fetch(s, PATIENCE);
        GatherOptions o = services_options(s, &fetch);
        _cleanup_(gather_result_done) GatherResult r = {};

        fill(s, cache, "");
        services_control(s, "rim all 500\nocsp all 500\n");
        o.cache = cache;
        r = gather_with(s, &o);
        CHECK(r.appraisal->accepted);
        CHECK_EQ(r.n_requests, 0);
}

/* Whatever somebody has done to the cache: alone it refuses, and with services it is put right. */
static void test_spoilt_cache(void) {
        static const char *const spoil[] = {
                "for f in rims/* ; do echo garbage >$f ; done",
                "for f in rims/* ; do : >$f ; done",
                "for f in rims/* ; do sed -i 's/Measurement_/measurement_/' $f ; done",
                "for f in rims/* ; do truncate -s 300000 $f ; done",
                "cd rims && mv *DRIVER* x && mv *VBIOS* $(cat ../driver) && mv x $(cat ../vbios)",
                "rm -r rims",
                "for f in ocsp/* ; do echo garbage >$f ; done",
                "cd ocsp && set -- * && for f ; do cmp -s $1 $f || cp $1 $f ; done",
                "cd ocsp && for f in * ; do rm $f && mkdir $f ; done",
                "rm -r ocsp",
        };
        _cleanup_(services_freep) Services *s = services_new(one);
        _cleanup_free_ char *cache = services_path(s, "cache"), *names = NULL;
        FetchOptions fetch = services_fetch(s, PATIENCE);
        GatherOptions offline = services_options(s, NULL), online = services_options(s, &fetch);

        offline.cache = online.cache = cache;
        MUST(mkdir(cache, 0700) == 0 && asprintf(&names, "echo %s.xml >driver && echo %s.xml >vbios", s->scene->rims[0]->id,
                                                 s->scene->rims[1]->id) > 0);
        run(names, cache);
        services_control(s, "");
        for (size_t i = 0; i < ELEMENTSOF(spoil); i++) {
                _cleanup_(gather_result_done) GatherResult alone = {}, helped = {};

                run("rm -rf rims ocsp", cache);
                fill(s, cache, "");
                run(spoil[i], cache);
                alone = gather_with(s, &offline);
                helped = gather_with(s, &online);
                if (!alone.appraisal->accepted && helped.appraisal->accepted && helped.n_requests > 0)
                        continue;
                (void) printf("# %s: alone %d, helped %d with %zu requests\n", spoil[i], alone.appraisal->accepted,
                              helped.appraisal->accepted, helped.n_requests);
                CHECK(false);
        }
}

static void test_only_good_things_are_kept(void) {
        _cleanup_(services_freep) Services *s = services_new(one);
        _cleanup_free_ char *cache = services_path(s, "cache");
        GatherOptions o = services_options(s, NULL);
        _cleanup_(gather_result_done) GatherResult r = {};

        fill(s, cache, "ocsp device 0 1 revoked certificateHold\nocsp rim 0 stale\n");
        run("test $(ls ocsp | wc -l) = 4", cache); /* of 3 + 3 */
        fill(s, cache, "");
        o.cache = cache;
        r = gather_with(s, &o);
        CHECK(r.appraisal->accepted);
}

static void test_unusable_cache(void) {
        _cleanup_(services_freep) Services *s = services_new(one);
        FetchOptions fetch = services_fetch(s, PATIENCE);
        GatherOptions o = services_options(s, &fetch);
        _cleanup_(gather_result_done) GatherResult r = {};

        services_control(s, "");
        o.cache = "/dev/null/cache";
        r = gather_with(s, &o);
        CHECK(r.appraisal->accepted);
        CHECK_STR(r.cache.what, "cache");
        CHECK(strstr(r.cache.found, "/dev/null/cache"));
}

/* RIMs are corrected under the ids that they have: one with other values, good as it is, does not stand in the way of
 * what is published now. */
static void test_outdated_rim(void) {
        _cleanup_(services_freep) Services *s = services_new(one);
        _cleanup_free_ char *dir = services_path(s, "old"), *path = NULL, *xml = NULL;
        FetchOptions fetch = services_fetch(s, PATIENCE);
        GatherOptions o = services_options(s, NULL);
        _cleanup_(gather_result_done) GatherResult alone = {}, helped = {};
        const char *dirs[] = { dir, NULL };
        SimRim *rim = s->scene->rims[1];
        SimRimRecord *record = sim_rim_find(rim, 9);

        record->hashes[0][0] ^= 1;
        xml = sim_rim_xml(rim);
        record->hashes[0][0] ^= 1;
        MUST(mkdir(dir, 0700) == 0 && asprintf(&path, "%s/%s.xml", dir, rim->id) > 0);
        MUST(write_file_atomic(path, xml, strlen(xml), 0600) == 0);
        services_control(s, "");
        o.collateral.rim_dirs = dirs;
        o.collateral.ocsp = false;
        o.fetch = &fetch;
        fetch.rim_url = s->url;
        helped = gather_with(s, &o);
        CHECK(helped.appraisal->accepted);
        CHECK_EQ(services_count(s, " begin ", "VBIOS"), 1);

        /* Without a service, or one that has none, it is what it is judged by. */
        services_control(s, "rim all 404");
        alone = gather_with(s, &o);
        CHECK_EQ(alone.appraisal->accepted, false);
}

static char *make_bundle(const Services *s) {
        FetchOptions fetch = services_fetch(s, PATIENCE);
        GatherOptions o = services_options(s, &fetch);
        _cleanup_(gather_result_done) GatherResult r = {};
        char *text;

        services_control(s, "");
        r = gather_with(s, &o);
        CHECK(r.appraisal->accepted);
        MUST(bundle_format(r.collateral, time(NULL), &text) == 0);
        return text;
}

static bool accepts(const Services *s, const char *path, const void *text, size_t size) {
        GatherOptions o = services_options(s, NULL);
        _cleanup_(gather_result_done) GatherResult r = {};

        MUST(write_file_atomic(path, text, size, 0600) == 0);
        o.bundle = path;
        o.bundle_optional = true;
        r = gather_with(s, &o);
        return r.appraisal->accepted;
}

static void test_bundle(void) {
        _cleanup_(services_freep) Services *s = services_new(one);
        _cleanup_free_ char *path = services_path(s, "bundle"), *text = make_bundle(s), *padded = NULL;
        size_t n = strlen(text);

        CHECK(accepts(s, path, text, n));
        CHECK(!accepts(s, path, text, n - 2));
        /* As a block device has it. */
        padded = calloc(1, n + 5000);
        MUST(padded);
        memcpy(padded, text, n);
        padded[n + 4000] = 'x';
        CHECK(accepts(s, path, padded, n + 5000));
}

static void test_bundle_directory(void) {
        _cleanup_(services_freep) Services *s = services_new(one);
        _cleanup_free_ char *dir = services_path(s, "cache");
        GatherOptions o = services_options(s, NULL);
        _cleanup_(gather_result_done) GatherResult r = {};

        fill(s, dir, "");
        o.bundle = dir;
        r = gather_with(s, &o);
        CHECK(r.appraisal->accepted);
}

/* One RIM of a bundle is another's, and one answer is gone. */
static void test_bundle_with_less(void) {
        _cleanup_(services_freep) Services *s = services_new(one);
        _cleanup_free_ char *path = services_path(s, "bundle"), *text = make_bundle(s);
        FetchOptions fetch = services_fetch(s, PATIENCE);
        GatherOptions o = services_options(s, &fetch);
        _cleanup_(gather_result_done) GatherResult r = {};
        char *id = strstr(text, "NV_GPU_VBIOS");
        char *answer = strstr(text, "\"ocsp\":[\"");

        MUST(id && answer);
        id[strlen("NV_GPU_VBIO")] = 'Z';
        answer[strlen("\"ocsp\":[\"")] = 'N';
        CHECK(!accepts(s, path, text, strlen(text)));
        services_control(s, "");
        o.bundle = path;
        r = gather_with(s, &o);
        CHECK(r.appraisal->accepted);
        CHECK_EQ(services_count(s, " begin ", "GET"), 1);
        CHECK_EQ(services_count(s, " begin ", "POST"), 1);
}

static void test_what_is_no_bundle(void) {
        static const struct {
                const char *text;
                int error;
        } rows[] = {
                { "{\"cocoon-bundle\":1,\"rims\":[],\"ocsp\":[]}", 0 },
                { "{\"cocoon-bundle\":1,\"rims\":[],\"ocsp\":[\"AAAA\"],\"more\":{}}", 0 },
                { "", -EBADMSG },
                { "[]", -EBADMSG },
                { "{\"rims\":[],\"ocsp\":[]}", -EBADMSG },
                { "{\"cocoon-bundle\":2,\"rims\":[],\"ocsp\":[]}", -EBADMSG },
                { "{\"cocoon-bundle\":\"1\",\"rims\":[],\"ocsp\":[]}", -EBADMSG },
                { "{\"cocoon-bundle\":1,\"ocsp\":[]}", -EBADMSG },
                { "{\"cocoon-bundle\":1,\"rims\":[]}", -EBADMSG },
                { "{\"cocoon-bundle\":1,\"rims\":{},\"ocsp\":[]}", -EBADMSG },
                { "{\"cocoon-bundle\":1,\"rims\":[1],\"ocsp\":[]}", -EBADMSG },
                { "{\"cocoon-bundle\":1,\"rims\":[],\"ocsp\":[1]}", -EBADMSG },
                { "{\"cocoon-bundle\":1,\"rims\":[],\"ocsp\":[\"!\"]}", -EBADMSG },
                { "{\"cocoon-bundle\":1,\"rims\":[{\"id\":\"../x\",\"rim\":\"AAAA\"}],\"ocsp\":[]}", -EBADMSG },
                { "{\"cocoon-bundle\":1,\"rims\":[{\"id\":\"x\",\"rim\":\"?\"}],\"ocsp\":[]}", -EBADMSG },
                { "{\"cocoon-bundle\":1,\"rims\":[{\"id\":\"x\"}],\"ocsp\":[]}", -EBADMSG },
                { "{\"cocoon-bundle\":1,\"rims\":[[[[[]]]]],\"ocsp\":[]}", -EBADMSG },
        };
        const CollateralOptions options = { .ocsp = true, .device_time = time(NULL), .rim_time = time(NULL) };

        for (size_t i = 0; i < ELEMENTSOF(rows); i++) {
                _cleanup_(collateral_freep) Collateral *c = NULL;
                Fault fault = {};

                MUST(collateral_open(&options, &c, &fault) == 0);
                CHECK_EQ(bundle_parse(rows[i].text, strlen(rows[i].text), c, &fault), rows[i].error);
                CHECK(rows[i].error == 0 || strcmp(fault.what, "bundle") == 0);
        }
}

static void test_limits_of_a_bundle(void) {
        const CollateralOptions options = { .device_time = time(NULL), .rim_time = time(NULL) };
        _cleanup_(collateral_freep) Collateral *c = NULL;
        char path[] = "/tmp/cocoon-bundle-XXXXXX";
        _cleanup_close_ int fd = mkostemp(path, O_CLOEXEC);
        Fault fault = {};

        MUST(fd >= 0 && collateral_open(&options, &c, &fault) == 0);
        for (size_t i = 0; i < BUNDLE_MAX; i += 4096) {
                char spaces[4096];

                memset(spaces, ' ', sizeof(spaces));
                MUST(write(fd, spaces, sizeof(spaces)) == sizeof(spaces));
        }
        CHECK_EQ(bundle_load(path, c, &fault), -EBADMSG);
        MUST(write(fd, " ", 1) == 1);
        CHECK_EQ(bundle_load(path, c, &fault), -EFBIG);
        (void) unlink(path);
        CHECK_EQ(bundle_load(path, c, &fault), -ENOENT);
        CHECK_EQ(bundle_load("/dev/null", c, &fault), -EINVAL);
        CHECK_EQ(bundle_load("/tmp", c, &fault), -EINVAL);
}

static void test_bundle_that_must_be_there(void) {
        _cleanup_(services_freep) Services *s = services_new(one);
        GatherOptions o = services_options(s, NULL);
        _cleanup_(gather_result_done) GatherResult r = {};
        Fault fault = {};

        o.bundle = "/nonexistent";
        CHECK_EQ(gather(s->set, s->nonce, &o, &r, &fault), -ENOENT);
        CHECK_STR(fault.found, "/nonexistent: No such file or directory");
        o.bundle_optional = true;
        CHECK_EQ(gather(s->set, s->nonce, &o, &r, &fault), 0);
        CHECK_STR(r.bundle.found, "/nonexistent: No such file or directory");
        CHECK_EQ(r.appraisal->accepted, false);
}

static void test_rims_by_name(void) {
        _cleanup_(services_freep) Services *s = services_new(one);
        FetchOptions fetch = services_fetch(s, PATIENCE);
        GatherOptions o = services_options(s, &fetch);
        const char *ids[] = { s->scene->rims[0]->id, "NV_GPU_DRIVER_GH100_0.0", "../x", NULL };
        _cleanup_(gather_result_done) GatherResult r = {};
        Fault fault = {};

        services_control(s, "");
        CHECK_EQ(gather_rims(ids, &o, &r, &fault), 0);
        CHECK(rim_entry_is_good(r.collateral->rims[0]));
        CHECK_EQ(r.collateral->rims[0]->chain.ocsp.state, CHECK_PASSED);
        CHECK_EQ(r.collateral->rims[1]->fetched.state, CHECK_MISSING);
        CHECK(strstr(r.collateral->rims[1]->fetched.fault.found, "no such RIM"));
        CHECK_EQ(r.collateral->rims[2]->fetched.state, CHECK_MISSING);
        CHECK_EQ(r.n_requests, 2 + 3);
}

static void test_answer_of_the_rim_service(void) {
        static const char digest[] = "4e07408562bedb8b60ce05c1decfe3ad16b72230967de01f640b7e4729b49fce"; /* of "3" */
        static const char other[] = "2e7d2c03a9507ae265ecf5b5356885a53393a2029d241394997265a1a25aefc6";
        _cleanup_free_ uint8_t *xml = NULL;
        char text[512];
        Fault fault;
        size_t size;

        (void) snprintf(text, sizeof(text), "{\"id\":\"x\",\"rim\":\"Mw==\",\"sha256\":\"%s\",\"coev\":null}", digest);
        CHECK_EQ(rim_answer_parse(text, strlen(text), "x", &xml, &size, &fault), 0);
        CHECK_EQ(size, 1);
        free(xml);
        xml = NULL;
        (void) snprintf(text, sizeof(text), "{\"id\":\"x\",\"rim\":\"Mw==\",\"sha256\":\"%s\"}", other);
        CHECK_EQ(rim_answer_parse(text, strlen(text), "x", &xml, &size, &fault), -EBADMSG);
        for (const char *const *bad = (const char *const[]){
                     "{\"id\":\"y\",\"rim\":\"Mw==\"}", "{\"rim\":\"Mw==\"}", "{\"id\":\"x\"}", "{\"id\":\"x\",\"rim\":3}",
                     "{\"id\":\"x\",\"rim\":\"\"}", "{\"id\":\"x\",\"rim\":\"Mw=\"}", "[\"x\"]", "x", "",
                     "{\"id\":\"x\",\"rim\":\"Mw==\",\"sha256\":1}", "{\"id\":\"x\",\"rim\":\"Mw==\",\"sha256\":\"\"}",
                     "{\"id\":\"x\",\"rim\":\"Mw==\",\"rim_format\":\"IETF-CoRIM\"}", "{\"id\":\"x\",\"id\":\"x\",\"rim\":\"Mw==\"}",
                     NULL };
             *bad; bad++)
                CHECK_EQ(rim_answer_parse(*bad, strlen(*bad), "x", &xml, &size, &fault), -EBADMSG);
        CHECK_EQ(rim_answer_parse("{\"id\":\"x\",\"rim\":\"Mw==\"}", 23, "x", &xml, &size, &fault), 0);
}

static const Test tests[] = {
        { "a cache is filled and used",               test_cache                     },
        { "a cache comes before the network",         test_cache_before_network      },
        { "a cache that somebody spoilt",             test_spoilt_cache              },
        { "only good things are kept",                test_only_good_things_are_kept },
        { "a cache that cannot be made",              test_unusable_cache            },
        { "a RIM that is out of date",                test_outdated_rim              },
        { "a bundle, padded or cut",                  test_bundle                    },
        { "a directory as a bundle",                  test_bundle_directory          },
        { "a bundle that lacks something",            test_bundle_with_less          },
        { "what is no bundle",                        test_what_is_no_bundle         },
        { "the limits of a bundle",                   test_limits_of_a_bundle        },
        { "a bundle that must be there, and one that need not", test_bundle_that_must_be_there },
        { "RIMs by name alone",                       test_rims_by_name              },
        { "what the RIM service answers",             test_answer_of_the_rim_service },
};

int main(void) {
        if (rim_library_init() < 0)
                return 1;
        return test_run_all(tests, ELEMENTSOF(tests));
}
