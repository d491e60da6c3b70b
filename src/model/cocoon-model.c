/* SPDX-License-Identifier: Apache-2.0 */

#include <stdio.h>
#include <string.h>

#include "basic/log.h"
#include "model/verbs.h"

static const struct {
        const char *name;
        int (*run)(int argc, char *argv[]);
        const char *help;
} verbs[] = {
        { "build",   verb_build,   "build NAME[@COMMIT[:ROOTHASH]]  an image from the hub or a directory"   },
        { "verify",  verb_verify,  "verify IMAGE                    every block against the root hash"      },
        { "inspect", verb_inspect, "inspect IMAGE                   what it is and what is in it"           },
        { "remove",  verb_remove,  "remove IMAGE                    and all that belongs to it"             },
        { "open",    verb_open,    "open                            the guest's model disks, verified"      },
        { "close",   verb_close,   "close                           what was opened"                        },
};

ModelStatus verb_end(ModelStatus status) {
        if (fflush(stdout) == 0 && !ferror(stdout))
                return status;
        log_error("standard output: cannot be written.");
        return MODEL_REFUSED;
}

static void print_help(void) {
        (void) puts("cocoon-model VERB [OPTION]…\n\nModel images that prove what they are.\n");
        for (size_t i = 0; i < ELEMENTSOF(verbs); i++)
                (void) printf("  %s\n", verbs[i].help);
        (void) puts("\nEach verb has a --help of its own.");
}

int main(int argc, char *argv[]) {
        log_open("cocoon-model", LOG_INFO);
        for (size_t i = 0; argc > 1 && i < ELEMENTSOF(verbs); i++)
                if (strcmp(argv[1], verbs[i].name) == 0) {
                        argv[1] = argv[0]; /* whose name getopt_long() puts before what it says */
                        return verbs[i].run(argc - 1, argv + 1);
                }
        if (argc > 1 && (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0)) {
                print_help();
                return MODEL_DONE;
        }
        if (argc > 1 && strcmp(argv[1], "--version") == 0) {
                (void) puts("cocoon-model " PROJECT_VERSION);
                return MODEL_DONE;
        }
        log_error("expected a verb; see cocoon-model --help.");
        return MODEL_USAGE;
}
