/* SPDX-License-Identifier: Apache-2.0 */

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "basic/clock.h"
#include "basic/log.h"
#include "ctl/ctl.h"

#define PATIENCE_SEC_MAX 86400UL

typedef struct Verb {
        const char *noun, *name; /* the second may be NULL */
        int (*run)(const CtlOptions *o, char *const *args);
        const char *arguments, *help;
} Verb;

static const Verb verbs[] = {
        { "gpu",    "list",    verb_gpu_list,    "",                  "GPUs with a confidential mode"             },
        { "gpu",    "status",  verb_gpu_status,  "[ADDRESS...]",        "all about them; are they ready?"           },
        { "gpu",    "prepare", verb_gpu_prepare, "ADDRESS...|--all",    "from the host to confidential guests"      },
        { "gpu",    "restore", verb_gpu_restore, "ADDRESS...|--all",    "back to the host"                          },
        { "model",  "list",    verb_model_list,   "",                 "images of models"                          },
        { "model",  "status",  verb_model_status, "[SPEC...]",        "all about them; are they ready?"           },
        { "model",  "build",   verb_model_build,  "SPEC...",          "from the hub; what is there is found"      },
        { "model",  "verify",  verb_model_verify, "SPEC...|--all",    "every block against the root hash"         },
        { "model",  "remove",  verb_model_remove, "SPEC...",          "images that nobody uses"                   },
        { "job",    "list",    verb_job_list,    "",                  "what is being done"                        },
        { "job",    "watch",   verb_job_watch,   "[ID...]",             "follow jobs to their end"                  },
        { "job",    "cancel",  verb_job_cancel,  "ID...",               "and have undone what they did"             },
        { "worker", "list",    verb_worker_list, "",                  "guests, their GPUs, models and attestation" },
        { "worker", "status",  verb_worker_status, "[NAME...]",         "all about them; do they run?"             },
        { "worker", "logs",    verb_worker_logs, "NAME...",             "the journal, with the guest's console"    },
        { "worker", "start",   verb_worker_start, "NAME...",            "as systemctl does"                        },
        { "worker", "stop",    verb_worker_stop, "NAME...",             "the guest's power button"                 },
        { "status", NULL,      verb_status,      "",                  "the whole host"                            },
        { "doctor", NULL,      verb_doctor,      "",                  "is this host able to run confidential guests?" },
};

static void print_help(void) {
        (void) puts("cocoonctl [OPTION]… NOUN VERB [ARGUMENT]…\n\nGPUs, models and workers of confidential guests.\n");
        for (size_t i = 0; i < ELEMENTSOF(verbs); i++) {
                char line[64];

                (void) snprintf(line, sizeof(line), "%s %s %s", verbs[i].noun, verbs[i].name ?: "", verbs[i].arguments);
                (void) printf("  %-30s %s\n", line, verbs[i].help);
        }
        (void) puts("\n  --wait           wait for the end of what is begun, and show how it goes\n"
                    "  --patience SEC   how long the daemon may go away meanwhile\n"
                    "  --all            every GPU; restore: every one that is not the host's; model verify: every image\n"
                    "  --if-present     restore: an address where no GPU is, is fine\n"
                    "  -f, --follow     worker logs: go on with what is new\n"
                    "  --json           for programs\n"
                    "  -H, --host HOST  of another host, by SSH\n"
                    "  --root DIR       doctor, worker: look below this directory\n"
                    "  --version        print the version\n"
                    "  -h, --help       print this\n\n"
                    "Exit status: 0 done, 1 failed or not ready, 2 usage, 3 no daemon, 4 not allowed, 5 no such GPU, model or worker");
}

enum { OPT_JSON = 256, OPT_WAIT, OPT_PATIENCE, OPT_ALL, OPT_IF_PRESENT, OPT_ROOT, OPT_VERSION };

static int parse_patience(const char *text, uint64_t *ret) {
        char *end;
        unsigned long seconds = strtoul(text, &end, 10);

        if (*text < '0' || *text > '9' || *end || seconds < 1 || seconds > PATIENCE_SEC_MAX) {
                log_error("--patience: expected 1 to %lu seconds, found '%s'.", PATIENCE_SEC_MAX, text);
                return -EINVAL;
        }
        *ret = seconds * USEC_PER_SEC;
        return 0;
}

/* 1: go on; 0: done; -EINVAL, said. */
static int parse_options(int argc, char *argv[], CtlOptions *ret) {
        static const struct option options[] = {
                { "json",       no_argument,       NULL, OPT_JSON       },
                { "wait",       no_argument,       NULL, OPT_WAIT       },
                { "patience",   required_argument, NULL, OPT_PATIENCE   },
                { "all",        no_argument,       NULL, OPT_ALL        },
                { "if-present", no_argument,       NULL, OPT_IF_PRESENT },
                { "root",       required_argument, NULL, OPT_ROOT       },
                { "follow",     no_argument,       NULL, 'f'            },
                { "host",       required_argument, NULL, 'H'            },
                { "version",    no_argument,       NULL, OPT_VERSION    },
                { "help",       no_argument,       NULL, 'h'            },
                {}
        };
        int c;

        while ((c = getopt_long(argc, argv, "fhH:", options, NULL)) >= 0)
                switch (c) {
                case OPT_JSON:
                        ret->json = true;
                        break;
                case OPT_WAIT:
                        ret->wait = true;
                        break;
                case OPT_PATIENCE:
                        if (parse_patience(optarg, &ret->patience_usec) < 0)
                                return -EINVAL;
                        break;
                case OPT_ALL:
                        ret->all = true;
                        break;
                case OPT_IF_PRESENT:
                        ret->if_present = true;
                        break;
                case OPT_ROOT:
                        ret->root = optarg;
                        break;
                case 'f':
                        ret->follow = true;
                        break;
                case 'H':
                        ret->host = optarg;
                        break;
                case OPT_VERSION:
                        (void) puts("cocoonctl " PROJECT_VERSION);
                        return 0;
                case 'h':
                        print_help();
                        return 0;
                default:
                        return -EINVAL;
                }
        return 1;
}

/* `words` ends with NULL. */
static const Verb *find_verb(char *const *words) {
        for (size_t i = 0; words[0] && i < ELEMENTSOF(verbs); i++)
                if (strcmp(verbs[i].noun, words[0]) == 0 &&
                    (!verbs[i].name || (words[1] && strcmp(verbs[i].name, words[1]) == 0)))
                        return &verbs[i];
        return NULL;
}

int main(int argc, char *argv[]) {
        CtlOptions o = { .root = "" };
        const Verb *verb;
        int r;

        log_open("cocoonctl", LOG_INFO);
        r = parse_options(argc, argv, &o);
        if (r <= 0)
                return r < 0 ? CTL_USAGE : CTL_DONE;
        verb = find_verb(argv + optind);
        if (!verb) {
                log_error("expected a noun and a verb, such as 'gpu list'; see cocoonctl --help.");
                return CTL_USAGE;
        }
        r = verb->run(&o, argv + optind + (verb->name ? 2 : 1));
        /* A full disk or a closed pipe is no success. */
        if (fflush(stdout) == EOF) {
                (void) log_error_errno(errno, "Cannot write: %m");
                return r ?: CTL_FAILED;
        }
        return r;
}
