/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Configuration space: who a device is, its power, and what it says when BAR0 says nothing. */

#include "gpu/gpu.h"

/* Ids as they stand in configuration space (vendor in the low half), the 24-bit class, and the subsystem's into *g.
 * 0, -ENODEV when nothing answers, or the accessor's error. */
int pci_read_ids(Gpu *g, uint32_t *ret_id, uint32_t *ret_class, Fault *ret_fault);

/* Finds the capabilities that are needed, brings the device to D0 and turns memory decoding on. Errors as above, and
 * -EIO when it does not wake up. */
int pci_wake(Gpu *g, Fault *ret_fault);

/* Whether the BAR0 firewall of a Blackwell GPU is up, which needs g->dvsec. Errors as of pci_read_ids(). */
int pci_firewall_up(const Gpu *g, bool *ret, Fault *ret_fault);

/* Whether a Blackwell GPU says in configuration space that it is in recovery mode; false when it cannot say. */
bool pci_in_recovery(const Gpu *g);

/* The cause of a security fault; false when it cannot be read. */
bool pci_security_fault(const Gpu *g, uint32_t *ret);

/* Whether configuration space is silent: unplugged, or its link is down. */
bool pci_gone(const Gpu *g);

/* Why BAR0 may read all ones, for a message. Static. */
const char *pci_why_silent(const Gpu *g);
