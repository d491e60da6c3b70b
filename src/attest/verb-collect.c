/* SPDX-License-Identifier: Apache-2.0 */

#include <assert.h>
#include <getopt.h>
#include <string.h>

#include "attest/collect.h"
#include "attest/verbs.h"
#include "attest/verdict.h"
#include "basic/clock.h"
#include "basic/conf.h"
#include "basic/hex.h"
#include "basic/io.h"
#include "basic/json.h"
#include "basic/log.h"

#define TIMEOUT_USEC  (30 * USEC_PER_SEC)
#define DEADLINE_USEC (120 * USEC_PER_SEC)
#define RETRIES       2U
#define RETRIES_MAX   100U

static const char help[] =
        "cocoon-attest collect [OPTION]…\n"
        "\n"
        "Ask the GPUs and NVSwitches of this machine for attestation evidence, and write it as NVIDIA's tools do.\n"
        "\n"
        "  -o --output FILE            where it goes [standard output]\n"
        "     --nonce HEX              ask every device for exactly this (64 hexadecimal digits) [each for one of its\n"
        "                              own, derived from a fresh root nonce, which is printed]\n"
        "     --gpus N                 how many GPUs there must be [at least one]\n"
        "     --switches N|any         NVSwitches too, so many of them [where the mode is protected PCIe, any number]\n"
        "     --timeout TIME           for one attempt at one device [30s]\n"
        "     --retries N              attempts after the first [2]\n"
        "     --deadline TIME          for everything [2min]\n"
        "     --json                   print one JSON object: nonce, mode, devices, and without --output the evidence\n"
        "  -h --help\n"
        "\n"
        "Exit status: 0 collected, 1 refused or failed, 2 usage or a file that cannot be written.";

enum {
        OPT_NONCE = 256,
        OPT_GPUS,
        OPT_SWITCHES,
        OPT_TIMEOUT,
        OPT_RETRIES,
        OPT_DEADLINE,
        OPT_JSON,
};

static const struct option long_options[] = {
        { "output",   required_argument, NULL, 'o'          },
        { "nonce",    required_argument, NULL, OPT_NONCE    },
        { "gpus",     required_argument, NULL, OPT_GPUS     },
        { "switches", required_argument, NULL, OPT_SWITCHES },
        { "timeout",  required_argument, NULL, OPT_TIMEOUT  },
        { "retries",  required_argument, NULL, OPT_RETRIES  },
        { "deadline", required_argument, NULL, OPT_DEADLINE },
        { "json",     no_argument,       NULL, OPT_JSON     },
        { "help",     no_argument,       NULL, 'h'          },
        {},
};

typedef struct CollectOptions {
        const char *output;
        bool have_nonce, json;
        uint8_t nonce[NONCE_SIZE];
        uint64_t deadline; /* from now */
        SurveyWants wants;
} CollectOptions;

static int bad(const char *option, const char *expected, const char *found) {
        log_error("%s: expected %s, found \"%s\".", option, expected, found);
        return -EINVAL;
}

static int parse_count(const char *option, const char *text, unsigned *ret) {
        if (conf_parse_unsigned(NULL, text, ret) < 0 || *ret == 0 || *ret > SURVEY_DEVICES_MAX)
                return bad(option, "a number from 1 to 64", text);
        return 0;
}

static int parse_switches(const char *text, SurveyWants *w) {
        w->with_switches = true;
        w->switches = 0;
        return strcmp(text, "any") == 0 ? 0 : parse_count("--switches", text, &w->switches);
}

static int parse_time(const char *option, const char *text, uint64_t *ret) {
        if (conf_parse_sec(NULL, text, ret) < 0 || *ret == 0 || *ret == UINT64_MAX)
                return bad(option, "a time such as 30s", text);
        return 0;
}

static int parse_retries(const char *text, unsigned *ret) {
        if (conf_parse_unsigned(NULL, text, ret) < 0 || *ret > RETRIES_MAX)
                return bad("--retries", "a number from 0 to 100", text);
        return 0;
}

static int parse_nonce(const char *text, CollectOptions *o) {
        if (hex_decode(text, strlen(text), o->nonce, sizeof(o->nonce)) < 0)
                return bad("--nonce", "64 hexadecimal digits", text);
        o->have_nonce = true;
        return 0;
}

/* 1 when there is nothing more to do. */
static int parse_options(int argc, char *argv[], CollectOptions *o) {
        int c, r = 0;

        while (r >= 0 && (c = getopt_long(argc, argv, "o:h", long_options, NULL)) >= 0)
                switch (c) {
                case 'o':
                        o->output = optarg;
                        break;
                case OPT_NONCE:
                        r = parse_nonce(optarg, o);
                        break;
                case OPT_GPUS:
                        r = parse_count("--gpus", optarg, &o->wants.gpus);
                        break;
                case OPT_SWITCHES:
                        r = parse_switches(optarg, &o->wants);
                        break;
                case OPT_TIMEOUT:
                        r = parse_time("--timeout", optarg, &o->wants.device_timeout_usec);
                        break;
                case OPT_RETRIES:
                        r = parse_retries(optarg, &o->wants.retries);
                        break;
                case OPT_DEADLINE:
                        r = parse_time("--deadline", optarg, &o->deadline);
                        break;
                case OPT_JSON:
                        o->json = true;
                        break;
                case 'h':
                        (void) puts(help);
                        return 1;
                default:
                        return -EINVAL; /* getopt_long() has said it */
                }
        if (r >= 0 && optind < argc) {
                log_error("collect takes no operand, found \"%s\"; see cocoon-attest collect --help.", argv[optind]);
                return -EINVAL;
        }
        return r;
}

static int collect(CollectOptions *o, Survey **ret_survey, EvidenceSet **ret_set) {
        const uint64_t now = monotonic_usec();
        Fault f = {};
        int r = 0;

        o->wants.deadline_usec = o->deadline > UINT64_MAX - now ? 0 : now + o->deadline;
        if (!o->have_nonce)
                r = nonce_fresh(o->nonce);
        if (r < 0)
                return log_error_errno(r, "Failed to draw a nonce: %m");
        r = survey_take(&o->wants, ret_survey, &f);
        if (r >= 0)
                r = survey_judge(*ret_survey, &o->wants, &f);
        if (r >= 0)
                r = collect_evidence(*ret_survey, &o->wants, o->nonce, !o->have_nonce, ret_set, &f);
        if (r < 0)
                log_error("%s: expected %s, found %s.", f.what, f.expected, f.found);
        return r;
}

static int device_json(const DeviceFacts *d, json_object *list) {
        _cleanup_json_ json_object *o = json_object_new_object();
        char pdi[2 * PDI_SIZE + 1];

        hex_encode(d->pdi, PDI_SIZE, pdi);
        if (!o || json_add_string(o, "kind", d->is_switch ? "switch" : "gpu") < 0 ||
            json_add_int(o, "index", d->index) < 0 || json_add_string(o, "arch", arch_info(d->arch)->name) < 0 ||
            json_add_string(o, "uuid", d->uuid) < 0 || json_add_string(o, "driver_version", d->driver_version) < 0 ||
            json_add_string(o, "vbios_version", d->is_switch ? NULL : d->vbios_version) < 0 ||
            json_add_string(o, "pdi", d->have_pdi ? pdi : NULL) < 0 || json_object_array_add(list, o) < 0)
                return -ENOMEM;
        TAKE_PTR(o);
        return 0;
}

static int result_json(const CollectOptions *o, const Survey *s, const EvidenceSet *set, json_object **ret) {
        _cleanup_json_ json_object *root = json_object_new_object(), *devices = json_object_new_array();
        char nonce[2 * NONCE_SIZE + 1];
        json_object *evidences;

        hex_encode(o->nonce, NONCE_SIZE, nonce);
        for (size_t i = 0; devices && i < set->n_items; i++)
                if (device_json(set->items[i].told, devices) < 0)
                        return -ENOMEM;
        if (!root || !devices || json_add_string(root, "nonce", nonce) < 0 ||
            json_add_bool(root, "derived", !o->have_nonce) < 0 || json_add_string(root, "driver_version", s->driver_version) < 0 ||
            json_add_int(root, "environment", s->environment) < 0 || json_add_int(root, "cc_feature", s->cc_feature) < 0 ||
            json_add_int(root, "dev_tools_mode", s->dev_tools_mode) < 0 ||
            json_add_int(root, "multi_gpu_mode", s->multi_gpu_mode) < 0 || json_add(root, "devices", TAKE_PTR(devices)) < 0)
                return -ENOMEM;
        if (!o->output && (evidence_set_to_json(set, &evidences) < 0 || json_add(root, "evidences", evidences) < 0))
                return -ENOMEM;
        *ret = TAKE_PTR(root);
        return 0;
}

static int print_result(const CollectOptions *o, const Survey *s, const EvidenceSet *set, const char *text) {
        _cleanup_json_ json_object *root = NULL;
        char nonce[2 * NONCE_SIZE + 1];

        assert(set);
        if (o->json) {
                if (result_json(o, s, set, &root) < 0)
                        return log_oom();
                text = json_object_to_json_string_ext(root, JSON_C_TO_STRING_PRETTY | JSON_C_TO_STRING_SPACED | JSON_C_TO_STRING_NOSLASHESCAPE);
                (void) puts(text ?: "");
        } else if (!o->output)
                (void) fputs(text, stdout);
        if (fflush(stdout) != 0 || ferror(stdout))
                return log_error_errno(EIO, "Failed to print what was collected: %m");
        log_info("Collected evidence of %zu device%s; its verification needs --nonce %s", set->n_items,
                 set->n_items == 1 ? "" : "s", hex_encode(o->nonce, NONCE_SIZE, nonce));
        return 0;
}

int verb_collect(int argc, char *argv[]) {
        CollectOptions o = { .deadline = DEADLINE_USEC,
                             .wants = { .device_timeout_usec = TIMEOUT_USEC, .retries = RETRIES } };
        _cleanup_(evidence_set_freep) EvidenceSet *set = NULL;
        _cleanup_(survey_freep) Survey *survey = NULL;
        _cleanup_free_ char *text = NULL;
        int r;

        r = parse_options(argc, argv, &o);
        if (r != 0)
                return r < 0 ? EXIT_CONFIGURATION : EXIT_SUCCESS;
        if (collect(&o, &survey, &set) < 0)
                return EXIT_REFUSED;
        if (evidence_set_write(set, &text) < 0) {
                (void) log_oom();
                return EXIT_REFUSED;
        }
        r = o.output ? write_file_atomic(o.output, text, strlen(text), 0644) : 0;
        if (r < 0) {
                log_error("Failed to write %s: %s", o.output, read_file_strerror(r));
                return EXIT_CONFIGURATION;
        }
        return print_result(&o, survey, set, text) < 0 ? EXIT_CONFIGURATION : EXIT_SUCCESS;
}
