/* SPDX-License-Identifier: Apache-2.0 */

#include <getopt.h>
#include <libgen.h>
#include <string.h>

#include "basic/log.h"
#include "model/report.h"
#include "model/spec.h"
#include "model/store.h"
#include "model/verbs.h"

static const char help[] =
        "cocoon-model remove IMAGE [OPTION]…\n"
        "\n"
        "Remove an image, finished or not, with all that belongs to it. One that is used or being built stays.\n"
        "\n"
        "     --store DIR     IMAGE is a specification, NAME@COMMIT, of an image in this directory\n"
        "     --report SOCKET tell cocoon-hostd how it goes\n"
        "  -h --help\n"
        "\n"
        "Exit status: 0 removed, 1 not, 2 usage.";

enum { OPT_STORE = 256, OPT_REPORT };

static const struct option long_options[] = {
        { "store",  required_argument, NULL, OPT_STORE  },
        { "report", required_argument, NULL, OPT_REPORT },
        { "help",   no_argument,       NULL, 'h'        },
        {},
};

int verb_find_image(const char *argument, const char *store, char **ret, Fault *ret_fault) {
        _cleanup_free_ char *name = NULL;
        char *path;
        ModelSpec spec;
        int r;

        if (!store) {
                *ret = strdup(argument);
                return *ret ? 0 : fault_set(ret_fault, ENOMEM, "image", "memory", "none left");
        }
        r = model_spec_parse(argument, &spec, ret_fault);
        if (r < 0)
                return r;
        if (!spec.commit[0] || spec.has_root_hash || strchr(spec.commit, '/'))
                return fault_set(ret_fault, EINVAL, "model specification", "NAME@COMMIT", "%s", argument);
        name = model_image_name(&spec);
        if (!name || asprintf(&path, "%s/%s", store, name) < 0)
                return fault_set(ret_fault, ENOMEM, "image", "memory", "none left");
        *ret = path;
        return 0;
}

/* 1 when there is nothing more to do. */
static int parse_options(int argc, char *argv[], const char **ret_store, Report *report) {
        int c;

        while ((c = getopt_long(argc, argv, "h", long_options, NULL)) >= 0)
                switch (c) {
                case OPT_STORE:
                        *ret_store = optarg;
                        break;
                case OPT_REPORT:
                        report->path = optarg;
                        break;
                case 'h':
                        (void) puts(help);
                        return 1;
                default:
                        return -EINVAL; /* getopt_long() has said it */
                }
        if (argc - optind != 1) {
                log_error("remove: expected one image, found %d.", argc - optind);
                return -EINVAL;
        }
        return 0;
}

static int remove_image(const char *image, Fault *f) {
        _cleanup_free_ char *directory = strdup(image), *name = strdup(image);
        _cleanup_(store_paths_done) StorePaths paths = {};
        ModelSpec spec;
        int r;

        if (!directory || !name)
                return fault_set(f, ENOMEM, "image", "memory", "none left");
        if (model_spec_from_image_name(basename(name), &spec) < 0)
                return fault_set(f, EINVAL, "image", "a file NAME@COMMIT.tar", "%s", image);
        r = store_paths_make(dirname(directory), &spec, &paths);
        if (r >= 0)
                r = store_remove(&paths);
        if (r == -ENOENT)
                return fault_set(f, ENOENT, "image", "one that is there", "nothing called %s", image);
        if (r == -EBUSY)
                return fault_set(f, EBUSY, "image", "one that nobody uses or builds", "%s, which somebody does", image);
        return r < 0 ? fault_set(f, r, "image", "to be able to remove it", "%s: %s", image, strerror(-r)) : 0;
}

int verb_remove(int argc, char *argv[]) {
        _cleanup_free_ char *image = NULL;
        Report report = REPORT_NONE;
        const char *store = NULL;
        char text[640];
        Fault fault;
        int r;

        r = parse_options(argc, argv, &store, &report);
        if (r != 0)
                return r < 0 ? MODEL_USAGE : MODEL_DONE;
        report_step(&report, "Removing", 0, 0);
        r = verb_find_image(argv[optind], store, &image, &fault);
        if (image)
                r = remove_image(image, &fault);
        if (r < 0) {
                (void) snprintf(text, sizeof(text), "%s: expected %s, found %s.", fault.what, fault.expected, fault.found);
                log_error("%s", text);
                report_failed(&report, r, text);
                return r == -EINVAL ? MODEL_USAGE : MODEL_REFUSED;
        }
        report_done(&report, NULL);
        return MODEL_DONE;
}
