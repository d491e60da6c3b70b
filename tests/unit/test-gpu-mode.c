/* SPDX-License-Identifier: Apache-2.0 */

/* Mode registers and the sequences of knobs that lead to each mode. */

#include "gpu/bar0.h"
#include "gpu/prc.h"

#include "gpu-scene.h"
#include "test.h"

/* Knobs as a test begins: all that exclude CC or PPCIe, or belong to them. */
static void set_all_knobs(SimGpu *sim) {
        static const uint8_t ones[] = { 2, 4, 6, 8, 34, 45 };

        for (size_t i = 0; i < ELEMENTSOF(ones); i++)
                sim_gpu_set_knob(sim, ones[i], 1);
        sim_gpu_set_knob(sim, 10, 2);
}

typedef struct ModeCase {
        const char *name;
        SimGpuKind kind;
        bool all; /* set_all_knobs() */
        const char *fault;
        CcMode mode;
        const char *requests; /* of ccmode_stage(), the reading back not counted */
        int error;
} ModeCase;

/* The sequences of the tool; in off, that of CC and then that of PPCIe. */
static const ModeCase mode_cases[] = {
        { "Hopper on", SIM_GPU_HOPPER, false, NULL, CC_MODE_ON, "R45 R2 R4 R34 R45 R10 W10=2 R8 W8=1 R6", 0 },
        { "Hopper devtools", SIM_GPU_HOPPER, false, NULL, CC_MODE_DEVTOOLS,
          "R45 R2 R4 R34 R45 R10 R8 W8=1 R6 W6=1", 0 },
        { "Hopper off", SIM_GPU_HOPPER, false, NULL, CC_MODE_OFF, "R45 R10 R6 R8 R8 R10 R45", 0 },
        { "Hopper PPCIe", SIM_GPU_HOPPER, false, NULL, CC_MODE_PPCIE,
          "R8 R2 R4 R34 R6 R8 R10 W10=2 R45 W45=1", 0 },
        { "Hopper on, all set", SIM_GPU_HOPPER, true, NULL, CC_MODE_ON,
          "R45 R2 W2=0 R4 W4=0 R34 W34=0 R45 W45=0 R10 R8 R6 W6=0", 0 },
        { "Hopper off, all set", SIM_GPU_HOPPER, true, NULL, CC_MODE_OFF,
          "R45 R10 W10=0 R6 W6=0 R8 W8=0 R8 R10 R45 W45=0", 0 },
        { "Hopper PPCIe, all set", SIM_GPU_HOPPER, true, NULL, CC_MODE_PPCIE,
          "R8 R2 W2=0 R4 W4=0 R34 W34=0 R6 W6=0 R8 W8=0 R10 R45", 0 },
        { "Hopper on, old firmware", SIM_GPU_HOPPER, false, "no-ppcie", CC_MODE_ON,
          "R45 R2 R4 R34 R10 W10=2 R8 W8=1 R6", 0 },
        { "Hopper off, old firmware", SIM_GPU_HOPPER, false, "no-ppcie", CC_MODE_OFF, "R45 R10 R6 R8", 0 },
        { "Hopper on, no knob 2", SIM_GPU_HOPPER, false, "knob-missing=2", CC_MODE_ON, "R45 R2", -EOPNOTSUPP },
        { "Hopper off, devtools without CC", SIM_GPU_HOPPER, false, "mode-invalid", CC_MODE_OFF,
          "R45 R10 R6 W6=0 R8 R8 R10 R45", 0 },
        { "Hopper on, devtools without CC", SIM_GPU_HOPPER, false, "mode-invalid", CC_MODE_ON,
          "R45 R2 R4 R34 R45 R10 W10=2 R8 W8=1 R6 W6=0", 0 },
        { "Blackwell on", SIM_GPU_GB100, false, NULL, CC_MODE_ON, "R2 R4 R34 R8 W8=1 R6", 0 },
        { "Blackwell devtools", SIM_GPU_GB202, false, NULL, CC_MODE_DEVTOOLS, "R2 R4 R34 R8 W8=1 R6 W6=1", 0 },
        { "Blackwell off", SIM_GPU_GB202, false, NULL, CC_MODE_OFF, "R6 R8", 0 },
        { "Blackwell off, all set", SIM_GPU_GB100, true, NULL, CC_MODE_OFF, "R6 W6=0 R8 W8=0", 0 },
        { "Blackwell on, all set", SIM_GPU_GB100, true, NULL, CC_MODE_ON,
          "R2 W2=0 R4 W4=0 R34 W34=0 R8 R6 W6=0", 0 },
        { "Blackwell PPCIe", SIM_GPU_GB100, false, NULL, CC_MODE_PPCIE, "", -EOPNOTSUPP },
        { "NVSwitch PPCIe", SIM_GPU_LS10, false, NULL, CC_MODE_PPCIE, "R8 R2 R4 R34 R6 R8 R10 R45 W45=1", 0 },
        { "NVSwitch off", SIM_GPU_LS10, false, NULL, CC_MODE_OFF, "R8 R10 R45", 0 },
        { "NVSwitch off, all set", SIM_GPU_LS10, true, NULL, CC_MODE_OFF, "R8 R10 W10=0 R45 W45=0", 0 },
        { "NVSwitch off, old firmware", SIM_GPU_LS10, false, "no-ppcie", CC_MODE_OFF, "R8 R10 R45", 0 },
        { "NVSwitch on", SIM_GPU_LS10, false, NULL, CC_MODE_ON, "", -EOPNOTSUPP },
        { "NVSwitch devtools", SIM_GPU_LS10, false, NULL, CC_MODE_DEVTOOLS, "", -EOPNOTSUPP },
};

/* What was changed is read back at the end: "R10 R8" for W10 and W8. */
static void strip_read_back(char *requests, const CcChanges *changes) {
        size_t n = strlen(requests);

        for (size_t i = changes->n; i-- > 0;) {
                char wanted[16];
                size_t length = (size_t) snprintf(wanted, sizeof(wanted), " R%u", changes->list[i].knob);

                CHECK(n >= length && strcmp(requests + n - length, wanted) == 0);
                if (n < length)
                        return;
                n -= length;
                requests[n] = '\0';
        }
}

static void check_mode(const ModeCase *c) {
        _cleanup_free_ char *requests = NULL;
        unsigned failures = test_failures;
        CcChanges changes = {};
        GpuScene s;

        CHECK_EQ(gpu_scene_open(&s, c->kind), 0);
        if (c->all)
                set_all_knobs(s.access->sim);
        if (c->fault)
                CHECK_EQ(sim_gpu_fault(s.access->sim, c->fault), 0);
        CHECK_EQ(ccmode_stage(&s.gpu, c->mode, &changes, &s.fault), c->error);
        requests = gpu_scene_requests(&s);
        if (c->error == 0)
                strip_read_back(requests, &changes);
        CHECK_STR(requests, c->requests);
        CHECK_EQ(sim_gpu_violations(s.access->sim), 0);
        if (test_failures != failures)
                (void) printf("# that was %s\n", c->name);
        gpu_scene_close(&s);
}

static void test_sequences(void) {
        for (size_t i = 0; i < ELEMENTSOF(mode_cases); i++)
                check_mode(&mode_cases[i]);
}

/* Each mode from each mode, with a reset after each: what is in effect is what was asked for, and at no moment are
 * there knobs that a reset would turn into devtools without CC. */
static int in_valid_knobs(void *userdata, const char *line) {
        const SimGpu *sim = userdata;

        return !(sim_gpu_knob(sim, 6) == 1 && sim_gpu_knob(sim, 8) == 0) || strncmp(line, "KNOB", 4) != 0;
}

static SimGpu *watched;

static void watch(void *userdata, const char *line) {
        CHECK(in_valid_knobs(watched, line));
}

static void test_each_from_each(void) {
        static const struct {
                SimGpuKind kind;
                CcMode modes[4];
                size_t n;
        } cases[] = {
                { SIM_GPU_HOPPER, { CC_MODE_OFF, CC_MODE_ON, CC_MODE_DEVTOOLS, CC_MODE_PPCIE }, 4 },
                { SIM_GPU_GB100,  { CC_MODE_OFF, CC_MODE_ON, CC_MODE_DEVTOOLS },                3 },
                { SIM_GPU_GB202,  { CC_MODE_OFF, CC_MODE_ON, CC_MODE_DEVTOOLS },                3 },
                { SIM_GPU_LS10,   { CC_MODE_OFF, CC_MODE_PPCIE },                               2 },
        };

        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                GpuScene s;

                CHECK_EQ(gpu_scene_open(&s, cases[i].kind), 0);
                watched = s.access->sim;
                sim_gpu_set_log(watched, watch, NULL);
                for (size_t k = 0; k < cases[i].n * cases[i].n; k++)
                        for (size_t part = 0; part < 2; part++) {
                                CcMode mode = cases[i].modes[part == 0 ? k / cases[i].n : k % cases[i].n];
                                CcChanges changes = {};
                                CcStatus status;

                                CHECK_EQ(ccmode_check(&s.gpu, mode, &s.fault), 0);
                                CHECK_EQ(ccmode_stage(&s.gpu, mode, &changes, &s.fault), 0);
                                CHECK_EQ(sim_access_reset(s.access, &s.fault), 0);
                                s.gpu.fsp_ready = false;
                                s.access->n_steps = 0;
                                CHECK_EQ(ccmode_read(&s.gpu, &status, &s.fault), 0);
                                CHECK(cc_status_is(&status, mode));
                        }
                gpu_scene_close(&s);
        }
}

static void test_status(void) {
        GpuScene s;
        CcStatus status;

        CHECK_EQ(gpu_scene_open(&s, SIM_GPU_HOPPER), 0);
        CHECK_EQ(ccmode_read(&s.gpu, &status, &s.fault), 0);
        CHECK(cc_status_is(&status, CC_MODE_OFF) && !cc_status_is(&status, CC_MODE_ON));
        CHECK_EQ(sim_gpu_fault(s.access->sim, "mode-invalid"), 0);
        CHECK_EQ(ccmode_read(&s.gpu, &status, &s.fault), 0);
        CHECK_EQ(status.cc, CC_STATE_INVALID);
        CHECK_STR(cc_state_to_string(status.cc), "invalid");
        for (CcMode m = 0; m < _CC_MODE_MAX; m++)
                CHECK(!cc_status_is(&status, m));
        sim_gpu_set_knob(s.access->sim, 6, 0);
        sim_gpu_set_knob(s.access->sim, 8, 1);
        sim_gpu_set_knob(s.access->sim, 45, 1);
        CHECK_EQ(sim_access_reset(s.access, &s.fault), 0);
        CHECK_EQ(ccmode_read(&s.gpu, &status, &s.fault), 0);
        CHECK(status.cc == CC_STATE_ON && status.ppcie);
        for (CcMode m = 0; m < _CC_MODE_MAX; m++)
                CHECK(!cc_status_is(&status, m));
        gpu_scene_close(&s);
}

static void test_names(void) {
        for (CcMode m = 0; m < _CC_MODE_MAX; m++)
                CHECK_EQ(cc_mode_from_string(cc_mode_to_string(m)), m);
        CHECK_EQ(cc_mode_from_string("ON"), _CC_MODE_INVALID);
        CHECK_EQ(cc_mode_from_string(""), _CC_MODE_INVALID);
}

/* Permissions are read before anything is written, and only a knob that has to change needs one. */
static void test_permissions(void) {
        _cleanup_free_ char *first = NULL, *second = NULL, *third = NULL;
        GpuScene s;

        CHECK_EQ(gpu_scene_open(&s, SIM_GPU_HOPPER), 0);
        CHECK_EQ(ccmode_check(&s.gpu, CC_MODE_ON, &s.fault), 0);
        first = gpu_scene_requests(&s);
        CHECK_STR(first, "R1 R3 R33 R44 R9 R7 R5");
        CHECK_EQ(sim_gpu_fault(s.access->sim, "forbidden=8"), 0);
        CHECK_EQ(ccmode_check(&s.gpu, CC_MODE_ON, &s.fault), -EPERM);
        second = gpu_scene_requests(&s);
        CHECK_STR(second, "R1 R3 R33 R44 R9 R7 R8");
        CHECK_STR(s.fault.what, "check permissions: PRC knob 7 (CCM_ALLOW_INB)");
        CHECK_STR(s.fault.expected, "1: PRC knob 8 (CCM) may be changed from the host");
        CHECK_STR(s.fault.found, "0, and it has to change from 0 to 1: allow it out of band, through the BMC");
        CHECK_EQ(ccmode_check(&s.gpu, CC_MODE_OFF, &s.fault), 0);
        free(gpu_scene_requests(&s));
        sim_gpu_set_knob(s.access->sim, 7, 1);
        CHECK_EQ(sim_gpu_fault(s.access->sim, "knob-missing=7"), 0); /* nobody to ask: FSP decides at the write */
        CHECK_EQ(ccmode_check(&s.gpu, CC_MODE_ON, &s.fault), 0);
        third = gpu_scene_requests(&s);
        CHECK_STR(third, "R1 R3 R33 R44 R9 R7 R5");
        CHECK_EQ(sim_gpu_knob(s.access->sim, 8), 0);
        gpu_scene_close(&s);
}

/* Old firmware refuses PPCIe before anything is written, unlike the tool. */
static void test_old_firmware(void) {
        static const SimGpuKind kinds[] = { SIM_GPU_HOPPER, SIM_GPU_LS10 };

        for (size_t i = 0; i < ELEMENTSOF(kinds); i++) {
                GpuScene s;

                CHECK_EQ(gpu_scene_open(&s, kinds[i]), 0);
                CHECK_EQ(sim_gpu_fault(s.access->sim, "no-ppcie"), 0);
                CHECK_EQ(ccmode_check(&s.gpu, CC_MODE_PPCIE, &s.fault), -EOPNOTSUPP);
                CHECK_STR(s.fault.what, "check permissions: PRC knob 45 (PPCIE)");
                CHECK_STR(s.fault.expected, "firmware that has it: update the device's firmware");
                CHECK_STR(s.fault.found, "FSP error 0x1e3 (no such knob)");
                CHECK_EQ(ccmode_check(&s.gpu, CC_MODE_OFF, &s.fault), 0);
                gpu_scene_close(&s);
        }
}

static void test_refused(void) {
        static const struct {
                const char *fault, *what, *expected, *found;
        } cases[] = {
                { "write-refused", "stage: PRC knob 10 (BAR0_DECOUPLER)", "to be written",
                  "FSP error 0x0a0 (not supported)" },
                { "write-refused=0x33", "stage: PRC knob 10 (BAR0_DECOUPLER)", "to be written",
                  "FSP error 0x033 (unknown)" },
                { "write-ignored", "read back: PRC knob 10 (BAR0_DECOUPLER)", "2, as written", "0" },
                { "read-refused", "stage: PRC knob 45 (PPCIE)", "to be read", "FSP error 0x202 (unknown)" },
        };

        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                CcChanges changes = {};
                GpuScene s;

                CHECK_EQ(gpu_scene_open(&s, SIM_GPU_HOPPER), 0);
                CHECK_EQ(sim_gpu_fault(s.access->sim, cases[i].fault), 0);
                CHECK_EQ(ccmode_stage(&s.gpu, CC_MODE_ON, &changes, &s.fault), -EIO);
                CHECK_STR(s.fault.what, cases[i].what);
                CHECK_STR(s.fault.expected, cases[i].expected);
                CHECK_STR(s.fault.found, cases[i].found);
                gpu_scene_close(&s);
        }
}

static void test_undo(void) {
        _cleanup_free_ char *requests = NULL;
        CcChanges changes = {};
        GpuScene s;

        CHECK_EQ(gpu_scene_open(&s, SIM_GPU_HOPPER), 0);
        set_all_knobs(s.access->sim);
        CHECK_EQ(ccmode_stage(&s.gpu, CC_MODE_OFF, &changes, &s.fault), 0);
        CHECK_EQ(changes.n, 4);
        free(gpu_scene_requests(&s));
        CHECK_EQ(ccmode_undo(&s.gpu, &changes, &s.fault), 0);
        CHECK_EQ(changes.n, 0);
        requests = gpu_scene_requests(&s);
        CHECK_STR(requests, "R45 W45=1 R8 W8=1 R6 W6=1 R10 W10=2");
        CHECK_EQ(ccmode_undo(&s.gpu, &changes, &s.fault), 0);
        gpu_scene_close(&s);
}

static void test_firewall(void) {
        _cleanup_free_ char *on = NULL, *off = NULL;
        CcChanges changes = {};
        CcStatus status;
        GpuScene s;

        CHECK_EQ(gpu_scene_open(&s, SIM_GPU_GB100), 0);
        CHECK_EQ(ccmode_stage_firewall(&s.gpu, true, &changes, &s.fault), 0);
        on = gpu_scene_requests(&s);
        CHECK_STR(on, "R9 R10 W10=2 R10");
        CHECK_EQ(ccmode_read(&s.gpu, &status, &s.fault), 0);
        CHECK(!status.firewall);
        CHECK_EQ(sim_access_reset(s.access, &s.fault), 0);
        CHECK_EQ(ccmode_read(&s.gpu, &status, &s.fault), 0);
        CHECK(status.firewall && cc_status_is(&status, CC_MODE_OFF));
        free(gpu_scene_requests(&s));
        CHECK_EQ(ccmode_stage_firewall(&s.gpu, false, &changes, &s.fault), 0);
        off = gpu_scene_requests(&s);
        CHECK_STR(off, "R9 R10 W10=0 R10");
        CHECK_EQ(sim_gpu_fault(s.access->sim, "forbidden=10"), 0);
        CHECK_EQ(ccmode_stage_firewall(&s.gpu, true, &changes, &s.fault), -EPERM);
        gpu_scene_close(&s);
        CHECK_EQ(gpu_scene_open(&s, SIM_GPU_HOPPER), 0);
        CHECK_EQ(ccmode_stage_firewall(&s.gpu, true, &changes, &s.fault), -EOPNOTSUPP);
        CHECK_STR(s.fault.found, "gh100");
        gpu_scene_close(&s);
}

static void test_settings(void) {
        _cleanup_free_ char *requests = NULL;
        CcSettings settings;
        GpuScene s;

        CHECK_EQ(gpu_scene_open(&s, SIM_GPU_HOPPER), 0);
        sim_gpu_set_knob(s.access->sim, 8, 1);
        CHECK_EQ(sim_gpu_fault(s.access->sim, "no-ppcie"), 0);
        CHECK_EQ(sim_gpu_fault(s.access->sim, "forbidden=6"), 0);
        CHECK_EQ(ccmode_settings(&s.gpu, &settings, &s.fault), 0);
        requests = gpu_scene_requests(&s);
        CHECK_STR(requests, "R8 R6 R10 R7 R5 R9 R45 R44");
        CHECK_EQ(settings.enable, 1);
        CHECK_EQ(settings.devtools, 0);
        CHECK_EQ(settings.devtools_allowed, 0);
        CHECK_EQ(settings.firewall_allowed, 1);
        CHECK_EQ(settings.ppcie, -1);
        CHECK_EQ(settings.ppcie_allowed, -1);
        gpu_scene_close(&s);
}

static const Test tests[] = {
        { "sequences of knobs",                       test_sequences      },
        { "each mode from each mode",                 test_each_from_each },
        { "states that are no mode",                  test_status         },
        { "names of modes",                           test_names          },
        { "permissions",                              test_permissions    },
        { "firmware without PPCIe",                   test_old_firmware   },
        { "a knob that is refused or not kept",       test_refused        },
        { "taking changes back",                      test_undo           },
        { "the BAR0 firewall of Blackwell as a mode", test_firewall       },
        { "settings",                                 test_settings       },
};

TEST_MAIN(tests)
