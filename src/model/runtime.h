/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* The variables that the host hands to its guest: lines KEY=VALUE. They are the host's word, so they say what to
 * look for and never what is true. */

#include <stddef.h>

#include "model/spec.h"

#define RUNTIME_VARS_MAX (64U * 1024)

/* The model that MODEL_NAME, MODEL_COMMIT and MODEL_VERITY_HASH name. 0; -EBADMSG (with *ret_fault) for text that
 * is no list of variables, a variable twice, missing or of another form. */
int runtime_vars_read_model(const char *text, size_t size, ModelSpec *ret, Fault *ret_fault);
