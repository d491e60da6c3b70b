/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Configuration files as systemd users know them (systemd.syntax(7), and the search of systemd's own *.conf):
 * sections, `Key=value` lines, # and ; comments, a trailing backslash joins lines. One main file, the first found in
 * /etc, /run, /usr/local/lib and /usr/lib, and then the drop-ins NAME.d/X.conf of all four, sorted by file name, a
 * file in an earlier directory hiding its namesake in a later one. A link to /dev/null hides and says nothing. */

#include <stddef.h>

typedef struct ConfItem ConfItem;

/* Stores one assignment: 0, or -EINVAL (not such a value), -ERANGE, -ENOMEM. `value` is never NULL; an empty one
 * resets the target. */
typedef int (*ConfParser)(const ConfItem *item, const char *value, void *target);

typedef enum ConfFlags {
        CONF_ONCE = 1 << 0,   /* a second assignment in a file is a mistake, not a change of mind */
        CONF_SECRET = 1 << 1, /* the value is not quoted when it is refused */
} ConfFlags;

struct ConfItem {
        const char *section;
        const char *key;
        ConfParser parse;
        size_t offset; /* of the target in the structure given to conf_load() */
        ConfFlags flags;
        const char *expected; /* what is said to be expected when `parse` refuses; may be NULL */
};

/* Where a line was refused, and why; `line` is 0 for a whole file. */
typedef void (*ConfReport)(const char *file, unsigned line, const char *message, void *userdata);

/* Reads `name` (such as "cocoon/attest.conf") and its drop-ins below `root` ("" for the real system) into `target`.
 * No file at all is fine, but what is there must be readable, directories and links included. Every problem is reported, and the rest still read. Unlike systemd, which skips what it
 * does not know: a key or section that is not in `items` is a problem, since a misspelled security setting must not
 * go unnoticed. 0, -EINVAL when anything was refused, -ENOMEM. */
int conf_load(const char *root, const char *name, const ConfItem *items, size_t n_items, void *target,
              ConfReport report, void *userdata);

/* Reads one file, without drop-ins, which must be there; it is called `name` in reports. `lines`, with n_items members, gets
 * where each key stood last, 0 for nowhere. Such files may have secrets in them: what is not understood is not quoted. The
 * same results as conf_load(). */
int conf_load_file(const char *path, const char *name, const ConfItem *items, size_t n_items, void *target, unsigned *lines,
                   ConfReport report, void *userdata);

/* Parsers for common targets. Strings and lists are replaced and belong to the caller's structure. */
int conf_parse_bool(const ConfItem *item, const char *value, void *target);     /* bool: 1 yes y true t on, … */
int conf_parse_string(const ConfItem *item, const char *value, void *target);   /* char *; empty: NULL */
int conf_parse_strv(const ConfItem *item, const char *value, void *target);     /* char **, NULL ended; appends words */
int conf_parse_unsigned(const ConfItem *item, const char *value, void *target); /* unsigned, decimal */
int conf_parse_sec(const ConfItem *item, const char *value, void *target);      /* uint64_t µs: systemd.time(7) spans */

/* Appends to a list, which may be NULL, a word that it takes, also when it fails; NULL stands for memory that is out. 0 or
 * -ENOMEM. */
int strv_append(char ***list, char *word);

/* Frees a list of conf_parse_strv(); returns NULL. */
char **strv_free(char **list);
static inline void strv_freep(char ***list) {
        (void) strv_free(*list);
}
