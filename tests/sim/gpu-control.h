/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Commands to simulated devices while they run: a line each, on a UNIX stream socket, answered by a line that begins
 * with "ok" or "error". "0 fault unplug" is for the first device; sim_control_help says what there is. */

#include <systemd/sd-event.h>

#include "sim/gpu.h"

typedef struct SimControl SimControl;

/* Listens at `path`. `gpus` is borrowed. 0 or a negative errno. */
int sim_control_new(sd_event *event, const char *path, SimGpu *const *gpus, size_t n, SimControl **ret);
SimControl *sim_control_free(SimControl *c);
DEFINE_CLEANUP_FUNC(SimControl *, sim_control_free)

/* Does one command, without its line end, and writes the answer, without its. */
void sim_control_do(SimGpu *const *gpus, size_t n, const char *command, char *ret, size_t size);

extern const char sim_control_help[];

/* "boot=1500000" into *times: 0 or -EINVAL. */
int sim_times_parse(SimGpuTimes *times, const char *text);
