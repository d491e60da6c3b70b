/* SPDX-License-Identifier: Apache-2.0 */

#include "basic/pciaddress.h"

#include <ctype.h>
#include <stdint.h>

#include "basic/cleanup.h"

/* Takes `least` to `most` hexadecimal digits and the character behind them (which may be the NUL). */
static int take_number(const char **p, unsigned least, unsigned most, char end, uint32_t *ret) {
        uint32_t value = 0;
        unsigned n = 0;

        for (; n < most && isxdigit((unsigned char) **p); n++, (*p)++) {
                char c = (char) tolower((unsigned char) **p);

                value = value << 4 | (uint32_t) (c <= '9' ? c - '0' : c - 'a' + 10);
        }
        if (n < least || **p != end)
                return -EINVAL;
        if (end)
                (*p)++;
        *ret = value;
        return 0;
}

int pci_address_parse(const char *text, char ret[static PCI_ADDRESS_SIZE]) {
        uint32_t domain = 0, bus, device, function;
        const char *p = text;

        /* Two digits before the first colon are a bus. */
        if (take_number(&p, 4, 8, ':', &domain) < 0)
                p = text;
        if (take_number(&p, 2, 2, ':', &bus) < 0 || take_number(&p, 2, 2, '.', &device) < 0 ||
            take_number(&p, 1, 1, 0, &function) < 0)
                return -EINVAL;
        if (device > 0x1f || function > 7)
                return -EINVAL;
        (void) snprintf(ret, PCI_ADDRESS_SIZE, "%04x:%02x:%02x.%x", domain, bus & 0xff, device, function);
        return 0;
}
