/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Tables that more than one verb prints. */

#include "ctl/client.h"

/* To standard output, nothing for an empty array. 0 or -ENOMEM. */
int gpu_print_list(json_object *gpus);
int model_print_list(json_object *models);
int job_print_list(json_object *jobs);
int worker_print_list(json_object *workers);

/* All workers: those that have a configuration here, and those that the service manager knows; an array of objects with Name,
 * State, GPU, Model, CID, Attestation, Console, Status, InvocationID. CTL_DONE, or an exit status, said. */
int worker_list(const CtlOptions *o, sd_bus *bus, json_object **ret);
