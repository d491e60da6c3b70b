/* SPDX-License-Identifier: Apache-2.0 */

#include "sim/pki.h"

#include <openssl/rand.h>
#include <stdio.h>
#include <string.h>

#include "sim/bytes.h"
#include "sim/must.h"
#include "sim/store.h"

#define OCSP_URL  "OCSP;URI:http://ocsp.ndis.nvidia.com"
#define CRL_URL   "URI:http://crl.ndis.nvidia.com/"
#define CA        "critical,CA:TRUE"
#define CA_USAGE  "critical,keyCertSign,cRLSign"
#define NEVER     "99991231235959Z"
#define COMPANY   "O=NVIDIA Corporation"
#define DAY_SEC   86400
#define YEAR_DAYS 365

typedef struct AuthorityRow {
        SimAuthority issuer;
        const char *subject;
        const char *basic_constraints, *key_usage, *crl, *ocsp;
        const char *not_before;  /* NULL: in days from the base */
        int from_days, to_days;  /* without `not_before` */
        bool generalized_time;
        const char *responder;   /* common name; NULL: issues nothing that is asked about */
} AuthorityRow;

static const AuthorityRow authority_table[_SIM_AUTHORITY_MAX] = {
        [SIM_DEVICE_ROOT] = {
                _SIM_AUTHORITY_NONE, "/CN=NVIDIA Device Identity CA/O=NVIDIA",
                CA, CA_USAGE, .not_before = "20211105000000Z",
                .responder = "NVIDIA OCSP Responder L1-A 02",
        },
        [SIM_GH100_IDENTITY] = {
                SIM_DEVICE_ROOT, "/CN=NVIDIA GH100 Identity/" COMPANY,
                CA, CA_USAGE, CRL_URL "crl/l1-root.crl", OCSP_URL, "20220112000000Z",
                .responder = "NVIDIA OCSP Responder L2 GH100 Identity",
        },
        [SIM_GH100_PROVISIONER] = {
                SIM_GH100_IDENTITY, "/CN=NVIDIA GH100 Provisioner ICA 1/" COMPANY "/C=US",
                CA, CA_USAGE, CRL_URL "crl/l2-gh100.crl", OCSP_URL, "20220301000000Z",
                .responder = "NVIDIA OCSP Responder L3 GH100 ICA1 Identity",
        },
        [SIM_LS10_PROVISIONER] = {
                SIM_GH100_IDENTITY, "/CN=NVIDIA LS_10 Provisioner ICA 1/" COMPANY "/C=US",
                CA, CA_USAGE, CRL_URL "crl/l2-gh100.crl", OCSP_URL, "20220301000000Z",
                .responder = "NVIDIA OCSP Responder L3 LS_10 ICA1 Identity",
        },
        [SIM_GB100_IDENTITY] = {
                SIM_DEVICE_ROOT, "/CN=NVIDIA GB100 Identity/" COMPANY,
                CA, CA_USAGE, CRL_URL "crl/l1-root.crl", OCSP_URL, "20230620000000Z",
                .responder = "NVIDIA OCSP Responder L2 GB100 Identity",
        },
        [SIM_GB100_PROVISIONER] = {
                SIM_GB100_IDENTITY, "/CN=NVIDIA GB100 Provisioner ICA 00000/" COMPANY "/C=US",
                CA, CA_USAGE, CRL_URL "crl/l2-gb100.crl", OCSP_URL, "20230620000000Z",
                .responder = "NVIDIA OCSP Responder L3 GB100 ICA00000",
        },
        [SIM_RIM_ROOT] = {
                _SIM_AUTHORITY_NONE, "/C=US/O=NVIDIA/CN=NVIDIA CoRIM signing Root CA",
                CA, CA_USAGE, .from_days = -3 * YEAR_DAYS, .to_days = 27 * YEAR_DAYS,
                .responder = "NVIDIA OCSP Responder L1 CoRIM Root",
        },
        [SIM_GH100_RIM_CA] = {
                SIM_RIM_ROOT, "/CN=NVIDIA Reference Value GH100 CA/" COMPANY "/C=US",
                CA, CA_USAGE, CRL_URL "crl-corim/l1-corim", OCSP_URL, NULL, -2 * YEAR_DAYS, 8 * YEAR_DAYS, true,
                "NVIDIA OCSP Responder L2 Reference Value GH100",
        },
        [SIM_GH100_RIM_L3] = {
                SIM_GH100_RIM_CA, "/CN=NVIDIA Reference Value L3 GH100 002/" COMPANY "/C=US",
                CA ",pathlen:0", CA_USAGE, NULL, OCSP_URL, NULL, -YEAR_DAYS, 3 * YEAR_DAYS, true,
                "NVIDIA OCSP Responder L3 GH100 002",
        },
        [SIM_GH100_RIM_SIGNER] = {
                SIM_GH100_RIM_L3, "/C=US/ST=CA/L=Santa Clara/" COMPANY "/CN=HCC RIM L4 Signer",
                "critical,CA:FALSE", "critical,digitalSignature", NULL, OCSP_URL, NULL, 0, 2 * YEAR_DAYS,
        },
        [SIM_GB100_RIM_CA] = {
                SIM_RIM_ROOT, "/CN=NVIDIA Reference Value GB1XX CA 001/" COMPANY "/C=US",
                CA, CA_USAGE, CRL_URL "crl-corim/l1-corim", OCSP_URL, NULL, -2 * YEAR_DAYS, 13 * YEAR_DAYS, true,
                "NVIDIA OCSP Responder L2 Reference Value GB1XX",
        },
        [SIM_GB100_RIM_L3] = {
                SIM_GB100_RIM_CA, "/CN=NVIDIA Reference Value L3 GB100-CC 001/" COMPANY "/C=US",
                CA ",pathlen:0", CA_USAGE, NULL, OCSP_URL, NULL, -YEAR_DAYS, 9 * YEAR_DAYS, true,
                "NVIDIA OCSP Responder L3 GB100-CC 001",
        },
        [SIM_GB100_RIM_SIGNER] = {
                SIM_GB100_RIM_L3, "/C=US/ST=CA/L=Santa Clara/" COMPANY "/CN=RIM L4 Signer",
                "critical,CA:FALSE", "critical,digitalSignature", NULL, OCSP_URL, NULL, 0, 2 * YEAR_DAYS,
        },
        [SIM_LS10_RIM_CA] = {
                SIM_RIM_ROOT, "/CN=NVIDIA Reference Value LS10 CA/" COMPANY "/C=US",
                CA, CA_USAGE, CRL_URL "crl-corim/l1-corim", OCSP_URL, NULL, -2 * YEAR_DAYS, 8 * YEAR_DAYS, true,
                "NVIDIA OCSP Responder L2 Reference Value LS10",
        },
        [SIM_LS10_RIM_L3] = {
                SIM_LS10_RIM_CA, "/CN=NVIDIA Reference Value L3 LS10 001/" COMPANY "/C=US",
                CA ",pathlen:0", CA_USAGE, NULL, OCSP_URL, NULL, -YEAR_DAYS, 3 * YEAR_DAYS, true,
                "NVIDIA OCSP Responder L3 LS10 001",
        },
        [SIM_LS10_RIM_SIGNER] = {
                SIM_LS10_RIM_L3, "/C=US/ST=CA/L=Santa Clara/" COMPANY "/CN=NVIDIA Reference Value L4 LS10",
                "critical,CA:FALSE", "critical,digitalSignature", NULL, OCSP_URL, NULL, 0, 2 * YEAR_DAYS,
        },
};

SimPki *sim_pki_new(time_t base) {
        SimPki *pki = calloc(1, sizeof(*pki));

        MUST(pki);
        pki->base = base > 0 ? base : time(NULL) - DAY_SEC;
        return pki;
}

SimPki *sim_pki_open(const char *dir) {
        SimPki *pki = sim_pki_new(0);

        if (dir)
                MUST(pki->dir = strdup(dir));
        return pki;
}

void sim_pki_complete(SimPki *pki) {
        for (SimAuthority a = 0; a < _SIM_AUTHORITY_MAX; a++) {
                (void) sim_pki_cert(pki, a);
                if (authority_table[a].responder)
                        (void) sim_pki_responder(pki, a, SIM_RESPONDER_DELEGATED);
        }
}

SimPki *sim_pki_free(SimPki *pki) {
        if (!pki)
                return NULL;
        for (size_t i = 0; i < _SIM_AUTHORITY_MAX; i++) {
                sim_cert_free(pki->authorities[i]);
                sim_cert_free(pki->strangers[i]);
                for (size_t k = 0; k < _SIM_RESPONDER_MAX; k++)
                        sim_cert_free(pki->responders[i][k]);
        }
        free(pki->dir);
        free(pki);
        return NULL;
}

SimAuthority sim_authority_issuer(SimAuthority authority) {
        return authority_table[authority].issuer;
}

void sim_pki_time(const SimPki *pki, int days, char ret[static 16]) {
        time_t t = pki->base + (time_t) days * DAY_SEC;
        struct tm tm;

        MUST(gmtime_r(&t, &tm) && strftime(ret, 16, "%Y%m%d%H%M%SZ", &tm) == 15);
}

static void random_serial(SimCertSpec *spec) {
        spec->serial_size = 16;
        MUST(RAND_bytes(spec->serial, (int) spec->serial_size) == 1);
        spec->serial[0] = (uint8_t) ((spec->serial[0] & 0x3f) | 0x40);
}

static SimCertSpec authority_spec(SimPki *pki, const AuthorityRow *row) {
        SimCertSpec spec = {
                .basic_constraints = row->basic_constraints,
                .key_usage = row->key_usage,
                .crl = row->crl,
                .ocsp = row->ocsp,
                .generalized_time = row->generalized_time,
                .issuer = row->issuer == _SIM_AUTHORITY_NONE ? NULL : sim_pki_cert(pki, row->issuer),
        };

        (void) snprintf(spec.subject, sizeof(spec.subject), "%s", row->subject);
        random_serial(&spec);
        if (row->not_before) {
                (void) snprintf(spec.not_before, sizeof(spec.not_before), "%s", row->not_before);
                (void) snprintf(spec.not_after, sizeof(spec.not_after), NEVER);
        } else {
                sim_pki_time(pki, row->from_days, spec.not_before);
                sim_pki_time(pki, row->to_days, spec.not_after);
        }
        return spec;
}

const SimCert *sim_pki_cert(SimPki *pki, SimAuthority authority) {
        SimCert **c = &pki->authorities[authority];

        if (!*c) {
                SimCertSpec spec = authority_spec(pki, &authority_table[authority]);
                char name[160];

                *c = sim_store_cert(pki->dir, sim_store_name(spec.subject, name), &spec);
        }
        return *c;
}

const SimCert *sim_pki_stranger(SimPki *pki, SimAuthority like) {
        SimCert **c = &pki->strangers[like];

        if (!*c) {
                SimCertSpec spec = authority_spec(pki, &authority_table[like]);

                spec.issuer = NULL;
                *c = sim_cert_issue(&spec);
        }
        return *c;
}

/* Real responders of the device tree say "no check" in the list of extended key usages, those of the RIM tree in an
 * extension of its own; the one below the device root is the plainest. */
static void responder_extensions(SimCertSpec *spec, SimAuthority authority) {
        bool root = authority == SIM_DEVICE_ROOT, device = authority < SIM_RIM_ROOT;

        spec->basic_constraints = root ? NULL : "CA:FALSE";
        spec->key_usage = root ? "digitalSignature" : "critical,digitalSignature";
        spec->extended_key_usage = root     ? "OCSPSigning,1.3.6.1.5.5.7.48.1.5"
                                   : device ? "critical,OCSPSigning,1.3.6.1.5.5.7.48.1.5"
                                            : "critical,OCSPSigning";
        spec->no_check = device ? NULL : "ignored";
}

static SimCert *issue_responder(SimPki *pki, SimAuthority authority, SimResponder kind) {
        const AuthorityRow *row = &authority_table[authority];
        bool expired = kind == SIM_RESPONDER_EXPIRED;
        char name[160];
        SimCertSpec spec = {
                .issuer = kind == SIM_RESPONDER_STRANGER ? sim_pki_stranger(pki, authority)
                                                         : sim_pki_cert(pki, authority),
        };

        (void) snprintf(spec.subject, sizeof(spec.subject), "/CN=%s/" COMPANY "/C=US", row->responder ?: "none");
        random_serial(&spec);
        sim_pki_time(pki, expired ? -3 * YEAR_DAYS : -YEAR_DAYS, spec.not_before);
        sim_pki_time(pki, expired ? -1 : 2 * YEAR_DAYS, spec.not_after);
        responder_extensions(&spec, authority);
        if (kind == SIM_RESPONDER_NO_EKU)
                spec.extended_key_usage = NULL;
        if (kind == SIM_RESPONDER_CURVE)
                spec.curve = "P-256";
        /* The others are for answers to be refused: nobody needs the same ones again. */
        if (kind == SIM_RESPONDER_DELEGATED)
                return sim_store_cert(pki->dir, sim_store_name(spec.subject, name), &spec);
        return sim_cert_issue(&spec);
}

static SimAuthority elsewhere(SimAuthority authority) {
        SimAuthority issuer = sim_authority_issuer(authority);

        if (issuer != _SIM_AUTHORITY_NONE)
                return issuer;
        return authority == SIM_DEVICE_ROOT ? SIM_GH100_IDENTITY : SIM_GH100_RIM_CA;
}

const SimCert *sim_pki_responder(SimPki *pki, SimAuthority authority, SimResponder kind) {
        SimCert **c;

        if (kind == SIM_RESPONDER_ISSUER)
                return sim_pki_cert(pki, authority);
        if (kind == SIM_RESPONDER_ELSEWHERE)
                return sim_pki_responder(pki, elsewhere(authority), SIM_RESPONDER_DELEGATED);
        c = &pki->responders[authority][kind];
        if (!*c)
                *c = issue_responder(pki, authority, kind);
        return *c;
}

static int write_anchor(SimPki *pki, SimAuthority root, const char *dir, const char *name) {
        X509 *cert = sim_pki_cert(pki, root)->cert;
        _cleanup_free_ char *pem = sim_certs_to_pem(&cert, 1);
        _cleanup_bytes_ SimBytes text = {};

        sim_bytes_printf(&text, "%s\n", pem);
        return sim_write_file(dir, name, text.data, text.size);
}

int sim_pki_write_anchors(SimPki *pki, const char *dir) {
        int r;

        r = write_anchor(pki, SIM_DEVICE_ROOT, dir, "device-root.pem");
        if (r < 0)
                return r;
        return write_anchor(pki, SIM_RIM_ROOT, dir, "rim-root.pem");
}
