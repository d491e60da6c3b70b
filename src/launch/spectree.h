/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* The directory that a guest gets as its spec: a private copy of the node type's tree, with configuration and variables of this
 * launch. */

#include "launch/vars.h"

/* Makes `target`, which must not exist, in a directory that nobody else can enter. What the guest would refuse later is refused:
 * files over 10 MiB, .git, what is neither file nor directory; modes become 0755 and 0644, the only ones that it takes. `vars`
 * are put over those that the tree has. 0; -ENOMEM; with *ret_fault -EINVAL, -EBADMSG or an errno. */
int spectree_make(const WorkerConfig *c, Vars *vars, const char *target, Fault *ret_fault);

/* Removes a directory and all below it; none is fine. 0 or a negative errno. */
int spectree_remove(const char *path);
