/* SPDX-License-Identifier: Apache-2.0 */

#include "sim/xmldsig.h"

#include <libxml/c14n.h>
#include <libxml/parser.h>
#include <openssl/ec.h>
#include <openssl/pem.h>
#include <string.h>

#include "basic/hex.h"
#include "sim/bytes.h"
#include "sim/must.h"

#define NS_DSIG     "http://www.w3.org/2000/09/xmldsig#"
#define NS_DSIG11   "http://www.w3.org/2009/xmldsig11#"
#define C14N11      "http://www.w3.org/2006/12/xml-c14n11"
#define SCALAR_SIZE 48U
#define P384_OID    "urn:oid:1.3.132.0.34"

static void xml_doc_free(xmlDoc *doc) {
        xmlFreeDoc(doc);
}
DEFINE_CLEANUP_FUNC(xmlDoc *, xml_doc_free)

static xmlDoc *parse(const char *xml) {
        xmlDoc *doc = xmlReadMemory(xml, (int) strlen(xml), NULL, NULL, XML_PARSE_NONET);

        MUST(doc);
        return doc;
}

static xmlNode *find_by_id(xmlNode *node, const char *id) {
        for (; node; node = node->next) {
                xmlAttr *attribute = xmlHasProp(node, (const xmlChar *) "Id");
                xmlNode *found;

                if (attribute && xmlStrEqual(attribute->children->content, (const xmlChar *) id))
                        return node;
                found = find_by_id(xmlFirstElementChild(node), id);
                if (found)
                        return found;
        }
        return NULL;
}

static int is_inside(void *apex, xmlNode *node, xmlNode *parent) {
        /* Namespace nodes are of another structure, without a parent of their own. */
        for (xmlNode *n = node->type == XML_NAMESPACE_DECL ? parent : node; n; n = n->parent)
                if (n == apex)
                        return 1;
        return 0;
}

/* Canonical form of `apex` and what is in it, with the namespaces that it inherits. */
static void canonicalize(xmlDoc *doc, xmlNode *apex, SimBytes *b) {
        xmlOutputBuffer *out = xmlAllocOutputBuffer(NULL);

        MUST(out);
        MUST(xmlC14NExecute(doc, is_inside, apex, XML_C14N_1_1, NULL, 0, out) >= 0);
        sim_bytes_put(b, xmlOutputBufferGetContent(out), xmlOutputBufferGetSize(out));
        MUST(xmlOutputBufferClose(out) >= 0);
}

static char *digest(const char *xml, bool by_id) {
        _cleanup_(xml_doc_freep) xmlDoc *doc = parse(xml);
        xmlNode *root = xmlDocGetRootElement(doc), *apex = by_id ? find_by_id(root, SIM_SIGNED_ID) : root;
        _cleanup_bytes_ SimBytes canonical = {};
        unsigned char hash[EVP_MAX_MD_SIZE];
        unsigned n = 0;
        char *text;

        MUST(apex);
        canonicalize(doc, apex, &canonical);
        MUST(EVP_Digest(canonical.data, canonical.size, hash, &n, EVP_sha384(), NULL) == 1);
        text = base64_encode(hash, n);
        MUST(text);
        return text;
}

static void put_signed_info(SimBytes *b, const char *digest_value, const SimSigning *s) {
        sim_bytes_printf(b,
                         "<ds:SignedInfo><ds:CanonicalizationMethod Algorithm=\"" C14N11 "\"/>"
                         "<ds:SignatureMethod Algorithm=\"http://www.w3.org/2001/04/xmldsig-more#ecdsa-sha384\"/>"
                         "<ds:Reference URI=\"%s\"><ds:Transforms>"
                         "<ds:Transform Algorithm=\"" NS_DSIG "enveloped-signature\"/>%s</ds:Transforms>"
                         "<ds:DigestMethod Algorithm=\"http://www.w3.org/2001/04/xmldsig-more#sha384\"/>"
                         "<ds:DigestValue>%s</ds:DigestValue></ds:Reference></ds:SignedInfo>",
                         s->by_id ? "#" SIM_SIGNED_ID : "",
                         s->one_transform ? "" : "<ds:Transform Algorithm=\"" C14N11 "\"/>", digest_value);
}

static void put_certificates(SimBytes *b, X509 *const *chain, size_t n) {
        sim_bytes_printf(b, "<ds:X509Data>");
        for (size_t i = 0; i < n; i++) {
                BIO *bio = BIO_new(BIO_s_mem());
                char *pem, *body, *end;

                MUST(bio && PEM_write_bio_X509(bio, chain[i]) == 1 && BIO_write(bio, "", 1) == 1);
                (void) BIO_get_mem_data(bio, &pem);
                body = strchr(pem, '\n') + 1;
                end = strstr(body, "-----END");
                sim_bytes_printf(b, "<ds:X509Certificate>%.*s</ds:X509Certificate>", (int) (end - body), body);
                BIO_free(bio);
        }
        sim_bytes_printf(b, "</ds:X509Data>");
}

static void put_key(SimBytes *b, EVP_PKEY *key) {
        unsigned char *point = NULL;
        size_t n = EVP_PKEY_get1_encoded_public_key(key, &point);
        _cleanup_free_ char *text = base64_encode(point, n);

        MUST(n > 0 && text);
        sim_bytes_printf(b,
                         "<ds:KeyValue><dsig11:ECKeyValue xmlns:dsig11=\"" NS_DSIG11 "\">"
                         "<dsig11:NamedCurve URI=\"" P384_OID "\"/><dsig11:PublicKey>%s</dsig11:PublicKey>"
                         "</dsig11:ECKeyValue></ds:KeyValue>",
                         text);
        OPENSSL_free(point);
}

static char *sign_bytes(EVP_PKEY *key, const SimBytes *b) {
        unsigned char der[256], raw[2 * SCALAR_SIZE];
        const unsigned char *p = der;
        EVP_MD_CTX *ctx = EVP_MD_CTX_new();
        size_t n = sizeof(der);
        ECDSA_SIG *sig;
        char *text;

        MUST(ctx && EVP_DigestSignInit(ctx, NULL, EVP_sha384(), NULL, key) == 1);
        MUST(EVP_DigestSign(ctx, der, &n, b->data, b->size) == 1);
        EVP_MD_CTX_free(ctx);
        sig = d2i_ECDSA_SIG(NULL, &p, (long) n);
        MUST(sig && BN_bn2binpad(ECDSA_SIG_get0_r(sig), raw, SCALAR_SIZE) == SCALAR_SIZE);
        MUST(BN_bn2binpad(ECDSA_SIG_get0_s(sig), raw + SCALAR_SIZE, SCALAR_SIZE) == SCALAR_SIZE);
        ECDSA_SIG_free(sig);
        text = base64_encode(raw, sizeof(raw));
        MUST(text);
        return text;
}

/* `xml` with `signature` before the end of its root element. */
static char *insert(const char *xml, const SimBytes *signature) {
        const char *end = xml + strlen(xml);
        SimBytes b = {};

        while (end > xml && strncmp(end, "</", 2) != 0)
                end--;
        sim_bytes_put(&b, xml, (size_t) (end - xml));
        sim_bytes_put(&b, signature->data, signature->size);
        sim_bytes_put(&b, end, strlen(end));
        return (char *) b.data;
}

/* The signature's value covers SignedInfo as it stands in the document. */
static char *sign_info(const char *xml, EVP_PKEY *key) {
        _cleanup_(xml_doc_freep) xmlDoc *doc = parse(xml);
        xmlNode *signature = xmlLastElementChild(xmlDocGetRootElement(doc));
        _cleanup_bytes_ SimBytes canonical = {};

        canonicalize(doc, xmlFirstElementChild(signature), &canonical);
        return sign_bytes(key, &canonical);
}

char *sim_xml_sign(char *xml, const SimSigning *s) {
        _cleanup_free_ char *digest_value = digest(xml, s->by_id), *draft = NULL, *value = NULL;
        _cleanup_bytes_ SimBytes info = {}, empty = {}, whole = {};
        char *signed_xml;

        put_signed_info(&info, digest_value, s);
        sim_bytes_printf(&empty, "<ds:Signature xmlns:ds=\"" NS_DSIG "\">%s</ds:Signature>",
                         (const char *) info.data);
        draft = insert(xml, &empty);
        value = sign_info(draft, s->key);

        sim_bytes_printf(&whole,
                         "<ds:Signature xmlns:ds=\"" NS_DSIG "\">%s"
                         "<ds:SignatureValue>%s</ds:SignatureValue><ds:KeyInfo>",
                         (const char *) info.data, value);
        if (s->n_chain > 0)
                put_certificates(&whole, s->chain, s->n_chain);
        else
                put_key(&whole, s->key);
        sim_bytes_printf(&whole, "</ds:KeyInfo></ds:Signature>");
        signed_xml = insert(xml, &whole);
        free(xml);
        return signed_xml;
}
