/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Telling a guest to shut down, as a button would. */

#include <stdbool.h>

#include "basic/fault.h"

/* Connects to QEMU's socket at `path`, presses the button, and waits until QEMU has ended, however long it takes. 0, also when
 * nobody is there; with *ret_fault a negative errno. */
int qmp_power_down(const char *path, Fault *ret_fault);

/* Whether a QEMU has its control socket there. */
bool qmp_is_alive(const char *path);
