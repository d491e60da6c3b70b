/* SPDX-License-Identifier: Apache-2.0 */

#include "attest/collateral.h"

#include <dirent.h>
#include <fcntl.h>
#include <string.h>

#include "attest/roots.h"
#include "basic/io.h"

#define ANCHOR_FILE_MAX 16384U

/* Signer, two CAs, root: every RIM that NVIDIA ever published. */
#define RIM_CHAIN_LENGTH 4U

static void closedir_one(DIR *d) {
        (void) closedir(d);
}
DEFINE_CLEANUP_FUNC(DIR *, closedir_one)

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
        _cleanup_(closedir_onep) DIR *dir = opendir(path);
        const struct dirent *entry;

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
                _cleanup_(closedir_onep) DIR *dir = opendir(*dirs);
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

/* Structure, then the chain, then the signature with that chain's first key; only then is anything taken from it. */
void rim_entry_judge(RimEntry *e, const Collateral *c, const void *xml, size_t size) {
        _cleanup_(certchain_done) CertChain chain = {};
        _cleanup_(rim_freep) Rim *rim = NULL;
        int r;

        r = rim_parse(xml, size, &rim, &e->schema.fault);
        if (r >= 0)
                r = rim_check_schema(rim, &e->schema.fault);
        if (!outcome(&e->schema, r, "SWID 2015, TCG RIM"))
                return;
        r = rim_read_chain(rim, &chain, &e->signature.fault);
        if (r < 0) {
                (void) outcome(&e->signature, r, "");
                return;
        }
        chain_status_judge_path(&e->chain, c->rim_verifier, &chain, RIM_CHAIN_LENGTH);
        chain_status_judge_revocation(&e->chain, c->rim_verifier, &chain, c->ocsp, 0);
        if (!e->chain.authentic)
                return;
        r = rim_check_signature(rim, chain.certs[0], &e->signature.fault);
        if (!outcome(&e->signature, r, "XML signature by the chain's signer"))
                return;
        e->content_valid = rim_read_content(rim, &e->content) >= 0;
}

/* Ids are made from text of the report, which opaque_text() has restricted; a path never leaves the directory. */
static bool is_file_name(const char *id) {
        return *id && *id != '.' && !strchr(id, '/') && strlen(id) < 200;
}

static bool is_good(const RimEntry *e) {
        return e->content_valid && e->chain.path.state == CHECK_PASSED;
}

/* What one directory has under this id, judged. 0, or -ENOENT when it has nothing that can be read; e->fetched says
 * why when that is not for want of a file. */
static int fetch_from(RimEntry *e, const char *dir, const Collateral *c) {
        _cleanup_free_ uint8_t *xml = NULL;
        _cleanup_free_ char *path = NULL;
        size_t size;
        int r;

        if (asprintf(&path, "%s/%s.xml", dir, e->id) < 0) {
                path = NULL;
                return -ENOMEM;
        }
        r = read_file_at(AT_FDCWD, path, RIM_FILE_MAX, &xml, &size);
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
        rim_entry_judge(e, c, xml, size);
        return 0;
}

/* Ids stay and RIMs are signed anew when their signers expire, so the first directory with a good one counts, and one
 * directory cannot keep what is in the others from being found. Without a good one, the first that there is. */
static int fetch(RimEntry *e, const Collateral *c) {
        bool have_any = false;
        char expected[224];

        (void) snprintf(expected, sizeof(expected), "%s.xml in a RIM directory", e->id);
        (void) check_fail(&e->fetched, "RIM", expected, "none");
        e->fetched.state = CHECK_MISSING;
        for (const char *const *dir = c->rim_dirs; dir && *dir && is_file_name(e->id) && !is_good(e); dir++) {
                _cleanup_(rim_entry_done) RimEntry candidate = { .id = strdup(e->id) };
                int r;

                r = candidate.id ? fetch_from(&candidate, *dir, c) : -ENOMEM;
                if (r == -ENOMEM)
                        return r;
                if (r < 0 && candidate.fetched.state == CHECK_MISSING && !have_any)
                        e->fetched = candidate.fetched;
                if (r < 0 || (have_any && !is_good(&candidate)))
                        continue;
                have_any = true;
                rim_entry_done(e);
                *e = TAKE_STRUCT(candidate);
        }
        return 0;
}

const RimEntry *collateral_rim(Collateral *c, const char *id) {
        RimEntry **rims, *e;

        for (size_t i = 0; i < c->n_rims; i++)
                if (strcmp(c->rims[i]->id, id) == 0)
                        return c->rims[i];
        rims = reallocarray(c->rims, c->n_rims + 1, sizeof(*rims));
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
        return fetch(e, c) < 0 ? NULL : e;
}
