/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* The last step of a launch: QEMU in the place of this process. */

#include <stddef.h>

#include "basic/fault.h"

/* The path of a program as execvp(3) would find it, the caller's. 0, -ENOMEM, or with *ret_fault -ENOENT. */
int handover_find(const char *program, char **ret, Fault *ret_fault);

/* Executes `path` with exactly the standard streams and `fds`, which get the numbers from `first` on, and with nothing of the
 * environment but what says where things are and how to talk. Returns only on failure, a negative errno; messages go nowhere
 * certain from then on. */
int handover(const char *path, char *const *command, const int *fds, size_t n_fds, int first);
