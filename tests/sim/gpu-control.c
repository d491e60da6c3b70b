/* SPDX-License-Identifier: Apache-2.0 */

#include "sim/gpu-control.h"

#include <string.h>
#include <sys/socket.h>

#include "sim/gpu-server.h"
#include "sim/must.h"

#define LINE_SIZE 256U
#define KNOB_MAX  47U

struct SimControl {
        SimGpu *const *gpus;
        size_t n;
        char *path;
        sd_event_source *listener, *client;
        char line[LINE_SIZE];
        size_t n_line;
};

const char sim_control_help[] = "  N fault SPEC      make device N misbehave: NAME[=VALUE][@ACCESSES]\n"
                                "  N heal            take all its faults back\n"
                                "  N knob K [VALUE]  show or set PRC knob K\n"
                                "  N mode            show what is in effect, one of off, on, devtools, invalid, and\n"
                                "                    ppcie and firewall when they are\n"
                                "  N reset flr|bus   reset it\n"
                                "  N time NAME=USEC  config, firewall, boot, take, answer\n"
                                "  N count           accesses, resets, violations so far\n";

int sim_times_parse(SimGpuTimes *times, const char *text) {
        static const struct {
                const char *name;
                size_t offset;
        } names[] = {
                { "config=",   offsetof(SimGpuTimes, config)   }, { "firewall=", offsetof(SimGpuTimes, firewall) },
                { "boot=",     offsetof(SimGpuTimes, boot)     }, { "take=",     offsetof(SimGpuTimes, take)     },
                { "answer=",   offsetof(SimGpuTimes, answer)   },
        };

        for (size_t i = 0; i < ELEMENTSOF(names); i++) {
                size_t n = strlen(names[i].name);
                unsigned long long value;
                char end;

                if (strncmp(text, names[i].name, n) != 0)
                        continue;
                if (text[n] == '-' || sscanf(text + n, "%llu%c", &value, &end) != 1)
                        return -EINVAL;
                *(uint64_t *) (void *) ((char *) times + names[i].offset) = value;
                return 0;
        }
        return -EINVAL;
}

static int do_fault(SimGpu *g, const char *arguments, char *ret, size_t size) {
        return sim_gpu_fault(g, arguments);
}

static int do_heal(SimGpu *g, const char *arguments, char *ret, size_t size) {
        sim_gpu_heal(g);
        return 0;
}

static int do_knob(SimGpu *g, const char *arguments, char *ret, size_t size) {
        unsigned knob, value;
        char end;
        int n = sscanf(arguments, "%u %u%c", &knob, &value, &end);

        if (n < 1 || n > 2 || knob == 0 || knob > KNOB_MAX)
                return -EINVAL;
        if (n == 2)
                sim_gpu_set_knob(g, knob, (uint16_t) value);
        (void) snprintf(ret, size, "%u", sim_gpu_knob(g, knob));
        return 0;
}

static int do_mode(SimGpu *g, const char *arguments, char *ret, size_t size) {
        static const char *const names[] = { "off", "on", "invalid", "devtools" };
        unsigned mode = sim_gpu_mode(g);

        (void) snprintf(ret, size, "%s%s%s", names[mode & 3], mode & 4 ? " ppcie" : "", mode & 8 ? " firewall" : "");
        return 0;
}

static int do_reset(SimGpu *g, const char *arguments, char *ret, size_t size) {
        if (strcmp(arguments, "flr") != 0 && strcmp(arguments, "bus") != 0)
                return -EINVAL;
        sim_gpu_reset(g, strcmp(arguments, "bus") == 0);
        return 0;
}

static int do_time(SimGpu *g, const char *arguments, char *ret, size_t size) {
        SimGpuTimes times = *sim_gpu_times(g);
        int r = sim_times_parse(&times, arguments);

        if (r >= 0)
                sim_gpu_set_times(g, &times);
        return r;
}

static int do_count(SimGpu *g, const char *arguments, char *ret, size_t size) {
        (void) snprintf(ret, size, "%llu accesses, %u resets, %u violations",
                        (unsigned long long) sim_gpu_accesses(g), sim_gpu_resets(g), sim_gpu_violations(g));
        return 0;
}

static const struct {
        const char *word;
        int (*run)(SimGpu *g, const char *arguments, char *ret, size_t size);
} verbs[] = {
        { "fault", do_fault }, { "heal", do_heal }, { "knob",  do_knob  }, { "mode", do_mode },
        { "reset", do_reset }, { "time", do_time }, { "count", do_count },
};

void sim_control_do(SimGpu *const *gpus, size_t n, const char *command, char *ret, size_t size) {
        char word[16] = "", text[128] = "";
        unsigned index;
        int at = 0, r = -EINVAL;

        if (sscanf(command, "%u %15s %n", &index, word, &at) == 2 && at > 0 && index < n)
                for (size_t i = 0; i < ELEMENTSOF(verbs); i++)
                        if (strcmp(word, verbs[i].word) == 0) {
                                sim_server_tick(gpus[index]);
                                r = verbs[i].run(gpus[index], command + at, text, sizeof(text));
                        }
        if (r < 0)
                (void) snprintf(ret, size, "error: %s", command);
        else
                (void) snprintf(ret, size, "ok%s%s", text[0] ? " " : "", text);
}

static void answer(SimControl *c, int fd) {
        char text[LINE_SIZE + 16];
        size_t n;

        c->line[c->n_line] = '\0';
        sim_control_do(c->gpus, c->n, c->line, text, sizeof(text) - 1);
        n = strlen(text);
        text[n++] = '\n';
        (void) send(fd, text, n, MSG_NOSIGNAL | MSG_DONTWAIT);
        c->n_line = 0;
}

static int on_client(sd_event_source *source, int fd, uint32_t events, void *userdata) {
        SimControl *c = userdata;
        char data[LINE_SIZE];
        ssize_t n = recv(fd, data, sizeof(data), MSG_DONTWAIT);

        if (n < 0 && (errno == EAGAIN || errno == EINTR))
                return 0;
        if (n <= 0)
                c->client = sd_event_source_disable_unref(c->client);
        for (ssize_t i = 0; i < n; i++)
                if (data[i] == '\n')
                        answer(c, fd);
                else if (c->n_line < sizeof(c->line) - 1)
                        c->line[c->n_line++] = data[i];
        return 0;
}

/* The newest client is the one that is heard. */
static int on_listener(sd_event_source *source, int fd, uint32_t events, void *userdata) {
        SimControl *c = userdata;
        _cleanup_close_ int client_fd = accept4(fd, NULL, NULL, SOCK_CLOEXEC);

        if (client_fd < 0)
                return 0;
        c->client = sd_event_source_disable_unref(c->client);
        c->n_line = 0;
        MUST(sd_event_add_io(sd_event_source_get_event(source), &c->client, client_fd, EPOLLIN, on_client, c) >= 0);
        MUST(sd_event_source_set_io_fd_own(c->client, true) >= 0);
        (void) TAKE_FD(client_fd);
        return 0;
}

int sim_control_new(sd_event *event, const char *path, SimGpu *const *gpus, size_t n, SimControl **ret) {
        _cleanup_(sim_control_freep) SimControl *c = calloc(1, sizeof(*c));
        _cleanup_close_ int fd = sim_listen(path);

        if (fd < 0)
                return fd;
        MUST(c);
        c->gpus = gpus;
        c->n = n;
        c->path = strdup(path);
        MUST(c->path);
        MUST(sd_event_add_io(event, &c->listener, fd, EPOLLIN, on_listener, c) >= 0);
        MUST(sd_event_source_set_io_fd_own(c->listener, true) >= 0);
        (void) TAKE_FD(fd);
        *ret = TAKE_PTR(c);
        return 0;
}

SimControl *sim_control_free(SimControl *c) {
        if (!c)
                return NULL;
        sd_event_source_disable_unref(c->listener);
        sd_event_source_disable_unref(c->client);
        if (c->path)
                (void) unlink(c->path);
        free(c->path);
        free(c);
        return NULL;
}
