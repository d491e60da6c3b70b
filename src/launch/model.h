/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* The finished image of a model in the store. */

#include "model/store.h"

typedef struct LaunchModel {
        ModelSpec spec;   /* complete */
        char *image, *tree;
        unsigned n_others; /* commits of the same name that were there too, and older, where none was asked for */
} LaunchModel;

void launch_model_done(LaunchModel *m);

/* The image that `wanted` names in `directory`; without a commit, the one that was finished last. 0; with *ret_fault -ENOENT when
 * there is none, -EKEYREJECTED for another root hash than the one asked for, -EBADMSG for one that only looks finished, or
 * that the last verification found damaged, other errnos; -ENOMEM. */
int launch_model_find(const char *directory, const ModelSpec *wanted, LaunchModel *ret, Fault *ret_fault);

/* Says that an image that was found is used, for as long as *ret_fd is open in any process: nobody can have it removed then. It is
 * looked at once more, because until now somebody could. 0, or with *ret_fault what launch_model_find() says; -ENOMEM. */
int launch_model_hold(const char *directory, const LaunchModel *m, int *ret_fd, Fault *ret_fault);
