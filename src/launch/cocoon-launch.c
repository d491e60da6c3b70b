/* SPDX-License-Identifier: Apache-2.0 */

#include <getopt.h>
#include <stdio.h>
#include <string.h>

#include "basic/log.h"
#include "launch/launch.h"

#define WORKER_DIRECTORY "/etc/cocoon/worker"
#define KEYS_MAX         64U

static const char help[] =
        "cocoon-launch [OPTION]… CONFIG|--worker NAME [-- QEMU ARGUMENT…]\n"
        "\n"
        "Start the guest that a worker.conf(5) describes, with its GPU and its model: QEMU takes this program's place.\n"
        "\n"
        "     --print           print QEMU's command line, and start nothing (also --print-only)\n"
        "     --check           whether it could start now; nothing is changed\n"
        "     --prepare-only    disk, model and spec, and no guest; the last line is the spec's directory\n"
        "     --stop            press the guest's power button, and wait until QEMU has ended\n"
        "     --set KEY=VALUE   a variable for the guest, again for more; everybody on this host can read it here\n"
        "     --worker NAME     as cocoon-worker@NAME.service: " WORKER_DIRECTORY "/NAME.conf\n"
        "     --runtime-dir DIR where spec and control socket are [RUNTIME_DIRECTORY, XDG_RUNTIME_DIR]\n"
        "     --version\n"
        "  -h --help\n"
        "\n"
        "Keys of the configuration, which these win over:\n";

enum { OPT_PRINT = 256, OPT_CHECK, OPT_PREPARE, OPT_STOP, OPT_SET, OPT_WORKER, OPT_RUNTIME_DIR, OPT_VERSION, OPT_KEY };

static const struct option own_options[] = {
        { "print",        no_argument,       NULL, OPT_PRINT       },
        { "print-only",   no_argument,       NULL, OPT_PRINT       },
        { "check",        no_argument,       NULL, OPT_CHECK       },
        { "prepare-only", no_argument,       NULL, OPT_PREPARE     },
        { "stop",         no_argument,       NULL, OPT_STOP        },
        { "set",          required_argument, NULL, OPT_SET         },
        { "worker",       required_argument, NULL, OPT_WORKER      },
        { "runtime-dir",  required_argument, NULL, OPT_RUNTIME_DIR },
        { "version",      no_argument,       NULL, OPT_VERSION     },
        { "help",         no_argument,       NULL, 'h'             },
};

/* What the command line says, and what it owns. */
typedef struct CommandLine {
        LaunchOptions options;
        int (*run)(const LaunchOptions *o);
        struct option table[ELEMENTSOF(own_options) + KEYS_MAX + 1];
        const char *keys[KEYS_MAX];
        char *names[KEYS_MAX];
        char *config, *config_name;
} CommandLine;

static void command_line_done(CommandLine *c) {
        for (size_t i = 0; i < KEYS_MAX; i++)
                free(c->names[i]);
        free(c->config);
        free(c->config_name);
        (void) strv_free(c->options.overrides);
        (void) strv_free(c->options.variables);
}

/* An option for each key, with '-' for '_'. */
static int make_table(CommandLine *c) {
        const char *key;
        bool flag;

        (void) memcpy(c->table, own_options, sizeof(own_options));
        for (size_t i = 0; i < KEYS_MAX && (key = worker_config_key(i, &flag)); i++) {
                c->keys[i] = key;
                c->names[i] = strdup(key);
                if (!c->names[i])
                        return log_oom();
                for (char *p = c->names[i]; *p; p++)
                        if (*p == '_')
                                *p = '-';
                c->table[ELEMENTSOF(own_options) + i] = (struct option){
                        c->names[i], flag ? optional_argument : required_argument, NULL, OPT_KEY + (int) i
                };
        }
        return 0;
}

static void print_help(const CommandLine *c) {
        (void) fputs(help, stdout);
        for (size_t i = 0; i < KEYS_MAX && c->names[i]; i++)
                (void) printf("%s--%s%s", i % 4 == 0 ? "\n     " : ", ", c->names[i],
                              c->table[ELEMENTSOF(own_options) + i].has_arg == required_argument ? " V" : "");
        (void) puts("\n\nExit status: 0 done, 1 refused, 2 usage or configuration.");
}

static int add_override(CommandLine *c, const char *key, const char *value) {
        char *assignment;

        if (asprintf(&assignment, "%s=%s", key, value ?: "yes") < 0)
                return log_oom();
        return strv_append(&c->options.overrides, assignment) < 0 ? log_oom() : 0;
}

static int set_worker(CommandLine *c, const char *name) {
        if (!*name || strchr(name, '/')) {
                log_error("--worker: expected a name without '/', found '%s'.", name);
                return -EINVAL;
        }
        c->options.worker = name;
        return 0;
}

/* 1: go on; 0: done. */
static int take_option(CommandLine *c, int option) {
        switch (option) {
        case OPT_PRINT:       c->run = launch_print; return 1;
        case OPT_CHECK:       c->run = launch_check; return 1;
        case OPT_PREPARE:     c->run = launch_prepare; return 1;
        case OPT_STOP:        c->run = launch_stop; return 1;
        case OPT_RUNTIME_DIR: c->options.runtime_dir = optarg; return 1;
        case OPT_WORKER:      return set_worker(c, optarg) < 0 ? -EINVAL : 1;
        case OPT_SET:         return strv_append(&c->options.variables, strdup(optarg)) < 0 ? log_oom() : 1;
        case OPT_VERSION:     (void) puts("cocoon-launch " PROJECT_VERSION); return 0;
        case 'h':             print_help(c); return 0;
        default:
                if (option < OPT_KEY)
                        return -EINVAL; /* getopt_long() has said it */
                return add_override(c, c->keys[option - OPT_KEY], optarg) < 0 ? -ENOMEM : 1;
        }
}

/* The service manager hands the file over as a credential, which root alone can read where it comes from. */
static int find_config(CommandLine *c, const char *operand) {
        const char *credentials = getenv("CREDENTIALS_DIRECTORY");

        if (!operand == !c->options.worker) {
                log_error("expected the worker's configuration, or --worker NAME; see cocoon-launch --help.");
                return -EINVAL;
        }
        if (operand)
                c->config = strdup(operand);
        else if (asprintf(&c->config, "%s/worker.conf", credentials ?: "") < 0)
                c->config = NULL;
        if (operand)
                c->config_name = strdup(operand);
        else if (asprintf(&c->config_name, WORKER_DIRECTORY "/%s.conf", c->options.worker) < 0)
                c->config_name = NULL;
        if (!c->config || !c->config_name)
                return log_oom();
        c->options.config = c->options.worker && (!credentials || access(c->config, F_OK) < 0) ? c->config_name : c->config;
        c->options.config_name = c->config_name;
        return 0;
}

static int parse(CommandLine *c, int argc, char *argv[]) {
        int n = 1, option, r;

        r = make_table(c);
        if (r < 0)
                return r;
        /* What is behind "--" is QEMU's. */
        while (n < argc && strcmp(argv[n], "--") != 0)
                n++;
        if (n < argc)
                c->options.more = argv + n + 1;
        while ((option = getopt_long(n, argv, "h", c->table, NULL)) >= 0) {
                r = take_option(c, option);
                if (r <= 0)
                        return r;
        }
        if (n - optind > 1) {
                log_error("expected one configuration, found '%s' as well.", argv[optind + 1]);
                return -EINVAL;
        }
        if (c->run == launch_stop && n == optind && c->options.overrides && !c->options.worker) {
                log_error("--stop: expected the worker's configuration beside keys of it, found none.");
                return -EINVAL;
        }
        r = c->run == launch_stop && n == optind && !c->options.worker ? 0 : find_config(c, n > optind ? argv[optind] : NULL);
        return r < 0 ? r : 1;
}

int main(int argc, char *argv[]) {
        _cleanup_(command_line_done) CommandLine c = { .run = launch_run };
        int r;

        log_open("cocoon-launch", LOG_INFO);
        r = parse(&c, argc, argv);
        if (r <= 0)
                return r < 0 ? LAUNCH_USAGE : LAUNCH_DONE;
        return c.run(&c.options);
}
