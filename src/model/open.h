/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* The verbs of cocoon-model in the guest: each takes its own command line, prints, and returns the exit status, 0,
 * 1 (refused) or 2 (usage). */

int verb_open(int argc, char *argv[]);
int verb_close(int argc, char *argv[]);
