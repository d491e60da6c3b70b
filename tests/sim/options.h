/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* What the verbs of cocoon-sim have in common: options in a table, and the devices of a scene. */

#include <stdbool.h>

#include "sim/scene.h"

typedef struct SimModels {
        SimModel models[SIM_SCENE_DEVICES_MAX];
        size_t n;
} SimModels;

/* Adds the model of that name. 0, or -EINVAL after saying what is wrong. */
int sim_models_add(SimModels *m, const char *name);

/* A space and the name of each model, for help texts. */
void sim_models_print(void);

typedef struct SimOption {
        const char *name;
        bool has_value;
        int (*parse)(void *options, const char *value); /* `value` is NULL without one. 0 or -EINVAL, said */
} SimOption;

/* Long options of a verb; nothing else may follow it. 0 or -EINVAL. */
int sim_options_parse(int argc, char *argv[], const SimOption *table, size_t n, void *options);

/* A verb: argv[0] is its name. They return the exit status. */
int sim_verb_evidence(int argc, char *argv[]);
int sim_verb_serve(int argc, char *argv[]);

#define SIM_EXIT_USAGE 2
