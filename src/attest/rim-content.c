/* SPDX-License-Identifier: Apache-2.0 */

#include <stdio.h>
#include <string.h>

#include "attest/rim-document.h"
#include "basic/hex.h"

#define NS_SWID   "http://standards.iso.org/iso/19770/-2/2015/schema.xsd"
#define NS_TCG    "https://trustedcomputinggroup.org/resource/tcg-reference-integrity-manifest-rim-information-model/"
#define NS_SHA384 "http://www.w3.org/2001/04/xmlenc#sha384"
#define NS_NVIDIA "https://docs.nvidia.com/attestation/specs/latest/opaque-data.html"

/* An index is that of a measurement, or names an opaque entry by its 16-bit type. */
#define INDEX_END (RIM_SVN_INDEX_BASE + 65536U)

typedef struct Reader {
        RimContent *content;
        Fault *fault;
        uint8_t seen[INDEX_END / 8]; /* a bit for every index met */
} Reader;

void rim_content_done(RimContent *content) {
        for (size_t i = 0; i < content->n_records; i++)
                free(content->records[i].digests);
        free(content->records);
        free(content->svns);
        *content = (RimContent){};
}

static int refuse(Reader *r, const xmlNode *node, const char *expected, const char *found) {
        char what[64];

        (void) snprintf(what, sizeof(what), "RIM: %.32s, line %ld", (const char *) node->name, xmlGetLineNo(node));
        return fault_set(r->fault, EBADMSG, what, expected, "%s", found ?: "nothing");
}

static int read_text(Reader *r, const xmlNode *node, const char *ns, const char *name, char ret[static RIM_TEXT_SIZE]) {
        const char *text = rim_attribute(node, ns, name);
        char expected[96];

        if (text && *text && strlen(text) < RIM_TEXT_SIZE) {
                (void) snprintf(ret, RIM_TEXT_SIZE, "%s", text);
                return 0;
        }
        (void) snprintf(expected, sizeof(expected), "%.48s, 1 to 63 bytes", name);
        return refuse(r, node, expected, text);
}

/* Digits alone, as many as fit whatever is counted here. */
static int parse_number(const char *text, unsigned end, unsigned *ret) {
        unsigned value = 0;

        if (!text || !*text || strlen(text) > 9)
                return -EINVAL;
        for (; *text; text++) {
                if (*text < '0' || *text > '9')
                        return -EINVAL;
                value = value * 10 + (unsigned) (*text - '0');
        }
        if (value >= end)
                return -EINVAL;
        *ret = value;
        return 0;
}

static int read_number(Reader *r, const xmlNode *node, const char *ns, const char *name, unsigned end, unsigned *ret) {
        const char *text = rim_attribute(node, ns, name);
        char expected[96];

        if (parse_number(text, end, ret) >= 0)
                return 0;
        (void) snprintf(expected, sizeof(expected), "%.48s, a number below %u", name, end);
        return refuse(r, node, expected, text);
}

static int read_flag(Reader *r, const xmlNode *node, const char *ns, const char *name, bool *ret) {
        const char *text = rim_attribute(node, ns, name);
        char expected[96];

        if (text && (strcmp(text, "True") == 0 || strcmp(text, "False") == 0)) {
                *ret = *text == 'T';
                return 0;
        }
        (void) snprintf(expected, sizeof(expected), "%.48s, True or False", name);
        return refuse(r, node, expected, text);
}

static size_t count_hashes(const xmlNode *node) {
        size_t n = 0;

        for (const xmlAttr *a = node->properties; a; a = a->next)
                n += a->ns && strcmp((const char *) a->ns->href, NS_SHA384) == 0;
        return n;
}

static int read_digests(Reader *r, const xmlNode *node, RimRecord *record) {
        unsigned n;
        int k;

        k = read_number(r, node, NULL, "alternatives", RIM_ALTERNATIVES_MAX + 1, &n);
        if (k < 0)
                return k;
        if (n == 0 || count_hashes(node) != n)
                return refuse(r, node, "Hash0 to Hash{alternatives - 1}, at least one", "another number of them");
        record->digests = calloc(n, sizeof(*record->digests));
        if (!record->digests)
                return -ENOMEM;
        for (unsigned i = 0; i < n; i++) {
                char name[16];
                const char *text;

                (void) snprintf(name, sizeof(name), "Hash%u", i);
                text = rim_attribute(node, NS_SHA384, name);
                if (!text || hex_decode(text, strlen(text), record->digests[i], SPDM_DIGEST_SIZE) < 0)
                        return refuse(r, node, "hashes of 96 hexadecimal digits", text);
        }
        record->n_digests = n;
        return 0;
}

static int read_record(Reader *r, const xmlNode *node, unsigned index) {
        RimRecord *records, *record;
        const char *size = rim_attribute(node, NULL, "size");
        int k;

        if (!size || strcmp(size, "48") != 0)
                return refuse(r, node, "size 48", size);
        records = reallocarray(r->content->records, r->content->n_records + 1, sizeof(*records));
        if (!records)
                return -ENOMEM;
        r->content->records = records;
        record = &records[r->content->n_records++];
        *record = (RimRecord){ .index = index };
        k = read_flag(r, node, NULL, "active", &record->active);
        if (k < 0)
                return k;
        return read_digests(r, node, record);
}

static int read_svn(Reader *r, const xmlNode *node, unsigned index) {
        RimSvn svn = { .type = index - RIM_SVN_INDEX_BASE }, *svns;
        bool active;
        int k;

        k = read_flag(r, node, NULL, "active", &active);
        if (k < 0)
                return k;
        /* NVIDIA's verifiers look at nothing else in one that is not active. */
        if (!active)
                return 0;
        k = read_text(r, node, NULL, "name", svn.name);
        if (k < 0)
                return k;
        k = read_number(r, node, NS_NVIDIA, "minSvn", 65536, &svn.minimum);
        if (k < 0)
                return k;
        if (rim_attribute(node, NS_NVIDIA, "includeInResult")) {
                k = read_flag(r, node, NS_NVIDIA, "includeInResult", &svn.include_in_result);
                if (k < 0)
                        return k;
        }
        if (count_hashes(node) > 0)
                return refuse(r, node, "no hashes beside minSvn", "some");
        svns = reallocarray(r->content->svns, r->content->n_svns + 1, sizeof(*svns));
        if (!svns)
                return -ENOMEM;
        r->content->svns = svns;
        svns[r->content->n_svns++] = svn;
        return 0;
}

static int read_resource(Reader *r, xmlNode *node) {
        const char *type = rim_attribute(node, NULL, "type");
        unsigned index;
        int k;

        if (!type || strcmp(type, "Measurement") != 0)
                return refuse(r, node, "type Measurement", type);
        if (node->children)
                return refuse(r, node, "no content", "some");
        k = read_number(r, node, NULL, "index", INDEX_END, &index);
        if (k < 0)
                return k;
        if (r->seen[index / 8] & 1U << index % 8)
                return refuse(r, node, "every index once", rim_attribute(node, NULL, "index"));
        r->seen[index / 8] |= (uint8_t) (1U << index % 8);
        return index >= RIM_SVN_INDEX_BASE ? read_svn(r, node, index) : read_record(r, node, index);
}

static int read_payload(Reader *r, xmlNode *payload) {
        xmlNode *node = payload->children;

        for (;;) {
                int k;

                if (rim_next_element(node, &node) < 0)
                        return refuse(r, payload, "Resource elements alone", "something else");
                if (!node)
                        break;
                if (!rim_is_element(node, NS_SWID, "Resource"))
                        return refuse(r, payload, "Resource elements alone", (const char *) node->name);
                k = read_resource(r, node);
                if (k < 0)
                        return k;
                node = node->next;
        }
        if (r->content->n_records == 0)
                return refuse(r, payload, "Resource elements with measurements", "none");
        return 0;
}

/* The white space of pretty printing aside. */
static int read_nothing(Reader *r, xmlNode *node) {
        xmlNode *child;

        return rim_next_element(node->children, &child) < 0 || child ? refuse(r, node, "no content", "some") : 0;
}

static int read_meta(Reader *r, xmlNode *node) {
        int k;

        k = read_nothing(r, node);
        if (k < 0)
                return k;
        k = read_text(r, node, NULL, "colloquialVersion", r->content->version);
        if (k < 0)
                return k;
        k = read_text(r, node, NULL, "product", r->content->product);
        if (k < 0)
                return k;
        return read_text(r, node, NS_TCG, "FirmwareManufacturerId", r->content->manufacturer_id);
}

static int read_entity(Reader *r, xmlNode *node) {
        char text[RIM_TEXT_SIZE];
        int k;

        k = read_nothing(r, node);
        if (k < 0)
                return k;
        k = read_text(r, node, NULL, "name", text);
        if (k < 0)
                return k;
        return read_text(r, node, NULL, "role", text);
}

/* Its inside is the business of rim-signature.c. */
static int read_signature(Reader *r, xmlNode *node) {
        return 0;
}

static const struct {
        const char *ns, *name;
        int (*read)(Reader *r, xmlNode *node);
} sections[] = {
        { NS_SWID,                              "Entity",    read_entity    },
        { NS_SWID,                              "Meta",      read_meta      },
        { NS_SWID,                              "Payload",   read_payload   },
        { "http://www.w3.org/2000/09/xmldsig#", "Signature", read_signature },
};

static const struct {
        const char *name, *value; /* NULL: any text, and it must be there; else the schema's default */
} root_attributes[] = {
        { "name",         NULL    },
        { "tagVersion",   NULL    },
        { "version",      NULL    },
        { "corpus",       "false" },
        { "patch",        "false" },
        { "supplemental", "false" }, /* a supplemental tag would only add to another one */
};

static int read_root(Reader *r, xmlNode *root) {
        const char *tag_id;

        if (!rim_is_element(root, NS_SWID, "SoftwareIdentity"))
                return refuse(r, root, "root element SoftwareIdentity of SWID 2015", (const char *) root->name);
        for (size_t i = 0; i < ELEMENTSOF(root_attributes); i++) {
                const char *text = rim_attribute(root, NULL, root_attributes[i].name);
                const char *value = root_attributes[i].value;

                char expected[64];

                if (value ? !text || strcmp(text, value) == 0 : text && *text)
                        continue;
                (void) snprintf(expected, sizeof(expected), "%s %s", root_attributes[i].name, value ?: "with a value");
                return refuse(r, root, expected, text);
        }
        tag_id = rim_attribute(root, NULL, "tagId");
        if (!tag_id || !*tag_id)
                return refuse(r, root, "a tagId", tag_id);
        return 0;
}

static int read_document(Reader *r, const Rim *rim) {
        xmlNode *root = rim_root(rim), *node = root->children;
        int k;

        k = read_root(r, root);
        if (k < 0)
                return k;
        for (size_t i = 0; i < ELEMENTSOF(sections); i++) {
                if (rim_next_element(node, &node) < 0 || !rim_is_element(node, sections[i].ns, sections[i].name))
                        return refuse(r, node ?: root, sections[i].name, node ? (const char *) node->name : NULL);
                k = sections[i].read(r, node);
                if (k < 0)
                        return k;
                node = node->next;
        }
        if (rim_next_element(node, &node) < 0 || node)
                return refuse(r, root, "nothing after its signature", node ? (const char *) node->name : "text");
        return 0;
}

static int read_all(const Rim *rim, RimContent *ret, Fault *f) {
        _cleanup_(rim_content_done) RimContent content = {};
        _cleanup_free_ Reader *r = NULL;
        int k;

        r = calloc(1, sizeof(*r));
        if (!r)
                return -ENOMEM;
        r->content = &content;
        r->fault = f;
        k = read_document(r, rim);
        if (k < 0)
                return k;
        *ret = TAKE_STRUCT(content);
        return 0;
}

int rim_check_schema(const Rim *rim, Fault *ret_fault) {
        _cleanup_(rim_content_done) RimContent content = {};

        return read_all(rim, &content, ret_fault);
}

int rim_read_content(const Rim *rim, RimContent *ret) {
        return read_all(rim, ret, NULL);
}

const RimRecord *rim_content_find(const RimContent *content, unsigned index) {
        for (size_t i = 0; i < content->n_records; i++)
                if (content->records[i].index == index)
                        return &content->records[i];
        return NULL;
}

size_t rim_content_active(const RimContent *content) {
        size_t n = 0;

        for (size_t i = 0; i < content->n_records; i++)
                n += content->records[i].active;
        return n;
}
