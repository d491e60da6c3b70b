/* SPDX-License-Identifier: Apache-2.0 */

#include <errno.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "attest/pci.h"
#include "attest/publish.h"
#include "basic/io.h"
#include "test.h"

/* A directory that stands for /. */
typedef struct Machine {
        char root[40];
} Machine;

static void shell(const Machine *m, const char *command) {
        _cleanup_free_ char *text = NULL;

        CHECK(asprintf(&text, "cd '%s' && { %s; }", m->root, command) > 0);
        CHECK_EQ(system(text), 0);
}

static void machine_init(Machine *m) {
        *m = (Machine){ .root = "/tmp/cocoon-pci-XXXXXX" };
        CHECK(mkdtemp(m->root));
        shell(m, "mkdir -p sys/bus/pci/devices");
}

static void machine_done(Machine *m) {
        shell(m, "rm -rf \"$PWD\"");
}

static void add(const Machine *m, const char *address, const char *vendor, const char *class) {
        _cleanup_free_ char *command = NULL;

        CHECK(asprintf(&command, "mkdir -p sys/bus/pci/devices/%s && cd sys/bus/pci/devices/%s && echo %s >vendor && "
                                 "echo %s >class", address, address, vendor, class) > 0);
        shell(m, command);
}

static void test_counts(void) {
        _cleanup_(machine_done) Machine m;
        PciCensus c;
        Fault f;

        machine_init(&m);
        CHECK_EQ(pci_count_nvidia(m.root, &c, &f), 0);
        CHECK_EQ(c.gpus + c.switches + c.others, 0);
        add(&m, "0000:00:01.0", "0x1234", "0x030000");
        CHECK_EQ(pci_count_nvidia(m.root, &c, &f), 0);
        CHECK_EQ(c.gpus + c.switches + c.others, 0);
        CHECK_STR(c.first, "");
        add(&m, "0000:01:00.0", "0x10de", "0x030200");
        CHECK_EQ(pci_count_nvidia(m.root, &c, &f), 0);
        CHECK_EQ(c.gpus, 1);
        CHECK_STR(c.first, "0000:01:00.0");
        add(&m, "0001:02:00.0", "0x10de", "0x030000");
        add(&m, "0001:03:00.0", "0x10DE", "0x068000");
        CHECK_EQ(pci_count_nvidia(m.root, &c, &f), 0);
        CHECK_EQ(c.gpus, 2);
        CHECK_EQ(c.switches, 1);
        CHECK_EQ(c.others, 0);
        add(&m, "0001:02:00.1", "0x10de", "0x040300");
        CHECK_EQ(pci_count_nvidia(m.root, &c, &f), 0);
        CHECK_EQ(c.gpus, 2);
        CHECK_EQ(c.others, 1);
}

static void test_unreadable(void) {
        static const struct {
                const char *command;
                int error;
        } cases[] = {
                { "rm -r sys",                                                          -ENOENT  },
                { "rm -r sys/bus/pci/devices; : >sys/bus/pci/devices",                  -ENOTDIR },
                { "rm sys/bus/pci/devices/0000:01:00.0/vendor",                         -ENOENT  },
                { "rm sys/bus/pci/devices/0000:01:00.0/class",                          -ENOENT  },
                { ": >sys/bus/pci/devices/0000:01:00.0/vendor",                         -EBADMSG },
                { "echo x >sys/bus/pci/devices/0000:01:00.0/vendor",                    -EBADMSG },
                { "printf 0x10de >sys/bus/pci/devices/0000:01:00.0/vendor",             -EBADMSG },
                { "cd sys/bus/pci/devices/0000:01:00.0; rm class; mkdir class",         -EISDIR  },
                { "cd sys/bus/pci/devices/0000:01:00.0; rm class; mkfifo class",        -EINVAL  },
        };

        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                _cleanup_(machine_done) Machine m;
                PciCensus c;
                Fault f = {};

                machine_init(&m);
                add(&m, "0000:01:00.0", "0x10de", "0x030200");
                shell(&m, cases[i].command);
                CHECK_EQ(pci_count_nvidia(m.root, &c, &f), cases[i].error);
                CHECK_STR(f.what, "PCI bus");
        }
}

static void test_publish(void) {
        _cleanup_(machine_done) Machine m;
        Fault f;

        machine_init(&m);
        CHECK_EQ(publish_withdraw(m.root, &f), 0);
        CHECK_EQ(publish_file(m.root, PUBLISHED_EAT, "x", 1, &f), -ENOENT);
        shell(&m, "mkdir run");
        for (PublishedFile i = 0; i < _PUBLISHED_MAX; i++)
                CHECK_EQ(publish_file(m.root, i, "x", 1, &f), 0);
        shell(&m, "test \"$(ls run/cocoon | wc -l)\" = 4 && test \"$(stat -c %a run/cocoon/gpu-attestation.eat)\" = 644");
        shell(&m, "touch run/cocoon/model.json run/cocoon/rtmr3.log run/cocoon/gpu-attestation.eat.Ab3xYz "
                  "run/cocoon/gpu-attestation.jsonx");
        CHECK_EQ(publish_withdraw(m.root, &f), 0);
        shell(&m, "test \"$(echo $(ls run/cocoon))\" = 'gpu-attestation.jsonx model.json rtmr3.log'");
        /* What cannot be removed is told, and the rest removed. */
        shell(&m, "mkdir run/cocoon/gpu-attestation.eat; touch run/cocoon/gpu-evidence.json");
        CHECK_EQ(publish_withdraw(m.root, &f), -EISDIR);
        shell(&m, "test ! -e run/cocoon/gpu-evidence.json");
}

static const Test tests[] = {
        { "GPUs, switches and others are counted by themselves", test_counts     },
        { "what cannot be looked at is not absent",             test_unreadable },
        { "files of a passed boot come and go",                 test_publish    },
};

TEST_MAIN(tests)
