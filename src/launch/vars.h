/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* The runtime variables that a guest finds in its spec, lines KEY=VALUE: those that its spec tree has, and the launch's. */

#include <stddef.h>

#include "launch/worker.h"

typedef struct Vars Vars;

Vars *vars_new(void);
Vars *vars_free(Vars *v);
DEFINE_CLEANUP_FUNC(Vars *, vars_free)

/* Puts KEY=VALUE in the place of the line with that key, or behind all others. `value` NULL does nothing. 0; -EINVAL for a key
 * that is none or a value of several lines; -E2BIG for more than the guest reads; -ENOMEM. */
int vars_set(Vars *v, const char *key, const char *value);
int vars_set_unsigned(Vars *v, const char *key, unsigned value);

/* The same for a whole "KEY=VALUE", -EINVAL when it is not. */
int vars_set_line(Vars *v, const char *line);

/* All lines of a file, empty ones and comments left out. 0, -ENOMEM, or -EBADMSG with *ret_fault. */
int vars_read(Vars *v, const char *text, size_t size, Fault *ret_fault);

/* What the configuration has to say, `model` (complete; NULL: none) included. */
int vars_set_config(Vars *v, const WorkerConfig *c, const ModelSpec *model);

/* The lines; NULL when memory is out. The caller's. */
char *vars_text(const Vars *v);
