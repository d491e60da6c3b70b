/* SPDX-License-Identifier: Apache-2.0 */

#include "breaks.h"

#include <stdio.h>
#include <string.h>

void break_arch(Trial *s) {
        s->evidence[0].arch = "AMPERE";
}

void break_framing(Trial *s) {
        s->evidence[0].tweaks.unsigned_trailing = 1;
}

void break_nonce(Trial *s) {
        s->evidence[0].nonce[0] ^= 1;
}

void break_signature(Trial *s) {
        s->evidence[0].tweaks.signature = SIM_SIGNATURE_FLIPPED;
}

void break_measurement(Trial *s) {
        s->devices[0]->digests[1][0] ^= 1;
}

void break_fwid(Trial *s) {
        static const uint8_t other[SIM_FWID_SIZE] = { 1 };

        sim_entry_replace(s->devices[0], 20, other, sizeof(other));
}

void reissue_device_cert(Trial *s, unsigned level, void (*edit)(SimCertSpec *spec)) {
        SimCertSpec spec = (level == 0 ? s->devices[0]->leaf : s->devices[0]->brom)->spec;

        edit(&spec);
        sim_device_reissue(s->devices[0], level, &spec);
}

static void change_prefix(SimCertSpec *spec) {
        spec->serial[0] ^= 0x41 ^ 0x50;
}

void break_identity(Trial *s) {
        reissue_device_cert(s, 1, change_prefix);
}

/* A feature flag that does not exist; a switch that is not locked. */
void break_mode(Trial *s) {
        bool is_switch = s->devices[0]->arch == SIM_ARCH_LS10;

        sim_entry_replace(s->devices[0], is_switch ? 25 : 36, is_switch ? "\x00\x00" : "\x03\x00", 2);
}

static void expire(SimCertSpec *spec) {
        (void) snprintf(spec->not_after, sizeof(spec->not_after), "20240101000000Z");
}

void expire_leaf(Trial *s) {
        reissue_device_cert(s, 0, expire);
}

static void postpone(SimCertSpec *spec) {
        (void) snprintf(spec->not_before, sizeof(spec->not_before), "20900101000000Z");
}

void postpone_leaf(Trial *s) {
        reissue_device_cert(s, 0, postpone);
}

static void lose(SimRim **rim) {
        *rim = sim_rim_free(*rim);
}

void lose_driver_rim(Trial *s) {
        lose(&s->rims[0][SIM_RIM_DRIVER]);
}

void lose_vbios_rim(Trial *s) {
        lose(&s->rims[0][SIM_RIM_VBIOS]);
}

static void announce_no_alternatives(Trial *s, SimRim *rim) {
        for (size_t i = 0; i < rim->n_records; i++)
                if (strcmp(rim->records[i].active, "True") == 0) {
                        (void) snprintf(rim->records[i].alternatives, sizeof(rim->records[i].alternatives), "0");
                        return;
                }
}

static void expire_signer(Trial *s, SimRim *rim) {
        SimCertSpec spec = sim_pki_cert(s->pki, sim_device_rim_signer(s->devices[0]))->spec;
        _cleanup_(sim_cert_freep) SimCert *signer = NULL;

        sim_pki_time(s->pki, -700, spec.not_before);
        sim_pki_time(s->pki, -1, spec.not_after);
        spec.serial[spec.serial_size - 1] ^= 1;
        signer = sim_cert_issue(&spec);
        sim_rim_set_signer(rim, signer);
}

static void sign_with_other_key(Trial *s, SimRim *rim) {
        rim->form = SIM_RIM_OTHER_KEY;
}

static void change_product(Trial *s, SimRim *rim) {
        (void) snprintf(rim->product, sizeof(rim->product), "AD102");
}

static void change_version(Trial *s, SimRim *rim) {
        (void) snprintf(rim->version, sizeof(rim->version), "1.2.3");
}

static void deactivate_all(Trial *s, SimRim *rim) {
        for (size_t i = 0; i < rim->n_records; i++)
                (void) snprintf(rim->records[i].active, sizeof(rim->records[i].active), "False");
}

#define ON_RIM(function, kind, edit)      \
        void function(Trial *s) {         \
                edit(s, s->rims[0][kind]); \
        }
ON_RIM(break_driver_schema, SIM_RIM_DRIVER, announce_no_alternatives)
ON_RIM(break_vbios_schema, SIM_RIM_VBIOS, announce_no_alternatives)
ON_RIM(expire_driver_signer, SIM_RIM_DRIVER, expire_signer)
ON_RIM(expire_vbios_signer, SIM_RIM_VBIOS, expire_signer)
ON_RIM(break_driver_key, SIM_RIM_DRIVER, sign_with_other_key)
ON_RIM(break_vbios_key, SIM_RIM_VBIOS, sign_with_other_key)
ON_RIM(break_driver_product, SIM_RIM_DRIVER, change_product)
ON_RIM(break_vbios_product, SIM_RIM_VBIOS, change_product)
ON_RIM(break_driver_version, SIM_RIM_DRIVER, change_version)
ON_RIM(break_vbios_version, SIM_RIM_VBIOS, change_version)
ON_RIM(empty_driver_rim, SIM_RIM_DRIVER, deactivate_all)
ON_RIM(empty_vbios_rim, SIM_RIM_VBIOS, deactivate_all)

void make_conflict(Trial *s) {
        *sim_rim_find(s->rims[0][SIM_RIM_DRIVER], 0) = *sim_rim_find(s->rims[0][SIM_RIM_VBIOS], 0);
}
