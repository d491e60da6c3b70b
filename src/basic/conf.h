/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Configuration files as systemd users know them: INI sections, `Key=value` lines, # and ; comments, a trailing
 * backslash joins lines, a main file plus drop-ins `NAME.d/(star).conf` in /etc, /run, /usr/local/lib and /usr/lib, sorted by file name, a
 * file in an earlier directory hiding its namesake in a later one, an empty assignment resetting a list. */

#include <stddef.h>

typedef struct ConfItem ConfItem;

/* Stores one assignment: 0, or a negative errno that is reported with file and line. `value` is never NULL. */
typedef int (*ConfParser)(const ConfItem *item, const char *value, void *target);

struct ConfItem {
        const char *section;
        const char *key;
        ConfParser parse;
        size_t offset; /* of the target in the structure given to conf_load() */
};

/* Where a line was refused; `line` 0 for a whole file. */
typedef void (*ConfReport)(const char *file, unsigned line, const char *message, void *userdata);

/* Reads `name` (such as "cocoon/attest.conf") and its drop-ins below `root` ("" for the real system) into `target`.
 * No file at all is fine. Every problem is reported; unknown sections and keys are errors. 0, -EINVAL when anything
 * was refused, or the errno of reading a file. */
int conf_load(const char *root, const char *name, const ConfItem *items, size_t n_items, void *target,
              ConfReport report, void *userdata);

/* Parsers for common targets. Strings and string lists are freed and replaced; the caller's structure owns them. */
int conf_parse_bool(const ConfItem *item, const char *value, void *target);     /* bool; yes/no/true/false/on/off/1/0 */
int conf_parse_string(const ConfItem *item, const char *value, void *target);   /* char *; empty resets to NULL */
int conf_parse_strv(const ConfItem *item, const char *value, void *target);     /* char **; blank separated, appends */
int conf_parse_unsigned(const ConfItem *item, const char *value, void *target); /* unsigned */
int conf_parse_sec(const ConfItem *item, const char *value, void *target);      /* uint64_t microseconds; "5", "1min 30s", "infinity" */
