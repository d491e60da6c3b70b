/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* What only one guest of the host can have: its ports and its vsock context. */

#include "launch/worker.h"

/* Whether the ports can be listened on now. 0, or with *ret_fault a negative errno. */
int ports_check(const WorkerConfig *c, Fault *ret_fault);

/* Opens the kernel's side of the guest's vsock and takes the context for it. 0 and the descriptor, for QEMU; -EADDRINUSE for a
 * context that another guest has, or another errno, with *ret_fault. */
int vsock_open(const WorkerConfig *c, int *ret_fd, Fault *ret_fault);
