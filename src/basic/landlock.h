/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* A thread, and what it starts from then on, confined to some files and directories: nothing else can be opened, executed or
 * made, nor can a process outside be traced. Can be repeated, and then both confine. */

#include <stdbool.h>

/* What the kernel has of it: 0 when nothing. */
int landlock_version(void);

/* What is allowed, as a descriptor; -EOPNOTSUPP when the kernel has no Landlock, or another negative errno. */
int landlock_new(void);

/* Allows to read a file, or all below a directory, and with `write` to write what is there. Paths that do not exist are
 * passed over. 0 or a negative errno. */
int landlock_allow(int ruleset, const char *path, bool write);

/* From now on. 0 or a negative errno. */
int landlock_confine(int ruleset);
