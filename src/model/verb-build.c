/* SPDX-License-Identifier: Apache-2.0 */

#include <getopt.h>
#include <stdio.h>
#include <string.h>
#include <systemd/sd-daemon.h>

#include "basic/hex.h"
#include "basic/json.h"
#include "basic/log.h"
#include "model/build.h"
#include "model/interrupt.h"
#include "model/verbs.h"

#define JOBS_MAX 256

static const char help[] =
        "cocoon-model build NAME[@COMMIT[:ROOTHASH]] [OPTION]…\n"
        "\n"
        "Build a model's image and its dm-verity hash tree, in one pass, the same on every machine.\n"
        "\n"
        "     --from-directory DIR         take the files from here, not from the hub\n"
        "     --output DIR                 where the image goes [.]\n"
        "     --tar-version 1.34|1.35|auto whose headers the archive has; auto: 1.35, or what ROOTHASH is of [auto]\n"
        "     --jobs N                     threads [one for each processor, with a directory two]\n"
        "     --force                      build it again, although it is finished\n"
        "     --json                       print JSON, an object a line\n"
        "     --report SOCKET              tell cocoon-hostd how it goes\n"
        "  -h --help\n"
        "\n"
        "The last line of the output is NAME@COMMIT:ROOTHASH PATH. Exit status: 0 done, 1 not done, 2 usage.";

enum {
        OPT_FROM_DIRECTORY = 256,
        OPT_OUTPUT,
        OPT_TAR_VERSION,
        OPT_JOBS,
        OPT_FORCE,
        OPT_JSON,
        OPT_REPORT,
};

static const struct option long_options[] = {
        { "from-directory", required_argument, NULL, OPT_FROM_DIRECTORY },
        { "output",         required_argument, NULL, OPT_OUTPUT         },
        { "tar-version",    required_argument, NULL, OPT_TAR_VERSION    },
        { "jobs",           required_argument, NULL, OPT_JOBS           },
        { "force",          no_argument,       NULL, OPT_FORCE          },
        { "json",           no_argument,       NULL, OPT_JSON           },
        { "report",         required_argument, NULL, OPT_REPORT         },
        { "help",           no_argument,       NULL, 'h'                },
        {},
};

static int parse_jobs(const char *text, unsigned *ret) {
        char *end;
        long n = strtol(text, &end, 10);

        if (!*text || *end || n < 1 || n > JOBS_MAX) {
                log_error("--jobs: expected a number from 1 to %d, found '%s'.", JOBS_MAX, text);
                return -EINVAL;
        }
        *ret = (unsigned) n;
        return 0;
}

static int parse_tar_version(const char *text, TarVersion *ret) {
        *ret = tar_version_from_string(text);
        if (*ret == _TAR_VERSION_INVALID && strcmp(text, "auto") != 0) {
                log_error("--tar-version: expected 1.34, 1.35 or auto, found '%s'.", text);
                return -EINVAL;
        }
        return 0;
}

/* 1 when there is nothing more to do. */
static int parse_options(int argc, char *argv[], BuildOptions *ret) {
        int c, r = 0;

        while (r >= 0 && (c = getopt_long(argc, argv, "h", long_options, NULL)) >= 0)
                switch (c) {
                case OPT_FROM_DIRECTORY:
                        ret->from_directory = optarg;
                        break;
                case OPT_OUTPUT:
                        ret->output = optarg;
                        break;
                case OPT_TAR_VERSION:
                        r = parse_tar_version(optarg, &ret->version);
                        break;
                case OPT_JOBS:
                        r = parse_jobs(optarg, &ret->jobs);
                        break;
                case OPT_FORCE:
                        ret->force = true;
                        break;
                case OPT_JSON:
                        ret->json = true;
                        break;
                case OPT_REPORT:
                        ret->report->path = optarg;
                        break;
                case 'h':
                        (void) puts(help);
                        return 1;
                default:
                        return -EINVAL; /* getopt_long() has said it */
                }
        if (r >= 0 && argc - optind != 1) {
                log_error("build: expected one specification, NAME[@COMMIT[:ROOTHASH]], found %d.", argc - optind);
                return -EINVAL;
        }
        return r;
}

static int print_json(const BuildResult *result, const char *line) {
        _cleanup_json_ json_object *o = json_object_new_object();
        char root[2 * ROOT_HASH_SIZE + 1];

        hex_encode(result->spec.root_hash, ROOT_HASH_SIZE, root);
        if (!o || json_add_string(o, "event", "done") < 0 || json_add_string(o, "spec", line) < 0 ||
            json_add_string(o, "name", result->spec.name) < 0 || json_add_string(o, "commit", result->spec.commit) < 0 ||
            json_add_string(o, "root_hash", root) < 0 || json_add_string(o, "path", result->path) < 0 ||
            json_add_bool(o, "found", result->found) < 0)
                return -ENOMEM;
        (void) puts(json_object_to_json_string_ext(o, JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE));
        return 0;
}

static int print_result(const BuildResult *result, bool json, Report *report) {
        char line[sizeof(result->spec.name) + sizeof(result->spec.commit) + 2 * ROOT_HASH_SIZE + 3];
        char root[2 * ROOT_HASH_SIZE + 1];

        if (result->shared)
                log_info("%s was built by someone else meanwhile.", result->path);
        else if (result->found)
                log_info("%s is finished already; --force builds it again.", result->path);
        hex_encode(result->spec.root_hash, ROOT_HASH_SIZE, root);
        (void) snprintf(line, sizeof(line), "%s@%s:%s", result->spec.name, result->spec.commit, root);
        (void) sd_notifyf(false, "STATUS=%s", line);
        report_done(report, line);
        if (json) {
                if (print_json(result, line) < 0)
                        return -ENOMEM;
        } else
                (void) printf("%s %s\n", line, result->path);
        return 0;
}

/* The same words for the terminal, for systemctl status, and for the daemon. */
static void say_fault(Report *report, int error, const Fault *f) {
        char text[sizeof(*f) + 32];

        (void) snprintf(text, sizeof(text), "%s: expected %s, found %s.", f->what, f->expected, f->found);
        log_error("%s", text);
        (void) sd_notifyf(false, "STATUS=%s", text);
        report_failed(report, error, text);
}

int verb_build(int argc, char *argv[]) {
        _cleanup_(build_result_done) BuildResult result = {};
        Report report = REPORT_NONE;
        BuildOptions options = { .output = ".", .version = _TAR_VERSION_INVALID, .report = &report };
        Fault fault = { .what = "build", .expected = "memory", .found = "none left" };
        ModelSpec spec;
        int r;

        r = parse_options(argc, argv, &options);
        if (r != 0)
                return r < 0 ? MODEL_USAGE : MODEL_DONE;
        r = model_spec_parse(argv[optind], &spec, &fault);
        if (r < 0) {
                say_fault(&report, r, &fault);
                return MODEL_USAGE;
        }
        interrupt_block();
        r = build_model(&spec, &options, &result, &fault);
        if (r < 0) {
                say_fault(&report, r, &fault);
                return MODEL_REFUSED;
        }
        return verb_end(print_result(&result, options.json, &report) < 0 ? MODEL_REFUSED : MODEL_DONE);
}
