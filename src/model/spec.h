/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* A model's specification, NAME[@COMMIT[:ROOTHASH]] as upstream COCOON writes it, and the file name that its image
 * has. NAME is a hub's: one or two parts of letters, digits, '-', '_' and '.', with a '/' between them. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "basic/fault.h"

#define MODEL_NAME_MAX   96U  /* the hub's own limit is 96 characters a part */
#define MODEL_COMMIT_MAX 64U
#define ROOT_HASH_SIZE   32U  /* SHA-256 */

typedef struct ModelSpec {
        char name[2 * MODEL_NAME_MAX + 2];
        char commit[MODEL_COMMIT_MAX + 1]; /* empty: not given */
        bool has_root_hash;
        uint8_t root_hash[ROOT_HASH_SIZE];
} ModelSpec;

/* 0, or -EINVAL with *ret_fault. A commit that is no commit id (a branch, a tag) is taken as it is: only the hub can
 * resolve it. */
int model_spec_parse(const char *text, ModelSpec *ret, Fault *ret_fault);

/* Whether a commit is a full id, 40 lower-case hexadecimal digits: what an image may be named by. */
bool model_commit_is_id(const char *commit);

/* "NAME@COMMIT.tar" with '/' as "--", the caller's; NULL when memory is out. */
char *model_image_name(const ModelSpec *spec);

/* The opposite, for "inspect": 0, or -EINVAL when a file name is none of an image. */
int model_spec_from_image_name(const char *file, ModelSpec *ret);
