/* SPDX-License-Identifier: Apache-2.0 */

#include "sim/options.h"

#include <getopt.h>

#include "basic/log.h"
#include "sim/must.h"

#define OPTIONS_MAX 16U

int sim_models_add(SimModels *m, const char *name) {
        SimModel model = sim_model_from_string(name);

        if (model == _SIM_MODEL_INVALID) {
                log_error("--device %s: no such model", name);
                return -EINVAL;
        }
        if (m->n >= ELEMENTSOF(m->models)) {
                log_error("--device %s: too many devices", name);
                return -EINVAL;
        }
        m->models[m->n++] = model;
        return 0;
}

void sim_models_print(void) {
        for (SimModel m = 0; m < _SIM_MODEL_MAX; m++)
                printf(" %s", sim_model_to_string(m));
}

int sim_options_parse(int argc, char *argv[], const SimOption *table, size_t n, void *options) {
        struct option long_options[OPTIONS_MAX] = {};
        int c, index;

        MUST(n < OPTIONS_MAX);
        for (size_t i = 0; i < n; i++)
                long_options[i] = (struct option){
                        .name = table[i].name,
                        .has_arg = table[i].has_value ? required_argument : no_argument,
                };
        while ((c = getopt_long(argc, argv, "", long_options, &index)) >= 0) {
                int r = c == 0 ? table[index].parse(options, optarg) : -EINVAL;

                if (r < 0)
                        return r;
        }
        if (optind == argc)
                return 0;
        log_error("%s %s: nothing but options is understood", argv[0], argv[optind]);
        return -EINVAL;
}
