/* SPDX-License-Identifier: Apache-2.0 */

/* What the driver says of a device against what the device's evidence says. */

#include "test.h"
#include "trial.h"

static const SimModel one_hopper[] = { SIM_MODEL_HOPPER, _SIM_MODEL_INVALID };
static const SimModel one_blackwell[] = { SIM_MODEL_BLACKWELL, _SIM_MODEL_INVALID };
static const SimModel one_switch[] = { SIM_MODEL_LS10, _SIM_MODEL_INVALID };

static DeviceFacts facts_of(const SimDevice *d) {
        static const Architecture archs[] = {
                [SIM_ARCH_HOPPER] = ARCH_HOPPER, [SIM_ARCH_BLACKWELL] = ARCH_BLACKWELL, [SIM_ARCH_LS10] = ARCH_LS10,
        };
        DeviceFacts f = { .arch = archs[d->arch], .is_switch = d->arch == SIM_ARCH_LS10, .have_pdi = d->arch != SIM_ARCH_LS10 };

        (void) snprintf(f.uuid, sizeof(f.uuid), "GPU-1");
        (void) snprintf(f.driver_version, sizeof(f.driver_version), "%s", d->driver_version);
        if (!f.is_switch)
                (void) snprintf(f.vbios_version, sizeof(f.vbios_version), "%s", d->vbios_version);
        memcpy(f.pdi, d->pdi, sizeof(f.pdi));
        return f;
}

static void test_true_words(void) {
        static const SimModel *const models[] = { one_hopper, one_blackwell, one_switch };

        for (size_t i = 0; i < ELEMENTSOF(models); i++) {
                _cleanup_(trial_freep) Trial *s = trial_new(models[i]);
                DeviceFacts told = facts_of(s->devices[0]);

                s->told[0] = &told;
                CHECK_EQ(trial_judge(s), EXIT_ACCEPTED);
                CHECK_EQ(trial_check(s, 0, CHECK_TOLD)->state, CHECK_PASSED);
                s->told[0] = NULL;
                CHECK_EQ(trial_judge(s), EXIT_ACCEPTED);
                CHECK_EQ(trial_check(s, 0, CHECK_TOLD)->state, CHECK_OFF);
        }
}

/* NVML spells it in either case, and older drivers have no PDI to tell. */
static void test_other_spellings(void) {
        _cleanup_(trial_freep) Trial *s = trial_new(one_hopper);
        DeviceFacts told = facts_of(s->devices[0]);

        s->told[0] = &told;
        sim_device_set_vbios_version(s->devices[0], "96.00.9F.00.0A");
        for (int kind = SIM_RIM_DRIVER; kind <= SIM_RIM_VBIOS; kind++) {
                (void) sim_rim_free(s->rims[0][kind]);
                s->rims[0][kind] = sim_rim_new(s->devices[0], (SimRimKind) kind);
        }
        (void) snprintf(told.vbios_version, sizeof(told.vbios_version), "96.00.9f.00.0a");
        CHECK_EQ(trial_judge(s), EXIT_ACCEPTED);
        told.have_pdi = false;
        memset(told.pdi, 0, sizeof(told.pdi));
        CHECK_EQ(trial_judge(s), EXIT_ACCEPTED);
}

static void lie_driver(DeviceFacts *f) {
        (void) snprintf(f->driver_version, sizeof(f->driver_version), "550.00");
}

static void lie_vbios(DeviceFacts *f) {
        (void) snprintf(f->vbios_version, sizeof(f->vbios_version), "96.00.00.00.00");
}

static void say_nothing(DeviceFacts *f) {
        *f->driver_version = *f->vbios_version = 0;
}

static void lie_arch(DeviceFacts *f) {
        f->arch = f->arch == ARCH_HOPPER ? ARCH_BLACKWELL : ARCH_HOPPER;
}

static void unknown_arch(DeviceFacts *f) {
        f->arch = _ARCH_INVALID;
}

static void lie_pdi(DeviceFacts *f) {
        f->pdi[7] ^= 1;
}

static void test_lies(void) {
        static const struct {
                void (*lie)(DeviceFacts *f);
                const SimModel *models;
                const char *what;
        } cases[] = {
                { lie_driver,   one_hopper,    "driver version that the driver says" },
                { lie_vbios,    one_hopper,    "VBIOS version that the driver says"  },
                { say_nothing,  one_hopper,    "driver version that the driver says" },
                { lie_arch,     one_hopper,    "architecture that the driver says"   },
                { lie_arch,     one_blackwell, "architecture that the driver says"   },
                { unknown_arch, one_blackwell, "architecture that the driver says"   },
                { lie_pdi,      one_hopper,    "PDI that the driver says"            },
                { lie_arch,     one_switch,    "architecture that the driver says"   },
        };

        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                _cleanup_(trial_freep) Trial *s = trial_new(cases[i].models);
                DeviceFacts told = facts_of(s->devices[0]);
                _cleanup_free_ char *failed = NULL;

                cases[i].lie(&told);
                s->told[0] = &told;
                CHECK_EQ(trial_judge(s), EXIT_REFUSED);
                failed = trial_failed_checks(s, 0);
                CHECK_STR(failed, "driver-agrees");
                CHECK_STR(trial_check(s, 0, CHECK_TOLD)->fault.what, cases[i].what);
        }
}

static const Test tests[] = {
        { "what is true is accepted, and so is silence",   test_true_words      },
        { "either case of letters, with or without a PDI", test_other_spellings },
        { "each lie refuses, alone and by name",           test_lies            },
};

int main(void) {
        if (rim_library_init() < 0)
                return 1;
        return test_run_all(tests, ELEMENTSOF(tests));
}
