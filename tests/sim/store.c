/* SPDX-License-Identifier: Apache-2.0 */

#include "sim/store.h"

#include <ctype.h>
#include <fcntl.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>

#include "basic/io.h"
#include "sim/must.h"

#define FILE_LIMIT 65536U

int sim_store_open(const char *dir, int *ret) {
        _cleanup_close_ int fd = -EBADF;

        if (mkdir(dir, 0777) < 0 && errno != EEXIST)
                return -errno;
        fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (fd < 0 || flock(fd, LOCK_EX) < 0)
                return -errno;
        *ret = TAKE_FD(fd);
        return 0;
}

static char *path_of(const char *dir, const char *name, const char *suffix) {
        char *path;

        MUST(asprintf(&path, "%s/%s%s", dir, name, suffix) >= 0);
        return path;
}

/* False when nothing is kept under that name. Either of the two may be NULL. */
static bool load(const char *dir, const char *name, EVP_PKEY **ret_key, X509 **ret_cert) {
        _cleanup_free_ char *path = dir ? path_of(dir, name, ".pem") : NULL;
        _cleanup_free_ uint8_t *text = NULL;
        size_t size;
        BIO *bio;
        int r;

        if (!dir)
                return false;
        r = read_file_at(AT_FDCWD, path, FILE_LIMIT, &text, &size);
        if (r == -ENOENT)
                return false;
        MUST(r >= 0);
        bio = BIO_new_mem_buf(text, (int) size);
        MUST(bio);
        if (ret_key)
                MUST(*ret_key = PEM_read_bio_PrivateKey(bio, NULL, NULL, NULL));
        if (ret_cert)
                MUST(*ret_cert = PEM_read_bio_X509(bio, NULL, NULL, NULL));
        BIO_free(bio);
        return true;
}

static void keep(const char *dir, const char *name, const SimCert *c) {
        _cleanup_free_ char *path = path_of(dir, name, ".pem");
        BIO *bio = BIO_new(BIO_s_mem());
        char *data;
        long size;

        MUST(bio && PEM_write_bio_PrivateKey(bio, c->key, NULL, NULL, 0, NULL, NULL) == 1);
        MUST(PEM_write_bio_X509(bio, c->cert) == 1);
        size = BIO_get_mem_data(bio, &data);
        MUST(size > 0 && write_file_atomic(path, data, (size_t) size, 0600) >= 0);
        BIO_free(bio);
}

SimCert *sim_store_cert(const char *dir, const char *name, const SimCertSpec *spec) {
        EVP_PKEY *key = NULL;
        X509 *cert = NULL;
        SimCert *c;

        if (load(dir, name, &key, &cert))
                return sim_cert_adopt(spec, cert, key);
        c = sim_cert_issue(spec);
        if (dir)
                keep(dir, name, c);
        return c;
}

EVP_PKEY *sim_store_key(const char *dir, const char *name) {
        EVP_PKEY *key = NULL;

        return load(dir, name, &key, NULL) ? key : sim_key_new();
}

void sim_store_random(const char *dir, const char *name, uint8_t *ret, size_t size) {
        _cleanup_free_ char *path = dir ? path_of(dir, name, "") : NULL;
        _cleanup_free_ uint8_t *data = NULL;
        size_t found = 0;
        int r = dir ? read_file_at(AT_FDCWD, path, size, &data, &found) : -ENOENT;

        if (r >= 0) {
                MUST(found == size);
                memcpy(ret, data, size);
                return;
        }
        MUST(r == -ENOENT && RAND_bytes(ret, (int) size) == 1);
        if (dir)
                MUST(write_file_atomic(path, ret, size, 0600) >= 0);
}

char *sim_store_name(const char *text, char ret[static 160]) {
        size_t n = 0;

        for (; *text && n + 1 < 160; text++)
                if (isalnum((unsigned char) *text))
                        ret[n++] = *text;
                else if (n > 0 && ret[n - 1] != '-')
                        ret[n++] = '-';
        ret[n] = 0;
        return ret;
}
