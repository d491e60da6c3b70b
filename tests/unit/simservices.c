/* SPDX-License-Identifier: Apache-2.0 */

#include "simservices.h"

#include <fcntl.h>
#include <ftw.h>
#include <openssl/rand.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>

#include "basic/clock.h"
#include "basic/io.h"
#include "sim/machine.h"
#include "sim/must.h"
#include "sim/server.h"
#include "sim/services.h"

#define LOG_MAX (4U * 1024 * 1024)

char *services_path(const Services *s, const char *name) {
        char *path;

        MUST(asprintf(&path, "%s/%s", s->dir, name) > 0);
        return path;
}

static void serve(void *userdata, int fd) {
        sim_services_serve(userdata, fd);
}

static _Noreturn void run(const Services *s, int listen_fd, int input) {
        _cleanup_free_ char *control = services_path(s, "control"), *log = services_path(s, "log");
        SimMachine m = { .scene = s->scene, .lock = PTHREAD_MUTEX_INITIALIZER };
        SimListener listener = { .fd = listen_fd, .serve = serve, .userdata = &m };
        sigset_t set;

        MUST(prctl(PR_SET_PDEATHSIG, SIGKILL) == 0);
        MUST(sigemptyset(&set) == 0 && sigaddset(&set, SIGTERM) == 0 && sigaddset(&set, SIGINT) == 0);
        MUST(sigprocmask(SIG_BLOCK, &set, NULL) == 0);
        MUST(sim_access_log_open(log, &m.log) == 0);
        m.control = sim_control_new(control);
        sim_server_run(&listener, 1, input);
        _exit(0);
}

static void start(Services *s) {
        int input[2], fd;
        unsigned port;

        MUST(pipe2(input, O_CLOEXEC) == 0 && sim_listen_tcp("127.0.0.1:0", &fd, &port) == 0);
        (void) snprintf(s->url, sizeof(s->url), "http://127.0.0.1:%u", port);
        (void) fflush(stdout);
        s->pid = fork();
        MUST(s->pid >= 0);
        if (s->pid == 0) {
                (void) close(input[1]);
                run(s, fd, input[0]);
        }
        (void) close(input[0]);
        (void) close(fd);
        s->input = input[1];
}

Services *services_new(const SimModel *models) {
        _cleanup_free_ char *state = NULL, *json = NULL;
        Services *s = calloc(1, sizeof(*s));
        size_t n = 0;
        Fault fault;

        MUST(s);
        (void) snprintf(s->dir, sizeof(s->dir), "/tmp/cocoon-services-XXXXXX");
        MUST(mkdtemp(s->dir) && RAND_bytes(s->nonce, sizeof(s->nonce)) == 1 && setenv("no_proxy", "*", 1) == 0);
        while (models[n] != _SIM_MODEL_INVALID)
                n++;
        /* Kept in files: the child and this process must issue the same certificates. */
        state = services_path(s, "state");
        MUST(sim_scene_open(state, models, n, s->nonce, &s->scene) == 0);
        json = sim_evidence_json(s->scene->evidence, s->scene->n_evidence, SIM_FORM_CPP);
        MUST(evidence_set_parse(json, strlen(json), &s->set, &fault) == 0);
        start(s);
        return s;
}

static int remove_entry(const char *path, const struct stat *st, int type, struct FTW *ftw) {
        return remove(path);
}

Services *services_free(Services *s) {
        if (!s)
                return NULL;
        closep(&s->input);
        (void) waitpid(s->pid, NULL, 0);
        sim_scene_free(s->scene);
        evidence_set_free(s->set);
        (void) nftw(s->dir, remove_entry, 16, FTW_DEPTH | FTW_PHYS);
        free(s);
        return NULL;
}

void services_control(const Services *s, const char *control) {
        _cleanup_free_ char *path = services_path(s, "control"), *log = services_path(s, "log");

        MUST(write_file_atomic(path, control, strlen(control), 0600) == 0);
        if (truncate(log, 0) < 0)
                MUST(errno == ENOENT);
}

size_t services_count(const Services *s, const char *needle, const char *other) {
        _cleanup_free_ char *path = services_path(s, "log");
        _cleanup_free_ uint8_t *text = NULL;
        char *line, *rest;
        size_t size, n = 0;

        MUST(read_file_at(AT_FDCWD, path, LOG_MAX, &text, &size) == 0);
        for (rest = (char *) text; (line = strsep(&rest, "\n"));)
                n += *line && (!needle || strstr(line, needle)) && (!other || strstr(line, other));
        return n;
}

FetchOptions services_fetch(const Services *s, unsigned seconds) {
        return (FetchOptions){
                .rim_url = s->url,
                .ocsp_url = s->url,
                .allow_http = true,
                .require_nonce = true,
                .deadline_usec = monotonic_usec() + seconds * USEC_PER_SEC,
                .retries = SERVICES_RETRIES,
        };
}

GatherOptions services_options(const Services *s, const FetchOptions *fetch) {
        static char anchors[128];

        (void) snprintf(anchors, sizeof(anchors), "%s/state/anchors", s->dir);
        return (GatherOptions){
                .collateral = {
                        .anchors_dir = anchors,
                        .ocsp = true,
                        .device_time = time(NULL),
                        .rim_time = time(NULL),
                },
                .fetch = fetch,
        };
}
