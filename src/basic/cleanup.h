/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Ownership helpers: a local that owns something says so with _cleanup_(), and hands it over with TAKE_PTR() or
 * TAKE_FD(). Free functions take NULL and return NULL, so that `p = foo_free(p)` leaves nothing dangling. */

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define _cleanup_(f) __attribute__((cleanup(f)))
#define _printf_(a, b) __attribute__((format(printf, a, b)))
#define _unused_ __attribute__((unused))

#define ELEMENTSOF(x) (sizeof(x) / sizeof((x)[0]))

#define TAKE_PTR(p)                         \
        ({                                  \
                __typeof__(p) *_pp = &(p);  \
                __typeof__(p) _taken = *_pp; \
                *_pp = NULL;                \
                _taken;                     \
        })

#define TAKE_FD(fd)            \
        ({                     \
                int *_fdp = &(fd); \
                int _fd = *_fdp;   \
                *_fdp = -EBADF;    \
                _fd;           \
        })

/* The value of a structure, which is left all zero. */
#define TAKE_STRUCT(s)                             \
        ({                                         \
                __typeof__(s) *_sp = &(s);         \
                __typeof__(s) _taken = *_sp;       \
                *_sp = (__typeof__(s)){};          \
                _taken;                            \
        })

/* Defines `static inline void func##p(type *p)` for use with _cleanup_(). */
#define DEFINE_CLEANUP_FUNC(type, func)              \
        static inline _unused_ void func##p(type *p) \
        {                                            \
                if (*p)                              \
                        func(*p);                    \
        }

static inline void freep(void *p) {
        free(*(void **) p);
}

static inline void closep(int *fd) {
        if (*fd >= 0)
                (void) close(*fd);
}

static inline void closedirp(DIR **dir) {
        if (*dir)
                (void) closedir(*dir);
}

DEFINE_CLEANUP_FUNC(FILE *, fclose)

#define _cleanup_free_ _cleanup_(freep)
#define _cleanup_close_ _cleanup_(closep)
#define _cleanup_fclose_ _cleanup_(fclosep)
#define _cleanup_closedir_ _cleanup_(closedirp)
