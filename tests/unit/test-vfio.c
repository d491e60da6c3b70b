/* SPDX-License-Identifier: Apache-2.0 */

/* Devices and drivers in a directory that stands for sysfs: addresses, binding, groups, who uses a device, limits. */

#include <fcntl.h>
#include <grp.h>
#include <pthread.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>

#include "vfio/access.h"
#include "vfio/group.h"
#include "vfio/lend.h"
#include "vfio/limit.h"
#include "vfio/users.h"

#include "pci-tree.h"
#include "test.h"

#define GPU       "0000:01:00.0"
#define AUDIO     "0000:01:00.1"
#define OTHER_GPU "0000:02:00.0"
#define BRIDGE    "0000:00:01.0"

static void test_address(void) {
        static const struct {
                const char *text, *wanted;
        } cases[] = {
                { "0000:01:00.0",     "0000:01:00.0"     },
                { "01:00.0",          "0000:01:00.0"     },
                { "0000:C1:0A.3",     "0000:c1:0a.3"     },
                { "0001:c1:00.0",     "0001:c1:00.0"     },
                { "10000:e1:1f.7",    "10000:e1:1f.7"    },
                { "ABCDEF01:00:00.0", "abcdef01:00:00.0" },
                { "01:00.00",         "0000:01:00.0"     },
                { "0000:01:00.00",    "0000:01:00.0"     },
                { "",                 NULL               },
                { "01:00",            NULL               },
                { "0000:01:00",       NULL               },
                { "1:0.0",            NULL               },
                { "0000:01:00.8",     NULL               },
                { "0000:01:20.0",     NULL               },
                { "0000:01:00.0 ",    NULL               },
                { " 01:00.0",         NULL               },
                { "0000:01:00.000",   NULL               },
                { "0000:01:00.",      NULL               },
                { "000:01:00.0",      NULL               },
                { "123456789:01:00.0", NULL              },
                { "0x00:01:00.0",     NULL               },
                { "0000-01-00.0",     NULL               },
                { "0000:01:00.g",     NULL               },
                { "../01:00.0",       NULL               },
                { "--help",           NULL               },
                { "0000:0000:01:00.0", NULL              },
        };

        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                char address[PCI_ADDRESS_SIZE] = "";

                CHECK_EQ(pci_address_parse(cases[i].text, address), cases[i].wanted ? 0 : -EINVAL);
                CHECK_STR(address, cases[i].wanted ? cases[i].wanted : "");
        }
}

static PciTree *new_tree(PciDevice *ret) {
        PciTree *t = pci_tree_new();

        pci_tree_add(t, GPU, 0x2331, 0x030200, "nvidia", "12");
        CHECK_EQ(pci_device_open(&t->host, GPU, ret, NULL), 0);
        return t;
}

static void test_device(void) {
        PciDevice d;
        _cleanup_(pci_tree_freep) PciTree *t = new_tree(&d);
        char text[PCI_TEXT_SIZE];
        Fault f;

        CHECK_EQ(d.vendor, 0x10de);
        CHECK_EQ(d.device, 0x2331);
        CHECK_EQ(d.class, 0x030200);
        CHECK_EQ(d.numa_node, 1);
        CHECK_EQ(pci_device_link(&d, "driver", text), 0);
        CHECK_STR(text, "nvidia");
        CHECK_EQ(pci_device_link(&d, "physfn", text), 0);
        CHECK_STR(text, "");
        CHECK(!pci_device_asleep(&d));
        pci_tree_write(t, "/sys/bus/pci/devices/" GPU "/power_state", "D3cold\n");
        CHECK_STR(pci_device_asleep(&d), "D3cold");
        CHECK_EQ(pci_device_open(&t->host, OTHER_GPU, &d, &f), -ENODEV);
        CHECK_STR(f.what, OTHER_GPU);
        pci_tree_write(t, "/sys/bus/pci/devices/" GPU "/class", "0x1030200\n");
        CHECK_EQ(pci_device_open(&t->host, GPU, &d, &f), -EIO);
        pci_tree_write(t, "/sys/bus/pci/devices/" GPU "/class", "many\n");
        CHECK_EQ(pci_device_open(&t->host, GPU, &d, &f), -EIO);
        CHECK_STR(f.found, "\"many\"");
        CHECK(!pci_host_locked_down(&t->host));
        pci_tree_write(t, "/sys/kernel/security/lockdown", "[none] integrity confidentiality\n");
        CHECK(!pci_host_locked_down(&t->host));
        pci_tree_write(t, "/sys/kernel/security/lockdown", "none [integrity] confidentiality\n");
        CHECK(pci_host_locked_down(&t->host));
}

static void test_bind(void) {
        PciDevice d;
        _cleanup_(pci_tree_freep) PciTree *t = new_tree(&d);

        CHECK_EQ(binding_unbind(&d, VFIO_PCI, NULL), 0);
        CHECK_STR(pci_tree_bound(t, GPU), "");
        CHECK_EQ(binding_bind(&d, VFIO_PCI, NULL), 0);
        CHECK_STR(pci_tree_bound(t, GPU), VFIO_PCI);
        /* The override comes first, or another driver could take it in between. */
        CHECK_STR(t->log, GPU "/driver_override=vfio-pci\n" GPU "/driver/unbind=" GPU "\ndrivers/vfio-pci/bind=" GPU "\n");
        t->log[0] = '\0';
        CHECK_EQ(binding_bind(&d, VFIO_PCI, NULL), 0);
        CHECK_STR(t->log, "");
        CHECK_EQ(binding_unbind(&d, "", NULL), 0);
        CHECK_EQ(binding_bind(&d, "nvidia", NULL), 0);
        CHECK_STR(pci_tree_bound(t, GPU), "nvidia");
        CHECK_STR(t->log, GPU "/driver_override=\n" GPU "/driver/unbind=" GPU "\ndrivers/nvidia/bind=" GPU "\n");
}

static void test_bind_of_choice(void) {
        PciDevice d;
        _cleanup_(pci_tree_freep) PciTree *t = new_tree(&d);

        CHECK_EQ(binding_unbind(&d, "", NULL), 0);
        CHECK_EQ(binding_bind(&d, NULL, NULL), 0);
        CHECK_STR(pci_tree_bound(t, GPU), "");
        t->probes = "nvidia";
        CHECK_EQ(binding_bind(&d, NULL, NULL), 0);
        CHECK_STR(pci_tree_bound(t, GPU), "nvidia");
}

static void test_bind_fails(void) {
        static const struct {
                const char *path;
                int error, wanted;
                bool unbind; /* or bind */
                const char *found;
        } cases[] = {
                { "driver_override", -EPERM, -EPERM, true, "Operation not permitted" },
                { "driver_override", 0, -EIO, true, "it is still \"\"" },
                { "driver/unbind", -ETIMEDOUT, -ETIMEDOUT, true, "no end of it within 30 s" },
                { "driver/unbind", 0, -EIO, true, "it is bound to nvidia" },
                { "vfio-pci/bind", -EINVAL, -EINVAL, false, "Invalid argument" },
                { "vfio-pci/bind", -ENOENT, -ENOENT, false, "no such driver is loaded" },
                { "vfio-pci/bind", 0, -EIO, false, "it is bound to no driver" },
        };

        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                PciDevice d;
                _cleanup_(pci_tree_freep) PciTree *t = new_tree(&d);
                Fault f = {};

                t->fail_path = cases[i].path;
                t->fail_error = cases[i].error;
                if (!cases[i].unbind)
                        CHECK_EQ(binding_unbind(&d, VFIO_PCI, NULL), 0);
                CHECK_EQ(cases[i].unbind ? binding_unbind(&d, VFIO_PCI, &f) : binding_bind(&d, VFIO_PCI, &f),
                         cases[i].wanted);
                CHECK(strstr(f.what, GPU));
                CHECK_STR(f.found, cases[i].found);
        }
}

static void test_bind_gone(void) {
        PciDevice d;
        _cleanup_(pci_tree_freep) PciTree *t = new_tree(&d);
        Fault f;

        pci_tree_remove(t, GPU);
        CHECK_EQ(binding_unbind(&d, VFIO_PCI, &f), -ENODEV);
        CHECK_STR(f.found, "the device is gone");
        CHECK_EQ(binding_bind(&d, VFIO_PCI, &f), -ENODEV);
}

static void test_group(void) {
        PciDevice d;
        _cleanup_(pci_tree_freep) PciTree *t = new_tree(&d);
        PciGroup g;
        Fault f;

        pci_tree_add(t, BRIDGE, 0x0001, 0x060400, "pcieport", "12");
        pci_tree_add(t, AUDIO, 0x22e8, 0x040300, "snd_hda_intel", "12");
        pci_tree_add(t, OTHER_GPU, 0x2331, 0x030200, NULL, "13");
        CHECK_EQ(pci_group_read(&d, &g, NULL), 0);
        CHECK_STR(g.name, "12");
        CHECK_EQ(g.n, 2);
        for (size_t i = 0; i < g.n; i++)
                CHECK_EQ(pci_sibling_is_companion(&d, &g.siblings[i]), strcmp(g.siblings[i].device.address, AUDIO) == 0);
        CHECK_EQ(pci_group_check(&d, &g, NULL), 0);

        /* Another GPU that the host uses is nobody's companion, in the same slot neither. */
        pci_tree_add(t, OTHER_GPU, 0x2331, 0x030200, "nvidia", "12");
        pci_tree_add(t, "0000:01:00.2", 0x2331, 0x030200, "nvidia", "12");
        CHECK_EQ(pci_group_read(&d, &g, NULL), 0);
        CHECK_EQ(g.n, 4);
        CHECK_EQ(pci_group_check(&d, &g, &f), -EBUSY);
        CHECK_STR(f.what, GPU ": IOMMU group 12");
        CHECK(strstr(f.found, OTHER_GPU " (driver nvidia)"));
        CHECK(strstr(f.found, "0000:01:00.2 (driver nvidia)"));
        CHECK(!strstr(f.found, AUDIO) && !strstr(f.found, BRIDGE));
}

static void test_no_iommu(void) {
        PciDevice d;
        _cleanup_(pci_tree_freep) PciTree *t = new_tree(&d);
        PciGroup g;
        Fault f;

        pci_tree_add(t, OTHER_GPU, 0x2331, 0x030200, NULL, NULL);
        CHECK_EQ(pci_device_open(&t->host, OTHER_GPU, &d, NULL), 0);
        CHECK_EQ(pci_group_read(&d, &g, &f), -EOPNOTSUPP);
        CHECK_STR(f.found, "none: no IOMMU is at work");
        CHECK_EQ(pci_device_open(&t->host, GPU, &d, NULL), 0);
        pci_tree_write(t, "/sys/kernel/iommu_groups/12/name", "vfio-noiommu\n");
        CHECK_EQ(pci_group_read(&d, &g, &f), -EOPNOTSUPP);
        CHECK(strstr(f.found, "vfio-noiommu"));
}

/* /dev/null and /dev/zero, which are always there, stand for a driver's nodes. */
static void test_users(void) {
        PciDevice d;
        _cleanup_(pci_tree_freep) PciTree *t = new_tree(&d);
        PciUsers users;
        char text[192];
        Fault f;

        pci_tree_process(t, 10, "systemd", "/dev/null", NULL);
        pci_tree_process(t, 11, "reader", NULL, NULL);
        pci_tree_write(t, "/proc/driver/nvidia/gpus/" GPU "/information", "Model: H100\nDevice Minor: \t 3\n");
        CHECK_EQ(pci_users_check(&d, NULL), 0);
        pci_tree_write(t, "/sys/bus/pci/devices/" GPU "/drm/card0/dev", "1:3\n");
        pci_tree_write(t, "/sys/class/vfio/12/dev", "1:5\n");
        pci_tree_process(t, 4711, "nvidia-smi", NULL, "/dev/zero");
        CHECK_EQ(pci_users_find(&d, &users, NULL), 0);
        CHECK_EQ(users.n, 2);
        CHECK(strstr(pci_users_text(&users, text), "nvidia-smi (4711)"));
        CHECK(strstr(text, "systemd (10)"));
        CHECK_EQ(pci_users_check(&d, &f), -EBUSY);
        CHECK_STR(f.what, GPU);
        CHECK(strstr(f.found, "nvidia-smi (4711)"));
}

static void *wait_for_ever(void *userdata) {
        for (;;)
                (void) pause();
        return NULL;
}

/* The first thread of a process ends, and another one goes on with what is open. */
_Noreturn static void end_first_thread(void) {
        pthread_t thread;

        if (open("/dev/full", O_RDONLY) < 0 || pthread_create(&thread, NULL, wait_for_ever, NULL) != 0)
                _exit(EXIT_FAILURE);
        pthread_exit(NULL);
}

static bool has_state(pid_t pid, char wanted) {
        char path[64], text[512] = "";
        const char *end;
        int fd;

        (void) snprintf(path, sizeof(path), "/proc/%d/stat", (int) pid);
        fd = open(path, O_RDONLY | O_CLOEXEC);
        if (fd >= 0 && read(fd, text, sizeof(text) - 1) < 0)
                text[0] = '\0';
        (void) close(fd);
        end = strrchr(text, ')');
        return end && end[1] == ' ' && end[2] == wanted;
}

static void test_users_threads(void) {
        PciDevice d;
        _cleanup_(pci_tree_freep) PciTree *t = new_tree(&d);
        char proc[4096], aside[4096], wanted[32];
        pid_t pid = fork();
        Fault f = {};

        if (pid == 0)
                end_first_thread();
        if (pid < 0)
                SKIP("a process cannot be made here");
        while (!has_state(pid, 'Z'))
                (void) usleep(1000);
        (void) snprintf(proc, sizeof(proc), "%s/proc", t->root);
        (void) snprintf(aside, sizeof(aside), "%s/processes", t->root);
        CHECK_EQ(rename(proc, aside), 0);
        CHECK_EQ(symlink("/proc", proc), 0);
        pci_tree_write(t, "/sys/bus/pci/devices/" GPU "/drm/card0/dev", "1:7\n");
        CHECK_EQ(pci_users_check(&d, &f), -EBUSY);
        (void) snprintf(wanted, sizeof(wanted), "(%d)", (int) pid);
        CHECK(strstr(f.found, wanted));
        CHECK_EQ(kill(pid, SIGKILL), 0);
        CHECK_EQ(waitpid(pid, NULL, 0), pid);
}

static void test_users_many(void) {
        PciDevice d;
        _cleanup_(pci_tree_freep) PciTree *t = new_tree(&d);
        PciUsers users;
        char text[192];

        pci_tree_write(t, "/sys/bus/pci/devices/" GPU "/drm/card0/dev", "1:3\n");
        /* Of another device below a bridge. */
        pci_tree_write(t, "/sys/bus/pci/devices/" GPU "/0000:03:00.0/drm/card1/dev", "1:5\n");
        for (int pid = 100; pid < 140; pid++)
                pci_tree_process(t, pid, "a process with a name", pid == 139 ? "/dev/zero" : "/dev/null", NULL);
        CHECK_EQ(pci_users_find(&d, &users, NULL), 0);
        CHECK_EQ(users.n, PCI_USERS_MAX);
        CHECK(strlen(pci_users_text(&users, text)) == sizeof(text) - 1);
}

/* NVIDIA's nodes are not in sysfs. */
static void test_users_nvidia(void) {
        static const struct {
                unsigned minor_number;
                const char *information; /* NULL: none */
                int wanted;
        } cases[] = {
                { 3,   "Model: H100\nDevice Minor: \t 3\n", -EBUSY },
                { 4,   "Model: H100\nDevice Minor: \t 3\n", 0      },
                { 255, "Model: H100\nDevice Minor: \t 3\n", 0      }, /* nvidiactl */
                { 4,   "Model: H100\nDevice Minor: none\n",  -EBUSY },
                { 4,   NULL,                                 -EBUSY },
                { 255, NULL,                                 0      },
        };

        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                PciDevice d;
                _cleanup_(pci_tree_freep) PciTree *t = new_tree(&d);
                char path[4096];

                (void) snprintf(path, sizeof(path), "%s/node", t->root);
                if (mknod(path, S_IFCHR | 0600, makedev(195, cases[i].minor_number)) < 0)
                        SKIP("device nodes cannot be made here");
                pci_tree_process(t, 4711, "nvidia-smi", path, NULL);
                if (cases[i].information)
                        pci_tree_write(t, "/proc/driver/nvidia/gpus/" GPU "/information", cases[i].information);
                CHECK_EQ(pci_users_check(&d, NULL), cases[i].wanted);
        }
}

/* Nor does it do to see that something is open when it cannot be seen what. */
static void test_users_dark(void) {
        PciDevice d;
        _cleanup_(pci_tree_freep) PciTree *t = new_tree(&d);
        bool root = geteuid() == 0;
        char path[4096], node[4096];
        Fault f;

        pci_tree_write(t, "/sys/bus/pci/devices/" GPU "/drm/card0/dev", "1:3\n");
        pci_tree_write(t, "/dark/node", "");
        (void) snprintf(path, sizeof(path), "%s/dark", t->root);
        (void) snprintf(node, sizeof(node), "%s/dark/node", t->root);
        pci_tree_process(t, 100, "opener", node, NULL);
        pci_tree_process(t, 101, "closer", "/nonexistent", NULL);
        CHECK_EQ(chmod(t->root, 0755), 0);
        CHECK_EQ(pci_users_check(&d, NULL), 0);
        CHECK_EQ(chmod(path, root ? 0700 : 0), 0);
        if (root)
                CHECK_EQ(seteuid(65534), 0);
        CHECK_EQ(pci_users_check(&d, &f), -EACCES);
        if (root)
                CHECK_EQ(seteuid(0), 0);
        CHECK_EQ(chmod(path, 0700), 0);
        CHECK_STR(f.expected, "to see who uses it");
}

/* A process that keeps its descriptors to itself may be the one. */
static void test_users_hidden(void) {
        PciDevice d;
        _cleanup_(pci_tree_freep) PciTree *t = new_tree(&d);
        bool root = geteuid() == 0;
        char path[4096];
        Fault f;

        pci_tree_write(t, "/sys/bus/pci/devices/" GPU "/drm/card0/dev", "1:3\n");
        pci_tree_process(t, 100, "quiet", NULL, NULL);
        (void) snprintf(path, sizeof(path), "%s/proc/100/fd", t->root);
        CHECK_EQ(chmod(t->root, 0755), 0);
        CHECK_EQ(pci_users_check(&d, NULL), 0);
        CHECK_EQ(chmod(path, 0700), 0);
        if (root)
                CHECK_EQ(seteuid(65534), 0);
        else
                CHECK_EQ(chmod(path, 0), 0);
        CHECK_EQ(pci_users_check(&d, &f), -EACCES);
        if (root)
                CHECK_EQ(seteuid(0), 0);
        CHECK_EQ(chmod(path, 0700), 0);
        CHECK_STR(f.expected, "to see who uses it");
}

typedef struct Slow {
        int *pipe;
        int value;
} Slow;

static int wait_for_pipe(void *argument) {
        Slow *s = argument;
        char byte;

        s->value = 42;
        return read(s->pipe[0], &byte, 1) == 1 ? byte : -EIO;
}

static void test_limit(void) {
        static int hangs[2], ends[2];
        Slow s = { .pipe = hangs };

        CHECK_EQ(pipe(hangs), 0);
        CHECK_EQ(pipe(ends), 0);
        /* It never ends as long as nobody writes; what it does then is its own. */
        CHECK_EQ(limited_call(wait_for_pipe, &s, sizeof(s), 1000), -ETIMEDOUT);
        CHECK_EQ(s.value, 0);
        CHECK_EQ(write(hangs[1], "a", 1), 1);
        s.pipe = ends;
        CHECK_EQ(write(ends[1], "b", 1), 1);
        CHECK_EQ(limited_call(wait_for_pipe, &s, sizeof(s), UINT64_C(600000000)), 'b');
        CHECK_EQ(s.value, 42);
        (void) close(ends[1]);
        CHECK_EQ(limited_call(wait_for_pipe, &s, sizeof(s), UINT64_C(600000000)), -EIO);
        (void) close(ends[0]);
}

/* A file stands for BAR0: nothing is written, and what sleeps under a driver is left alone. */
static void test_sysfs(void) {
        static char registers[4096], config[4096];
        PciDevice d;
        _cleanup_(pci_tree_freep) PciTree *t = new_tree(&d);
        Access *a = NULL;
        uint32_t value;
        Fault f;

        memset(registers, 'r', sizeof(registers) - 1);
        memset(config, 'c', sizeof(config) - 1);
        CHECK_EQ(access_open_sysfs(&d, &a, &f), -ENOENT);
        pci_tree_write(t, "/sys/bus/pci/devices/" GPU "/config", config);
        pci_tree_write(t, "/sys/bus/pci/devices/" GPU "/resource0", "");
        CHECK_EQ(access_open_sysfs(&d, &a, &f), -EOPNOTSUPP);
        pci_tree_write(t, "/sys/bus/pci/devices/" GPU "/resource0", registers);
        CHECK_EQ(access_open_sysfs(&d, &a, &f), 0);
        CHECK_EQ(a->ops->write32(a, 8, 1), 0);
        CHECK_EQ(a->ops->read32(a, 8, &value), 0);
        CHECK_EQ(value, 0x72727272);
        CHECK_EQ(a->ops->read32(a, 9, &value), -EFAULT);
        CHECK_EQ(a->ops->read32(a, 4096, &value), -EFAULT);
        CHECK_EQ(a->ops->config_read32(a, 4, &value), 0);
        CHECK_EQ(value, 0x63636363);
        CHECK_EQ(a->ops->config_read32(a, 8192, &value), 0);
        CHECK_EQ(value, UINT32_MAX);
        CHECK(!a->ops->reset);
        a = access_free(a);

        pci_tree_write(t, "/sys/bus/pci/devices/" GPU "/power_state", "D3hot\n");
        pci_tree_write(t, "/sys/bus/pci/devices/" GPU "/power/control", "auto\n");
        CHECK_EQ(access_open_sysfs(&d, &a, &f), -EHOSTDOWN);
        CHECK_STR(f.found, "D3hot under driver nvidia, which is left alone");
        CHECK_STR(t->log, "");
        CHECK_EQ(binding_unbind(&d, "", NULL), 0);
        t->log[0] = '\0';
        CHECK_EQ(access_open_sysfs(&d, &a, &f), 0);
        a = access_free(a);
        CHECK_STR(t->log, GPU "/power/control=on\n" GPU "/power/control=auto\n");
}

static mode_t mode_of(const char *path) {
        struct stat st;

        CHECK_EQ(stat(path, &st), 0);
        return st.st_mode & 0777;
}

/* Whether a user may open it, asked by being that user. */
static bool may_open(const char *path, uid_t uid) {
        pid_t pid = fork();
        int status = -1;

        if (pid == 0)
                _exit(setgroups(0, NULL) < 0 || setresgid(uid, uid, uid) < 0 || setresuid(uid, uid, uid) < 0 ||
                      open(path, O_RDWR) < 0);
        CHECK(pid > 0 && waitpid(pid, &status, 0) == pid);
        return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

/* Where groups are all that there is, the node is opened to one user, and closed again; its mode is what it was. */
static void test_lend_group(void) {
        static const mode_t modes[] = { 0600, 0660, 0640 };
        PciDevice d;
        _cleanup_(pci_tree_freep) PciTree *t = new_tree(&d);
        char path[256];
        VfioLoan loan;
        Fault f;

        CHECK_EQ(vfio_take_back(&d, NULL), 0);
        CHECK_EQ(vfio_lend(&d, 1000, &loan, &f), -ENOENT);
        pci_tree_write(t, "/dev/vfio/vfio", "");
        CHECK_EQ(vfio_lend(&d, 1000, &loan, &f), -ENOENT);
        pci_tree_write(t, "/dev/vfio/12", "");
        (void) snprintf(path, sizeof(path), "%s/dev/vfio/12", t->root);
        CHECK_EQ(chmod(t->root, 0755), 0);
        for (size_t i = 0; i < ELEMENTSOF(modes); i++) {
                CHECK_EQ(chmod(path, modes[i]), 0);
                CHECK_EQ(vfio_lend(&d, 1000, &loan, &f), 0);
                CHECK(write(loan.device, "x", 1) < 0 && errno == EBADF);
                CHECK_EQ(write(loan.iommu, "x", 1), 1);
                vfio_loan_close(&loan);
                CHECK_EQ(loan.device, -EBADF);
                CHECK(geteuid() != 0 || (may_open(path, 1000) && !may_open(path, 1001)));
                for (int again = 0; again < 2; again++) {
                        CHECK_EQ(vfio_take_back(&d, &f), 0);
                        CHECK_EQ(mode_of(path), modes[i]);
                        CHECK(geteuid() != 0 || !may_open(path, 1000));
                }
        }
        /* The next one is not left with what the one before had. */
        CHECK_EQ(vfio_lend(&d, 1000, &loan, &f), 0);
        vfio_loan_close(&loan);
        CHECK_EQ(vfio_lend(&d, 1001, &loan, &f), 0);
        vfio_loan_close(&loan);
        CHECK(geteuid() != 0 || (may_open(path, 1001) && !may_open(path, 1000)));
        /* Root needs nothing. */
        CHECK_EQ(vfio_take_back(&d, &f), 0);
        CHECK_EQ(vfio_lend(&d, 0, &loan, &f), 0);
        vfio_loan_close(&loan);
        CHECK_EQ(mode_of(path), 0640);
}

static const Test tests[] = {
        { "addresses in every spelling",                    test_address        },
        { "what sysfs says of a device",                    test_device         },
        { "to vfio-pci and back",                           test_bind           },
        { "to the driver that the kernel finds",            test_bind_of_choice },
        { "what the kernel refuses, or says that it did",   test_bind_fails     },
        { "a device that is gone",                          test_bind_gone      },
        { "IOMMU group: who goes along, who is in the way", test_group          },
        { "no IOMMU",                                       test_no_iommu       },
        { "who uses a device",                              test_users          },
        { "what is open cannot be seen",                    test_users_dark     },
        { "a process whose first thread has ended",         test_users_threads  },
        { "more users than are listed",                     test_users_many     },
        { "who uses NVIDIA's driver",                       test_users_nvidia   },
        { "processes that may not be looked at",            test_users_hidden   },
        { "calls that take too long",                       test_limit          },
        { "registers through sysfs",                        test_sysfs          },
        { "a group is lent to one user, and taken back",    test_lend_group     },
};

TEST_MAIN(tests)
