/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* The opaque data of a report: NVIDIA's facts about the device (versions, board, modes), signed with the rest. Two
 * layouts: packed type/size/value entries, and since the drivers of CUDA 13.5 the versioned one that starts with
 * "NVDAOD" and adds a value type to each entry (docs.nvidia.com/attestation, "Opaque data"). */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "basic/fault.h"
#include "basic/cursor.h"

#define OPAQUE_ENTRIES_MAX 64U
#define OPAQUE_TEXT_SIZE   64U
#define PDI_SIZE           8U

typedef enum OpaqueType {
        OPAQUE_DRIVER_VERSION   = 3,
        OPAQUE_VBIOS_VERSION    = 6,
        OPAQUE_NVDEC0_STATUS    = 11,
        OPAQUE_CHIP_SKU         = 15,
        OPAQUE_PROJECT          = 17,
        OPAQUE_PROJECT_SKU      = 18,
        OPAQUE_FWID             = 20,
        OPAQUE_PPCIE_STATUS     = 21,
        OPAQUE_SWITCH_PDI       = 22, /* GPU: of the switch behind each link; switch: its own */
        OPAQUE_POSITION_ID      = 24,
        OPAQUE_LOCK_STATUS      = 25,
        OPAQUE_SWITCH_GPU_PDIS  = 26,
        OPAQUE_DATA_VERSION     = 34,
        OPAQUE_CHIP_INFO        = 35,
        OPAQUE_FEATURE_FLAG     = 36,
} OpaqueType;

/* Status bytes of entries 11 and 21. */
enum {
        OPAQUE_ENABLED  = 0xaa,
        OPAQUE_DISABLED = 0x55,
};

/* Value type of a security version number that a RIM's minimum may be compared with. */
#define OPAQUE_VALUE_SVN 0x87

typedef struct OpaqueEntry {
        uint16_t type;
        uint16_t value_type; /* 0 in the legacy layout */
        uint16_t size;
        const uint8_t *value;
} OpaqueEntry;

typedef struct Opaque {
        bool versioned;
        unsigned version; /* header's major, or entry 34, or 0 */
        size_t n_entries;
        OpaqueEntry entries[OPAQUE_ENTRIES_MAX];
} Opaque;

/* Values point into the bytes under `data`. 0, or -EBADMSG with *ret_fault filled: trailing or missing bytes, a
 * repeated type, a size that the type cannot have, a type unknown to the legacy layout, an unknown layout version. */
int opaque_parse(Cursor data, bool is_switch, Opaque *ret, Fault *ret_fault);

/* NULL when there is none. */
const OpaqueEntry *opaque_find(const Opaque *o, unsigned type);

/* Text without its NUL padding: 0, -ENOENT when absent, -EBADMSG when it is not made of letters, digits, '.', '-'
 * and '_' alone (such text becomes part of file names). */
int opaque_text(const Opaque *o, OpaqueType type, char ret[static OPAQUE_TEXT_SIZE]);

/* A little-endian number of 1 or 2 bytes: 0, -ENOENT, or -EBADMSG for another size. */
int opaque_number(const Opaque *o, unsigned type, unsigned *ret);

/* The VBIOS (GPU) or BIOS (switch) version as NVIDIA prints it, such as "96.00.9F.00.01". 0, -ENOENT, -EBADMSG. */
int opaque_vbios_version(const Opaque *o, bool is_switch, char ret[static OPAQUE_TEXT_SIZE]);
