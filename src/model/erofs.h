/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* An archive on a block device as a read-only directory tree, through EROFS's tar mode: an index of the archive in
 * memory says where each file's bytes are. */

#include "basic/fault.h"

/* Makes the index, which is never on a disk, and mounts the archive on the directory `mount_point`: read-only,
 * nodev, nosuid, noexec. Nothing but the mount stays: the index and the loop devices under it go with it. 0; with
 * *ret_fault: -EOPNOTSUPP (kernel or erofs-utils cannot do it; says which version can), -EBADMSG (no archive that
 * EROFS can index), other errnos. */
int erofs_mount_archive(const char *device, const char *mount_point, Fault *ret_fault);

/* Unmounts it. 0; -ENOENT when no EROFS is mounted there; -EBUSY with *ret_fault when something uses it; other
 * errnos with *ret_fault. */
int erofs_unmount(const char *mount_point, Fault *ret_fault);
