/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* The verbs of cocoon-model: each takes its own command line, prints, and returns the exit status. */

#include "basic/fault.h"

typedef enum ModelStatus {
        MODEL_DONE     = 0,
        MODEL_REFUSED  = 1, /* not done, or not as it should be: nothing was published */
        MODEL_USAGE    = 2,
} ModelStatus;

/* The image that an argument means: a path, or with a store (may be NULL) a specification NAME@COMMIT in it. The
 * caller's. 0, or a negative errno with *ret_fault. */
int verb_find_image(const char *argument, const char *store, char **ret, Fault *ret_fault);

/* What a verb has come to, unless what it printed could not be written. */
ModelStatus verb_end(ModelStatus status);

int verb_build(int argc, char *argv[]);
int verb_verify(int argc, char *argv[]);
int verb_inspect(int argc, char *argv[]);
int verb_remove(int argc, char *argv[]);
int verb_open(int argc, char *argv[]);
int verb_close(int argc, char *argv[]);
