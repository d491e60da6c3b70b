/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* A TDX quote, as far as the guest that asked for one can check it: that it is about what was asked. Whether its
 * signature is Intel's is for the remote party to find out; the guest has no use for a proof about itself.
 *
 * Layout, integers little-endian (Intel TDX DCAP Quoting Library API, appendix A.3 and A.4): a header of 48 bytes
 * (version u16, key type u16, TEE type u32, …), version 5 has then type u16 and size u32 of the body, and the body:
 *
 *   offset  size
 *   0       328   SVNs, SEAM measurements, attributes, MRTD, configuration and owner
 *   328     4*48  RTMR0 to RTMR3
 *   520     64    REPORTDATA
 */

#include "attest/eventlog.h"

#define QUOTE_REPORT_DATA_SIZE 64U

/* Checks that the quote carries this report data and, where `rtmr3` is not NULL, this value of RTMR3. 0; -EBADMSG with
 * *ret_fault for what is no TDX quote of version 4 or 5; -ESTALE for one about something else. */
int quote_check(const void *quote, size_t size, const uint8_t report_data[static QUOTE_REPORT_DATA_SIZE],
                const uint8_t *rtmr3, Fault *ret_fault);
