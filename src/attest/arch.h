/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* The architectures whose evidence can be named, and what differs between them in the appraisal, as a table. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef enum Architecture {
        ARCH_HOPPER,
        ARCH_BLACKWELL,
        ARCH_LS10,
        _ARCH_MAX,
        _ARCH_INVALID = -1,
} Architecture;

typedef struct ArchInfo {
        const char *name;         /* as in evidence files */
        bool is_switch;           /* NVSwitch: one BIOS RIM instead of driver and VBIOS RIM */
        const char *model_prefix; /* of the common name of certificate 1, the per-device CA */
        uint8_t serial_prefix;    /* first byte of that certificate's serial number, before the PDI */
        const char *fwid_oid;     /* extension of the leaf that holds the firmware id */
        const char *product;      /* of its RIMs; NULL: as the report's chip info says */
} ArchInfo;

const ArchInfo *arch_info(Architecture arch);

/* GPU names in any case, switch names exactly, as NVIDIA's SDK reads them. _ARCH_INVALID for any other name, those
 * included that NVIDIA knows but that have no recipe for a local appraisal (RUBIN, SV10, LR10). */
Architecture arch_from_string(const char *name);
