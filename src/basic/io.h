/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Whole files, with limits. */

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* Reads all of a regular file (or, with path "-", nothing special: it is a name like any other) relative to
 * `dir_fd`, which may be AT_FDCWD. At most `limit` bytes. 0 and the content, the caller's, with a NUL behind it that
 * is not counted; -EFBIG over the limit, -EISDIR, -EINVAL for what is not a regular file (never blocks on a FIFO),
 * -ENOMEM, or the errno of open and read. */
int read_file_at(int dir_fd, const char *path, size_t limit, uint8_t **ret, size_t *ret_size);

/* The same, but a link is -ELOOP: for directories that belong to somebody who is trusted less. */
int read_file_nofollow_at(int dir_fd, const char *path, size_t limit, uint8_t **ret, size_t *ret_size);

/* The same for files of kernel file systems (sysfs, configfs), which do not say their size or not the right one: reads
 * until there is no more. The errors are those of read_file_at(). */
int read_virtual_file_at(int dir_fd, const char *path, size_t limit, uint8_t **ret, size_t *ret_size);

/* What an error of the functions here means, for a message. Static or strerror()'s. */
const char *read_file_strerror(int error);

/* Replaces `path` by exactly these bytes, or leaves it as it was: temporary file, fsync, rename, fsync of the
 * directory. 0; -EISDIR or -EINVAL where something is that is not a regular file; or another negative errno. */
int write_file_atomic(const char *path, const void *data, size_t size, mode_t mode);

/* Removes what write_file_atomic() would replace, if there is anything: 0 or the same errors. */
int remove_file(const char *path);

/* All of it: 0 or the errno of write(), after which some of it may have been. */
int write_all(int fd, const void *data, size_t size);

/* All of `size` bytes at `offset`: 0, -EIO when the file ends before, or the errno of pread(). */
int pread_all(int fd, void *ret, size_t size, uint64_t offset);

/* 0 or the errno of pwrite(). */
int pwrite_all(int fd, const void *data, size_t size, uint64_t offset);

/* Makes the entries of a directory durable. 0 or a negative errno. */
int sync_directory(const char *path);

/* The same for the directory that the file is in. */
int sync_directory_of(const char *path);
