/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Inside the rim modules only: the parsed document, and strict steps through its elements. */

#include <libxml/tree.h>

#include "attest/rim.h"

struct Rim {
        xmlDoc *doc;
};

xmlNode *rim_root(const Rim *rim);

/* The first element at or behind `node` among its siblings, in *ret (NULL: none). -EBADMSG when something that is
 * neither an element nor white space stands between. */
int rim_next_element(xmlNode *node, xmlNode **ret);

bool rim_is_element(const xmlNode *node, const char *ns, const char *name);

/* The attribute's text, borrowed; `ns` NULL for none. NULL when it is absent or not one plain text. */
const char *rim_attribute(const xmlNode *node, const char *ns, const char *name);
const char *rim_attribute_text(const xmlAttr *attribute);

/* Text of an element that holds nothing else; NULL otherwise. Borrowed. */
const char *rim_element_text(const xmlNode *node);
