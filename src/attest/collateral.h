/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* What evidence is judged with: trust anchors, points in time, OCSP answers, and RIMs, each read and judged once however
 * many devices need it. It remembers what it was asked for and had not, for those who can get it from elsewhere. */

#include <openssl/x509.h>
#include <time.h>

#include "attest/chainstatus.h"
#include "attest/rim.h"

#define COLLATERAL_STORED_MAX 256U

typedef struct RimEntry {
        char *id;
        Check fetched, schema, signature;
        ChainStatus chain;
        bool content_valid; /* `content` is there and authentic */
        RimContent content;

        CertChain certs;     /* that `chain` is about */
        unsigned generation; /* of the OCSP answers that `chain` knows */
        uint8_t *xml;        /* as it came; of an entry of a Collateral only */
        size_t size;
        bool asked;          /* a service was, and has given one or has not */
        bool fetched_live;   /* it is from there */
        bool unpublished;    /* it has said that there is none */
        bool doubted;        /* good, but perhaps no longer what is published under this id */
} RimEntry;

/* A RIM that nobody has looked into yet. */
typedef struct RimFile {
        char *id;
        uint8_t *xml;
        size_t size;
} RimFile;

typedef struct Collateral {
        CertVerifier *device_verifier;
        CertVerifier *rim_verifier;
        OcspAnswers *ocsp; /* NULL: OCSP is off */
        const char *const *rim_dirs; /* NULL terminated, borrowed */
        RimEntry **rims;
        size_t n_rims;
        RimFile *stored;
        size_t n_stored;
        char *cache; /* directory of RIMs; NULL: none */
} Collateral;

typedef struct CollateralOptions {
        const char *anchors_dir; /* NULL: NVIDIA's pinned roots */
        const char *const *rim_dirs;
        const char *const *ocsp_dirs;
        bool ocsp;
        time_t device_time, rim_time;
} CollateralOptions;

/* Opens what the options name; with `anchors_dir`, device-root.pem and rim-root.pem in it stand in for NVIDIA's
 * roots. OCSP answers that cannot be read are passed over: they are hostile until verified, and a missing answer
 * fails later. 0; -ENOMEM; -EBADMSG or the errno of reading (with *ret_fault). */
int collateral_open(const CollateralOptions *options, Collateral **ret, Fault *ret_fault);
Collateral *collateral_free(Collateral *c);
DEFINE_CLEANUP_FUNC(Collateral *, collateral_free)

/* A directory of RIMs, ID.xml, that is looked into before all others and need not be there. 0 or -ENOMEM. */
int collateral_set_cache(Collateral *c, const char *dir);

/* Takes `xml` (which is the caller's when this fails) for when it is asked for. 0; -E2BIG (with *ret_fault) over
 * COLLATERAL_STORED_MAX; -ENOMEM. */
int collateral_store_rim(Collateral *c, const char *id, uint8_t *xml, size_t size, Fault *ret_fault);

/* The RIM `id`, judged: the first good one of the cache, what was stored, and the directories, else the first that
 * there is. Borrowed; NULL when memory is out. */
const RimEntry *collateral_rim(Collateral *c, const char *id);

/* Something that was asked for, that is not there in a good state, and that no service has been asked for yet. Each
 * call goes on from *at (at first 0). NULL at the end; borrowed. */
RimEntry *collateral_next_rim(const Collateral *c, size_t *at);
OcspWant *collateral_next_answer(const Collateral *c, size_t *at);

/* What a service has under this id, which takes the place of what was there unless that was good and this is not; it
 * owns `xml` from now on. Or why it has none. Appraisals of before must not be looked at any more. 0 or -ENOMEM. */
int collateral_give_rim(Collateral *c, RimEntry *e, uint8_t *xml, size_t size);
void collateral_deny_rim(RimEntry *e, const Fault *why);

/* Has the RIM asked for again, once, because what is there does not fit: ids stay when RIMs are issued anew. */
void collateral_doubt_rim(Collateral *c, const char *id);

/* Authentic, from signers that are valid now. */
bool rim_entry_is_good(const RimEntry *e);

/* Whether this can name a RIM: letters, digits, '.', '-' and '_', at most 199 of them. Text that is put into paths and
 * URLs must. */
bool rim_id_is_valid(const char *id);

/* Judges the RIM in `xml` as collateral_rim() does with what it finds. */
void rim_entry_judge(RimEntry *e, const Collateral *c, const void *xml, size_t size);
void rim_entry_done(RimEntry *e);
