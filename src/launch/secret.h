/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* What a worker's guest is told in confidence: the hub's token and the wallet's key. */

#include "launch/worker.h"

/* Completes `c`: what the configuration does not have is taken from the credentials hf_token and node_wallet_key
 * (systemd.exec(5), CREDENTIALS_DIRECTORY), the token then from the environment, HF_TOKEN. 0, with *ret_fault -EINVAL for one
 * that is no single line, -EPERM for a configuration file with a secret in it that others than its owner and group can read (the
 * one at `config_path`, which was read, or `config_name`, which that may be a copy of), or
 * the errno of reading; -ENOMEM. */
int secrets_find(WorkerConfig *c, const char *config_path, const char *config_name, Fault *ret_fault);
