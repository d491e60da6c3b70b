/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Waiting until a device can be talked to after power-on or a reset. */

#include "gpu/gpu.h"

/* Blackwell: until BAR0 may be used, 5 s at most. 0; -ETIMEDOUT; -ENODEV when the device is gone, or there is no
 * firewall to ask and BAR0 stays all ones; or the accessor's error. */
int boot_wait_firewall(const Gpu *g, Fault *ret_fault);

/* Hopper: two writes that its register bus wants after each reset; nothing on others. */
int boot_init_priv_ring(const Gpu *g, Fault *ret_fault);

/* Until FSP says that it has booted: 5 s at most, and on Blackwell 10 s after the firewall. Error patterns and all
 * ones are expected on the way; what counts is the last reading. 0; -ETIMEDOUT; -ENODEV or -EIO when all that came was
 * a bad pattern; -EIO in recovery mode; or the accessor's error. */
int boot_wait(const Gpu *g, Fault *ret_fault);
