/* SPDX-License-Identifier: Apache-2.0 */

#include "attest/arch.h"

#include <string.h>
#include <strings.h>

#include "basic/cleanup.h"

/* Common names, serial prefixes and object identifiers as seen in real chains of each architecture; the identifiers
 * are TCG DICE Attestation Architecture 1.1, section 6.1 (CompositeDeviceID and TcbInfo). */
static const ArchInfo arch_table[_ARCH_MAX] = {
        [ARCH_HOPPER]    = { "HOPPER",    false, "GH100 ", 0x41, "2.23.133.5.4.1",   "GH100" },
        [ARCH_BLACKWELL] = { "BLACKWELL", false, "GB",     0x41, "2.23.133.5.4.1.1", NULL    },
        [ARCH_LS10]      = { "LS10",      true,  "LS_10 ", 0x50, "2.23.133.5.4.1",   "LS10"  },
};

const ArchInfo *arch_info(Architecture arch) {
        return &arch_table[arch];
}

Architecture arch_from_string(const char *name) {
        for (size_t i = 0; i < ELEMENTSOF(arch_table); i++) {
                int (*compare)(const char *, const char *) = arch_table[i].is_switch ? strcmp : strcasecmp;

                if (compare(name, arch_table[i].name) == 0)
                        return (Architecture) i;
        }
        return _ARCH_INVALID;
}
