/* SPDX-License-Identifier: Apache-2.0 */

#include "model/filehash.h"

#include <inttypes.h>
#include <openssl/evp.h>
#include <string.h>

struct FileHash {
        EVP_MD_CTX *context;
};

FileHash *file_hash_new(void) {
        FileHash *h = calloc(1, sizeof(*h));

        if (!h)
                return NULL;
        h->context = EVP_MD_CTX_new();
        return h->context ? h : file_hash_free(h);
}

FileHash *file_hash_free(FileHash *h) {
        if (h)
                EVP_MD_CTX_free(h->context);
        free(h);
        return NULL;
}

int file_hash_start(FileHash *h, const HubFile *file) {
        char header[32];
        int n;

        if (file->hash == HUB_HASH_SHA256)
                return EVP_DigestInit_ex(h->context, EVP_sha256(), NULL) == 1 ? 0 : -ENOTSUP;
        n = snprintf(header, sizeof(header), "blob %" PRIu64, file->size);
        return EVP_DigestInit_ex(h->context, EVP_sha1(), NULL) == 1 ? file_hash_add(h, header, (size_t) n + 1) : -ENOTSUP;
}

int file_hash_add(FileHash *h, const void *data, size_t size) {
        return EVP_DigestUpdate(h->context, data, size) == 1 ? 0 : -EIO;
}

bool file_hash_matches(FileHash *h, const HubFile *file) {
        uint8_t digest[EVP_MAX_MD_SIZE];
        unsigned size;

        return EVP_DigestFinal_ex(h->context, digest, &size) == 1 && size <= sizeof(file->digest) &&
               memcmp(digest, file->digest, size) == 0;
}
