/* SPDX-License-Identifier: Apache-2.0 */

#include <string.h>

#include "attest/inspect.h"
#include "attest/options.h"
#include "attest/rim.h"
#include "attest/verdict.h"
#include "attest/verify.h"
#include "basic/log.h"

static const struct {
        const char *name;
        int (*run)(const Options *options);
} verbs[] = {
        { "verify",  verb_verify  },
        { "inspect", verb_inspect },
};

static int run_verb(int (*run)(const Options *options), int argc, char *argv[]) {
        _cleanup_(options_done) Options options = {};
        int status;

        if (options_parse(argc, argv, &options) < 0)
                return EXIT_CONFIGURATION;
        if (options.done)
                return EXIT_SUCCESS;
        if (rim_library_init() < 0) {
                log_error("Failed to start the XML signature library.");
                return EXIT_CONFIGURATION;
        }
        status = run(&options);
        rim_library_done();
        return status;
}

int main(int argc, char *argv[]) {
        log_open("cocoon-attest", LOG_INFO);
        for (size_t i = 0; argc > 1 && i < ELEMENTSOF(verbs); i++)
                if (strcmp(argv[1], verbs[i].name) == 0)
                        return run_verb(verbs[i].run, argc - 1, argv + 1);
        if (argc > 1 && argv[1][0] == '-') {
                _cleanup_(options_done) Options options = {};

                if (options_parse(argc, argv, &options) < 0)
                        return EXIT_CONFIGURATION;
                if (options.done)
                        return EXIT_SUCCESS;
        }
        log_error("expected a verb, verify or inspect; see cocoon-attest --help.");
        return EXIT_CONFIGURATION;
}
