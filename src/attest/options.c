/* SPDX-License-Identifier: Apache-2.0 */

#include "attest/options.h"

#include <getopt.h>
#include <string.h>

#include "attest/fetch-options.h"
#include "attest/instant.h"
#include "attest/rim.h"
#include "attest/verdict.h"
#include "basic/conf.h"
#include "basic/hex.h"
#include "basic/log.h"

static void print_help(void) {
        (void) puts("cocoon-attest verify --evidence FILE [OPTION]…\n"
                    "cocoon-attest inspect FILE [--check]\n"
                    "cocoon-attest collect [-o FILE]      has a --help of its own\n"
                    "cocoon-attest bundle [-o FILE]       has a --help of its own\n"
                    "cocoon-attest boot                   has a --help of its own\n"
                    "cocoon-attest absent                 has a --help of its own\n"
                    "cocoon-attest replay-log             has a --help of its own\n"
                    "\n"
                    "Collect the attestation evidence of NVIDIA GPUs and NVSwitches, and appraise it, offline or with NVIDIA's services.\n"
                    "\n"
                    "verify:\n"
                    "     --evidence FILE          evidence in a JSON form of NVIDIA's tools\n"
                    "     --nonce HEX              the nonce that was asked for (64 hexadecimal digits)\n"
                    "     --policy FILE            rules for the claims [the installed attest_policy.json]\n"
                    "     --claims-version VERSION 2.0, 3.0 or 4.0 [what the policy names]\n"
                    "     --rim-dir DIR            where RIMs are, as ID.xml; may be repeated\n"
                    "     --ocsp-dir DIR           where OCSP answers are, as *.der; may be repeated\n"
                    "     --bundle FILE            RIMs and OCSP answers in one file, block device or directory\n"
                    "     --cache DIR              what services gave before, and what they give now\n"
                    "     --max-collateral-age TIME\n"
                    "                              OCSP answers must not be older [until they say themselves]\n"
                    "     --ocsp=require|off       off: revocation is not asked about [require]\n"
                    "     --eat FILE               write the claims as a token bundle (EAT) as well\n"
                    "     --json                   print one JSON object\n"
                    "     --online                 ask NVIDIA's services for what is missing:\n"
                    FETCH_HELP
                    "inspect:\n"
                    "     --check                  judge a RIM's schema, signature and chain\n"
                    "both:\n"
                    "     --trust-anchors DIR      device-root.pem and rim-root.pem in place of NVIDIA's roots\n"
                    "     --at [device=|rim=]TIME  judge validity at this time (RFC 3339) [now]\n"
                    "  -h --help\n"
                    "     --version\n"
                    "\n"
                    "Exit status: 0 accepted, 1 refused, 2 usage, configuration or unreadable file, 3 collateral missing.");
}

#define TIME_UNSET ((time_t) -1)

enum {
        OPT_EVIDENCE = 256,
        OPT_NONCE,
        OPT_POLICY,
        OPT_RIM_DIR,
        OPT_OCSP_DIR,
        OPT_OCSP,
        OPT_TRUST_ANCHORS,
        OPT_AT,
        OPT_CLAIMS_VERSION,
        OPT_EAT,
        OPT_JSON,
        OPT_CHECK,
        OPT_BUNDLE,
        OPT_CACHE,
        OPT_MAX_AGE,
        OPT_ONLINE,
        OPT_VERSION,
};

static const struct option long_options[] = {
        { "evidence",       required_argument, NULL, OPT_EVIDENCE       },
        { "nonce",          required_argument, NULL, OPT_NONCE          },
        { "policy",         required_argument, NULL, OPT_POLICY         },
        { "rim-dir",        required_argument, NULL, OPT_RIM_DIR        },
        { "ocsp-dir",       required_argument, NULL, OPT_OCSP_DIR       },
        { "ocsp",           required_argument, NULL, OPT_OCSP           },
        { "trust-anchors",  required_argument, NULL, OPT_TRUST_ANCHORS  },
        { "at",             required_argument, NULL, OPT_AT             },
        { "claims-version", required_argument, NULL, OPT_CLAIMS_VERSION },
        { "eat",            required_argument, NULL, OPT_EAT            },
        { "json",           no_argument,       NULL, OPT_JSON           },
        { "check",          no_argument,       NULL, OPT_CHECK          },
        { "bundle",         required_argument, NULL, OPT_BUNDLE         },
        { "cache",          required_argument, NULL, OPT_CACHE          },
        { "max-collateral-age", required_argument, NULL, OPT_MAX_AGE    },
        { "online",         no_argument,       NULL, OPT_ONLINE         },
        FETCH_LONG_OPTIONS,
        { "help",           no_argument,       NULL, 'h'                },
        { "version",        no_argument,       NULL, OPT_VERSION        },
        {},
};

static int append(const char ***list, const char *item) {
        const char **grown;
        size_t n = 0;

        while (*list && (*list)[n])
                n++;
        grown = reallocarray(*list, n + 2, sizeof(*grown));
        if (!grown)
                return -ENOMEM;
        grown[n] = item;
        grown[n + 1] = NULL;
        *list = grown;
        return 0;
}

static int bad(const char *option, const char *expected, const char *found) {
        log_error("%s: expected %s, found \"%s\".", option, expected, found);
        return -EINVAL;
}

static int parse_at(Options *o, const char *text) {
        static const struct {
                const char *prefix;
                size_t time;
        } scopes[] = {
                { "device=", offsetof(Options, device_time) },
                { "rim=",    offsetof(Options, rim_time)    },
                { "",        offsetof(Options, any_time)    },
        };

        for (size_t i = 0; i < ELEMENTSOF(scopes); i++) {
                size_t n = strlen(scopes[i].prefix);
                time_t t;

                if (strncmp(text, scopes[i].prefix, n) != 0)
                        continue;
                if (instant_parse(text + n, &t) < 0)
                        break;
                *(time_t *) (void *) ((char *) o + scopes[i].time) = t;
                return 0;
        }
        return bad("--at", "[device=|rim=]TIME as in 2025-08-21T12:00:00Z", text);
}

static int parse_nonce(Options *o, const char *text) {
        if (hex_decode(text, strlen(text), o->nonce, sizeof(o->nonce)) < 0)
                return bad("--nonce", "64 hexadecimal digits", text);
        o->have_nonce = true;
        return 0;
}

static int parse_ocsp(Options *o, const char *text) {
        if (strcmp(text, "require") != 0 && strcmp(text, "off") != 0)
                return bad("--ocsp", "require or off", text);
        o->ocsp = *text == 'r';
        return 0;
}

static int parse_version(Options *o, const char *text) {
        o->version = claims_version_from_string(text);
        if (o->version == _CLAIMS_VERSION_INVALID)
                return bad("--claims-version", "2.0, 3.0 or 4.0", text);
        o->have_version = true;
        return 0;
}

static int parse_max_age(Options *o, const char *text) {
        if (*text && conf_parse_sec(NULL, text, &o->max_age) >= 0 && o->max_age > 0)
                return 0;
        return bad("--max-collateral-age", "a time such as 12h", text);
}

static int take_fetch_option(Options *o, int option, const char *argument) {
        int r;

        r = fetch_options_take(&o->fetch, option, argument);
        o->have_fetch = o->have_fetch || r > 0;
        return r > 0 ? 0 : -EINVAL; /* getopt or the parser has said why */
}

static int take_option(Options *o, int option, const char *argument) {
        switch (option) {
        case OPT_EVIDENCE:       o->evidence = argument; return 0;
        case OPT_NONCE:          return parse_nonce(o, argument);
        case OPT_POLICY:         o->policy = argument; return 0;
        case OPT_RIM_DIR:        return append(&o->rim_dirs, argument);
        case OPT_OCSP_DIR:       return append(&o->ocsp_dirs, argument);
        case OPT_OCSP:           return parse_ocsp(o, argument);
        case OPT_TRUST_ANCHORS:  o->trust_anchors = argument; return 0;
        case OPT_AT:             return parse_at(o, argument);
        case OPT_CLAIMS_VERSION: return parse_version(o, argument);
        case OPT_EAT:            o->eat = argument; return 0;
        case OPT_JSON:           o->json = true; return 0;
        case OPT_CHECK:          o->check = true; return 0;
        case OPT_BUNDLE:         o->bundle = argument; return 0;
        case OPT_CACHE:          o->cache = argument; return 0;
        case OPT_MAX_AGE:        return parse_max_age(o, argument);
        case OPT_ONLINE:         o->online = true; return 0;
        case 'h':                print_help(); o->done = true; return 0;
        case OPT_VERSION:        (void) puts("cocoon-attest " PROJECT_VERSION); o->done = true; return 0;
        default:                 return take_fetch_option(o, option, argument);
        }
}

int options_parse(int argc, char *argv[], Options *ret) {
        _cleanup_(options_done) Options o = { .ocsp = true, .fetch = FETCH_OPTIONS_DEFAULT };
        int option, r;

        o.any_time = time(NULL);
        o.device_time = o.rim_time = TIME_UNSET;
        while ((option = getopt_long(argc, argv, "h", long_options, NULL)) >= 0) {
                r = take_option(&o, option, optarg);
                if (r < 0)
                        return r;
                if (o.done)
                        break;
        }
        if (o.have_fetch && !o.online && !o.done) {
                log_error("The options about services belong to --online; see cocoon-attest --help.");
                return -EINVAL;
        }
        /* What is named counts, in whatever order the options stand. */
        if (o.device_time == TIME_UNSET)
                o.device_time = o.any_time;
        if (o.rim_time == TIME_UNSET)
                o.rim_time = o.any_time;
        o.operands = argv + optind;
        o.n_operands = argc - optind;
        *ret = TAKE_STRUCT(o);
        return 0;
}

void options_done(Options *o) {
        free(o->rim_dirs);
        free(o->ocsp_dirs);
        *o = (Options){};
}

int options_run(int argc, char *argv[], int (*run)(const Options *options)) {
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
