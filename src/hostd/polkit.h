/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Who may change things: root, members of the group "cocoon", and whom polkit allows; "cocoon-worker" may lease GPUs. */

#include "hostd/manager.h"

/* A method without its question: answers `message`, of which nothing is read yet, or returns an error. */
typedef int (*PolkitMethod)(Manager *m, sd_bus_message *message, sd_bus_error *error);

/* Runs the method when the sender may do what it does, and else answers with an error, both later: a method handler
 * that has looked at the arguments returns what this returns. Everything that was true when the call arrived may not be so
 * any more. */
int polkit_run(Manager *m, sd_bus_message *message, const char *action, PolkitMethod method, sd_bus_error *error);

/* Who sent the message whose method is being run. */
uid_t polkit_sender(const Manager *m, const sd_bus_message *message);

/* Finds the groups: once, before there is anybody to be held up, because it may be somewhere on a network. */
void polkit_find_group(Manager *m);

PolkitQuery *polkit_query_free(PolkitQuery *q);
