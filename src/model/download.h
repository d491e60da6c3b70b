/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* The files of a commit on their way from the hub straight to their final offsets in an image: pieces in parallel,
 * resumed from a journal, every file checked against the hub's own hash as its bytes arrive in order. */

#include "model/hub.h"

typedef struct Download Download;

/* `offsets`: of each file's content in the image behind `image_fd`, open for reading and writing; they are needed by
 * this call alone, everything else is borrowed until download_free(). The journal says which pieces are already in the
 * image; it is made when it is not there, and what does not fit this listing is thrown away. 0 connections: as many as
 * are good for most. Nothing is fetched yet. 0, -ENOMEM, or the errno of the journal with *ret_fault. */
int download_new(Hub *hub, const char *name, const char *commit, const HubListing *listing, const uint64_t *offsets,
                 int image_fd, const char *journal_path, unsigned connections, Download **ret, Fault *ret_fault);

/* Stops what is still running. What has arrived stays, and the journal says so. */
Download *download_free(Download *d);
DEFINE_CLEANUP_FUNC(Download *, download_free)

/* Starts threads of its own: one for the network, one for the hashes. 0 or a negative errno. */
int download_start(Download *d);

/* Waits until the first `end` bytes of a file are in the image and returns 0, or the error that stopped the download.
 * Any number of threads may wait; pieces are fetched in the order of the image. Bytes that are there need not have
 * passed the file's hash yet: only download_finish() says that. */
int download_wait(Download *d, size_t file, uint64_t end);

/* Waits for the end: 0 when every file is whole and its hash is the hub's. With *ret_fault: the errors of
 * hub_resolve(), -ENOSPC and other errnos of writing; -EBADMSG when a file had other bytes than the hub says; -ESTALE
 * when that may be because of what an earlier run left in the image, so that trying again, at once and from the
 * start, is worth it. Either way the file's pieces are then forgotten, and another try fetches them anew. What
 * download_cancel() was told comes without a fault. */
int download_finish(Download *d, Fault *ret_fault);

/* Makes every waiting call return `error` soon, unless something else already stopped the download; for Ctrl-C and for
 * errors elsewhere. From any thread. */
void download_cancel(Download *d, int error);

/* Bytes of the files that are in the image, those of earlier runs included. From any thread. */
uint64_t download_received(const Download *d);
