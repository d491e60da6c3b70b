/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* A model hub that speaks the Hugging Face Hub's HTTP API: resolving a revision, listing a commit, and where its files
 * are. Whatever it answers is hostile until it has been checked. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "basic/fault.h"
#include "model/spec.h"

typedef struct Hub Hub;

typedef enum HubHash {
        HUB_HASH_GIT_BLOB, /* SHA-1 of "blob SIZE\0" and the content */
        HUB_HASH_SHA256,   /* of the content (LFS) */
} HubHash;

typedef struct HubFile {
        char *path; /* relative, without "." and ".." and empty parts */
        uint64_t size;
        HubHash hash;
        uint8_t digest[32]; /* 20 of them for HUB_HASH_GIT_BLOB */
} HubFile;

typedef struct HubListing {
        HubFile *files; /* in the order of their paths' bytes, each path once */
        size_t n_files;
} HubListing;

/* Endpoint and token from the environment (HF_ENDPOINT; HF_TOKEN, HF_TOKEN_PATH, HF_HOME; HF_HUB_OFFLINE) and the
 * token file. 0; -ENETDOWN (with *ret_fault) when HF_HUB_OFFLINE asks for no network, -EINVAL for an endpoint that is
 * no http or https URL or a token with characters that no header may have, -ENOMEM. */
int hub_new(Hub **ret, Fault *ret_fault);
Hub *hub_free(Hub *hub);
DEFINE_CLEANUP_FUNC(Hub *, hub_free)

/* The full commit id of `revision` (NULL or empty: main). 0; with *ret_fault: -ENOENT (no such repository or
 * revision), -EACCES (gated, private, or the token is refused), -EBADMSG (an answer that is none), -ETIMEDOUT,
 * -ECONNREFUSED or -EIO after all retries. */
int hub_resolve(Hub *hub, const char *name, const char *revision, char ret_commit[static MODEL_COMMIT_MAX + 1],
                Fault *ret_fault);

/* Every file of the commit, all pages. Same errors; -EBADMSG also for paths that could leave the model's directory,
 * that are there twice, or that are file and directory at once. ".cache" at the top is left out, as upstream does. */
int hub_list(Hub *hub, const char *name, const char *commit, HubListing *ret, Fault *ret_fault);
void hub_listing_done(HubListing *listing);
