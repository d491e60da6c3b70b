/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* The guest's console: the one place where somebody looks when a guest went off before it had a network. */

#include "basic/cleanup.h"

/* Writes one line. Bytes outside printable ASCII come out as '?'. Never waits for a console that takes nothing. `root` stands for /
 * ("" for the real one). 0 or a negative errno. */
int console_say(const char *root, const char *format, ...) _printf_(2, 3);
