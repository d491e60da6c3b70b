/* SPDX-License-Identifier: Apache-2.0 */

#include <fcntl.h>
#include <getopt.h>
#include <stdio.h>
#include <string.h>

#include "basic/hex.h"
#include "basic/io.h"
#include "basic/log.h"
#include "model/disk.h"
#include "model/runtime.h"
#include "model/verbs.h"

/* Where COCOON's guest has the launcher's variables. */
#define RUNTIME_VARS_FILE "/spec/runtime/runtime.vars"

static const char open_help[] =
        "cocoon-model open [NAME@COMMIT:ROOTHASH] [OPTION]…\n"
        "\n"
        "Open the model on this guest's disks, verified block by block, and mount it read-only.\n"
        "\n"
        "     --root-hash H          what the model's root hash must be\n"
        "     --runtime-vars FILE    where name, commit and root hash are [" RUNTIME_VARS_FILE "]\n"
        "     --panic-on-corruption  stop the guest on a bad block, instead of an I/O error for the reader\n"
        "     --data-device DEVICE   [" MODEL_DATA_DEVICE "]\n"
        "     --tree-device DEVICE   [" MODEL_TREE_DEVICE "]\n"
        "     --mount-point DIR      [" MODEL_MOUNT_POINT "]\n"
        "  -h --help\n"
        "\n"
        "Exit status: 0 open, 1 refused, and nothing stays open, 2 usage.";

static const char close_help[] =
        "cocoon-model close [OPTION]…\n"
        "\n"
        "Unmount the model and close its disks. Nothing open is no error.\n"
        "\n"
        "     --mount-point DIR      [where it was opened]\n"
        "  -h --help\n"
        "\n"
        "Exit status: 0 closed, 1 in use or another error, 2 usage.";

typedef struct OpenOptions {
        const char *spec, *root_hash, *runtime_vars;
        DiskOptions disk;
} OpenOptions;

enum {
        OPT_ROOT_HASH = 256,
        OPT_RUNTIME_VARS,
        OPT_PANIC,
        OPT_DATA_DEVICE,
        OPT_TREE_DEVICE,
        OPT_MOUNT_POINT,
};

static const struct option open_options[] = {
        { "root-hash",           required_argument, NULL, OPT_ROOT_HASH    },
        { "runtime-vars",        required_argument, NULL, OPT_RUNTIME_VARS },
        { "panic-on-corruption", no_argument,       NULL, OPT_PANIC        },
        { "data-device",         required_argument, NULL, OPT_DATA_DEVICE  },
        { "tree-device",         required_argument, NULL, OPT_TREE_DEVICE  },
        { "mount-point",         required_argument, NULL, OPT_MOUNT_POINT  },
        { "help",                no_argument,       NULL, 'h'              },
        {},
};

static const struct option close_options[] = {
        { "mount-point",         required_argument, NULL, OPT_MOUNT_POINT  },
        { "help",                no_argument,       NULL, 'h'              },
        {},
};

static int take_option(OpenOptions *o, int option, const char *argument) {
        switch (option) {
        case OPT_ROOT_HASH:    o->root_hash = argument; return 0;
        case OPT_RUNTIME_VARS: o->runtime_vars = argument; return 0;
        case OPT_PANIC:        o->disk.panic_on_corruption = true; return 0;
        case OPT_DATA_DEVICE:  o->disk.data_device = argument; return 0;
        case OPT_TREE_DEVICE:  o->disk.tree_device = argument; return 0;
        case OPT_MOUNT_POINT:  o->disk.mount_point = argument; return 0;
        default:               return -EINVAL; /* getopt_long() has said it */
        }
}

/* 1 when there is nothing more to do. */
static int parse_options(int argc, char *argv[], const struct option *options, const char *help,
                         OpenOptions *ret) {
        int option, r;

        while ((option = getopt_long(argc, argv, "h", options, NULL)) >= 0) {
                if (option == 'h') {
                        (void) puts(help);
                        return 1;
                }
                r = take_option(ret, option, optarg);
                if (r < 0)
                        return r;
        }
        return 0;
}

static int parse_open_options(int argc, char *argv[], OpenOptions *ret) {
        int r;

        r = parse_options(argc, argv, open_options, open_help, ret);
        if (r != 0)
                return r;
        if (argc - optind > 1) {
                log_error("open: expected one NAME@COMMIT:ROOTHASH at most, found %d.", argc - optind);
                return -EINVAL;
        }
        ret->spec = argv[optind];
        if (!!ret->spec + !!ret->root_hash + !!ret->runtime_vars > 1) {
                log_error("open: expected NAME@COMMIT:ROOTHASH or --root-hash or --runtime-vars, found several.");
                return -EINVAL;
        }
        return 0;
}

static void log_fault(const Fault *fault) {
        log_error("%s: expected %s, found %s.", fault->what, fault->expected, fault->found);
}

static int parse_spec(const char *text, ModelSpec *ret) {
        Fault fault;

        if (model_spec_parse(text, ret, &fault) < 0) {
                log_fault(&fault);
                return MODEL_USAGE;
        }
        if (!ret->commit[0] || !ret->has_root_hash) {
                log_error("open: expected NAME@COMMIT:ROOTHASH, found '%s'.", text);
                return MODEL_USAGE;
        }
        return MODEL_DONE;
}

static int parse_root_hash(const char *text, ModelSpec *ret) {
        ModelSpec spec = { .has_root_hash = true };

        if (hex_decode(text, strlen(text), spec.root_hash, sizeof(spec.root_hash)) < 0) {
                log_error("--root-hash: expected 64 hexadecimal digits, found '%s'.", text);
                return MODEL_USAGE;
        }
        *ret = spec;
        return MODEL_DONE;
}

static int read_runtime_vars(const char *path, ModelSpec *ret) {
        _cleanup_free_ uint8_t *text = NULL;
        Fault fault;
        size_t size;
        int r;

        r = read_file_at(AT_FDCWD, path, RUNTIME_VARS_MAX, &text, &size);
        if (r < 0) {
                (void) log_error_errno(r, "%s: cannot be read, and no root hash was given: %m", path);
                return MODEL_REFUSED;
        }
        r = runtime_vars_read_model((const char *) text, size, ret, &fault);
        if (r < 0) {
                log_error("%s: %s: expected %s, found %s.", path, fault.what, fault.expected, fault.found);
                return MODEL_REFUSED;
        }
        return MODEL_DONE;
}

static int find_spec(const OpenOptions *o, ModelSpec *ret) {
        if (o->spec)
                return parse_spec(o->spec, ret);
        if (o->root_hash)
                return parse_root_hash(o->root_hash, ret);
        return read_runtime_vars(o->runtime_vars ?: RUNTIME_VARS_FILE, ret);
}

/* The line that cocoon-model build ends with. */
static void print_opened(const ModelSpec *spec, const char *mount_point) {
        char root_hash[2 * ROOT_HASH_SIZE + 1];

        hex_encode(spec->root_hash, ROOT_HASH_SIZE, root_hash);
        if (spec->name[0])
                (void) printf("%s@%s:%s %s\n", spec->name, spec->commit, root_hash, mount_point);
        else
                (void) printf("%s %s\n", root_hash, mount_point);
}

int verb_open(int argc, char *argv[]) {
        OpenOptions options = {};
        ModelSpec spec;
        Fault fault;
        int r;

        r = parse_open_options(argc, argv, &options);
        if (r != 0)
                return r < 0 ? MODEL_USAGE : MODEL_DONE;
        r = find_spec(&options, &spec);
        if (r != MODEL_DONE)
                return r;
        r = disk_open(&spec, &options.disk, &fault);
        if (r < 0) {
                log_fault(&fault);
                return MODEL_REFUSED;
        }
        print_opened(&spec, options.disk.mount_point ?: MODEL_MOUNT_POINT);
        return MODEL_DONE;
}

int verb_close(int argc, char *argv[]) {
        OpenOptions options = {};
        Fault fault;
        int r;

        r = parse_options(argc, argv, close_options, close_help, &options);
        if (r != 0)
                return r < 0 ? MODEL_USAGE : MODEL_DONE;
        if (argc > optind) {
                log_error("close: expected no operand, found '%s'.", argv[optind]);
                return MODEL_USAGE;
        }
        r = disk_close(&options.disk, &fault);
        if (r < 0) {
                log_fault(&fault);
                return MODEL_REFUSED;
        }
        return MODEL_DONE;
}
