/* SPDX-License-Identifier: Apache-2.0 */

#include "sim/rim.h"

#include <openssl/rand.h>
#include <stdio.h>
#include <string.h>

#include "basic/hex.h"
#include "sim/bytes.h"
#include "sim/must.h"
#include "sim/xmldsig.h"

#define N_RECORDS 64U

#define NS_SWID   "http://standards.iso.org/iso/19770/-2/2015/schema.xsd"
#define NS_SHA384 "http://www.w3.org/2001/04/xmlenc#sha384"
#define NS_TCG    "https://trustedcomputinggroup.org/resource/tcg-reference-integrity-manifest-rim-information-model/"
#define NS_NVIDIA "https://docs.nvidia.com/attestation/specs/latest/opaque-data.html"

/* An index in the RIM is that of a measurement, or from here on the type of an opaque entry. */
#define SVN_INDEX_BASE 4096U

enum {
        OPAQUE_FSP_SVN = 37,
};

/* Bit i: the record with index i is active. */
static const uint64_t active_table[_SIM_ARCH_MAX][2] = {
        [SIM_ARCH_HOPPER]    = { [SIM_RIM_DRIVER] = 0x000001ffffe00080, [SIM_RIM_VBIOS] = 0x0000000000001f7f },
        [SIM_ARCH_BLACKWELL] = { [SIM_RIM_DRIVER] = 0xbdf7e30007e04000, [SIM_RIM_VBIOS] = 0x00000000001fbfff },
        [SIM_ARCH_LS10]      = { [SIM_RIM_VBIOS]  = 0x000000007fffffff },
};

/* Measurements that have several states, with the number that real RIMs list. */
static const struct {
        unsigned index;
        size_t n;
} alternatives_table[] = { { 12, 4 }, { 23, 2 }, { 32, 2 }, { 35, 4 }, { 40, 2 } };

static void remove_dots(char *text) {
        char *to = text;

        for (; *text; text++)
                if (*text != '.')
                        *to++ = *text;
        *to = 0;
}

void sim_rim_id(SimDevice *d, SimRimKind kind, char ret[static 160]) {
        const SimOpaqueEntry *chip = sim_entry_find(d, 35);
        char version[sizeof(d->vbios_version)];

        memcpy(version, d->vbios_version, sizeof(version));
        remove_dots(version);
        if (d->arch == SIM_ARCH_LS10)
                (void) snprintf(ret, 160, "NV_SWITCH_BIOS_5612_0002_890_%s", version);
        else if (kind == SIM_RIM_VBIOS)
                (void) snprintf(ret, 160, "NV_GPU_VBIOS_%s_%s_%s_%s", d->project, d->project_sku, d->chip_sku,
                                version);
        else if (d->arch == SIM_ARCH_HOPPER)
                (void) snprintf(ret, 160, "NV_GPU_DRIVER_GH100_%s", d->driver_version);
        else
                (void) snprintf(ret, 160, "NV_GPU_CC_DRIVER_%.32s_%s", chip ? (const char *) chip->value : "GB100",
                                d->driver_version);
}

SimRimRecord *sim_rim_find(SimRim *rim, unsigned index) {
        for (size_t i = 0; i < rim->n_records; i++)
                if (rim->records[i].index == index)
                        return &rim->records[i];
        return NULL;
}

SimRimRecord *sim_rim_append(SimRim *rim, unsigned index) {
        SimRimRecord *record = &rim->records[rim->n_records];

        MUST(rim->n_records++ < ELEMENTSOF(rim->records));
        *record = (SimRimRecord){ .index = index, .active = "False", .size = "48" };
        (void) snprintf(record->name, sizeof(record->name), "Measurement_%u", index);
        return record;
}

/* The golden value is the last of its alternatives, so that a reader who stops at the first is found out. */
static void fill_record(SimRimRecord *record, const SimDevice *d) {
        (void) snprintf(record->active, sizeof(record->active), "True");
        for (size_t i = 0; i < ELEMENTSOF(alternatives_table); i++)
                if (alternatives_table[i].index == record->index && d->arch != SIM_ARCH_LS10)
                        record->n_hashes = alternatives_table[i].n;
        for (size_t i = 0; i + 1 < record->n_hashes; i++)
                MUST(RAND_bytes(record->hashes[i], SIM_DIGEST_SIZE) == 1);
        memcpy(record->hashes[record->n_hashes - 1], d->digests[record->index], SIM_DIGEST_SIZE);
}

static void fill_svn(SimRim *rim, SimDevice *d) {
        const SimOpaqueEntry *e = sim_entry_find(d, OPAQUE_FSP_SVN);
        SimRimRecord *record;

        if (!e)
                return;
        record = sim_rim_append(rim, SVN_INDEX_BASE + OPAQUE_FSP_SVN);
        (void) snprintf(record->active, sizeof(record->active), "True");
        (void) snprintf(record->name, sizeof(record->name), "FSP_MICROCODE_SVN");
        (void) snprintf(record->min_svn, sizeof(record->min_svn), "%u", e->value[0] | (unsigned) e->value[1] << 8);
        (void) snprintf(record->include_in_result, sizeof(record->include_in_result), "True");
}

static void fill_chain(SimRim *rim, const SimDevice *d) {
        for (SimAuthority a = sim_device_rim_signer(d); a != _SIM_AUTHORITY_NONE; a = sim_authority_issuer(a)) {
                X509 *cert = sim_pki_cert(d->pki, a)->cert;

                MUST(X509_up_ref(cert) == 1);
                rim->chain[rim->n_chain++] = cert;
        }
        rim->key = sim_pki_cert(d->pki, sim_device_rim_signer(d))->key;
        MUST(EVP_PKEY_up_ref(rim->key) == 1);
}

SimRim *sim_rim_new(SimDevice *d, SimRimKind kind) {
        SimRim *rim = calloc(1, sizeof(*rim));
        uint8_t tag[48];

        MUST(rim && RAND_bytes(tag, sizeof(tag)) == 1);
        sim_rim_id(d, kind, rim->id);
        hex_encode(tag, sizeof(tag), rim->tag_id);
        (void) snprintf(rim->version, sizeof(rim->version), "%s",
                        kind == SIM_RIM_DRIVER ? d->driver_version : d->vbios_version);
        (void) snprintf(rim->product, sizeof(rim->product), "%s", sim_arch_product(d->arch));
        (void) snprintf(rim->edition, sizeof(rim->edition), d->arch == SIM_ARCH_LS10 ? "SWITCH" : "GPU");
        (void) snprintf(rim->manufacturer_id, sizeof(rim->manufacturer_id), "5703");
        for (unsigned i = 0; i < N_RECORDS; i++) {
                SimRimRecord *record = sim_rim_append(rim, i);

                record->n_hashes = 1;
                if (active_table[d->arch][kind] & UINT64_C(1) << i)
                        fill_record(record, d);
        }
        if (kind == SIM_RIM_VBIOS)
                fill_svn(rim, d);
        fill_chain(rim, d);
        return rim;
}

SimRim *sim_rim_free(SimRim *rim) {
        if (!rim)
                return NULL;
        for (size_t i = 0; i < rim->n_chain; i++)
                X509_free(rim->chain[i]);
        EVP_PKEY_free(rim->key);
        free(rim);
        return NULL;
}

void sim_rim_set_signer(SimRim *rim, const SimCert *signer) {
        MUST(rim->n_chain > 0 && X509_up_ref(signer->cert) == 1 && EVP_PKEY_up_ref(signer->key) == 1);
        X509_free(rim->chain[0]);
        rim->chain[0] = signer->cert;
        EVP_PKEY_free(rim->key);
        rim->key = signer->key;
}

static void put_record(SimBytes *b, const SimRimRecord *record) {
        char hash[2 * SIM_DIGEST_SIZE + 1];

        sim_bytes_printf(b, "        <ns0:Resource type=\"Measurement\" index=\"%u\" active=\"%s\"", record->index,
                         record->active);
        if (*record->min_svn) {
                sim_bytes_printf(b, " name=\"%s\" ns3:minSvn=\"%s\" ns3:includeInResult=\"%s\"/>\n", record->name,
                                 record->min_svn, record->include_in_result);
                return;
        }
        if (*record->alternatives)
                sim_bytes_printf(b, " alternatives=\"%s\"", record->alternatives);
        else
                sim_bytes_printf(b, " alternatives=\"%zu\"", record->n_hashes);
        for (size_t i = 0; i < record->n_hashes; i++)
                sim_bytes_printf(b, " ns2:Hash%zu=\"%s\"", i, hex_encode(record->hashes[i], SIM_DIGEST_SIZE, hash));
        sim_bytes_printf(b, " name=\"%s\" size=\"%s\"/>\n", record->name, record->size);
}

static bool has_svn(const SimRim *rim) {
        for (size_t i = 0; i < rim->n_records; i++)
                if (*rim->records[i].min_svn)
                        return true;
        return false;
}

static void put_root_start(SimBytes *b, const SimRim *rim, const char *id) {
        sim_bytes_printf(b,
                         "<SoftwareIdentity xmlns=\"" NS_SWID "\" xmlns:ns0=\"" NS_SWID "\""
                         " xmlns:ns2=\"" NS_SHA384 "\"%s"
                         " corpus=\"false\" name=\"%s\" patch=\"false\" supplemental=\"false\" tagId=\"%s\""
                         " version=\"1.0\" tagVersion=\"0\"%s>\n",
                         has_svn(rim) ? " xmlns:ns3=\"" NS_NVIDIA "\"" : "", rim->product, rim->tag_id, id);
}

static void put_sections(SimBytes *b, const SimRim *rim) {
        sim_bytes_printf(b, "    <ns0:Entity name=\"NVIDIA Corporation\" role=\"softwareCreator tagCreator\"/>\n");
        sim_bytes_printf(b,
                         "    <ns0:Meta xmlns:ns1=\"" NS_TCG "\" colloquialVersion=\"%s\" edition=\"%s\""
                         " product=\"%s\""
                         " revision=\"r1\" PayloadType=\"direct\" ns1:BindingSpec=\"RIMIM\""
                         " ns1:BindingSpecVersion=\"1.01\" ns1:PlatformManufacturerId=\"%s\""
                         " ns1:PlatformManufacturerStr=\"NVIDIA Corporation\" ns1:PlatformModel=\"%s\""
                         " ns1:FirmwareManufacturer=\"NVIDIA Corporation\" ns1:FirmwareManufacturerId=\"%s\"/>\n",
                         rim->version, rim->edition, rim->product, rim->manufacturer_id, rim->product,
                         rim->manufacturer_id);
        sim_bytes_printf(b, "    <ns0:Payload xmlns:SHA384=\"" NS_SHA384 "\">\n");
        for (size_t i = 0; i < rim->n_records; i++)
                put_record(b, &rim->records[i]);
        sim_bytes_printf(b, "    </ns0:Payload>\n");
}

/* Everything is as it was signed, one element further in; what stands in its place accepts anything empty. */
static void put_wrapped(SimBytes *b, const SimRim *rim) {
        _cleanup_free_ SimRim *evil = malloc(sizeof(*evil));

        MUST(evil);
        *evil = *rim;
        for (size_t i = 0; i < evil->n_records; i++)
                memset(evil->records[i].hashes, 0, sizeof(evil->records[i].hashes));
        put_root_start(b, evil, "");
        put_sections(b, evil);
        put_root_start(b, rim, " Id=\"" SIM_SIGNED_ID "\"");
        put_sections(b, rim);
        sim_bytes_printf(b, "</SoftwareIdentity>\n</SoftwareIdentity>");
}

static char *compose(const SimRim *rim) {
        SimBytes b = {};

        if (rim->form == SIM_RIM_WRAPPED) {
                put_wrapped(&b, rim);
                return (char *) b.data;
        }
        put_root_start(&b, rim, rim->form == SIM_RIM_URI ? " Id=\"" SIM_SIGNED_ID "\"" : "");
        put_sections(&b, rim);
        sim_bytes_printf(&b, "</SoftwareIdentity>");
        return (char *) b.data;
}

/* A whole signature more by a key that nobody knows, in the place where one belongs. */
static char *sign_by_stranger(const SimRim *rim, char *xml) {
        EVP_PKEY *stranger = sim_key_new();
        SimSigning signing = { .key = stranger, .chain = rim->chain, .n_chain = rim->n_chain };

        xml = sim_xml_sign(xml, &signing);
        EVP_PKEY_free(stranger);
        return xml;
}

static char *sign(const SimRim *rim, char *xml) {
        SimSigning signing = { .key = rim->key, .chain = rim->chain, .n_chain = rim->n_chain };
        EVP_PKEY *stranger;

        switch (rim->form) {
        case SIM_RIM_UNSIGNED:
                return xml;
        case SIM_RIM_OTHER_KEY:
                return sign_by_stranger(rim, xml);
        case SIM_RIM_TWO_SIGNATURES:
                xml = sign_by_stranger(rim, xml);
                break;
        case SIM_RIM_KEY_VALUE:
                stranger = sim_key_new();
                signing = (SimSigning){ .key = stranger };
                xml = sim_xml_sign(xml, &signing);
                EVP_PKEY_free(stranger);
                return xml;
        case SIM_RIM_ONE_TRANSFORM:
                signing.one_transform = true;
                break;
        case SIM_RIM_WRAPPED:
        case SIM_RIM_URI:
                signing.by_id = true;
                break;
        default:
                break;
        }
        return sim_xml_sign(xml, &signing);
}

char *sim_rim_xml(const SimRim *rim) {
        char *xml = compose(rim);

        if (rim->edit_before)
                xml = rim->edit_before(xml);
        xml = sign(rim, xml);
        return rim->edit_after ? rim->edit_after(xml) : xml;
}
