/* SPDX-License-Identifier: Apache-2.0 */

#include <getopt.h>
#include <stdlib.h>

#include "attest/console.h"
#include "attest/messages.h"
#include "attest/pci.h"
#include "attest/verbs.h"
#include "attest/verdict.h"
#include "basic/log.h"

static const char help[] =
        "cocoon-attest absent\n"
        "\n"
        "Succeed only in a guest without any device of NVIDIA on its PCI bus.\n"
        "\n"
        "     --root DIR     /sys and /dev/console are below this directory\n"
        "  -h --help\n"
        "\n"
        "Exit status: 0 there is none, 1 there is one, or it cannot be known, 2 usage.";

enum {
        OPT_ROOT = 256,
};

static const struct option options[] = {
        { "root", required_argument, NULL, OPT_ROOT },
        { "help", no_argument,       NULL, 'h'      },
        {},
};

static void refuse(const char *root, const char *device, const char *reason) {
        const LogField fields[] = {
                { "COCOON_DEVICE", device },
                { "COCOON_FOUND",  reason },
        };
        static const char advice[] = "Boot with \"cocoon_gpu\" on the kernel command line to have GPUs attested, or "
                                     "give this guest none.";

        log_record(LOG_ERR, MESSAGE_GPU_UNATTESTED, fields, ELEMENTSOF(fields),
                   "This guest was not told to attest GPUs: %s. %s", reason, advice);
        (void) console_say(root, "cocoon-attest: This guest was not told to attest GPUs: %s. %s", reason, advice);
}

static int run(const char *root) {
        PciCensus census;
        char reason[640];
        Fault f = {};
        int r;

        r = pci_count_nvidia(root, &census, &f);
        if (r == -ENOMEM) {
                (void) log_oom();
                return EXIT_REFUSED;
        }
        if (r < 0) {
                (void) snprintf(reason, sizeof(reason), "%s: expected %s, found %s", f.what, f.expected, f.found);
                refuse(root, NULL, reason);
                return EXIT_REFUSED;
        }
        if (census.gpus + census.switches + census.others == 0)
                return EXIT_ACCEPTED;
        (void) snprintf(reason, sizeof(reason), "it has %u GPUs, %u NVSwitches and %u other devices of NVIDIA, such as %s",
                        census.gpus, census.switches, census.others, census.first);
        refuse(root, census.first, reason);
        return EXIT_REFUSED;
}

int verb_absent(int argc, char *argv[]) {
        const char *root = "";
        int option;

        while ((option = getopt_long(argc, argv, "h", options, NULL)) >= 0)
                switch (option) {
                case OPT_ROOT:
                        root = optarg;
                        break;
                case 'h':
                        (void) puts(help);
                        return EXIT_ACCEPTED;
                default:
                        return EXIT_CONFIGURATION;
                }
        if (optind < argc) {
                log_error("absent: expected no operand, found \"%s\".", argv[optind]);
                return EXIT_CONFIGURATION;
        }
        return run(root);
}
