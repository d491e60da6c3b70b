/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Registers in BAR0, and what a device gives instead of one when it cannot. */

#include "gpu/gpu.h"

/* 0; -ENODEV for all ones (the fault says whether configuration space still answers); -EIO for an error pattern or a
 * security fault; or the accessor's error. */
int bar0_read(const Gpu *g, uint32_t offset, uint32_t *ret, Fault *ret_fault);

/* The same, for what may be anything: 0 or the accessor's error. */
int bar0_peek(const Gpu *g, uint32_t offset, uint32_t *ret, Fault *ret_fault);

int bar0_write(const Gpu *g, uint32_t offset, uint32_t value, Fault *ret_fault);

/* Whether `value` cannot be a register's: all ones or an error pattern. */
bool bar0_is_bad(uint32_t value);

/* The errors of bar0_read() for a value that was peeked and is bad. */
int bar0_bad(const Gpu *g, uint32_t offset, uint32_t value, Fault *ret_fault);

/* gpu_fault() about a register: "NAME (0xOFFSET)". */
int bar0_fault(const Gpu *g, Fault *ret_fault, int error, uint32_t offset, const char *expected, const char *found,
               ...) _printf_(6, 7);
