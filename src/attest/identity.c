/* SPDX-License-Identifier: Apache-2.0 */

#include "attest/identity.h"

#include <openssl/bn.h>
#include <openssl/objects.h>
#include <string.h>

#include "basic/cursor.h"
#include "basic/hex.h"

/* DER tags (X.690, section 8). */
enum {
        DER_INTEGER      = 0x02,
        DER_OCTET_STRING = 0x04,
        DER_OID          = 0x06,
        DER_SEQUENCE     = 0x30,
        DER_CONTEXT_6    = 0xa6, /* constructed [6]: TcbInfo's list of FWIDs */
};

/* 2.16.840.1.101.3.4.2.2 */
static const uint8_t oid_sha384[] = { 0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, 0x02 };

/* Takes the next element: definite lengths in their shortest form, as DER wants them. */
static int der_next(Cursor *c, uint8_t *ret_tag, Cursor *ret_content) {
        uint8_t tag, length, byte;
        size_t size = 0;

        if (cursor_u8(c, &tag) < 0 || (tag & 0x1f) == 0x1f || cursor_u8(c, &length) < 0)
                return -EBADMSG;
        if (length < 0x80)
                size = length;
        else {
                if (length != 0x81 && length != 0x82)
                        return -EBADMSG;
                for (int i = length & 0x7f; i > 0; i--) {
                        if (cursor_u8(c, &byte) < 0)
                                return -EBADMSG;
                        size = size << 8 | byte;
                }
                if (size < (length == 0x81 ? 0x80U : 0x100U))
                        return -EBADMSG;
        }
        if (cursor_sub(c, size, ret_content) < 0)
                return -EBADMSG;
        *ret_tag = tag;
        return 0;
}

static int der_expect(Cursor *c, uint8_t tag, Cursor *ret_content) {
        uint8_t found;

        if (der_next(c, &found, ret_content) < 0 || found != tag)
                return -EBADMSG;
        return 0;
}

/* FWID ::= SEQUENCE { hashAlg OBJECT IDENTIFIER, digest OCTET STRING } */
static int der_fwid(Cursor *c, uint8_t ret[static FWID_SIZE]) {
        Cursor fwid, oid, digest;

        if (der_expect(c, DER_SEQUENCE, &fwid) < 0 || der_expect(&fwid, DER_OID, &oid) < 0 ||
            der_expect(&fwid, DER_OCTET_STRING, &digest) < 0 || cursor_left(&fwid) > 0)
                return -EBADMSG;
        if (oid.size != sizeof(oid_sha384) || memcmp(oid.data, oid_sha384, sizeof(oid_sha384)) != 0 ||
            digest.size != FWID_SIZE)
                return -EBADMSG;
        memcpy(ret, digest.data, FWID_SIZE);
        return 0;
}

/* CompositeDeviceID ::= SEQUENCE { version INTEGER, deviceID SubjectPublicKeyInfo, fwid FWID } */
static int parse_composite(Cursor extension, Cursor *ret_key, uint8_t ret_fwid[static FWID_SIZE]) {
        Cursor body, version, key_start, key;

        if (der_expect(&extension, DER_SEQUENCE, &body) < 0 || cursor_left(&extension) > 0 ||
            der_expect(&body, DER_INTEGER, &version) < 0)
                return -EBADMSG;
        key_start = body;
        if (der_expect(&body, DER_SEQUENCE, &key) < 0)
                return -EBADMSG;
        /* The comparison needs the whole element, header included. */
        if (cursor_sub(&key_start, body.offset - key_start.offset, ret_key) < 0)
                return -EBADMSG;
        if (der_fwid(&body, ret_fwid) < 0 || cursor_left(&body) > 0)
                return -EBADMSG;
        return 0;
}

/* DiceTcbInfo ::= SEQUENCE of optional context-tagged fields; [6] is FWIDLIST, whose first entry counts: it is the
 * digest of the layer that holds the leaf's key. */
static int parse_tcb_info(Cursor extension, uint8_t ret_fwid[static FWID_SIZE]) {
        Cursor body, field;
        uint8_t tag;

        if (der_expect(&extension, DER_SEQUENCE, &body) < 0 || cursor_left(&extension) > 0)
                return -EBADMSG;
        while (cursor_left(&body) > 0) {
                if (der_next(&body, &tag, &field) < 0)
                        return -EBADMSG;
                if (tag == DER_CONTEXT_6)
                        return der_fwid(&field, ret_fwid);
        }
        return -EBADMSG;
}

static int check_key(Cursor key, X509 *cert, Fault *f) {
        unsigned char *der = NULL;
        int n = i2d_X509_PUBKEY(X509_get_X509_PUBKEY(cert), &der);
        bool same = n > 0 && (size_t) n == key.size && memcmp(der, key.data, key.size) == 0;

        OPENSSL_free(der);
        if (!same)
                return fault_set(f, EBADMSG, "leaf: key in the DICE extension", "the key of certificate 1",
                                 "another key");
        return 0;
}

static X509_EXTENSION *find_extension(X509 *cert, const char *oid) {
        ASN1_OBJECT *object = OBJ_txt2obj(oid, 1);
        int at = object ? X509_get_ext_by_OBJ(cert, object, -1) : -1;
        bool again = object && at >= 0 && X509_get_ext_by_OBJ(cert, object, at) >= 0;

        ASN1_OBJECT_free(object);
        return at >= 0 && !again ? X509_get_ext(cert, at) : NULL;
}

int identity_read_fwid(const CertChain *chain, const ArchInfo *arch, DeviceIdentity *ret, Fault *ret_fault) {
        const ASN1_OCTET_STRING *octets;
        X509_EXTENSION *extension;
        Cursor bytes, key = {};
        int r;

        extension = find_extension(chain->certs[0], arch->fwid_oid);
        if (!extension)
                return -ENOENT;
        octets = X509_EXTENSION_get_data(extension);
        bytes = cursor_of(ASN1_STRING_get0_data(octets), (size_t) ASN1_STRING_length(octets));
        r = strcmp(arch->fwid_oid, "2.23.133.5.4.1") == 0 ? parse_composite(bytes, &key, ret->fwid)
                                                           : parse_tcb_info(bytes, ret->fwid);
        if (r < 0)
                return fault_set(ret_fault, EBADMSG, "leaf: DICE extension", "one SHA-384 firmware id",
                                 "%zu bytes of another form", bytes.size);
        return key.size > 0 ? check_key(key, chain->certs[1], ret_fault) : 0;
}

static void name_text(X509 *cert, int nid, char *ret, size_t size) {
        ret[0] = 0;
        if (X509_NAME_get_text_by_NID(X509_get_subject_name(cert), nid, ret, (int) size) < 0)
                ret[0] = 0;
        /* It becomes part of claims and messages before the chain is known to be good. */
        for (; *ret; ret++)
                if (*ret < 0x20 || *ret > 0x7e)
                        *ret = '?';
}

static char *serial_text(X509 *cert, char *(*print)(const BIGNUM *)) {
        BIGNUM *number = ASN1_INTEGER_to_BN(X509_get0_serialNumber(cert), NULL);
        char *text = number ? print(number) : NULL;

        BN_free(number);
        return text;
}

void identity_read_names(const CertChain *chain, DeviceIdentity *ret) {
        char *ueid;

        if (chain->n_certs < 2)
                return;
        name_text(chain->certs[1], NID_commonName, ret->hwmodel, sizeof(ret->hwmodel));
        ueid = serial_text(chain->certs[0], BN_bn2dec);
        if (ueid)
                (void) snprintf(ret->ueid, sizeof(ret->ueid), "%s", ueid);
        OPENSSL_free(ueid);
}

/* The X.509 serial number of certificate 1 is a prefix byte and the PDI; its subject says the same in hex. */
static int read_pdi(X509 *cert, uint8_t prefix, uint8_t ret_pdi[static PDI_SIZE], Fault *f) {
        uint8_t serial[1 + PDI_SIZE];
        char subject[64], *number;
        bool good;

        number = serial_text(cert, BN_bn2hex);
        name_text(cert, NID_serialNumber, subject, sizeof(subject));
        good = number && strcmp(number, subject) == 0 &&
               hex_decode(subject, strlen(subject), serial, sizeof(serial)) >= 0 && serial[0] == prefix;
        if (!good)
                (void) fault_set(f, EBADMSG, "certificate 1: serial number",
                                 "prefix and PDI, the same in the subject", "%s, subject %s", number ?: "none", subject);
        else
                memcpy(ret_pdi, serial + 1, PDI_SIZE);
        OPENSSL_free(number);
        return good ? 0 : -EBADMSG;
}

int identity_read_device(const CertChain *chain, const ArchInfo *arch, DeviceIdentity *ret, Fault *ret_fault) {
        if (chain->n_certs < 2)
                return fault_set(ret_fault, EBADMSG, "certificate chain", "a per-device CA above the leaf", "none");
        identity_read_names(chain, ret);
        if (strncmp(ret->hwmodel, arch->model_prefix, strlen(arch->model_prefix)) != 0) {
                char expected[64];

                (void) snprintf(expected, sizeof(expected), "a model of %s (\"%s...\")", arch->name, arch->model_prefix);
                return fault_set(ret_fault, EBADMSG, "certificate 1: common name", expected, "%s", ret->hwmodel);
        }
        return read_pdi(chain->certs[1], arch->serial_prefix, ret->pdi, ret_fault);
}
