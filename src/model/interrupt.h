/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* SIGINT, SIGTERM and SIGHUP as something that a loop asks about, instead of a handler with global state. */

/* Blocks them, for this thread and those that it makes afterwards. */
void interrupt_block(void);

/* -ECANCELED when one has come, 0 when not. Every call after the first says so again only if another came. */
int interrupt_check(void);
