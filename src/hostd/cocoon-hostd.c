/* SPDX-License-Identifier: Apache-2.0 */

#include <getopt.h>
#include <signal.h>
#include <string.h>
#include <systemd/sd-daemon.h>

#include "basic/landlock.h"
#include "basic/log.h"
#include "hostd/manager.h"
#include "hostd/udev.h"

typedef struct Options {
        const char *root, *worker, *wants;
        bool debug, done;
} Options;

static void print_help(void) {
        (void) puts("cocoon-hostd [OPTION]…\n\n"
                    "Prepares GPUs for confidential guests; org.cocoon.Host1 on the system bus.\n\n"
                    "  --wants ADDRESS  is the GPU to be prepared when it appears? Exit status 0: yes, 1: no\n"
                    "  --worker PATH    the program that works on GPUs\n"
                    "  --root DIR       configuration and state are below this directory\n"
                    "  --debug          say more\n"
                    "  --version        print the version\n"
                    "  --help           print this");
}

static int parse_options(int argc, char *argv[], Options *o) {
        enum { OPT_ROOT = 256, OPT_WORKER, OPT_WANTS, OPT_DEBUG, OPT_VERSION };
        static const struct option options[] = {
                { "root",    required_argument, NULL, OPT_ROOT    },
                { "worker",  required_argument, NULL, OPT_WORKER  },
                { "wants",   required_argument, NULL, OPT_WANTS   },
                { "debug",   no_argument,       NULL, OPT_DEBUG   },
                { "version", no_argument,       NULL, OPT_VERSION },
                { "help",    no_argument,       NULL, 'h'         },
                {}
        };
        int c;

        while ((c = getopt_long(argc, argv, "h", options, NULL)) >= 0)
                switch (c) {
                case OPT_ROOT:
                        o->root = optarg;
                        break;
                case OPT_WORKER:
                        o->worker = optarg;
                        break;
                case OPT_WANTS:
                        o->wants = optarg;
                        break;
                case OPT_DEBUG:
                        o->debug = true;
                        break;
                case OPT_VERSION:
                        (void) puts("cocoon-hostd " PROJECT_VERSION);
                        o->done = true;
                        return 0;
                case 'h':
                        print_help();
                        o->done = true;
                        return 0;
                default:
                        return -EINVAL;
                }
        if (optind < argc) {
                log_error("expected no arguments, found '%s'; see cocoon-hostd --help.", argv[optind]);
                return -EINVAL;
        }
        return 0;
}

static void report_problem(const char *file, unsigned line, const char *message, void *userdata) {
        log_warning("%s:%u: %s", file, line, message);
}

/* The question that the udev rule asks. A configuration with mistakes wants nothing: a misspelled setting must not take
 * a GPU from the host. */
static int answer_wants(const Options *o) {
        _cleanup_(host_config_done) HostConfig config = {};
        static const PciHost host = { .root = "" };
        char address[PCI_ADDRESS_SIZE];
        PciDevice d;

        if (pci_address_parse(o->wants, address) < 0) {
                log_error("'%s': expected a PCI address such as 0000:01:00.0 or 01:00.0", o->wants);
                return EXIT_FAILURE;
        }
        if (pci_device_open(&host, address, &d, NULL) < 0 || !host_udev_is_ours(&d) ||
            host_config_load(o->root, &config, report_problem, NULL) < 0)
                return EXIT_FAILURE;
        return host_config_wants(&config, &d) ? EXIT_SUCCESS : EXIT_FAILURE;
}

static int on_hangup(sd_event_source *s, const struct signalfd_siginfo *info, void *userdata) {
        (void) manager_reload(userdata, NULL);
        return 0;
}

/* Children are reaped, and the loop ended, by the event loop. */
static int watch_signals(Manager *m) {
        sigset_t mask;
        int r;

        (void) sigemptyset(&mask);
        (void) sigaddset(&mask, SIGCHLD);
        (void) sigaddset(&mask, SIGTERM);
        (void) sigaddset(&mask, SIGINT);
        (void) sigaddset(&mask, SIGHUP);
        if (sigprocmask(SIG_BLOCK, &mask, NULL) < 0)
                return -errno;
        r = sd_event_add_signal(m->event, NULL, SIGTERM, NULL, NULL);
        if (r >= 0)
                r = sd_event_add_signal(m->event, NULL, SIGINT, NULL, NULL);
        if (r >= 0)
                r = sd_event_add_signal(m->event, NULL, SIGHUP, on_hangup, m);
        if (r >= 0)
                r = sd_event_set_watchdog(m->event, true);
        return r;
}

static int run(Manager *m, const Options *o) {
        int r;

        r = sd_event_default(&m->event);
        if (r >= 0)
                r = watch_signals(m);
        if (r < 0)
                return log_error_errno(r, "Cannot set up the event loop: %m");
        if (landlock_version() == 0)
                log_warning("This kernel has no Landlock (CONFIG_SECURITY_LANDLOCK): workers are not confined to their device.");
        r = manager_start(m, o->root, o->worker);
        if (r < 0)
                return r;
        manager_notify_status(m);
        (void) sd_notify(false, "READY=1");
        r = sd_event_loop(m->event);
        (void) sd_notify(false, "STOPPING=1");
        if (r < 0)
                return log_error_errno(r, "The event loop failed: %m");
        if (r > 0)
                log_error("The bus closed the connection.");
        return r;
}

int main(int argc, char *argv[]) {
        Options o = { .root = "", .worker = WORKER_PATH };
        Manager m = {};
        int r;

        log_open("cocoon-hostd", LOG_INFO);
        if (parse_options(argc, argv, &o) < 0)
                return EXIT_FAILURE;
        if (o.done)
                return EXIT_SUCCESS;
        if (o.debug)
                log_open("cocoon-hostd", LOG_DEBUG);
        if (o.wants)
                return answer_wants(&o);
        r = run(&m, &o);
        manager_done(&m);
        (void) sd_event_unref(m.event);
        return r == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
