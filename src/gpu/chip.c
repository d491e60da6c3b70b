/* SPDX-License-Identifier: Apache-2.0 */

#include "gpu/chip.h"

#include <stddef.h>

#include "basic/cleanup.h"

static const ChipRegisters gh100_registers = {
        .boot_status = 0x200bc,
        .cc_mode = 0x1182cc,
        .ppcie_mode = 0x1182cc,
        .ppcie_mask = 1U << 5,
        .recovery = 0x20120,
        .recovery_mask = 1U << 30,
        .marker = 0x1458,
        .marker_bus = 0x91288,
};

/* Recovery is in the low byte of its register, where 0 and 1 are good. */
static const ChipRegisters gb100_registers = {
        .boot_status = 0x200bc,
        .cc_mode = 0x590,
        .firewall_mask = 1U << 2,
        .recovery = 0x8aa128,
        .recovery_mask = 0xfe,
};

static const ChipRegisters gb202_registers = {
        .boot_status = 0xad00bc,
        .cc_mode = 0x590,
        .firewall_mask = 1U << 2,
        .recovery = 0x8aa128,
        .recovery_mask = 0xfe,
};

static const ChipRegisters ls10_registers = {
        .boot_status = 0x660bc,
        .ppcie_mode = 0x28c50,
        .ppcie_mask = 1U << 0,
        .recovery = 0x66120,
        .recovery_mask = 1U << 30,
        .marker = 0xdfe0,
        .marker_bus = 0x91288,
};

static const ChipRegisters lr10_registers = {};

static const struct {
        uint16_t first, last; /* PCI device ids */
        Chip chip;
} gpus[] = {
        { 0x22f0, 0x237f, { "gh100", CHIP_HOPPER,    CHIP_FSP_EMEM, &gh100_registers } },
        { 0x2900, 0x297f, { "gb100", CHIP_BLACKWELL, CHIP_FSP_MNOC, &gb100_registers } },
        { 0x2980, 0x29ff, { "gb102", CHIP_BLACKWELL, CHIP_FSP_MNOC, &gb100_registers } },
        { 0x3180, 0x31ff, { "gb110", CHIP_BLACKWELL, CHIP_FSP_MNOC, &gb100_registers } },
        { 0x3200, 0x327f, { "gb112", CHIP_BLACKWELL, CHIP_FSP_MNOC, &gb100_registers } },
        { 0x2b80, 0x2bff, { "gb202", CHIP_BLACKWELL, CHIP_FSP_MNOC, &gb202_registers } },
        { 0x2c00, 0x2c7f, { "gb203", CHIP_BLACKWELL, CHIP_FSP_MNOC, &gb202_registers } },
        { 0x2f00, 0x2f7f, { "gb205", CHIP_BLACKWELL, CHIP_FSP_MNOC, &gb202_registers } },
        { 0x2d00, 0x2d7f, { "gb206", CHIP_BLACKWELL, CHIP_FSP_MNOC, &gb202_registers } },
        { 0x2d80, 0x2dff, { "gb207", CHIP_BLACKWELL, CHIP_FSP_MNOC, &gb202_registers } },
};

static const struct {
        uint32_t boot_0;
        Chip chip;
} switches[] = {
        { 0x007000a1, { "ls10", CHIP_LAGUNA,   CHIP_FSP_EMEM, &ls10_registers } },
        { 0x006000a1, { "lr10", CHIP_LIMEROCK, CHIP_FSP_NONE, &lr10_registers } },
};

static const struct {
        uint16_t device_id;
        const char *name;
} products[] = {
        { 0x2313, "H100"  }, { 0x2321, "H100"  }, { 0x2330, "H100"  }, { 0x2331, "H100"  }, { 0x2336, "H100"  },
        { 0x2337, "H100"  }, { 0x2338, "H100"  }, { 0x2339, "H100"  }, { 0x233d, "H100"  }, { 0x2335, "H200"  },
        { 0x233b, "H200"  }, { 0x2342, "GH200" }, { 0x2343, "GH200" }, { 0x2345, "GH200" }, { 0x2348, "GH200" },
        { 0x2322, "H800"  }, { 0x2324, "H800"  }, { 0x233a, "H800"  }, { 0x2309, "H20"   }, { 0x230c, "H20"   },
        { 0x230e, "H20"   }, { 0x2328, "H20"   }, { 0x2329, "H20"   }, { 0x232c, "H20"   }, { 0x2901, "B200"  },
        { 0x2941, "GB200" },
};

#define PCIE     CHIP_BOARD_PCIE
#define SXM      CHIP_BOARD_SXM
#define SXM_FLIP (CHIP_BOARD_SXM | CHIP_BOARD_FLIP)
#define SXM_C2C  (CHIP_BOARD_SXM | CHIP_BOARD_C2C)

/* One row a device id and kind of board; subsystem ids fill from the front, 0 after the first ends them. */
static const struct {
        unsigned flags;
        uint16_t device_id;
        uint16_t subsystem_ids[8];
} boards[] = {
        { PCIE,     0x2321, { 0x1839 } },
        { PCIE,     0x2322, { 0x17a4 } },
        { PCIE,     0x2331, { 0x1626 } },
        { PCIE,     0x233a, { 0x183a } },
        { PCIE,     0x233b, { 0x1996 } },
        { PCIE,     0x233d, { 0x1626 } },
        { SXM_FLIP, 0x2324, { 0x17a6, 0x17a8 } },
        { SXM_FLIP, 0x2328, { 0x1905, 0x1906 } },
        { SXM_FLIP, 0x2329, { 0x198b, 0x198c } },
        { SXM_FLIP, 0x232c, { 0x2063, 0x2064 } },
        { SXM_FLIP, 0x2330, { 0x16c0, 0x16c1, 0x2044, 0x20c1 } },
        { SXM_FLIP, 0x2335, { 0x18be, 0x18bf } },
        { SXM_FLIP, 0x2336, { 0x16c2, 0x16c7 } },
        { SXM_FLIP, 0x2337, { 0x16e5, 0x16ef } },
        { SXM_FLIP, 0x2338, { 0x16f6, 0x16f7 } },
        { SXM_FLIP, 0x2339, { 0x17d9, 0x17fc } },
        { SXM_C2C,  0x2342, { 0x16eb, 0x16ec, 0x16ed, 0x1805, 0x1809, 0x1935, 0x1937 } },
        { SXM_C2C,  0x2343, { 0x16ec } },
        { SXM_C2C,  0x2345, { 0x16ed } },
        { SXM_C2C,  0x2348, { 0x18d2 } },
        { PCIE,     0x2924, { 0x18b6, 0x20d4 } },
        { PCIE,     0x2925, { 0x18b7 } },
        { PCIE,     0x293d, { 0x18b6 } },
        { SXM,      0x2901, { 0x1999, 0x199b, 0x199d, 0x20da } },
        { SXM,      0x2920, { 0x197f, 0x20de } },
        { SXM,      0x293d, { 0x197f, 0x1999 } },
        { SXM_C2C,  0x2941, { 0x0000, 0x2045, 0x2046, 0x20ca } },
        { SXM_C2C,  0x297e, { 0x2046 } },
        { PCIE,     0x29bc, { 0x1997, 0x1998 } },
        { SXM,      0x29bc, { 0x1985 } },
        { SXM,      0x29f1, { 0x20dc } },
        { SXM_C2C,  0x29bc, { 0x2045 } },
        { SXM,      0x3182, { 0x20e6 } },
        { SXM,      0x31c2, { 0x20e5, 0x20e6 } },
        { SXM,      0x31fe, { 0x20e5 } },
        { SXM_C2C,  0x31c2, { 0x21f1 } },
        { SXM,      0x3224, { 0x215f } },
        { SXM,      0x323e, { 0x215f } },
};

const Chip *chip_from_device_id(uint16_t device_id) {
        for (size_t i = 0; i < ELEMENTSOF(gpus); i++)
                if (device_id >= gpus[i].first && device_id <= gpus[i].last)
                        return &gpus[i].chip;
        return NULL;
}

const Chip *chip_from_boot_0(uint32_t boot_0) {
        for (size_t i = 0; i < ELEMENTSOF(switches); i++)
                if (boot_0 == switches[i].boot_0)
                        return &switches[i].chip;
        return NULL;
}

const char *chip_arch_to_string(ChipArch arch) {
        static const char *const names[] = {
                [CHIP_HOPPER] = "hopper",
                [CHIP_BLACKWELL] = "blackwell",
                [CHIP_LAGUNA] = "laguna",
                [CHIP_LIMEROCK] = "limerock",
        };

        return names[arch];
}

const char *chip_product(uint16_t device_id) {
        for (size_t i = 0; i < ELEMENTSOF(products); i++)
                if (device_id == products[i].device_id)
                        return products[i].name;
        return NULL;
}

unsigned chip_board(uint16_t device_id, uint16_t subsystem_id) {
        for (size_t i = 0; i < ELEMENTSOF(boards); i++) {
                if (device_id != boards[i].device_id)
                        continue;
                for (size_t k = 0; k < ELEMENTSOF(boards[i].subsystem_ids); k++) {
                        if (k > 0 && boards[i].subsystem_ids[k] == 0)
                                break;
                        if (subsystem_id == boards[i].subsystem_ids[k])
                                return boards[i].flags;
                }
        }
        return 0;
}
