/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Reference integrity manifests: signed SWID documents that agree with a device, in the shape of NVIDIA's. */

#include "sim/device.h"

#define SIM_RIM_RECORDS_MAX 96U
#define SIM_RIM_HASHES_MAX  4U

typedef enum SimRimKind {
        SIM_RIM_DRIVER, /* GPUs only */
        SIM_RIM_VBIOS,  /* a switch's BIOS as well */
} SimRimKind;

/* How the signature is made. All but the first are to be refused. */
typedef enum SimRimForm {
        SIM_RIM_GOOD,
        SIM_RIM_OTHER_KEY,      /* by an unknown key, KeyInfo holding the good chain */
        SIM_RIM_KEY_VALUE,      /* by an unknown key, which stands alone in KeyInfo */
        SIM_RIM_TWO_SIGNATURES, /* an unknown key's first, then the good one, which covers it */
        SIM_RIM_WRAPPED,        /* good, but over an element inside; the payload around it is another */
        SIM_RIM_ONE_TRANSFORM,  /* good, with the enveloped-signature transform alone */
        SIM_RIM_URI,            /* good and over the whole document, but by its Id */
        SIM_RIM_UNSIGNED,
} SimRimForm;

typedef struct SimRimRecord {
        unsigned index;
        char active[16];       /* "True", "False" */
        char alternatives[16]; /* empty: the number of hashes */
        size_t n_hashes;
        uint8_t hashes[SIM_RIM_HASHES_MAX][SIM_DIGEST_SIZE];
        char name[64];
        char size[16];
        char min_svn[24];      /* not empty: a record of a minimum, without hashes and size */
        char include_in_result[16];
} SimRimRecord;

/* Takes the text (freed) and returns another one, or the same. */
typedef char *(*SimRimEdit)(char *xml);

typedef struct SimRim {
        char id[160];                /* under which it is published */
        char tag_id[97], version[64], product[32], edition[16], manufacturer_id[16];
        SimRimRecord records[SIM_RIM_RECORDS_MAX];
        size_t n_records;
        X509 *chain[SIM_CHAIN_MAX];  /* in KeyInfo; owned */
        size_t n_chain;
        EVP_PKEY *key;               /* the signer's; owned */
        SimRimForm form;
        SimRimEdit edit_before, edit_after; /* of the document without, and with, its signature */
} SimRim;

/* The name that the RIM of this device is published under, into `ret`. */
void sim_rim_id(SimDevice *d, SimRimKind kind, char ret[static 160]);

/* What the device measures now is golden. */
SimRim *sim_rim_new(SimDevice *d, SimRimKind kind);
SimRim *sim_rim_free(SimRim *rim);
DEFINE_CLEANUP_FUNC(SimRim *, sim_rim_free)

/* The first record for `index`; NULL for none. */
SimRimRecord *sim_rim_find(SimRim *rim, unsigned index);

/* A new one at the end; inactive, without hashes. */
SimRimRecord *sim_rim_append(SimRim *rim, unsigned index);

/* Signs with another certificate: `signer` takes the first place in the chain. */
void sim_rim_set_signer(SimRim *rim, const SimCert *signer);

/* The signed document; the caller's. */
char *sim_rim_xml(const SimRim *rim);
