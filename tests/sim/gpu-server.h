/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* A simulated device behind a UNIX socket, as QEMU's vfio-user-pci wants one. One client at a time; the next one may
 * come when it has gone. Time is the machine's own. */

#include <systemd/sd-event.h>

#include "sim/gpu.h"

typedef struct SimServer SimServer;

/* Listens at `path`, where there must be nothing. `gpu` is borrowed. 0 or a negative errno. */
int sim_server_new(sd_event *event, const char *path, SimGpu *gpu, SimServer **ret);

/* Removes the socket. */
SimServer *sim_server_free(SimServer *s);
DEFINE_CLEANUP_FUNC(SimServer *, sim_server_free)

/* Lets the device know what time it is; before anything else is done with it. */
void sim_server_tick(SimGpu *gpu);

/* A listening UNIX stream socket, not blocking: the descriptor or a negative errno. */
int sim_listen(const char *path);
