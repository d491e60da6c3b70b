/* SPDX-License-Identifier: Apache-2.0 */

#include "sim/ocsp-compose.h"

#include <openssl/ocsp.h>
#include <string.h>

#include "sim/must.h"

#define DAY_SEC    86400
#define NONCE_SIZE 32

/* An arc for examples (RFC 7042 has one for companies, 32473). */
#define OID_NOTHING "1.3.6.1.4.1.32473.1"

SimOcspComposition sim_ocsp_composition(SimOcspSpec about) {
        return (SimOcspComposition){
                .singles = { { .about = about, .next_update = DAY_SEC } },
                .n_singles = 1,
                .responder = about.responder,
        };
}

static ASN1_TIME *moment(int seconds) {
        ASN1_TIME *t = ASN1_GENERALIZEDTIME_set(NULL, time(NULL) + seconds);

        MUST(t);
        return t;
}

static void add_single(OCSP_BASICRESP *basic, SimPki *pki, const SimOcspSingle *s) {
        static const int statuses[] = {
                [SIM_OCSP_GOOD]    = V_OCSP_CERTSTATUS_GOOD,
                [SIM_OCSP_REVOKED] = V_OCSP_CERTSTATUS_REVOKED,
                [SIM_OCSP_UNKNOWN] = V_OCSP_CERTSTATUS_UNKNOWN,
        };
        const EVP_MD *digest = EVP_get_digestbyname(s->about.digest ?: "sha384");
        OCSP_CERTID *id;
        ASN1_TIME *from = moment(s->this_update), *to = moment(s->next_update), *revoked = moment(-DAY_SEC);

        MUST(digest);
        id = s->id ? OCSP_CERTID_dup(s->id)
                   : OCSP_cert_to_id(digest, s->about.cert, sim_pki_cert(pki, s->about.authority)->cert);
        MUST(id);
        MUST(OCSP_basic_add1_status(basic, id, statuses[s->about.status], s->reason, revoked, from,
                                    s->no_next_update ? NULL : to));
        OCSP_CERTID_free(id);
        ASN1_TIME_free(from);
        ASN1_TIME_free(to);
        ASN1_TIME_free(revoked);
}

static void add_padding(OCSP_BASICRESP *basic, size_t size) {
        ASN1_OCTET_STRING *octets = ASN1_OCTET_STRING_new();
        ASN1_OBJECT *oid = OBJ_txt2obj(OID_NOTHING, 1);
        uint8_t *bytes = calloc(1, size);
        X509_EXTENSION *extension;

        MUST(octets && oid && bytes && ASN1_OCTET_STRING_set(octets, bytes, (int) size) == 1);
        extension = X509_EXTENSION_create_by_OBJ(NULL, oid, 0, octets);
        MUST(extension && OCSP_BASICRESP_add_ext(basic, extension, -1) == 1);
        X509_EXTENSION_free(extension);
        ASN1_OBJECT_free(oid);
        ASN1_OCTET_STRING_free(octets);
        free(bytes);
}

/* OpenSSL writes the present moment unless it is told not to, and has no function to write another one. */
static void set_produced_at(OCSP_BASICRESP *basic, int seconds) {
        ASN1_GENERALIZEDTIME *t = (ASN1_GENERALIZEDTIME *) (uintptr_t) OCSP_resp_get0_produced_at(basic);

        MUST(ASN1_GENERALIZEDTIME_set(t, time(NULL) + seconds));
}

void sim_ocsp_compose(SimPki *pki, const SimOcspComposition *c, uint8_t **ret, size_t *ret_size) {
        const SimCert *signer = sim_pki_responder(pki, c->singles[0].about.authority, c->responder);
        OCSP_BASICRESP *basic = OCSP_BASICRESP_new();
        OCSP_RESPONSE *response;
        unsigned char *der = NULL;
        int n;

        MUST(basic);
        for (size_t i = 0; i < c->n_singles; i++)
                add_single(basic, pki, &c->singles[i]);
        if (c->request)
                MUST(OCSP_copy_nonce(basic, c->request) > 0);
        if (c->other_nonce)
                MUST(OCSP_basic_add1_nonce(basic, NULL, NONCE_SIZE) == 1);
        if (c->padding > 0)
                add_padding(basic, c->padding);
        set_produced_at(basic, c->produced_at);
        MUST(OCSP_basic_sign(basic, signer->cert, signer->key, EVP_sha384(), NULL, OCSP_NOTIME | OCSP_RESPID_KEY) == 1);
        response = OCSP_response_create(OCSP_RESPONSE_STATUS_SUCCESSFUL, basic);
        MUST(response);
        n = i2d_OCSP_RESPONSE(response, &der);
        MUST(n > 0);
        *ret = malloc((size_t) n);
        MUST(*ret);
        memcpy(*ret, der, (size_t) n);
        *ret_size = (size_t) n;
        OPENSSL_free(der);
        OCSP_RESPONSE_free(response);
        OCSP_BASICRESP_free(basic);
}
