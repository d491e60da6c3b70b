/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Who uses an image, and who builds one: they hold locks (flock(2)), which the kernel lists in /proc/locks. */

#include "hostd/model-store.h"

/* How that list names the file system that the store is on; stat(2) does not say it for every one. */
void model_users_find_device(ModelStore *s);

/* Brings users and being_written of all models up to date, and announces what changed. 0 or -ENOMEM. */
int model_users_read(ModelStore *s);
