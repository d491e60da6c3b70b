/* SPDX-License-Identifier: Apache-2.0 */

#include <string.h>

#include "attest/certchain.h"
#include "attest/rim.h"
#include "sim/bytes.h"
#include "sim/rim.h"
#include "test.h"

/* The stages in their order; a RIM is refused at one of them. */
typedef enum Stage {
        STAGE_PARSE,
        STAGE_SCHEMA,
        STAGE_CHAIN, /* the signature's shape, and the certificates in it */
        STAGE_SIGNATURE,
        STAGE_NONE,
} Stage;

typedef struct Fixture {
        SimPki *pki;
        SimDevice *device;
        SimRim *rim;
} Fixture;

static void fixture_done(Fixture *f) {
        sim_rim_free(f->rim);
        sim_device_free(f->device);
        sim_pki_free(f->pki);
}

static Fixture fixture(void) {
        Fixture f = { .pki = sim_pki_new(0) };

        f.device = sim_device_new(f.pki, SIM_MODEL_HOPPER_NVDAOD);
        f.rim = sim_rim_new(f.device, SIM_RIM_VBIOS);
        return f;
}

static Stage judge_text(const char *xml, size_t size, Fault *fault) {
        _cleanup_(certchain_done) CertChain chain = {};
        _cleanup_(rim_freep) Rim *rim = NULL;

        if (rim_parse(xml, size, &rim, fault) < 0)
                return STAGE_PARSE;
        if (rim_check_schema(rim, fault) < 0)
                return STAGE_SCHEMA;
        if (rim_read_chain(rim, &chain, fault) < 0 || chain.n_certs == 0)
                return STAGE_CHAIN;
        if (rim_check_signature(rim, chain.certs[0], fault) < 0)
                return STAGE_SIGNATURE;
        return STAGE_NONE;
}

static Stage judge(const SimRim *rim, Fault *fault) {
        _cleanup_free_ char *xml = sim_rim_xml(rim);

        return judge_text(xml, strlen(xml), fault);
}

static void test_content(void) {
        _cleanup_(fixture_done) Fixture f = fixture();
        _cleanup_free_ char *xml = sim_rim_xml(f.rim);
        _cleanup_(rim_content_done) RimContent content = {};
        _cleanup_(rim_freep) Rim *rim = NULL;
        Fault fault;
        size_t active = 0;

        CHECK_EQ(judge(f.rim, &fault), STAGE_NONE);
        CHECK_EQ(rim_parse(xml, strlen(xml), &rim, &fault), 0);
        CHECK_EQ(rim_read_content(rim, &content), 0);
        CHECK_STR(content.version, f.rim->version);
        CHECK_STR(content.product, "GH100");
        CHECK_STR(content.manufacturer_id, f.rim->manufacturer_id);
        CHECK(content.n_records > 0 && content.n_svns > 0);
        CHECK_EQ(content.n_records + content.n_svns, f.rim->n_records);
        for (size_t i = 0; i < f.rim->n_records; i++) {
                const SimRimRecord *wanted = &f.rim->records[i];
                const RimRecord *found = rim_content_find(&content, wanted->index);

                if (wanted->min_svn[0]) {
                        CHECK(!found);
                        continue;
                }
                CHECK(found && found->n_digests == wanted->n_hashes);
                CHECK(found && memcmp(found->digests, wanted->hashes, wanted->n_hashes * SIM_DIGEST_SIZE) == 0);
                CHECK_EQ(found && found->active, strcmp(wanted->active, "True") == 0);
                active += found && found->active;
        }
        CHECK_EQ(rim_content_active(&content), active);
        CHECK(!rim_content_find(&content, 4000));
}

static void test_signature_forms(void) {
        static const struct {
                SimRimForm form;
                Stage stage;
        } cases[] = {
                { SIM_RIM_OTHER_KEY, STAGE_SIGNATURE },  { SIM_RIM_KEY_VALUE, STAGE_CHAIN },
                { SIM_RIM_TWO_SIGNATURES, STAGE_SCHEMA }, { SIM_RIM_WRAPPED, STAGE_SCHEMA },
                { SIM_RIM_ONE_TRANSFORM, STAGE_CHAIN },  { SIM_RIM_URI, STAGE_CHAIN },
                { SIM_RIM_UNSIGNED, STAGE_SCHEMA },
        };

        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                _cleanup_(fixture_done) Fixture f = fixture();
                Fault fault;
                Stage stage;

                f.rim->form = cases[i].form;
                stage = judge(f.rim, &fault);
                CHECK_EQ(stage, cases[i].stage);
                if (stage != cases[i].stage)
                        printf("# form %zu: %s: %s, found %s\n", i, fault.what, fault.expected, fault.found);
        }
}

/* The good document with one text replaced after it was signed: wherever the change is, something refuses it. */
typedef struct Edit {
        const char *from, *to;
        Stage stage;
} Edit;

static void check_edits(const Edit *edits, size_t n) {
        for (size_t i = 0; i < n; i++) {
                _cleanup_(fixture_done) Fixture f = fixture();
                _cleanup_free_ char *good = sim_rim_xml(f.rim);
                _cleanup_free_ char *xml = NULL;
                Fault fault = {};
                Stage stage;

                CHECK(strstr(good, edits[i].from));
                xml = sim_text_replace(strdup(good), edits[i].from, edits[i].to);
                stage = judge_text(xml, strlen(xml), &fault);
                CHECK_EQ(stage, edits[i].stage);
                if (stage != edits[i].stage)
                        printf("# %s -> %s: %s: %s, found %s\n", edits[i].from, edits[i].to, fault.what, fault.expected,
                               fault.found);
        }
}

static void test_tampered(void) {
        static const Edit edits[] = {
                { "active=\"True\"", "active=\"False\"", STAGE_SIGNATURE },
                { "active=\"True\"", "active=\"true\"", STAGE_SCHEMA },
                { "active=\"True\"", "active=\"True\" active=\"False\"", STAGE_PARSE },
                { "alternatives=\"1\"", "alternatives=\"2\"", STAGE_SCHEMA },
                { "alternatives=\"1\"", "alternatives=\"-1\"", STAGE_SCHEMA },
                { "alternatives=\"1\"", "alternatives=\"4294967297\"", STAGE_SCHEMA },
                { "index=\"0\"", "index=\"1\"", STAGE_SCHEMA },
                { "index=\"0\"", "index=\"69632\"", STAGE_SCHEMA },
                { "index=\"0\"", "index=\"0x0\"", STAGE_SCHEMA },
                { "index=\"0\"", "index=\"\"", STAGE_SCHEMA },
                { "size=\"48\"", "size=\"32\"", STAGE_SCHEMA },
                { "type=\"Measurement\"", "type=\"Firmware\"", STAGE_SCHEMA },
                { "product=\"GH100\"", "product=\"GB100\"", STAGE_SIGNATURE },
                { "product=\"GH100\"", "product=\"\"", STAGE_SCHEMA },
                { "colloquialVersion=", "colloquialVersion2=", STAGE_SCHEMA },
                { "tagId=", "tagid=", STAGE_SCHEMA },
                { "xmlenc#sha384", "xmlenc#sha256", STAGE_SCHEMA },
                { "<ds:SignatureValue>", "<ds:SignatureValue>AAAA", STAGE_SIGNATURE },
                { "<ds:DigestValue>", "<ds:DigestValue>AAAA", STAGE_SIGNATURE },
                { "Reference URI=\"\"", "Reference", STAGE_CHAIN },
                { "Reference URI=\"\"", "Reference URI=\"http://127.0.0.1/x\"", STAGE_CHAIN },
                { "Reference URI=\"\"", "Reference URI=\"#xpointer(/)\"", STAGE_CHAIN },
                { "#ecdsa-sha384", "#hmac-sha384", STAGE_CHAIN },
                { "xmldsig-more#sha384", "xmldsig-more#sha224", STAGE_CHAIN },
                { "<ds:KeyInfo>", "<ds:KeyInfo><ds:KeyName>x</ds:KeyName>", STAGE_CHAIN },
                { "<ds:X509Data>", "<ds:X509Data><ds:X509Certificate>AAAA</ds:X509Certificate>", STAGE_CHAIN },
                { "<ds:SignedInfo>", "<ds:SignedInfo>text", STAGE_CHAIN },
                { "</ds:Signature>", "</ds:Signature><ds:Object/>", STAGE_SCHEMA },
                { "<SoftwareIdentity", "<!DOCTYPE x><SoftwareIdentity", STAGE_PARSE },
                { "<SoftwareIdentity", "<!-- x --><SoftwareIdentity", STAGE_PARSE },
                { "<SoftwareIdentity", "<?x y?><SoftwareIdentity", STAGE_PARSE },
                { "</SoftwareIdentity>", "</SoftwareIdentity><x/>", STAGE_PARSE },
                { "</SoftwareIdentity>", "<x/></SoftwareIdentity>", STAGE_SCHEMA },
                { "</SoftwareIdentity>", "&x;</SoftwareIdentity>", STAGE_PARSE },
        };

        check_edits(edits, ELEMENTSOF(edits));
}

#define ZERO_HASH                                          \
        "000000000000000000000000000000000000000000000000" \
        "000000000000000000000000000000000000000000000000"
#define OTHER_NS "xmlns:o=\"urn:other\""

/* What the schema is there to refuse. (The signature is broken as well, but its turn never comes.) */
static void test_schema(void) {
        static const Edit edits[] = {
                /* attributes of the root */
                { " corpus=\"false\"", " corpus=\"true\"", STAGE_SCHEMA },
                { " patch=\"false\"", " patch=\"true\"", STAGE_SCHEMA },
                { " supplemental=\"false\"", " supplemental=\"true\"", STAGE_SCHEMA },
                { " supplemental=\"false\"", " supplemental=\"\"", STAGE_SCHEMA },
                { " name=\"GH100\" patch", " patch", STAGE_SCHEMA },
                { " name=\"GH100\" patch", " name=\"\" patch", STAGE_SCHEMA },
                { " version=\"1.0\"", "", STAGE_SCHEMA },
                { " tagVersion=\"0\"", "", STAGE_SCHEMA },
                /* sections, their order and attributes */
                { "<ns0:Entity ", "<ns0:Link ", STAGE_SCHEMA },
                { "<ns0:Entity ", "<o:Entity " OTHER_NS " ", STAGE_SCHEMA },
                { "<ns0:Entity ", "<ns0:Entity name=\"a\" role=\"b\"/><ns0:Entity ", STAGE_SCHEMA },
                { "<ns0:Entity ", "text<ns0:Entity ", STAGE_SCHEMA },
                { "<ns0:Meta ", "<ns0:Payload/><ns0:Meta ", STAGE_SCHEMA },
                { " name=\"NVIDIA Corporation\" role", " role", STAGE_SCHEMA },
                { " name=\"NVIDIA Corporation\" role", " name=\"\" role", STAGE_SCHEMA },
                { " role=\"softwareCreator tagCreator\"", "", STAGE_SCHEMA },
                { " role=\"softwareCreator tagCreator\"", " role=\"\"", STAGE_SCHEMA },
                { "ns1:FirmwareManufacturerId=", "ns1:FirmwareManufacturer2=", STAGE_SCHEMA },
                { "ns1:FirmwareManufacturerId=", "FirmwareManufacturerId=", STAGE_SCHEMA },
                { " ns1:FirmwareManufacturerId=\"5703\"/>", " ns1:FirmwareManufacturerId=\"5703\"><ns0:Link/></ns0:Meta>",
                  STAGE_SCHEMA },
                { " role=\"softwareCreator tagCreator\"/>", " role=\"softwareCreator tagCreator\"><ns0:Payload/></ns0:Entity>",
                  STAGE_SCHEMA },
                { " role=\"softwareCreator tagCreator\"/>", " role=\"softwareCreator tagCreator\"><!-- x --></ns0:Entity>",
                  STAGE_SCHEMA },
                { " ns1:FirmwareManufacturerId=\"5703\"/>", " ns1:FirmwareManufacturerId=\"5703\"><!-- x --></ns0:Meta>",
                  STAGE_SCHEMA },
                { " ns1:FirmwareManufacturerId=\"5703\"/>", " ns1:FirmwareManufacturerId=\"5703\"><?x y?></ns0:Meta>",
                  STAGE_SCHEMA },
                { " ns1:FirmwareManufacturerId=\"5703\"/>", " ns1:FirmwareManufacturerId=\"5703\">x</ns0:Meta>",
                  STAGE_SCHEMA },
                { "<ds:SignatureValue>", "<ds:SignatureValue><!-- x -->", STAGE_CHAIN },
                { "<ds:DigestValue>", "<ds:DigestValue><?x y?>", STAGE_CHAIN },
                { "<ds:SignatureValue>", "<ds:SignatureValue><![CDATA[]]>", STAGE_CHAIN },
                /* the payload */
                { "</ns0:Payload>", "<ns0:Directory/></ns0:Payload>", STAGE_SCHEMA },
                { "</ns0:Payload>", "<ns0:Payload/></ns0:Payload>", STAGE_SCHEMA },
                { "</ns0:Payload>", "text</ns0:Payload>", STAGE_SCHEMA },
                { "<ns0:Resource ", "<o:Resource " OTHER_NS " ", STAGE_SCHEMA },
                { "<ns0:Resource ", "<Resource xmlns=\"\" ", STAGE_SCHEMA },
                { "size=\"48\"/>", "size=\"48\">x</ns0:Resource>", STAGE_SCHEMA },
                { "size=\"48\"/>", "size=\"48\"> </ns0:Resource>", STAGE_SCHEMA },
                { "size=\"48\"/>", "size=\"48\"><ns0:Resource/></ns0:Resource>", STAGE_SCHEMA },
                /* a record */
                { "alternatives=\"1\"", "alternatives=\"1\" ns2:Hash1=\"" ZERO_HASH "\"", STAGE_SCHEMA },
                { "alternatives=\"1\"", "alternatives=\"1\" ns2:Hash7=\"" ZERO_HASH "\"", STAGE_SCHEMA },
                { "alternatives=\"1\"", "alternatives=\"1\" ns2:Other=\"" ZERO_HASH "\"", STAGE_SCHEMA },
                { "alternatives=\"1\"", "", STAGE_SCHEMA },
                { "alternatives=\"1\"", "alternatives=\"0\"", STAGE_SCHEMA },
                { "alternatives=\"1\"", "alternatives=\"17\"", STAGE_SCHEMA },
                { "ns2:Hash0=\"", "ns2:Hash1=\"", STAGE_SCHEMA },
                { "ns2:Hash0=\"", "Hash0=\"", STAGE_SCHEMA },
                { "ns2:Hash0=\"0", "ns2:Hash0=\"", STAGE_SCHEMA },
                { "ns2:Hash0=\"0", "ns2:Hash0=\"g", STAGE_SCHEMA },
                { "ns2:Hash0=\"0", "ns2:Hash0=\"00", STAGE_SCHEMA },
                { " size=\"48\"", "", STAGE_SCHEMA },
                { " type=\"Measurement\"", "", STAGE_SCHEMA },
                { "index=\"0\"", "", STAGE_SCHEMA },
                { "index=\"0\"", "index=\"-0\"", STAGE_SCHEMA },
                { "index=\"0\"", "index=\"4294967296\"", STAGE_SCHEMA },
                /* a minimum; one for the entry of type 65535 is the last */
                { "index=\"4133\"", "index=\"69631\"", STAGE_SIGNATURE },
                { "index=\"4133\"", "index=\"69632\"", STAGE_SCHEMA },
                { " ns3:minSvn=", " ns2:Hash0=\"" ZERO_HASH "\" ns3:minSvn=", STAGE_SCHEMA },
                { " name=\"FSP_MICROCODE_SVN\"", "", STAGE_SCHEMA },
                { " name=\"FSP_MICROCODE_SVN\"", " name=\"\"", STAGE_SCHEMA },
                { " ns3:minSvn=\"2\"", "", STAGE_SCHEMA },
                { " ns3:minSvn=\"2\"", " minSvn=\"2\"", STAGE_SCHEMA },
                { " ns3:minSvn=\"2\"", " ns3:minSvn=\"\"", STAGE_SCHEMA },
                { " ns3:minSvn=\"2\"", " ns3:minSvn=\"0x2\"", STAGE_SCHEMA },
                { " ns3:minSvn=\"2\"", " ns3:minSvn=\"65535\"", STAGE_SIGNATURE },
                { " ns3:minSvn=\"2\"", " ns3:minSvn=\"65536\"", STAGE_SCHEMA },
                { " ns3:includeInResult=\"True\"", "", STAGE_SIGNATURE },
                { " ns3:includeInResult=\"True\"", " ns3:includeInResult=\"yes\"", STAGE_SCHEMA },
                { "index=\"4133\" active=\"True\"", "index=\"4133\"", STAGE_SCHEMA },
                /* one that is not active may lack all the rest */
                { "index=\"4133\" active=\"True\" name=\"FSP_MICROCODE_SVN\"", "index=\"4133\" active=\"False\"", STAGE_SIGNATURE },
        };

        check_edits(edits, ELEMENTSOF(edits));
}

/* Minimums alone are no golden values. */
static void test_minimums_alone(void) {
        _cleanup_(fixture_done) Fixture f = fixture();
        Fault fault;

        f.rim->records[0] = *sim_rim_find(f.rim, 4096 + 37);
        f.rim->n_records = 1;
        CHECK_EQ(judge(f.rim, &fault), STAGE_SCHEMA);
}

/* The same opaque entry twice, and two that differ. */
static void test_repeated_minimum(void) {
        _cleanup_(fixture_done) Fixture f = fixture();
        SimRimRecord *second = sim_rim_append(f.rim, 0);
        Fault fault;

        *second = *sim_rim_find(f.rim, 4096 + 37);
        CHECK_EQ(judge(f.rim, &fault), STAGE_SCHEMA);
        second->index++;
        (void) snprintf(second->name, sizeof(second->name), "OTHER_SVN");
        CHECK_EQ(judge(f.rim, &fault), STAGE_NONE);
}

/* Not one element of a signature may have an attribute more than it must. */
static void test_attributes_in_the_signature(void) {
        static const char *const attributes[] = { " x=\"y\"", " Id=\"y\"", " xml:lang=\"en\"" };
        _cleanup_(fixture_done) Fixture f = fixture();
        _cleanup_free_ char *good = sim_rim_xml(f.rim);
        size_t n = 0;

        for (const char *at = strstr(good, "<ds:"); at; at = strstr(at + 1, "<ds:"), n++)
                for (size_t i = 0; i < ELEMENTSOF(attributes); i++) {
                        size_t head = (size_t) (at - good) + strcspn(at, " />");
                        _cleanup_bytes_ SimBytes xml = {};
                        Fault fault;

                        sim_bytes_put(&xml, good, head);
                        sim_bytes_put(&xml, attributes[i], strlen(attributes[i]));
                        sim_bytes_put(&xml, good + head, strlen(good + head));
                        CHECK_EQ(judge_text((const char *) xml.data, xml.size, &fault), STAGE_CHAIN);
                }
        CHECK_EQ(n, 17); /* with four certificates */
}

/* The good document with all between two texts replaced. */
static Stage judge_without(const char *good, const char *from, const char *to, const char *instead) {
        const char *start = strstr(good, from), *end = strstr(good, to);
        _cleanup_bytes_ SimBytes xml = {};
        Fault fault;

        sim_bytes_put(&xml, good, (size_t) (start - good));
        sim_bytes_put(&xml, instead, strlen(instead));
        sim_bytes_put(&xml, end, strlen(end));
        return judge_text((const char *) xml.data, xml.size, &fault);
}

static void test_key_info(void) {
        static const char *const instead[] = {
                "",
                "<ds:KeyInfo></ds:KeyInfo>",
                "<ds:KeyInfo><ds:X509Data></ds:X509Data></ds:KeyInfo>",
                "<ds:KeyInfo><ds:X509Data><ds:X509Certificate></ds:X509Certificate></ds:X509Data></ds:KeyInfo>",
                "<ds:KeyInfo><ds:X509Data><ds:X509Certificate>AAAA</ds:X509Certificate></ds:X509Data></ds:KeyInfo>",
                "<ds:KeyInfo><ds:X509Data><ds:X509SKI>AAAA</ds:X509SKI></ds:X509Data></ds:KeyInfo>",
                "<ds:KeyInfo><ds:KeyName>AAAA</ds:KeyName></ds:KeyInfo>",
                "<ds:KeyInfo><ds:RetrievalMethod URI=\"\"/></ds:KeyInfo>",
        };
        _cleanup_(fixture_done) Fixture f = fixture();
        _cleanup_free_ char *good = sim_rim_xml(f.rim);

        for (size_t i = 0; i < ELEMENTSOF(instead); i++)
                CHECK_EQ(judge_without(good, "<ds:KeyInfo>", "</ds:Signature>", instead[i]), STAGE_CHAIN);
        CHECK_EQ(judge_without(good, "</ds:X509Data>", "</ds:KeyInfo>", "</ds:X509Data><ds:X509Data></ds:X509Data>"),
                 STAGE_CHAIN);
        CHECK_EQ(judge_without(good, "<ds:SignatureValue>", "<ds:KeyInfo>", ""), STAGE_CHAIN);
        CHECK_EQ(judge_without(good, "<ds:SignedInfo>", "<ds:SignatureValue>", ""), STAGE_CHAIN);
}

/* White space behind the document is no part of it, but of the file. */
static void test_size_of_the_file(void) {
        _cleanup_(fixture_done) Fixture f = fixture();
        _cleanup_free_ char *good = sim_rim_xml(f.rim), *padded = malloc(RIM_FILE_MAX + 1);
        Fault fault;

        memset(padded, '\n', RIM_FILE_MAX + 1);
        memcpy(padded, good, strlen(good));
        CHECK_EQ(judge_text(padded, RIM_FILE_MAX, &fault), STAGE_NONE);
        CHECK_EQ(judge_text(padded, RIM_FILE_MAX + 1, &fault), STAGE_PARSE);
        CHECK_STR(fault.expected, "1 byte to 256 KiB");
}

static const char bomb[] =
        "<!DOCTYPE b [<!ENTITY a \"aaaaaaaaaaaaaaaa\"><!ENTITY b \"&a;&a;&a;&a;&a;&a;&a;&a;\">"
        "<!ENTITY c \"&b;&b;&b;&b;&b;&b;&b;&b;\"><!ENTITY d \"&c;&c;&c;&c;&c;&c;&c;&c;\">"
        "<!ENTITY e \"&d;&d;&d;&d;&d;&d;&d;&d;\"><!ENTITY f \"&e;&e;&e;&e;&e;&e;&e;&e;\">]><b>&f;</b>";
static const char external[] = "<!DOCTYPE b SYSTEM \"file:///etc/hostname\"><b/>";
static const char utf16[] = "\xff\xfe<\0b\0/\0>\0";

static void test_no_document(void) {
        static const struct {
                const char *text;
                size_t size;
        } cases[] = {
                { "", 0 },
                { "<", 1 },
                { "<b>", 3 },
                { "<b/>\0<c/>", 9 },
                { bomb, sizeof(bomb) - 1 },
                { external, sizeof(external) - 1 },
                { utf16, sizeof(utf16) - 1 },
        };
        _cleanup_free_ char *deep = malloc(RIM_FILE_MAX + 1);
        Fault fault;

        for (size_t i = 0; i < ELEMENTSOF(cases); i++)
                CHECK_EQ(judge_text(cases[i].text, cases[i].size, &fault), STAGE_PARSE);
        for (size_t i = 0; deep && i < RIM_FILE_MAX; i += 4)
                memcpy(deep + i, "<b> ", 4);
        CHECK_EQ(judge_text(deep, RIM_FILE_MAX, &fault), STAGE_PARSE);
        CHECK_EQ(judge_text(deep, RIM_FILE_MAX + 1, &fault), STAGE_PARSE);
        CHECK_EQ(judge_text("<b/>", 4, &fault), STAGE_SCHEMA);
}

/* The signature is good, and the key is that of another certificate of the same chain. */
static void test_key_of_another_certificate(void) {
        _cleanup_(fixture_done) Fixture f = fixture();
        _cleanup_free_ char *xml = sim_rim_xml(f.rim);
        _cleanup_(certchain_done) CertChain chain = {};
        _cleanup_(rim_freep) Rim *rim = NULL;
        Fault fault;

        CHECK_EQ(rim_parse(xml, strlen(xml), &rim, &fault), 0);
        CHECK_EQ(rim_read_chain(rim, &chain, &fault), 0);
        CHECK_EQ(chain.n_certs, f.rim->n_chain);
        CHECK_EQ(rim_check_signature(rim, chain.certs[0], &fault), 0);
        for (size_t i = 1; i < chain.n_certs; i++)
                CHECK_EQ(rim_check_signature(rim, chain.certs[i], &fault), -EBADMSG);
}

static const Test tests[] = {
        { "what a RIM says is read",                test_content                    },
        { "each unsafe form of signature",          test_signature_forms            },
        { "each change to a signed document",       test_tampered                   },
        { "what the schema refuses",                test_schema                     },
        { "minimums alone",                         test_minimums_alone             },
        { "a minimum twice",                        test_repeated_minimum           },
        { "attributes in the signature",            test_attributes_in_the_signature },
        { "what KeyInfo may not be",                test_key_info                   },
        { "the size of the file",                   test_size_of_the_file           },
        { "what is no document",                    test_no_document                },
        { "the key of another certificate",         test_key_of_another_certificate },
};

int main(void) {
        int r;

        if (rim_library_init() < 0)
                return 1;
        r = test_run_all(tests, ELEMENTSOF(tests));
        rim_library_done();
        return r;
}
