/* SPDX-License-Identifier: Apache-2.0 */

#include "sim/cert.h"

#include <ctype.h>
#include <openssl/ec.h>
#include <openssl/objects.h>
#include <openssl/pem.h>
#include <openssl/sha.h>
#include <openssl/x509v3.h>
#include <string.h>

#include "basic/hex.h"
#include "sim/bytes.h"
#include "sim/must.h"

#define OID_DEVICE_INFO    "1.3.6.1.4.1.412.274.1"
#define OID_DICE_COMPOSITE "2.23.133.5.4.1"
#define OID_DICE_TCB_INFO  "2.23.133.5.4.1.1"

static EVP_PKEY *key_on(const char *curve) {
        EVP_PKEY *key = EVP_EC_gen(curve);

        MUST(key);
        return key;
}

EVP_PKEY *sim_key_new(void) {
        return key_on("P-384");
}

void sim_key_id(EVP_PKEY *key, uint8_t ret[static SIM_KEY_ID_SIZE]) {
        unsigned char *point = NULL;
        size_t n = EVP_PKEY_get1_encoded_public_key(key, &point);

        MUST(n > 0);
        MUST(SHA1(point, n, ret));
        OPENSSL_free(point);
}

void sim_key_serial(EVP_PKEY *key, uint8_t ret[static SIM_KEY_ID_SIZE]) {
        sim_key_id(key, ret);
        ret[0] = (uint8_t) ((ret[0] & 0x3f) | 0x40);
}

char *sim_hex_upper(const void *data, size_t size, char *ret) {
        hex_encode(data, size, ret);
        for (char *c = ret; *c; c++)
                *c = (char) toupper((unsigned char) *c);
        return ret;
}

static X509_NAME *make_name(const char *text) {
        X509_NAME *name = X509_NAME_new();
        _cleanup_free_ char *copy = strdup(text);
        char *rest = copy;

        MUST(name && copy);
        for (char *part; (part = strsep(&rest, "/"));) {
                char *value = strchr(part, '=');

                if (!*part)
                        continue;
                MUST(value);
                *value++ = 0;
                MUST(X509_NAME_add_entry_by_txt(name, part, MBSTRING_UTF8, (const unsigned char *) value, -1, -1,
                                                0) == 1);
        }
        return name;
}

static void set_name(X509 *cert, const char *text, int (*set)(X509 *, const X509_NAME *)) {
        X509_NAME *name = make_name(text);

        MUST(set(cert, name) == 1);
        X509_NAME_free(name);
}

static void set_time(X509 *cert, const char *text, bool generalized, int (*set)(X509 *, const ASN1_TIME *)) {
        ASN1_TIME *t = ASN1_TIME_new();

        MUST(t);
        MUST((generalized ? ASN1_TIME_set_string : ASN1_TIME_set_string_X509)(t, text) == 1);
        MUST(set(cert, t) == 1);
        ASN1_TIME_free(t);
}

static void set_serial(X509 *cert, const SimCertSpec *spec) {
        uint8_t derived[SIM_KEY_ID_SIZE];
        BIGNUM *number;
        ASN1_INTEGER *serial;

        sim_key_serial(spec->key, derived);
        number = spec->serial_size > 0 ? BN_bin2bn(spec->serial, (int) spec->serial_size, NULL)
                                       : BN_bin2bn(derived, sizeof(derived), NULL);
        MUST(number);
        serial = BN_to_ASN1_INTEGER(number, NULL);
        MUST(serial && X509_set_serialNumber(cert, serial) == 1);
        ASN1_INTEGER_free(serial);
        BN_free(number);
}

static void add_extension_text(X509 *cert, int nid, const char *value) {
        X509_EXTENSION *extension;
        X509V3_CTX ctx;

        if (!value)
                return;
        X509V3_set_ctx(&ctx, NULL, cert, NULL, NULL, 0);
        X509V3_set_ctx_nodb(&ctx);
        extension = X509V3_EXT_nconf_nid(NULL, &ctx, nid, value);
        MUST(extension && X509_add_ext(cert, extension, -1) == 1);
        X509_EXTENSION_free(extension);
}

static ASN1_OCTET_STRING *make_octets(const void *data, size_t size) {
        ASN1_OCTET_STRING *octets = ASN1_OCTET_STRING_new();

        MUST(octets && ASN1_OCTET_STRING_set(octets, data, (int) size) == 1);
        return octets;
}

static void add_key_ids(X509 *cert, const SimCertSpec *spec) {
        EVP_PKEY *issuer_key = spec->issuer ? spec->issuer->key : spec->key;
        uint8_t id[SIM_KEY_ID_SIZE];

        if (!spec->omit_key_id) {
                ASN1_OCTET_STRING *octets;

                sim_key_id(spec->key, id);
                octets = make_octets(id, sizeof(id));
                MUST(X509_add1_ext_i2d(cert, NID_subject_key_identifier, octets, 0, 0) == 1);
                ASN1_OCTET_STRING_free(octets);
        }
        if (!spec->omit_authority_key_id) {
                AUTHORITY_KEYID *authority = AUTHORITY_KEYID_new();

                MUST(authority);
                sim_key_id(issuer_key, id);
                authority->keyid = make_octets(id, sizeof(id));
                MUST(X509_add1_ext_i2d(cert, NID_authority_key_identifier, authority, 0, 0) == 1);
                AUTHORITY_KEYID_free(authority);
        }
}

static void add_device_info(X509 *cert, const char *text) {
        GENERAL_NAMES *names = GENERAL_NAMES_new();
        GENERAL_NAME *name = GENERAL_NAME_new();
        ASN1_UTF8STRING *string = ASN1_UTF8STRING_new();
        ASN1_TYPE *value = ASN1_TYPE_new();

        MUST(names && name && string && value);
        MUST(ASN1_STRING_set(string, text, -1) == 1);
        ASN1_TYPE_set(value, V_ASN1_UTF8STRING, string);
        MUST(GENERAL_NAME_set0_othername(name, OBJ_txt2obj(OID_DEVICE_INFO, 1), value) == 1);
        MUST(sk_GENERAL_NAME_push(names, name) > 0);
        MUST(X509_add1_ext_i2d(cert, NID_subject_alt_name, names, 0, 0) == 1);
        GENERAL_NAMES_free(names);
}

/* SEQUENCE { OID sha384, OCTET STRING } */
static void put_fwid(SimBytes *b, const uint8_t fwid[static SIM_FWID_SIZE], SimDiceFlaw flaw) {
        /* 2.16.840.1.101.3.4.2.2, and .1 for SHA-256 */
        uint8_t oid[] = { 0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, flaw == SIM_DICE_OTHER_DIGEST ? 1 : 2 };
        _cleanup_bytes_ SimBytes body = {}, digest = {};

        sim_bytes_put(&digest, fwid, flaw == SIM_DICE_SHORT ? SIM_FWID_SIZE - 1 : SIM_FWID_SIZE);
        if (flaw == SIM_DICE_LONG)
                sim_bytes_fill(&digest, 0, 1);
        sim_bytes_put_der(&body, V_ASN1_OBJECT, oid, sizeof(oid));
        sim_bytes_put_der(&body, V_ASN1_OCTET_STRING, digest.data, digest.size);
        if (flaw == SIM_DICE_TRAILING_FWID)
                sim_bytes_put_der(&body, V_ASN1_NULL, "", 0);
        sim_bytes_put_der(b, 0x30, body.data, body.size);
}

static void put_composite(SimBytes *b, const SimCertSpec *spec) {
        EVP_PKEY *key = spec->dice_key ?: spec->issuer->key;
        unsigned char *der = NULL;
        int n = i2d_PUBKEY(key, &der);

        MUST(n > 0);
        sim_bytes_put_der(b, V_ASN1_INTEGER, "\x01", 1);
        sim_bytes_put(b, der, (size_t) n);
        put_fwid(b, spec->fwid, spec->dice_flaw);
        OPENSSL_free(der);
}

/* The fields of TcbInfo are tagged [0], [1] and so on, in this order; [6] holds the firmware ids. */
static void put_tcb_info(SimBytes *b, const SimCertSpec *spec) {
        static const struct {
                uint8_t tag, size;
                const char *content;
        } before[] = {
                { 0x80, 6, "NVIDIA" }, { 0x81, 13, "GB100 A01 GSP" }, { 0x82, 2, "01" },
                { 0x83, 1, "\x01"   }, { 0x84, 1, "\x00"           }, { 0x85, 1, "\x00" },
        }, after[] = {
                { 0x87, 5, "\x00\x80\x00\x00\x01" }, { 0x88, 1, "\xc0" }, { 0x89, 1, "\x00" },
        };
        static const uint8_t zero[SIM_FWID_SIZE];
        _cleanup_bytes_ SimBytes fwids = {};

        for (size_t i = 0; i < ELEMENTSOF(before); i++)
                sim_bytes_put_der(b, before[i].tag, before[i].content, before[i].size);
        put_fwid(&fwids, spec->fwid, spec->dice_flaw);
        put_fwid(&fwids, zero, SIM_DICE_GOOD);
        sim_bytes_put_der(b, 0xa6, fwids.data, fwids.size);
        for (size_t i = 0; i < ELEMENTSOF(after); i++)
                sim_bytes_put_der(b, after[i].tag, after[i].content, after[i].size);
}

static void add_dice(X509 *cert, const SimCertSpec *spec) {
        _cleanup_bytes_ SimBytes body = {}, whole = {};
        bool composite = spec->dice == SIM_DICE_COMPOSITE;
        X509_EXTENSION *extension;
        ASN1_OCTET_STRING *octets;
        ASN1_OBJECT *oid;

        (composite ? put_composite : put_tcb_info)(&body, spec);
        sim_bytes_put_der(&whole, 0x30, body.data, body.size);
        if (spec->dice_flaw == SIM_DICE_TRAILING)
                sim_bytes_put_der(&whole, V_ASN1_NULL, "", 0);
        whole.size -= spec->dice_flaw == SIM_DICE_CUT ? 1 : spec->dice_flaw == SIM_DICE_EMPTY ? whole.size : 0;
        oid = OBJ_txt2obj(composite ? OID_DICE_COMPOSITE : OID_DICE_TCB_INFO, 1);
        octets = make_octets(whole.data, whole.size);
        extension = X509_EXTENSION_create_by_OBJ(NULL, oid, 0, octets);
        MUST(extension && X509_add_ext(cert, extension, -1) == 1);
        X509_EXTENSION_free(extension);
        ASN1_OCTET_STRING_free(octets);
        ASN1_OBJECT_free(oid);
}

static void add_extensions(X509 *cert, const SimCertSpec *spec) {
        add_extension_text(cert, NID_basic_constraints, spec->basic_constraints);
        add_extension_text(cert, NID_key_usage, spec->key_usage);
        add_extension_text(cert, NID_ext_key_usage, spec->extended_key_usage);
        add_extension_text(cert, NID_id_pkix_OCSP_noCheck, spec->no_check);
        add_extension_text(cert, NID_crl_distribution_points, spec->crl);
        add_extension_text(cert, NID_info_access, spec->ocsp);
        add_key_ids(cert, spec);
        if (*spec->device_info)
                add_device_info(cert, spec->device_info);
        if (spec->dice != SIM_DICE_NONE)
                add_dice(cert, spec);
        if (spec->dice != SIM_DICE_NONE && spec->dice_flaw == SIM_DICE_TWICE) {
                SimCertSpec zero = *spec;

                memset(zero.fwid, 0, sizeof(zero.fwid));
                add_dice(cert, &zero);
        }
}

SimCert *sim_cert_issue(const SimCertSpec *spec) {
        SimCert *c = calloc(1, sizeof(*c));
        const char *issuer_name;
        EVP_PKEY *signing_key;

        MUST(c);
        c->spec = *spec;
        if (spec->key)
                MUST(EVP_PKEY_up_ref(spec->key) == 1);
        c->key = c->spec.key = spec->key ?: key_on(spec->curve ?: "P-384");
        c->cert = X509_new();
        MUST(c->cert && X509_set_version(c->cert, X509_VERSION_3) == 1);

        issuer_name = spec->issuer ? spec->issuer->spec.subject : spec->subject;
        if (*spec->issuer_name)
                issuer_name = spec->issuer_name;
        signing_key = spec->issuer ? spec->issuer->key : c->key;
        if (spec->signing_key)
                signing_key = spec->signing_key;
        set_name(c->cert, spec->subject, X509_set_subject_name);
        set_name(c->cert, issuer_name, X509_set_issuer_name);
        set_serial(c->cert, &c->spec);
        set_time(c->cert, spec->not_before, spec->generalized_time, X509_set1_notBefore);
        set_time(c->cert, spec->not_after, spec->generalized_time, X509_set1_notAfter);
        MUST(X509_set_pubkey(c->cert, c->key) == 1);
        add_extensions(c->cert, &c->spec);
        MUST(X509_sign(c->cert, signing_key, spec->digest ?: EVP_sha384()) > 0);
        return c;
}

SimCert *sim_cert_adopt(const SimCertSpec *spec, X509 *cert, EVP_PKEY *key) {
        SimCert *c = calloc(1, sizeof(*c));

        MUST(c);
        *c = (SimCert){ .cert = cert, .key = key, .spec = *spec };
        c->spec.key = key;
        return c;
}

SimCert *sim_cert_free(SimCert *c) {
        if (!c)
                return NULL;
        X509_free(c->cert);
        EVP_PKEY_free(c->key);
        free(c);
        return NULL;
}

char *sim_certs_to_pem(X509 *const *certs, size_t n) {
        BIO *bio = BIO_new(BIO_s_mem());
        char *data, *text;
        long size;

        MUST(bio);
        for (size_t i = 0; i < n; i++)
                MUST(PEM_write_bio_X509(bio, certs[i]) == 1);
        size = BIO_get_mem_data(bio, &data);
        text = strndup(size > 0 ? data : "", size > 0 ? (size_t) size - 1 : 0);
        MUST(text);
        BIO_free(bio);
        return text;
}
