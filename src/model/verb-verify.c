/* SPDX-License-Identifier: Apache-2.0 */

#include <fcntl.h>
#include <getopt.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "basic/hex.h"
#include "basic/io.h"
#include "basic/json.h"
#include "basic/log.h"
#include "model/interrupt.h"
#include "model/progress.h"
#include "model/spec.h"
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
        "  -h --help\n"
        "\n"
        "Exit status: 0 intact, 1 not, 2 usage.";

typedef struct VerifyOptions {
        const char *image, *tree, *root_hash;
        unsigned jobs;
        bool json;
} VerifyOptions;

enum {
        OPT_ROOT_HASH = 256,
        OPT_TREE,
        OPT_JOBS,
        OPT_JSON,
};

static const struct option long_options[] = {
        { "root-hash", required_argument, NULL, OPT_ROOT_HASH },
        { "tree",      required_argument, NULL, OPT_TREE      },
        { "jobs",      required_argument, NULL, OPT_JOBS      },
        { "json",      no_argument,       NULL, OPT_JSON      },
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
        ret->image = argv[optind];
        return 0;
}

static int open_or_say(const char *path, int *ret) {
        _cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
        struct stat st;

        if (fd < 0 || fstat(fd, &st) < 0)
                return log_error_errno(errno, "%s: cannot be opened: %m", path);
        if (!S_ISREG(st.st_mode) && !S_ISBLK(st.st_mode)) {
                log_error("%s: expected a file or a disk, found something else.", path);
                return -EINVAL;
        }
        *ret = TAKE_FD(fd);
        return 0;
}

/* The root hash that was given, or the one beside the image. */
static int find_root(const VerifyOptions *o, uint8_t ret[static VERITY_DIGEST_SIZE]) {
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
                return log_error_errno(r, "%s: cannot be read, and no --root-hash was given: %m", path);
        if (hex_decode((const char *) text, size, ret, VERITY_DIGEST_SIZE) < 0) {
                log_error("%s: expected 64 hexadecimal digits and nothing else.", path);
                return -EBADMSG;
        }
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

static int report(const VerifyOptions *o, const VerifyResult *v, const uint8_t *root) {
        bool intact = v->bad_blocks == 0 && v->bad_tree_blocks == 0;
        char hex[2 * VERITY_DIGEST_SIZE + 1];

        hex_encode(root, VERITY_DIGEST_SIZE, hex);
        if (o->json)
                return print_json(v, intact, hex) < 0 || !intact ? MODEL_REFUSED : MODEL_DONE;
        if (v->bad_tree_blocks > 0)
                log_error("%s: %llu of %llu blocks of the hash tree are not what root hash %s stands for, block %llu the first.",
                          o->tree, (unsigned long long) v->bad_tree_blocks, (unsigned long long) v->tree_blocks, hex,
                          (unsigned long long) v->first_bad_tree_block);
        if (v->bad_blocks > 0)
                log_error("%s: %llu of %llu blocks are not what the hash tree says, block %llu (byte %llu) the first.",
                          o->image, (unsigned long long) v->bad_blocks, (unsigned long long) v->data_blocks,
                          (unsigned long long) v->first_bad_block,
                          (unsigned long long) v->first_bad_block * VERITY_BLOCK_SIZE);
        if (intact)
                (void) printf("%s: %llu blocks intact, root hash %s\n", o->image, (unsigned long long) v->data_blocks, hex);
        return intact ? MODEL_DONE : MODEL_REFUSED;
}

static int verify(const VerifyOptions *o) {
        _cleanup_close_ int image_fd = -EBADF, tree_fd = -EBADF;
        Progress progress;
        VerifyJob job = { .jobs = o->jobs, .show = show, .interrupted = interrupt_check, .userdata = &progress };
        VerifyResult result;
        Fault fault = {};
        int r;

        if (open_or_say(o->image, &image_fd) < 0 || open_or_say(o->tree, &tree_fd) < 0)
                return MODEL_REFUSED;
        r = find_root(o, job.root);
        if (r < 0)
                return r == -EINVAL ? MODEL_USAGE : MODEL_REFUSED;
        job.image_fd = image_fd;
        job.tree_fd = tree_fd;
        interrupt_block();
        progress_start(&progress, "Verifying", o->json, 0, 0);
        r = verify_image(&job, &result, &fault);
        progress_stop(&progress);
        if (r < 0 && fault.what[0])
                log_error("%s: %s: expected %s, found %s.", o->image, fault.what, fault.expected, fault.found);
        else if (r < 0)
                (void) log_error_errno(r, "%s: cannot be verified: %m", o->image);
        return r < 0 ? MODEL_REFUSED : report(o, &result, job.root);
}

int verb_verify(int argc, char *argv[]) {
        _cleanup_free_ char *tree = NULL;
        VerifyOptions options = {};
        int r;

        r = parse_options(argc, argv, &options);
        if (r != 0)
                return r < 0 ? MODEL_USAGE : MODEL_DONE;
        if (!options.tree) {
                if (asprintf(&tree, "%s.verity", options.image) < 0)
                        return MODEL_REFUSED;
                options.tree = tree;
        }
        return verb_end(verify(&options));
}
