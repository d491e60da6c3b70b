/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* A reference integrity manifest (RIM): a signed SWID tag (ISO/IEC 19770-2:2015) in the profile of the TCG Reference
 * Integrity Manifest Information Model that says which measurements a driver or VBIOS may have. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "attest/certchain.h"
#include "basic/fault.h"
#include "attest/spdm.h"

#define RIM_FILE_MAX         (256U * 1024)
#define RIM_TEXT_SIZE        64U
#define RIM_ALTERNATIVES_MAX 16U
#define RIM_SVN_INDEX_BASE   4096U /* a record at 4096 + type is a minimum for the opaque entry of that type */

typedef struct RimRecord {
        unsigned index; /* of the measurement, from 0 */
        bool active;
        size_t n_digests;
        uint8_t (*digests)[SPDM_DIGEST_SIZE]; /* any of them will do; owned */
} RimRecord;

/* Of one that is active; others say nothing. */
typedef struct RimSvn {
        unsigned type; /* of the opaque entry */
        unsigned minimum;
        bool include_in_result;
        char name[RIM_TEXT_SIZE];
} RimSvn;

typedef struct RimContent {
        char version[RIM_TEXT_SIZE]; /* colloquialVersion */
        char product[RIM_TEXT_SIZE];
        char manufacturer_id[RIM_TEXT_SIZE];
        RimRecord *records;
        size_t n_records;
        RimSvn *svns;
        size_t n_svns;
} RimContent;

typedef struct Rim Rim;

/* Process-wide set-up and tear-down of the XML libraries. rim_library_init(): 0 or -EIO. */
int rim_library_init(void);
void rim_library_done(void);

/* Reads the document (no DTD, no entities, no comments, no processing instructions, nothing fetched), its signature's
 * shape and its certificates. 0; -EBADMSG (with *ret_fault) for what is not well-formed XML with one SWID root, -ENOMEM. */
int rim_parse(const void *xml, size_t size, Rim **ret, Fault *ret_fault);
Rim *rim_free(Rim *rim);
DEFINE_CLEANUP_FUNC(Rim *, rim_free)

/* Structure, names and values of every element against the profile. 0 or -EBADMSG (with *ret_fault). */
int rim_check_schema(const Rim *rim, Fault *ret_fault);

/* The certificates of the one signature in the one place where it belongs. 0, or -EBADMSG when there is none such. */
int rim_read_chain(const Rim *rim, CertChain *ret, Fault *ret_fault);

/* The XML signature (W3C xmldsig-core1), over the whole document, with the key of `signer` and no other. 0 or
 * -EBADMSG (with *ret_fault). */
int rim_check_signature(const Rim *rim, X509 *signer, Fault *ret_fault);

/* What the RIM says. Only for a RIM whose schema and signature have been checked. 0 or -ENOMEM. */
int rim_read_content(const Rim *rim, RimContent *ret);
void rim_content_done(RimContent *content);

/* NULL when there is no record for `index`. */
const RimRecord *rim_content_find(const RimContent *content, unsigned index);
size_t rim_content_active(const RimContent *content);
