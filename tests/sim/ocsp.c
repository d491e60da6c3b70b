/* SPDX-License-Identifier: Apache-2.0 */

#include "sim/ocsp.h"

#include <fcntl.h>
#include <openssl/ocsp.h>
#include <openssl/pem.h>
#include <spawn.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "sim/bytes.h"
#include "sim/must.h"

#define ANSWER_MAX 65536U
#define DAY_MIN    1440U

extern char **environ;

const uint8_t sim_ocsp_unauthorized[5] = { 0x30, 0x03, 0x0a, 0x01, 0x06 };
const uint8_t sim_ocsp_try_later[5] = { 0x30, 0x03, 0x0a, 0x01, 0x03 };

/* All that one run of the program needs, in a directory of its own. */
static const char *const work_files[] = {
        "index.txt", "index.txt.attr", "ca.pem", "responder.pem", "responder.key", "request.der", "answer.der", "log",
};

static void remove_work(char **dir) {
        if (!*dir)
                return;
        for (size_t i = 0; i < ELEMENTSOF(work_files); i++) {
                _cleanup_free_ char *path = NULL;

                MUST(asprintf(&path, "%s/%s", *dir, work_files[i]) >= 0);
                (void) unlink(path);
        }
        (void) rmdir(*dir);
        free(*dir);
}

static int make_work(char **ret) {
        const char *tmp = getenv("TMPDIR");
        _cleanup_free_ char *dir = NULL;

        MUST(asprintf(&dir, "%s/cocoon-sim-XXXXXX", tmp && *tmp ? tmp : "/tmp") >= 0);
        if (!mkdtemp(dir))
                return -errno;
        *ret = TAKE_PTR(dir);
        return 0;
}

static int write_bio(const char *dir, const char *name, BIO *bio) {
        char *data;
        long n = BIO_get_mem_data(bio, &data);
        int r;

        MUST(n > 0);
        r = sim_write_file(dir, name, data, (size_t) n);
        BIO_free(bio);
        return r;
}

static int write_cert(const char *dir, const char *name, X509 *cert) {
        BIO *bio = BIO_new(BIO_s_mem());

        MUST(bio && PEM_write_bio_X509(bio, cert) == 1);
        return write_bio(dir, name, bio);
}

static int write_key(const char *dir, const char *name, EVP_PKEY *key) {
        BIO *bio = BIO_new(BIO_s_mem());

        MUST(bio && PEM_write_bio_PrivateKey(bio, key, NULL, NULL, 0, NULL, NULL) == 1);
        return write_bio(dir, name, bio);
}

static void serial_text(X509 *cert, char *ret, size_t size) {
        BIGNUM *number = ASN1_INTEGER_to_BN(X509_get0_serialNumber(cert), NULL);
        char *text = number ? BN_bn2hex(number) : NULL;

        MUST(text && strlen(text) < size);
        memcpy(ret, text, strlen(text) + 1);
        OPENSSL_free(text);
        BN_free(number);
}

/* A line of openssl-ca(1)'s database: status, expiry, revocation, serial number, file, subject. No line: unknown. */
static int write_index(const char *dir, const SimOcspSpec *spec) {
        _cleanup_bytes_ SimBytes line = {};
        char serial[48];
        int r;

        serial_text(spec->cert, serial, sizeof(serial));
        if (spec->status == SIM_OCSP_GOOD)
                sim_bytes_printf(&line, "V\t99991231235959Z\t\t%s\tunknown\t/CN=device\n", serial);
        else if (spec->status == SIM_OCSP_REVOKED)
                sim_bytes_printf(&line, "R\t99991231235959Z\t230101000000Z%s%s\t%s\tunknown\t/CN=device\n",
                                 spec->reason ? "," : "", spec->reason ?: "", serial);
        r = sim_write_file(dir, "index.txt", line.data, line.size);
        if (r < 0)
                return r;
        return sim_write_file(dir, "index.txt.attr", "unique_subject = no\n", strlen("unique_subject = no\n"));
}

static int write_request(const char *dir, const SimOcspSpec *spec, X509 *issuer) {
        const EVP_MD *digest = EVP_get_digestbyname(spec->digest ?: "sha384");
        OCSP_REQUEST *request = OCSP_REQUEST_new();
        OCSP_CERTID *id = digest ? OCSP_cert_to_id(digest, spec->cert, issuer) : NULL;
        unsigned char *der = NULL;
        int n, r;

        MUST(request && id && OCSP_request_add0_id(request, id));
        if (spec->nonce)
                MUST(OCSP_request_add1_nonce(request, NULL, 32) == 1);
        n = i2d_OCSP_REQUEST(request, &der);
        MUST(n > 0);
        r = sim_write_file(dir, "request.der", der, (size_t) n);
        OPENSSL_free(der);
        OCSP_REQUEST_free(request);
        return r;
}

static int prepare(SimPki *pki, const SimOcspSpec *spec, const char *dir) {
        const SimCert *issuer = sim_pki_cert(pki, spec->authority);
        const SimCert *responder = sim_pki_responder(pki, spec->authority, spec->responder);
        int r;

        r = write_cert(dir, "ca.pem", issuer->cert);
        if (r < 0)
                return r;
        r = write_cert(dir, "responder.pem", responder->cert);
        if (r < 0)
                return r;
        r = write_key(dir, "responder.key", responder->key);
        if (r < 0)
                return r;
        r = write_index(dir, spec);
        if (r < 0)
                return r;
        return write_request(dir, spec, issuer->cert);
}

static void print_log(const char *path) {
        _cleanup_fclose_ FILE *f = fopen(path, "re");
        char line[256];

        while (f && fgets(line, sizeof(line), f))
                (void) fputs(line, stderr);
}

static int run(const char *dir, char *const argv[]) {
        _cleanup_free_ char *log = NULL;
        posix_spawn_file_actions_t actions;
        int r, status;
        pid_t pid;

        MUST(asprintf(&log, "%s/log", dir) >= 0);
        MUST(posix_spawn_file_actions_init(&actions) == 0);
        MUST(posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0) == 0);
        MUST(posix_spawn_file_actions_addopen(&actions, STDOUT_FILENO, log, O_WRONLY | O_CREAT | O_TRUNC,
                                              0600) == 0);
        MUST(posix_spawn_file_actions_adddup2(&actions, STDOUT_FILENO, STDERR_FILENO) == 0);
        r = posix_spawnp(&pid, argv[0], &actions, NULL, argv, environ);
        (void) posix_spawn_file_actions_destroy(&actions);
        if (r != 0)
                return r == ENOENT ? -ENOPKG : -r;
        while (waitpid(pid, &status, 0) < 0)
                if (errno != EINTR)
                        return -errno;
        if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
                return 0;
        print_log(log);
        return -EIO;
}

/* Every file is named in full: the caller's working directory stays as it is. */
static int run_responder(const char *dir, unsigned minutes) {
        char paths[7][256], validity[16];
        static const unsigned order[] = { 0, 2, 3, 4, 5, 6 };

        for (size_t i = 0; i < ELEMENTSOF(order); i++)
                MUST((size_t) snprintf(paths[order[i]], sizeof(paths[0]), "%s/%s", dir, work_files[order[i]]) <
                     sizeof(paths[0]));
        (void) snprintf(validity, sizeof(validity), "%u", minutes);

        const char *argv[] = {
                "openssl", "ocsp",    "-index", paths[0],  "-CA",   paths[2],       "-rsigner", paths[3], "-rkey",
                paths[4],  "-reqin",  paths[5], "-respout", paths[6], "-resp_key_id", "-rmd",     "sha384", "-nmin",
                validity,  NULL,
        };
        char *copy[ELEMENTSOF(argv)] = {};
        int r;

        for (size_t i = 0; argv[i]; i++)
                MUST(copy[i] = strdup(argv[i]));
        r = run(dir, copy);
        for (size_t i = 0; copy[i]; i++)
                free(copy[i]);
        return r;
}

static int read_answer(const char *dir, uint8_t **ret, size_t *ret_size) {
        _cleanup_free_ uint8_t *data = malloc(ANSWER_MAX);
        _cleanup_free_ char *path = NULL;
        _cleanup_fclose_ FILE *f = NULL;
        size_t n;

        MUST(data && asprintf(&path, "%s/answer.der", dir) >= 0);
        f = fopen(path, "re");
        if (!f)
                return -errno;
        n = fread(data, 1, ANSWER_MAX, f);
        if (n == 0 || ferror(f))
                return -EIO;
        *ret = TAKE_PTR(data);
        *ret_size = n;
        return 0;
}

int sim_ocsp_answer(SimPki *pki, const SimOcspSpec *spec, uint8_t **ret, size_t *ret_size) {
        _cleanup_(remove_work) char *dir = NULL;
        int r;

        r = make_work(&dir);
        if (r < 0)
                return r;
        r = prepare(pki, spec, dir);
        if (r < 0)
                return r;
        r = run_responder(dir, spec->minutes > 0 ? spec->minutes : DAY_MIN);
        if (r < 0)
                return r;
        return read_answer(dir, ret, ret_size);
}

SimOcspSpec sim_ocsp_device(SimDevice *d, unsigned level) {
        SimAuthority authority = sim_device_authority(d);
        X509 *cert = d->brom->cert;

        MUST(level >= 1 && level <= 3);
        for (unsigned i = 1; i < level; i++) {
                cert = sim_pki_cert(d->pki, authority)->cert;
                authority = sim_authority_issuer(authority);
        }
        return (SimOcspSpec){ .cert = cert, .authority = authority };
}

SimOcspSpec sim_ocsp_rim(SimDevice *d, unsigned level) {
        SimAuthority authority = sim_device_rim_signer(d);

        MUST(level <= 2);
        for (unsigned i = 0; i < level; i++)
                authority = sim_authority_issuer(authority);
        return (SimOcspSpec){
                .cert = sim_pki_cert(d->pki, authority)->cert,
                .authority = sim_authority_issuer(authority),
        };
}

void sim_ocsp_file_name(const SimOcspSpec *spec, char ret[static 64]) {
        char serial[48];

        serial_text(spec->cert, serial, sizeof(serial));
        (void) snprintf(ret, 64, "%s.der", serial);
}

int sim_ocsp_write(SimPki *pki, const SimOcspSpec *spec, const char *dir) {
        _cleanup_free_ uint8_t *der = NULL;
        char name[64];
        size_t size;
        int r;

        r = sim_ocsp_answer(pki, spec, &der, &size);
        if (r < 0)
                return r;
        sim_ocsp_file_name(spec, name);
        return sim_write_file(dir, name, der, size);
}

/* Devices share most of their certificates. */
typedef struct CertSet {
        X509 **certs;
        size_t n;
} CertSet;

static bool first_time(CertSet *set, X509 *cert) {
        for (size_t i = 0; i < set->n; i++)
                if (set->certs[i] == cert)
                        return false;
        set->certs[set->n++] = cert;
        return true;
}

int sim_ocsp_write_all(SimPki *pki, SimDevice *const *devices, size_t n, const char *dir) {
        _cleanup_free_ X509 **certs = calloc(6 * n + 1, sizeof(*certs));
        CertSet done = { .certs = certs };

        MUST(certs);
        for (size_t i = 0; i < n; i++)
                for (unsigned level = 0; level < 3; level++) {
                        SimOcspSpec specs[] = {
                                sim_ocsp_device(devices[i], level + 1),
                                sim_ocsp_rim(devices[i], level),
                        };

                        for (size_t k = 0; k < ELEMENTSOF(specs); k++) {
                                int r;

                                if (!first_time(&done, specs[k].cert))
                                        continue;
                                r = sim_ocsp_write(pki, &specs[k], dir);
                                if (r < 0)
                                        return r;
                        }
                }
        return 0;
}
