/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* MODEL_CLAIM, what a worker may say that it serves: written once everything is open, removed before the first step
 * of opening and with the mount. */

#include <stdint.h>

#include "model/disk.h"

/* Replaces the file at once. A specification without name or commit has null for them. 0 or a negative errno. */
int claim_write(const ModelSpec *spec, const DiskOptions *options, uint64_t size);

/* Nothing there is success. 0 or a negative errno. */
int claim_remove(void);

/* Where the model that is open is mounted; the caller's. 0, -ENOENT, -EBADMSG, other errnos. */
int claim_read_mount_point(char **ret);
