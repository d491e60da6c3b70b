/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* `cocoon-sim serve` as a child, in a scratch directory, and the libraries of its driver in place of NVIDIA's. What
 * cannot be set up ends the test program. */

#include <sys/types.h>

#include "sim/device.h"

typedef struct SimServer {
        pid_t pid;
        int input; /* it ends when this is closed */
        char dir[48];
        char state[64]; /* keys and devices, for sim_scene_open() */
} SimServer;

/* Starts the program anew, once, with the libraries where the loader looks for them. */
void sim_server_environment(char *argv[]);

/* One machine of these models, up to _SIM_MODEL_INVALID; from now on it is what the libraries of this process know. */
void sim_server_start(SimServer *s, const SimModel *models);
void sim_server_stop(SimServer *s);

/* Makes it misbehave (tests/sim/control.h), and starts its counts and its log anew. */
void sim_server_control(SimServer *s, const char *lines);

/* Lines of the log since then that contain both; `other` may be NULL. */
size_t sim_server_lines(const SimServer *s, const char *needle, const char *other);
