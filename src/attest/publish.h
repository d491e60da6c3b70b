/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* What a passed boot leaves for others in /run/cocoon, and the event log beside it, which stays for as long as the
 * register that it explains. */

#include <stddef.h>

#include "basic/fault.h"

typedef enum PublishedFile {
        PUBLISHED_CLAIMS,   /* gpu-attestation.json: verdict and claims, as verify --json prints them */
        PUBLISHED_EAT,      /* gpu-attestation.eat */
        PUBLISHED_EVIDENCE, /* gpu-evidence.json, for others to verify */
        PUBLISHED_QUOTE,    /* gpu-attestation.quote */
        _PUBLISHED_MAX,
} PublishedFile;

/* Writes one of the files, whole or not at all; makes the directory when it is not there. `root` stands for / ("" for the
 * real one). 0 or the errno of what failed, with *ret_fault. */
int publish_file(const char *root, PublishedFile which, const void *data, size_t size, Fault *ret_fault);

/* Removes them all, and what a writer that was killed left of them. Nothing there is no error. 0 or the errno of what
 * failed, with *ret_fault; what can be removed is. */
int publish_withdraw(const char *root, Fault *ret_fault);

/* Where the event log is; the caller's. NULL when memory is out. */
char *publish_event_log_path(const char *root);
