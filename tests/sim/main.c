/* SPDX-License-Identifier: Apache-2.0 */

/* cocoon-sim: a simulated machine, as files or as services. */

#include <string.h>

#include "basic/log.h"
#include "sim/options.h"

static const struct {
        const char *name;
        int (*run)(int argc, char *argv[]);
} verbs[] = {
        { "evidence", sim_verb_evidence },
        { "serve",    sim_verb_serve    },
};

int main(int argc, char *argv[]) {
        log_open("cocoon-sim", LOG_INFO);
        for (size_t i = 0; argc > 1 && i < ELEMENTSOF(verbs); i++)
                if (strcmp(argv[1], verbs[i].name) == 0)
                        return verbs[i].run(argc - 1, argv + 1);
        log_error("Usage: cocoon-sim evidence|serve [OPTION...]; each has --help");
        return SIM_EXIT_USAGE;
}
