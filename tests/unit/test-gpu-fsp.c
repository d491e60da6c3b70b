/* SPDX-License-Identifier: Apache-2.0 */

/* Requests to FSP over both transports: the registers in their order, and everything that an answer can be. */

#include "gpu/fsp.h"
#include "gpu/prc.h"
#include "gpu/registers.h"

#include "gpu-scene.h"
#include "test.h"

/* Both queues are looked at once, and the message queue before each request, so that nothing left over is taken for
 * the answer. From there on it is the sequence of NVIDIA's tool. */
#define EMEM_OPEN  "R 8f2c10=00000000\nR 8f2c14=00000000\nR 8f2c90=00000000\nR 8f2c94=00000000\n"
#define EMEM_LOOK  "R 8f2c90=00000000\nR 8f2c94=00000000\n"
#define EMEM_LATER "R 8f2c90=00000800\nR 8f2c94=00000800\n"
#define MNOC_LOOK  "R 8f1f04=00000000\n"

static void check_trace(GpuScene *s, const char *wanted) {
        _cleanup_free_ char *found = gpu_scene_registers(s);

        CHECK_STR(found, wanted);
}

static void test_emem_trace(void) {
        uint16_t value = 7;
        GpuScene s;

        CHECK_EQ(gpu_scene_open(&s, SIM_GPU_HOPPER), 0);
        CHECK_EQ(prc_read(&s.gpu, PRC_CCM, &value, &s.fault), 0);
        CHECK_EQ(value, 0);
        check_trace(&s, EMEM_OPEN EMEM_LOOK
                    "R 8f2c10=00000000\nR 8f2c14=00000000\n"
                    "W 8f2ad0=03000800\n"
                    "W 8f2ad4=c0000000\nW 8f2ad4=1310de7e\nW 8f2ad4=0008020c\n"
                    "W 8f2c14=00000808\n"
                    "W 8f2c10=00000800\n"
                    "R 8f2c90=00000800\nR 8f2c94=00000814\n"
                    "W 8f2ad0=03000800\n"
                    "R 8f2ad4=c0000000\nR 8f2ad4=1510de7e\nR 8f2ad4=00000003\nR 8f2ad4=00000013\nR 8f2ad4=00000000\n"
                    "R 8f2ad4=00000000\n"
                    "W 8f2c94=00000800\n");
        CHECK_EQ(prc_write(&s.gpu, PRC_CCM, 1, &s.fault), 0);
        check_trace(&s, EMEM_LATER
                    "R 8f2c10=00000808\nR 8f2c14=00000808\n"
                    "W 8f2ad0=03000800\n"
                    "W 8f2ad4=c0000000\nW 8f2ad4=1310de7e\nW 8f2ad4=0008020d\nW 8f2ad4=00000001\n"
                    "W 8f2c14=0000080c\n"
                    "W 8f2c10=00000800\n"
                    "R 8f2c90=00000800\nR 8f2c94=00000810\n"
                    "W 8f2ad0=03000800\n"
                    "R 8f2ad4=c0000000\nR 8f2ad4=1510de7e\nR 8f2ad4=00000003\nR 8f2ad4=00000013\nR 8f2ad4=00000000\n"
                    "W 8f2c94=00000800\n");
        CHECK_EQ(sim_gpu_knob(s.access->sim, 8), 1);
        CHECK_EQ(sim_gpu_violations(s.access->sim), 0);
        gpu_scene_close(&s);
}

static void test_mnoc_trace(void) {
        _cleanup_free_ char *log = NULL;
        uint16_t value = 7;
        GpuScene s;
        char *last;

        CHECK_EQ(gpu_scene_open(&s, SIM_GPU_GB100), 0);
        CHECK_EQ(prc_read(&s.gpu, PRC_CCM, &value, &s.fault), 0);
        CHECK_EQ(value, 0);
        log = gpu_scene_registers(&s);
        last = strstr(log, "R 8f1f08=00000000\nR 8f1f08=");
        CHECK(last);
        if (last) { /* the upper half of the last word is not the value's, and not zero */
                last += strlen("R 8f1f08=00000000\nR 8f1f08=");
                CHECK(strncmp(last, "0000", 4) != 0);
                memcpy(last, "xxxx", 4);
        }
        CHECK_STR(log, MNOC_LOOK
                  "R 8f1f84=05000000\nR 8f1f84=05000000\n"
                  "W 8f1f84=0010000c\n"
                  "R 8f1f84=05000000\n"
                  "W 8f1f88=c0000000\nW 8f1f88=1310de7e\nW 8f1f88=0008020c\n"
                  "R 8f1f84=05000000\n"
                  "R 8f1f04=01000016\nR 8f1f04=01000016\n"
                  "R 8f1f08=c0000000\nR 8f1f08=1510de7e\nR 8f1f08=00000003\nR 8f1f08=00000013\nR 8f1f08=00000000\n"
                  "R 8f1f08=xxxx0000\n"
                  "R 8f1f04=00000000\n");
        CHECK_EQ(prc_write(&s.gpu, PRC_BAR0_DECOUPLER, 2, &s.fault), 0);
        check_trace(&s, MNOC_LOOK
                    "R 8f1f84=05000000\nR 8f1f84=05000000\n"
                    "W 8f1f84=00100010\n"
                    "R 8f1f84=05000000\n"
                    "W 8f1f88=c0000000\nW 8f1f88=1310de7e\nW 8f1f88=000a020d\nW 8f1f88=00000002\n"
                    "R 8f1f84=05000000\n"
                    "R 8f1f04=01000014\nR 8f1f04=01000014\n"
                    "R 8f1f08=c0000000\nR 8f1f08=1510de7e\nR 8f1f08=00000003\nR 8f1f08=00000013\nR 8f1f08=00000000\n"
                    "R 8f1f04=00000000\n");
        CHECK_EQ(sim_gpu_knob(s.access->sim, 10), 2);
        CHECK_EQ(sim_gpu_violations(s.access->sim), 0);
        gpu_scene_close(&s);
}

static void test_no_such_knob(void) {
        static const SimGpuKind kinds[] = { SIM_GPU_HOPPER, SIM_GPU_GB202, SIM_GPU_LS10 };

        for (size_t i = 0; i < ELEMENTSOF(kinds); i++) {
                uint16_t value = 7;
                GpuScene s;

                CHECK_EQ(gpu_scene_open(&s, kinds[i]), 0);
                CHECK_EQ(prc_read(&s.gpu, 48, &value, &s.fault), -ENOENT);
                CHECK_EQ(value, 7);
                CHECK_STR(s.fault.what, "identify: PRC knob 48");
                CHECK_STR(s.fault.found, "FSP error 0x1e3 (no such knob)");
                CHECK_EQ(prc_read(&s.gpu, 47, &value, &s.fault), 0);
                gpu_scene_close(&s);
        }
}

typedef struct FspCase {
        SimGpuKind kind;
        const char *fault;
        int error;
        const char *what, *found; /* part of it */
        unsigned seconds;         /* that it takes */
} FspCase;

static const FspCase fsp_cases[] = {
        { SIM_GPU_HOPPER, "read-refused", -EIO, "PRC knob 8 (CCM)", "FSP error 0x202 (unknown)", 0 },
        { SIM_GPU_GB100, "read-refused=0x9e", -EIO, "PRC knob 8 (CCM)", "FSP error 0x09e (invalid state)", 0 },
        { SIM_GPU_HOPPER, "fsp-deaf", -ETIMEDOUT, "FSP message head (0x8f2c90)", "did not take the request", 5 },
        { SIM_GPU_HOPPER, "fsp-silent", -ETIMEDOUT, "FSP message head (0x8f2c90)",
          "0x0, tail 0x0: FSP took the request and did not answer", 5 },
        { SIM_GPU_GB100, "fsp-deaf", -ETIMEDOUT, "MNOC message info (0x8f1f04)", "FSP did not answer", 5 },
        { SIM_GPU_GB100, "fsp-silent", -ETIMEDOUT, "MNOC message info (0x8f1f04)", "FSP did not answer", 5 },
        { SIM_GPU_HOPPER, "fsp-slow", -ETIMEDOUT, "FSP message head (0x8f2c90)", "did not answer", 5 },
        { SIM_GPU_HOPPER, "fsp-slow=4900000", 0, NULL, NULL, 4 },
        { SIM_GPU_GB100, "fsp-slow=4900000", 0, NULL, NULL, 4 },
        { SIM_GPU_HOPPER, "answer-type", -EBADMSG, "FSP answer", "message header 0x1610de7e", 0 },
        { SIM_GPU_HOPPER, "answer-vendor", -EBADMSG, "FSP answer", "message header 0x15801e7e", 0 },
        { SIM_GPU_HOPPER, "answer-request", -EBADMSG, "FSP answer", "one to type 0x14", 0 },
        { SIM_GPU_HOPPER, "answer-split", -EBADMSG, "FSP answer", "MCTP header 0x80000000", 0 },
        { SIM_GPU_HOPPER, "answer-short=4", -EBADMSG, "FSP answer", "bytes 0x10", 0 },
        { SIM_GPU_HOPPER, "answer-short=0", -EBADMSG, "FSP answer", "bytes 0x0", 0 },
        { SIM_GPU_HOPPER, "answer-short=5", -EBADMSG, "PRC knob 8 (CCM)", "5 words", 0 },
        { SIM_GPU_HOPPER, "answer-long=7", -EBADMSG, "PRC knob 8 (CCM)", "7 words", 0 },
        { SIM_GPU_HOPPER, "answer-long=8", -EBADMSG, "FSP answer", "bytes 0x20", 0 },
        { SIM_GPU_HOPPER, "answer-long=256", -EBADMSG, "FSP answer", "bytes 0x400", 0 },
        { SIM_GPU_HOPPER, "answer-long=257", -EBADMSG, "FSP message tail (0x8f2c94)", "head 0x800, tail 0xc00", 0 },
        { SIM_GPU_HOPPER, "answer-huge", -EBADMSG, "FSP message tail (0x8f2c94)", "tail 0x10800", 0 },
        { SIM_GPU_HOPPER, "answer-odd", -EBADMSG, "FSP message tail (0x8f2c94)", "tail 0x816", 0 },
        { SIM_GPU_HOPPER, "answer-backwards", -EBADMSG, "FSP message tail (0x8f2c94)", "tail 0x7c0", 0 },
        { SIM_GPU_HOPPER, "answer-torn", 0, NULL, NULL, 0 },
        { SIM_GPU_LS10, "answer-short", -EBADMSG, "FSP answer", "bytes 0x10", 0 },
        { SIM_GPU_GB100, "answer-type", -EBADMSG, "FSP answer", "message header 0x1610de7e", 0 },
        { SIM_GPU_GB100, "answer-request", -EBADMSG, "FSP answer", "one to type 0x14", 0 },
        { SIM_GPU_GB100, "answer-short=4", -EBADMSG, "FSP answer", "bytes 0x10", 0 },
        { SIM_GPU_GB100, "answer-short=0", -EBADMSG, "FSP answer", "bytes 0x0", 0 },
        { SIM_GPU_GB100, "answer-long=1040", -EBADMSG, "FSP answer", "bytes 0x1040", 0 },
        { SIM_GPU_GB100, "answer-huge", -EBADMSG, "MNOC message info (0x8f1f04)", "1048575 bytes", 0 },
        { SIM_GPU_GB100, "mnoc-command-error", -EIO, "MNOC command info (0x8f1f84)", "has an error", 0 },
        { SIM_GPU_GB100, "mnoc-message-error", -EIO, "MNOC message info (0x8f1f04)", "has an error", 0 },
        { SIM_GPU_GB100, "mnoc-not-ready", -ETIMEDOUT, "MNOC command info (0x8f1f84)", "does not take the command", 5 },
        { SIM_GPU_GB100, "mnoc-no-credit", -ETIMEDOUT, "MNOC command info (0x8f1f84)", "0x01000000", 1 },
        { SIM_GPU_HOPPER, "stale-message", 0, NULL, NULL, 0 },
        { SIM_GPU_GB100, "stale-message", 0, NULL, NULL, 0 },
        { SIM_GPU_HOPPER, "stale-command", 0, NULL, NULL, 5 },
        { SIM_GPU_HOPPER, "flood", -EBADMSG, "FSP message queue", "still full after 8 messages", 0 },
        { SIM_GPU_GB100, "flood", -EBADMSG, "FSP message queue", "still full after 8 messages", 0 },
        { SIM_GPU_HOPPER, "register-badf=0x8f2c90", -EIO, "FSP message head (0x8f2c90)", "0xbadf5108", 0 },
        { SIM_GPU_HOPPER, "register-ones=0x8f2c14", -ENODEV, "FSP command tail (0x8f2c14)", "BAR0 does not", 0 },
        { SIM_GPU_GB100, "register-badf=0x8f1f84", -EIO, "MNOC command info (0x8f1f84)", "0xbadf5108", 0 },
        { SIM_GPU_HOPPER, "unplug@12", -ENODEV, "FSP message head (0x8f2c90)", "the device is gone", 0 },
        { SIM_GPU_GB100, "unplug@4", -ENODEV, "MNOC command info (0x8f1f84)", "the device is gone", 0 },
        { SIM_GPU_HOPPER, "asleep", -ENODEV, "FSP command head (0x8f2c10)", "not in power state D0", 0 },
        { SIM_GPU_GB100, "firewall-stuck", -ENODEV, "MNOC message info (0x8f1f04)", "firewall is up", 0 },
};

static void check_case(const FspCase *c) {
        unsigned failures = test_failures;
        uint16_t value = 7;
        uint64_t start;
        char what[96];
        GpuScene s;
        int r;

        CHECK_EQ(gpu_scene_open(&s, c->kind), 0);
        CHECK_EQ(sim_gpu_fault(s.access->sim, c->fault), 0);
        start = s.clock;
        r = prc_read(&s.gpu, PRC_CCM, &value, &s.fault);
        CHECK_EQ(r, c->error);
        CHECK_EQ(value, r < 0 ? 7 : 0);
        CHECK_EQ((s.clock - start) / USEC_PER_SEC, c->seconds);
        if (c->what) {
                (void) snprintf(what, sizeof(what), "identify: %s", c->what);
                CHECK_STR(s.fault.what, what);
                if (!strstr(s.fault.found, c->found))
                        CHECK_STR(s.fault.found, c->found);
        }
        if (test_failures != failures)
                (void) printf("# the fault was %s\n", c->fault);
        gpu_scene_close(&s);
}

static void test_faults(void) {
        for (size_t i = 0; i < ELEMENTSOF(fsp_cases); i++)
                check_case(&fsp_cases[i]);
}

/* After any of these the next request works once the device does, and is not answered by the one before. */
static void test_recovers(void) {
        static const struct {
                SimGpuKind kind;
                const char *fault;
        } cases[] = {
                { SIM_GPU_HOPPER, "fsp-silent" },  { SIM_GPU_HOPPER, "fsp-deaf" },    { SIM_GPU_HOPPER, "fsp-slow" },
                { SIM_GPU_HOPPER, "answer-huge" }, { SIM_GPU_HOPPER, "answer-type" }, { SIM_GPU_HOPPER, "flood" },
                { SIM_GPU_GB100,  "fsp-silent" },  { SIM_GPU_GB100,  "fsp-slow" },    { SIM_GPU_GB100,  "answer-type" },
                { SIM_GPU_GB100,  "flood" },       { SIM_GPU_LS10,   "fsp-silent" },
        };

        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                uint16_t value = 7;
                GpuScene s;

                CHECK_EQ(gpu_scene_open(&s, cases[i].kind), 0);
                sim_gpu_set_knob(s.access->sim, 8, 1);
                CHECK_EQ(sim_gpu_fault(s.access->sim, cases[i].fault), 0);
                CHECK(prc_read(&s.gpu, PRC_CCM, &value, &s.fault) < 0);
                sim_gpu_heal(s.access->sim);
                s.clock += 10 * USEC_PER_SEC; /* what is late has come by then */
                sim_gpu_set_time(s.access->sim, s.clock);
                CHECK_EQ(prc_read(&s.gpu, PRC_CCD, &value, &s.fault), 0);
                CHECK_EQ(value, 0);
                CHECK_EQ(prc_read(&s.gpu, PRC_CCM, &value, &s.fault), 0);
                CHECK_EQ(value, 1);
                gpu_scene_close(&s);
        }
}

/* An answer left over says 1; the knob says 0. */
static void test_stale(void) {
        static const SimGpuKind kinds[] = { SIM_GPU_HOPPER, SIM_GPU_GB100 };

        for (size_t i = 0; i < ELEMENTSOF(kinds); i++) {
                uint16_t value = 7;
                GpuScene s;

                CHECK_EQ(gpu_scene_open(&s, kinds[i]), 0);
                for (int k = 0; k < 3; k++) {
                        sim_gpu_heal(s.access->sim);
                        CHECK_EQ(sim_gpu_fault(s.access->sim, "stale-message"), 0);
                        CHECK_EQ(prc_read(&s.gpu, PRC_CCM, &value, &s.fault), 0);
                        CHECK_EQ(value, 0);
                }
                CHECK(strstr((const char *) s.access->notes.data, "that nobody had asked for"));
                gpu_scene_close(&s);
        }
}

/* A request that FSP forgot, while this host has the queues already: the next one puts them right. */
static void test_stuck(void) {
        uint16_t value = 7;
        GpuScene s;

        CHECK_EQ(gpu_scene_open(&s, SIM_GPU_HOPPER), 0);
        CHECK_EQ(prc_read(&s.gpu, PRC_CCM, &value, &s.fault), 0);
        CHECK_EQ(sim_gpu_fault(s.access->sim, "stale-command"), 0);
        CHECK_EQ(prc_read(&s.gpu, PRC_CCM, &value, &s.fault), -ETIMEDOUT);
        CHECK_STR(s.fault.what, "identify: FSP command head (0x8f2c10)");
        CHECK_STR(s.fault.found, "0x800, tail 0x80c: FSP does not take the command before this one");
        CHECK_EQ(prc_read(&s.gpu, PRC_CCM, &value, &s.fault), 0);
        CHECK(strstr((const char *) s.access->notes.data, "FSP's queues were in use"));
        gpu_scene_close(&s);
}

/* A FSP that takes its time is waited for in short steps, and no longer than needed. */
static void test_slow_fsp(void) {
        static const SimGpuKind kinds[] = { SIM_GPU_HOPPER, SIM_GPU_GB100 };

        for (size_t i = 0; i < ELEMENTSOF(kinds); i++) {
                uint16_t value;
                uint64_t start;
                GpuScene s;

                CHECK_EQ(gpu_scene_open(&s, kinds[i]), 0);
                sim_gpu_set_times(s.access->sim, &(SimGpuTimes){ .take = 3000, .answer = 7000 });
                start = s.clock;
                for (int k = 0; k < 10; k++)
                        CHECK_EQ(prc_read(&s.gpu, PRC_CCM, &value, &s.fault), 0);
                CHECK(s.clock - start <= 10 * 12 * USEC_PER_MSEC);
                CHECK(s.access->longest_wait <= USEC_PER_MSEC);
                CHECK_EQ(sim_gpu_violations(s.access->sim), 0);
                gpu_scene_close(&s);
        }
}

static void test_cancel(void) {
        uint16_t value;
        GpuScene s;

        CHECK_EQ(gpu_scene_open(&s, SIM_GPU_HOPPER), 0);
        CHECK_EQ(sim_gpu_fault(s.access->sim, "fsp-silent"), 0);
        s.access->cancel_at = s.clock + 100000;
        CHECK_EQ(prc_read(&s.gpu, PRC_CCM, &value, &s.fault), -ECANCELED);
        CHECK_STR(s.fault.what, "identify: while it waited");
        CHECK(s.clock <= s.access->cancel_at + 1000);
        gpu_scene_close(&s);
}

static const Test tests[] = {
        { "EMEM: registers in order",              test_emem_trace   },
        { "MNOC: registers in order",              test_mnoc_trace   },
        { "no such knob",                          test_no_such_knob },
        { "every fault has its errno and words",   test_faults       },
        { "works again after a fault",             test_recovers     },
        { "an answer that nobody asked for",       test_stale        },
        { "a request that FSP forgot",             test_stuck        },
        { "an FSP that takes its time",            test_slow_fsp     },
        { "cancelled while it waits",              test_cancel       },
};

TEST_MAIN(tests)
