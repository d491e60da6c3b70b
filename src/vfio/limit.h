/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Calls into the kernel that may never come back: a driver that does not let go, a reset that hangs. */

#include <stddef.h>
#include <stdint.h>

/* Runs call(argument) on a thread of its own, with a copy of the `size` bytes at `argument`, which are copied back when
 * it is done in time. Returns what it returned; -ETIMEDOUT when it is not done after `usec`: then it goes on, as long as
 * it takes and this process lives, with its copy; -ENOMEM; or the errno of making the thread. */
int limited_call(int (*call)(void *argument), void *argument, size_t size, uint64_t usec);
