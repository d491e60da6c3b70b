/* SPDX-License-Identifier: Apache-2.0 */

#include <string.h>

#include "attest/options.h"
#include "attest/verbs.h"
#include "attest/verdict.h"
#include "basic/log.h"

static const struct {
        const char *name;
        int (*run)(int argc, char *argv[]);
} verbs[] = {
        { "verify",     verb_verify     },
        { "inspect",    verb_inspect    },
        { "collect",    verb_collect    },
        { "bundle",     verb_bundle     },
        { "boot",       verb_boot       },
        { "absent",     verb_absent     },
        { "replay-log", verb_replay_log },
};

int main(int argc, char *argv[]) {
        log_open("cocoon-attest", LOG_INFO);
        for (size_t i = 0; argc > 1 && i < ELEMENTSOF(verbs); i++)
                if (strcmp(argv[1], verbs[i].name) == 0) {
                        argv[1] = argv[0]; /* whose name getopt_long() puts before what it says */
                        return verbs[i].run(argc - 1, argv + 1);
                }
        if (argc > 1 && argv[1][0] == '-') {
                _cleanup_(options_done) Options options = {};

                if (options_parse(argc, argv, &options) < 0)
                        return EXIT_CONFIGURATION;
                if (options.done)
                        return EXIT_SUCCESS;
        }
        log_error("expected a verb; see cocoon-attest --help.");
        return EXIT_CONFIGURATION;
}
