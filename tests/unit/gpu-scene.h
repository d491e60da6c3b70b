/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* A simulated device that was opened, and what its log says. */

#include "sim/gpu-access.h"

typedef struct GpuScene {
        uint64_t clock;
        SimAccess *access;
        Gpu gpu;
        Fault fault;
} GpuScene;

/* Returns what gpu_open() does; the log begins after it. */
int gpu_scene_open(GpuScene *s, SimGpuKind kind);
void gpu_scene_close(GpuScene *s);

/* The requests to FSP in the log so far, as "R45 R2 W2=0", and the log begins anew. The caller's. */
char *gpu_scene_requests(GpuScene *s);

/* The accesses to BAR0 in the log so far, a line each, and the log begins anew. The caller's. */
char *gpu_scene_registers(GpuScene *s);

/* A StageDevice for this one. */
StageDevice gpu_scene_device(GpuScene *s);
