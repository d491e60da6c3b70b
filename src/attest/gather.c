/* SPDX-License-Identifier: Apache-2.0 */

#include "attest/gather.h"

#include <string.h>
#include <sys/stat.h>

#include "attest/bundle.h"
#include "basic/clock.h"

/* Something new is asked for at most twice: what is missing, and what turns out not to fit. */
#define ROUNDS_MAX 4U

static bool is_directory(const char *path) {
        struct stat st;

        return stat(path, &st) >= 0 && S_ISDIR(st.st_mode);
}

/* DIR/NAME and then `others`, without the former when it is not there. */
static int put_first(const char *dir, const char *name, const char *const *others, char **ret_path,
                     const char ***ret_list) {
        size_t n = 0, k = 0;

        while (others && others[n])
                n++;
        *ret_list = calloc(n + 2, sizeof(char *));
        if (!*ret_list)
                return -ENOMEM;
        if (asprintf(ret_path, "%s/%s", dir, name) < 0) {
                *ret_path = NULL;
                return -ENOMEM;
        }
        if (is_directory(*ret_path))
                (*ret_list)[k++] = *ret_path;
        for (size_t i = 0; i < n; i++)
                (*ret_list)[k++] = others[i];
        return 0;
}

/* A bundle that is a directory stands before the others. */
static int open_collateral(const GatherOptions *o, GatherResult *result, Fault *f) {
        CollateralOptions options = o->collateral;
        int r = 0;

        if (o->bundle && is_directory(o->bundle)) {
                r = put_first(o->bundle, "rims", options.rim_dirs, &result->bundle_rims, &result->rim_dirs);
                if (r >= 0)
                        r = put_first(o->bundle, "ocsp", options.ocsp_dirs, &result->bundle_answers,
                                      &result->ocsp_dirs);
                options.rim_dirs = result->rim_dirs;
                options.ocsp_dirs = result->ocsp_dirs;
        }
        if (r >= 0)
                r = collateral_open(&options, &result->collateral, f);
        if (r >= 0 && result->collateral->ocsp && o->max_age_usec > 0)
                ocsp_answers_set_max_age(result->collateral->ocsp, (o->max_age_usec + USEC_PER_SEC - 1) / USEC_PER_SEC);
        return r;
}

/* A cache only saves time: one that cannot be used is noted. */
static int use_cache(const GatherOptions *o, GatherResult *result) {
        int r;

        if (!o->cache)
                return 0;
        r = cache_open(o->cache, &result->cache_open, &result->cache);
        if (r < 0)
                return r == -ENOMEM ? r : 0;
        return cache_attach(result->cache_open, result->collateral);
}

static int use_bundle(const GatherOptions *o, GatherResult *result, Fault *f) {
        int r;

        if (!o->bundle || is_directory(o->bundle))
                return 0;
        r = bundle_load(o->bundle, result->collateral, &result->bundle);
        if (r == -ENOMEM || r >= 0)
                return r;
        *f = result->bundle;
        return o->bundle_optional ? 0 : r;
}

static int prepare(const GatherOptions *o, GatherResult *result, Fetcher **ret_fetcher, Fault *f) {
        int r;

        r = open_collateral(o, result, f);
        if (r >= 0)
                r = use_cache(o, result);
        if (r >= 0)
                r = use_bundle(o, result, f);
        if (r >= 0 && o->fetch)
                r = fetcher_new(o->fetch, ret_fetcher, f);
        return r;
}

/* RIMs that were at hand and that may be out of date, or another's: their signers are no longer good, or they do not
 * agree with the device, as happens when values are corrected under the same id. */
static void doubt(Collateral *c, const Appraisal *a) {
        static const CheckId firsts[] = {
                [RIM_SLOT_DRIVER] = CHECK_DRIVER_RIM,
                [RIM_SLOT_VBIOS]  = CHECK_VBIOS_RIM,
        };

        for (size_t i = 0; i < a->n_devices; i++) {
                const Check *checks = a->devices[i].checks;
                bool disagree = checks[CHECK_MEASUREMENTS].state == CHECK_FAILED ||
                                checks[CHECK_MINIMUM_SVN].state == CHECK_FAILED ||
                                checks[CHECK_NO_CONFLICT].state == CHECK_FAILED;

                for (RimSlot slot = 0; slot < _RIM_SLOT_MAX; slot++) {
                        bool doubted = disagree;

                        for (unsigned k = 0; k < _RIM_CHECK_MAX; k++)
                                doubted = doubted || checks[firsts[slot] + k].state == CHECK_FAILED;
                        if (doubted && a->devices[i].rims[slot])
                                collateral_doubt_rim(c, a->devices[i].rims[slot]->id);
                }
        }
}

static bool misses_anything(const Collateral *c) {
        size_t rims = 0, answers = 0;

        return collateral_next_rim(c, &rims) || collateral_next_answer(c, &answers);
}

static int appraise_in_rounds(const EvidenceSet *set, const uint8_t *root_nonce, Fetcher *fetcher, GatherResult *result) {
        for (;;) {
                int r;

                result->appraisal = appraisal_free(result->appraisal);
                r = appraise(set, root_nonce, result->collateral, &result->appraisal);
                if (r < 0)
                        return r;
                result->n_rounds++;
                if (!fetcher)
                        return 0;
                doubt(result->collateral, result->appraisal);
                if (result->n_rounds >= ROUNDS_MAX || !misses_anything(result->collateral))
                        return 0;
                /* It looks into RIMs that are about to be replaced. */
                result->appraisal = appraisal_free(result->appraisal);
                r = fetch_missing(fetcher, result->collateral);
                if (r < 0)
                        return r;
        }
}

static int finish(GatherResult *result, Fetcher *fetcher) {
        if (fetcher)
                result->n_requests = fetcher_requests(fetcher);
        if (!result->cache_open)
                return 0;
        return cache_store(result->cache_open, result->collateral, &result->cache) == -ENOMEM ? -ENOMEM : 0;
}

int gather(const EvidenceSet *set, const uint8_t *root_nonce, const GatherOptions *o, GatherResult *ret,
           Fault *ret_fault) {
        _cleanup_(gather_result_done) GatherResult result = {};
        _cleanup_(fetcher_freep) Fetcher *fetcher = NULL;
        int r;

        r = prepare(o, &result, &fetcher, ret_fault);
        if (r >= 0)
                r = appraise_in_rounds(set, root_nonce, fetcher, &result);
        if (r >= 0)
                r = finish(&result, fetcher);
        if (r < 0)
                return r;
        *ret = TAKE_STRUCT(result);
        return 0;
}

int gather_rims(const char *const *ids, const GatherOptions *o, GatherResult *ret, Fault *ret_fault) {
        _cleanup_(gather_result_done) GatherResult result = {};
        _cleanup_(fetcher_freep) Fetcher *fetcher = NULL;
        int r;

        r = prepare(o, &result, &fetcher, ret_fault);
        for (size_t round = 0; r >= 0 && round < 2; round++) {
                for (const char *const *id = ids; r >= 0 && *id; id++)
                        r = collateral_rim(result.collateral, *id) ? 0 : -ENOMEM;
                if (r >= 0 && round == 0 && fetcher)
                        r = fetch_missing(fetcher, result.collateral);
        }
        if (r >= 0)
                r = finish(&result, fetcher);
        if (r < 0)
                return r;
        *ret = TAKE_STRUCT(result);
        return 0;
}

void gather_result_done(GatherResult *r) {
        appraisal_free(r->appraisal);
        collateral_free(r->collateral);
        cache_free(r->cache_open);
        free(r->rim_dirs);
        free(r->ocsp_dirs);
        free(r->bundle_rims);
        free(r->bundle_answers);
        *r = (GatherResult){};
}
