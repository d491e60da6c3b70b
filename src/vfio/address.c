/* SPDX-License-Identifier: Apache-2.0 */

#include "vfio/address.h"

#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#define SLOT_MAX     0x1fU
#define FUNCTION_MAX 7U

static int digit(char c) {
        static const char digits[] = "0123456789abcdef";
        const char *at = c ? strchr(digits, c >= 'A' && c <= 'F' ? c - 'A' + 'a' : c) : NULL;

        return at ? (int) (at - digits) : -1;
}

/* `min` to `max` digits and what comes after them, which is `end`. */
static bool take(const char **text, unsigned min, unsigned max, char end, unsigned *ret) {
        unsigned n = 0;

        *ret = 0;
        for (; n < max && digit((*text)[n]) >= 0; n++)
                *ret = *ret << 4 | (unsigned) digit((*text)[n]);
        if (n < min || (*text)[n] != end)
                return false;
        *text += n + (end != '\0');
        return true;
}

int pci_address_parse(const char *text, char ret[static PCI_ADDRESS_SIZE]) {
        const char *colon = strchr(text, ':');
        unsigned domain = 0, bus, slot, function;

        if (colon && strchr(colon + 1, ':') && !take(&text, 4, 8, ':', &domain))
                return -EINVAL;
        if (!take(&text, 2, 2, ':', &bus) || !take(&text, 2, 2, '.', &slot) || !take(&text, 1, 2, '\0', &function))
                return -EINVAL;
        if (slot > SLOT_MAX || function > FUNCTION_MAX)
                return -EINVAL;
        (void) snprintf(ret, PCI_ADDRESS_SIZE, "%04x:%02x:%02x.%x", domain, bus, slot, function);
        return 0;
}
