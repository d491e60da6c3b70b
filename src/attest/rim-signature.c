/* SPDX-License-Identifier: Apache-2.0 */

#include <string.h>
#include <xmlsec/openssl/crypto.h>
#include <xmlsec/openssl/evp.h>
#include <xmlsec/xmldsig.h>
#include <xmlsec/xmlsec.h>

#include "attest/rim-document.h"

#define NS_DSIG "http://www.w3.org/2000/09/xmldsig#"
#define C14N11  "http://www.w3.org/2006/12/xml-c14n11"

typedef struct ShapeRow {
        unsigned depth;
        const char *name;
        const char *attribute, *value; /* the only attribute allowed; NULL: none */
} ShapeRow;

/* The one signature that a RIM may have, element by element in document order: over the whole document (URI="")
 * without itself. The last row may repeat. */
static const ShapeRow signature_shape[] = {
        { 0, "Signature",              NULL,        NULL                                                    },
        { 1, "SignedInfo",             NULL,        NULL                                                    },
        { 2, "CanonicalizationMethod", "Algorithm", C14N11                                                  },
        { 2, "SignatureMethod",        "Algorithm", "http://www.w3.org/2001/04/xmldsig-more#ecdsa-sha384"   },
        { 2, "Reference",              "URI",       ""                                                      },
        { 3, "Transforms",             NULL,        NULL                                                    },
        { 4, "Transform",              "Algorithm", "http://www.w3.org/2000/09/xmldsig#enveloped-signature" },
        { 4, "Transform",              "Algorithm", C14N11                                                  },
        { 3, "DigestMethod",           "Algorithm", "http://www.w3.org/2001/04/xmldsig-more#sha384"         },
        { 3, "DigestValue",            NULL,        NULL                                                    },
        { 1, "SignatureValue",         NULL,        NULL                                                    },
        { 1, "KeyInfo",                NULL,        NULL                                                    },
        { 2, "X509Data",               NULL,        NULL                                                    },
        { 3, "X509Certificate",        NULL,        NULL                                                    },
};

static int shape_fault(Fault *f, const ShapeRow *row, const xmlNode *found) {
        char expected[192];

        (void) snprintf(expected, sizeof(expected), "%s%s%s%s%s", row->name, row->attribute ? " with " : "",
                        row->attribute ?: "", row->attribute ? " " : "",
                        row->attribute && !*row->value ? "empty" : row->value ?: "");
        return fault_set(f, EBADMSG, "RIM: XML signature", expected, "%s",
                         found ? (const char *) found->name : "nothing");
}

static bool row_matches(const ShapeRow *row, const xmlNode *node, unsigned depth) {
        const xmlAttr *attribute = node->properties;
        const char *value;

        if (depth != row->depth || !rim_is_element(node, NS_DSIG, row->name))
                return false;
        if (!row->attribute)
                return !attribute;
        if (!attribute || attribute->next)
                return false;
        value = rim_attribute(node, NULL, row->attribute);
        return value && strcmp(value, row->value) == 0;
}

/* The last child element of the root, where the signature must be. */
static xmlNode *signature_node(const Rim *rim) {
        return xmlLastElementChild(rim_root(rim));
}

/* Document order within `top`, without going deeper than any RIM does. */
static xmlNode *next_in_order(xmlNode *top, xmlNode *node, unsigned *depth) {
        xmlNode *child = xmlFirstElementChild(node);

        if (child) {
                (*depth)++;
                return child;
        }
        for (; node != top; node = node->parent, (*depth)--) {
                xmlNode *sibling = xmlNextElementSibling(node);

                if (sibling)
                        return sibling;
        }
        return NULL;
}

static int check_shape(const Rim *rim, Fault *f) {
        xmlNode *top = signature_node(rim), *node = top;
        size_t i = 0;
        unsigned depth = 0;

        for (; node; node = next_in_order(top, node, &depth)) {
                const ShapeRow *row = &signature_shape[i];
                xmlNode *blank_up_to;

                /* An element holds either elements, with white space between, or one text. */
                if (!row_matches(row, node, depth))
                        return shape_fault(f, row, node);
                if (!xmlFirstElementChild(node) && node->children && !rim_element_text(node))
                        return fault_set(f, EBADMSG, "RIM: XML signature", "one text", "something else in %s",
                                         (const char *) node->name);
                if (xmlFirstElementChild(node))
                        for (xmlNode *child = node->children; child; child = blank_up_to->next) {
                                if (rim_next_element(child, &blank_up_to) < 0)
                                        return fault_set(f, EBADMSG, "RIM: XML signature", "elements alone",
                                                         "something else in %s", (const char *) node->name);
                                if (!blank_up_to)
                                        break;
                        }
                if (i + 1 < ELEMENTSOF(signature_shape))
                        i++;
        }
        if (i + 1 < ELEMENTSOF(signature_shape))
                return shape_fault(f, &signature_shape[i], NULL);
        return 0;
}

/* The X509Data element, once check_shape() has passed. */
static xmlNode *x509_data(const Rim *rim) {
        return xmlFirstElementChild(xmlLastElementChild(signature_node(rim)));
}

int rim_read_chain(const Rim *rim, CertChain *ret, Fault *ret_fault) {
        _cleanup_(certchain_done) CertChain chain = {};
        int r;

        r = check_shape(rim, ret_fault);
        if (r < 0)
                return r;
        for (xmlNode *node = xmlFirstElementChild(x509_data(rim)); node; node = xmlNextElementSibling(node)) {
                const char *text = rim_element_text(node);

                r = certchain_append_base64(&chain, text ?: "", text ? strlen(text) : 0, NULL, ret_fault);
                if (r < 0)
                        return r;
        }
        *ret = TAKE_STRUCT(chain);
        return 0;
}

static void dsig_free(xmlSecDSigCtx *ctx) {
        xmlSecDSigCtxDestroy(ctx);
}
DEFINE_CLEANUP_FUNC(xmlSecDSigCtx *, dsig_free)

/* A key given to the context in advance is the one used: KeyInfo is never looked at. */
static int set_key(xmlSecDSigCtx *ctx, X509 *signer) {
        EVP_PKEY *key = X509_get_pubkey(signer);
        xmlSecKeyData *data = key ? xmlSecOpenSSLEvpKeyAdopt(key) : NULL;

        if (!data) {
                EVP_PKEY_free(key);
                return -EBADMSG;
        }
        ctx->signKey = xmlSecKeyCreate();
        if (!ctx->signKey || xmlSecKeySetValue(ctx->signKey, data) < 0) {
                xmlSecKeyDataDestroy(data);
                return -ENOMEM;
        }
        return 0;
}

int rim_check_signature(const Rim *rim, X509 *signer, Fault *ret_fault) {
        _cleanup_(dsig_freep) xmlSecDSigCtx *ctx = NULL;
        int r;

        r = check_shape(rim, ret_fault);
        if (r < 0)
                return r;
        ctx = xmlSecDSigCtxCreate(NULL);
        if (!ctx)
                return -ENOMEM;
        ctx->enabledReferenceUris = xmlSecTransformUriTypeEmpty;
        r = set_key(ctx, signer);
        if (r == -ENOMEM)
                return r;
        if (r < 0 || xmlSecDSigCtxVerify(ctx, signature_node(rim)) < 0 || ctx->status != xmlSecDSigStatusSucceeded)
                return fault_set(ret_fault, EBADMSG, "RIM: XML signature",
                                 "ECDSA P-384 by the signer's certificate over the whole document",
                                 "one that does not verify");
        return 0;
}
