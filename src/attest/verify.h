/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* The verb `verify`: reads evidence, policy and collateral, reaches the verdict and prints it. */

#include "attest/options.h"

/* The exit status, an ExitStatus of attest/verdict.h. */
int verb_verify(const Options *options);
