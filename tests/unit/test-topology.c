/* SPDX-License-Identifier: Apache-2.0 */

/* What several devices must be together: one mode, and one machine. */

#include "breaks.h"
#include "test.h"

static const SimModel one_hopper[] = { SIM_MODEL_HOPPER, _SIM_MODEL_INVALID };
static const SimModel two_hoppers[] = { SIM_MODEL_HOPPER, SIM_MODEL_HOPPER, _SIM_MODEL_INVALID };
static const SimModel one_switch[] = { SIM_MODEL_LS10, _SIM_MODEL_INVALID };

static void set_flag(SimDevice *d, uint8_t flag) {
        sim_entry_replace(d, 36, (uint8_t[]){ flag, 0 }, 2);
}

/* 0 is single-GPU and 1 multi-GPU CC; what counts is that they are never mixed. */
static void hole_13_modes_are_not_mixed(void) {
        _cleanup_(trial_freep) Trial *mixed = trial_new(two_hoppers), *same = trial_new(two_hoppers),
                                      *unknown = trial_new(one_hopper), *contradiction = trial_new(one_hopper);

        set_flag(mixed->devices[1], 1);
        CHECK_EQ(trial_judge(mixed), EXIT_REFUSED);
        CHECK_EQ(trial_check(mixed, 1, CHECK_MODE)->state, CHECK_FAILED);

        set_flag(same->devices[0], 1);
        set_flag(same->devices[1], 1);
        CHECK_EQ(trial_judge(same), EXIT_ACCEPTED);
        CHECK_STR(trial_check(same, 0, CHECK_MODE)->fault.found, "multi-GPU CC");

        set_flag(unknown->devices[0], 3);
        CHECK_EQ(trial_judge(unknown), EXIT_REFUSED);

        set_flag(contradiction->devices[0], 2); /* while entry 21 says that protected PCIe is off */
        CHECK_EQ(trial_judge(contradiction), EXIT_REFUSED);
        CHECK_EQ(trial_check(contradiction, 0, CHECK_MODE)->state, CHECK_FAILED);
}

static const SimModel machine[] = {
        SIM_MODEL_HOPPER_PPCIE, SIM_MODEL_HOPPER_PPCIE, SIM_MODEL_LS10, SIM_MODEL_LS10, _SIM_MODEL_INVALID,
};

static void hole_16_topology_is_bound_to_certificates(void) {
        _cleanup_(trial_freep) Trial *good = trial_new(machine), *foreign = trial_new(machine);
        SimOpaqueEntry *entry;

        CHECK_EQ(trial_judge(good), EXIT_ACCEPTED);
        CHECK_EQ(trial_check(good, 0, CHECK_TOPOLOGY)->state, CHECK_PASSED);
        CHECK_EQ(trial_check(good, 2, CHECK_TOPOLOGY)->state, CHECK_PASSED);

        entry = sim_entry_find(foreign->devices[0], 22);
        entry->value[0] ^= 1;
        CHECK_EQ(trial_judge(foreign), EXIT_REFUSED);
        CHECK_EQ(trial_check(foreign, 0, CHECK_TOPOLOGY)->state, CHECK_FAILED);
        CHECK_EQ(trial_check(foreign, 1, CHECK_TOPOLOGY)->state, CHECK_PASSED);
        CHECK_EQ(trial_check(foreign, 2, CHECK_TOPOLOGY)->state, CHECK_PASSED);
}

static void hole_16_switch_names_itself(void) {
        _cleanup_(trial_freep) Trial *s = trial_new(one_switch);

        sim_entry_find(s->devices[0], 22)->value[0] ^= 1;
        CHECK_EQ(trial_judge(s), EXIT_REFUSED);
        CHECK_EQ(trial_check(s, 0, CHECK_IDENTITY)->state, CHECK_FAILED);
}

static void hole_16_unlocked_switch(void) {
        _cleanup_(trial_freep) Trial *s = trial_new(one_switch);

        sim_entry_replace(s->devices[0], 25, (uint8_t[]){ 0, 0 }, 2);
        CHECK_EQ(trial_judge(s), EXIT_REFUSED);
        CHECK_EQ(trial_check(s, 0, CHECK_MODE)->state, CHECK_FAILED);
}

/* The number of the first switch among the machine's devices. */
enum { GPU = 0, SWITCH = 2 };

/* A GPU spells a switch's PDI backwards. */
static void name_switch(Trial *s, size_t gpu, size_t link, const uint8_t pdi[static SIM_PDI_SIZE]) {
        uint8_t *at = &sim_entry_find(s->devices[gpu], 22)->value[link * SIM_PDI_SIZE];

        for (size_t i = 0; i < SIM_PDI_SIZE; i++)
                at[i] = pdi[SIM_PDI_SIZE - 1 - i];
}

static uint8_t *gpu_of_switch(Trial *s, size_t device, size_t n) {
        return &sim_entry_find(s->devices[device], 26)->value[n * SIM_PDI_SIZE];
}

static const uint8_t stranger[SIM_PDI_SIZE] = { 0x13, 0x37, 1, 2, 3, 4, 5, 6 };

/* One link more than it should have leads to a switch that nobody attested; the rest are good. */
static void add_switch(Trial *s) {
        name_switch(s, GPU, 17, stranger);
}

static void forget_switch(Trial *s) {
        for (size_t link = 0; link < 18; link++)
                name_switch(s, GPU, link, s->devices[SWITCH]->pdi);
}

/* As many as there should be, and one of them another. */
static void replace_switch(Trial *s) {
        for (size_t link = 1; link < 18; link += 2)
                name_switch(s, GPU, link, stranger);
}

static void forget_all_switches(Trial *s) {
        memset(sim_entry_find(s->devices[GPU], 22)->value, 0, 18 * SIM_PDI_SIZE);
}

static void add_gpu(Trial *s) {
        memcpy(gpu_of_switch(s, SWITCH, 7), stranger, SIM_PDI_SIZE);
}

static void forget_gpu(Trial *s) {
        memset(gpu_of_switch(s, SWITCH, 1), 0, SIM_PDI_SIZE);
}

static void replace_gpu(Trial *s) {
        memcpy(gpu_of_switch(s, SWITCH, 1), stranger, SIM_PDI_SIZE);
}

static void forget_all_gpus(Trial *s) {
        memset(gpu_of_switch(s, SWITCH, 0), 0, 8 * SIM_PDI_SIZE);
}

static void spell_switch_forwards(Trial *s) {
        for (size_t link = 0; link < 18; link++)
                memcpy(&sim_entry_find(s->devices[GPU], 22)->value[link * SIM_PDI_SIZE],
                       s->devices[SWITCH + link % 2]->pdi, SIM_PDI_SIZE);
}

/* The device that does not name exactly the others is refused, and no other. */
static void test_each_names_exactly_the_others(void) {
        static const struct {
                void (*break_it)(Trial *s);
                size_t device;
        } cases[] = {
                { add_switch, GPU },    { forget_switch, GPU }, { replace_switch, GPU }, { forget_all_switches, GPU },
                { add_gpu, SWITCH },    { forget_gpu, SWITCH }, { replace_gpu, SWITCH }, { forget_all_gpus, SWITCH },
                { spell_switch_forwards, GPU },
        };

        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                _cleanup_(trial_freep) Trial *s = trial_new(machine);

                cases[i].break_it(s);
                CHECK_EQ(trial_judge(s), EXIT_REFUSED);
                for (size_t k = 0; k < s->n_devices; k++) {
                        _cleanup_free_ char *failed = trial_failed_checks(s, k);

                        CHECK_STR(failed, k == cases[i].device ? "topology" : "");
                }
        }
}

/* A link that is off is no switch, and the order of links means nothing. */
static void test_links_that_are_off(void) {
        _cleanup_(trial_freep) Trial *s = trial_new(machine);

        for (size_t link = 0; link < 16; link++)
                memset(&sim_entry_find(s->devices[GPU], 22)->value[link * SIM_PDI_SIZE], 0, SIM_PDI_SIZE);
        CHECK_EQ(trial_judge(s), EXIT_ACCEPTED);
        memcpy(gpu_of_switch(s, SWITCH, 6), s->devices[0]->pdi, SIM_PDI_SIZE);
        memset(gpu_of_switch(s, SWITCH, 0), 0, SIM_PDI_SIZE);
        CHECK_EQ(trial_judge(s), EXIT_ACCEPTED);
}

/* A switch that was attested, and that no GPU names. */
static void test_switch_that_nobody_names(void) {
        static const SimModel more[] = {
                SIM_MODEL_HOPPER_PPCIE, SIM_MODEL_HOPPER_PPCIE, SIM_MODEL_LS10, SIM_MODEL_LS10, SIM_MODEL_LS10,
                _SIM_MODEL_INVALID,
        };
        _cleanup_(trial_freep) Trial *s = trial_new(more);

        CHECK_EQ(trial_judge(s), EXIT_ACCEPTED);
        sim_machine_connect(s->devices, 4);
        CHECK_EQ(trial_judge(s), EXIT_REFUSED);
        for (size_t i = 0; i < 4; i++)
                CHECK_EQ(trial_check(s, i, CHECK_TOPOLOGY)->state, i < SWITCH ? CHECK_FAILED : CHECK_PASSED);
}

/* A device whose own identity is in doubt vouches for nobody. */
static void test_identity_comes_first(void) {
        _cleanup_(trial_freep) Trial *s = trial_new(machine);

        break_identity(s);
        CHECK_EQ(trial_judge(s), EXIT_REFUSED);
        CHECK_EQ(trial_check(s, 0, CHECK_IDENTITY)->state, CHECK_FAILED);
        CHECK_EQ(trial_check(s, SWITCH, CHECK_TOPOLOGY)->state, CHECK_FAILED);
}

/* What the devices of one kind name cannot be held against the others' certificates, but against each other. */
static void test_one_kind_alone(void) {
        static const SimModel kinds[][3] = {
                { SIM_MODEL_HOPPER_PPCIE, SIM_MODEL_HOPPER_PPCIE, _SIM_MODEL_INVALID },
                { SIM_MODEL_LS10, SIM_MODEL_LS10, _SIM_MODEL_INVALID },
        };

        for (size_t i = 0; i < ELEMENTSOF(kinds); i++) {
                _cleanup_(trial_freep) Trial *s = trial_new(kinds[i]);

                CHECK_EQ(trial_judge(s), EXIT_ACCEPTED);
                CHECK_EQ(trial_check(s, 0, CHECK_TOPOLOGY)->state, CHECK_OFF);
                CHECK_EQ(trial_check(s, 1, CHECK_TOPOLOGY)->state, CHECK_OFF);
                memcpy(sim_entry_find(s->devices[1], i == 0 ? 22 : 26)->value, stranger, SIM_PDI_SIZE);
                CHECK_EQ(trial_judge(s), EXIT_REFUSED);
                CHECK_EQ(trial_check(s, 0, CHECK_TOPOLOGY)->state, CHECK_FAILED);
                CHECK_EQ(trial_check(s, 1, CHECK_TOPOLOGY)->state, CHECK_FAILED);
        }
}

static void test_switches_at_one_position(void) {
        _cleanup_(trial_freep) Trial *s = trial_new(machine);

        sim_entry_replace(s->devices[SWITCH + 1], 24, sim_entry_find(s->devices[SWITCH], 24)->value, 2);
        CHECK_EQ(trial_judge(s), EXIT_REFUSED);
        CHECK_STR(trial_check(s, SWITCH, CHECK_TOPOLOGY)->fault.what, "switch position");
        CHECK_STR(trial_check(s, SWITCH + 1, CHECK_TOPOLOGY)->fault.what, "switch position");
        CHECK_EQ(trial_check(s, GPU, CHECK_TOPOLOGY)->state, CHECK_PASSED);
}

/* Every field that these checks live on must be there. */
static void test_fields_that_are_missing(void) {
        static const SimModel ppcie[] = { SIM_MODEL_HOPPER_PPCIE, _SIM_MODEL_INVALID };
        static const struct {
                const SimModel *models;
                unsigned type;
                const char *check;
        } cases[] = {
                { one_switch, 22, "device-identity" },
                { one_switch, 25, "mode"            },
                { one_switch, 26, "topology"        },
                { ppcie,      22, "topology"        },
        };

        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                _cleanup_(trial_freep) Trial *s = trial_new(cases[i].models);
                _cleanup_free_ char *failed = NULL;

                sim_entry_remove(s->devices[0], cases[i].type);
                CHECK_EQ(trial_judge(s), EXIT_REFUSED);
                failed = trial_failed_checks(s, 0);
                CHECK_STR(failed, cases[i].check);
        }
}

/* Firmware without a flag is in no mode that has a name, and so in none that could be mixed with another. */
static void test_mode_without_a_flag(void) {
        static const SimModel mixed[] = { SIM_MODEL_HOPPER, SIM_MODEL_HOPPER_550, _SIM_MODEL_INVALID };
        static const SimModel ppcie[] = { SIM_MODEL_HOPPER_PPCIE, _SIM_MODEL_INVALID };
        _cleanup_(trial_freep) Trial *s = trial_new(mixed), *old = trial_new(ppcie), *strange = trial_new(ppcie);

        CHECK_EQ(trial_judge(s), EXIT_REFUSED);
        CHECK_EQ(trial_check(s, 0, CHECK_MODE)->state, CHECK_PASSED);
        CHECK_EQ(trial_check(s, 1, CHECK_MODE)->state, CHECK_FAILED);

        sim_entry_remove(old->devices[0], 36);
        CHECK_EQ(trial_judge(old), EXIT_ACCEPTED);
        CHECK_STR(trial_check(old, 0, CHECK_MODE)->fault.found, "protected PCIe");

        sim_entry_replace(strange->devices[0], 21, "\xab", 1);
        CHECK_EQ(trial_judge(strange), EXIT_REFUSED);
        CHECK_EQ(trial_check(strange, 0, CHECK_MODE)->state, CHECK_FAILED);
}

static const Test tests[] = {
        { "hole 13: modes are not mixed",                   hole_13_modes_are_not_mixed               },
        { "hole 16: topology is bound to the certificates", hole_16_topology_is_bound_to_certificates },
        { "hole 16: a switch names itself",                 hole_16_switch_names_itself               },
        { "hole 16: an unlocked switch",                    hole_16_unlocked_switch                   },
        { "each device names exactly the others",           test_each_names_exactly_the_others        },
        { "links that are off, in any order",               test_links_that_are_off                   },
        { "a switch that nobody names",                     test_switch_that_nobody_names             },
        { "who is not known vouches for nobody",            test_identity_comes_first                 },
        { "one kind of device alone",                       test_one_kind_alone                       },
        { "two switches at one position",                   test_switches_at_one_position             },
        { "fields that are missing",                        test_fields_that_are_missing              },
        { "modes of firmware without a flag",               test_mode_without_a_flag                  },
};

int main(void) {
        if (rim_library_init() < 0)
                return 1;
        return test_run_all(tests, ELEMENTSOF(tests));
}
