/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* The machine that `cocoon-sim serve` plays, and its driver, which the fake libraries ask. */

#include <stdatomic.h>

#include "sim/accesslog.h"
#include "sim/control.h"
#include "sim/scene.h"
#include "sim/wire.h"

typedef struct SimMachine {
        SimScene *scene;
        SimControl *control;
        SimAccessLog *log;
        pthread_mutex_t lock; /* of the scene, where certificates may be issued */
        atomic_uint ready;    /* state of the GPUs */
} SimMachine;

/* Reads a question, answers it and closes `fd`. Whatever has to wait waits here. */
void sim_driver_serve(SimMachine *m, int fd);

void sim_sleep_ms(unsigned ms);

/* Until the other side is gone. */
void sim_wait_for_end(int fd);
