/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Certificates on P-384 with ecdsa-with-SHA384, issued from a description of which a test may change any field. */

#include <openssl/evp.h>
#include <openssl/x509.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "basic/cleanup.h"

#define SIM_FWID_SIZE   48U
#define SIM_KEY_ID_SIZE 20U

typedef struct SimCert SimCert;

/* The extension that names the firmware which a leaf's key belongs to. */
typedef enum SimDice {
        SIM_DICE_NONE,
        SIM_DICE_COMPOSITE, /* 2.23.133.5.4.1: key of the layer below and firmware id */
        SIM_DICE_TCB_INFO,  /* 2.23.133.5.4.1.1 */
} SimDice;

/* What is wrong with that extension. */
typedef enum SimDiceFlaw {
        SIM_DICE_GOOD,
        SIM_DICE_TWICE,         /* the extension is there twice, the second time with zeroes as firmware id */
        SIM_DICE_OTHER_DIGEST,  /* a firmware id that says to be SHA-256 */
        SIM_DICE_SHORT,         /* a firmware id of 47 bytes */
        SIM_DICE_LONG,          /* of 49 */
        SIM_DICE_TRAILING,      /* a NULL behind the extension's value */
        SIM_DICE_TRAILING_FWID, /* a NULL behind the firmware id, inside its SEQUENCE */
        SIM_DICE_CUT,           /* the value's last byte is missing */
        SIM_DICE_EMPTY,         /* no value at all */
        _SIM_DICE_FLAW_MAX,
} SimDiceFlaw;

/* Extensions are in OpenSSL's configuration syntax ("critical,CA:TRUE,pathlen:0"); NULL leaves one out. Pointers are
 * borrowed and must outlive the issuing; those of descriptions kept in a SimCert must outlive that. */
typedef struct SimCertSpec {
        char subject[160];     /* "/C=US/CN=…", in the order of the encoding */
        char issuer_name[160]; /* empty: the subject of `issuer` */
        uint8_t serial[SIM_KEY_ID_SIZE];
        size_t serial_size;    /* 0: made from the key, see sim_key_serial() */
        char not_before[16], not_after[16]; /* YYYYMMDDHHMMSSZ */
        bool generalized_time; /* also before 2050, as some real RIM certificates do */
        const char *basic_constraints, *key_usage, *extended_key_usage, *no_check, *crl, *ocsp;
        bool omit_key_id, omit_authority_key_id;
        char device_info[64];  /* DMTF device info in subjectAltName; empty: none */
        SimDice dice;
        SimDiceFlaw dice_flaw;
        uint8_t fwid[SIM_FWID_SIZE];
        EVP_PKEY *dice_key;    /* NULL: the issuer's, which there must be then */
        EVP_PKEY *key;         /* NULL: a fresh one */
        const char *curve;     /* of the fresh one; NULL: P-384 */
        const SimCert *issuer; /* NULL: self-signed */
        EVP_PKEY *signing_key; /* NULL: the issuer's */
        const EVP_MD *digest;  /* NULL: SHA-384 */
} SimCertSpec;

struct SimCert {
        X509 *cert;
        EVP_PKEY *key;
        SimCertSpec spec; /* what it was issued from, with `key` filled in: a start for others */
};

SimCert *sim_cert_issue(const SimCertSpec *spec);

/* A certificate that was issued from `spec`, or from one like it, at another time; takes both. */
SimCert *sim_cert_adopt(const SimCertSpec *spec, X509 *cert, EVP_PKEY *key);
SimCert *sim_cert_free(SimCert *c);
DEFINE_CLEANUP_FUNC(SimCert *, sim_cert_free)

EVP_PKEY *sim_key_new(void);

/* SHA-1 of the uncompressed point: the subject key identifier. */
void sim_key_id(EVP_PKEY *key, uint8_t ret[static SIM_KEY_ID_SIZE]);

/* The same with the two top bits replaced by 01: the serial number of a leaf. */
void sim_key_serial(EVP_PKEY *key, uint8_t ret[static SIM_KEY_ID_SIZE]);

/* Upper-case hexadecimal into `ret`, which has room for 2 * size + 1 characters. Returns `ret`. */
char *sim_hex_upper(const void *data, size_t size, char *ret);

/* PEM text without the line end after the last certificate, as devices write it; the caller's. */
char *sim_certs_to_pem(X509 *const *certs, size_t n);
