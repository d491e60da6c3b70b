/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* The simulated authorities: the trees that device and RIM certificates hang in, with the shapes and names of
 * NVIDIA's and keys of their own, fresh in every process unless they are kept (sim/store.h). Certificates are issued
 * when they are first asked for. */

#include <time.h>

#include "sim/cert.h"

typedef enum SimAuthority {
        SIM_DEVICE_ROOT,
        SIM_GH100_IDENTITY,
        SIM_GH100_PROVISIONER,
        SIM_LS10_PROVISIONER, /* issued by SIM_GH100_IDENTITY */
        SIM_GB100_IDENTITY,
        SIM_GB100_PROVISIONER,
        SIM_RIM_ROOT,
        SIM_GH100_RIM_CA,
        SIM_GH100_RIM_L3,
        SIM_GH100_RIM_SIGNER, /* the level 4 signers are no CAs */
        SIM_GB100_RIM_CA,
        SIM_GB100_RIM_L3,
        SIM_GB100_RIM_SIGNER,
        SIM_LS10_RIM_CA,
        SIM_LS10_RIM_L3,
        SIM_LS10_RIM_SIGNER,
        _SIM_AUTHORITY_MAX,
        _SIM_AUTHORITY_NONE = -1,
} SimAuthority;

/* Who signs OCSP answers about the certificates of an authority. */
typedef enum SimResponder {
        SIM_RESPONDER_DELEGATED, /* a responder certificate of this authority: what real answers have */
        SIM_RESPONDER_ISSUER,    /* the authority itself: allowed as well */
        SIM_RESPONDER_NO_EKU,    /* a certificate of this authority that is not made for OCSP */
        SIM_RESPONDER_ELSEWHERE, /* the responder of another authority in the same tree */
        SIM_RESPONDER_STRANGER,  /* a responder of a private authority that bears the right one's name */
        SIM_RESPONDER_EXPIRED,   /* delegated, but past its notAfter */
        SIM_RESPONDER_CURVE,     /* delegated, but on P-256 */
        _SIM_RESPONDER_MAX,
} SimResponder;

typedef struct SimPki {
        char *dir;   /* where certificates are kept; NULL: nowhere */
        time_t base; /* the level 4 signers are valid for two years from here */
        SimCert *authorities[_SIM_AUTHORITY_MAX];
        SimCert *responders[_SIM_AUTHORITY_MAX][_SIM_RESPONDER_MAX];
        SimCert *strangers[_SIM_AUTHORITY_MAX];
} SimPki;

/* `base` 0: yesterday. */
SimPki *sim_pki_new(time_t base);

/* One that keeps what it issues in `dir` (may be NULL), which is there. */
SimPki *sim_pki_open(const char *dir);

/* Issues all authorities and the responders of good answers now, so that whoever opens the directory next has them. */
void sim_pki_complete(SimPki *pki);

SimPki *sim_pki_free(SimPki *pki);
DEFINE_CLEANUP_FUNC(SimPki *, sim_pki_free)

/* Borrowed from the PKI. */
const SimCert *sim_pki_cert(SimPki *pki, SimAuthority authority);
const SimCert *sim_pki_responder(SimPki *pki, SimAuthority authority, SimResponder kind);

/* A self-signed CA outside of all trees that bears the name of `like`. Borrowed. */
const SimCert *sim_pki_stranger(SimPki *pki, SimAuthority like);

/* _SIM_AUTHORITY_NONE for a root. */
SimAuthority sim_authority_issuer(SimAuthority authority);

/* `days` from the base, in the form that certificate descriptions want, into `ret`. */
void sim_pki_time(const SimPki *pki, int days, char ret[static 16]);

/* Writes device-root.pem and rim-root.pem into `dir`, which exists. 0 or a negative errno. */
int sim_pki_write_anchors(SimPki *pki, const char *dir);
