/* SPDX-License-Identifier: Apache-2.0 */

/* The RIMs: their signatures and signers, their form, and what they say. All but a few concern the VBIOS RIM, which
 * every device has. */

#include <stdio.h>
#include <string.h>

#include "sim/bytes.h"
#include "sim/defect.h"
#include "sim/must.h"

static SimRim *vbios(SimScene *s) {
        return sim_scene_rim(s, SIM_RIM_VBIOS);
}

static void sign_with_other_key(SimScene *s) {
        vbios(s)->form = SIM_RIM_OTHER_KEY;
}

static void sign_with_bare_key(SimScene *s) {
        vbios(s)->form = SIM_RIM_KEY_VALUE;
}

static void sign_twice(SimScene *s) {
        vbios(s)->form = SIM_RIM_TWO_SIGNATURES;
}

static void wrap(SimScene *s) {
        vbios(s)->form = SIM_RIM_WRAPPED;
}

static void refer_by_id(SimScene *s) {
        vbios(s)->form = SIM_RIM_URI;
}

static void leave_unsigned(SimScene *s) {
        vbios(s)->form = SIM_RIM_UNSIGNED;
}

static void leave_transform_out(SimScene *s) {
        vbios(s)->form = SIM_RIM_ONE_TRANSFORM;
}

static char *deactivate_one(char *xml) {
        return sim_text_replace(xml, "active=\"True\"", "active=\"False\"");
}

static char *add_doctype(char *xml) {
        return sim_text_replace(xml, "<SoftwareIdentity",
                                "<!DOCTYPE SoftwareIdentity [<!ENTITY v \"96\">]><SoftwareIdentity");
}

/* After signing: no digest covers comments. */
static char *add_comment(char *xml) {
        return sim_text_replace(xml, "<ns0:Payload", "<!-- golden --><ns0:Payload");
}

static char *add_text(char *xml) {
        return sim_text_replace(xml, "</ns0:Payload>", "and more</ns0:Payload>");
}

static char *cut(char *xml) {
        xml[strlen(xml) / 2] = 0;
        return xml;
}

static char *shorten_hash(char *xml) {
        return sim_text_replace(xml, "ns2:Hash0=\"00", "ns2:Hash0=\"0");
}

static char *drop_active(char *xml) {
        return sim_text_replace(xml, " active=\"False\"", "");
}

static char *rename_root(char *xml) {
        xml = sim_text_replace(xml, "<SoftwareIdentity", "<SoftwareInventory");
        return sim_text_replace(xml, "</SoftwareIdentity>", "</SoftwareInventory>");
}

static char *change_namespace(char *xml) {
        return sim_text_replace(xml, "xmlns=\"http://standards.iso.org/iso/19770/-2/2015/",
                                "xmlns=\"http://standards.iso.org/iso/19770/-2/2009/");
}

/* A second payload that makes everything optional. */
static char *add_payload(char *xml) {
        return sim_text_replace(xml, "</ns0:Payload>",
                                "</ns0:Payload>\n    <ns0:Payload><ns0:Resource type=\"Measurement\" index=\"0\""
                                " active=\"False\"/></ns0:Payload>");
}

/* The signature stays good when it moves into an element that was there, empty, when it was made. */
static char *make_room(char *xml) {
        return sim_text_replace(xml, "</ns0:Payload>\n", "</ns0:Payload>\n<ns0:Link></ns0:Link>");
}

static char *move_signature(char *xml) {
        xml = sim_text_replace(xml, "<ns0:Link></ns0:Link>", "<ns0:Link>");
        return sim_text_replace(xml, "</ds:Signature>", "</ds:Signature></ns0:Link>");
}

static char *drop_key_info(char *xml) {
        char *start = strstr(xml, "<ds:KeyInfo>"), *end = strstr(xml, "</ds:Signature>");

        MUST(start && end);
        memmove(start, end, strlen(end) + 1);
        return xml;
}

#define EDIT(function, when, edit)            \
        static void function(SimScene *s) {   \
                vbios(s)->when = edit;        \
        }

EDIT(tampered, edit_after, deactivate_one)
EDIT(truncated, edit_after, cut)
EDIT(no_key_info, edit_after, drop_key_info)
EDIT(comment_after, edit_after, add_comment)
EDIT(doctype, edit_after, add_doctype)
EDIT(text_inside, edit_before, add_text)
EDIT(short_hash, edit_before, shorten_hash)
EDIT(no_active, edit_before, drop_active)
EDIT(other_root, edit_before, rename_root)
EDIT(other_namespace, edit_before, change_namespace)
EDIT(two_payloads, edit_before, add_payload)

static void moved_signature(SimScene *s) {
        vbios(s)->edit_before = make_room;
        vbios(s)->edit_after = move_signature;
}

static void lose(SimScene *s) {
        (void) snprintf(vbios(s)->id, sizeof(vbios(s)->id), "NV_GPU_VBIOS_0000_0000_000_0000000000");
}

static void change_product(SimScene *s) {
        (void) snprintf(vbios(s)->product, sizeof(vbios(s)->product), "AD102");
}

static void change_version(SimScene *s) {
        (void) snprintf(vbios(s)->version, sizeof(vbios(s)->version), "96.00.00.00.01");
}

static void change_driver_version(SimScene *s) {
        SimRim *rim = sim_scene_rim(s, SIM_RIM_DRIVER);

        (void) snprintf(rim->version, sizeof(rim->version), "535.86.09");
}

static void reissue_signer(SimScene *s, void (*edit)(SimScene *, SimCertSpec *)) {
        SimCertSpec spec = sim_pki_cert(s->pki, sim_device_rim_signer(s->devices[0]))->spec;
        SimCert *signer;

        edit(s, &spec);
        signer = sim_cert_issue(&spec);
        sim_rim_set_signer(vbios(s), signer);
        sim_cert_free(signer);
}

static void expire(SimScene *s, SimCertSpec *spec) {
        sim_pki_time(s->pki, -700, spec->not_before);
        sim_pki_time(s->pki, -1, spec->not_after);
}

static void come_early(SimScene *s, SimCertSpec *spec) {
        sim_pki_time(s->pki, 100, spec->not_before);
}

static void become_ca(SimScene *s, SimCertSpec *spec) {
        spec->basic_constraints = "critical,CA:TRUE";
        spec->key_usage = "critical,digitalSignature,keyCertSign";
}

static void be_forged(SimScene *s, SimCertSpec *spec) {
        spec->signing_key = sim_pki_stranger(s->pki, SIM_GH100_RIM_L3)->key;
}

static void signer_expired(SimScene *s) {
        reissue_signer(s, expire);
}

static void signer_early(SimScene *s) {
        reissue_signer(s, come_early);
}

static void signer_ca(SimScene *s) {
        reissue_signer(s, become_ca);
}

static void signer_forged(SimScene *s) {
        reissue_signer(s, be_forged);
}

/* Root last, as it is there for comparison only: another one of the same name. */
static void replace_root(SimScene *s) {
        SimRim *rim = vbios(s);
        X509 **root = &rim->chain[rim->n_chain - 1];

        X509_free(*root);
        *root = sim_pki_stranger(s->pki, SIM_RIM_ROOT)->cert;
        MUST(X509_up_ref(*root) == 1);
}

static void drop_root(SimScene *s) {
        SimRim *rim = vbios(s);

        X509_free(rim->chain[--rim->n_chain]);
}

/* Device certificates are good for devices alone. */
static void sign_with_device(SimScene *s) {
        SimRim *rim = vbios(s);
        SimDevice *d = s->devices[0];

        sim_rim_set_signer(rim, d->leaf);
        while (rim->n_chain > 1)
                X509_free(rim->chain[--rim->n_chain]);
        for (size_t i = 1; i < d->n_chain; i++) {
                MUST(X509_up_ref(d->chain[i]) == 1);
                rim->chain[rim->n_chain++] = d->chain[i];
        }
}

static void deactivate_all(SimScene *s) {
        SimRim *rim = vbios(s);

        for (size_t i = 0; i < rim->n_records; i++)
                (void) snprintf(rim->records[i].active, sizeof(rim->records[i].active), "False");
}

static void drop_records(SimScene *s) {
        vbios(s)->n_records = 0;
}

static void activate_conflict(SimScene *s) {
        SimRim *driver = sim_scene_rim(s, SIM_RIM_DRIVER);
        const SimRimRecord *other = sim_rim_find(vbios(s), 2);

        *sim_rim_find(driver, 2) = *other;
}

static void repeat_index(SimScene *s) {
        SimRimRecord *record = sim_rim_append(vbios(s), 2);

        record->n_hashes = 1;
        (void) snprintf(record->active, sizeof(record->active), "True");
}

static void add_index_64(SimScene *s) {
        SimRimRecord *record = sim_rim_append(vbios(s), 64);

        record->n_hashes = 1;
        (void) snprintf(record->active, sizeof(record->active), "True");
}

static void announce_no_alternatives(SimScene *s) {
        (void) snprintf(sim_rim_find(vbios(s), 2)->alternatives, 16, "0");
}

static void announce_more_alternatives(SimScene *s) {
        (void) snprintf(sim_rim_find(vbios(s), 2)->alternatives, 16, "3");
}

static void spell_active_otherwise(SimScene *s) {
        (void) snprintf(sim_rim_find(vbios(s), 2)->active, 16, "true");
}

static void change_size(SimScene *s) {
        (void) snprintf(sim_rim_find(vbios(s), 2)->size, 16, "32");
}

static void change_golden(SimScene *s) {
        SimRimRecord *record = sim_rim_find(vbios(s), 2);

        record->hashes[record->n_hashes - 1][0] ^= 1;
}

static void raise_minimum(SimScene *s) {
        (void) snprintf(sim_rim_find(vbios(s), 4096 + 37)->min_svn, 24, "3");
}

static void spoil_minimum(SimScene *s) {
        (void) snprintf(sim_rim_find(vbios(s), 4096 + 37)->min_svn, 24, "-1");
}

static void repeat_minimum(SimScene *s) {
        SimRim *driver = sim_scene_rim(s, SIM_RIM_DRIVER);

        *sim_rim_append(driver, 4096 + 37) = *sim_rim_find(vbios(s), 4096 + 37);
}

#define CALL(label, mask, function, text) { label, text, mask, {}, 0, function, NULL }

static const SimDefect rows[] = {
        CALL("rim-missing", SIM_ON_ALL, lose, "there is no RIM for this VBIOS"),
        CALL("rim-unsigned", SIM_ON_ALL, leave_unsigned, "no signature"),
        CALL("rim-other-key", SIM_ON_ALL, sign_with_other_key, "an unknown key's signature beside the good chain"),
        CALL("rim-bare-key", SIM_ON_ALL, sign_with_bare_key, "an unknown key's, with that key in KeyInfo"),
        CALL("rim-no-key-info", SIM_ON_ALL, no_key_info, "a good signature without KeyInfo"),
        CALL("rim-two-signatures", SIM_ON_ALL, sign_twice, "an unknown key's signature before the good one"),
        CALL("rim-wrapped", SIM_ON_ALL, wrap, "a good signature over an element inside another document"),
        CALL("rim-reference-id", SIM_ON_ALL, refer_by_id, "a good signature that refers to the document by its Id"),
        CALL("rim-moved-signature", SIM_ON_ALL, moved_signature, "the good signature is inside another element"),
        CALL("rim-no-transform", SIM_ON_ALL, leave_transform_out, "a good signature with one transform"),
        CALL("rim-tampered", SIM_ON_ALL, tampered, "a record made inactive after signing"),
        CALL("rim-comment", SIM_ON_ALL, comment_after, "a comment that the signature does not cover"),
        CALL("rim-doctype", SIM_ON_ALL, doctype, "a document type with an entity"),
        CALL("rim-truncated", SIM_ON_ALL, truncated, "half a document"),
        CALL("rim-text", SIM_ON_ALL, text_inside, "text between the records"),
        CALL("rim-root", SIM_ON_ALL, other_root, "another root element"),
        CALL("rim-namespace", SIM_ON_ALL, other_namespace, "the root is of another SWID version"),
        CALL("rim-two-payloads", SIM_ON_ALL, two_payloads, "a second payload"),
        CALL("rim-signer-expired", SIM_ON_ALL, signer_expired, "the signer has expired"),
        CALL("rim-signer-early", SIM_ON_ALL, signer_early, "the signer is not valid yet"),
        CALL("rim-signer-ca", SIM_ON_ALL, signer_ca, "the signer is a CA"),
        CALL("rim-signer-forged", SIM_ON_ALL, signer_forged, "the signer is not signed by level 3"),
        CALL("rim-signer-device", SIM_ON_ALL, sign_with_device, "signed by the device itself"),
        CALL("rim-root-other", SIM_ON_ALL, replace_root, "the chain's root is a stranger of the same name"),
        CALL("rim-root-missing", SIM_ON_ALL, drop_root, "the chain has no root"),
        CALL("rim-product", SIM_ON_ALL, change_product, "the RIM of another product"),
        CALL("rim-version", SIM_ON_ALL, change_version, "the RIM of another VBIOS version"),
        CALL("rim-driver-version", SIM_ON_GPU, change_driver_version, "the RIM of another driver version"),
        CALL("rim-inactive", SIM_ON_ALL, deactivate_all, "no record is active"),
        CALL("rim-empty", SIM_ON_ALL, drop_records, "there are no records"),
        CALL("rim-golden", SIM_ON_ALL, change_golden, "another golden value"),
        CALL("rim-conflict", SIM_ON_GPU, activate_conflict, "an index is active in both RIMs"),
        CALL("rim-index-repeated", SIM_ON_ALL, repeat_index, "an index is there twice"),
        CALL("rim-index-64", SIM_ON_ALL, add_index_64, "an active record for a measurement that no report has"),
        CALL("rim-alternatives-zero", SIM_ON_ALL, announce_no_alternatives, "an active record without alternatives"),
        CALL("rim-alternatives-more", SIM_ON_ALL, announce_more_alternatives, "more alternatives than hashes"),
        CALL("rim-active-spelling", SIM_ON_ALL, spell_active_otherwise, "an active record that says \"true\""),
        CALL("rim-active-missing", SIM_ON_ALL, no_active, "a record that is neither active nor inactive"),
        CALL("rim-size", SIM_ON_ALL, change_size, "a record for values of 32 bytes"),
        CALL("rim-hash-short", SIM_ON_ALL, short_hash, "a hash of 95 digits"),
        CALL("rim-svn-high", SIM_ON_NVDAOD, raise_minimum, "a minimum above the device's security version"),
        CALL("rim-svn-malformed", SIM_ON_NVDAOD, spoil_minimum, "a minimum that is no number"),
        CALL("rim-svn-conflict", SIM_ON_NVDAOD, repeat_minimum, "a minimum in both RIMs"),
};

const SimDefectTable sim_rim_defects = { rows, ELEMENTSOF(rows) };
