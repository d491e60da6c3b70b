/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Building an image from a directory or from the hub, whole or not at all. */

#include <stdbool.h>

#include "model/report.h"
#include "model/spec.h"
#include "model/tar.h"

typedef struct BuildOptions {
        const char *from_directory; /* NULL: from the hub */
        const char *output;         /* directory */
        TarVersion version;         /* _TAR_VERSION_INVALID: auto */
        unsigned jobs;              /* 0: all processors */
        bool force;                 /* also when it is finished */
        bool json;                  /* progress as JSON */
        Report *report;             /* progress for the daemon; may be NULL */
} BuildOptions;

typedef struct BuildResult {
        ModelSpec spec; /* with commit and root hash */
        char *path;     /* of the image */
        bool found;     /* it was there already */
        bool shared;    /* somebody else built it while this build waited */
} BuildResult;

void build_result_done(BuildResult *result);

/* 0; with *ret_fault: -EINVAL (what was asked for), -EBUSY (the directory changes), -EKEYREJECTED (another root hash
 * than was asked for), -ECANCELED (interrupted), -ENOSPC, the errors of hub_resolve(), other errnos. */
int build_model(const ModelSpec *spec, const BuildOptions *options, BuildResult *ret, Fault *ret_fault);
