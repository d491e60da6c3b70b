/* SPDX-License-Identifier: Apache-2.0 */

/* The two roots that are compiled in, against what is documented of them and nothing that their bytes say. */

#include <openssl/evp.h>
#include <openssl/x509v3.h>

#include "attest/certchain.h"
#include "attest/roots.h"
#include "basic/hex.h"
#include "test.h"

typedef struct Documented {
        X509 *(*root)(void);
        const char *subject, *serial, *fingerprint, *key_fingerprint, *key_id, *not_before, *not_after;
        int size;
} Documented;

/* NVIDIA's documentation of its certificate authorities and its verifiers. SHA-256 of the certificate and of its
 * SubjectPublicKeyInfo, in DER. */
static const Documented documented[] = {
        {
                root_device,
                "/CN=NVIDIA Device Identity CA/O=NVIDIA",
                "2d3670b1ca100411c1fec0e82a065b54",
                "102bf659d5419614c9d8e6aecebc80454eb26b1df6a769ac720b9a690b167b48",
                "a90c4eb5acfd3e3d03a25db6a26b84f720ad0503196c627c21ddd48dd85b06a4",
                "5785ff83f263cc657d68b73a5bf48d4acbfb495f",
                "20211105000000Z",
                "99991231235959Z",
                527,
        },
        {
                root_rim,
                "/C=US/O=NVIDIA/CN=NVIDIA CoRIM signing Root CA",
                "45dae3a00e5037bddf875375ecb5e270",
                "12977b5115acb0381179279fffeb5a8c4d264971ebb32298023a465fa41df5d1",
                "dec1dc316477aa851eebdf51327ae9f864bc8d89254657ed1e7eb9168af1e1a3",
                "a5a5eb38f2b8643024d3c0c1b249f9f78cde6630",
                "20230316153734Z",
                "20530308153734Z",
                557,
        },
};

static void check_sha256(const unsigned char *der, int size, const char *wanted) {
        uint8_t hash[32] = {};
        char text[2 * sizeof(hash) + 1];

        CHECK(size > 0 && EVP_Digest(der, (size_t) size, hash, NULL, EVP_sha256(), NULL) == 1);
        CHECK_STR(hex_encode(hash, sizeof(hash), text), wanted);
}

static void test_fingerprints(void) {
        for (size_t i = 0; i < ELEMENTSOF(documented); i++) {
                _cleanup_(X509_freep) X509 *root = documented[i].root();
                unsigned char *der = NULL, *key = NULL;
                int size = i2d_X509(root, &der), key_size = i2d_X509_PUBKEY(X509_get_X509_PUBKEY(root), &key);

                CHECK_EQ(size, documented[i].size);
                check_sha256(der, size, documented[i].fingerprint);
                check_sha256(key, key_size, documented[i].key_fingerprint);
                OPENSSL_free(der);
                OPENSSL_free(key);
        }
}

static void test_names_and_numbers(void) {
        for (size_t i = 0; i < ELEMENTSOF(documented); i++) {
                _cleanup_(X509_freep) X509 *root = documented[i].root();
                const ASN1_INTEGER *serial = X509_get0_serialNumber(root);
                const ASN1_OCTET_STRING *key_id = X509_get0_subject_key_id(root);
                char subject[128], issuer[128], text[64];

                (void) X509_NAME_oneline(X509_get_subject_name(root), subject, sizeof(subject));
                (void) X509_NAME_oneline(X509_get_issuer_name(root), issuer, sizeof(issuer));
                CHECK_STR(subject, documented[i].subject);
                CHECK_STR(issuer, documented[i].subject);
                CHECK_EQ(ASN1_STRING_length(serial), 16);
                CHECK_STR(hex_encode(ASN1_STRING_get0_data(serial), 16, text), documented[i].serial);
                CHECK(key_id && ASN1_STRING_length(key_id) == 20);
                CHECK_STR(hex_encode(ASN1_STRING_get0_data(key_id), 20, text), documented[i].key_id);
        }
}

static void check_time(const ASN1_TIME *found, const char *text) {
        ASN1_TIME *wanted = ASN1_TIME_new();

        CHECK(wanted && ASN1_TIME_set_string(wanted, text) == 1);
        CHECK_EQ(ASN1_TIME_compare(found, wanted), 0);
        ASN1_TIME_free(wanted);
}

static void test_validity(void) {
        for (size_t i = 0; i < ELEMENTSOF(documented); i++) {
                _cleanup_(X509_freep) X509 *root = documented[i].root();

                check_time(X509_get0_notBefore(root), documented[i].not_before);
                check_time(X509_get0_notAfter(root), documented[i].not_after);
        }
}

/* Each signed itself, and not the other. */
static void test_signatures(void) {
        _cleanup_(X509_freep) X509 *device = root_device(), *rim = root_rim();

        CHECK_EQ(X509_verify(device, X509_get0_pubkey(device)), 1);
        CHECK_EQ(X509_verify(rim, X509_get0_pubkey(rim)), 1);
        CHECK_EQ(X509_verify(device, X509_get0_pubkey(rim)), 0);
        CHECK(X509_cmp(device, rim) != 0);
}

static const Test tests[] = {
        { "SHA-256 of certificates and keys",  test_fingerprints      },
        { "names, serial numbers and key ids", test_names_and_numbers },
        { "validity",                          test_validity          },
        { "signatures",                        test_signatures        },
};

TEST_MAIN(tests)
