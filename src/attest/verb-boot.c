/* SPDX-License-Identifier: Apache-2.0 */

#include <getopt.h>
#include <stdlib.h>
#include <string.h>

#include "attest/boot.h"
#include "attest/console.h"
#include "attest/messages.h"
#include "attest/rim.h"
#include "attest/verbs.h"
#include "basic/clock.h"
#include "basic/hex.h"
#include "basic/log.h"

static const char help[] =
        "cocoon-attest boot [--withdraw]\n"
        "\n"
        "Attest every GPU and NVSwitch of this guest, as attest.conf(5) says, and let the GPUs accept work only then.\n"
        "\n"
        "     --withdraw     undo what a passed boot did: ready state, /run/cocoon\n"
        "     --root DIR     configuration, /run, /sys and /dev/console are below this directory\n"
        "  -h --help\n"
        "\n"
        "Exit status: 0 passed, 1 refused, 2 configuration, 3 refused because collateral is missing.";

enum {
        OPT_WITHDRAW = 256,
        OPT_ROOT,
};

static const struct option options[] = {
        { "withdraw", no_argument,       NULL, OPT_WITHDRAW },
        { "root",     required_argument, NULL, OPT_ROOT     },
        { "help",     no_argument,       NULL, 'h'          },
        {},
};

/* One line a device that was accepted. */
static void tell_devices(const Boot *b) {
        const Appraisal *a = b->verdict.appraisal;

        for (size_t i = 0; i < a->n_devices; i++) {
                const DeviceAppraisal *d = &a->devices[i];
                char key[16];

                claims_device_key(a, i, key);
                log_info("%s: accepted: %s, %s%s%s%s%s.", key, d->arch->name, d->identity.hwmodel,
                         *d->driver_version ? ", driver " : "", d->driver_version,
                         *d->vbios_version ? ", VBIOS " : "", d->vbios_version);
        }
}

static void tell_passed(const Boot *b, const char *timing) {
        const Appraisal *a = b->verdict.appraisal;
        char nonce[2 * NONCE_SIZE + 1], digest[2 * SHA384_DIGEST_LENGTH + 1], devices[16], requests[32];
        const LogField fields[] = {
                { "COCOON_NONCE",      hex_encode(b->nonce, NONCE_SIZE, nonce)                        },
                { "COCOON_EAT_SHA384", hex_encode(b->eat_digest, SHA384_DIGEST_LENGTH, digest)        },
                { "COCOON_DEVICES",    devices                                                        },
                { "COCOON_REQUESTS",   requests                                                       },
                { "COCOON_POLICY",     b->policy_name                                                 },
                { "COCOON_TIMING",     timing                                                         },
                { "COCOON_RTMR3",      b->measured ? "extended" : "none"                              },
        };

        (void) snprintf(devices, sizeof(devices), "%zu", a->n_devices);
        (void) snprintf(requests, sizeof(requests), "%zu", b->n_requests);
        tell_devices(b);
        log_info("Policy: %s. Times: %s.", b->policy_name, timing ?: "unknown");
        log_record(LOG_NOTICE, MESSAGE_GPUS_ATTESTED, fields, ELEMENTSOF(fields),
                   "%zu device%s attested, the GPUs accept work%s.", a->n_devices, a->n_devices == 1 ? "" : "s",
                   b->measured ? ", RTMR3 has the token" : "");
        /* For the host's operator, who sees nothing else of the guest. It proves nothing to them. */
        (void) console_say(b->root, "cocoon-attest: GPU attestation passed: %zu device%s.", a->n_devices,
                           a->n_devices == 1 ? "" : "s");
}

/* The reason in one sentence: "GPU-0: measurements: ...". */
static char *make_reason(const Boot *b) {
        const Fault *f = &b->fault;
        char *text;

        return asprintf(&text, "%s%s%s%s%s: expected %s, found %s", b->refused_device, *b->refused_device ? ": " : "",
                        b->refused_check ?: "", b->refused_check ? ": " : "", f->what, f->expected, f->found) < 0 ?
                       NULL :
                       text;
}

static void tell_refused(const Boot *b, const char *timing) {
        _cleanup_free_ char *reason = make_reason(b);
        char nonce[2 * NONCE_SIZE + 1];
        const LogField fields[] = {
                { "COCOON_STEP",     b->failed_step                             },
                { "COCOON_DEVICE",   *b->refused_device ? b->refused_device : NULL },
                { "COCOON_CHECK",    b->refused_check                           },
                { "COCOON_WHAT",     b->fault.what                              },
                { "COCOON_EXPECTED", b->fault.expected                          },
                { "COCOON_FOUND",    b->fault.found                             },
                { "COCOON_ADVICE",   b->advice                                  },
                { "COCOON_NONCE",    hex_encode(b->nonce, NONCE_SIZE, nonce)    },
                { "COCOON_POLICY",   b->policy_name                             },
                { "COCOON_TIMING",   timing                                     },
        };

        if (b->verdict.appraisal && b->verdict.status != EXIT_ACCEPTED) {
                verdict_print(&b->verdict, stdout, b->policy_name);
                (void) fflush(stdout);
        }
        log_record(LOG_ERR, MESSAGE_GPUS_REFUSED, fields, ELEMENTSOF(fields),
                   "GPU attestation refused at \"%s\": %s. %s", b->failed_step, reason ?: "memory is out", b->advice);
        (void) console_say(b->root, "cocoon-attest: GPU attestation refused at \"%s\": %s. %s", b->failed_step,
                           reason ?: "memory is out", b->advice);
}

static int run(const char *root) {
        _cleanup_(boot_done) Boot b = {};
        _cleanup_free_ char *timing = NULL;
        ExitStatus status;

        if (rim_library_init() < 0) {
                log_error("Failed to start the XML signature library.");
                return EXIT_CONFIGURATION;
        }
        status = boot_run(&b, root);
        rim_library_done();
        timing = boot_timing(&b);
        if (status == EXIT_ACCEPTED)
                tell_passed(&b, timing);
        else
                tell_refused(&b, timing);
        return (int) status;
}

/* Whether the gate, which this is run behind (ExecStopPost= in systemd.service(5)), came to an end of its own. */
static bool has_told(const char *result, const char *status) {
        return !result || strcmp(result, "success") == 0 ||
               (strcmp(result, "exit-code") == 0 && strlen(status) == 1 && strchr("123", *status));
}

/* A gate that was killed, crashed or took too long had no chance to say so. */
static void tell_dead(const char *root) {
        const char *result = getenv("SERVICE_RESULT"), *status = getenv("EXIT_STATUS") ?: "";
        static const char advice[] = "Look at what the journal has before this.";
        const LogField fields[] = {
                { "COCOON_STEP",     "unknown"                                  },
                { "COCOON_WHAT",     "cocoon-attest boot"                       },
                { "COCOON_EXPECTED", "an end of its own"                        },
                { "COCOON_FOUND",    result                                     },
                { "COCOON_ADVICE",   advice                                     },
        };

        if (has_told(result, status))
                return;
        log_record(LOG_ERR, MESSAGE_GPUS_REFUSED, fields, ELEMENTSOF(fields),
                   "GPU attestation refused: it was ended by %s (%s). %s", result, status, advice);
        (void) console_say(root, "cocoon-attest: GPU attestation refused: it was ended by %s (%s). %s", result,
                           status, advice);
}

static int withdraw(const char *root) {
        _cleanup_(boot_done) Boot b = {};

        tell_dead(root);
        if (boot_withdraw(&b, root) == EXIT_ACCEPTED)
                return EXIT_ACCEPTED;
        log_error("Not everything could be withdrawn: %s: expected %s, found %s.", b.fault.what, b.fault.expected,
                  b.fault.found);
        return EXIT_REFUSED;
}

int verb_boot(int argc, char *argv[]) {
        const char *root = "";
        bool undo = false;
        int option;

        while ((option = getopt_long(argc, argv, "h", options, NULL)) >= 0)
                switch (option) {
                case OPT_WITHDRAW:
                        undo = true;
                        break;
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
                log_error("boot: expected no operand, found \"%s\".", argv[optind]);
                return EXIT_CONFIGURATION;
        }
        return undo ? withdraw(root) : run(root);
}
