/* SPDX-License-Identifier: Apache-2.0 */

/* The device's certificates: shape of the chain, then each certificate. */

#include <stdio.h>
#include <string.h>

#include "sim/defect.h"
#include "sim/must.h"

static SimDevice *first(SimScene *s) {
        return s->devices[0];
}

static void drop_root(SimScene *s) {
        sim_chain_drop(first(s), 4);
}

static void drop_middle(SimScene *s) {
        sim_chain_drop(first(s), 2);
}

static void swap_middle(SimScene *s) {
        sim_chain_swap(first(s), 1, 2);
}

static void repeat_device(SimScene *s) {
        sim_chain_insert(first(s), 1, first(s)->chain[1]);
}

static void append_stranger(SimScene *s) {
        sim_chain_insert(first(s), 5, sim_pki_stranger(s->pki, SIM_DEVICE_ROOT)->cert);
}

static void replace_root(SimScene *s) {
        sim_chain_replace(first(s), 4, sim_pki_stranger(s->pki, SIM_DEVICE_ROOT)->cert);
}

/* Same name and key as the anchor, but other bytes. */
static void renew_root(SimScene *s) {
        SimCert *root = sim_cert_issue(&sim_pki_cert(s->pki, SIM_DEVICE_ROOT)->spec);

        sim_chain_replace(first(s), 4, root->cert);
        sim_cert_free(root);
}

static void take_other_chain(SimScene *s) {
        _cleanup_(sim_device_freep) SimDevice *other = sim_device_new(s->pki, first(s)->model);

        sim_chain_replace(first(s), 0, other->chain[0]);
        sim_chain_replace(first(s), 1, other->chain[1]);
}

static void spoil_text(SimScene *s) {
        s->evidence[0].chain = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----";
}

/* Certificate 2 anew with the same names and key, so that all below it stays good. */
static void reissue_provisioner(SimScene *s, void (*edit)(SimCertSpec *)) {
        SimCertSpec spec = sim_pki_cert(s->pki, sim_device_authority(first(s)))->spec;
        SimCert *provisioner;

        edit(&spec);
        provisioner = sim_cert_issue(&spec);
        sim_chain_replace(first(s), 2, provisioner->cert);
        sim_cert_free(provisioner);
}

static void limit_path(SimCertSpec *spec) {
        spec->basic_constraints = "critical,CA:TRUE,pathlen:0";
}

static void provisioner_path_length(SimScene *s) {
        reissue_provisioner(s, limit_path);
}

static void self_sign(SimCertSpec *spec) {
        spec->issuer = NULL;
}

static void provisioner_self_signed(SimScene *s) {
        reissue_provisioner(s, self_sign);
}

static void reissue(SimScene *s, unsigned level, void (*edit)(SimScene *, SimCertSpec *)) {
        SimCertSpec spec = (level == 0 ? first(s)->leaf : first(s)->brom)->spec;

        edit(s, &spec);
        sim_device_reissue(first(s), level, &spec);
}

static void expire(SimScene *s, SimCertSpec *spec) {
        (void) snprintf(spec->not_after, sizeof(spec->not_after), "20240101000000Z");
}

static void come_early(SimScene *s, SimCertSpec *spec) {
        (void) snprintf(spec->not_before, sizeof(spec->not_before), "29990101000000Z");
}

static void become_ca(SimScene *s, SimCertSpec *spec) {
        spec->basic_constraints = "critical,CA:TRUE";
        spec->key_usage = "critical,digitalSignature,keyCertSign";
}

static void lose_usage(SimScene *s, SimCertSpec *spec) {
        spec->key_usage = NULL;
}

static void sign_certificates_only(SimScene *s, SimCertSpec *spec) {
        spec->key_usage = "critical,cRLSign";
}

static void lose_ca(SimScene *s, SimCertSpec *spec) {
        spec->basic_constraints = "critical,CA:FALSE";
        spec->key_usage = "critical,digitalSignature";
}

static void lose_cert_sign(SimScene *s, SimCertSpec *spec) {
        spec->key_usage = "critical,digitalSignature";
}

static void lose_dice(SimScene *s, SimCertSpec *spec) {
        spec->dice = SIM_DICE_NONE;
}

static void swap_dice(SimScene *s, SimCertSpec *spec) {
        spec->dice = spec->dice == SIM_DICE_COMPOSITE ? SIM_DICE_TCB_INFO : SIM_DICE_COMPOSITE;
}

static void name_other_key(SimScene *s, SimCertSpec *spec) {
        spec->dice_key = sim_pki_cert(s->pki, SIM_GH100_IDENTITY)->key;
}

static void name_other_firmware(SimScene *s, SimCertSpec *spec) {
        spec->fwid[47] ^= 1;
}

static void sign_with_other_key(SimScene *s, SimCertSpec *spec) {
        spec->signing_key = sim_pki_stranger(s->pki, SIM_GH100_IDENTITY)->key;
}

static void change_subject_serial(SimScene *s, SimCertSpec *spec) {
        char *digit = strchr(spec->subject, '=') + 3;

        *digit = *digit == '0' ? '1' : '0';
}

static void change_prefix(SimScene *s, SimCertSpec *spec) {
        char *digits = strchr(spec->subject, '=') + 1;

        spec->serial[0] = spec->serial[0] == 0x41 ? 0x50 : 0x41;
        (void) memcpy(digits, spec->serial[0] == 0x41 ? "41" : "50", 2);
}

static void change_model(SimScene *s, SimCertSpec *spec) {
        char *name = strstr(spec->subject, "/CN=");

        MUST(name);
        (void) snprintf(name, sizeof(spec->subject) - (size_t) (name - spec->subject), "/CN=AD102 A01 GSP BROM");
}

#define REISSUE(function, level, edit)       \
        static void function(SimScene *s) {  \
                reissue(s, level, edit);     \
        }

REISSUE(leaf_expired, 0, expire)
REISSUE(leaf_early, 0, come_early)
REISSUE(leaf_ca, 0, become_ca)
REISSUE(leaf_no_usage, 0, lose_usage)
REISSUE(leaf_other_usage, 0, sign_certificates_only)
REISSUE(leaf_forged, 0, sign_with_other_key)
REISSUE(leaf_no_dice, 0, lose_dice)
REISSUE(leaf_other_dice, 0, swap_dice)
REISSUE(leaf_dice_key, 0, name_other_key)
REISSUE(leaf_fwid, 0, name_other_firmware)
REISSUE(brom_expired, 1, expire)
REISSUE(brom_no_ca, 1, lose_ca)
REISSUE(brom_no_sign, 1, lose_cert_sign)
REISSUE(brom_no_usage, 1, lose_usage)
REISSUE(brom_forged, 1, sign_with_other_key)
REISSUE(brom_subject, 1, change_subject_serial)
REISSUE(brom_prefix, 1, change_prefix)
REISSUE(brom_model, 1, change_model)

#define CALL(label, mask, function, text) { label, text, mask, {}, 0, function, NULL }

static const SimDefect rows[] = {
        CALL("chain-of-four", SIM_ON_ALL, drop_root, "the root is missing"),
        CALL("chain-gap", SIM_ON_ALL, drop_middle, "the provisioner is missing"),
        CALL("chain-swapped", SIM_ON_ALL, swap_middle, "certificates 1 and 2 are swapped"),
        CALL("chain-repeated", SIM_ON_ALL, repeat_device, "certificate 1 is there twice"),
        CALL("chain-extra", SIM_ON_ALL, append_stranger, "a sixth certificate stands behind the root"),
        CALL("chain-garbage", SIM_ON_ALL, spoil_text, "the chain is no certificate"),
        CALL("chain-other-device", SIM_ON_ALL, take_other_chain, "the chain is another device's"),
        CALL("root-other", SIM_ON_ALL, replace_root, "the root is a stranger of the same name"),
        CALL("root-renewed", SIM_ON_ALL, renew_root, "the root has the anchor's name and key, but other bytes"),
        CALL("provisioner-path-length", SIM_ON_ALL, provisioner_path_length, "certificate 2 allows no CA below it"),
        CALL("provisioner-self-signed", SIM_ON_ALL, provisioner_self_signed, "certificate 2 is self-signed"),
        CALL("leaf-expired", SIM_ON_ALL, leaf_expired, "the leaf has expired"),
        CALL("leaf-not-yet-valid", SIM_ON_ALL, leaf_early, "the leaf is not valid yet"),
        CALL("leaf-ca", SIM_ON_ALL, leaf_ca, "the leaf is a CA"),
        CALL("leaf-no-usage", SIM_ON_ALL, leaf_no_usage, "the leaf has no key usage"),
        CALL("leaf-other-usage", SIM_ON_ALL, leaf_other_usage, "the leaf may not sign data"),
        CALL("leaf-forged", SIM_ON_ALL, leaf_forged, "the leaf is not signed by the per-device CA"),
        CALL("leaf-no-dice", SIM_ON_ALL, leaf_no_dice, "the leaf names no firmware"),
        CALL("leaf-other-dice", SIM_ON_ALL, leaf_other_dice, "the leaf names firmware in another form"),
        CALL("leaf-dice-key", SIM_ON_ALL & ~SIM_ON_BLACKWELL, leaf_dice_key, "the leaf names another key below it"),
        CALL("leaf-fwid", SIM_ON_FWID, leaf_fwid, "the leaf names other firmware than the report"),
        CALL("brom-expired", SIM_ON_ALL, brom_expired, "the per-device CA has expired"),
        CALL("brom-no-ca", SIM_ON_ALL, brom_no_ca, "the per-device certificate is no CA"),
        CALL("brom-no-sign", SIM_ON_ALL, brom_no_sign, "the per-device CA may not sign certificates"),
        CALL("brom-no-usage", SIM_ON_ALL, brom_no_usage, "the per-device CA has no key usage"),
        CALL("brom-forged", SIM_ON_ALL, brom_forged, "the per-device CA is not signed by the provisioner"),
        CALL("brom-subject", SIM_ON_ALL, brom_subject, "serial numbers of the per-device CA differ"),
        CALL("brom-prefix", SIM_ON_ALL, brom_prefix, "the serial number has the other kind of device's prefix"),
        CALL("brom-model", SIM_ON_ALL, brom_model, "the per-device CA names another model"),
};

const SimDefectTable sim_chain_defects = { rows, ELEMENTSOF(rows) };
