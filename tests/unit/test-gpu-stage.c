/* SPDX-License-Identifier: Apache-2.0 */

/* Whole switches of mode: one device, several, every fault, and a fault at every access. */

#include "gpu/bar0.h"
#include "gpu/registers.h"

#include "gpu-scene.h"
#include "test.h"

#define MODE_CC    1U
#define MODE_PPCIE 4U

static void check_steps(const SimAccess *a, const GpuStep *wanted, size_t n) {
        CHECK_EQ(a->n_steps, n);
        for (size_t i = 0; i < n && i < a->n_steps; i++)
                CHECK_EQ(a->steps[i], wanted[i]);
}

static void test_one(void) {
        static const GpuStep steps[] = { GPU_STEP_BOOT, GPU_STEP_QUERY, GPU_STEP_PERMISSIONS, GPU_STEP_STAGE,
                                         GPU_STEP_READ_BACK, GPU_STEP_RESET, GPU_STEP_VERIFY };
        _cleanup_free_ char *log = NULL;
        StageDevice d;
        GpuScene s;
        char *at;

        CHECK_EQ(gpu_scene_open(&s, SIM_GPU_HOPPER), 0);
        sim_gpu_set_times(s.access->sim, &(SimGpuTimes){ .config = 20000, .boot = 1500000 });
        d = gpu_scene_device(&s);
        CHECK_EQ(stage_all(&d, 1, CC_MODE_ON), 0);
        CHECK_EQ(sim_gpu_mode(s.access->sim) & 7, MODE_CC);
        CHECK_EQ(sim_gpu_resets(s.access->sim), 1);
        CHECK_EQ(d.changes.n, 0);
        CHECK(s.clock < 1700000);
        check_steps(s.access, steps, ELEMENTSOF(steps));
        log = gpu_scene_registers(&s);
        at = strstr(log, "W 001458=00000001\nR 001458=00000001\n"); /* the marker, then the reset, then boot */
        CHECK(at);
        CHECK(at && strstr(at, "R 0200bc=000000ff\n"));
        CHECK(at && strstr(at, "R 1182cc=00000001\nW 12004c=00000004\nW 122204=00000002\n"));
        CHECK_EQ(sim_gpu_violations(s.access->sim), 0);
        gpu_scene_close(&s);
}

/* Nothing is written and nothing reset when the device is in the mode already. */
static void test_idempotent(void) {
        static const struct {
                SimGpuKind kind;
                CcMode mode;
        } cases[] = {
                { SIM_GPU_HOPPER, CC_MODE_ON },  { SIM_GPU_HOPPER, CC_MODE_PPCIE }, { SIM_GPU_HOPPER, CC_MODE_OFF },
                { SIM_GPU_GB100,  CC_MODE_ON },  { SIM_GPU_GB202,  CC_MODE_OFF },   { SIM_GPU_LS10,   CC_MODE_PPCIE },
        };

        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                StageDevice d;
                GpuScene s;
                unsigned resets;

                CHECK_EQ(gpu_scene_open(&s, cases[i].kind), 0);
                d = gpu_scene_device(&s);
                CHECK_EQ(stage_all(&d, 1, cases[i].mode), 0);
                resets = sim_gpu_resets(s.access->sim);
                CHECK_EQ(resets, cases[i].mode == CC_MODE_OFF ? 0 : 1);
                d = gpu_scene_device(&s);
                CHECK_EQ(stage_all(&d, 1, cases[i].mode), 0);
                CHECK_EQ(sim_gpu_resets(s.access->sim), resets);
                CHECK(!d.needs_reset);
                gpu_scene_close(&s);
        }
}

/* Knobs that were staged by somebody else and not yet reset: the mode register does not show them. */
static void test_pending(void) {
        StageDevice d;
        GpuScene s;

        CHECK_EQ(gpu_scene_open(&s, SIM_GPU_HOPPER), 0);
        sim_gpu_set_knob(s.access->sim, 8, 1);
        sim_gpu_set_knob(s.access->sim, 45, 1);
        d = gpu_scene_device(&s);
        CHECK_EQ(stage_all(&d, 1, CC_MODE_OFF), 0);
        CHECK_EQ(sim_gpu_knob(s.access->sim, 8), 0);
        CHECK_EQ(sim_gpu_knob(s.access->sim, 45), 0);
        CHECK_EQ(sim_gpu_mode(s.access->sim), 0);
        CHECK_EQ(sim_gpu_resets(s.access->sim), 1); /* the decoupler does not show */
        gpu_scene_close(&s);

        /* Staged as wanted: no knob to change, a reset all the same. */
        CHECK_EQ(gpu_scene_open(&s, SIM_GPU_GB100), 0);
        sim_gpu_set_knob(s.access->sim, 8, 1);
        d = gpu_scene_device(&s);
        CHECK_EQ(stage_all(&d, 1, CC_MODE_ON), 0);
        CHECK_EQ(sim_gpu_resets(s.access->sim), 1);
        CHECK_EQ(sim_gpu_mode(s.access->sim) & 3, MODE_CC);
        gpu_scene_close(&s);
}

static void test_invalid_repaired(void) {
        static const CcMode modes[] = { CC_MODE_OFF, CC_MODE_ON, CC_MODE_DEVTOOLS };
        static const SimGpuKind kinds[] = { SIM_GPU_HOPPER, SIM_GPU_GB100 };

        for (size_t i = 0; i < ELEMENTSOF(modes) * ELEMENTSOF(kinds); i++) {
                CcMode mode = modes[i / ELEMENTSOF(kinds)];
                StageDevice d;
                CcStatus status;
                GpuScene s;

                CHECK_EQ(gpu_scene_open(&s, kinds[i % ELEMENTSOF(kinds)]), 0);
                CHECK_EQ(sim_gpu_fault(s.access->sim, "mode-invalid"), 0);
                d = gpu_scene_device(&s);
                CHECK_EQ(stage_all(&d, 1, mode), 0);
                CHECK_EQ(d.before.cc, CC_STATE_INVALID);
                CHECK_EQ(ccmode_read(&s.gpu, &status, NULL), 0);
                CHECK(cc_status_is(&status, mode));
                gpu_scene_close(&s);
        }
}

typedef struct StageCase {
        SimGpuKind kind;
        const char *fault;
        int error;
        const char *what, *found; /* `found`: part of it */
} StageCase;

/* Faults that are there from the beginning. */
static const StageCase stage_cases[] = {
        { SIM_GPU_HOPPER, "boot-never", -ETIMEDOUT, "wait for boot: FSP boot status (0x200bc)", "0x0; FSP status 0x00000001" },
        { SIM_GPU_GB100, "boot-never", -ETIMEDOUT, "wait for boot: FSP boot status (0x200bc)", "0x0; FSP status" },
        { SIM_GPU_GB202, "boot-never", -ETIMEDOUT, "wait for boot: FSP boot status (0xad00bc)", "0x0; FSP status" },
        { SIM_GPU_LS10, "boot-never", -ETIMEDOUT, "wait for boot: FSP boot status (0x660bc)", "0x0; FSP status" },
        { SIM_GPU_HOPPER, "boot-slow", 0, NULL, NULL },
        { SIM_GPU_HOPPER, "boot-slow=4980000", 0, NULL, NULL },
        { SIM_GPU_HOPPER, "boot-slow=6000000", -ETIMEDOUT, "verify: FSP boot status (0x200bc)", "0x0; FSP status" },
        { SIM_GPU_GB100, "boot-slow=9900000", 0, NULL, NULL },
        { SIM_GPU_GB100, "boot-slow=12000000", -ETIMEDOUT, "verify: FSP boot status (0x200bc)", "0x0; FSP status" },
        { SIM_GPU_LS10, "boot-slow=4900000", 0, NULL, NULL },
        { SIM_GPU_HOPPER, "boot-badf", 0, NULL, NULL },
        { SIM_GPU_GB100, "boot-badf", 0, NULL, NULL },
        { SIM_GPU_HOPPER, "recovery", -EIO, "wait for boot: recovery (0x20120)", "recovery mode" },
        { SIM_GPU_GB100, "recovery", -EIO, "wait for boot: recovery (0x8aa128)", "recovery mode" },
        { SIM_GPU_LS10, "recovery", -EIO, "wait for boot: recovery (0x66120)", "recovery mode" },
        { SIM_GPU_GB100, "firewall-stuck", -ETIMEDOUT, "wait for boot: BAR0 firewall (configuration 0xaf8)", "still up" },
        { SIM_GPU_HOPPER, "bar0-ones", -ENODEV, "wait for boot: FSP boot status (0x200bc)", "BAR0 does not" },
        { SIM_GPU_HOPPER, "bar0-badf", -EIO, "wait for boot: FSP boot status (0x200bc)", "0xbadf5108" },
        { SIM_GPU_HOPPER, "security-fault", -EIO, "wait for boot: FSP boot status (0x200bc)", "cause 0x00000010" },
        { SIM_GPU_HOPPER, "unplug", -ENODEV, "wait for boot: FSP boot status (0x200bc)", "the device is gone" },
        { SIM_GPU_GB100, "unplug", -ENODEV, "wait for boot: BAR0 firewall (configuration 0xaf8)", "the device is gone" },
        { SIM_GPU_HOPPER, "register-badf=0x1182cc", -EIO, "read mode: CC mode (0x1182cc)", "0xbadf5108" },
        { SIM_GPU_LS10, "register-ones=0x28c50", -ENODEV, "read mode: PPCIe mode (0x28c50)", "BAR0 does not" },
        { SIM_GPU_HOPPER, "forbidden", -EPERM, NULL, NULL },
        { SIM_GPU_HOPPER, "write-refused", -EIO, "stage: PRC knob 10 (BAR0_DECOUPLER)", "FSP error 0x0a0" },
        { SIM_GPU_GB100, "write-refused", -EIO, "stage: PRC knob 8 (CCM)", "FSP error 0x0a0" },
        { SIM_GPU_GB100, "write-ignored", -EIO, "read back: PRC knob 8 (CCM)", "0" },
        { SIM_GPU_HOPPER, "read-refused", -EIO, "check permissions: PRC knob 1", "FSP error 0x202" },
        { SIM_GPU_HOPPER, "fsp-deaf", -ETIMEDOUT, "check permissions: FSP message head (0x8f2c90)", "did not take" },
        { SIM_GPU_HOPPER, "fsp-silent", -ETIMEDOUT, "check permissions: FSP message head (0x8f2c90)", "did not answer" },
        { SIM_GPU_GB202, "fsp-silent", -ETIMEDOUT, "check permissions: MNOC message info (0x8f1f04)", "did not answer" },
        { SIM_GPU_HOPPER, "answer-short", -EBADMSG, "check permissions: FSP answer", "bytes 0x10" },
        { SIM_GPU_HOPPER, "stale-message", 0, NULL, NULL },
        { SIM_GPU_HOPPER, "stale-command", 0, NULL, NULL },
        { SIM_GPU_GB100, "stale-message", 0, NULL, NULL },
        { SIM_GPU_HOPPER, "reset-ignored", -EIO, "verify: CC mode (0x1182cc)",
          "CC off, PPCIe off; the device was not reset, its marker is still there" },
        { SIM_GPU_HOPPER, "reset-no-latch", -EIO, "verify: CC mode (0x1182cc)", "CC off, PPCIe off" },
        { SIM_GPU_GB100, "reset-ignored", -EIO, "verify: CC mode (0x590)", "CC off, PPCIe off" },
        { SIM_GPU_LS10, "reset-no-latch", -EIO, "verify: PPCIe mode (0x28c50)", "CC off, PPCIe off" },
        { SIM_GPU_HOPPER, "no-ppcie", 0, NULL, NULL },
        { SIM_GPU_LS10, "no-ppcie", -EOPNOTSUPP, "check permissions: PRC knob 45 (PPCIE)", "0x1e3" },
};

/* In recovery mode whether FSP says that it has booted (above) or not. */
static void test_recovery(void) {
        static const SimGpuKind kinds[] = { SIM_GPU_HOPPER, SIM_GPU_GB100, SIM_GPU_LS10 };

        for (size_t i = 0; i < ELEMENTSOF(kinds); i++) {
                CcStatus status;
                GpuScene s;

                CHECK_EQ(gpu_scene_open(&s, kinds[i]), 0);
                CHECK_EQ(sim_gpu_fault(s.access->sim, "boot-never"), 0);
                CHECK_EQ(sim_gpu_fault(s.access->sim, "recovery"), 0);
                CHECK_EQ(stage_query(&s.gpu, &status, &s.fault), -EIO);
                CHECK(strstr(s.fault.found, "recovery mode"));
                gpu_scene_close(&s);
        }
}

static CcMode target(SimGpuKind kind) {
        return kind == SIM_GPU_LS10 ? CC_MODE_PPCIE : CC_MODE_ON;
}

static void check_stage(const StageCase *c) {
        unsigned failures = test_failures;
        StageDevice d;
        GpuScene s;

        CHECK_EQ(gpu_scene_open(&s, c->kind), 0);
        sim_gpu_set_times(s.access->sim, &(SimGpuTimes){ .boot = 100000 });
        CHECK_EQ(sim_gpu_fault(s.access->sim, c->fault), 0);
        d = gpu_scene_device(&s);
        CHECK_EQ(stage_all(&d, 1, target(c->kind)), c->error);
        CHECK_EQ(d.error, c->error);
        if (c->what)
                CHECK_STR(d.fault.what, c->what);
        if (c->found && !strstr(d.fault.found, c->found))
                CHECK_STR(d.fault.found, c->found);
        if (c->error < 0 && sim_gpu_resets(s.access->sim) == 0) /* then nothing is left to happen later */
                for (unsigned knob = 1; knob < 48; knob++)
                        if (knob == 8 || knob == 10 || knob == 45)
                                CHECK_EQ(sim_gpu_knob(s.access->sim, knob), 0);
        if (test_failures != failures)
                (void) printf("# the fault was %s of %s\n", c->fault, sim_gpu_kind_to_string(c->kind));
        gpu_scene_close(&s);
}

static void test_faults(void) {
        for (size_t i = 0; i < ELEMENTSOF(stage_cases); i++)
                check_stage(&stage_cases[i]);
}

static uint64_t accesses_of_a_switch(SimGpuKind kind) {
        StageDevice d;
        uint64_t first, n;
        GpuScene s;

        CHECK_EQ(gpu_scene_open(&s, kind), 0);
        d = gpu_scene_device(&s);
        first = sim_gpu_accesses(s.access->sim);
        CHECK_EQ(stage_all(&d, 1, target(kind)), 0);
        n = sim_gpu_accesses(s.access->sim) - first;
        gpu_scene_close(&s);
        return n;
}

/* The device fails at one access of a switch and is then as it was: the next switch has to succeed. */
static void check_fault_at(SimGpuKind kind, const char *fault, uint64_t at) {
        unsigned failures = test_failures;
        char spec[64];
        StageDevice d;
        GpuScene s;
        int r;

        CHECK_EQ(gpu_scene_open(&s, kind), 0);
        (void) snprintf(spec, sizeof(spec), "%s@%llu", fault, (unsigned long long) at);
        CHECK_EQ(sim_gpu_fault(s.access->sim, spec), 0);
        d = gpu_scene_device(&s);
        r = stage_all(&d, 1, target(kind));
        CHECK(r >= 0 || (d.fault.what[0] && d.fault.expected[0] && d.fault.found[0]));
        CHECK(r < 0 || (sim_gpu_mode(s.access->sim) & 7) == (kind == SIM_GPU_LS10 ? MODE_PPCIE : MODE_CC));
        CHECK(s.clock < 120 * USEC_PER_SEC);
        CHECK(!(sim_gpu_knob(s.access->sim, 6) == 1 && sim_gpu_knob(s.access->sim, 8) == 0));
        sim_gpu_heal(s.access->sim);
        CHECK_EQ(gpu_open(&sim_access_ops, s.access, &s.gpu, &s.fault), 0);
        d = gpu_scene_device(&s);
        CHECK_EQ(stage_all(&d, 1, target(kind)), 0);
        CHECK_EQ(sim_gpu_mode(s.access->sim) & 7, kind == SIM_GPU_LS10 ? MODE_PPCIE : MODE_CC);
        if (test_failures != failures)
                (void) printf("# that was %s of %s: %s: %s\n", spec, sim_gpu_kind_to_string(kind), d.fault.what,
                              d.fault.found);
        gpu_scene_close(&s);
}

static void test_fault_at_every_access(void) {
        static const char *const faults[] = { "unplug", "bar0-ones", "bar0-badf", "config-dead", "fsp-silent",
                                              "fsp-deaf", "write-refused", "write-ignored", "stale-message",
                                              "answer-short", "boot-never", "security-fault", "asleep" };
        static const SimGpuKind kinds[] = { SIM_GPU_HOPPER, SIM_GPU_GB100, SIM_GPU_LS10 };

        for (size_t k = 0; k < ELEMENTSOF(kinds); k++) {
                uint64_t n = accesses_of_a_switch(kinds[k]);

                CHECK(n > 200);
                for (size_t i = 0; i < ELEMENTSOF(faults); i++)
                        for (uint64_t at = 0; at < n; at += i == 0 ? 1 : 7)
                                check_fault_at(kinds[k], faults[i], at);
        }
}

/* The host ends at one access, whatever it was doing, and another one does it all again. */
static void check_killed_at(SimGpuKind kind, uint64_t at) {
        unsigned failures = test_failures, wanted = kind == SIM_GPU_LS10 ? MODE_PPCIE : MODE_CC;
        StageDevice d;
        GpuScene s;

        CHECK_EQ(gpu_scene_open(&s, kind), 0);
        s.access->fail_at = sim_gpu_accesses(s.access->sim) + at;
        s.access->access_error = -EOWNERDEAD;
        d = gpu_scene_device(&s);
        CHECK_EQ(stage_all(&d, 1, target(kind)), -EOWNERDEAD);
        s.access->access_error = 0;
        CHECK_EQ(gpu_open(&sim_access_ops, s.access, &s.gpu, &s.fault), 0);
        d = gpu_scene_device(&s);
        CHECK_EQ(stage_all(&d, 1, target(kind)), 0);
        CHECK_EQ(sim_gpu_mode(s.access->sim) & 7, wanted);
        if (test_failures != failures)
                (void) printf("# that was access %llu of %s: %s: %s\n", (unsigned long long) at,
                              sim_gpu_kind_to_string(kind), d.fault.what, d.fault.found);
        gpu_scene_close(&s);
}

static void test_killed_at_every_access(void) {
        static const SimGpuKind kinds[] = { SIM_GPU_HOPPER, SIM_GPU_GB100, SIM_GPU_LS10 };

        for (size_t k = 0; k < ELEMENTSOF(kinds); k++) {
                uint64_t n = accesses_of_a_switch(kinds[k]);

                for (uint64_t at = 0; at < n; at++)
                        check_killed_at(kinds[k], at);
        }
}

/* What a caller refuses to let begin leaves things as they were. */
static void test_step_refused(void) {
        static const GpuStep steps[] = { GPU_STEP_BOOT, GPU_STEP_QUERY, GPU_STEP_PERMISSIONS, GPU_STEP_STAGE,
                                         GPU_STEP_READ_BACK, GPU_STEP_RESET };

        for (size_t i = 0; i < ELEMENTSOF(steps); i++) {
                StageDevice d;
                GpuScene s;

                CHECK_EQ(gpu_scene_open(&s, SIM_GPU_HOPPER), 0);
                s.access->refuse_step = steps[i];
                s.access->refuse_error = -ENOSPC;
                d = gpu_scene_device(&s);
                CHECK_EQ(stage_all(&d, 1, CC_MODE_ON), -ENOSPC);
                CHECK(strstr(d.fault.what, ": before it began"));
                CHECK_EQ(sim_gpu_resets(s.access->sim), 0);
                CHECK_EQ(sim_gpu_knob(s.access->sim, 8), 0);
                CHECK_EQ(sim_gpu_knob(s.access->sim, 10), 0);
                gpu_scene_close(&s);
        }
}

/* Cancelled after the first knob was written: it is taken back. */
static void test_cancel(void) {
        StageDevice d;
        GpuScene s;

        CHECK_EQ(gpu_scene_open(&s, SIM_GPU_HOPPER), 0);
        sim_gpu_set_times(s.access->sim, &(SimGpuTimes){ .take = 1000, .answer = 1000 });
        s.access->cancel_at = s.clock + 34000;
        d = gpu_scene_device(&s);
        CHECK_EQ(stage_all(&d, 1, CC_MODE_ON), -ECANCELED);
        CHECK_EQ(s.access->steps[s.access->n_steps - 1], GPU_STEP_UNSTAGE);
        CHECK_EQ(d.undo_error, 0);
        CHECK_EQ(sim_gpu_knob(s.access->sim, 10), 0);
        CHECK_EQ(sim_gpu_knob(s.access->sim, 8), 0);
        CHECK_EQ(sim_gpu_resets(s.access->sim), 0);
        gpu_scene_close(&s);
}

/* FSP dies between writes: what could not be taken back is said. */
static void test_undo_fails(void) {
        StageDevice d;
        GpuScene s;

        CHECK_EQ(gpu_scene_open(&s, SIM_GPU_HOPPER), 0);
        d = gpu_scene_device(&s);
        CHECK_EQ(ccmode_stage(&s.gpu, CC_MODE_ON, &d.changes, &d.fault), 0);
        CHECK_EQ(d.changes.n, 2);
        CHECK_EQ(sim_gpu_fault(s.access->sim, "fsp-silent"), 0);
        CHECK_EQ(stage_undo(&d), -ETIMEDOUT);
        CHECK_EQ(d.changes.n, 2);
        CHECK(strstr((const char *) s.access->notes.data, "2 changed knobs could not be taken back"));
        gpu_scene_close(&s);
}

#define MANY 8U

/* Several devices on one clock. */
typedef struct Machine {
        uint64_t clock;
        SimAccess *access[MANY];
        Gpu gpus[MANY];
        StageDevice devices[MANY];
        size_t n;
} Machine;

static void machine_open(Machine *m, const SimGpuKind *kinds, size_t n) {
        static const SimGpuTimes times = { .config = 20000, .firewall = 300000, .boot = 2000000, .answer = 2000 };

        *m = (Machine){ .n = n };
        for (size_t i = 0; i < n; i++) {
                m->access[i] = sim_access_new(kinds[i], &m->clock);
                sim_gpu_set_times(m->access[i]->sim, &times);
                CHECK_EQ(gpu_open(&sim_access_ops, m->access[i], &m->gpus[i], NULL), 0);
                m->devices[i] = (StageDevice){ .gpu = &m->gpus[i], .reset = sim_access_reset,
                                               .userdata = m->access[i] };
        }
}

static void machine_close(Machine *m) {
        for (size_t i = 0; i < m->n; i++)
                sim_access_free(m->access[i]);
}

static void test_many(void) {
        static const SimGpuKind gpus[MANY] = {}; /* Hopper */
        static const SimGpuKind mixed[] = { SIM_GPU_HOPPER, SIM_GPU_HOPPER, SIM_GPU_LS10, SIM_GPU_LS10 };
        uint64_t start;
        Machine m;

        machine_open(&m, gpus, MANY);
        start = m.clock;
        CHECK_EQ(stage_all(m.devices, MANY, CC_MODE_ON), 0);
        for (size_t i = 0; i < MANY; i++)
                CHECK_EQ(sim_gpu_mode(m.access[i]->sim) & 7, MODE_CC);
        CHECK(m.clock - start < 4000000); /* they boot side by side: not 8 times 2 s */
        machine_close(&m);

        machine_open(&m, mixed, ELEMENTSOF(mixed));
        CHECK_EQ(stage_all(m.devices, m.n, CC_MODE_PPCIE), 0);
        for (size_t i = 0; i < m.n; i++)
                CHECK_EQ(sim_gpu_mode(m.access[i]->sim) & 7, MODE_PPCIE);
        CHECK_EQ(stage_all(m.devices, m.n, CC_MODE_OFF), 0);
        for (size_t i = 0; i < m.n; i++)
                CHECK_EQ(sim_gpu_mode(m.access[i]->sim), 0);
        machine_close(&m);
}

/* One chip that has no such mode, and nothing is touched. */
static void test_many_unsupported(void) {
        static const SimGpuKind kinds[] = { SIM_GPU_HOPPER, SIM_GPU_LS10, SIM_GPU_GB100 };
        Machine m;

        machine_open(&m, kinds, ELEMENTSOF(kinds));
        free(sim_access_take_log(m.access[0]));
        CHECK_EQ(stage_all(m.devices, m.n, CC_MODE_PPCIE), -EOPNOTSUPP);
        CHECK_EQ(m.devices[0].error, 0);
        CHECK_EQ(m.devices[1].error, 0);
        CHECK_EQ(m.devices[2].error, -EOPNOTSUPP);
        CHECK_EQ(m.access[0]->log.size, 0);
        CHECK_EQ(stage_all(m.devices, m.n, CC_MODE_ON), -EOPNOTSUPP);
        CHECK_EQ(m.devices[1].error, -EOPNOTSUPP);
        CHECK_STR(m.devices[1].fault.found, "ls10, which has no such mode");
        machine_close(&m);
}

/* The last one refuses: the first ones get their knobs back, and none is reset. */
static void test_many_refused(void) {
        static const SimGpuKind kinds[] = { SIM_GPU_HOPPER, SIM_GPU_GB100, SIM_GPU_HOPPER };
        static const char *const faults[] = { "forbidden", "write-refused", "write-ignored", "fsp-silent" };

        for (size_t i = 0; i < ELEMENTSOF(faults); i++) {
                Machine m;

                machine_open(&m, kinds, ELEMENTSOF(kinds));
                sim_gpu_set_knob(m.access[0]->sim, 45, 1);
                CHECK_EQ(sim_gpu_fault(m.access[2]->sim, faults[i]), 0);
                CHECK(stage_all(m.devices, m.n, CC_MODE_ON) < 0);
                CHECK(m.devices[2].error < 0 && m.devices[0].error == 0 && m.devices[1].error == 0);
                CHECK_EQ(sim_gpu_knob(m.access[0]->sim, 45), 1);
                for (size_t k = 0; k < m.n; k++) {
                        CHECK_EQ(sim_gpu_knob(m.access[k]->sim, 8), 0);
                        CHECK_EQ(sim_gpu_knob(m.access[k]->sim, 10), 0);
                        CHECK_EQ(sim_gpu_resets(m.access[k]->sim), 0);
                        CHECK_EQ(m.devices[k].undo_error, 0);
                }
                machine_close(&m);
        }
}

/* One reset fails, or one device does not come back: the others are brought to their mode all the same. */
static void test_many_reset_fails(void) {
        static const SimGpuKind kinds[] = { SIM_GPU_HOPPER, SIM_GPU_HOPPER, SIM_GPU_GB202 };
        Machine m;

        machine_open(&m, kinds, ELEMENTSOF(kinds));
        m.access[1]->reset_error = -ENOTTY;
        CHECK_EQ(stage_all(m.devices, m.n, CC_MODE_ON), -ENOTTY);
        CHECK_STR(m.devices[1].fault.what, "reset: function");
        CHECK_EQ(m.devices[1].changes.n, 2); /* still pending, and known */
        CHECK_EQ(sim_gpu_mode(m.access[0]->sim) & 3, MODE_CC);
        CHECK_EQ(sim_gpu_mode(m.access[2]->sim) & 3, MODE_CC);
        machine_close(&m);

        machine_open(&m, kinds, ELEMENTSOF(kinds));
        CHECK_EQ(sim_gpu_fault(m.access[0]->sim, "boot-slow=60000000"), 0);
        CHECK_EQ(stage_all(m.devices, m.n, CC_MODE_ON), -ETIMEDOUT);
        CHECK_STR(m.devices[0].fault.expected, "0xff within 5 s");
        CHECK_EQ(sim_gpu_mode(m.access[1]->sim) & 3, MODE_CC);
        CHECK_EQ(m.devices[1].error, 0);
        CHECK_EQ(m.devices[2].error, 0);
        machine_close(&m);
}

static const Test tests[] = {
        { "one device, step by step",                       test_one                   },
        { "a mode that is there already",                   test_idempotent            },
        { "changes that wait for a reset",                  test_pending               },
        { "devtools without CC is repaired",                test_invalid_repaired      },
        { "every fault has its errno and words",            test_faults                },
        { "recovery mode",                                  test_recovery              },
        { "a fault at every access, then again",            test_fault_at_every_access },
        { "a host that ends at every access",               test_killed_at_every_access },
        { "a step that may not begin",                      test_step_refused          },
        { "cancelled in the middle",                        test_cancel                },
        { "changes that cannot be taken back",              test_undo_fails            },
        { "eight GPUs; GPUs and switches",                  test_many                  },
        { "one that has no such mode",                      test_many_unsupported      },
        { "one that refuses",                               test_many_refused          },
        { "one that does not come back",                    test_many_reset_fails      },
};

TEST_MAIN(tests)
