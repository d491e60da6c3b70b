/* SPDX-License-Identifier: Apache-2.0 */

#include "gpu/bar0.h"

#include <stdarg.h>
#include <string.h>

#include "gpu/pci.h"
#include "gpu/registers.h"

static const char *fixed_name(uint32_t offset) {
        static const struct {
                uint32_t offset;
                const char *name;
        } names[] = {
                { REG_BOOT_0,                "chip"               },
                { REG_PRIV_RING_COMMAND,     "priv ring command"  },
                { REG_PRIV_RING_MODE,        "priv ring mode"     },
                { REG_FSP_EMEM_CONTROL,      "EMEM control"       },
                { REG_FSP_EMEM_DATA,         "EMEM data"          },
                { REG_FSP_COMMAND_HEAD,      "FSP command head"   },
                { REG_FSP_COMMAND_TAIL,      "FSP command tail"   },
                { REG_FSP_MESSAGE_HEAD,      "FSP message head"   },
                { REG_FSP_MESSAGE_TAIL,      "FSP message tail"   },
                { REG_FSP_MNOC_SEND_INFO,    "MNOC message info"  },
                { REG_FSP_MNOC_SEND_DATA,    "MNOC message data"  },
                { REG_FSP_MNOC_RECEIVE_INFO, "MNOC command info"  },
                { REG_FSP_MNOC_RECEIVE_DATA, "MNOC command data"  },
        };

        for (size_t i = 0; i < ELEMENTSOF(names); i++)
                if (offset == names[i].offset)
                        return names[i].name;
        return "register";
}

static const char *register_name(const Gpu *g, uint32_t offset) {
        const ChipRegisters *c = g->chip ? g->chip->registers : NULL;

        if (!c || offset == REG_BOOT_0)
                return fixed_name(offset);
        if (offset == c->boot_status)
                return "FSP boot status";
        if (offset == c->cc_mode)
                return "CC mode";
        if (offset == c->ppcie_mode)
                return "PPCIe mode";
        if (offset == c->recovery)
                return "recovery";
        if (offset == c->marker || offset == c->marker_bus)
                return "reset marker";
        return fixed_name(offset);
}

int bar0_fault(const Gpu *g, Fault *ret_fault, int error, uint32_t offset, const char *expected, const char *found,
               ...) {
        char where[48], text[sizeof(ret_fault->found)];
        va_list ap;

        (void) snprintf(where, sizeof(where), "%s (0x%x)", register_name(g, offset), offset);
        va_start(ap, found);
        (void) vsnprintf(text, sizeof(text), found, ap);
        va_end(ap);
        return gpu_fault(g, ret_fault, error, where, expected, "%s", text);
}

bool bar0_is_bad(uint32_t value) {
        return value == BAR0_ALL_ONES || value == BAR0_SECURITY_OTHER || value >> 16 == BAR0_ERROR;
}

int bar0_bad(const Gpu *g, uint32_t offset, uint32_t value, Fault *ret_fault) {
        uint32_t fault = 0;

        if (value == BAR0_ALL_ONES)
                return bar0_fault(g, ret_fault, ENODEV, offset, "a register", "0x%08x: %s", value, pci_why_silent(g));
        if (value != BAR0_SECURITY_FAULT && value != BAR0_SECURITY_OTHER)
                return bar0_fault(g, ret_fault, EIO, offset, "a register",
                                  "0x%08x: an error of the device's privileged ring", value);
        if (!pci_security_fault(g, &fault))
                return bar0_fault(g, ret_fault, EIO, offset, "a register",
                                  "0x%08x: a security fault; only a power cycle clears it", value);
        return bar0_fault(g, ret_fault, EIO, offset, "a register",
                          "0x%08x: a security fault, cause 0x%08x; only a power cycle clears it", value, fault);
}

int bar0_peek(const Gpu *g, uint32_t offset, uint32_t *ret, Fault *ret_fault) {
        int r = g->ops->read32(g->userdata, offset, ret);

        if (r < 0)
                return bar0_fault(g, ret_fault, r, offset, "to be read", "%s", strerror(-r));
        return 0;
}

int bar0_read(const Gpu *g, uint32_t offset, uint32_t *ret, Fault *ret_fault) {
        uint32_t value = 0;
        int r;

        r = bar0_peek(g, offset, &value, ret_fault);
        if (r < 0)
                return r;
        if (bar0_is_bad(value))
                return bar0_bad(g, offset, value, ret_fault);
        *ret = value;
        return 0;
}

int bar0_write(const Gpu *g, uint32_t offset, uint32_t value, Fault *ret_fault) {
        int r = g->ops->write32(g->userdata, offset, value);

        if (r < 0)
                return bar0_fault(g, ret_fault, r, offset, "to be written", "%s", strerror(-r));
        return 0;
}
