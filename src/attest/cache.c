/* SPDX-License-Identifier: Apache-2.0 */

#include "attest/cache.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "basic/hex.h"
#include "basic/io.h"

struct Cache {
        char *rims, *answers;
};

static int make_directory(const char *path, Fault *f) {
        if (mkdir(path, 0755) >= 0 || errno == EEXIST)
                return 0;
        return fault_set(f, errno, "cache", "a directory that can be made", "%s: %s", path, strerror(errno));
}

int cache_open(const char *dir, Cache **ret, Fault *ret_fault) {
        _cleanup_(cache_freep) Cache *cache = calloc(1, sizeof(*cache));
        int r;

        if (!cache)
                return -ENOMEM;
        if (asprintf(&cache->rims, "%s/rims", dir) < 0) {
                cache->rims = NULL;
                return -ENOMEM;
        }
        if (asprintf(&cache->answers, "%s/ocsp", dir) < 0) {
                cache->answers = NULL;
                return -ENOMEM;
        }
        r = make_directory(dir, ret_fault);
        if (r >= 0)
                r = make_directory(cache->rims, ret_fault);
        if (r >= 0)
                r = make_directory(cache->answers, ret_fault);
        if (r < 0)
                return r;
        *ret = TAKE_PTR(cache);
        return 0;
}

Cache *cache_free(Cache *cache) {
        if (!cache)
                return NULL;
        free(cache->rims);
        free(cache->answers);
        free(cache);
        return NULL;
}

static char *answer_path(const Cache *cache, const uint8_t key[static OCSP_KEY_SIZE]) {
        char name[2 * OCSP_KEY_SIZE + 1], *path;

        return asprintf(&path, "%s/%s.der", cache->answers, hex_encode(key, OCSP_KEY_SIZE, name)) < 0 ? NULL : path;
}

static int look_up(void *userdata, const uint8_t key[static OCSP_KEY_SIZE], uint8_t **ret, size_t *ret_size) {
        _cleanup_free_ char *path = answer_path(userdata, key);

        return path && read_file_at(AT_FDCWD, path, OCSP_ANSWER_MAX, ret, ret_size) >= 0 ? 0 : -ENOENT;
}

int cache_attach(Cache *cache, Collateral *c) {
        if (c->ocsp)
                ocsp_answers_set_lookup(c->ocsp, look_up, cache);
        return collateral_set_cache(c, cache->rims);
}

/* What one failure means for the rest is not known: all are tried. */
static void keep(const char *path, const void *data, size_t size, int *first, Fault *f) {
        int r;

        r = path ? write_file_atomic(path, data, size, 0644) : -ENOMEM;
        if (r >= 0 || *first < 0)
                return;
        *first = r;
        (void) fault_set(f, r, "cache", "a directory that can be written", "%s: %s", path ?: "", strerror(-r));
}

int cache_store(const Cache *cache, const Collateral *c, Fault *ret_fault) {
        OcspAnswerView answer;
        OcspWant *want;
        int r = 0;

        for (size_t i = 0; i < c->n_rims; i++) {
                const RimEntry *e = c->rims[i];
                _cleanup_free_ char *path = NULL;

                if (!e->fetched_live || !rim_entry_is_good(e))
                        continue;
                if (asprintf(&path, "%s/%s.xml", cache->rims, e->id) < 0)
                        path = NULL;
                keep(path, e->xml, e->size, &r, ret_fault);
        }
        for (size_t i = 0; c->ocsp && (want = ocsp_answers_want(c->ocsp, i)); i++) {
                _cleanup_free_ char *path = NULL;

                if (!want->asked || *want->denied.found || !ocsp_answers_get(c->ocsp, want->answer, &answer) ||
                    !answer.good)
                        continue;
                path = answer_path(cache, want->key);
                keep(path, answer.der, answer.size, &r, ret_fault);
        }
        return r;
}
