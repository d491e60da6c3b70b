/* SPDX-License-Identifier: Apache-2.0 */

/* cocoon-sim-gpu: simulated GPUs that QEMU can plug into a virtual machine. */

#include <getopt.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>

#include "basic/log.h"
#include "sim/gpu-control.h"
#include "sim/gpu-server.h"

#define EXIT_USAGE  2
#define DEVICES_MAX 32U
#define FAULTS_MAX  32U

/* Roughly an H100 PCIe. */
#define TIMES_LIKE_HARDWARE { .config = 50000, .firewall = 300000, .boot = 1500000, .take = 500, .answer = 3000 }

/* Where a device's lines go. */
typedef struct Log {
        FILE *file;
        size_t index;
} Log;

typedef struct Options {
        SimGpuKind kinds[DEVICES_MAX];
        const char *paths[DEVICES_MAX];
        size_t n;
        struct {
                size_t device; /* the one that was named last */
                const char *spec;
        } faults[FAULTS_MAX];
        size_t n_faults;
        SimGpuTimes times;
        const char *control, *log, *send;
        bool list, help;
} Options;

typedef struct Simulator {
        SimGpu *gpus[DEVICES_MAX];
        SimServer *servers[DEVICES_MAX];
        Log logs[DEVICES_MAX];
        FILE *log;
        size_t n;
} Simulator;

static void print_help(void) {
        printf("cocoon-sim-gpu --device KIND:SOCKET [OPTION...]\n"
               "cocoon-sim-gpu --control SOCKET --send COMMAND\n\n"
               "Serves simulated devices to QEMU (vfio-user), each at a socket of its own:\n"
               "  -device '{\"driver\":\"vfio-user-pci\",\"socket\":{\"type\":\"unix\",\"path\":\"SOCKET\"}}'\n"
               "Prints \"ready\" when all listen, and ends with SIGTERM or SIGINT.\n\n"
               "  --device KIND:SOCKET  a device, as often as there are to be devices; KIND is one of\n"
               "                       ");
        for (SimGpuKind k = 0; k < _SIM_GPU_KIND_MAX; k++)
                printf(" %s", sim_gpu_kind_to_string(k));
        printf("\n"
               "  --fault SPEC          make the device named before misbehave: NAME[=VALUE][@ACCESSES];\n"
               "                        \"list\" prints what there is\n"
               "  --time NAME=USEC      of all: config, firewall, boot, take, answer (default: like hardware)\n"
               "  --log FILE            append every access: seconds, device, what\n"
               "  --control SOCKET      listen for commands while it runs\n"
               "  --send COMMAND        send one there instead, print the answer; COMMAND is one of\n%s"
               "  --help                this text\n",
               sim_control_help);
}

static void print_faults(void) {
        for (size_t i = 0; sim_gpu_fault_name(i); i++)
                printf("%-20s %s\n", sim_gpu_fault_name(i), sim_gpu_fault_description(i));
}

static int parse_device(Options *o, char *value) {
        char *path = strchr(value, ':');
        SimGpuKind kind;

        if (!path || !path[1] || o->n >= DEVICES_MAX) {
                log_error("--device %s: not KIND:SOCKET, or too many", value);
                return -EINVAL;
        }
        *path++ = '\0';
        kind = sim_gpu_kind_from_string(value);
        if (kind == _SIM_GPU_KIND_INVALID) {
                log_error("--device %s: no such kind", value);
                return -EINVAL;
        }
        o->kinds[o->n] = kind;
        o->paths[o->n++] = path;
        return 0;
}

static int parse_fault(Options *o, char *value) {
        o->list = o->list || strcmp(value, "list") == 0;
        if (o->list)
                return 0;
        if (o->n == 0 || o->n_faults >= FAULTS_MAX) {
                log_error("--fault %s: no device before it, or too many", value);
                return -EINVAL;
        }
        o->faults[o->n_faults].device = o->n - 1;
        o->faults[o->n_faults++].spec = value;
        return 0;
}

static int parse_time(Options *o, char *value) {
        if (sim_times_parse(&o->times, value) >= 0)
                return 0;
        log_error("--time %s: not NAME=USEC", value);
        return -EINVAL;
}

static int parse_log(Options *o, char *value) {
        o->log = value;
        return 0;
}

static int parse_control(Options *o, char *value) {
        o->control = value;
        return 0;
}

static int parse_send(Options *o, char *value) {
        o->send = value;
        return 0;
}

static int parse_help(Options *o, char *value) {
        o->help = true;
        return 0;
}

static const struct option long_options[] = {
        { "device",  required_argument, NULL, 0 }, { "fault", required_argument, NULL, 0 },
        { "time",    required_argument, NULL, 0 }, { "log",   required_argument, NULL, 0 },
        { "control", required_argument, NULL, 0 }, { "send",  required_argument, NULL, 0 },
        { "help",    no_argument,       NULL, 0 }, {},
};

/* In the order of long_options. */
static int (*const parsers[])(Options *, char *) = {
        parse_device, parse_fault, parse_time, parse_log, parse_control, parse_send, parse_help,
};

static int parse_options(int argc, char *argv[], Options *o) {
        int c, index;

        while ((c = getopt_long(argc, argv, "", long_options, &index)) >= 0) {
                int r = c == 0 ? parsers[index](o, optarg) : -EINVAL;

                if (r < 0)
                        return r;
        }
        if (o->help || o->list)
                return 0;
        if (optind != argc || (o->send ? !o->control || o->n > 0 : o->n == 0)) {
                log_error("Usage: cocoon-sim-gpu --device KIND:SOCKET [OPTION...]; see --help");
                return -EINVAL;
        }
        return 0;
}

static void on_line(void *userdata, const char *line) {
        const Log *l = userdata;
        struct timespec now;

        if (clock_gettime(CLOCK_MONOTONIC, &now) == 0)
                (void) fprintf(l->file, "%lld.%06ld %zu %s\n", (long long) now.tv_sec, now.tv_nsec / 1000, l->index, line);
}

static int simulator_open(Simulator *s, const Options *o, sd_event *event) {
        int r;

        if (o->log) {
                s->log = fopen(o->log, "ae");
                if (!s->log)
                        return log_error_errno(errno, "Failed to open %s: %m", o->log);
                (void) setvbuf(s->log, NULL, _IOLBF, 0);
        }
        for (s->n = 0; s->n < o->n; s->n++) {
                SimGpu *g = s->gpus[s->n] = sim_gpu_new(o->kinds[s->n]);

                sim_gpu_set_times(g, &o->times);
                s->logs[s->n] = (Log){ s->log, s->n };
                if (s->log)
                        sim_gpu_set_log(g, on_line, &s->logs[s->n]);
                r = sim_server_new(event, o->paths[s->n], g, &s->servers[s->n]);
                if (r < 0)
                        return log_error_errno(r, "Failed to listen at %s: %m", o->paths[s->n]);
        }
        for (size_t i = 0; i < o->n_faults; i++)
                if (sim_gpu_fault(s->gpus[o->faults[i].device], o->faults[i].spec) < 0) {
                        log_error("--fault %s: no such fault, see --fault list", o->faults[i].spec);
                        return -EINVAL;
                }
        return 0;
}

static void simulator_close(Simulator *s) {
        for (size_t i = 0; i < DEVICES_MAX; i++) {
                sim_server_free(s->servers[i]);
                sim_gpu_free(s->gpus[i]);
        }
        if (s->log)
                (void) fclose(s->log);
}

static int watch_signals(sd_event *event) {
        sigset_t set;
        int r;

        (void) sigemptyset(&set);
        (void) sigaddset(&set, SIGTERM);
        (void) sigaddset(&set, SIGINT);
        if (sigprocmask(SIG_BLOCK, &set, NULL) < 0)
                return -errno;
        r = sd_event_add_signal(event, NULL, SIGTERM, NULL, NULL);
        return r < 0 ? r : sd_event_add_signal(event, NULL, SIGINT, NULL, NULL);
}

static int serve(const Options *o) {
        _cleanup_(simulator_close) Simulator s = {};
        _cleanup_(sim_control_freep) SimControl *control = NULL;
        sd_event *event = NULL;
        int r;

        r = sd_event_new(&event);
        if (r >= 0)
                r = watch_signals(event);
        if (r < 0)
                return log_error_errno(r, "Failed to set up: %m");
        r = simulator_open(&s, o, event);
        if (r >= 0 && o->control) {
                r = sim_control_new(event, o->control, s.gpus, s.n, &control);
                if (r < 0)
                        (void) log_error_errno(r, "Failed to listen at %s: %m", o->control);
        }
        if (r >= 0) {
                printf("ready\n");
                (void) fflush(stdout);
                r = sd_event_loop(event);
        }
        sd_event_unref(event);
        return r;
}

/* Prints the answer; 0 when it is "ok". */
static int send_command(const Options *o) {
        struct sockaddr_un address = { .sun_family = AF_UNIX };
        _cleanup_close_ int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
        char text[512];
        ssize_t n;

        (void) snprintf(address.sun_path, sizeof(address.sun_path), "%s", o->control);
        if (fd < 0 || connect(fd, (const struct sockaddr *) &address, sizeof(address)) < 0)
                return log_error_errno(errno, "Failed to connect to %s: %m", o->control);
        n = snprintf(text, sizeof(text), "%s\n", o->send);
        if (n >= (ssize_t) sizeof(text) || send(fd, text, (size_t) n, MSG_NOSIGNAL) != n)
                return log_error_errno(EIO, "Failed to send \"%s\"", o->send);
        n = recv(fd, text, sizeof(text) - 1, 0);
        if (n <= 0)
                return log_error_errno(EIO, "No answer from %s", o->control);
        text[n] = '\0';
        printf("%s", text);
        return strncmp(text, "ok", 2) == 0 ? 0 : -EINVAL;
}

int main(int argc, char *argv[]) {
        Options o = { .times = TIMES_LIKE_HARDWARE };

        log_open("cocoon-sim-gpu", LOG_INFO);
        if (parse_options(argc, argv, &o) < 0)
                return EXIT_USAGE;
        if (o.help)
                print_help();
        else if (o.list)
                print_faults();
        else
                return (o.send ? send_command(&o) : serve(&o)) < 0 ? EXIT_FAILURE : EXIT_SUCCESS;
        return EXIT_SUCCESS;
}
