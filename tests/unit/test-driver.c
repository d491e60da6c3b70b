/* SPDX-License-Identifier: Apache-2.0 */

/* The simulated driver through its libraries, by a client that has declarations of its own: what it relies on is the
 * ABI of NVIDIA's libraries and not the simulator's headers. */

#include "test.h"

#include <dlfcn.h>
#include <fcntl.h>
#include <spawn.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <time.h>

#include "attest/spdm.h"
#include "basic/cleanup.h"

#define N_GPUS     8U
#define N_SWITCHES 4U

typedef struct Report {
        unsigned has_cec, size, cec_size;
        uint8_t nonce[32], data[0x2000], cec[0x1000];
} Report;

typedef struct Chain {
        unsigned first_size, size;
        uint8_t first[0x1000], data[0x1400];
} Chain;

typedef struct SwitchReport {
        uint32_t size;
        uint8_t data[0x2000];
} SwitchReport;

typedef struct SwitchChain {
        uint8_t data[0x1400];
        uint32_t size;
} SwitchChain;

typedef struct Session {
        int8_t rc;
        void *session;
} Session;

_Static_assert(sizeof(Report) == 12332 && sizeof(Chain) == 9224, "NVML's");
_Static_assert(sizeof(SwitchReport) == 8196 && sizeof(SwitchChain) == 5124, "NSCQ's");

static struct {
        void *nvml, *nscq;
        char dir[64];
        pid_t pid;
        int input;
} lab;

/* ISO C has no conversion from what dlsym() gives to a function. */
static void *symbol(void *library, const char *name) {
        void *p = dlsym(library, name);

        if (!p) {
                (void) printf("Bail out! no %s\n", name);
                exit(1);
        }
        return p;
}

#define NVML(name, ...) ((int (*)(__VA_ARGS__)) symbol(lab.nvml, name))
#define NSCQ(type, name, ...) ((type(*)(__VA_ARGS__)) symbol(lab.nscq, name))

static void path_in_lab(const char *name, char ret[static 128]) {
        (void) snprintf(ret, 128, "%s/%s", lab.dir, name);
}

/* A new file in place of the old one: the server sees one or the other. */
static void control(const char *text) {
        char path[128], draft[128];
        FILE *f;

        path_in_lab("control", path);
        path_in_lab("control.new", draft);
        f = fopen(draft, "we");
        CHECK(f && fputs(text, f) >= 0);
        if (f)
                CHECK(fclose(f) == 0);
        CHECK(rename(draft, path) == 0);
}

static size_t log_lines(const char *needle) {
        _cleanup_fclose_ FILE *f = NULL;
        char path[128], line[1024];
        size_t n = 0;

        path_in_lab("log", path);
        f = fopen(path, "re");
        while (f && fgets(line, sizeof(line), f))
                if (strstr(line, needle))
                        n++;
        return n;
}

static void start(void) {
        char socket[128], control_path[128], log[128];
        char *argv[64] = { (char[]){ COCOON_SIM }, (char[]){ "serve" }, (char[]){ "--until-eof" },
                           (char[]){ "--socket" }, socket, (char[]){ "--control" }, control_path,
                           (char[]){ "--log" }, log };
        static char device[] = "--device", gpu[] = "hopper-ppcie", nvswitch[] = "ls10";
        posix_spawn_file_actions_t actions;
        _cleanup_close_ int ready = -EBADF;
        int in[2], out[2];
        size_t n = 9;
        char byte;

        (void) strcpy(lab.dir, "/tmp/cocoon-driver-XXXXXX");
        if (!mkdtemp(lab.dir) || pipe2(in, O_CLOEXEC) < 0 || pipe2(out, O_CLOEXEC) < 0)
                exit(1);
        path_in_lab("socket", socket);
        path_in_lab("control", control_path);
        path_in_lab("log", log);
        for (size_t i = 0; i < N_GPUS + N_SWITCHES; i++) {
                argv[n++] = device;
                argv[n++] = i < N_GPUS ? gpu : nvswitch;
        }
        (void) posix_spawn_file_actions_init(&actions);
        (void) posix_spawn_file_actions_adddup2(&actions, in[0], STDIN_FILENO);
        (void) posix_spawn_file_actions_adddup2(&actions, out[1], STDOUT_FILENO);
        if (posix_spawn(&lab.pid, COCOON_SIM, &actions, NULL, argv, environ) != 0)
                exit(1);
        (void) posix_spawn_file_actions_destroy(&actions);
        (void) close(in[0]);
        (void) close(out[1]);
        lab.input = in[1];
        ready = out[0];
        if (read(ready, &byte, 1) != 1 || setenv("COCOON_SIM_SOCKET", socket, 1) < 0)
                exit(1);
}

static void test_load(void) {
        start();
        lab.nvml = dlopen(FAKE_NVML, RTLD_NOW | RTLD_LOCAL);
        lab.nscq = dlopen(FAKE_NSCQ, RTLD_NOW | RTLD_LOCAL);
        CHECK(lab.nvml && lab.nscq);
        if (!lab.nvml || !lab.nscq)
                exit(1);
        CHECK_EQ(*(const uint32_t *) symbol(lab.nscq, "nscq_api_version"), 0x02000000);
}

static void test_init(void) {
        unsigned n = 0;

        CHECK_EQ(NVML("nvmlDeviceGetCount_v2", unsigned *)(&n), 1);
        CHECK_EQ(NVML("nvmlInit_v2", void)(), 0);
        CHECK_EQ(NVML("nvmlDeviceGetCount", unsigned *)(&n), 0);
        CHECK_EQ(n, N_GPUS);
        n = 0;
        CHECK_EQ(NVML("nvmlDeviceGetCount_v2", unsigned *)(&n), 0);
        CHECK_EQ(n, N_GPUS);
        CHECK_STR(((const char *(*) (int) ) symbol(lab.nvml, "nvmlErrorString"))(15), "GPU is lost");
}

/* Guards around what the library writes show that it keeps to the sizes. */
static void test_system(void) {
        unsigned state[5] = { 0, 0, 0, 77, 77 }, settings[6] = { 0x01000014, 0, 0, 0, 0, 77 }, capabilities[3] = { 9, 9, 77 };
        char version[80];

        CHECK_EQ(NVML("nvmlSystemGetConfComputeState", unsigned *)(state), 0);
        CHECK(state[0] == 2 && state[1] == 0 && state[2] == 0 && state[3] == 77);
        CHECK_EQ(NVML("nvmlSystemGetConfComputeSettings", unsigned *)(settings), 0);
        CHECK(settings[0] == 0x01000014 && settings[1] == 2 && settings[2] == 0 && settings[3] == 0 &&
              settings[4] == 1 && settings[5] == 77);
        settings[0] = 20;
        CHECK_EQ(NVML("nvmlSystemGetConfComputeSettings", unsigned *)(settings), 25);
        CHECK_EQ(NVML("nvmlSystemGetConfComputeCapabilities", unsigned *)(capabilities), 0);
        CHECK(capabilities[0] == 2 && capabilities[1] == 1 && capabilities[2] == 77);
        CHECK_EQ(NVML("nvmlSystemGetDriverVersion", char *, unsigned)(version, sizeof(version)), 0);
        CHECK_STR(version, "590.12");
        CHECK_EQ(NVML("nvmlSystemGetDriverVersion", char *, unsigned)(version, 6), 7);
}

static void *handle(unsigned index) {
        void *h = NULL;

        CHECK_EQ(NVML("nvmlDeviceGetHandleByIndex_v2", unsigned, void **)(index, &h), 0);
        return h;
}

static void test_device(void) {
        struct {
                unsigned version;
                uint64_t value;
        } pdi = { .version = 0x01000010 };
        char uuid[80], other[80], vbios[32];
        unsigned arch = 0, board = 0;
        void *h = handle(0), *none = NULL;

        CHECK_EQ(NVML("nvmlDeviceGetUUID", void *, char *, unsigned)(h, uuid, sizeof(uuid)), 0);
        CHECK_EQ(NVML("nvmlDeviceGetUUID", void *, char *, unsigned)(handle(1), other, sizeof(other)), 0);
        CHECK(strncmp(uuid, "GPU-", 4) == 0 && strlen(uuid) == 40 && strcmp(uuid, other) != 0);
        CHECK_EQ(NVML("nvmlDeviceGetVbiosVersion", void *, char *, unsigned)(h, vbios, sizeof(vbios)), 0);
        CHECK_STR(vbios, "96.00.bc.00.0c");
        CHECK_EQ(NVML("nvmlDeviceGetArchitecture", void *, unsigned *)(h, &arch), 0);
        CHECK_EQ(arch, 9);
        CHECK_EQ(NVML("nvmlDeviceGetBoardId", void *, unsigned *)(h, &board), 0);
        CHECK_EQ(board, 256);
        CHECK_EQ(NVML("nvmlDeviceGetPdi", void *, void *)(h, &pdi), 0);
        CHECK(pdi.value != 0);
        CHECK_EQ(NVML("nvmlDeviceGetHandleByIndex", unsigned, void **)(N_GPUS, &none), 2);
        CHECK_EQ(NVML("nvmlDeviceGetUUID", void *, char *, unsigned)(NULL, uuid, sizeof(uuid)), 2);
}

static bool has_nonce(const uint8_t *report, uint32_t size, const uint8_t *nonce) {
        SpdmReport parsed;
        Fault f;

        return spdm_report_parse(report, size, &parsed, &f) >= 0 && memcmp(parsed.nonce, nonce, 32) == 0;
}

static int ask_report(void *h, Report *ret) {
        *ret = (Report){ .has_cec = 1 };
        memset(ret->nonce, 0x5a, sizeof(ret->nonce));
        return NVML("nvmlDeviceGetConfComputeGpuAttestationReport", void *, Report *)(h, ret);
}

static void test_evidence(void) {
        _cleanup_free_ Report *report = calloc(1, sizeof(*report));
        _cleanup_free_ Chain *chain = calloc(1, sizeof(*chain));

        CHECK_EQ(ask_report(handle(2), report), 0);
        CHECK_EQ(report->has_cec, 0);
        CHECK(has_nonce(report->data, report->size, report->nonce));
        CHECK_EQ(NVML("nvmlDeviceGetConfComputeGpuCertificate", void *, Chain *)(handle(2), chain), 0);
        CHECK(chain->size > 4000 && chain->size < sizeof(chain->data));
        CHECK(memcmp(chain->data, "-----BEGIN CERTIFICATE-----\n", 28) == 0);
}

static void test_ready(void) {
        unsigned ready = 9;

        CHECK_EQ(NVML("nvmlSystemGetConfComputeGpusReadyState", unsigned *)(&ready), 0);
        CHECK_EQ(ready, 0);
        CHECK_EQ(NVML("nvmlSystemSetConfComputeGpusReadyState", unsigned)(1), 0);
        CHECK_EQ(NVML("nvmlSystemGetConfComputeGpusReadyState", unsigned *)(&ready), 0);
        CHECK_EQ(ready, 1);
        control("ready stick\n");
        CHECK_EQ(NVML("nvmlSystemSetConfComputeGpusReadyState", unsigned)(0), 0);
        control("ready refuse\n");
        CHECK_EQ(NVML("nvmlSystemSetConfComputeGpusReadyState", unsigned)(0), 4);
        control("");
        CHECK_EQ(NVML("nvmlSystemGetConfComputeGpusReadyState", unsigned *)(&ready), 0);
        CHECK_EQ(ready, 1);
        CHECK_EQ(NVML("nvmlSystemSetConfComputeGpusReadyState", unsigned)(2), 2);
        CHECK_EQ(log_lines(" end "), log_lines(" begin "));
        CHECK_EQ(log_lines("nvmlSystemSetConfComputeGpusReadyState 0 -> 4"), 1);
}

/* Each changes what one of these says: the report's status and size, the count, the VBIOS. */
static void test_misbehaviour(void) {
        static const struct {
                const char *control;
                int status;
                uint32_t size; /* 0: any */
                bool right;    /* the report is for the nonce */
        } rows[] = {
                { "device 1 report error 999\n",           999, 0,          false },
                { "device 0 report error 999\n",           0,   0,          true  },
                { "first 1 device 1 report error 999\n",   999, 0,          false },
                { "after 1 device 1 report error 999\n",   0,   0,          true  },
                { "report garbage # and a comment\n",      0,   0,          false },
                { "device 1 report-nonce replay\n",        0,   0,          false },
                { "size huge\n",                           0,   UINT32_MAX, false },
                { "device 1 size 9000\n",                  0,   9000,       false },
                { "device 1 report slow 20 size 8193\n",   0,   8193,       false },
                { "all error 3\ndevice 1 all good\n",      0,   0,          true  },
                { "gone 1\n",                              15,  0,          false },
                { "device 1 report measurement 7\n",       0,   0,          true  },
        };
        _cleanup_free_ Report *report = calloc(1, sizeof(*report));
        void *h = handle(1);

        for (size_t i = 0; i < ELEMENTSOF(rows); i++) {
                int status;

                control(rows[i].control);
                status = ask_report(h, report);
                if (status != rows[i].status)
                        (void) printf("# %s", rows[i].control);
                CHECK_EQ(status, rows[i].status);
                if (rows[i].size > 0)
                        CHECK_EQ(report->size, rows[i].size);
                else if (status == 0)
                        CHECK_EQ(has_nonce(report->data, report->size, report->nonce), rows[i].right);
        }
        control("");
}

static void test_values(void) {
        struct {
                unsigned version;
                uint64_t value;
        } pdi = { .version = 0x01000010 };
        unsigned n = 0, state[3];
        char vbios[32];

        control("count-second 3\nvbios 1.2.3\npdi 0102030405060708\ncc on\ndevtools on\nenvironment simulation\n");
        CHECK(NVML("nvmlDeviceGetCount_v2", unsigned *)(&n) == 0 && n == N_GPUS);
        CHECK(NVML("nvmlDeviceGetCount_v2", unsigned *)(&n) == 0 && n == 3);
        CHECK(NVML("nvmlDeviceGetCount_v2", unsigned *)(&n) == 0 && n == 3);
        CHECK_EQ(NVML("nvmlDeviceGetVbiosVersion", void *, char *, unsigned)(handle(0), vbios, sizeof(vbios)), 0);
        CHECK_STR(vbios, "1.2.3");
        CHECK_EQ(NVML("nvmlDeviceGetPdi", void *, void *)(handle(0), &pdi), 0);
        CHECK_EQ(pdi.value, 0x0102030405060708);
        CHECK_EQ(NVML("nvmlSystemGetConfComputeState", unsigned *)(state), 0);
        CHECK(state[0] == 1 && state[1] == 1 && state[2] == 1);
        control("");
}

/* A library that ends its process, and one that never returns. */
static void test_crash_and_hang(void) {
        static const struct timespec tick = { .tv_nsec = 5000000 };
        int status;
        pid_t pid;

        control("device 3 report crash\ndevice 4 report hang\n");
        pid = fork();
        if (pid == 0) {
                Report report;

                (void) ask_report(handle(3), &report);
                _exit(0);
        }
        CHECK(waitpid(pid, &status, 0) == pid && WIFSIGNALED(status));
        pid = fork();
        if (pid == 0) {
                Report report;

                (void) ask_report(handle(4), &report);
                _exit(0);
        }
        while (log_lines("nvmlDeviceGetConfComputeGpuAttestationReport 4") == 0)
                (void) nanosleep(&tick, NULL);
        CHECK(waitpid(pid, &status, WNOHANG) == 0 && kill(pid, SIGKILL) == 0);
        CHECK(waitpid(pid, &status, 0) == pid && WIFSIGNALED(status));
        control("");
}

typedef struct Switches {
        size_t n;
        uint8_t uuids[N_SWITCHES][16];
        int values[N_SWITCHES];
        SwitchReport report;
        SwitchChain chain;
        char version[80];
} Switches;

static void on_uuid(const uint8_t *device, int8_t rc, const uint8_t *value, void *userdata) {
        Switches *s = userdata;

        CHECK(rc == 0 && memcmp(device, value, 16) == 0 && s->n < N_SWITCHES);
        if (s->n < N_SWITCHES)
                memcpy(s->uuids[s->n++], value, 16);
}

static void on_int8(const uint8_t *device, int8_t rc, int8_t value, void *userdata) {
        Switches *s = userdata;

        CHECK(rc == 0 && s->n < N_SWITCHES);
        if (s->n < N_SWITCHES)
                s->values[s->n++] = value;
}

static void on_text(const uint8_t *device, int8_t rc, const char *value, void *userdata) {
        Switches *s = userdata;

        CHECK(rc == 0);
        (void) snprintf(s->version, sizeof(s->version), "%s", value);
}

static void on_report(const uint8_t *device, int8_t rc, SwitchReport value, void *userdata) {
        Switches *s = userdata;

        CHECK_EQ(rc, 0);
        s->report = value;
        s->n++;
}

static void on_chain(const uint8_t *device, int8_t rc, SwitchChain value, void *userdata) {
        Switches *s = userdata;

        CHECK_EQ(rc, 0);
        s->chain = value;
        s->n++;
}

static int observe(void *session, const char *path, void (*callback)(void), Switches *s) {
        s->n = 0;
        return NSCQ(int8_t, "nscq_session_path_observe", void *, const char *, void (*)(void), void *, uint32_t)(
                session, path, callback, s, 0);
}

#define CALLBACK(function) ((void (*)(void)) (function))

static void check_switch(void *session, Switches *s, const char *label) {
        uint8_t nonce[32];
        char path[128];

        (void) snprintf(path, sizeof(path), "/%s/config/pcie_mode", label);
        CHECK_EQ(observe(session, path, CALLBACK(on_int8), s), 0);
        CHECK(s->n == 1 && s->values[0] == 3);
        (void) snprintf(path, sizeof(path), "/%s/config/certificate", label);
        CHECK_EQ(observe(session, path, CALLBACK(on_chain), s), 0);
        CHECK(s->n == 1 && s->chain.size > 4000 && s->chain.size < sizeof(s->chain.data));
        CHECK(memcmp(s->chain.data, "-----BEGIN", 10) == 0);
        memset(nonce, 0xa5, sizeof(nonce));
        CHECK_EQ(NSCQ(int8_t, "nscq_session_set_input", void *, uint32_t, void *, uint32_t)(session, 0, nonce, 32), 0);
        (void) snprintf(path, sizeof(path), "/%s/config/attestation_report", label);
        CHECK_EQ(observe(session, path, CALLBACK(on_report), s), 0);
        CHECK(s->n == 1 && has_nonce(s->report.data, s->report.size, nonce));
}

static void test_switches(void) {
        _cleanup_free_ Switches *s = calloc(1, sizeof(*s));
        char label[64];
        Session session;

        session = NSCQ(Session, "nscq_session_create", uint32_t)(1);
        CHECK(session.rc == 0 && session.session);
        CHECK_EQ(observe(session.session, "/drv/nvswitch/version", CALLBACK(on_text), s), 0);
        CHECK_STR(s->version, "590.12");
        CHECK_EQ(observe(session.session, "/{nvswitch}/id/arch", CALLBACK(on_int8), s), 0);
        CHECK(s->n == N_SWITCHES && s->values[0] == 2 && s->values[3] == 2);
        CHECK_EQ(observe(session.session, "/drv/nvswitch/{device}/uuid", CALLBACK(on_uuid), s), 0);
        CHECK_EQ(s->n, N_SWITCHES);
        CHECK(memcmp(s->uuids[0], s->uuids[1], 16) != 0);
        for (size_t i = 0; i < N_SWITCHES; i++) {
                CHECK_EQ(NSCQ(int8_t, "nscq_uuid_to_label", const uint8_t *, char *, uint32_t)(s->uuids[i], label, 0), 0);
                CHECK(strncmp(label, "SWX-", 4) == 0);
                check_switch(session.session, s, label);
        }
        CHECK_EQ(observe(session.session, "/SWX-NONE/config/pcie_mode", CALLBACK(on_int8), s), -1);
        NSCQ(void, "nscq_session_destroy", void *)(session.session);
}

static void test_session_warning(void) {
        Session session;

        control("nscq-init error 1\n");
        session = NSCQ(Session, "nscq_session_create", uint32_t)(1);
        CHECK(session.rc == 1 && session.session);
        NSCQ(void, "nscq_session_destroy", void *)(session.session);
        control("nscq-init error -6\n");
        session = NSCQ(Session, "nscq_session_create", uint32_t)(1);
        CHECK(session.rc == -6 && !session.session);
        control("");
}

static void test_end(void) {
        static const char *const names[] = { "control", "log" };
        char path[128];
        int status;

        CHECK_EQ(NVML("nvmlShutdown", void)(), 0);
        CHECK_EQ(NVML("nvmlShutdown", void)(), 1);
        CHECK(kill(lab.pid, SIGTERM) == 0);
        CHECK(waitpid(lab.pid, &status, 0) == lab.pid && WIFEXITED(status) && WEXITSTATUS(status) == 0);
        (void) close(lab.input);
        path_in_lab("socket", path);
        CHECK(access(path, F_OK) < 0);
        CHECK_EQ(NVML("nvmlInit_v2", void)(), 9);
        for (size_t i = 0; i < ELEMENTSOF(names); i++) {
                path_in_lab(names[i], path);
                CHECK(unlink(path) == 0);
        }
        CHECK(rmdir(lab.dir) == 0);
}

static const Test tests[] = {
        { "both libraries load",                    test_load            },
        { "initialization and count",               test_init            },
        { "state of the system",                    test_system          },
        { "a GPU",                                  test_device          },
        { "report and chain of a GPU",              test_evidence        },
        { "ready state",                            test_ready           },
        { "reports that are not right",             test_misbehaviour    },
        { "values that are not right",              test_values          },
        { "a library that dies and one that hangs", test_crash_and_hang  },
        { "switches",                               test_switches        },
        { "sessions with a warning",                test_session_warning },
        { "the end",                                test_end             },
};

TEST_MAIN(tests)
