/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* The run-time measurement registers of an Intel TDX guest, through the kernel (Linux 6.16 or newer,
 * Documentation/ABI/testing/sysfs-devices-virtual-misc-tdx_guest): reading a register's file gives its value, writing
 * 48 bytes extends it. Every function takes the directory that stands for / ("" for the real one). */

#include "attest/eventlog.h"

/* 1 when the kernel offers register `rtmr`, 0 when not (no TDX guest, or an older kernel), or a negative errno. */
int tdx_has_register(const char *root, unsigned rtmr);

/* 0; -EBADMSG when it is not 48 bytes; the errno of reading, -ENOENT without the interface. */
int tdx_read_register(const char *root, unsigned rtmr, uint8_t ret[static RTMR_SIZE], Fault *ret_fault);

/* Appends the event to the log, extends the register, and reads back that this is what came of it. 0; -EIO when the
 * register has another value than it must have; the errno of what failed. The log then says what was measured: the
 * event is in it exactly when the register changed. A last event that another process logged and did not get to measure is
 * taken out first. */
int tdx_measure(const char *root, const char *log_path, const LogEvent *event, Fault *ret_fault);
