/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Fields of a hub's answers that have a grammar of their own. */

#include <stdbool.h>
#include <stdint.h>

/* The target of the first link to the next page in the value of a Link field (RFC 8288): 1 and the target, the
 * caller's; 0 when no link of it is one; -EBADMSG for what is no list of links, of which nothing can be said; -ENOMEM. */
int field_next_link(const char *value, char **ret);

typedef struct ContentRange {
        uint64_t first, last; /* bytes of the file */
        bool has_size;
        uint64_t size;        /* of the file */
} ContentRange;

/* The value of a Content-Range field that comes with content (RFC 9110, 14.4). 0 or -EBADMSG. */
int field_content_range(const char *value, ContentRange *ret);
