/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* A simulated GPU or NVSwitch: its identity, certificates, measurements and opaque data, all of which a test may
 * change before a report is made of them (sim/report.h). Devices of one model have the same firmware, so they share
 * measurements and RIMs. */

#include "sim/pki.h"

#define SIM_PDI_SIZE     8U
#define SIM_DIGEST_SIZE  48U
#define SIM_BLOCKS_MAX   254U
#define SIM_ENTRIES_MAX  80U
#define SIM_ENTRY_MAX    512U
#define SIM_CHAIN_MAX    12U

typedef enum SimArch {
        SIM_ARCH_HOPPER,
        SIM_ARCH_BLACKWELL,
        SIM_ARCH_LS10,
        _SIM_ARCH_MAX,
} SimArch;

typedef enum SimModel {
        SIM_MODEL_HOPPER_EARLY,  /* without FWID and protected PCIe status: 354 bytes of opaque data */
        SIM_MODEL_HOPPER_550,    /* 422 */
        SIM_MODEL_HOPPER,        /* with data version and feature flag: 435 */
        SIM_MODEL_HOPPER_PPCIE,  /* 579 */
        SIM_MODEL_HOPPER_NVDAOD, /* 483 */
        SIM_MODEL_BLACKWELL_575, /* without chip info and feature flag: 426 */
        SIM_MODEL_BLACKWELL,     /* 445 */
        SIM_MODEL_LS10,          /* 288 */
        _SIM_MODEL_MAX,
        _SIM_MODEL_INVALID = -1,
} SimModel;

typedef struct SimOpaqueEntry {
        uint16_t type;
        uint16_t value_type; /* written in the versioned layout only */
        size_t size;
        int size_delta;      /* added to the size that is written, not to the bytes */
        uint8_t value[SIM_ENTRY_MAX];
} SimOpaqueEntry;

typedef struct SimDevice {
        SimModel model;
        SimArch arch;
        SimPki *pki; /* borrowed */
        uint8_t pdi[SIM_PDI_SIZE];
        uint8_t fwid[SIM_FWID_SIZE];
        char driver_version[32], vbios_version[32], chip_sku[16], project[16], project_sku[16];

        size_t n_blocks;
        uint8_t digests[SIM_BLOCKS_MAX][SIM_DIGEST_SIZE]; /* by RIM index: SPDM index minus 1 */

        bool versioned; /* the "NVDAOD" layout */
        uint16_t profile;
        uint8_t major, minor, patch;
        SimOpaqueEntry entries[SIM_ENTRIES_MAX];
        size_t n_entries;

        SimCert *brom, *leaf; /* as issued, whatever becomes of the chain */
        X509 *chain[SIM_CHAIN_MAX];
        size_t n_chain;
} SimDevice;

/* Names as on the command line, "gh100" and "gb100" included. */
SimModel sim_model_from_string(const char *name);
const char *sim_model_to_string(SimModel model);

/* As evidence files name it. */
const char *sim_arch_name(SimArch arch);

/* As RIMs name it: GH100, GB100, LS10. */
const char *sim_arch_product(SimArch arch);

/* `pki` must outlive the device. */
SimDevice *sim_device_new(SimPki *pki, SimModel model);

/* One whose number and certificates are kept with those of the PKI, under this name. */
SimDevice *sim_device_open(SimPki *pki, SimModel model, const char *name);

SimDevice *sim_device_free(SimDevice *d);
DEFINE_CLEANUP_FUNC(SimDevice *, sim_device_free)

/* Texts and the opaque entries that carry them. A GPU's VBIOS version has the form "96.00.9F.00.01". */
void sim_device_set_driver_version(SimDevice *d, const char *version);
void sim_device_set_vbios_version(SimDevice *d, const char *version);

/* Opaque entries, in the order in which they are written. Pointers are borrowed and good until the next change;
 * sim_entry_find() gives NULL for none. Replacing what is not there appends it. */
SimOpaqueEntry *sim_entry_find(SimDevice *d, unsigned type);
void sim_entry_remove(SimDevice *d, unsigned type);
SimOpaqueEntry *sim_entry_append(SimDevice *d, unsigned type, unsigned value_type, const void *value, size_t size);
SimOpaqueEntry *sim_entry_replace(SimDevice *d, unsigned type, const void *value, size_t size);

/* The authority above the per-device CA, and the one that signs this device's RIMs. */
SimAuthority sim_device_authority(const SimDevice *d);
SimAuthority sim_device_rim_signer(const SimDevice *d);

/* Issues certificate 0 or 1 anew from an edited description (start from d->leaf->spec or d->brom->spec; a NULL key is
 * a fresh one) and rebuilds the chain. Certificate 1 takes the leaf, with the same key, along. */
void sim_device_reissue(SimDevice *d, unsigned level, const SimCertSpec *spec);

/* The chain as it is sent. Indexes must exist; inserting at n_chain appends. References are counted. */
void sim_chain_drop(SimDevice *d, size_t index);
void sim_chain_insert(SimDevice *d, size_t index, X509 *cert);
void sim_chain_replace(SimDevice *d, size_t index, X509 *cert);
void sim_chain_swap(SimDevice *d, size_t a, size_t b);

/* The caller's. */
char *sim_device_chain_pem(const SimDevice *d);

/* Makes one machine of GPUs and switches: each names the PDIs of the others, switches get their positions. Entries
 * that a device does not have stay away. */
void sim_machine_connect(SimDevice *const *devices, size_t n);
