/* SPDX-License-Identifier: Apache-2.0 */

/* A simulated machine as a service: its driver, for the fake libraries, and the services of its manufacturer. */

#include <openssl/rand.h>
#include <signal.h>
#include <string.h>
#include <systemd/sd-daemon.h>

#include "basic/log.h"
#include "sim/defect.h"
#include "sim/machine.h"
#include "sim/must.h"
#include "sim/options.h"
#include "sim/server.h"
#include "sim/services.h"

typedef struct Options {
        const char *socket, *http, *state, *control, *log;
        SimModels devices;
        const SimDefect *defect;
        bool until_eof, help;
} Options;

static void print_help(void) {
        printf("cocoon-sim serve [OPTION...]\n\n"
               "Plays a machine until SIGTERM: the driver behind the fake libnvidia-ml.so.1 and libnvidia-nscq.so.2,\n"
               "and the RIM service and OCSP responder. Prints the address of the services and \"ready\" when it\n"
               "listens, and tells the service manager.\n\n"
               "  --device MODEL    a device, as often as there are to be devices (default: hopper); one of\n"
               "                   ");
        sim_models_print();
        printf("\n"
               "  --socket PATH     for the libraries, which look at $" SIM_SOCKET_ENVIRONMENT "\n"
               "                    (default: " SIM_SOCKET_DEFAULT ", unless there is --http)\n"
               "  --http ADDR:PORT  serve /v1/rim/ and OCSP; port 0: any that is free\n"
               "  --state DIR       keep keys, certificates and devices there, and use those that are\n"
               "  --control FILE    misbehave as it says, now and whenever it changes; see tests/sim/control.h\n"
               "  --log FILE        a line for every question and answer\n"
               "  --defect NAME     make the first device or its RIMs wrong; see evidence --defect list\n"
               "  --until-eof       also end when standard input ends\n"
               "  --help            this text\n");
}

static int parse_device(void *options, const char *value) {
        return sim_models_add(&((Options *) options)->devices, value);
}

static int parse_socket(void *options, const char *value) {
        ((Options *) options)->socket = value;
        return 0;
}

static int parse_http(void *options, const char *value) {
        ((Options *) options)->http = value;
        return 0;
}

static int parse_state(void *options, const char *value) {
        ((Options *) options)->state = value;
        return 0;
}

static int parse_control(void *options, const char *value) {
        ((Options *) options)->control = value;
        return 0;
}

static int parse_log(void *options, const char *value) {
        ((Options *) options)->log = value;
        return 0;
}

static int parse_defect(void *options, const char *value) {
        Options *o = options;

        o->defect = sim_defect_find(value);
        if (o->defect && !o->defect->ocsp)
                return 0;
        log_error("--defect %s: %s", value, o->defect ? "OCSP answers are a matter of --control" : "no such defect");
        return -EINVAL;
}

static int parse_until_eof(void *options, const char *value) {
        ((Options *) options)->until_eof = true;
        return 0;
}

static int parse_help(void *options, const char *value) {
        ((Options *) options)->help = true;
        return 0;
}

static const SimOption option_table[] = {
        { "device", true, parse_device }, { "socket", true, parse_socket }, { "http", true, parse_http },
        { "state", true, parse_state }, { "control", true, parse_control }, { "log", true, parse_log },
        { "defect", true, parse_defect }, { "until-eof", false, parse_until_eof }, { "help", false, parse_help },
};

static int parse(int argc, char *argv[], Options *o) {
        int r;

        r = sim_options_parse(argc, argv, option_table, ELEMENTSOF(option_table), o);
        if (r < 0 || o->help)
                return r;
        if (o->devices.n == 0)
                o->devices.models[o->devices.n++] = SIM_MODEL_HOPPER;
        if (!o->socket && !o->http)
                o->socket = SIM_SOCKET_DEFAULT;
        return 0;
}

static int make_scene(const Options *o, SimScene **ret) {
        _cleanup_(sim_scene_freep) SimScene *s = NULL;
        uint8_t nonce[SIM_NONCE_SIZE] = {};
        int r;

        r = sim_scene_open(o->state, o->devices.models, o->devices.n, nonce, &s);
        if (r < 0)
                return log_error_errno(r, "Failed to keep keys in %s: %m", o->state);
        if (o->defect && !sim_defect_fits(o->defect, s)) {
                log_error("%s cannot have the defect %s", sim_model_to_string(o->devices.models[0]), o->defect->name);
                return -EOPNOTSUPP;
        }
        if (o->defect)
                sim_defect_apply(o->defect, s);
        *ret = TAKE_PTR(s);
        return 0;
}

static void serve_driver(void *userdata, int fd) {
        sim_driver_serve(userdata, fd);
}

static void serve_services(void *userdata, int fd) {
        sim_services_serve(userdata, fd);
}

static int listen_all(const Options *o, SimMachine *m, SimListener *listeners, size_t *n) {
        unsigned port;
        int r;

        if (o->socket) {
                listeners[*n] = (SimListener){ .serve = serve_driver, .userdata = m };
                r = sim_listen_unix(o->socket, &listeners[*n].fd);
                if (r < 0)
                        return log_error_errno(r, "Failed to listen at %s: %m", o->socket);
                (*n)++;
        }
        if (o->http) {
                listeners[*n] = (SimListener){ .serve = serve_services, .userdata = m };
                r = sim_listen_tcp(o->http, &listeners[*n].fd, &port);
                if (r < 0)
                        return log_error_errno(r, "Failed to listen at %s: %m", o->http);
                (*n)++;
                printf("http %.*s:%u\n", (int) (strrchr(o->http, ':') - o->http), o->http, port);
        }
        return 0;
}

static int run(const Options *o, SimMachine *m) {
        SimListener listeners[2] = {};
        size_t n = 0;
        int r;

        r = listen_all(o, m, listeners, &n);
        if (r < 0)
                return r;
        printf("ready\n");
        MUST(fflush(stdout) == 0);
        (void) sd_notify(0, "READY=1");
        sim_server_run(listeners, n, o->until_eof ? STDIN_FILENO : -1);
        if (o->socket)
                (void) unlink(o->socket);
        return 0;
}

static void block_signals(void) {
        sigset_t set;

        MUST(sigemptyset(&set) == 0 && sigaddset(&set, SIGTERM) == 0 && sigaddset(&set, SIGINT) == 0);
        MUST(pthread_sigmask(SIG_BLOCK, &set, NULL) == 0);
}

int sim_verb_serve(int argc, char *argv[]) {
        SimMachine m = { .lock = PTHREAD_MUTEX_INITIALIZER };
        Options o = {};
        int r;

        if (parse(argc, argv, &o) < 0)
                return SIM_EXIT_USAGE;
        if (o.help) {
                print_help();
                return EXIT_SUCCESS;
        }
        block_signals();
        r = sim_access_log_open(o.log, &m.log);
        if (r < 0) {
                log_error_errno(r, "Failed to open %s: %m", o.log);
                return EXIT_FAILURE;
        }
        if (make_scene(&o, &m.scene) < 0)
                return EXIT_FAILURE;
        m.control = sim_control_new(o.control);
        r = run(&o, &m);
        /* Threads may be in the middle of an answer: nothing that they use may be torn down. */
        MUST(fflush(stdout) == 0);
        _exit(r < 0 ? EXIT_FAILURE : EXIT_SUCCESS);
}
