/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* The files of a commit on their way from the hub straight to their final offsets in an image: pieces in parallel,
 * resumed from a journal, every file checked against the hub's own hash as its bytes arrive in order. */

#include "model/hub.h"

typedef struct Download Download;

/* `offsets`: of each file's content in the image behind `image_fd` (borrowed, open for reading and writing). The
 * journal says which pieces are already in it; it is made when it is not there, and what does not fit this listing is
 * thrown away. Nothing is fetched yet. 0, -ENOMEM, or the errno of the journal. */
int download_new(Hub *hub, const char *name, const char *commit, const HubListing *listing, const uint64_t *offsets,
                 int image_fd, const char *journal_path, unsigned connections, Download **ret, Fault *ret_fault);

/* Stops what is still running. What has arrived stays, and the journal says so. */
Download *download_free(Download *d);
DEFINE_CLEANUP_FUNC(Download *, download_free)

/* Starts a thread of its own. 0 or a negative errno. */
int download_start(Download *d);

/* Waits until the first `end` bytes of a file are in the image and returns 0, or the error that stopped the download.
 * Any number of threads may wait; pieces are fetched in the order of the image. Bytes that are there need not have
 * passed the file's hash yet: only download_finish() says that. */
int download_wait(Download *d, size_t file, uint64_t end);

/* Waits for the end: 0 when every file is whole and its hash is the hub's. With *ret_fault: the errors of
 * hub_resolve(), -ENOSPC and other errnos of writing, -EBADMSG when a file had other bytes than the hub says: its
 * pieces are then forgotten, so that another try fetches them anew. */
int download_finish(Download *d, Fault *ret_fault);

/* Makes every waiting call return `error` soon; for Ctrl-C and for errors elsewhere. From any thread. */
void download_cancel(Download *d, int error);

/* Bytes that are in the image, those of earlier runs included. From any thread. */
uint64_t download_received(const Download *d);
