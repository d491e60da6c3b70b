/* SPDX-License-Identifier: Apache-2.0 */

/* Survey, collection and ready state through the driver's libraries, as a driver that works gives them and as one that
 * is slow, stuck, broken or lying does. */

#include "test.h"
#include "simserver.h"

#include "attest/appraise.h"
#include "attest/collect.h"
#include "attest/nvml.h"
#include "attest/ready.h"
#include "attest/rim.h"
#include "basic/clock.h"
#include "basic/hex.h"
#include "sim/must.h"
#include "sim/scene.h"

#define SHORT_USEC (500 * USEC_PER_MSEC)
#define LONG_USEC  (60 * USEC_PER_SEC)

#define REPORT "nvmlDeviceGetConfComputeGpuAttestationReport"
#define CHAIN  "nvmlDeviceGetConfComputeGpuCertificate"

static const SimModel two_hoppers[] = { SIM_MODEL_HOPPER, SIM_MODEL_HOPPER, _SIM_MODEL_INVALID };
static const SimModel one_blackwell[] = { SIM_MODEL_BLACKWELL, _SIM_MODEL_INVALID };
static const SimModel ppcie[] = {
        SIM_MODEL_HOPPER_PPCIE, SIM_MODEL_HOPPER_PPCIE, SIM_MODEL_HOPPER_PPCIE, SIM_MODEL_HOPPER_PPCIE,
        SIM_MODEL_HOPPER_PPCIE, SIM_MODEL_HOPPER_PPCIE, SIM_MODEL_HOPPER_PPCIE, SIM_MODEL_HOPPER_PPCIE,
        SIM_MODEL_LS10,         SIM_MODEL_LS10,         SIM_MODEL_LS10,         SIM_MODEL_LS10,
        _SIM_MODEL_INVALID,
};

/* How far a driver gets, and on whose objection it ends. */
typedef struct Case {
        const char *control;
        int error;
        const char *what, *found; /* of the fault: all of the first, a part of the second */
        unsigned retries;
        uint64_t timeout_usec; /* 0: LONG_USEC */
        SurveyWants wants;
} Case;

static const uint8_t root[NONCE_SIZE] = { 0x42 };

static SurveyWants wants_of(const Case *c) {
        SurveyWants w = c->wants;

        w.retries = c->retries;
        w.device_timeout_usec = c->timeout_usec ?: LONG_USEC;
        return w;
}

static void check_error(const Case *c, const char *stage, int r, const Fault *f) {
        bool good = r == c->error && (r == 0 || (strcmp(f->what, c->what) == 0 && strstr(f->found, c->found)));

        if (!good)
                (void) printf("# %s of \"%s\" is %d (%s: expected %s, found %s)\n", stage, c->control, r, f->what, f->expected,
                              f->found);
        CHECK(good);
}

static void check_surveys(SimServer *s, const Case *cases, size_t n) {
        for (size_t i = 0; i < n; i++) {
                _cleanup_(survey_freep) Survey *survey = NULL;
                SurveyWants w = wants_of(&cases[i]);
                Fault f = {};

                sim_server_control(s, cases[i].control);
                check_error(&cases[i], "survey", survey_take(&w, &survey, &f), &f);
                CHECK(!survey == (cases[i].error < 0));
        }
}

static void test_surveys_that_fail(void) {
        static const Case cases[] = {
                { "", 0, "", "" },
                { "init error 9", -ENODEV, "nvmlInit_v2", "NVML error 9 (Driver Not Loaded)" },
                { "init error 9", -ENODEV, "nvmlInit_v2", "in attempt 3 as well", 2 },
                { "init error 18", -ELIBACC, "nvmlInit_v2", "NVML error 18", 2 },
                { "init error 4", -EPERM, "nvmlInit_v2", "NVML error 4" },
                { "init error 12345", -EIO, "nvmlInit_v2", "NVML error 12345 (Unknown Error)" },
                { "first 1 init error 9", 0, "", "", 1 },
                { "init hang", -ETIMEDOUT, "nvmlInit_v2", "none", 0, SHORT_USEC },
                { "init crash", -ECHILD, "nvmlInit_v2", "the library" },
                { "first 2 init crash", 0, "", "", 2 },
                { "state error 3", -EOPNOTSUPP, "nvmlSystemGetConfComputeState", "NVML error 3" },
                { "settings error 25", -EIO, "nvmlSystemGetConfComputeSettings", "NVML error 25" },
                { "settings hang", -ETIMEDOUT, "nvmlSystemGetConfComputeSettings", "none", 0, SHORT_USEC },
                { "first 1 cc off", -EBADMSG, "nvmlSystemGetConfComputeSettings", "another state" },
                { "driver 580\x01", -EBADMSG, "nvmlSystemGetDriverVersion", "something else" },
                { "count 65", -EBADMSG, "nvmlDeviceGetCount", "65" },
                { "count 4294967295", -EBADMSG, "nvmlDeviceGetCount", "4294967295" },
                { "count error 999", -EIO, "nvmlDeviceGetCount", "NVML error 999" },
                { "count 3", -EIO, "GPU 2: nvmlDeviceGetHandleByIndex", "NVML error 2" },
                { "gone 1", -ENODEV, "GPU 1: nvmlDeviceGetHandleByIndex", "NVML error 15" },
                { "device 1 uuid hang", -ETIMEDOUT, "GPU 1: nvmlDeviceGetUUID", "none", 0, SHORT_USEC },
                { "device 1 uuid slow 20", 0, "", "" },
                { "device 0 arch crash", -ECHILD, "GPU 0: nvmlDeviceGetArchitecture", "the library" },
                { "device 1 vbios error 15", -ENODEV, "GPU 1: nvmlDeviceGetVbiosVersion", "NVML error 15" },
                { "device 0 pdi error 999", -EIO, "GPU 0: nvmlDeviceGetPdi", "NVML error 999" },
        };
        SimServer s;

        sim_server_start(&s, two_hoppers);
        check_surveys(&s, cases, ELEMENTSOF(cases));
        sim_server_stop(&s);
}

/* A driver that does not know about PDIs is not held against the devices. */
static void test_survey_of_older_drivers(void) {
        static const unsigned codes[] = { 3, 13, 25 };
        SimServer s;

        sim_server_start(&s, two_hoppers);
        for (size_t i = 0; i < ELEMENTSOF(codes); i++) {
                const SurveyWants w = { .device_timeout_usec = LONG_USEC };
                _cleanup_(survey_freep) Survey *survey = NULL;
                char control[32];
                Fault f = {};

                (void) snprintf(control, sizeof(control), "pdi error %u", codes[i]);
                sim_server_control(&s, control);
                CHECK_EQ(survey_take(&w, &survey, &f), 0);
                CHECK_EQ(survey->n_devices, 2);
                CHECK(!survey->devices[0].have_pdi && !survey->devices[1].have_pdi);
        }
        sim_server_stop(&s);
}

static void test_what_a_survey_says(void) {
        const SurveyWants w = { .device_timeout_usec = LONG_USEC };
        _cleanup_(survey_freep) Survey *survey = NULL;
        Fault f = {};
        SimServer s;

        sim_server_start(&s, one_blackwell);
        CHECK_EQ(survey_take(&w, &survey, &f), 0);
        CHECK_EQ(survey->environment, NVML_ENVIRONMENT_PRODUCTION);
        CHECK_EQ(survey->cc_feature, 1);
        CHECK_EQ(survey->dev_tools_mode, 0);
        CHECK_EQ(survey->multi_gpu_mode, NVML_MULTI_GPU_NONE);
        CHECK_EQ(survey->n_devices, 1);
        CHECK_EQ(survey->devices[0].arch, ARCH_BLACKWELL);
        CHECK_EQ(survey->devices[0].arch_code, 10);
        CHECK_EQ(survey->devices[0].index, 0);
        CHECK(!survey->devices[0].is_switch && survey->devices[0].have_pdi);
        CHECK(strncmp(survey->devices[0].uuid, "GPU-", 4) == 0);
        CHECK_STR(survey->devices[0].driver_version, survey->driver_version);
        /* It asks nothing that changes anything, and for no evidence. */
        CHECK_EQ(sim_server_lines(&s, "SetConfCompute", NULL), 0);
        CHECK_EQ(sim_server_lines(&s, "Attestation", NULL), 0);
        CHECK_EQ(sim_server_lines(&s, "nscq", NULL), 0);
        sim_server_stop(&s);
}

static void check_judgements(SimServer *s, const Case *cases, size_t n) {
        for (size_t i = 0; i < n; i++) {
                _cleanup_(survey_freep) Survey *survey = NULL;
                SurveyWants w = wants_of(&cases[i]);
                Fault f = {};
                int r;

                sim_server_control(s, cases[i].control);
                r = survey_take(&w, &survey, &f);
                if (r < 0)
                        check_error(&(Case){ cases[i].control, .what = "", .found = "" }, "survey", r, &f);
                else
                        check_error(&cases[i], "judgement", survey_judge(survey, &w, &f), &f);
        }
}

#define UUID "GPU-11111111-1111-1111-1111-111111111111"

static void test_machines_that_are_refused(void) {
        static const Case cases[] = {
                { "", 0, "", "" },
                { "multigpu nvle", 0, "", "" },
                { "cc off\nenvironment unavailable", -EPERM, "Confidential Computing mode", "off" },
                { "cc 2", -EPERM, "Confidential Computing mode", "unknown" },
                { "devtools on", -EPERM, "developer tools mode", "on" },
                { "devtools 2", -EPERM, "developer tools mode", "unknown" },
                { "environment simulation", -EPERM, "environment of the GPUs", "simulation" },
                { "environment unavailable", -EPERM, "environment of the GPUs", "unavailable" },
                { "environment 3", -EPERM, "environment of the GPUs", "unknown" },
                { "multigpu 3", -EPERM, "multi-GPU mode", "3" },
                { "cc off\nmultigpu ppcie", -EPERM, "protected PCIe mode", "none" },
                { "count 0", -EPERM, "number of GPUs", "0" },
                { "", -EPERM, "number of GPUs", "2", .wants = { .gpus = 1 } },
                { "", -EPERM, "number of GPUs", "2", .wants = { .gpus = 3 } },
                { "", 0, "", "", .wants = { .gpus = 2 } },
                { "", -EPERM, "number of NVSwitches", "0", .wants = { .switches = 4 } },
                { "", 0, "", "", .wants = { .with_switches = true } },
                { "device 0 arch 13", -EPERM, "GPU 0: architecture", "the driver's number 13" },
                { "device 1 arch 8", -EPERM, "GPU 1: architecture", "the driver's number 8" },
                { "device 1 arch 10", -EPERM, "GPU 1: architecture", "BLACKWELL" },
                { "uuid " UUID, -EPERM, "GPU 1: UUID and PDI", "the same" },
                { "pdi 0011223344556677", -EPERM, "GPU 1: UUID and PDI", "the same" },
        };
        SimServer s;

        sim_server_start(&s, two_hoppers);
        check_judgements(&s, cases, ELEMENTSOF(cases));
        sim_server_stop(&s);
}

static void test_protected_pcie(void) {
        static const Case cases[] = {
                { "", 0, "", "" },
                { "environment unavailable", 0, "", "" },
                { "", 0, "", "", .wants = { .gpus = 8, .switches = 4 } },
                { "", -EPERM, "number of NVSwitches", "4", .wants = { .switches = 3 } },
                { "device 9 tnvl 1", -EPERM, "switch 1: TNVL mode", "1" },
                { "device 9 tnvl 0", -EPERM, "switch 1: TNVL mode", "0" },
                { "device 9 tnvl -1", -EPERM, "switch 1: TNVL mode", "-1" },
                { "device 10 arch 1", -EPERM, "switch 2: architecture", "the driver's number 1" },
                { "nscq-driver 999.99", -EPERM, "switch 0: driver version", "999.99" },
                { "cc on\nmultigpu none", -EPERM, "NVSwitches", "none", .wants = { .with_switches = true } },
                { "nscq-count 0", -EPERM, "protected PCIe mode", "none" },
                { "devtools on", -EPERM, "developer tools mode", "on" },
                { "environment simulation", -EPERM, "environment of the GPUs", "simulation" },
        };
        static const Case failures[] = {
                { "nscq-init error 1", -EIO, "nscq_session_create", "NSCQ result 1" },
                { "nscq-init error -7", -EIO, "nscq_session_create", "NSCQ result -7" },
                { "nscq-init hang", -ETIMEDOUT, "nscq_session_create", "none", 0, SHORT_USEC },
                { "nscq-driver error -7", -EIO, "/nvswitch/version", "NSCQ error -7" },
                { "device 8 arch error -7", -EIO, "/{nvswitch}/id/arch", "NSCQ error -7" },
                { "device 9 tnvl error -8", -EIO, "switch 1: /config/pcie_mode", "NSCQ error -8" },
                { "device 11 tnvl hang", -ETIMEDOUT, "switch 3: /config/pcie_mode", "none", 0, SHORT_USEC },
                { "device 11 tnvl crash", -ECHILD, "switch 3: /config/pcie_mode", "the library" },
        };
        SimServer s;

        sim_server_start(&s, ppcie);
        check_judgements(&s, cases, ELEMENTSOF(cases));
        check_surveys(&s, failures, ELEMENTSOF(failures));
        sim_server_stop(&s);
}

/* What the second survey of a machine finds changed. */
static void test_machines_that_change(void) {
        static const struct {
                const char *control, *what;
        } cases[] = {
                { "count 1",                         "number of devices"                     },
                { "uuid " UUID,                      "GPU 0: UUID"                           },
                { "device 1 vbios 96.00.00.00.01",   "GPU 1: VBIOS version"                  },
                { "driver 1.2",                      "driver version"                        },
                { "device 1 pdi 0011223344556677",   "GPU 1: architecture, PDI, TNVL mode"   },
                { "device 1 arch 10",                "GPU 1: architecture, PDI, TNVL mode"   },
                { "cc off",                          "Confidential Computing mode"           },
                { "devtools on",                     "developer tools mode"                  },
                { "environment simulation",          "environment of the GPUs"               },
                { "multigpu nvle",                   "multi-GPU mode"                        },
        };
        const SurveyWants w = { .device_timeout_usec = LONG_USEC };
        _cleanup_(survey_freep) Survey *before = NULL;
        Fault f = {};
        SimServer s;

        sim_server_start(&s, two_hoppers);
        CHECK_EQ(survey_take(&w, &before, &f), 0);
        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                _cleanup_(survey_freep) Survey *same = NULL, *other = NULL;

                sim_server_control(&s, "");
                CHECK_EQ(survey_take(&w, &same, &f), 0);
                CHECK_EQ(survey_compare(before, same, &f), 0);
                sim_server_control(&s, cases[i].control);
                CHECK_EQ(survey_take(&w, &other, &f), 0);
                CHECK_EQ(survey_compare(before, other, &f), -ESTALE);
                CHECK_STR(f.what, cases[i].what);
        }
        sim_server_stop(&s);
}

/* The survey is of a driver that works. */
static void test_collections_that_fail(void) {
        static const Case cases[] = {
                { "", 0, "", "" },
                { "report error 999", -EIO, "GPU 0: " REPORT, "NVML error 999" },
                { "device 1 report error 999", -EIO, "GPU 1: " REPORT, "in attempt 3 as well", 2 },
                { "first 1 device 1 report error 999", 0, "", "", 1 },
                { "device 1 report error 3", -EOPNOTSUPP, "GPU 1: " REPORT, "NVML error 3", 2 },
                { "device 1 report hang", -ETIMEDOUT, "GPU 1: " REPORT, "none", 0, SHORT_USEC },
                { "first 1 device 1 report hang", 0, "", "", 1, 3 * USEC_PER_SEC },
                { "device 1 report slow 50", 0, "", "" },
                { "device 1 report crash", -ECHILD, "GPU 1: " REPORT, "the library" },
                { "first 1 device 1 report crash", 0, "", "", 1 },
                { "device 1 report size 8193", -EBADMSG, "GPU 1: " REPORT, "8193" },
                { "device 1 report huge", -EBADMSG, "GPU 1: " REPORT, "4294967295" },
                { "device 1 report empty", -EBADMSG, "GPU 1: " REPORT, "0" },
                { "device 0 chain size 5121", -EBADMSG, "GPU 0: " CHAIN, "5121" },
                { "device 0 chain huge", -EBADMSG, "GPU 0: " CHAIN, "4294967295" },
                { "device 0 chain empty", -EBADMSG, "GPU 0: " CHAIN, "0" },
                { "device 0 chain error 15", -ENODEV, "GPU 0: " CHAIN, "NVML error 15" },
                { "device 0 chain hang", -ETIMEDOUT, "GPU 0: " CHAIN, "none", 0, SHORT_USEC },
                { "gone 1", -ENODEV, "GPU 1: nvmlDeviceGetHandleByIndex", "NVML error 15" },
                { "device 1 uuid " UUID, -ESTALE, "GPU 1: UUID", UUID },
                { "device 1 arch 7", -ESTALE, "GPU 1: architecture, PDI, TNVL mode", "others" },
                { "device 1 vbios 1.2.3", -ESTALE, "GPU 1: VBIOS version", "1.2.3" },
        };
        SimServer s;

        sim_server_start(&s, two_hoppers);
        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                _cleanup_(evidence_set_freep) EvidenceSet *set = NULL;
                _cleanup_(survey_freep) Survey *survey = NULL;
                SurveyWants w = wants_of(&cases[i]);
                Fault f = {};

                sim_server_control(&s, "");
                CHECK_EQ(survey_take(&(SurveyWants){ .device_timeout_usec = LONG_USEC }, &survey, &f), 0);
                sim_server_control(&s, cases[i].control);
                check_error(&cases[i], "collection", collect_evidence(survey, &w, root, true, &set, &f), &f);
                CHECK(!set == (cases[i].error < 0));
        }
        sim_server_stop(&s);
}

/* Attempts are as many as allowed, and only the sick device gets more than one. */
static void test_attempts(void) {
        const SurveyWants w = { .device_timeout_usec = LONG_USEC, .retries = 2 };
        _cleanup_(evidence_set_freep) EvidenceSet *set = NULL;
        _cleanup_(survey_freep) Survey *survey = NULL;
        Fault f = {};
        SimServer s;

        sim_server_start(&s, two_hoppers);
        CHECK_EQ(survey_take(&w, &survey, &f), 0);
        sim_server_control(&s, "device 1 report error 999");
        CHECK_EQ(collect_evidence(survey, &w, root, true, &set, &f), -EIO);
        CHECK_EQ(sim_server_lines(&s, "begin", REPORT " 0"), 1);
        CHECK_EQ(sim_server_lines(&s, "begin", REPORT " 1"), 3);
        sim_server_stop(&s);
}

/* A machine with its collateral. */
typedef struct Machine {
        SimServer server;
        char rims[80], answers[80], anchors[80];
        const char *rim_dirs[2], *ocsp_dirs[2]; /* borrowed by the collateral */
} Machine;

/* What its devices gave, and what the verifier makes of it. */
typedef struct Judged {
        Survey *survey;
        EvidenceSet *set;
        Collateral *collateral;
        Appraisal *appraisal;
} Judged;

static void judged_done(Judged *j) {
        (void) appraisal_free(j->appraisal);
        (void) collateral_free(j->collateral);
        (void) evidence_set_free(j->set);
        (void) survey_free(j->survey);
}

/* With RIMs, answers and anchors of the same devices, as files. */
static void machine_start(Machine *m, const SimModel *models) {
        _cleanup_(sim_scene_freep) SimScene *scene = NULL;
        char dir[64];
        size_t n = 0;

        *m = (Machine){};
        sim_server_start(&m->server, models);
        while (models[n] != _SIM_MODEL_INVALID)
                n++;
        (void) snprintf(dir, sizeof(dir), "%s/scene", m->server.dir);
        (void) snprintf(m->rims, sizeof(m->rims), "%s/rims", dir);
        (void) snprintf(m->answers, sizeof(m->answers), "%s/ocsp", dir);
        (void) snprintf(m->anchors, sizeof(m->anchors), "%s/anchors", dir);
        m->rim_dirs[0] = m->rims;
        m->ocsp_dirs[0] = m->answers;
        MUST(sim_scene_open(m->server.state, models, n, root, &scene) >= 0);
        MUST(sim_scene_write(scene, dir) >= 0);
}

static Collateral *open_collateral(const Machine *m) {
        const CollateralOptions options = {
                .anchors_dir = m->anchors, .rim_dirs = m->rim_dirs, .ocsp_dirs = m->ocsp_dirs, .ocsp = true,
                .device_time = time(NULL), .rim_time = time(NULL),
        };
        Collateral *c = NULL;
        Fault f;

        MUST(collateral_open(&options, &c, &f) >= 0);
        return c;
}

static void collect_and_judge(Judged *j, const Machine *m, bool derive) {
        const SurveyWants w = { .device_timeout_usec = LONG_USEC };
        Fault f = {};

        CHECK_EQ(survey_take(&w, &j->survey, &f), 0);
        CHECK_EQ(collect_evidence(j->survey, &w, root, derive, &j->set, &f), 0);
        if (!j->set)
                (void) printf("# %s: expected %s, found %s\n", f.what, f.expected, f.found);
        MUST(j->set);
        j->collateral = open_collateral(m);
        MUST(appraise(j->set, root, j->collateral, &j->appraisal) >= 0);
}

/* The verifier on another machine has only the file. */
static void check_as_file(const Judged *j, const Machine *m) {
        _cleanup_(collateral_freep) Collateral *collateral = open_collateral(m);
        _cleanup_(appraisal_freep) Appraisal *appraisal = NULL;
        _cleanup_(evidence_set_freep) EvidenceSet *set = NULL;
        _cleanup_free_ char *text = NULL;
        Fault f;

        CHECK_EQ(evidence_set_write(j->set, &text), 0);
        CHECK_EQ(evidence_set_parse(text, strlen(text), &set, &f), 0);
        CHECK_EQ(set->n_items, j->set->n_items);
        CHECK_EQ(appraise(set, root, collateral, &appraisal), 0);
        CHECK(appraisal->accepted);
        CHECK_EQ(appraisal->devices[0].checks[CHECK_TOLD].state, CHECK_OFF);
}

static void check_good(const Machine *m, size_t n, bool derive, CheckState topology) {
        _cleanup_(judged_done) Judged j = {};

        collect_and_judge(&j, m, derive);
        CHECK_EQ(j.set->n_items, n);
        CHECK(j.appraisal->accepted);
        CHECK_EQ(j.appraisal->devices[0].checks[CHECK_TOPOLOGY].state, topology);
        for (size_t i = 0; i < j.appraisal->n_devices; i++) {
                uint8_t nonce[NONCE_SIZE];

                CHECK_EQ(j.appraisal->devices[i].checks[CHECK_TOLD].state, CHECK_PASSED);
                nonce_derive(root, i, nonce);
                CHECK(memcmp(j.set->items[i].nonce, derive ? nonce : root, NONCE_SIZE) == 0);
        }
        check_as_file(&j, m);
}

static void test_good_evidence(void) {
        static const struct {
                const SimModel *models;
                size_t n;
                CheckState topology;
        } machines[] = {
                { two_hoppers, 2, CHECK_OFF }, { one_blackwell, 1, CHECK_OFF }, { ppcie, 12, CHECK_PASSED },
        };

        for (size_t i = 0; i < ELEMENTSOF(machines); i++) {
                Machine m;

                machine_start(&m, machines[i].models);
                check_good(&m, machines[i].n, true, machines[i].topology);
                check_good(&m, machines[i].n, false, machines[i].topology);
                sim_server_stop(&m.server);
        }
}

/* Lies that the collection cannot see: the second device is refused, for this one reason, and the first is not. */
static void test_lies(void) {
        static const struct {
                const char *control;
                CheckId check;
                const char *what;
        } cases[] = {
                { "device 1 vbios 96.00.00.00.01",  CHECK_TOLD,         "VBIOS version that the driver says" },
                { "device 1 pdi 0011223344556677",  CHECK_TOLD,         "PDI that the driver says"           },
                { "device 1 report replay",         CHECK_NONCE,        "nonce in the report"                },
                { "device 1 report flip",           CHECK_SIGNATURE,    ""                                   },
                { "device 1 report other",          CHECK_SIGNATURE,    ""                                   },
                { "device 1 chain other",           CHECK_SIGNATURE,    ""                                   },
                { "device 1 chain garbage",         CHECK_CHAIN,        ""                                   },
                { "device 1 report garbage",        CHECK_PARSED,       ""                                   },
                { "device 1 report measurement 1",  CHECK_MEASUREMENTS, ""                                   },
                { "device 1 arch 10",               CHECK_IDENTITY,     ""                                   },
        };
        Machine m;

        machine_start(&m, two_hoppers);
        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                _cleanup_(judged_done) Judged j = {};
                const Check *check;

                sim_server_control(&m.server, cases[i].control);
                collect_and_judge(&j, &m, true);
                check = &j.appraisal->devices[1].checks[cases[i].check];
                if (check->state != CHECK_FAILED || (*cases[i].what && strcmp(check->fault.what, cases[i].what) != 0))
                        (void) printf("# \"%s\": state %d, %s: expected %s, found %s\n", cases[i].control, (int) check->state,
                                      check->fault.what, check->fault.expected, check->fault.found);
                CHECK_EQ(check->state, CHECK_FAILED);
                CHECK(!*cases[i].what || strcmp(check->fault.what, cases[i].what) == 0);
                CHECK(j.appraisal->devices[0].accepted && !j.appraisal->devices[1].accepted && !j.appraisal->accepted);
        }
        sim_server_stop(&m.server);
}

/* There is one driver version for all. */
static void test_lie_about_the_driver(void) {
        _cleanup_(judged_done) Judged j = {};
        Machine m;

        machine_start(&m, two_hoppers);
        sim_server_control(&m.server, "driver 550.00");
        collect_and_judge(&j, &m, true);
        for (size_t i = 0; i < 2; i++) {
                const Check *check = &j.appraisal->devices[i].checks[CHECK_TOLD];

                CHECK_EQ(check->state, CHECK_FAILED);
                CHECK_STR(check->fault.what, "driver version that the driver says");
                CHECK_STR(check->fault.found, "550.00");
        }
        CHECK(!j.appraisal->accepted);
        sim_server_stop(&m.server);
}

/* The switches' own ways to fail. */
static void test_switches_that_fail(void) {
        static const Case cases[] = {
                { "device 9 report error -7", -EIO, "switch 1: /config/attestation_report", "NSCQ error -7" },
                { "device 9 report hang", -ETIMEDOUT, "switch 1: /config/attestation_report", "none", 0, 2 * USEC_PER_SEC },
                { "first 1 device 9 report error -7", 0, "", "", 1 },
                { "device 9 report crash", -ECHILD, "switch 1: /config/attestation_report", "the library" },
                { "device 9 report size 8193", -EBADMSG, "switch 1: /config/attestation_report", "8193" },
                { "device 9 report huge", -EBADMSG, "switch 1: /config/attestation_report", "4294967295" },
                { "device 9 chain huge", -EBADMSG, "switch 1: /config/certificate", "4294967295" },
                { "device 9 chain empty", -EBADMSG, "switch 1: /config/certificate", "0" },
                { "device 9 chain error -8", -EIO, "switch 1: /config/certificate", "NSCQ error -8" },
        };
        _cleanup_(survey_freep) Survey *survey = NULL;
        Fault f = {};
        SimServer s;

        sim_server_start(&s, ppcie);
        CHECK_EQ(survey_take(&(SurveyWants){ .device_timeout_usec = LONG_USEC }, &survey, &f), 0);
        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                _cleanup_(evidence_set_freep) EvidenceSet *set = NULL;
                SurveyWants w = wants_of(&cases[i]);

                sim_server_control(&s, cases[i].control);
                check_error(&cases[i], "collection", collect_evidence(survey, &w, root, true, &set, &f), &f);
        }
        sim_server_stop(&s);
}

static void test_ready_state(void) {
        static const Case cases[] = {
                { "ready refuse", -EPERM, "nvmlSystemSetConfComputeGpusReadyState", "NVML error 4" },
                { "ready stick", -EIO, "ready state", "not ready after it was set" },
                { "ready error 2", -EIO, "nvmlSystemSetConfComputeGpusReadyState", "NVML error 2" },
                { "ready hang", -ETIMEDOUT, "nvmlSystemSetConfComputeGpusReadyState", "none", 0, SHORT_USEC },
                { "ready crash", -ECHILD, "nvmlSystemSetConfComputeGpusReadyState", "the library" },
                { "ready-get error 3", -EOPNOTSUPP, "nvmlSystemGetConfComputeGpusReadyState", "NVML error 3" },
                { "ready-get 5", -EBADMSG, "nvmlSystemGetConfComputeGpusReadyState", "5" },
                { "ready-get 0", -EIO, "ready state", "not ready after it was set" },
        };
        bool ready = true;
        Fault f = {};
        SimServer s;

        sim_server_start(&s, one_blackwell);
        CHECK_EQ(ready_state_get(0, &ready, &f), 0);
        CHECK(!ready);
        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                uint64_t deadline = cases[i].timeout_usec > 0 ? monotonic_usec() + cases[i].timeout_usec : 0;

                sim_server_control(&s, "");
                CHECK_EQ(ready_state_set(false, 0, &f), 0);
                sim_server_control(&s, cases[i].control);
                check_error(&cases[i], "setting", ready_state_set(true, deadline, &f), &f);
                /* Whether it happened or not is not guessed at by trying again. */
                CHECK_EQ(sim_server_lines(&s, "begin", "SetConfComputeGpusReadyState"), 1);
        }
        sim_server_control(&s, "");
        CHECK_EQ(ready_state_set(true, monotonic_usec() + LONG_USEC, &f), 0);
        CHECK_EQ(ready_state_get(monotonic_usec() + LONG_USEC, &ready, &f), 0);
        CHECK(ready);
        CHECK_EQ(ready_state_set(false, 0, &f), 0);
        CHECK_EQ(ready_state_get(0, &ready, &f), 0);
        CHECK(!ready);
        sim_server_stop(&s);
}

static const Test tests[] = {
        { "what a survey says",                                 test_what_a_survey_says        },
        { "a survey fails with the call that failed",           test_surveys_that_fail         },
        { "older drivers have no PDI to tell",                  test_survey_of_older_drivers   },
        { "each machine that proves nothing has its reason",    test_machines_that_are_refused },
        { "protected PCIe reads as off and is good",            test_protected_pcie            },
        { "a machine that changes is noticed",                  test_machines_that_change      },
        { "a collection fails with device and call",            test_collections_that_fail     },
        { "only the sick device is asked again",                test_attempts                  },
        { "switches fail with label and path",                  test_switches_that_fail        },
        { "what is collected is accepted, here and elsewhere",  test_good_evidence             },
        { "each lie is found out, and on its own device",       test_lies                      },
        { "a lie about the driver is found out",                test_lie_about_the_driver      },
        { "the ready state is what it reads back as",           test_ready_state               },
};

int main(int argc, char *argv[]) {
        sim_server_environment(argv);
        if (rim_library_init() < 0)
                return 1;
        return test_run_all(tests, ELEMENTSOF(tests));
}
