/* SPDX-License-Identifier: Apache-2.0 */

/* The program that serves simulated devices, driven over its sockets as QEMU would. */

#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "basic/io.h"
#include "gpu/prc.h"
#include "gpu/registers.h"
#include "sim/gpu-client.h"
#include "test.h"

#define DEVICES_MAX 8U
#define LOG_MAX     (16U * 1024 * 1024)

typedef struct Server {
        char dir[32];
        char paths[DEVICES_MAX][48];
        char control[48], log[48];
        size_t n;
        pid_t pid;
} Server;

/* Starts the program and waits for its word; `extra` is NULL terminated and begins behind the devices. */
static void server_start(Server *s, const char *const *kinds, size_t n, const char *const *extra) {
        char word[16] = "", *arguments[64], *devices[DEVICES_MAX];
        size_t k = 0;
        int fds[2];

        *s = (Server){ .dir = "/tmp/cocoon-gpu-XXXXXX", .n = n };
        CHECK(mkdtemp(s->dir));
        (void) snprintf(s->control, sizeof(s->control), "%s/control", s->dir);
        (void) snprintf(s->log, sizeof(s->log), "%s/log", s->dir);
        arguments[k++] = strdup(SIM_GPU);
        for (size_t i = 0; i < n; i++) {
                (void) snprintf(s->paths[i], sizeof(s->paths[i]), "%s/gpu%zu", s->dir, i);
                CHECK(asprintf(&devices[i], "%s:%s", kinds[i], s->paths[i]) > 0);
                arguments[k++] = strdup("--device");
                arguments[k++] = devices[i];
        }
        for (size_t i = 0; extra && extra[i]; i++)
                arguments[k++] = strdup(extra[i]);
        arguments[k++] = strdup("--control");
        arguments[k++] = strdup(s->control);
        arguments[k++] = strdup("--log");
        arguments[k++] = strdup(s->log);
        arguments[k] = NULL;
        CHECK_EQ(pipe2(fds, O_CLOEXEC), 0);
        s->pid = fork();
        if (s->pid == 0) {
                (void) prctl(PR_SET_PDEATHSIG, SIGKILL);
                (void) dup2(fds[1], STDOUT_FILENO);
                (void) execv(arguments[0], arguments);
                _exit(127);
        }
        (void) close(fds[1]);
        CHECK(read(fds[0], word, sizeof(word) - 1) > 0);
        CHECK_STR(word, "ready\n");
        (void) close(fds[0]);
        for (size_t i = 0; i < k; i++)
                free(arguments[i]);
}

static void server_stop(Server *s) {
        int status = -1;

        CHECK_EQ(kill(s->pid, SIGTERM), 0);
        CHECK_EQ(waitpid(s->pid, &status, 0), s->pid);
        CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 0);
        (void) unlink(s->log);
        CHECK_EQ(rmdir(s->dir), 0); /* it took its sockets away */
}

/* The answer to a command, by the program itself. */
static void check_command(const Server *s, const char *command, const char *wanted) {
        _cleanup_free_ char *line = NULL;
        char found[256] = "";
        FILE *f;

        CHECK(asprintf(&line, "%s --control %s --send '%s'", SIM_GPU, s->control, command) > 0);
        f = popen(line, "re");
        CHECK(f && fgets(found, sizeof(found), f));
        if (f)
                CHECK_EQ(pclose(f) == 0, strncmp(found, "ok", 2) == 0);
        found[strcspn(found, "\n")] = '\0';
        CHECK_STR(found, wanted);
}

static SimClient *connect_to(const Server *s, size_t i) {
        SimClient *c = NULL;

        CHECK_EQ(sim_client_new(s->paths[i], &c), 0);
        return c;
}

static const char *const quick[] = { "--time", "boot=30000",  "--time", "config=5000", "--time", "firewall=10000",
                                     "--time", "take=0",      "--time", "answer=0",    NULL };

static void switch_device(SimClient *c, CcMode mode, int wanted, Fault *ret_fault) {
        StageDevice d = { .reset = sim_client_reset, .userdata = c };
        Gpu g;

        CHECK_EQ(gpu_open(&sim_client_ops, c, &g, ret_fault), 0);
        d.gpu = &g;
        CHECK_EQ(stage_all(&d, 1, mode), wanted);
        *ret_fault = d.fault;
}

static void test_switch(void) {
        static const struct {
                const char *kind;
                CcMode mode;
                const char *wanted;
        } cases[] = {
                { "hopper", CC_MODE_ON,       "ok on firewall" },
                { "gb100",  CC_MODE_ON,       "ok on"        },
                { "gb202",  CC_MODE_DEVTOOLS, "ok devtools"  },
                { "ls10",   CC_MODE_PPCIE,    "ok off ppcie" },
        };
        const char *kinds[ELEMENTSOF(cases)];
        char command[16];
        Server s;

        for (size_t i = 0; i < ELEMENTSOF(cases); i++)
                kinds[i] = cases[i].kind;
        server_start(&s, kinds, ELEMENTSOF(cases), quick);
        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                _cleanup_(sim_client_freep) SimClient *c = connect_to(&s, i);
                Fault f = {};

                (void) snprintf(command, sizeof(command), "%zu mode", i);
                check_command(&s, command, "ok off");
                switch_device(c, cases[i].mode, 0, &f);
                check_command(&s, command, cases[i].wanted);
                switch_device(c, CC_MODE_OFF, 0, &f);
                check_command(&s, command, "ok off");
        }
        server_stop(&s);
}

/* The order of registers as the device saw it, from its own log. */
static void test_log(void) {
        static const char *const kinds[] = { "hopper" };
        static const char *const wanted[] = { "CW 004=0002", "R 0200bc=000000ff", "W 8f2c10=00000800", "KNOB 10=2",
                                              "KNOB 8=1", "W 001458=00000001", "RESET flr", "R 1182cc=00000001" };
        _cleanup_(sim_client_freep) SimClient *c = NULL;
        _cleanup_free_ uint8_t *log = NULL;
        const char *at;
        size_t size;
        Fault f = {};
        Server s;

        server_start(&s, kinds, 1, quick);
        c = connect_to(&s, 0);
        switch_device(c, CC_MODE_ON, 0, &f);
        CHECK_EQ(read_file_at(AT_FDCWD, s.log, LOG_MAX, &log, &size), 0);
        at = (const char *) log;
        for (size_t i = 0; i < ELEMENTSOF(wanted) && at; i++) {
                at = strstr(at, wanted[i]);
                CHECK(at);
        }
        CHECK(log && !strstr((const char *) log, "VIOLATION"));
        server_stop(&s);
}

static void test_faults(void) {
        static const char *const kinds[] = { "hopper", "hopper" };
        static const char *const extra[] = { "--fault", "write-refused", "--time", "boot=0", "--time", "config=0",
                                             "--time", "take=0", "--time", "answer=0", NULL };
        _cleanup_(sim_client_freep) SimClient *a = NULL, *b = NULL;
        Fault f = {};
        Server s;

        server_start(&s, kinds, 2, extra);
        a = connect_to(&s, 0);
        b = connect_to(&s, 1);
        switch_device(b, CC_MODE_ON, -EIO, &f); /* the one that was named before it */
        CHECK_STR(f.what, "stage: PRC knob 10 (BAR0_DECOUPLER)");
        switch_device(a, CC_MODE_ON, 0, &f);
        check_command(&s, "1 heal", "ok");
        switch_device(b, CC_MODE_ON, 0, &f);
        check_command(&s, "0 fault reset-ignored", "ok");
        switch_device(a, CC_MODE_OFF, -EIO, &f);
        CHECK_STR(f.what, "verify: CC mode (0x1182cc)");
        check_command(&s, "0 knob 8", "ok 0");
        check_command(&s, "0 knob 7 0", "ok 0");
        check_command(&s, "0 time boot=12", "ok");
        check_command(&s, "1 reset bus", "ok");
        check_command(&s, "1 fault nonsense", "error: 1 fault nonsense");
        check_command(&s, "2 mode", "error: 2 mode");
        check_command(&s, "0 knob 48", "error: 0 knob 48");
        check_command(&s, "0 time boot=-1", "error: 0 time boot=-1");
        check_command(&s, "mode", "error: mode");
        check_command(&s, "0 fault unplug", "ok");
        {
                Gpu g;

                CHECK_EQ(gpu_open(&sim_client_ops, a, &g, &f), -ENODEV);
        }
        server_stop(&s);
}

/* What QEMU asks for, in its order. */
static void test_protocol(void) {
        static const char *const kinds[] = { "hopper", "gb100", "audio" };
        static const uint64_t bar0[] = { 16777216, 67108864, 16384 };
        Server s;

        server_start(&s, kinds, ELEMENTSOF(kinds), quick);
        for (size_t i = 0; i < ELEMENTSOF(kinds); i++) {
                _cleanup_(sim_client_freep) SimClient *c = connect_to(&s, i);
                VfioUserRegionInfo region = { .argsz = sizeof(region) };
                VfioUserIrqInfo irq = { .argsz = sizeof(irq), .index = 2 };
                VfioUserInfo info = { .argsz = sizeof(info) };
                uint8_t map[32] = {}, unmapped[24], config[256];
                uint32_t value = 0;

                CHECK_EQ(sim_client_call(c, VFIO_USER_GET_INFO, &info, sizeof(info), &info, sizeof(info)), 0);
                CHECK(info.flags == 3 && info.n_regions == 9 && info.n_irqs == 5);
                CHECK_EQ(sim_client_call(c, VFIO_USER_GET_REGION_INFO, &region, sizeof(region), &region, sizeof(region)), 0);
                CHECK_EQ(region.size, bar0[i]);
                CHECK_EQ(region.flags, 3);
                region = (VfioUserRegionInfo){ .argsz = sizeof(region), .index = 7 };
                CHECK_EQ(sim_client_call(c, VFIO_USER_GET_REGION_INFO, &region, sizeof(region), &region, sizeof(region)), 0);
                CHECK_EQ(region.size, 4096);
                region.index = 6;
                CHECK_EQ(sim_client_call(c, VFIO_USER_GET_REGION_INFO, &region, sizeof(region), &region, sizeof(region)), 0);
                CHECK_EQ(region.size, 0);
                region.index = 9;
                CHECK_EQ(sim_client_call(c, VFIO_USER_GET_REGION_INFO, &region, sizeof(region), &region, sizeof(region)), -EINVAL);
                CHECK_EQ(sim_client_call(c, VFIO_USER_GET_IRQ_INFO, &irq, sizeof(irq), &irq, sizeof(irq)), 0);
                CHECK_EQ(irq.count, 0);
                CHECK_EQ(sim_client_call(c, VFIO_USER_SET_IRQS, map, sizeof(map), NULL, 0), 0);
                CHECK_EQ(sim_client_call(c, VFIO_USER_DMA_MAP, map, sizeof(map), NULL, 0), 0);
                CHECK_EQ(sim_client_call(c, VFIO_USER_DMA_UNMAP, map, sizeof(map), unmapped, sizeof(unmapped)), 0);
                CHECK_EQ(sim_client_read(c, VFIO_USER_REGION_CONFIG, 0, config, sizeof(config)), 0);
                CHECK(config[0] == 0xde && config[1] == 0x10);
                CHECK_EQ(config[0x10] & 0xf, 0xc);
                CHECK_EQ(sim_client_read(c, VFIO_USER_REGION_CONFIG, 0x0b, &value, 1), 0);
                CHECK_EQ(value, i == 2 ? 0x04 : 0x03);
                CHECK_EQ(sim_client_call(c, VFIO_USER_RESET, NULL, 0, NULL, 0), 0);
        }
        check_command(&s, "0 count", "ok 65 accesses, 1 resets, 0 violations");
        server_stop(&s);
}

/* Posted writes come in order with what follows, and a write of many is many writes. */
static void test_writes(void) {
        static const char *const kinds[] = { "hopper" };
        struct {
                uint64_t n;
                VfioUserWrite writes[2];
        } multi = { 2, { { { 0x1404, 0, 4 }, { 0x11, 0x22, 0x33, 0x44 } }, { { 0x1408, 0, 8 }, { 1, 0, 0, 0, 2 } } } };
        struct {
                VfioUserAccess access;
                uint32_t data;
        } one = { { 0x1400, 0, 4 }, 0xdeadbeef };
        _cleanup_(sim_client_freep) SimClient *c = NULL;
        uint32_t words[4] = {};
        uint16_t memory = 2;
        uint64_t n = 0;
        Server s;

        server_start(&s, kinds, 1, quick);
        c = connect_to(&s, 0);
        CHECK_EQ(sim_client_read(c, 0, 0x1400, words, sizeof(words)), 0);
        CHECK_EQ(words[0], 0xffffffff); /* no memory decoding yet */
        CHECK_EQ(sim_client_write(c, VFIO_USER_REGION_CONFIG, 4, &memory, 2), 0);
        CHECK_EQ(sim_client_post(c, VFIO_USER_REGION_WRITE, &one, sizeof(one.access) + 4), 0);
        CHECK_EQ(sim_client_call(c, VFIO_USER_REGION_WRITE_MULTI, &multi, sizeof(multi), &n, sizeof(n)), 0);
        CHECK_EQ(n, 2);
        CHECK_EQ(sim_client_read(c, 0, 0x1400, words, sizeof(words)), 0);
        CHECK(words[0] == 0xdeadbeef && words[1] == 0x44332211 && words[2] == 1 && words[3] == 2);
        CHECK_EQ(sim_client_read(c, 2, 0x100000, words, sizeof(words)), 0);
        CHECK_EQ(words[0], 0);
        server_stop(&s);
}

/* What no client should send, and another one afterwards is served all the same. */
static void test_bad_messages(void) {
        static const char *const kinds[] = { "hopper" };
        static const VfioUserAccess accesses[] = {
                { 4096, VFIO_USER_REGION_CONFIG, 1 }, { 4095, VFIO_USER_REGION_CONFIG, 2 }, { UINT64_MAX, 0, 4 },
                { 0, 1, 4 }, { 0, 9, 4 }, { 0, UINT32_MAX, 4 }, { 0, 0, UINT32_MAX }, { 16777216, 0, 4 },
        };
        static const VfioUserHeader headers[] = {
                { 1, VFIO_USER_GET_INFO, 0, 0, 0 }, { 1, VFIO_USER_GET_INFO, 15, 0, 0 },
                { 1, VFIO_USER_REGION_READ, UINT32_MAX, 0, 0 }, { 1, VFIO_USER_REGION_READ, 2 * VFIO_USER_DATA_MAX, 0, 0 },
        };
        struct {
                VfioUserAccess access;
                uint32_t data;
        } lying = { { 0, 0, 64 }, 0 };
        uint64_t many = UINT64_MAX;
        Server s;

        server_start(&s, kinds, 1, quick);
        {
                _cleanup_(sim_client_freep) SimClient *c = connect_to(&s, 0);

                for (size_t i = 0; i < ELEMENTSOF(accesses); i++)
                        CHECK_EQ(sim_client_call(c, VFIO_USER_REGION_READ, &accesses[i], sizeof(accesses[i]), NULL, 0), -EINVAL);
                CHECK_EQ(sim_client_call(c, VFIO_USER_REGION_READ, accesses, 15, NULL, 0), -EINVAL);
                CHECK_EQ(sim_client_call(c, VFIO_USER_REGION_WRITE, &lying, sizeof(lying.access) + 4, NULL, 0), -EINVAL);
                CHECK_EQ(sim_client_call(c, VFIO_USER_REGION_WRITE_MULTI, &many, sizeof(many), NULL, 0), -EINVAL);
                CHECK_EQ(sim_client_call(c, 6, NULL, 0, NULL, 0), -EOPNOTSUPP);
                CHECK_EQ(sim_client_call(c, 0xffff, NULL, 0, NULL, 0), -EOPNOTSUPP);
        }
        for (size_t i = 0; i < ELEMENTSOF(headers); i++) {
                _cleanup_(sim_client_freep) SimClient *c = NULL;
                char byte;

                while (!c) /* until the server has noticed that the last one is gone */
                        (void) sim_client_new(s.paths[0], &c);
                CHECK_EQ(send(sim_client_fd(c), &headers[i], sizeof(headers[i]), MSG_NOSIGNAL), sizeof(headers[i]));
                CHECK(recv(sim_client_fd(c), &byte, 1, 0) <= 0); /* sent away */
        }
        server_stop(&s);
}

static void test_usage(void) {
        static const char *const bad[] = { "", "--device hopper", "--device nothing:/tmp/x", "--fault unplug",
                                           "--device hopper:/tmp/cocoon-none/x", "--nonsense",
                                           "--device hopper:/tmp/cocoon-none-x --fault nonsense",
                                           "--control /tmp/cocoon-none-y --send '0 mode'", "--send x" };

        for (size_t i = 0; i < ELEMENTSOF(bad); i++) {
                _cleanup_free_ char *line = NULL;
                int status;

                CHECK(asprintf(&line, "%s %s >/dev/null 2>&1", SIM_GPU, bad[i]) > 0);
                status = system(line); /* NOLINT(cert-env33-c): the line is the test's own */
                CHECK(WIFEXITED(status) && (WEXITSTATUS(status) == 1 || WEXITSTATUS(status) == 2));
        }
}

static const Test tests[] = {
        { "each kind is switched over its socket",    test_switch       },
        { "the log tells the order of registers",     test_log          },
        { "faults from the command line and later",   test_faults       },
        { "what QEMU asks for",                       test_protocol     },
        { "posted writes and writes of many",         test_writes       },
        { "messages that no client should send",      test_bad_messages },
        { "wrong options",                            test_usage        },
};

TEST_MAIN(tests)
