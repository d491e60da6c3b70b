/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* The verb `inspect`: prints the fields of evidence, of a report or of a RIM for people, and with --check judges a
 * RIM by itself. */

#include "attest/options.h"

/* The exit status, an ExitStatus of attest/verdict.h. */
int verb_inspect(const Options *options);
