/* SPDX-License-Identifier: Apache-2.0 */

#include <fcntl.h>
#include <getopt.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include "basic/clock.h"
#include "basic/hex.h"
#include "basic/io.h"
#include "basic/json.h"
#include "basic/log.h"
#include "model/interrupt.h"
#include "model/progress.h"
#include "model/report.h"
#include "model/spec.h"
#include "model/stamp.h"
#include "model/verbs.h"
#include "model/verify.h"

static const char help[] =
        "cocoon-model verify IMAGE [OPTION]…\n"
        "\n"
        "Check every block of an image against its hash tree, IMAGE.verity, and the tree against the root hash.\n"
        "\n"
        "     --root-hash H   what the root hash must be [what IMAGE.hash says]\n"
        "     --tree FILE     where the hash tree is [IMAGE.verity]\n"
        "     --jobs N        threads [one for each processor]\n"
        "     --json          print JSON, an object a line\n"
        "     --store DIR     IMAGE is a specification, NAME@COMMIT, of an image in this directory; the outcome is noted\n"
        "                     beside it, in IMAGE.verified\n"
        "     --report SOCKET tell cocoon-hostd how it goes\n"
        "  -h --help\n"
        "\n"
        "Exit status: 0 intact, 1 not, 2 usage.";

typedef struct VerifyOptions {
        const char *image, *tree, *root_hash, *store;
        unsigned jobs;
        bool json;
        Report report;
} VerifyOptions;

enum {
        OPT_ROOT_HASH = 256,
        OPT_TREE,
        OPT_JOBS,
        OPT_JSON,
        OPT_STORE,
        OPT_REPORT,
};

static const struct option long_options[] = {
        { "root-hash", required_argument, NULL, OPT_ROOT_HASH },
        { "tree",      required_argument, NULL, OPT_TREE      },
        { "jobs",      required_argument, NULL, OPT_JOBS      },
        { "json",      no_argument,       NULL, OPT_JSON      },
        { "store",     required_argument, NULL, OPT_STORE     },
        { "report",    required_argument, NULL, OPT_REPORT    },
        { "help",      no_argument,       NULL, 'h'           },
        {},
};

/* 1 when there is nothing more to do. */
static int parse_options(int argc, char *argv[], VerifyOptions *ret) {
        char *end;
        int c;

        while ((c = getopt_long(argc, argv, "h", long_options, NULL)) >= 0)
                switch (c) {
                case OPT_ROOT_HASH:
                        ret->root_hash = optarg;
                        break;
                case OPT_TREE:
                        ret->tree = optarg;
                        break;
                case OPT_JOBS:
                        ret->jobs = (unsigned) strtoul(optarg, &end, 10);
                        if (!*optarg || *end || ret->jobs == 0 || ret->jobs > 256) {
                                log_error("--jobs: expected a number from 1 to 256, found '%s'.", optarg);
                                return -EINVAL;
                        }
                        break;
                case OPT_JSON:
                        ret->json = true;
                        break;
                case OPT_STORE:
                        ret->store = optarg;
                        break;
                case OPT_REPORT:
                        ret->report.path = optarg;
                        break;
                case 'h':
                        (void) puts(help);
                        return 1;
                default:
                        return -EINVAL; /* getopt_long() has said it */
                }
        if (argc - optind != 1) {
                log_error("verify: expected one image, found %d.", argc - optind);
                return -EINVAL;
        }
        if (ret->store && (ret->tree || ret->root_hash)) {
                log_error("--store: expected neither --tree nor --root-hash beside it: what is noted is about what the store has.");
                return -EINVAL;
        }
        ret->image = argv[optind];
        return 0;
}

/* The same words for whoever is there to hear them. Returns -|error|. */
_printf_(3, 4) static int say(VerifyOptions *o, int error, const char *format, ...) {
        char text[640];
        va_list ap;

        va_start(ap, format);
        (void) vsnprintf(text, sizeof(text), format, ap);
        va_end(ap);
        log_error("%s", text);
        report_failed(&o->report, error, text);
        return -abs(error);
}

static int open_or_say(VerifyOptions *o, const char *path, int *ret) {
        _cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
        struct stat st;

        if (fd < 0 || fstat(fd, &st) < 0)
                return say(o, errno, "%s: cannot be opened: %s", path, strerror(errno));
        if (!S_ISREG(st.st_mode) && !S_ISBLK(st.st_mode))
                return say(o, EINVAL, "%s: expected a file or a disk, found something else.", path);
        *ret = TAKE_FD(fd);
        return 0;
}

/* The root hash that was given, or the one beside the image. */
static int find_root(VerifyOptions *o, uint8_t ret[static VERITY_DIGEST_SIZE]) {
        _cleanup_free_ uint8_t *text = NULL;
        _cleanup_free_ char *path = NULL;
        size_t size;
        int r;

        if (o->root_hash) {
                if (hex_decode(o->root_hash, strlen(o->root_hash), ret, VERITY_DIGEST_SIZE) >= 0)
                        return 0;
                log_error("--root-hash: expected 64 hexadecimal digits, found '%s'.", o->root_hash);
                return -EINVAL;
        }
        if (asprintf(&path, "%s.hash", o->image) < 0)
                return log_oom();
        r = read_file_at(AT_FDCWD, path, 4096, &text, &size);
        if (r < 0)
                return say(o, r, "%s: cannot be read, and no --root-hash was given: %s", path, strerror(-r));
        if (hex_decode((const char *) text, size, ret, VERITY_DIGEST_SIZE) < 0)
                return say(o, EBADMSG, "%s: expected 64 hexadecimal digits and nothing else.", path);
        return 0;
}

static void show(void *userdata, uint64_t done, uint64_t total) {
        Progress *p = userdata;

        p->total = total;
        progress_show(p, done);
}

static int print_json(const VerifyResult *v, bool intact, const char *root) {
        _cleanup_json_ json_object *o = json_object_new_object();

        if (!o || json_add_string(o, "event", "done") < 0 || json_add_bool(o, "result", intact) < 0 ||
            json_add_string(o, "root_hash", root) < 0 || json_add_int(o, "data_blocks", (int64_t) v->data_blocks) < 0 ||
            json_add_int(o, "bad_blocks", (int64_t) v->bad_blocks) < 0 ||
            json_add_int(o, "bad_tree_blocks", (int64_t) v->bad_tree_blocks) < 0)
                return -ENOMEM;
        if (v->bad_blocks > 0 && json_add_int(o, "first_bad_block", (int64_t) v->first_bad_block) < 0)
                return -ENOMEM;
        if (v->bad_tree_blocks > 0 && json_add_int(o, "first_bad_tree_block", (int64_t) v->first_bad_tree_block) < 0)
                return -ENOMEM;
        (void) puts(json_object_to_json_string_ext(o, JSON_C_TO_STRING_PLAIN));
        return 0;
}

static void print_result(const VerifyOptions *o, const VerifyResult *v, const char *root) {
        if (v->bad_tree_blocks > 0)
                log_error("%s: %llu of %llu blocks of the hash tree are not what root hash %s stands for, block %llu the first.",
                          o->tree, (unsigned long long) v->bad_tree_blocks, (unsigned long long) v->tree_blocks, root,
                          (unsigned long long) v->first_bad_tree_block);
        if (v->bad_blocks > 0)
                log_error("%s: %llu of %llu blocks are not what the hash tree says, block %llu (byte %llu) the first.",
                          o->image, (unsigned long long) v->bad_blocks, (unsigned long long) v->data_blocks,
                          (unsigned long long) v->first_bad_block,
                          (unsigned long long) v->first_bad_block * VERITY_BLOCK_SIZE);
        if (v->bad_tree_blocks == 0 && v->bad_blocks == 0)
                (void) printf("%s: %llu blocks intact, root hash %s\n", o->image, (unsigned long long) v->data_blocks, root);
}

/* Notes the outcome in the store, and tells the daemon. */
static int record(VerifyOptions *o, const uint8_t *root, const char *reason) {
        Stamp stamp = { .intact = !reason };
        struct timespec now = {};
        int r = 0;

        (void) clock_gettime(CLOCK_REALTIME, &now);
        stamp.usec = (uint64_t) now.tv_sec * USEC_PER_SEC + (uint64_t) now.tv_nsec / 1000;
        (void) snprintf(stamp.reason, sizeof(stamp.reason), "%s", reason ?: "");
        if (o->store)
                r = stamp_write(o->image, root, &stamp);
        if (r < 0)
                return say(o, r, "%s.verified: cannot be written: %s", o->image, strerror(-r));
        if (reason)
                report_failed(&o->report, EBADMSG, reason);
        else
                report_done(&o->report, NULL);
        return 0;
}

static int conclude(VerifyOptions *o, const VerifyResult *v, const uint8_t *root) {
        bool intact = v->bad_blocks == 0 && v->bad_tree_blocks == 0;
        char hex[2 * VERITY_DIGEST_SIZE + 1], reason[sizeof(((Stamp *) NULL)->reason)];

        hex_encode(root, VERITY_DIGEST_SIZE, hex);
        (void) snprintf(reason, sizeof(reason), "expected every block to be what the root hash stands for, found %llu of the "
                        "image's and %llu of the hash tree's that are not", (unsigned long long) v->bad_blocks,
                        (unsigned long long) v->bad_tree_blocks);
        if (o->json && print_json(v, intact, hex) < 0)
                return MODEL_REFUSED;
        if (!o->json)
                print_result(o, v, hex);
        if (record(o, root, intact ? NULL : reason) < 0)
                return MODEL_REFUSED;
        return intact ? MODEL_DONE : MODEL_REFUSED;
}

static int verify(VerifyOptions *o) {
        _cleanup_close_ int image_fd = -EBADF, tree_fd = -EBADF;
        Progress progress;
        VerifyJob job = { .jobs = o->jobs, .show = show, .interrupted = interrupt_check, .userdata = &progress };
        VerifyResult result;
        Fault fault = {};
        int r;

        if (open_or_say(o, o->image, &image_fd) < 0 || open_or_say(o, o->tree, &tree_fd) < 0)
                return MODEL_REFUSED;
        r = find_root(o, job.root);
        if (r < 0)
                return r == -EINVAL ? MODEL_USAGE : MODEL_REFUSED;
        job.image_fd = image_fd;
        job.tree_fd = tree_fd;
        interrupt_block();
        progress_start(&progress, "Verifying", o->json, &o->report, 0, 0);
        r = verify_image(&job, &result, &fault);
        progress_stop(&progress);
        if (r == -EBADMSG && fault.what[0]) {
                char reason[sizeof(fault) + 32];

                (void) snprintf(reason, sizeof(reason), "%s: expected %s, found %s", fault.what, fault.expected, fault.found);
                log_error("%s: %s.", o->image, reason);
                (void) record(o, job.root, reason);
        } else if (r < 0)
                (void) say(o, r, "%s: cannot be verified: %s", o->image, strerror(-r));
        return r < 0 ? MODEL_REFUSED : conclude(o, &result, job.root);
}

int verb_verify(int argc, char *argv[]) {
        _cleanup_free_ char *tree = NULL, *image = NULL;
        VerifyOptions options = { .report = REPORT_NONE };
        Fault fault;
        int r;

        r = parse_options(argc, argv, &options);
        if (r != 0)
                return r < 0 ? MODEL_USAGE : MODEL_DONE;
        r = verb_find_image(options.image, options.store, &image, &fault);
        if (r < 0) {
                (void) say(&options, r, "%s: expected %s, found %s.", fault.what, fault.expected, fault.found);
                return MODEL_USAGE;
        }
        options.image = image;
        if (!options.tree) {
                if (asprintf(&tree, "%s.verity", options.image) < 0)
                        return MODEL_REFUSED;
                options.tree = tree;
        }
        return verb_end(verify(&options));
}
