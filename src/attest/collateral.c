/* SPDX-License-Identifier: Apache-2.0 */

#include "attest/collateral.h"

#include <dirent.h>
#include <fcntl.h>
#include <string.h>

#include "attest/roots.h"
#include "basic/io.h"

#define ANCHOR_FILE_MAX 16384U

/* Names in a directory of OCSP answers: a host that hands one in may make them up for ever. */
#define NAMES_MAX 16384U

/* Signer, two CAs, root: every RIM that NVIDIA ever published. */
#define RIM_CHAIN_LENGTH 4U

static int read_anchor(const char *dir, const char *name, X509 **ret, Fault *f) {
        _cleanup_(certchain_done) CertChain chain = {};
        _cleanup_free_ char *path = NULL;
        _cleanup_free_ uint8_t *pem = NULL;
        size_t size;
        int r;

        if (asprintf(&path, "%s/%s", dir, name) < 0)
                return -ENOMEM;
        r = read_file_at(AT_FDCWD, path, ANCHOR_FILE_MAX, &pem, &size);
        if (r < 0)
                return fault_set(f, r, name, "a trust anchor in PEM", "%s: %s", path, read_file_strerror(r));
        r = certchain_parse_pem((const char *) pem, size, NULL, &chain, f);
        if (r < 0)
                return r;
        if (chain.n_certs != 1)
                return fault_set(f, EBADMSG, name, "one certificate", "%zu", chain.n_certs);
        *ret = TAKE_PTR(chain.certs[0]);
        chain.n_certs = 0;
        return 0;
}

static int open_verifier(const char *dir, const char *name, X509 *(*pinned)(void), time_t at, CertVerifier **ret,
                         Fault *f) {
        _cleanup_(X509_freep) X509 *root = NULL;
        int r;

        if (dir) {
                r = read_anchor(dir, name, &root, f);
                if (r < 0)
                        return r;
        } else
                root = pinned();
        *ret = root ? cert_verifier_new(root, at) : NULL;
        return *ret ? 0 : -ENOMEM;
}

static int read_answers(const char *path, OcspAnswers *answers, Fault *f) {
        _cleanup_closedir_ DIR *dir = opendir(path);
        const struct dirent *entry;
        unsigned n = 0;

        if (!dir) {
                int error = errno;

                return fault_set(f, error, "directory of OCSP answers", "one that can be read", "%s: %s", path,
                                 strerror(error));
        }
        while ((entry = readdir(dir))) {
                const char *dot = strrchr(entry->d_name, '.');
                _cleanup_free_ uint8_t *der = NULL;
                Fault ignored;
                size_t size;

                if (++n > NAMES_MAX)
                        return fault_set(f, E2BIG, "directory of OCSP answers", "at most 16384 names", "more in %s", path);
                if (!dot || strcmp(dot, ".der") != 0)
                        continue;
                if (read_file_at(dirfd(dir), entry->d_name, OCSP_ANSWER_MAX, &der, &size) < 0) {
                        ocsp_answers_skip(answers);
                        continue;
                }
                if (ocsp_answers_add(answers, der, size, &ignored) == -ENOMEM)
                        return -ENOMEM;
        }
        return 0;
}

/* A directory that is not there would look like RIMs that are missing. */
static int check_rim_dirs(const char *const *dirs, Fault *f) {
        for (; dirs && *dirs; dirs++) {
                _cleanup_closedir_ DIR *dir = opendir(*dirs);
                int error = errno;

                if (!dir)
                        return fault_set(f, error, "directory of RIMs", "one that can be read", "%s: %s", *dirs,
                                         strerror(error));
        }
        return 0;
}

int collateral_open(const CollateralOptions *options, Collateral **ret, Fault *ret_fault) {
        _cleanup_(collateral_freep) Collateral *c = NULL;
        int r;

        c = calloc(1, sizeof(*c));
        if (!c)
                return -ENOMEM;
        c->rim_dirs = options->rim_dirs;
        r = check_rim_dirs(c->rim_dirs, ret_fault);
        if (r < 0)
                return r;
        r = open_verifier(options->anchors_dir, "device-root.pem", root_device, options->device_time,
                          &c->device_verifier, ret_fault);
        if (r < 0)
                return r;
        r = open_verifier(options->anchors_dir, "rim-root.pem", root_rim, options->rim_time, &c->rim_verifier,
                          ret_fault);
        if (r < 0)
                return r;
        if (options->ocsp) {
                c->ocsp = ocsp_answers_new();
                if (!c->ocsp)
                        return -ENOMEM;
                for (const char *const *dir = options->ocsp_dirs; dir && *dir; dir++) {
                        r = read_answers(*dir, c->ocsp, ret_fault);
                        if (r < 0)
                                return r;
                }
        }
        *ret = TAKE_PTR(c);
        return 0;
}

void rim_entry_done(RimEntry *e) {
        free(e->id);
        free(e->xml);
        certchain_done(&e->certs);
        rim_content_done(&e->content);
        *e = (RimEntry){};
}

Collateral *collateral_free(Collateral *c) {
        if (!c)
                return NULL;
        for (size_t i = 0; i < c->n_rims; i++) {
                rim_entry_done(c->rims[i]);
                free(c->rims[i]);
        }
        free(c->rims);
        for (size_t i = 0; i < c->n_stored; i++) {
                free(c->stored[i].id);
                free(c->stored[i].xml);
        }
        free(c->stored);
        free(c->cache);
        ocsp_answers_free(c->ocsp);
        cert_verifier_free(c->rim_verifier);
        cert_verifier_free(c->device_verifier);
        free(c);
        return NULL;
}

static bool outcome(Check *check, int r, const char *remark) {
        if (r >= 0)
                check_pass(check, "%s", remark);
        else if (r == -ENOMEM)
                (void) check_fail(check, "RIM", "memory to judge it", "none left");
        else
                check->state = CHECK_FAILED;
        return r >= 0;
}

static void judge_revocation(RimEntry *e, const Collateral *c) {
        chain_status_judge_revocation(&e->chain, c->rim_verifier, &e->certs, c->ocsp, 0);
        e->generation = c->ocsp ? ocsp_answers_generation(c->ocsp) : 0;
}

/* Structure, then the chain, then the signature with that chain's first key; only then is anything taken from it. */
void rim_entry_judge(RimEntry *e, const Collateral *c, const void *xml, size_t size) {
        _cleanup_(rim_freep) Rim *rim = NULL;
        int r;

        r = rim_parse(xml, size, &rim, &e->schema.fault);
        if (r >= 0)
                r = rim_check_schema(rim, &e->schema.fault);
        if (!outcome(&e->schema, r, "SWID 2015, TCG RIM"))
                return;
        r = rim_read_chain(rim, &e->certs, &e->signature.fault);
        if (r < 0) {
                (void) outcome(&e->signature, r, "");
                return;
        }
        chain_status_judge_path(&e->chain, c->rim_verifier, &e->certs, RIM_CHAIN_LENGTH);
        judge_revocation(e, c);
        if (!e->chain.authentic)
                return;
        r = rim_check_signature(rim, e->certs.certs[0], &e->signature.fault);
        if (!outcome(&e->signature, r, "XML signature by the chain's signer"))
                return;
        e->content_valid = rim_read_content(rim, &e->content) >= 0;
}

bool rim_id_is_valid(const char *id) {
        static const char allowed[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-";
        size_t n = strlen(id);

        return n > 0 && n < 200 && id[0] != '.' && strspn(id, allowed) == n;
}

bool rim_entry_is_good(const RimEntry *e) {
        return e->content_valid && e->chain.path.state == CHECK_PASSED;
}

/* What one directory has under this id, judged. 0, or -ENOENT when it has nothing that can be read; e->fetched says
 * why when that is not for want of a file. */
static int find_in(RimEntry *e, const char *dir, const Collateral *c) {
        _cleanup_free_ char *path = NULL;
        int r;

        if (asprintf(&path, "%s/%s.xml", dir, e->id) < 0) {
                path = NULL;
                return -ENOMEM;
        }
        r = read_file_at(AT_FDCWD, path, RIM_FILE_MAX, &e->xml, &e->size);
        if (r == -ENOENT || r == -ENOTDIR)
                return -ENOENT;
        if (r < 0) {
                (void) check_fail(&e->fetched, "RIM", "a file that can be read, of at most 256 KiB", "%s: %s", path,
                                  read_file_strerror(r));
                if (r == -EFBIG)
                        return 0;
                e->fetched.state = CHECK_MISSING;
                return -ENOENT;
        }
        check_pass(&e->fetched, "%s", e->id);
        rim_entry_judge(e, c, e->xml, e->size);
        return 0;
}

/* The same with what was stored, of which nobody needs another copy. */
static int find_stored(RimEntry *e, RimFile *stored, const Collateral *c) {
        if (!stored->xml || strcmp(stored->id, e->id) != 0)
                return -ENOENT;
        e->xml = TAKE_PTR(stored->xml);
        e->size = stored->size;
        check_pass(&e->fetched, "%s", e->id);
        rim_entry_judge(e, c, e->xml, e->size);
        return 0;
}

/* Good, and as far as is known not revoked: what is withdrawn is signed anew by somebody else. */
static bool is_final(const RimEntry *e) {
        return rim_entry_is_good(e) && e->chain.ocsp.state != CHECK_FAILED;
}

/* `r` is what finding the candidate came to. A good one takes the place of one that is not, and any that of none. */
static int consider(RimEntry *e, RimEntry *candidate, int r) {
        bool have_any = e->fetched.state != CHECK_MISSING;

        if (r < 0 && candidate->fetched.state == CHECK_MISSING && !have_any)
                e->fetched = candidate->fetched;
        if (r < 0 || (have_any && !is_final(candidate)))
                return r == -ENOMEM ? r : 0;
        candidate->asked = e->asked;
        rim_entry_done(e);
        *e = TAKE_STRUCT(*candidate);
        return 0;
}

/* Ids stay and RIMs are signed anew when their signers expire, so the first place with a good one counts, and one
 * place cannot keep what is in the others from being found. Without a good one, the first that there is. Place 0 is
 * the cache, then what was stored, then the directories. */
static int find_rim(RimEntry *e, Collateral *c) {
        size_t n_dirs = 0;

        while (c->rim_dirs && c->rim_dirs[n_dirs])
                n_dirs++;
        for (size_t i = 0; i < 1 + c->n_stored + n_dirs && !is_final(e); i++) {
                _cleanup_(rim_entry_done) RimEntry candidate = { .id = strdup(e->id) };
                int r = -ENOENT;

                if (!candidate.id)
                        return -ENOMEM;
                if (i == 0 && c->cache)
                        r = find_in(&candidate, c->cache, c);
                else if (i > 0 && i <= c->n_stored)
                        r = find_stored(&candidate, &c->stored[i - 1], c);
                else if (i > c->n_stored)
                        r = find_in(&candidate, c->rim_dirs[i - 1 - c->n_stored], c);
                r = consider(e, &candidate, r);
                if (r < 0)
                        return r;
        }
        return 0;
}

static RimEntry *find_entry(const Collateral *c, const char *id) {
        for (size_t i = 0; i < c->n_rims; i++)
                if (strcmp(c->rims[i]->id, id) == 0)
                        return c->rims[i];
        return NULL;
}

static RimEntry *add_entry(Collateral *c, const char *id) {
        RimEntry **rims = reallocarray(c->rims, c->n_rims + 1, sizeof(*rims)), *e;

        if (!rims)
                return NULL;
        c->rims = rims;
        e = calloc(1, sizeof(*e));
        if (!e)
                return NULL;
        e->id = strdup(id);
        if (!e->id) {
                free(e);
                return NULL;
        }
        c->rims[c->n_rims++] = e;
        (void) check_fail(&e->fetched, "RIM", id, "none");
        e->fetched.state = CHECK_MISSING;
        return e;
}

const RimEntry *collateral_rim(Collateral *c, const char *id) {
        RimEntry *e = find_entry(c, id);

        if (!e) {
                e = add_entry(c, id);
                return e && (!rim_id_is_valid(id) || find_rim(e, c) >= 0) ? e : NULL;
        }
        if (c->ocsp && e->certs.n_certs > 0 && e->generation != ocsp_answers_generation(c->ocsp))
                judge_revocation(e, c);
        return e;
}

int collateral_set_cache(Collateral *c, const char *dir) {
        c->cache = strdup(dir);
        return c->cache ? 0 : -ENOMEM;
}

int collateral_store_rim(Collateral *c, const char *id, uint8_t *xml, size_t size, Fault *ret_fault) {
        RimFile *stored;
        char *copy;

        if (c->n_stored >= COLLATERAL_STORED_MAX)
                return fault_set(ret_fault, E2BIG, "RIMs", "at most 256", "more");
        copy = strdup(id);
        stored = reallocarray(c->stored, c->n_stored + 1, sizeof(*stored));
        if (stored)
                c->stored = stored;
        if (!copy || !stored) {
                free(copy);
                return -ENOMEM;
        }
        c->stored[c->n_stored++] = (RimFile){ .id = copy, .xml = xml, .size = size };
        return 0;
}

RimEntry *collateral_next_rim(const Collateral *c, size_t *at) {
        while (*at < c->n_rims) {
                RimEntry *e = c->rims[(*at)++];

                if (!e->asked && (e->doubted || !rim_entry_is_good(e)) && rim_id_is_valid(e->id))
                        return e;
        }
        return NULL;
}

OcspWant *collateral_next_answer(const Collateral *c, size_t *at) {
        OcspWant *want;

        while (c->ocsp && (want = ocsp_answers_want(c->ocsp, (*at)++)))
                if (!want->asked && !want->met)
                        return want;
        return NULL;
}

int collateral_give_rim(Collateral *c, RimEntry *e, uint8_t *xml, size_t size) {
        RimEntry candidate = { .id = strdup(e->id), .xml = xml, .size = size, .asked = true, .fetched_live = true };

        e->asked = true;
        if (!candidate.id) {
                free(xml);
                return -ENOMEM;
        }
        check_pass(&candidate.fetched, "%s", e->id);
        rim_entry_judge(&candidate, c, xml, size);
        if (e->fetched.state == CHECK_MISSING || rim_entry_is_good(&candidate)) {
                rim_entry_done(e);
                *e = TAKE_STRUCT(candidate);
        }
        rim_entry_done(&candidate);
        return 0;
}

/* Why there is none belongs to what is said when it is missed. */
void collateral_deny_rim(RimEntry *e, const Fault *why) {
        Check *check = &e->fetched;
        char before[sizeof(check->fault.found)];

        e->asked = true;
        if (check->state != CHECK_MISSING)
                return;
        (void) snprintf(before, sizeof(before), "%s", check->fault.found);
        (void) fault_set(&check->fault, 0, why->what, why->expected, "%s; %s", before, why->found);
}

void collateral_doubt_rim(Collateral *c, const char *id) {
        RimEntry *e = find_entry(c, id);

        if (e && !e->fetched_live)
                e->doubted = true;
}
