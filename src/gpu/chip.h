/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Which chips there are, what they can do and where their registers are, as tables. */

#include <stdbool.h>
#include <stdint.h>

typedef enum ChipArch {
        CHIP_HOPPER,
        CHIP_BLACKWELL,
        CHIP_LAGUNA,   /* NVSwitch LS10 */
        CHIP_LIMEROCK, /* NVSwitch LR10: known, but nothing can be switched on it */
} ChipArch;

/* How requests reach FSP. */
typedef enum ChipTransport {
        CHIP_FSP_NONE,
        CHIP_FSP_EMEM,
        CHIP_FSP_MNOC,
} ChipTransport;

/* Offsets in BAR0; 0: this chip has no such register. */
typedef struct ChipRegisters {
        uint32_t boot_status;     /* 0xff when FSP has booted */
        uint32_t cc_mode;         /* [0] CC, [1] devtools */
        uint32_t ppcie_mode, ppcie_mask;
        uint32_t firewall_mask;   /* in cc_mode */
        uint32_t recovery, recovery_mask;
        uint32_t marker;          /* scratch that every reset clears */
        uint32_t marker_bus;      /* scratch that only a secondary bus reset clears */
} ChipRegisters;

typedef struct Chip {
        const char *name; /* "gh100" */
        ChipArch arch;
        ChipTransport transport;
        const ChipRegisters *registers;
} Chip;

/* Of a board, by device and subsystem id. */
typedef enum ChipBoard {
        CHIP_BOARD_PCIE = 1 << 0, /* add-in card */
        CHIP_BOARD_SXM  = 1 << 1, /* socketed module */
        CHIP_BOARD_C2C  = 1 << 2, /* coherent link to a Grace CPU */
        CHIP_BOARD_FLIP = 1 << 3, /* bit 2 of its module id is inverted */
} ChipBoard;

/* The GPU with this PCI device id, NULL when it is none that has a CC mode. */
const Chip *chip_from_device_id(uint16_t device_id);

/* The NVSwitch whose register REG_BOOT_0 reads exactly so, or NULL. */
const Chip *chip_from_boot_0(uint32_t boot_0);

static inline bool chip_is_switch(const Chip *c) {
        return c->arch == CHIP_LAGUNA || c->arch == CHIP_LIMEROCK;
}

/* "hopper", "blackwell", "laguna", "limerock". */
const char *chip_arch_to_string(ChipArch arch);

/* What it is sold as ("H100"), NULL when this id has no name of its own. */
const char *chip_product(uint16_t device_id);

/* ChipBoard bits, 0 for a board that is not known. */
unsigned chip_board(uint16_t device_id, uint16_t subsystem_id);
