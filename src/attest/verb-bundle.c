/* SPDX-License-Identifier: Apache-2.0 */

/* The verb `bundle`: collateral for a machine without a network, and whether there is any. */

#include <fcntl.h>
#include <string.h>

#include "attest/bundle.h"
#include "attest/fetch-options.h"
#include "attest/gather.h"
#include "attest/rimid.h"
#include "attest/verbs.h"
#include "attest/verdict.h"
#include "basic/io.h"
#include "basic/log.h"

#define IDS_MAX 64U

static const char help[] =
        "cocoon-attest bundle --evidence FILE -o FILE [OPTION]…\n"
        "cocoon-attest bundle --arch hopper|blackwell|ls10 [--driver VERSION] [--vbios-id ID]… [-o FILE] [OPTION]…\n"
        "\n"
        "Get the RIMs and OCSP answers that evidence, or versions, will be judged with, and write them into one file for\n"
        "a machine without a network. With versions, and without -o, only say whether they exist.\n"
        "\n"
        "  -o --output FILE            where it goes\n"
        "     --evidence FILE          of devices like those that it is for\n"
        "     --arch ARCH              hopper, blackwell or ls10\n"
        "     --chip NAME              of a Blackwell GPU [GB100]\n"
        "     --driver VERSION         of the GPU driver; may be repeated\n"
        "     --vbios-id ID            PROJECT_SKU_CHIP_VERSION of a GPU's VBIOS, the version of a switch's BIOS, or\n"
        "                              either's whole RIM id; may be repeated\n"
        "     --trust-anchors DIR      device-root.pem and rim-root.pem in place of NVIDIA's roots\n" FETCH_HELP
        "  -h --help\n"
        "\n"
        "Exit status: 0 all is there and good, 1 something is not good, 2 usage or a file that cannot be read or written,\n"
        "3 something is missing. Nothing is written unless all is good.";

enum {
        OPT_EVIDENCE = 256,
        OPT_ARCH,
        OPT_CHIP,
        OPT_DRIVER,
        OPT_VBIOS_ID,
        OPT_TRUST_ANCHORS,
};

static const struct option long_options[] = {
        { "output",        required_argument, NULL, 'o'               },
        { "evidence",      required_argument, NULL, OPT_EVIDENCE      },
        { "arch",          required_argument, NULL, OPT_ARCH          },
        { "chip",          required_argument, NULL, OPT_CHIP          },
        { "driver",        required_argument, NULL, OPT_DRIVER        },
        { "vbios-id",      required_argument, NULL, OPT_VBIOS_ID      },
        { "trust-anchors", required_argument, NULL, OPT_TRUST_ANCHORS },
        FETCH_LONG_OPTIONS,
        { "help",          no_argument,       NULL, 'h'               },
        {},
};

typedef struct BundleOptions {
        const char *output, *evidence, *arch_name, *chip, *trust_anchors;
        const char *drivers[IDS_MAX], *firmware[IDS_MAX];
        size_t n_drivers, n_firmware;
        Architecture arch;
        char *ids[2 * IDS_MAX + 1]; /* NULL terminated, owned */
        size_t n_ids;
        FetchOptions fetch;
        bool done;
} BundleOptions;

static void bundle_options_done(BundleOptions *o) {
        for (size_t i = 0; i < o->n_ids; i++)
                free(o->ids[i]);
}

static int bad(const char *option, const char *expected, const char *found) {
        log_error("%s: expected %s, found \"%s\".", option, expected, found);
        return -EINVAL;
}

static int append(const char *option, const char **list, size_t *n, const char *argument) {
        if (*n >= IDS_MAX)
                return bad(option, "at most 64 of them", "more");
        list[(*n)++] = argument;
        return 0;
}

static int parse_arch(BundleOptions *o, const char *text) {
        char upper[32];
        size_t n = strlen(text);

        o->arch_name = text;
        (void) snprintf(upper, sizeof(upper), "%s", text);
        for (char *p = upper; *p; p++)
                *p = *p >= 'a' && *p <= 'z' ? (char) (*p - 'a' + 'A') : *p;
        o->arch = n < sizeof(upper) ? arch_from_string(upper) : _ARCH_INVALID;
        return o->arch != _ARCH_INVALID ? 0 : bad("--arch", "hopper, blackwell or ls10", text);
}

static int take_option(BundleOptions *o, int option, const char *argument) {
        switch (option) {
        case 'o':               o->output = argument; return 0;
        case OPT_EVIDENCE:      o->evidence = argument; return 0;
        case OPT_ARCH:          return parse_arch(o, argument);
        case OPT_CHIP:          o->chip = argument; return 0;
        case OPT_DRIVER:        return append("--driver", o->drivers, &o->n_drivers, argument);
        case OPT_VBIOS_ID:      return append("--vbios-id", o->firmware, &o->n_firmware, argument);
        case OPT_TRUST_ANCHORS: o->trust_anchors = argument; return 0;
        case 'h':               (void) puts(help); o->done = true; return 0;
        default:                return fetch_options_take(&o->fetch, option, argument) > 0 ? 0 : -EINVAL;
        }
}

static int check_options(const BundleOptions *o) {
        bool versions = o->arch_name || o->chip || o->n_drivers > 0 || o->n_firmware > 0;

        if (o->evidence ? versions || !o->output : !o->arch_name || o->n_drivers + o->n_firmware == 0) {
                log_error("bundle takes --evidence FILE and -o FILE, or --arch with --driver or --vbios-id; see "
                          "cocoon-attest bundle --help.");
                return -EINVAL;
        }
        if (o->arch_name && arch_info(o->arch)->is_switch && o->n_drivers > 0)
                return bad("--driver", "none for a switch, which has no RIM of a driver", o->drivers[0]);
        return 0;
}

static int make_ids(BundleOptions *o) {
        for (size_t i = 0; i < o->n_drivers + o->n_firmware; i++) {
                bool driver = i < o->n_drivers;
                int r;

                r = driver ? rim_id_driver_of(o->arch, o->chip, o->drivers[i], &o->ids[o->n_ids]) :
                             rim_id_vbios_of(o->arch, o->firmware[i - o->n_drivers], &o->ids[o->n_ids]);
                if (r < 0)
                        return r;
                o->n_ids++;
                if (!rim_id_is_valid(o->ids[o->n_ids - 1]))
                        return bad(driver ? "--driver" : "--vbios-id", "letters, digits, '.', '-' and '_'",
                                   driver ? o->drivers[i] : o->firmware[i - o->n_drivers]);
        }
        return 0;
}

static int parse(int argc, char *argv[], BundleOptions *o) {
        int option, r;

        while ((option = getopt_long(argc, argv, "o:h", long_options, NULL)) >= 0) {
                r = take_option(o, option, optarg);
                if (r < 0 || o->done)
                        return r;
        }
        if (optind < argc)
                return bad("bundle", "options alone", argv[optind]);
        r = check_options(o);
        return r < 0 ? r : make_ids(o);
}

static void print_check(const char *id, const char *name, const Check *check) {
        (void) printf("%s: %s: %s: expected %s, found %s\n", id, name, check->fault.what, check->fault.expected,
                      check->fault.found);
}

/* What that means for whoever is about to run such a device. */
static const char *consequence(const char *id) {
        return strstr(id, "_DRIVER_") ? "GPUs with this driver cannot be attested; use a driver whose RIM is published" :
               strstr(id, "_SWITCH_") ? "switches with this BIOS cannot be attested; update it to one whose RIM is published" :
                                        "GPUs with this VBIOS cannot be attested; update it to one whose RIM is published";
}

/* 0, or the exit status that it comes to. */
static int judge_rim(const RimEntry *e) {
        const struct {
                const char *name;
                const Check *check;
        } checks[] = {
                { "schema",          &e->schema     },
                { "cert-chain",      &e->chain.path },
                { "cert-chain-ocsp", &e->chain.ocsp },
                { "signature",       &e->signature  },
        };
        int status = EXIT_ACCEPTED;

        if (e->fetched.state != CHECK_PASSED) {
                print_check(e->id, e->fetched.state == CHECK_MISSING ? "MISSING" : "FAILED", &e->fetched);
                if (e->unpublished)
                        (void) printf("  It is not published. Without it, %s.\n", consequence(e->id));
                else if (e->fetched.state == CHECK_MISSING)
                        (void) puts("  Whether it is published is not known: the service gave no answer that says so.");
                return e->fetched.state == CHECK_MISSING ? EXIT_COLLATERAL_MISSING : EXIT_REFUSED;
        }
        for (size_t i = 0; i < ELEMENTSOF(checks); i++) {
                CheckState state = checks[i].check->state;

                if (state == CHECK_PASSED || state == CHECK_NOT_RUN)
                        continue;
                print_check(e->id, checks[i].name, checks[i].check);
                if (status != EXIT_REFUSED)
                        status = state == CHECK_MISSING ? EXIT_COLLATERAL_MISSING : EXIT_REFUSED;
        }
        if (status == EXIT_ACCEPTED && !rim_entry_is_good(e))
                status = EXIT_REFUSED;
        if (status == EXIT_ACCEPTED)
                (void) printf("%s: good, version %s, signers valid until %s\n", e->id, e->content.version,
                              e->chain.expiration);
        return status;
}

/* What is wrong outweighs what is missing. */
static int worse(int a, int b) {
        return a == EXIT_REFUSED || b == EXIT_REFUSED ? EXIT_REFUSED : a != EXIT_ACCEPTED ? a : b;
}

/* What judge_rim() has said already. */
static bool is_about_rim(CheckId id) {
        return (id >= CHECK_DRIVER_RIM && id <= CHECK_DRIVER_RIM + RIM_SIGNATURE) ||
               (id >= CHECK_VBIOS_RIM && id <= CHECK_VBIOS_RIM + RIM_SIGNATURE);
}

/* The nonce is left out: what evidence needs does not depend on whether it is fresh. */
static int judge_devices(const Appraisal *a) {
        int status = a->n_devices > 0 ? EXIT_ACCEPTED : EXIT_REFUSED;

        for (size_t i = 0; i < a->n_devices; i++) {
                const DeviceAppraisal *d = &a->devices[i];
                bool is_switch = d->arch && d->arch->is_switch;
                char key[32];

                (void) snprintf(key, sizeof(key), "device %zu", i);
                for (CheckId id = 0; id < _CHECK_MAX; id++) {
                        CheckState state = d->checks[id].state;

                        if (id == CHECK_NONCE || !check_applies(id, is_switch) || state == CHECK_PASSED || state == CHECK_OFF)
                                continue;
                        if (state != CHECK_NOT_RUN && !is_about_rim(id))
                                print_check(key, check_name(id, is_switch), &d->checks[id]);
                        status = worse(status, state == CHECK_MISSING ? EXIT_COLLATERAL_MISSING : EXIT_REFUSED);
                }
        }
        return status;
}

static int read_evidence(const char *path, EvidenceSet **ret) {
        _cleanup_free_ uint8_t *text = NULL;
        Fault fault = {};
        size_t size;
        int r;

        r = read_file_at(AT_FDCWD, path, EVIDENCE_FILE_MAX, &text, &size);
        if (r < 0) {
                log_error("Failed to read evidence %s: %s", path, read_file_strerror(r));
                return EXIT_CONFIGURATION;
        }
        r = evidence_set_parse((const char *) text, size, ret, &fault);
        if (r == -ENOMEM) {
                (void) log_oom();
                return EXIT_CONFIGURATION;
        }
        if (r < 0)
                (void) printf("%s: %s: expected %s, found %s\n", path, fault.what, fault.expected, fault.found);
        return r < 0 ? EXIT_REFUSED : EXIT_ACCEPTED;
}

/* The end of the first answer to end: until then it helps. */
static void print_summary(const BundleOptions *o, const Collateral *c) {
        OcspAnswerView answer;
        size_t rims = 0, answers = 0;
        time_t end = 0;
        char text[32] = "";
        struct tm tm;

        for (size_t i = 0; i < c->n_rims; i++)
                rims += rim_entry_is_good(c->rims[i]);
        for (size_t i = 0; ocsp_answers_get(c->ocsp, i, &answer); i++) {
                if (!answer.good)
                        continue;
                if (answers++ == 0 || answer.next_update < end)
                        end = answer.next_update;
        }
        if (gmtime_r(&end, &tm))
                (void) strftime(text, sizeof(text), "%FT%TZ", &tm);
        (void) printf("%s: %zu RIMs, %zu OCSP answers, good until %s\n", o->output, rims, answers, text);
}

static int write_bundle(const BundleOptions *o, const Collateral *c) {
        _cleanup_free_ char *text = NULL;
        int r;

        r = bundle_format(c, time(NULL), &text);
        if (r >= 0)
                r = write_file_atomic(o->output, text, strlen(text), 0644);
        if (r < 0) {
                log_error("Failed to write %s: %s", o->output, read_file_strerror(r));
                return EXIT_CONFIGURATION;
        }
        print_summary(o, c);
        return EXIT_ACCEPTED;
}

static int get_collateral(const BundleOptions *o, const EvidenceSet *set, GatherResult *ret) {
        FetchOptions fetch = o->fetch;
        const GatherOptions options = {
                .collateral = {
                        .anchors_dir = o->trust_anchors,
                        .ocsp = true,
                        .device_time = time(NULL),
                        .rim_time = time(NULL),
                },
                .fetch = &fetch,
        };
        Fault fault = {};
        int r;

        fetch_options_start(&fetch);
        r = set ? gather(set, NULL, &options, ret, &fault) :
                  gather_rims((const char *const *) o->ids, &options, ret, &fault);
        if (r < 0 && *fault.what)
                log_error("%s: expected %s, found %s.", fault.what, fault.expected, fault.found);
        else if (r < 0)
                (void) log_error_errno(r, "Failed to get collateral: %m");
        return r < 0 ? EXIT_CONFIGURATION : EXIT_ACCEPTED;
}

static int run(const BundleOptions *o) {
        _cleanup_(gather_result_done) GatherResult result = {};
        _cleanup_(evidence_set_freep) EvidenceSet *set = NULL;
        int status = EXIT_ACCEPTED;

        if (o->evidence)
                status = read_evidence(o->evidence, &set);
        if (status == EXIT_ACCEPTED)
                status = get_collateral(o, set, &result);
        if (status != EXIT_ACCEPTED)
                return status;
        for (size_t i = 0; i < result.collateral->n_rims; i++)
                status = worse(status, judge_rim(result.collateral->rims[i]));
        if (result.appraisal)
                status = worse(status, judge_devices(result.appraisal));
        return status == EXIT_ACCEPTED && o->output ? write_bundle(o, result.collateral) : status;
}

int verb_bundle(int argc, char *argv[]) {
        _cleanup_(bundle_options_done) BundleOptions o = { .fetch = FETCH_OPTIONS_DEFAULT };
        int status;

        if (parse(argc, argv, &o) < 0)
                return EXIT_CONFIGURATION;
        if (o.done)
                return EXIT_SUCCESS;
        if (rim_library_init() < 0) {
                log_error("Failed to start the XML signature library.");
                return EXIT_CONFIGURATION;
        }
        status = run(&o);
        rim_library_done();
        return status;
}
