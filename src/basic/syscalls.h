/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* System calls that a thread, and what it starts from then on, does without. */

#include <stddef.h>
#include <stdint.h>

/* From now on these (SYS_…, 200 at most) fail with EPERM, and those of another architecture kill. 0; -EOPNOTSUPP when the
 * kernel has no such filters, or this processor's are not known here; or another negative errno. */
int syscalls_refuse(const uint32_t *calls, size_t n);
