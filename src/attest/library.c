/* SPDX-License-Identifier: Apache-2.0 */

#include "attest/library.h"

#include <dlfcn.h>
#include <string.h>

#include "attest/record.h"

void library_set_subject(Library *l, const char *kind, unsigned index) {
        if (kind)
                (void) snprintf(l->subject, sizeof(l->subject), "%.6s %u", kind, index);
        else
                *l->subject = 0;
}

void library_say(Library *l, const char *call) {
        (void) snprintf(l->call, sizeof(l->call), "%s%s%.46s", l->subject, *l->subject ? ": " : "", call);
        record_send_text(l->pipe, RECORD_CALL, l->call);
}

static int take_symbol(Library *l, void *library, const char *name, const LibrarySymbol *s, void *target, Fault *f) {
        void *address = dlsym(library, s->name);

        if (!address && s->other)
                address = dlsym(library, s->other);
        if (!address && !s->optional)
                return fault_set(f, ELIBACC, name, "the library of a driver that knows Confidential Computing",
                                 "one without %s", s->name);
        memcpy((char *) target + s->offset, &address, sizeof(address));
        return 0;
}

int library_load(Library *l, const char *name, const char *package, const LibrarySymbol *symbols, size_t n, void *target,
                 Fault *f) {
        char expected[sizeof(f->expected)];
        void *library;
        int r;

        library_say(l, name);
        library = dlopen(name, RTLD_NOW | RTLD_LOCAL);
        if (!library) {
                const char *why = dlerror();

                (void) snprintf(expected, sizeof(expected),
                                "the library of NVIDIA's driver: install %s, of the same version as the kernel module", package);
                return fault_set(f, ELIBACC, name, expected, "%s", why ?: "nothing that can be loaded");
        }
        for (size_t i = 0; i < n; i++) {
                r = take_symbol(l, library, name, &symbols[i], target, f);
                if (r < 0)
                        return r;
        }
        return 0;
}

int library_take_text(const Library *l, const char *text, char *ret, size_t size, Fault *f) {
        size_t n = strnlen(text, size);

        for (size_t i = 0; i < n; i++)
                if (text[i] < 0x20 || text[i] > 0x7e)
                        n = size;
        if (n == size)
                return fault_set(f, EBADMSG, l->call, "a printable text", "something else");
        memset(ret, 0, size);
        memcpy(ret, text, n);
        return 0;
}
