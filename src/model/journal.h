/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* What of a download is in the image already, across runs: text that only grows, a record a line, so that whatever
 * stops a run costs its last line at most. The records of a system that did not shut down count only as far as the
 * image was synced; those of the running system count all, since its page cache has them. */

#include "model/pieces.h"

typedef struct Journal Journal;

/* Makes the file if it is not there. `digest` (hexadecimal) says what is downloaded: a journal of anything else is
 * emptied. What it remembers goes to `pieces`. 0 or a negative errno. */
int journal_open(const char *path, const char *digest, Pieces *pieces, Journal **ret);
Journal *journal_free(Journal *j);
DEFINE_CLEANUP_FUNC(Journal *, journal_free)

/* From any thread, in the order in which they happen to be called: 0 or the errno of writing. */
int journal_add(Journal *j, uint64_t piece);
int journal_forget(Journal *j, uint64_t first, uint64_t n);

/* Syncs the image, and then says that all pieces added before the call are durable. */
int journal_sync(Journal *j, int image_fd);
