/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Quotes through the kernel's configfs interface (Documentation/ABI/testing/configfs-tsm-report, Linux 6.7 or newer).
 * The kernel asks the host, which may be slow, refuse, or answer anything; it waits for 30 seconds at most. */

#include "attest/quote.h"

#define TSM_QUOTE_MAX (256U * 1024)

/* 1 when the kernel offers quotes, 0 when not, or a negative errno. `root` as in tdx.h. */
int tsm_available(const char *root);

/* A quote with this report data, unverified, the caller's. 0; -EPROTONOSUPPORT when the kernel's provider is not TDX;
 * -ESTALE when the kernel did not take the data, or took other data in between; the errno of what failed. Nothing of
 * the request is left in configfs. For one process at a time. */
int tsm_get_quote(const char *root, const uint8_t report_data[static QUOTE_REPORT_DATA_SIZE], uint8_t **ret,
                  size_t *ret_size, Fault *ret_fault);

/* Removes a request that a process left that was killed in the midst of it. */
void tsm_clean(const char *root);
