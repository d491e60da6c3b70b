/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* A model hub that speaks the Hugging Face Hub's HTTP API: resolving a revision, listing a commit, and where its files
 * are. Whatever it answers is hostile until it has been checked. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "basic/fault.h"
#include "model/spec.h"

#define HUB_PATH_MAX  4093U    /* bytes; "./" comes before it in an image, and a name has 4095 at most on Linux */
#define HUB_FILES_MAX 1000000U /* in a commit, directories included */

typedef struct Hub Hub;
typedef struct HttpSource HttpSource;

typedef enum HubHash {
        HUB_HASH_GIT_BLOB, /* SHA-1 of "blob SIZE\0" and the content */
        HUB_HASH_SHA256,   /* of the content (LFS) */
        _HUB_HASH_MAX,
} HubHash;

typedef struct HubFile {
        char *path;     /* relative, without "." and ".." and empty parts */
        bool directory; /* only until hub_listing_finish() */
        uint64_t size;
        HubHash hash;
        uint8_t digest[32]; /* 20 of them for HUB_HASH_GIT_BLOB */
} HubFile;

typedef struct HubListing {
        HubFile *files; /* in the order of their paths' bytes, each path once */
        size_t n_files;
        size_t n_allocated;
        size_t n_path_bytes; /* of all paths */
} HubListing;

/* Endpoint and token from the environment (HF_ENDPOINT; HF_TOKEN, HF_TOKEN_PATH, HF_HOME; HF_HUB_OFFLINE) and the
 * token file. 0; -ENETDOWN (with *ret_fault) when HF_HUB_OFFLINE asks for no network, -EINVAL for an endpoint that is
 * no http or https URL or a token with characters that no header may have, -ENOMEM, errnos of the token file (one that
 * is not there is no error). */
int hub_new(Hub **ret, Fault *ret_fault);
Hub *hub_free(Hub *hub);
DEFINE_CLEANUP_FUNC(Hub *, hub_free)

/* Endpoint, token and limits, for those who fetch files; its limits and `interrupted` may be set. */
HttpSource *hub_http(Hub *hub);

/* The full commit id of `revision` (NULL or empty: main). 0; with *ret_fault: -ENOENT (no such repository or
 * revision), -EACCES (gated, private, or the token is refused), -EBADMSG (an answer that is none), and after all
 * retries -EBUSY (too many requests), -ETIMEDOUT, -ECONNREFUSED, -EHOSTUNREACH or -EIO. */
int hub_resolve(Hub *hub, const char *name, const char *revision, char ret_commit[static MODEL_COMMIT_MAX + 1],
                Fault *ret_fault);

/* Every file of the commit, all pages. Same errors; -EBADMSG also for paths that could leave the model's directory,
 * that are there twice, or that are file and directory at once. ".cache" at the top is left out, as upstream does. */
int hub_list(Hub *hub, const char *name, const char *commit, HubListing *ret, Fault *ret_fault);
void hub_listing_done(HubListing *listing);

/* Where a file's content is asked for; the caller's. NULL when memory is out. */
char *hub_file_url(const Hub *hub, const char *name, const char *commit, const char *path);

/* What hub_resolve() and hub_list() do with the hub's answers. 0, -EBADMSG with *ret_fault, or -ENOMEM. Pages are
 * added one after the other; only hub_listing_finish() sorts the listing and says that it is one. */
int hub_parse_commit(const char *text, size_t size, char ret_commit[static MODEL_COMMIT_MAX + 1], Fault *ret_fault);
int hub_parse_page(const char *text, size_t size, HubListing *listing, Fault *ret_fault);
int hub_listing_finish(HubListing *listing, Fault *ret_fault);
