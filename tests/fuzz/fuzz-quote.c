/* SPDX-License-Identifier: Apache-2.0 */

#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "attest/quote.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* A quote that is taken has the report data and the register in it. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        static const uint8_t report_data[QUOTE_REPORT_DATA_SIZE] = { 0xda, 0x7a }, rtmr3[RTMR_SIZE] = { 0x33 };
        Fault fault;

        if (quote_check(data, size, report_data, rtmr3, &fault) < 0)
                return 0;
        if (!memmem(data, size, report_data, sizeof(report_data)) || !memmem(data, size, rtmr3, sizeof(rtmr3)))
                abort();
        return 0;
}
