/* SPDX-License-Identifier: Apache-2.0 */

#include "attest/rim-document.h"

#include <libxml/parser.h>
#include <string.h>
#include <xmlsec/xmlsec.h>
#include <xmlsec/errors.h>
#include <xmlsec/openssl/crypto.h>

/* NVIDIA's RIMs have 85 elements, 6 namespaces and at most 14 attributes on one of them. */
#define ELEMENTS_MAX   1024U
#define NAMESPACES_MAX 32U
#define ATTRIBUTES_MAX 32U

static void ignore_xml_error(void *context, const char *format, ...) {
}

static void ignore_xmlsec_error(const char *file, int line, const char *func, const char *object, const char *subject,
                                int reason, const char *message) {
}

int rim_library_init(void) {
        xmlInitParser();
        xmlSetGenericErrorFunc(NULL, ignore_xml_error);
        xmlSecErrorsSetCallback(ignore_xmlsec_error);
        if (xmlSecInit() < 0 || xmlSecOpenSSLInit() < 0)
                return -EIO;
        return 0;
}

void rim_library_done(void) {
        (void) xmlSecOpenSSLShutdown();
        (void) xmlSecShutdown();
        xmlCleanupParser();
}

/* A document type could define entities, defaults and external subsets. None of them is even read. */
static void refuse_document_type(void *context, const xmlChar *name, const xmlChar *external, const xmlChar *system) {
        xmlParserCtxt *parser = context;

        parser->_private = parser;
        xmlStopParser(parser);
}

static int parse_document(const char *xml, size_t size, xmlDoc **ret, Fault *f) {
        xmlParserCtxt *parser = xmlNewParserCtxt();
        bool refused;

        if (!parser)
                return -ENOMEM;
        parser->sax->internalSubset = refuse_document_type;
        /* The encoding is given so that a declaration inside cannot choose another one. */
        *ret = xmlCtxtReadMemory(parser, xml, (int) size, NULL, "UTF-8",
                                 XML_PARSE_NONET | XML_PARSE_NOERROR | XML_PARSE_NOWARNING);
        refused = parser->_private;
        if (refused && *ret) {
                xmlFreeDoc(*ret);
                *ret = NULL;
        }
        xmlFreeParserCtxt(parser);
        if (!*ret)
                return fault_set(f, EBADMSG, "RIM", "well-formed XML without document type",
                                 refused ? "a document type" : "XML that is malformed");
        return 0;
}

static size_t count_attributes(const xmlNode *node) {
        size_t n = 0;

        for (const xmlAttr *a = node->properties; a; a = a->next)
                n++;
        return n;
}

static size_t count_namespaces(const xmlNode *node) {
        size_t n = 0;

        for (const xmlNs *ns = node->nsDef; ns; ns = ns->next)
                n++;
        return n;
}

/* Elements in document order, without recursion; NULL after the last below `top`. */
static const xmlNode *next_element(const xmlNode *top, const xmlNode *node) {
        const xmlNode *child = xmlFirstElementChild((xmlNode *) (uintptr_t) node);

        if (child)
                return child;
        for (; node != top; node = node->parent) {
                const xmlNode *sibling = xmlNextElementSibling((xmlNode *) (uintptr_t) node);

                if (sibling)
                        return sibling;
        }
        return NULL;
}

/* The signature is over a canonical form, and making that takes time with the cube of what is declared. */
static int check_sizes(const xmlNode *root, Fault *f) {
        size_t elements = 0, namespaces = 0;

        for (const xmlNode *node = root; node; node = next_element(root, node)) {
                elements++;
                namespaces += count_namespaces(node);
                if (elements > ELEMENTS_MAX || namespaces > NAMESPACES_MAX || count_attributes(node) > ATTRIBUTES_MAX)
                        return fault_set(f, EBADMSG, "RIM", "at most 1024 elements, 32 namespaces, 32 attributes each",
                                         "more, at %s", (const char *) node->name);
        }
        return 0;
}

int rim_parse(const void *xml, size_t size, Rim **ret, Fault *ret_fault) {
        _cleanup_(rim_freep) Rim *rim = NULL;
        int r;

        if (size == 0 || size > RIM_FILE_MAX)
                return fault_set(ret_fault, EBADMSG, "RIM", "1 byte to 256 KiB", "%zu bytes", size);
        /* libxml2 would take what comes before a NUL for the whole document, or guess at UTF-16. */
        if (memchr(xml, 0, size))
                return fault_set(ret_fault, EBADMSG, "RIM", "UTF-8 text", "a NUL in it");
        rim = calloc(1, sizeof(*rim));
        if (!rim)
                return -ENOMEM;
        r = parse_document(xml, size, &rim->doc, ret_fault);
        if (r < 0)
                return r;
        if (!rim->doc || !rim_root(rim) || rim->doc->children != rim_root(rim) || rim_root(rim)->next)
                return fault_set(ret_fault, EBADMSG, "RIM", "one root element and nothing beside it", "more");
        r = check_sizes(rim_root(rim), ret_fault);
        if (r < 0)
                return r;
        *ret = TAKE_PTR(rim);
        return 0;
}

Rim *rim_free(Rim *rim) {
        if (!rim)
                return NULL;
        xmlFreeDoc(rim->doc);
        free(rim);
        return NULL;
}

xmlNode *rim_root(const Rim *rim) {
        return xmlDocGetRootElement(rim->doc);
}

int rim_next_element(xmlNode *node, xmlNode **ret) {
        for (; node; node = node->next) {
                if (node->type == XML_ELEMENT_NODE)
                        break;
                if (node->type != XML_TEXT_NODE || !xmlIsBlankNode(node))
                        return -EBADMSG;
        }
        *ret = node;
        return 0;
}

bool rim_is_element(const xmlNode *node, const char *ns, const char *name) {
        return node && node->ns && strcmp((const char *) node->name, name) == 0 &&
               strcmp((const char *) node->ns->href, ns) == 0;
}

const char *rim_attribute_text(const xmlAttr *attribute) {
        const xmlNode *text = attribute->children;

        if (!text)
                return "";
        return text->type == XML_TEXT_NODE && !text->next ? (const char *) text->content : NULL;
}

const char *rim_attribute(const xmlNode *node, const char *ns, const char *name) {
        for (const xmlAttr *a = node->properties; a; a = a->next) {
                const char *found = a->ns ? (const char *) a->ns->href : NULL;

                if (strcmp((const char *) a->name, name) == 0 && (ns ? found && strcmp(found, ns) == 0 : !found))
                        return rim_attribute_text(a);
        }
        return NULL;
}

const char *rim_element_text(const xmlNode *node) {
        const xmlNode *text = node->children;

        return text && text->type == XML_TEXT_NODE && !text->next ? (const char *) text->content : NULL;
}
