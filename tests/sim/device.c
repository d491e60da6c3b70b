/* SPDX-License-Identifier: Apache-2.0 */

#include "sim/device.h"

#include <openssl/rand.h>
#include <openssl/sha.h>
#include <stdio.h>
#include <string.h>

#include "sim/bytes.h"
#include "sim/must.h"
#include "sim/store.h"

#define GPU_BLOCKS       64U
#define SWITCH_BLOCKS    31U
#define GPU_LINKS        18U
#define SWITCH_GPUS      8U
#define MACHINE_SWITCHES 4U

typedef struct ArchRow {
        const char *name, *product;
        const char *chip;                 /* in certificates */
        const char *brom, *leaf;          /* common names */
        uint8_t serial_prefix;
        SimDice dice;
        const char *not_before;
        bool brom_has_ocsp_url;
        SimAuthority authority, rim_signer;
        uint64_t measured;                /* bit i: the measurement with RIM index i is not zero */
} ArchRow;

static const ArchRow arch_table[_SIM_ARCH_MAX] = {
        [SIM_ARCH_HOPPER] = {
                "HOPPER", "GH100", "GH100", "GH100 A01 GSP BROM", "GH100 A01 GSP FMC LF", 0x41, SIM_DICE_COMPOSITE,
                "20201017000000Z", false, SIM_GH100_PROVISIONER, SIM_GH100_RIM_SIGNER, 0x000001ffefe01afe,
        },
        [SIM_ARCH_BLACKWELL] = {
                "BLACKWELL", "GB100", "GB100", "GB100 A01 GSP BROM", "GB100 A01 GSP FMC LF", 0x41, SIM_DICE_TCB_INFO,
                "20230620000000Z", true, SIM_GB100_PROVISIONER, SIM_GB100_RIM_SIGNER, 0xbdf7e300001e795e,
        },
        [SIM_ARCH_LS10] = {
                "LS10", "LS10", "LS_10", "LS_10 A01 FSP BROM", "LS_10 A01 FSP FMC LF", 0x50, SIM_DICE_COMPOSITE,
                "20201017000000Z", false, SIM_LS10_PROVISIONER, SIM_LS10_RIM_SIGNER, 0x000000007ffffefe,
        },
};

typedef struct ModelRow {
        const char *name, *alias;
        SimArch arch;
        bool versioned;
        const char *driver, *vbios, *chip_sku, *project, *project_sku;
} ModelRow;

static const ModelRow model_table[_SIM_MODEL_MAX] = {
        [SIM_MODEL_HOPPER_EARLY]  = { "hopper-early", NULL, SIM_ARCH_HOPPER, false, "545.00", "96.00.5E.00.01",
                                      "882", "1010", "0200" },
        [SIM_MODEL_HOPPER_550]    = { "hopper-550", NULL, SIM_ARCH_HOPPER, false, "550.90.07", "96.00.9F.00.01",
                                      "882", "1010", "0200" },
        [SIM_MODEL_HOPPER]        = { "hopper", "gh100", SIM_ARCH_HOPPER, false, "580.159.03", "96.00.A5.00.01",
                                      "886", "1010", "0210" },
        [SIM_MODEL_HOPPER_PPCIE]  = { "hopper-ppcie", NULL, SIM_ARCH_HOPPER, false, "590.12", "96.00.BC.00.0C",
                                      "885", "G520", "0200" },
        [SIM_MODEL_HOPPER_NVDAOD] = { "hopper-nvdaod", NULL, SIM_ARCH_HOPPER, true, "620.12", "96.00.D9.00.0F",
                                      "884", "G520", "0201" },
        [SIM_MODEL_BLACKWELL_575] = { "blackwell-575", NULL, SIM_ARCH_BLACKWELL, false, "575.32", "97.00.88.00.0F",
                                      "886", "G525", "0220" },
        [SIM_MODEL_BLACKWELL]     = { "blackwell", "gb100", SIM_ARCH_BLACKWELL, false, "595.91.07", "97.00.E4.00.1E",
                                      "886", "G525", "0220" },
        [SIM_MODEL_LS10]          = { "ls10", NULL, SIM_ARCH_LS10, false, "", "96.10.55.00.01", "", "", "" },
};

#define M(model) (1U << SIM_MODEL_##model)

enum {
        ON_EARLY     = M(HOPPER_EARLY),
        ON_PPCIE     = M(HOPPER_PPCIE),
        ON_NVDAOD    = M(HOPPER_NVDAOD),
        ON_HOPPER    = M(HOPPER_EARLY) | M(HOPPER_550) | M(HOPPER) | M(HOPPER_PPCIE) | M(HOPPER_NVDAOD),
        ON_BLACKWELL = M(BLACKWELL_575) | M(BLACKWELL),
        ON_GPU       = ON_HOPPER | ON_BLACKWELL,
        ON_SWITCH    = M(LS10),
};

typedef struct EntryRow {
        uint16_t type, value_type;
        unsigned models;
        size_t size;     /* 0: as the value or text is */
        const char *hex; /* NULL: see entry_text(), or left zero for now */
} EntryRow;

/* In the order in which real reports have them. */
static const EntryRow entry_table[] = {
        { 6,  0x86, ON_GPU,                                                  8,   NULL         },
        { 14, 0x82, ON_HOPPER,                                               0,   "b1030000"   },
        { 14, 0x82, ON_BLACKWELL,                                            0,   "6f060000"   },
        { 15, 0x82, ON_EARLY,                                                0,   NULL         },
        { 15, 0x82, ON_GPU & ~ON_EARLY,                                      9,   NULL         },
        { 16, 0x82, ON_EARLY,                                                0,   "3000"       },
        { 16, 0x82, ON_GPU & ~ON_EARLY,                                      0,   "3000000000" },
        { 17, 0x82, ON_GPU,                                                  0,   NULL         },
        { 18, 0x82, ON_GPU,                                                  0,   NULL         },
        { 19, 0x82, ON_GPU,                                                  0,   "0000"       },
        { 3,  0x86, ON_GPU,                                                  0,   NULL         },
        { 4,  0x82, ON_HOPPER,                                               8,   "8001"       },
        { 4,  0x82, ON_BLACKWELL,                                            8,   "a001"       },
        { 12, 0x84, ON_GPU,                                                  256, NULL         },
        { 13, 0x83, ON_HOPPER,                                               0,   "00c00100"   },
        { 13, 0x83, ON_BLACKWELL,                                            0,   "00000400"   },
        { 11, 0x82, ON_GPU & ~(ON_NVDAOD | M(BLACKWELL)),                    0,   "55"         },
        { 11, 0x82, ON_NVDAOD | M(BLACKWELL),                                0,   "aa"         },
        { 37, 0x87, ON_NVDAOD,                                               0,   "0200"       },
        { 20, 0x01, ON_GPU & ~ON_EARLY,                                      48,  NULL         },
        { 21, 0x85, ON_HOPPER & ~(ON_EARLY | ON_PPCIE),                      0,   "55"         },
        { 21, 0x85, ON_PPCIE,                                                0,   "aa"         },
        { 22, 0x85, ON_PPCIE,                                                144, NULL         },
        { 33, 0x82, ON_BLACKWELL,                                            0,   "0707"       },
        { 35, 0x82, M(BLACKWELL),                                            0,   NULL         },
        { 34, 0x86, M(BLACKWELL_575),                                        0,   "0000"       },
        { 34, 0x86, M(HOPPER) | ON_PPCIE | M(BLACKWELL),                     0,   "0100"       },
        { 34, 0x86, ON_NVDAOD,                                               0,   "0200"       },
        { 36, 0x85, M(HOPPER) | ON_NVDAOD,                                   0,   "0000"       },
        { 36, 0x85, M(BLACKWELL),                                            0,   "0100"       },
        { 36, 0x85, ON_PPCIE,                                                0,   "0200"       },
        { 6,  0,    ON_SWITCH,                                               14,  NULL         },
        { 22, 0,    ON_SWITCH,                                               8,   NULL         },
        { 12, 0,    ON_SWITCH,                                               104, NULL         },
        { 26, 0,    ON_SWITCH,                                               128, NULL         },
        { 23, 0,    ON_SWITCH,                                               0,   "ec00"       },
        { 24, 0,    ON_SWITCH,                                               0,   "0000"       },
        { 25, 0,    ON_SWITCH,                                               0,   "0100"       },
};

SimModel sim_model_from_string(const char *name) {
        for (SimModel m = 0; m < _SIM_MODEL_MAX; m++)
                if (strcmp(model_table[m].name, name) == 0 ||
                    (model_table[m].alias && strcmp(model_table[m].alias, name) == 0))
                        return m;
        return _SIM_MODEL_INVALID;
}

const char *sim_model_to_string(SimModel model) {
        return model_table[model].name;
}

const char *sim_arch_name(SimArch arch) {
        return arch_table[arch].name;
}

const char *sim_arch_product(SimArch arch) {
        return arch_table[arch].product;
}

SimAuthority sim_device_authority(const SimDevice *d) {
        return arch_table[d->arch].authority;
}

SimAuthority sim_device_rim_signer(const SimDevice *d) {
        return arch_table[d->arch].rim_signer;
}

/* The same for every device of a model, and different for everything else. */
static void firmware_digest(SimModel model, const char *part, size_t number, uint8_t ret[static SIM_DIGEST_SIZE]) {
        char text[64];
        int n = snprintf(text, sizeof(text), "%s %s %zu", model_table[model].name, part, number);

        MUST(SHA384((const unsigned char *) text, (size_t) n, ret));
}

static void fill_digests(SimDevice *d) {
        d->n_blocks = d->arch == SIM_ARCH_LS10 ? SWITCH_BLOCKS : GPU_BLOCKS;
        for (size_t i = 0; i < d->n_blocks; i++)
                if (arch_table[d->arch].measured & UINT64_C(1) << i)
                        firmware_digest(d->model, "measurement", i, d->digests[i]);
        firmware_digest(d->model, "fwid", 0, d->fwid);
}

SimOpaqueEntry *sim_entry_find(SimDevice *d, unsigned type) {
        for (size_t i = 0; i < d->n_entries; i++)
                if (d->entries[i].type == type)
                        return &d->entries[i];
        return NULL;
}

void sim_entry_remove(SimDevice *d, unsigned type) {
        SimOpaqueEntry *e = sim_entry_find(d, type);

        MUST(e);
        d->n_entries--;
        memmove(e, e + 1, (size_t) (&d->entries[d->n_entries] - e) * sizeof(*e));
}

static void set_value(SimOpaqueEntry *e, const void *value, size_t size) {
        MUST(size <= sizeof(e->value));
        memset(e->value, 0, sizeof(e->value));
        if (size > 0)
                memcpy(e->value, value, size);
        e->size = size;
}

SimOpaqueEntry *sim_entry_append(SimDevice *d, unsigned type, unsigned value_type, const void *value, size_t size) {
        SimOpaqueEntry *e = &d->entries[d->n_entries];

        MUST(d->n_entries++ < ELEMENTSOF(d->entries));
        *e = (SimOpaqueEntry){ .type = (uint16_t) type, .value_type = (uint16_t) value_type };
        set_value(e, value, size);
        return e;
}

SimOpaqueEntry *sim_entry_replace(SimDevice *d, unsigned type, const void *value, size_t size) {
        SimOpaqueEntry *e = sim_entry_find(d, type);

        if (!e)
                return sim_entry_append(d, type, 0, value, size);
        set_value(e, value, size);
        return e;
}

static void keep_text(char *field, size_t size, const char *text) {
        MUST((size_t) snprintf(field, size, "%s", text) < size);
}

void sim_device_set_driver_version(SimDevice *d, const char *version) {
        keep_text(d->driver_version, sizeof(d->driver_version), version);
        (void) sim_entry_replace(d, 3, version, strlen(version) + 1);
}

void sim_device_set_vbios_version(SimDevice *d, const char *version) {
        uint8_t value[SIM_PDI_SIZE] = {};

        keep_text(d->vbios_version, sizeof(d->vbios_version), version);
        if (d->arch == SIM_ARCH_LS10) {
                (void) sim_entry_replace(d, 6, version, strlen(version));
                return;
        }
        MUST(sscanf(version, "%2hhx.%2hhx.%2hhx.%2hhx.%2hhx", &value[3], &value[2], &value[1], &value[0],
                    &value[4]) == 5);
        (void) sim_entry_replace(d, 6, value, sizeof(value));
}

static const char *entry_text(const SimDevice *d, unsigned type) {
        switch (type) {
        case 3:
                return d->driver_version;
        case 15:
                return d->chip_sku;
        case 17:
                return d->project;
        case 18:
                return d->project_sku;
        case 35:
                return arch_table[d->arch].product;
        default:
                return NULL;
        }
}

static void add_entry(SimDevice *d, const EntryRow *row) {
        const char *text = row->hex ? NULL : entry_text(d, row->type);
        uint8_t value[SIM_ENTRY_MAX] = {};
        size_t size = row->size;

        if (text) {
                keep_text((char *) value, sizeof(value), text);
                size = size ?: strlen(text) + 1;
        } else if (row->hex) {
                size = size ?: strlen(row->hex) / 2;
                for (size_t i = 0; row->hex[2 * i]; i++)
                        MUST(sscanf(row->hex + 2 * i, "%2hhx", &value[i]) == 1);
        }
        (void) sim_entry_append(d, row->type, row->value_type, value, size);
}

/* Until it is connected, a GPU in a machine of many names switches that nobody has seen. */
static void fill_links(SimDevice *d) {
        SimOpaqueEntry *e = d->arch == SIM_ARCH_LS10 ? NULL : sim_entry_find(d, 22);
        uint8_t pdis[MACHINE_SWITCHES][SIM_PDI_SIZE];

        MUST(RAND_bytes(&pdis[0][0], sizeof(pdis)) == 1);
        for (size_t link = 0; e && link < GPU_LINKS; link++)
                memcpy(&e->value[link * SIM_PDI_SIZE], pdis[link % MACHINE_SWITCHES], SIM_PDI_SIZE);
}

/* How many measurements were folded into each block: as many as make it zero or not. */
static void fill_counts(SimDevice *d) {
        SimOpaqueEntry *e = sim_entry_find(d, 12);

        for (size_t i = 0; i < e->size / 4; i++)
                e->value[4 * i] = arch_table[d->arch].measured >> i & 1;
}

static void fill_entries(SimDevice *d, const ModelRow *row) {
        for (size_t i = 0; i < ELEMENTSOF(entry_table); i++)
                if (entry_table[i].models & 1U << d->model)
                        add_entry(d, &entry_table[i]);
        sim_device_set_vbios_version(d, row->vbios);
        fill_counts(d);
        fill_links(d);
        if (sim_entry_find(d, 20))
                (void) sim_entry_replace(d, 20, d->fwid, sizeof(d->fwid));
}

static SimCertSpec brom_spec(SimDevice *d) {
        const ArchRow *row = &arch_table[d->arch];
        char number[2 * SIM_KEY_ID_SIZE + 1];
        SimCertSpec spec = {
                .serial_size = 1 + SIM_PDI_SIZE,
                .basic_constraints = "critical,CA:TRUE",
                .key_usage = "critical,keyCertSign",
                .ocsp = row->brom_has_ocsp_url ? "OCSP;URI:http://ocsp.ndis.nvidia.com" : NULL,
                .not_after = "99991231235959Z",
                .issuer = sim_pki_cert(d->pki, row->authority),
        };

        spec.serial[0] = row->serial_prefix;
        memcpy(spec.serial + 1, d->pdi, SIM_PDI_SIZE);
        (void) snprintf(spec.subject, sizeof(spec.subject), "/serialNumber=%s/C=US/O=NVIDIA Corporation/CN=%s",
                        sim_hex_upper(spec.serial, spec.serial_size, number), row->brom);
        keep_text(spec.not_before, sizeof(spec.not_before), row->not_before);
        return spec;
}

static SimCertSpec leaf_spec(SimDevice *d, EVP_PKEY *key) {
        const ArchRow *row = &arch_table[d->arch];
        char number[2 * SIM_KEY_ID_SIZE + 1];
        uint8_t serial[SIM_KEY_ID_SIZE];
        SimCertSpec spec = {
                .key_usage = "critical,digitalSignature",
                .not_after = "99991231235959Z",
                .dice = row->dice,
                .key = key,
                .issuer = d->brom,
        };

        sim_key_serial(key, serial);
        (void) snprintf(spec.subject, sizeof(spec.subject), "/serialNumber=%s/C=US/O=NVIDIA Corporation/CN=%s",
                        sim_hex_upper(serial, sizeof(serial), number), row->leaf);
        (void) snprintf(spec.device_info, sizeof(spec.device_info), "NVIDIA:%s:48B02D%s", row->chip,
                        sim_hex_upper(d->pdi, 5, number));
        keep_text(spec.not_before, sizeof(spec.not_before), row->not_before);
        memcpy(spec.fwid, d->fwid, sizeof(spec.fwid));
        return spec;
}

static void chain_clear(SimDevice *d) {
        while (d->n_chain > 0)
                sim_chain_drop(d, d->n_chain - 1);
}

static void chain_build(SimDevice *d) {
        chain_clear(d);
        sim_chain_insert(d, 0, d->leaf->cert);
        sim_chain_insert(d, 1, d->brom->cert);
        for (SimAuthority a = sim_device_authority(d); a != _SIM_AUTHORITY_NONE; a = sim_authority_issuer(a))
                sim_chain_insert(d, d->n_chain, sim_pki_cert(d->pki, a)->cert);
}

static void issue(SimDevice *d, const char *dir, const char *name) {
        SimCertSpec spec = brom_spec(d);
        char brom[160], leaf[160];
        EVP_PKEY *key;

        (void) snprintf(brom, sizeof(brom), "%s-brom", name ?: "");
        (void) snprintf(leaf, sizeof(leaf), "%s-leaf", name ?: "");
        d->brom = sim_store_cert(dir, brom, &spec);
        key = sim_store_key(dir, leaf);
        spec = leaf_spec(d, key);
        d->leaf = sim_store_cert(dir, leaf, &spec);
        EVP_PKEY_free(key);
        chain_build(d);
}

void sim_device_reissue(SimDevice *d, unsigned level, const SimCertSpec *spec) {
        SimCert **place = level == 0 ? &d->leaf : &d->brom, *old = *place;

        MUST(level <= 1);
        *place = sim_cert_issue(spec);
        if (level == 1) {
                SimCert *leaf = d->leaf;

                leaf->spec.issuer = d->brom;
                d->leaf = sim_cert_issue(&leaf->spec);
                sim_cert_free(leaf);
        }
        sim_cert_free(old);
        chain_build(d);
}

SimDevice *sim_device_open(SimPki *pki, SimModel model, const char *name) {
        const char *dir = name ? pki->dir : NULL;
        const ModelRow *row = &model_table[model];
        SimDevice *d = calloc(1, sizeof(*d));

        MUST(d);
        d->model = model;
        d->arch = row->arch;
        d->pki = pki;
        d->versioned = row->versioned;
        d->major = 2;
        sim_store_random(dir, name, d->pdi, sizeof(d->pdi));
        keep_text(d->driver_version, sizeof(d->driver_version), row->driver);
        keep_text(d->chip_sku, sizeof(d->chip_sku), row->chip_sku);
        keep_text(d->project, sizeof(d->project), row->project);
        keep_text(d->project_sku, sizeof(d->project_sku), row->project_sku);
        fill_digests(d);
        fill_entries(d, row);
        issue(d, dir, name);
        sim_machine_connect(&d, 1);
        return d;
}

SimDevice *sim_device_new(SimPki *pki, SimModel model) {
        return sim_device_open(pki, model, NULL);
}

SimDevice *sim_device_free(SimDevice *d) {
        if (!d)
                return NULL;
        chain_clear(d);
        sim_cert_free(d->leaf);
        sim_cert_free(d->brom);
        free(d);
        return NULL;
}

void sim_chain_drop(SimDevice *d, size_t index) {
        MUST(index < d->n_chain);
        X509_free(d->chain[index]);
        d->n_chain--;
        memmove(&d->chain[index], &d->chain[index + 1], (d->n_chain - index) * sizeof(X509 *));
}

void sim_chain_insert(SimDevice *d, size_t index, X509 *cert) {
        MUST(index <= d->n_chain && d->n_chain < ELEMENTSOF(d->chain) && X509_up_ref(cert) == 1);
        memmove(&d->chain[index + 1], &d->chain[index], (d->n_chain - index) * sizeof(X509 *));
        d->chain[index] = cert;
        d->n_chain++;
}

void sim_chain_replace(SimDevice *d, size_t index, X509 *cert) {
        sim_chain_insert(d, index, cert);
        sim_chain_drop(d, index + 1);
}

void sim_chain_swap(SimDevice *d, size_t a, size_t b) {
        X509 *cert = d->chain[a];

        MUST(a < d->n_chain && b < d->n_chain);
        d->chain[a] = d->chain[b];
        d->chain[b] = cert;
}

char *sim_device_chain_pem(const SimDevice *d) {
        return sim_certs_to_pem(d->chain, d->n_chain);
}

/* GPUs of one machine are behind the same switches, whether these are in the evidence or not. */
static void share_links(SimDevice *const *devices, size_t n) {
        const SimOpaqueEntry *first = NULL;

        for (size_t i = 0; i < n; i++) {
                SimOpaqueEntry *e = devices[i]->arch == SIM_ARCH_LS10 ? NULL : sim_entry_find(devices[i], 22);

                if (e && first)
                        memcpy(e->value, first->value, e->size);
                first = first ?: e;
        }
}

/* A GPU's links are spread over the switches; it writes their PDIs backwards. */
static void connect_gpu(SimDevice *gpu, SimDevice *const *devices, size_t n) {
        SimOpaqueEntry *e = sim_entry_find(gpu, 22);
        const SimDevice *switches[GPU_LINKS];
        size_t n_switches = 0;

        if (!e)
                return;
        for (size_t i = 0; i < n && n_switches < ELEMENTSOF(switches); i++)
                if (devices[i]->arch == SIM_ARCH_LS10)
                        switches[n_switches++] = devices[i];
        for (size_t link = 0; link < GPU_LINKS && n_switches > 0; link++)
                for (size_t i = 0; i < SIM_PDI_SIZE; i++)
                        e->value[link * SIM_PDI_SIZE + i] =
                                switches[link % n_switches]->pdi[SIM_PDI_SIZE - 1 - i];
}

/* PDIs of up to eight GPUs, then for each port the number of the GPU behind it. */
static void connect_switch(SimDevice *d, unsigned position, SimDevice *const *devices, size_t n) {
        uint8_t value[128] = {}, place[] = { (uint8_t) position, 0 };
        size_t n_gpus = 0;

        for (size_t i = 0; i < n && n_gpus < SWITCH_GPUS; i++)
                if (devices[i]->arch != SIM_ARCH_LS10)
                        memcpy(&value[SIM_PDI_SIZE * n_gpus++], devices[i]->pdi, SIM_PDI_SIZE);
        for (size_t port = 0; port < 64; port++)
                value[64 + port] = n_gpus > 0 && port < 32 ? (uint8_t) (port % n_gpus) : 0xff;
        (void) sim_entry_replace(d, 22, d->pdi, SIM_PDI_SIZE);
        (void) sim_entry_replace(d, 26, value, sizeof(value));
        (void) sim_entry_replace(d, 24, place, sizeof(place));
}

void sim_machine_connect(SimDevice *const *devices, size_t n) {
        unsigned position = 0;

        share_links(devices, n);
        for (size_t i = 0; i < n; i++)
                if (devices[i]->arch == SIM_ARCH_LS10)
                        connect_switch(devices[i], position++, devices, n);
                else
                        connect_gpu(devices[i], devices, n);
}
