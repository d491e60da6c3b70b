/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* A library of the driver, loaded at run time and only in a probe's child (attest/probe.h), which ends without
 * unloading it. Before each call into it the call is said on the pipe, so that the parent knows what did not return. */

#include <stdbool.h>
#include <stddef.h>

#include "basic/fault.h"

typedef struct LibrarySymbol {
        const char *name;
        const char *other; /* what else it may be called; NULL */
        size_t offset;     /* of the pointer in the structure given to library_load() */
        bool optional;     /* the pointer stays NULL */
} LibrarySymbol;

typedef struct Library {
        int pipe;
        char subject[16];  /* "GPU 3", or empty: whom the calls are about */
        char call[64];     /* the one that was said last, with the subject */
} Library;

/* Loads `name` and takes its symbols. 0; -ELIBACC with *f filled when there is no such library (then *f says what to
 * install, as `package` names it) or a symbol is not in it. */
int library_load(Library *l, const char *name, const char *package, const LibrarySymbol *symbols, size_t n, void *target,
                 Fault *f);

/* "GPU", 3; NULL for the machine. */
void library_set_subject(Library *l, const char *kind, unsigned index);

void library_say(Library *l, const char *call);

/* Copies a text that the library gave in `text` of `size` bytes, NUL or not, into `ret` of the same size, zero behind:
 * 0, or -EBADMSG with *f filled when it is not printable ASCII. */
int library_take_text(const Library *l, const char *text, char *ret, size_t size, Fault *f);
