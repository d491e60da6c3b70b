/* SPDX-License-Identifier: Apache-2.0 */

#include "attest/ocsp-request.h"

#include <openssl/ocsp.h>
#include <string.h>
#include <sys/random.h>

DEFINE_CLEANUP_FUNC(OCSP_REQUEST *, OCSP_REQUEST_free)
DEFINE_CLEANUP_FUNC(OCSP_RESPONSE *, OCSP_RESPONSE_free)
DEFINE_CLEANUP_FUNC(OCSP_BASICRESP *, OCSP_BASICRESP_free)
DEFINE_CLEANUP_FUNC(OCSP_CERTID *, OCSP_CERTID_free)

static int encode(OCSP_REQUEST *request, OcspRequest *ret) {
        unsigned char *der = NULL;
        int n = i2d_OCSP_REQUEST(request, &der);

        if (n <= 0)
                return -ENOMEM;
        ret->der = malloc((size_t) n);
        if (ret->der) {
                memcpy(ret->der, der, (size_t) n);
                ret->size = (size_t) n;
        }
        OPENSSL_free(der);
        return ret->der ? 0 : -ENOMEM;
}

int ocsp_request_make(const X509 *cert, const X509 *issuer, OcspRequest *ret) {
        _cleanup_(OCSP_REQUEST_freep) OCSP_REQUEST *request = OCSP_REQUEST_new();
        OCSP_CERTID *id = OCSP_cert_to_id(EVP_sha256(), cert, issuer);
        OcspRequest r = { .cert = cert, .issuer = issuer };
        int error;

        if (!request || !id || !OCSP_request_add0_id(request, id)) {
                OCSP_CERTID_free(id);
                return -ENOMEM;
        }
        if (getrandom(r.nonce, sizeof(r.nonce), 0) != sizeof(r.nonce))
                return -EIO;
        if (OCSP_request_add1_nonce(request, r.nonce, sizeof(r.nonce)) != 1)
                return -ENOMEM;
        error = encode(request, &r);
        if (error < 0)
                return error;
        *ret = r;
        return 0;
}

void ocsp_request_done(OcspRequest *r) {
        free(r->der);
        *r = (OcspRequest){};
}

/* What OCSP_check_nonce(3) does with the whole request: the nonce is an OCTET STRING within the extension's own
 * (RFC 8954), of which the encoding of up to 127 bytes is two bytes longer than the value. */
static int check_nonce(const OcspRequest *r, OCSP_BASICRESP *basic, Fault *f) {
        const uint8_t header[] = { V_ASN1_OCTET_STRING, OCSP_NONCE_SIZE };
        int at = OCSP_BASICRESP_get_ext_by_NID(basic, NID_id_pkix_OCSP_Nonce, -1);
        const ASN1_OCTET_STRING *value = at >= 0 ? X509_EXTENSION_get_data(OCSP_BASICRESP_get_ext(basic, at)) : NULL;
        const uint8_t *data;

        if (!value)
                return fault_set(f, EBADMSG, "OCSP answer", "the nonce that was asked with", "none");
        data = ASN1_STRING_get0_data(value);
        if (ASN1_STRING_length(value) != sizeof(header) + OCSP_NONCE_SIZE || memcmp(data, header, sizeof(header)) != 0 ||
            memcmp(data + sizeof(header), r->nonce, OCSP_NONCE_SIZE) != 0)
                return fault_set(f, EBADMSG, "OCSP answer", "the nonce that was asked with",
                                 "another one: an answer to somebody else, or of the past");
        return 0;
}

/* The answer may use a digest of its own choice for the id. */
static bool is_about(const OcspRequest *r, OCSP_SINGLERESP *single) {
        OCSP_CERTID *found = (OCSP_CERTID *) (uintptr_t) OCSP_SINGLERESP_get0_id(single);
        _cleanup_(OCSP_CERTID_freep) OCSP_CERTID *wanted = NULL;
        ASN1_OBJECT *algorithm;

        if (OCSP_id_get0_info(NULL, &algorithm, NULL, NULL, found) != 1 || !EVP_get_digestbyobj(algorithm))
                return false;
        wanted = OCSP_cert_to_id(EVP_get_digestbyobj(algorithm), r->cert, r->issuer);
        return wanted && OCSP_id_cmp(wanted, found) == 0;
}

int ocsp_request_check(const OcspRequest *r, const uint8_t *der, size_t size, bool require_nonce,
                       bool *ret_nonce_matches, Fault *ret_fault) {
        _cleanup_(OCSP_RESPONSE_freep) OCSP_RESPONSE *response = NULL;
        _cleanup_(OCSP_BASICRESP_freep) OCSP_BASICRESP *basic = NULL;
        const unsigned char *p = der;
        int status;

        response = d2i_OCSP_RESPONSE(NULL, &p, (long) size);
        if (!response || p != der + size)
                return fault_set(ret_fault, EBADMSG, "OCSP answer", "one DER OCSPResponse", "%zu bytes that are not", size);
        status = OCSP_response_status(response);
        if (status != OCSP_RESPONSE_STATUS_SUCCESSFUL)
                return fault_set(ret_fault,
                                 status == OCSP_RESPONSE_STATUS_TRYLATER || status == OCSP_RESPONSE_STATUS_INTERNALERROR ?
                                         EAGAIN :
                                         EBADMSG,
                                 "OCSP answer", "response status successful", "%s", OCSP_response_status_str(status));
        basic = OCSP_response_get1_basic(response);
        if (!basic)
                return fault_set(ret_fault, EBADMSG, "OCSP answer", "a basic response", "another type");
        if (OCSP_resp_count(basic) != 1 || !is_about(r, OCSP_resp_get0(basic, 0)))
                return fault_set(ret_fault, EBADMSG, "OCSP answer", "one about the certificate that was asked about alone",
                                 "%d about others", OCSP_resp_count(basic));
        *ret_nonce_matches = check_nonce(r, basic, ret_fault) >= 0;
        return *ret_nonce_matches || !require_nonce ? 0 : -EBADMSG;
}
