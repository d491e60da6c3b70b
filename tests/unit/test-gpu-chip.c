/* SPDX-License-Identifier: Apache-2.0 */

#include "gpu/registers.h"

#include "gpu-scene.h"
#include "test.h"

static void test_device_ids(void) {
        static const struct {
                uint16_t id;
                const char *chip; /* NULL: none */
                ChipArch arch;
                uint32_t boot_status;
        } cases[] = {
                { 0x22ef, NULL,    0,              0        }, { 0x22f0, "gh100", CHIP_HOPPER,    0x200bc  },
                { 0x2331, "gh100", CHIP_HOPPER,    0x200bc  }, { 0x237f, "gh100", CHIP_HOPPER,    0x200bc  },
                { 0x2380, NULL,    0,              0        }, { 0x28ff, NULL,    0,              0        },
                { 0x2900, "gb100", CHIP_BLACKWELL, 0x200bc  }, { 0x297f, "gb100", CHIP_BLACKWELL, 0x200bc  },
                { 0x2980, "gb102", CHIP_BLACKWELL, 0x200bc  }, { 0x29ff, "gb102", CHIP_BLACKWELL, 0x200bc  },
                { 0x2a00, NULL,    0,              0        }, { 0x3180, "gb110", CHIP_BLACKWELL, 0x200bc  },
                { 0x31ff, "gb110", CHIP_BLACKWELL, 0x200bc  }, { 0x3200, "gb112", CHIP_BLACKWELL, 0x200bc  },
                { 0x327f, "gb112", CHIP_BLACKWELL, 0x200bc  }, { 0x3280, NULL,    0,              0        },
                { 0x2b80, "gb202", CHIP_BLACKWELL, 0xad00bc }, { 0x2bff, "gb202", CHIP_BLACKWELL, 0xad00bc },
                { 0x2c00, "gb203", CHIP_BLACKWELL, 0xad00bc }, { 0x2f00, "gb205", CHIP_BLACKWELL, 0xad00bc },
                { 0x2d00, "gb206", CHIP_BLACKWELL, 0xad00bc }, { 0x2d80, "gb207", CHIP_BLACKWELL, 0xad00bc },
                { 0x2dff, "gb207", CHIP_BLACKWELL, 0xad00bc }, { 0x2e00, NULL,    0,              0        },
                { 0x20b0, NULL,    0,              0        }, { 0x0000, NULL,    0,              0        },
                { 0xffff, NULL,    0,              0        },
        };

        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                const Chip *c = chip_from_device_id(cases[i].id);

                CHECK_EQ(!c, !cases[i].chip);
                if (!c || !cases[i].chip)
                        continue;
                CHECK_STR(c->name, cases[i].chip);
                CHECK_EQ(c->arch, cases[i].arch);
                CHECK_EQ(c->registers->boot_status, cases[i].boot_status);
                CHECK(!chip_is_switch(c));
        }
}

static void test_switches(void) {
        const Chip *c = chip_from_boot_0(0x007000a1);

        CHECK(c && chip_is_switch(c));
        if (c)
                CHECK_STR(c->name, "ls10");
        c = chip_from_boot_0(0x006000a1);
        CHECK(c && c->transport == CHIP_FSP_NONE);
        CHECK(!chip_from_boot_0(0x180000a1));
        CHECK(!chip_from_boot_0(0x007000a2));
        CHECK(!chip_from_boot_0(0));
}

static void test_boards(void) {
        CHECK_STR(chip_product(0x2331), "H100");
        CHECK_STR(chip_product(0x2342), "GH200");
        CHECK_STR(chip_product(0x2941), "GB200");
        CHECK(!chip_product(0x2bb1));
        CHECK_EQ(chip_board(0x2331, 0x1626), CHIP_BOARD_PCIE);
        CHECK_EQ(chip_board(0x2330, 0x20c1), CHIP_BOARD_SXM | CHIP_BOARD_FLIP);
        CHECK_EQ(chip_board(0x2342, 0x1937), CHIP_BOARD_SXM | CHIP_BOARD_C2C);
        CHECK_EQ(chip_board(0x2941, 0x0000), CHIP_BOARD_SXM | CHIP_BOARD_C2C);
        CHECK_EQ(chip_board(0x29bc, 0x1985), CHIP_BOARD_SXM);
        CHECK_EQ(chip_board(0x29bc, 0x2045), CHIP_BOARD_SXM | CHIP_BOARD_C2C);
        CHECK_EQ(chip_board(0x293d, 0x197f), CHIP_BOARD_SXM);
        CHECK_EQ(chip_board(0x293d, 0x18b6), CHIP_BOARD_PCIE);
        CHECK_EQ(chip_board(0x2331, 0x0000), 0);
        CHECK_EQ(chip_board(0x0000, 0x0000), 0);
}

static void test_open(void) {
        static const struct {
                SimGpuKind kind;
                const char *chip, *name;
                uint32_t boot_0;
                bool dvsec;
        } cases[] = {
                { SIM_GPU_HOPPER, "gh100", "H100",          0x180000a1, false },
                { SIM_GPU_GB100,  "gb100", "B200",          0x1a0000a1, true  },
                { SIM_GPU_GB202,  "gb202", "Generic-GB202", 0x1b2000a1, true  },
                { SIM_GPU_LS10,   "ls10",  "NVSwitch_gen3", 0x007000a1, false },
        };
        char name[32];

        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                GpuScene s;

                CHECK_EQ(gpu_scene_open(&s, cases[i].kind), 0);
                CHECK_STR(s.gpu.chip->name, cases[i].chip);
                CHECK_STR(gpu_name(&s.gpu, name), cases[i].name);
                CHECK_EQ(s.gpu.boot_0, cases[i].boot_0);
                CHECK_EQ(s.gpu.dvsec != 0, cases[i].dvsec);
                CHECK_EQ(s.gpu.subsystem_vendor, 0x10de);
                CHECK_EQ(sim_gpu_config_read(s.access->sim, 4, 2) & 2, 2);
                CHECK_EQ(sim_gpu_violations(s.access->sim), 0);
                gpu_scene_close(&s);
        }
}

/* Order of the first accesses: nothing in BAR0 before the device is awake and decodes. */
static void test_open_trace(void) {
        _cleanup_free_ char *log = NULL;
        uint64_t clock = 0;
        SimAccess *a = sim_access_new(SIM_GPU_HOPPER, &clock);
        Gpu g;

        CHECK_EQ(gpu_open(&sim_access_ops, a, &g, NULL), 0);
        log = sim_access_take_log(a);
        CHECK(strncmp(log, "CR 000=233110de\nCR 008=030200a1\nCR 02c=162610de\nCR 0f0=00000000\n", 64) == 0);
        CHECK(strstr(log, "CW 004=0002\n"));
        CHECK(strstr(log, "R 000000=180000a1\nW 12004c=00000004\nW 122204=00000002\n"));
        CHECK(strstr(log, "CW 004") < strstr(log, "R 000000"));
        sim_access_free(a);
}

/* A device as it is before it is opened. */
static int open_faulty(SimGpuKind kind, const char *fault, Fault *ret_fault, uint64_t *ret_clock) {
        uint64_t clock = 0;
        SimAccess *a = sim_access_new(kind, &clock);
        Gpu g;
        int r;

        CHECK_EQ(sim_gpu_fault(a->sim, fault), 0);
        r = gpu_open(&sim_access_ops, a, &g, ret_fault);
        sim_access_free(a);
        if (ret_clock)
                *ret_clock = clock;
        return r;
}

static void test_open_faults(void) {
        static const struct {
                SimGpuKind kind;
                const char *fault;
                int error;
                const char *what, *found;
        } cases[] = {
                { SIM_GPU_HOPPER, "unplug", -ENODEV, "identify: configuration space", "gone or its link is down" },
                { SIM_GPU_HOPPER, "config-dead", -ENODEV, "identify: configuration space", "0xffffffff" },
                { SIM_GPU_HOPPER, "bar0-ones", -ENODEV, "identify: chip (0x0)", "BAR0 does not" },
                { SIM_GPU_HOPPER, "bar0-badf", -EIO, "identify: chip (0x0)", "0xbadf5108" },
                { SIM_GPU_HOPPER, "security-fault=0x40", -EIO, "identify: chip (0x0)", "cause 0x00000040" },
                { SIM_GPU_GB100, "security-fault=0x80", -EIO, "identify: chip (0x0)", "cause 0x00000080" },
                { SIM_GPU_LS10, "security-fault", -EIO, "identify: chip (0x0)", "a security fault; only a power cycle" },
                { SIM_GPU_HOPPER, "sleeps-on", 0, NULL, NULL },
                { SIM_GPU_HOPPER, "asleep", 0, NULL, NULL },
                { SIM_GPU_HOPPER, "capability-loop", 0, NULL, NULL },
                { SIM_GPU_GB100, "capability-loop", 0, NULL, NULL },
                { SIM_GPU_GB100, "no-firewall-bit", 0, NULL, NULL },
                { SIM_GPU_GB100, "firewall-stuck", -ETIMEDOUT, "identify: BAR0 firewall (configuration 0xaf8)", "still up" },
                { SIM_GPU_LS10, "register-ones=0", -ENODEV, "identify: chip (0x0)", "0xffffffff" },
                { SIM_GPU_LS10, "bar0-badf", -EIO, "identify: chip (0x0)", "0xbadf5108" },
        };

        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                Fault f = {};

                CHECK_EQ(open_faulty(cases[i].kind, cases[i].fault, &f, NULL), cases[i].error);
                if (!cases[i].what)
                        continue;
                CHECK_STR(f.what, cases[i].what);
                if (!strstr(f.found, cases[i].found))
                        CHECK_STR(f.found, cases[i].found);
        }
}

static void test_does_not_wake_up(void) {
        uint64_t clock = 0;
        SimAccess *a = sim_access_new(SIM_GPU_HOPPER, &clock);
        Fault f = {};
        Gpu g;

        CHECK_EQ(sim_gpu_fault(a->sim, "asleep"), 0);
        CHECK_EQ(sim_gpu_fault(a->sim, "sleeps-on"), 0);
        CHECK_EQ(gpu_open(&sim_access_ops, a, &g, &f), -EIO);
        CHECK_STR(f.what, "identify: power state");
        CHECK_STR(f.found, "D3");
        sim_gpu_heal(a->sim);
        CHECK_EQ(gpu_open(&sim_access_ops, a, &g, &f), 0);
        CHECK_STR((const char *) a->notes.data, "was in power state D3, woken up\nwas in power state D3, woken up\n");
        sim_access_free(a);
}

/* Without the capability the only sign is BAR0 itself; a firewall that goes down late is waited for. */
static void test_firewall(void) {
        uint64_t clock = 0, waited;
        SimAccess *a;
        Fault f = {};
        Gpu g;

        a = sim_access_new(SIM_GPU_GB100, &clock);
        CHECK_EQ(sim_gpu_fault(a->sim, "no-firewall-bit"), 0);
        CHECK_EQ(sim_gpu_fault(a->sim, "bar0-ones"), 0);
        CHECK_EQ(gpu_open(&sim_access_ops, a, &g, &f), -ENODEV);
        CHECK(clock >= 3 * USEC_PER_SEC && clock < 4 * USEC_PER_SEC);
        sim_access_free(a);

        clock = 0;
        a = sim_access_new(SIM_GPU_GB202, &clock);
        sim_gpu_set_times(a->sim, &(SimGpuTimes){ .firewall = 4900000 });
        sim_gpu_reset(a->sim, false);
        CHECK_EQ(gpu_open(&sim_access_ops, a, &g, &f), 0);
        CHECK(clock >= 4900000 && clock < 4920000);
        sim_access_free(a);

        CHECK_EQ(open_faulty(SIM_GPU_GB100, "firewall-stuck", &f, &waited), -ETIMEDOUT);
        CHECK(waited >= 5 * USEC_PER_SEC && waited < 5 * USEC_PER_SEC + 20 * USEC_PER_MSEC);
}

/* A device of another kind with the ids given. */
static int config_of(void *userdata, uint32_t offset, uint32_t *ret) {
        const uint32_t *ids = userdata;

        *ret = offset == 0 ? ids[0] : offset == 8 ? ids[1] : 0;
        return 0;
}

static uint64_t no_time(void *userdata) {
        return 0;
}

static int read_nothing(void *userdata, uint32_t offset, uint32_t *ret) {
        const uint32_t *ids = userdata;

        *ret = ids[2];
        return 0;
}

static int write_nothing(void *userdata, uint32_t offset, uint16_t value) {
        return 0;
}

static void test_no_gpu(void) {
        static const GpuOps ops = { .read32 = read_nothing, .config_read32 = config_of,
                                    .config_write16 = write_nothing, .now_usec = no_time };
        static struct {
                uint32_t ids[3];
                int error;
                const char *found;
        } cases[] = {
                { { 0x12341002, 0x03000000, 0          }, -EOPNOTSUPP, "1002:1234"                       },
                { { 0x233110de, 0x02000000, 0          }, -EOPNOTSUPP, "10de:2331, class 020000"         },
                { { 0x20b010de, 0x03020000, 0          }, -EOPNOTSUPP, "10de:20b0, class 030200"         },
                { { 0x22e810de, 0x04030000, 0          }, -EOPNOTSUPP, "10de:22e8, class 040300"         },
                { { 0x1af110de, 0x06800000, 0x006000a1 }, -EOPNOTSUPP, "0x006000a1, which is lr10"       },
                { { 0x22a310de, 0x06800000, 0x12345678 }, -EOPNOTSUPP, "0x12345678"                      },
                { { 0xffffffff, 0xffffffff, 0          }, -ENODEV,     "ids 0xffffffff, 0xf0 reads 0x00000000: it is gone "
                                                                       "or its link is down"             },
        };

        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                Fault f = {};
                Gpu g;

                CHECK_EQ(gpu_open(&ops, cases[i].ids, &g, &f), cases[i].error);
                CHECK_STR(f.found, cases[i].found);
        }
}

/* What the accessor says is handed on. */
static void test_accessor_fails(void) {
        uint64_t clock = 0;
        SimAccess *a = sim_access_new(SIM_GPU_HOPPER, &clock);
        Fault f = {};
        Gpu g;

        a->access_error = -EPIPE;
        CHECK_EQ(gpu_open(&sim_access_ops, a, &g, &f), -EPIPE);
        CHECK_STR(f.what, "identify: chip (0x0)");
        CHECK_STR(f.found, "Broken pipe");
        a->access_error = 0;
        a->refuse_step = GPU_STEP_IDENTIFY;
        a->refuse_error = -ENOSPC;
        CHECK_EQ(gpu_open(&sim_access_ops, a, &g, &f), -ENOSPC);
        CHECK_STR(f.what, "identify: before it began");
        sim_access_free(a);
}

static const Test tests[] = {
        { "device ids",                         test_device_ids       },
        { "switches",                           test_switches         },
        { "products and boards",                test_boards           },
        { "each simulated device opens",        test_open             },
        { "the order of opening",               test_open_trace       },
        { "faults while opening",               test_open_faults      },
        { "a device that does not wake up",     test_does_not_wake_up },
        { "the BAR0 firewall",                  test_firewall         },
        { "what is no GPU",                     test_no_gpu           },
        { "an accessor that fails",             test_accessor_fails   },
};

TEST_MAIN(tests)
