/* SPDX-License-Identifier: Apache-2.0 */

/* The GPU worker over its protocol: a directory for sysfs, a simulated GPU behind VFIO, and this test as its daemon. */

#include <fcntl.h>
#include <pthread.h>
#include <semaphore.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include "basic/landlock.h"
#include "hostd/gpu-worker.h"
#include "sim/gpu-access.h"
#include "sim/must.h"
#include "vfio/users.h"

#include "pci-tree.h"
#include "test.h"

#define GPU       "0000:01:00.0"
#define AUDIO     "0000:01:00.1"
#define NEIGHBOUR "0000:01:01.0"
#define OTHER_GPU "0000:02:00.0"

#define MODE_CC 1U
#define ANY     (-1)

/* The GPU that whatever is opened in this process leads to. */
static struct {
        uint64_t clock;
        SimAccess *sim;
        int open_error;
        unsigned n_open_errors; /* after which it opens; 0: never */
        unsigned opened; /* now */
        int release_fd;
        sem_t *result_seen; /* what closing VFIO waits for; NULL: nothing */
} device;

static int fake_read32(Access *a, uint32_t offset, uint32_t *ret) {
        return sim_access_ops.read32(device.sim, offset, ret);
}

static int fake_write32(Access *a, uint32_t offset, uint32_t value) {
        return sim_access_ops.write32(device.sim, offset, value);
}

static int ignore_write32(Access *a, uint32_t offset, uint32_t value) {
        return 0;
}

static int fake_config_read32(Access *a, uint32_t offset, uint32_t *ret) {
        return sim_access_ops.config_read32(device.sim, offset, ret);
}

static int fake_config_write16(Access *a, uint32_t offset, uint16_t value) {
        return sim_access_ops.config_write16(device.sim, offset, value);
}

static int fake_reset(Access *a, Fault *ret_fault) {
        return sim_access_reset(device.sim, ret_fault);
}

/* As VFIO does, it resets when it is opened and closed. */
static void fake_free(Access *a) {
        while (device.result_seen && sem_wait(device.result_seen) < 0)
                ;
        (void) sim_access_reset(device.sim, NULL);
        device.opened--;
        free(a);
}

static void look_free(Access *a) {
        device.opened--;
        free(a);
}

static const AccessOps vfio_like = {
        .read32 = fake_read32,
        .write32 = fake_write32,
        .config_read32 = fake_config_read32,
        .config_write16 = fake_config_write16,
        .reset = fake_reset,
        .free = fake_free,
};

static const AccessOps sysfs_like = {
        .read32 = fake_read32,
        .write32 = ignore_write32,
        .config_read32 = fake_config_read32,
        .config_write16 = fake_config_write16,
        .free = look_free,
};

static int open_fake(const AccessOps *ops, Access **ret) {
        Access *a = malloc(sizeof(*a));

        MUST(a);
        *a = (Access){ .ops = ops, .release_fd = device.release_fd };
        device.opened++;
        *ret = a;
        return 0;
}

static int open_vfio(const PciDevice *d, Access **ret, Fault *ret_fault) {
        char driver[PCI_TEXT_SIZE];

        if (device.n_open_errors > 0 && --device.n_open_errors == 0)
                device.open_error = 0;
        if (device.open_error < 0)
                return fault_set(ret_fault, device.open_error, d->address, "to be free", "in use by qemu (1)");
        CHECK_EQ(pci_device_link(d, "driver", driver), 0);
        CHECK_STR(driver, VFIO_PCI);
        CHECK_EQ(device.opened, 0);
        (void) sim_access_reset(device.sim, NULL);
        return open_fake(&vfio_like, ret);
}

static int open_sysfs(const PciDevice *d, Access **ret, Fault *ret_fault) {
        return open_fake(&sysfs_like, ret);
}

static uint64_t now_usec(void) {
        return device.clock;
}

static void pause_usec(uint64_t usec) {
        device.clock += usec;
        sim_gpu_set_time(device.sim->sim, device.clock);
}

static const WorkerOps ops = { open_vfio, open_sysfs, now_usec, pause_usec, true };

typedef struct Scene {
        PciTree *tree;
        json_object *record; /* the last one; given to the next worker */
        const char *mode;    /* option */
        /* At the step of this name, or number. */
        const char *at;
        unsigned at_number;
        int uid;             /* option, when it is not 0 */
        enum { GO_ON, CANCEL, VANISH, FAULT, USE } what;
        const char *fault;   /* for the simulator; NULL: heals */

        char steps[512], undone[256], notes[2048];
        unsigned n_steps, n_progress;
        json_object *result;
        VfioLoan loan;
        WorkerOperation operation;
        int fd;
} Scene;

static Scene *scene_new_kind(SimGpuKind kind, unsigned id, unsigned class) {
        Scene *s = calloc(1, sizeof(*s));

        MUST(s);
        s->loan = (VfioLoan){ -EBADF, -EBADF };
        device.clock = 0;
        device.sim = sim_access_new(kind, &device.clock);
        device.open_error = 0;
        device.opened = 0;
        device.release_fd = -EBADF;
        sim_gpu_set_times(device.sim->sim, &(SimGpuTimes){ .config = 20000, .boot = 1500000 });
        s->tree = pci_tree_new();
        pci_tree_add(s->tree, GPU, id, class, "nvidia", "12");
        pci_tree_write(s->tree, "/sys/bus/pci/devices/" GPU "/drm/card0/dev", "1:3\n");
        return s;
}

static Scene *scene_new(void) {
        return scene_new_kind(SIM_GPU_HOPPER, 0x2331, 0x030200);
}

static void scene_clear(Scene *s) {
        (void) json_object_put(s->result);
        s->result = NULL;
        vfio_loan_close(&s->loan);
        s->steps[0] = s->undone[0] = s->notes[0] = '\0';
        s->n_steps = s->n_progress = 0;
}

static Scene *scene_free(Scene *s) {
        scene_clear(s);
        (void) json_object_put(s->record);
        pci_tree_free(s->tree);
        CHECK_EQ(device.opened, 0);
        CHECK_EQ(sim_gpu_violations(device.sim->sim), 0);
        sim_access_free(device.sim);
        free(s);
        return NULL;
}
DEFINE_CLEANUP_FUNC(Scene *, scene_free)

static void *worker_thread(void *userdata) {
        Scene *s = userdata;
        int r = worker_run(s->operation, GPU, s->fd, &s->tree->host, &ops);

        (void) close(s->fd);
        return (void *) (intptr_t) r;
}

static void add_word(char *list, size_t size, const char *word) {
        size_t n = strlen(list);

        (void) snprintf(list + n, size - n, "%s%s", n > 0 ? " " : "", word);
}

static const char *member(json_object *o, const char *key) {
        const char *text = NULL;

        return json_get_string(o, key, &text) < 0 ? NULL : text;
}

/* Never more done than there is. */
static void on_progress(Scene *s, json_object *message) {
        json_object *done, *total;

        if (!json_object_object_get_ex(message, "progress", &done))
                return;
        s->n_progress++;
        CHECK(json_object_object_get_ex(message, "total", &total));
        CHECK(json_object_get_int64(done) > 0 && json_object_get_int64(done) <= json_object_get_int64(total));
}

/* What hostd does with a step; false when it dies. */
static bool on_step(Scene *s, int fd, json_object *message, const char *step) {
        json_object *record = NULL;
        bool now;

        s->n_steps++;
        add_word(s->steps, sizeof(s->steps), step);
        if (json_object_object_get_ex(message, "record", &record) && record) {
                (void) json_object_put(s->record);
                s->record = json_object_get(record);
        }
        now = s->at ? strcmp(s->at, step) == 0 : s->at_number == s->n_steps;
        if (now && s->what == VANISH)
                return false;
        if (now && s->what == FAULT && s->fault)
                CHECK_EQ(sim_gpu_fault(device.sim->sim, s->fault), 0);
        if (now && s->what == USE)
                pci_tree_process(s->tree, 4711, "nvidia-smi", "/dev/null", NULL);
        message = json_object_new_object();
        CHECK_EQ(json_add_bool(message, "go", !now || s->what != CANCEL), 0);
        CHECK_EQ(worker_send(fd, message), 0);
        return true;
}

static void talk(Scene *s, int fd) {
        json_object *message;

        while (!s->result && worker_receive_loan(fd, &message, &s->loan) >= 0) {
                const char *text;
                bool alive = true;

                on_progress(s, message);
                if ((text = member(message, "step")) && !member(message, "result"))
                        alive = on_step(s, fd, message, text);
                else if ((text = member(message, "undo")))
                        add_word(s->undone, sizeof(s->undone), text);
                else if ((text = member(message, "note")))
                        add_word(s->notes, sizeof(s->notes), text);
                else if (member(message, "result"))
                        s->result = json_object_get(message);
                (void) json_object_put(message);
                if (!alive)
                        return;
        }
}

static json_object *first_message(Scene *s) {
        json_object *o = json_object_new_object(), *options = json_object_new_object();

        if (s->mode)
                CHECK_EQ(json_add_string(options, "mode", s->mode), 0);
        if (s->uid != 0)
                CHECK_EQ(json_add_int(options, "uid", s->uid), 0);
        CHECK_EQ(json_add(o, "record", json_object_get(s->record)), 0);
        CHECK_EQ(json_add(o, "options", options), 0);
        return o;
}

/* Runs one worker, and what it returned. */
static int scene_run(Scene *s, WorkerOperation operation) {
        pthread_t thread;
        void *result;
        int fds[2];

        scene_clear(s);
        MUST(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, fds) == 0);
        s->operation = operation;
        s->fd = fds[1];
        CHECK_EQ(worker_send(fds[0], first_message(s)), 0);
        MUST(pthread_create(&thread, NULL, worker_thread, s) == 0);
        talk(s, fds[0]);
        if (device.result_seen)
                MUST(sem_post(device.result_seen) == 0);
        (void) close(fds[0]);
        MUST(pthread_join(thread, &result) == 0);
        return (int) (intptr_t) result;
}

/* `changed` may be ANY. */
static void check_result(Scene *s, const char *cc, const char *ppcie, const char *driver, int changed) {
        json_object *o;

        CHECK_STR(member(s->result, "result"), "done");
        CHECK_STR(member(s->result, "cc"), cc);
        CHECK_STR(member(s->result, "ppcie"), ppcie);
        CHECK_STR(member(s->result, "driver"), driver);
        CHECK(json_object_object_get_ex(s->result, "changed", &o));
        CHECK(changed == ANY || json_object_get_boolean(o) == changed);
}

static void check_failure(Scene *s, const char *step, const char *error, bool rolled_back) {
        json_object *o;

        CHECK_STR(member(s->result, "result"), "failed");
        CHECK_STR(member(s->result, "step"), step);
        CHECK_STR(member(s->result, "errno"), error);
        CHECK(member(s->result, "what") && *member(s->result, "what"));
        CHECK(member(s->result, "expected") && *member(s->result, "expected"));
        CHECK(member(s->result, "found") && *member(s->result, "found"));
        CHECK(json_object_object_get_ex(s->result, "rolled-back", &o) && json_object_get_boolean(o) == rolled_back);
}

#define PREPARE_STEPS "identify survey unbind bind open boot query permissions stage read-back reset verify"

static void test_there_and_back(void) {
        _cleanup_(scene_freep) Scene *s = scene_new();

        CHECK_EQ(scene_run(s, WORKER_PREPARE), 0);
        check_result(s, "on", "off", VFIO_PCI, true);
        CHECK_STR(s->steps, PREPARE_STEPS);
        CHECK(s->n_progress > 3);
        CHECK_EQ(sim_gpu_mode(device.sim->sim) & 7, MODE_CC);
        CHECK_STR(json_object_to_json_string_ext(s->record, JSON_C_TO_STRING_PLAIN),
                  "{\"driver\":\"nvidia\",\"override\":\"\",\"cc\":\"off\",\"ppcie\":\"off\",\"siblings\":[]}");

        /* Once more: looked at, and left as it is. */
        CHECK_EQ(scene_run(s, WORKER_PREPARE), 0);
        check_result(s, "on", "off", VFIO_PCI, false);
        CHECK(!strstr(s->steps, "unbind") && !strstr(s->steps, "reset"));

        CHECK_EQ(scene_run(s, WORKER_CHECK), 0);
        check_result(s, "on", "off", VFIO_PCI, false);
        CHECK_STR(s->steps, "identify survey open boot query reset verify");

        CHECK_EQ(scene_run(s, WORKER_RESTORE), 0);
        check_result(s, "off", "off", "nvidia", true);
        CHECK_STR(s->steps, "identify survey open boot query permissions stage read-back reset verify release rebind");
        CHECK_STR(pci_tree_bound(s->tree, GPU), "nvidia");
        CHECK_EQ(sim_gpu_mode(device.sim->sim), 0);
        CHECK(strstr(s->tree->log, GPU "/driver_override=\n"));

        CHECK_EQ(scene_run(s, WORKER_RESTORE), 0);
        check_result(s, "off", "off", "nvidia", false);
        CHECK_STR(s->steps, "identify survey boot query");
}

/* Protected PCIe, which is all that an NVSwitch has. */
/* What hangs when a device is closed does not keep back what was found. */
static void test_slow_close(void) {
        _cleanup_(scene_freep) Scene *s = scene_new();
        sem_t result_seen;

        MUST(sem_init(&result_seen, 0, 0) == 0);
        device.result_seen = &result_seen;
        CHECK_EQ(scene_run(s, WORKER_PREPARE), 0);
        device.result_seen = NULL;
        MUST(sem_destroy(&result_seen) == 0);
        check_result(s, "on", "off", VFIO_PCI, true);
}

static void test_ppcie(void) {
        static const struct {
                SimGpuKind kind;
                unsigned id, class;
        } cases[] = { { SIM_GPU_HOPPER, 0x2331, 0x030200 }, { SIM_GPU_LS10, 0x22a3, 0x068000 } };

        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                _cleanup_(scene_freep) Scene *s = scene_new_kind(cases[i].kind, cases[i].id, cases[i].class);

                s->mode = "ppcie";
                CHECK_EQ(scene_run(s, WORKER_PREPARE), 0);
                check_result(s, "off", "on", VFIO_PCI, true);
                CHECK_EQ(scene_run(s, WORKER_CHECK), 0);
                CHECK_EQ(scene_run(s, WORKER_RESTORE), 0);
                check_result(s, "off", "off", "nvidia", true);
        }
}

static void test_no_such_mode(void) {
        static const struct {
                SimGpuKind kind;
                unsigned id, class;
                const char *mode, *step;
        } cases[] = {
                { SIM_GPU_GB100, 0x2901, 0x030200, "ppcie", "identify" },
                { SIM_GPU_LS10,  0x22a3, 0x068000, "on",    "query"    },
        };

        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                _cleanup_(scene_freep) Scene *s = scene_new_kind(cases[i].kind, cases[i].id, cases[i].class);

                s->mode = cases[i].mode;
                CHECK_EQ(scene_run(s, WORKER_PREPARE), -EOPNOTSUPP);
                check_failure(s, cases[i].step, "EOPNOTSUPP", true);
                CHECK_STR(pci_tree_bound(s->tree, GPU), "nvidia");
        }
}

static unsigned count_descriptors(void) {
        unsigned n = 0;

        for (int fd = 0; fd < 1024; fd++)
                n += fcntl(fd, F_GETFD) >= 0;
        return n;
}

/* Nothing is left behind, whichever way it goes. */
static void test_cycles(void) {
        _cleanup_(scene_freep) Scene *s = scene_new();
        unsigned before = 0;

        for (unsigned i = 0; i < 50; i++) {
                s->what = CANCEL;
                s->at_number = i % 12 + 1;
                (void) scene_run(s, WORKER_PREPARE);
                s->what = GO_ON;
                CHECK_EQ(scene_run(s, WORKER_PREPARE), 0);
                CHECK_EQ(scene_run(s, WORKER_RESTORE), 0);
                before = i == 0 ? count_descriptors() : before;
        }
        CHECK_EQ(count_descriptors(), before);
}

static void test_companion(void) {
        _cleanup_(scene_freep) Scene *s = scene_new();

        pci_tree_add(s->tree, AUDIO, 0x22e8, 0x040300, "snd_hda_intel", "12");
        CHECK_EQ(scene_run(s, WORKER_PREPARE), 0);
        CHECK_STR(pci_tree_bound(s->tree, AUDIO), VFIO_PCI);
        CHECK(strstr(json_object_to_json_string_ext(s->record, JSON_C_TO_STRING_PLAIN),
                     "{\"address\":\"" AUDIO "\",\"driver\":\"snd_hda_intel\",\"override\":\"\"}"));
        CHECK_EQ(scene_run(s, WORKER_RESTORE), 0);
        CHECK_STR(pci_tree_bound(s->tree, AUDIO), "snd_hda_intel");
        CHECK_STR(pci_tree_bound(s->tree, GPU), "nvidia");
}

/* Nothing is touched. */
static void test_refused(void) {
        static const struct {
                const char *what, *step, *error, *found;
        } cases[] = {
                { "in use",     "survey",   "EBUSY",      "in use by nvidia-smi (4711)"       },
                { "neighbour",  "survey",   "EBUSY",      OTHER_GPU " (driver nvidia)"        },
                { "no iommu",   "survey",   "EOPNOTSUPP", "none: no IOMMU is at work"         },
                { "no vfio",    "survey",   "ENOENT",     "none of that name"                 },
                { "no such",    "identify", "ENODEV",     "none of that address"              },
                { "other chip", "identify", "EOPNOTSUPP", "10de:20b0, class 030200"           },
                { "audio",      "identify", "EOPNOTSUPP", "10de:2331, class 040300"           },
        };

        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                _cleanup_(scene_freep) Scene *s = scene_new();
                char path[4096];

                if (i == 0)
                        pci_tree_process(s->tree, 4711, "nvidia-smi", "/dev/null", NULL);
                else if (i == 1)
                        pci_tree_add(s->tree, OTHER_GPU, 0x2331, 0x030200, "nvidia", "12");
                else if (i == 2) {
                        (void) snprintf(path, sizeof(path), "%s/sys/bus/pci/devices/" GPU "/iommu_group", s->tree->root);
                        CHECK_EQ(unlink(path), 0);
                } else if (i == 3) {
                        (void) snprintf(path, sizeof(path), "%s/sys/bus/pci/drivers/vfio-pci/bind", s->tree->root);
                        CHECK_EQ(unlink(path), 0);
                        *strrchr(path, '/') = '\0';
                        CHECK_EQ(rmdir(path), 0);
                } else if (i == 4)
                        pci_tree_remove(s->tree, GPU);
                else if (i == 5)
                        pci_tree_write(s->tree, "/sys/bus/pci/devices/" GPU "/device", "0x20b0\n");
                else
                        pci_tree_write(s->tree, "/sys/bus/pci/devices/" GPU "/class", "0x040300\n");
                CHECK(scene_run(s, WORKER_PREPARE) < 0);
                check_failure(s, cases[i].step, cases[i].error, true);
                CHECK_STR(member(s->result, "found"), cases[i].found);
                CHECK(member(s->result, "advice"));
                CHECK_STR(s->tree->log, "");
                CHECK_EQ(sim_gpu_accesses(device.sim->sim), 0);
        }
}

/* Somebody opens it while the record is stored. */
static void test_used_meanwhile(void) {
        _cleanup_(scene_freep) Scene *s = scene_new();

        s->at = "unbind";
        s->what = USE;
        CHECK_EQ(scene_run(s, WORKER_PREPARE), -EBUSY);
        check_failure(s, "unbind", "EBUSY", true);
        CHECK_STR(s->tree->log, "");
}

static void test_leased(void) {
        _cleanup_(scene_freep) Scene *s = scene_new();
        static const WorkerOperation operations[] = { WORKER_PREPARE, WORKER_RESTORE, WORKER_CHECK };

        CHECK_EQ(scene_run(s, WORKER_PREPARE), 0);
        device.open_error = -EBUSY;
        for (size_t i = 0; i < ELEMENTSOF(operations); i++) {
                uint64_t before = sim_gpu_accesses(device.sim->sim);

                s->tree->log[0] = '\0';
                CHECK_EQ(scene_run(s, operations[i]), -EBUSY);
                check_failure(s, "open", "EBUSY", true);
                CHECK_STR(s->tree->log, "");
                CHECK_EQ(sim_gpu_accesses(device.sim->sim), before);
        }
        /* Who held it may have been ending. */
        device.n_open_errors = 4;
        CHECK_EQ(scene_run(s, WORKER_CHECK), 0);
        check_result(s, "on", "off", VFIO_PCI, false);
        device.open_error = -EBUSY;
        /* Looking does not touch its registers either. */
        pci_tree_process(s->tree, 99, "qemu", "/dev/null", NULL);
        CHECK_EQ(scene_run(s, WORKER_INSPECT), 0);
        check_result(s, "unknown", "unknown", VFIO_PCI, false);
        CHECK(strstr(s->notes, "a guest does"));
        CHECK_EQ(device.sim->n_steps, 0);
        /* Nor does a check, which says who it is. */
        CHECK_EQ(scene_run(s, WORKER_CHECK), -EBUSY);
        check_failure(s, "survey", "EBUSY", true);
        CHECK(strstr(member(s->result, "found"), "qemu (99)"));
        CHECK_EQ(device.sim->n_steps, 0);
}

static bool is_file(int fd, const PciTree *t, const char *name) {
        char path[512], link[64], target[512];
        ssize_t n;

        (void) snprintf(path, sizeof(path), "%s%s", t->root, name);
        (void) snprintf(link, sizeof(link), "/proc/self/fd/%i", fd);
        n = readlink(link, target, sizeof(target) - 1);
        target[n < 0 ? 0 : n] = '\0';
        return strcmp(target, path) == 0;
}

/* Lent unopened: neither its registers nor what it is bound to are touched. */
static void test_lease(void) {
        _cleanup_(scene_freep) Scene *s = scene_new();
        uint64_t before;

        CHECK_EQ(scene_run(s, WORKER_PREPARE), 0);
        pci_tree_write(s->tree, "/dev/vfio/vfio", "");
        pci_tree_write(s->tree, "/dev/iommu", "");
        pci_tree_write(s->tree, "/dev/vfio/devices/vfio3", "");
        pci_tree_write(s->tree, "/sys/bus/pci/devices/" GPU "/vfio-dev/vfio3/dev", "511:3");
        before = sim_gpu_accesses(device.sim->sim);
        CHECK_EQ(scene_run(s, WORKER_LEASE), -EINVAL);
        s->uid = 1000;
        s->tree->log[0] = '\0';
        CHECK_EQ(scene_run(s, WORKER_LEASE), 0);
        CHECK_STR(member(s->result, "result"), "done");
        CHECK_STR(s->steps, "identify survey lend");
        CHECK(is_file(s->loan.device, s->tree, "/dev/vfio/devices/vfio3"));
        CHECK(is_file(s->loan.iommu, s->tree, "/dev/iommu"));
        CHECK_STR(s->tree->log, "");
        CHECK_EQ(sim_gpu_accesses(device.sim->sim), before);

        s->at = "lend";
        s->what = CANCEL;
        CHECK_EQ(scene_run(s, WORKER_LEASE), -ECANCELED);
        check_failure(s, "lend", "ECANCELED", true);
        CHECK(s->loan.device < 0 && s->loan.iommu < 0);
        s->at = NULL;
        pci_tree_process(s->tree, 99, "qemu", "/dev/null", NULL);
        CHECK_EQ(scene_run(s, WORKER_LEASE), -EBUSY);
        check_failure(s, "survey", "EBUSY", true);
}

static int try_open(const Scene *s, const char *path, int flags) {
        char full[512];
        int fd;

        (void) snprintf(full, sizeof(full), "%s%s", s->tree->root, path);
        fd = open(full, flags | O_CLOEXEC, 0600);
        if (fd < 0)
                return -errno;
        (void) close(fd);
        return 0;
}

/* How many ways to others there are. */
static int count_ways_out(void) {
        int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0), n = 0;

        n += fd >= 0 || errno != EPERM;
        n += kill(getppid(), 0) >= 0 || errno != EPERM;
        n += execl("/bin/true", "true", NULL) >= 0 || (errno != EPERM && errno != EACCES);
        if (n > 0)
                printf("# others can be reached\n");
        return n;
}

/* In a process of its own, for it does not come out again. Each line that is wrong is one of its exit status. */
static int confined(Scene *s) {
        static const struct {
                const char *path;
                int flags, nodes; /* -1: in both */
                int result;
        } cases[] = {
                { "/sys/bus/pci/devices/" GPU "/driver_override",       O_WRONLY, -1, 0       },
                { "/sys/bus/pci/devices/" GPU "/vendor",                O_RDONLY, -1, 0       },
                { "/sys/bus/pci/devices/" GPU,                          O_RDONLY, -1, 0       },
                { "/sys/bus/pci/devices/" AUDIO "/driver_override",     O_WRONLY, -1, 0       },
                { "/sys/bus/pci/devices/" NEIGHBOUR "/vendor",          O_RDONLY, -1, 0       },
                { "/sys/bus/pci/devices/" NEIGHBOUR "/driver_override", O_WRONLY, -1, -EACCES },
                { "/sys/bus/pci/devices/" OTHER_GPU "/driver_override", O_WRONLY, -1, -EACCES },
                { "/sys/bus/pci/devices/" OTHER_GPU "/vendor",          O_RDONLY, -1, -EACCES },
                { "/sys/bus/pci/devices",                               O_RDONLY, -1, -EACCES },
                { "/sys/bus/pci/drivers/nvidia/bind",                   O_WRONLY, -1, 0       },
                { "/sys/bus/pci/drivers/vfio-pci/bind",                 O_WRONLY, -1, 0       },
                { "/sys/bus/pci/drivers/e1000e/bind",                   O_WRONLY, -1, -EACCES },
                { "/sys/bus/pci/new",                     O_WRONLY | O_CREAT, -1, -EACCES },
                { "/proc/4711/comm",                                    O_RDONLY, -1, -EACCES },
                { "/dev/vfio/vfio",                                     O_RDWR,   -1, 0       },
                { "/dev/vfio/12",                                       O_RDWR,   -1, 0       },
                { "/dev/vfio/13",                                       O_RDWR,   0,  0       },
                { "/dev/vfio/13",                                       O_RDWR,   1,  -EACCES },
                { "/dev/nvidia0",                                       O_RDWR,   -1, -EACCES },
        };
        GpuWorker w = { .address = GPU, .fd = -EBADF, .host = s->tree->host };
        PciDevice d = { .host = &w.host, .address = GPU };
        int n = 0;

        if (worker_confine(&w) < 0)
                return 255;
        for (int nodes = 0; nodes < 2; nodes++) {
                PciUsers users;

                if (nodes == 1 && worker_confine_to_nodes(&w) < 0)
                        return 254;
                for (size_t i = 0; i < ELEMENTSOF(cases); i++)
                        if ((cases[i].nodes == -1 || cases[i].nodes == nodes) &&
                            try_open(s, cases[i].path, cases[i].flags) != cases[i].result) {
                                printf("# %s: not %i\n", cases[i].path, cases[i].result);
                                n++;
                        }
                /* Who is confined still knows who uses its device. */
                if (pci_users_find(&d, &users, NULL) < 0 || users.n != 1 || users.list[0].pid != 4711 ||
                    pci_users_check(&d, &w.fault) != -EBUSY || !strstr(w.fault.found, "nvidia-smi (4711)")) {
                        printf("# it is not seen who uses it\n");
                        n++;
                }
        }
        n += count_ways_out();
        (void) fflush(stdout);
        return n;
}

static void test_confined(void) {
        static const char *const files[] = { "/dev/vfio/vfio", "/dev/vfio/12", "/dev/vfio/13", "/dev/nvidia0" };
        _cleanup_(scene_freep) Scene *s = scene_new();
        int status = -1;
        pid_t pid;

        if (landlock_version() == 0) {
                printf("# this kernel has no Landlock\n");
                return;
        }
        pci_tree_add(s->tree, AUDIO, 0x22a4, 0x040300, "snd_hda_intel", "12");
        pci_tree_add(s->tree, NEIGHBOUR, 0x2342, 0x060400, "pcieport", "12");
        pci_tree_add(s->tree, OTHER_GPU, 0x2331, 0x030200, "nvidia", "13");
        pci_tree_driver(s->tree, "e1000e");
        for (size_t i = 0; i < ELEMENTSOF(files); i++)
                pci_tree_write(s->tree, files[i], "");
        pci_tree_process(s->tree, 4711, "nvidia-smi", "/dev/null", NULL);
        (void) fflush(stdout);
        pid = fork();
        if (pid == 0)
                _exit(confined(s));
        CHECK(pid > 0 && waitpid(pid, &status, 0) == pid);
        CHECK_EQ(WIFEXITED(status), 1);
        CHECK_EQ(WEXITSTATUS(status), 0);
}

/* Somebody took it from VFIO while nobody looked. */
static void test_check_other_driver(void) {
        _cleanup_(scene_freep) Scene *s = scene_new();

        CHECK_EQ(scene_run(s, WORKER_CHECK), -EIO);
        check_failure(s, "survey", "EIO", true);
        CHECK_STR(member(s->result, "found"), "nvidia");
        CHECK_STR(s->tree->log, "");
}

static void test_inspect(void) {
        _cleanup_(scene_freep) Scene *s = scene_new();
        _cleanup_free_ char *log = NULL;

        CHECK_EQ(scene_run(s, WORKER_INSPECT), 0);
        check_result(s, "off", "off", "nvidia", false);
        log = sim_access_take_log(device.sim);
        CHECK(strstr(log, "R 1182cc=00000000\n"));
        CHECK(!strstr(log, "\nW "));
        CHECK_STR(s->tree->log, "");
        CHECK(!s->record);
}

/* Every fault ends in failure, with the device as it was, or where it does no harm. */
static void test_faults(void) {
        static const struct {
                const char *at, *fault, *step, *error;
                bool rolled_back;
                const char *driver;
        } cases[] = {
                { "open", "forbidden=8", "permissions", "EPERM", true, "nvidia" },
                { "open", "write-refused", "stage", "EIO", true, "nvidia" },
                { "open", "write-ignored", "read-back", "EIO", true, "nvidia" },
                { "open", "boot-never", "boot", "ETIMEDOUT", false, VFIO_PCI },
                { "open", "fsp-silent", "permissions", "ETIMEDOUT", true, "nvidia" },
                { "open", "bar0-ones", "open", "ENODEV", false, VFIO_PCI },
                { "open", "security-fault", "open", "EIO", false, VFIO_PCI },
                { "reset", "reset-ignored", "verify", "EIO", true, "nvidia" },
                { "reset", "boot-never", "verify", "ETIMEDOUT", false, VFIO_PCI },
                { "verify", "unplug", "verify", "ENODEV", false, VFIO_PCI },
        };

        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                _cleanup_(scene_freep) Scene *s = scene_new();

                s->at = cases[i].at;
                s->what = FAULT;
                s->fault = cases[i].fault;
                CHECK(scene_run(s, WORKER_PREPARE) < 0);
                check_failure(s, cases[i].step, cases[i].error, cases[i].rolled_back);
                CHECK(member(s->result, "advice"));
                CHECK_STR(pci_tree_bound(s->tree, GPU), cases[i].driver);
                if (cases[i].rolled_back)
                        CHECK_EQ(sim_gpu_mode(device.sim->sim), 0);

                /* And when it is whole again, all is well with the record that was kept. */
                sim_gpu_heal(device.sim->sim);
                s->what = GO_ON;
                if (strcmp(cases[i].fault, "forbidden=8") == 0)
                        continue;
                CHECK_EQ(scene_run(s, WORKER_PREPARE), 0);
                check_result(s, "on", "off", VFIO_PCI, ANY);
                CHECK_EQ(scene_run(s, WORKER_RESTORE), 0);
                check_result(s, "off", "off", "nvidia", true);
        }
}

/* FSP answers nonsense when the knobs are changed, so that closing brings them into effect. */
static void test_not_taken_back(void) {
        _cleanup_(scene_freep) Scene *s = scene_new();

        s->at = "read-back";
        s->what = FAULT;
        s->fault = "answer-type";
        CHECK(scene_run(s, WORKER_PREPARE) < 0);
        check_failure(s, "read-back", "EBADMSG", false);
        CHECK_STR(member(s->result, "cc"), "unknown");
        CHECK_STR(pci_tree_bound(s->tree, GPU), VFIO_PCI);
        CHECK_EQ(sim_gpu_mode(device.sim->sim) & 7, MODE_CC);
}

static void test_driver_faults(void) {
        static const struct {
                const char *path;
                int error;
                const char *step;
                bool rolled_back;
                const char *driver;
        } cases[] = {
                { "driver_override", -EPERM,     "unbind", true,  "nvidia" },
                { "driver/unbind",   -EIO,       "unbind", true,  "nvidia" },
                { "driver/unbind",   -ETIMEDOUT, "unbind", false, "nvidia" },
                { "vfio-pci/bind",   -EINVAL,    "bind",   true,  "nvidia" },
                { "vfio-pci/bind",   0,          "bind",   true,  "nvidia" },
        };

        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                _cleanup_(scene_freep) Scene *s = scene_new();

                s->tree->fail_path = cases[i].path;
                s->tree->fail_error = cases[i].error;
                CHECK(scene_run(s, WORKER_PREPARE) < 0);
                check_failure(s, cases[i].step, cases[i].error < 0 ? strerrorname_np(-cases[i].error) : "EIO",
                              cases[i].rolled_back);
                CHECK_STR(pci_tree_bound(s->tree, GPU), cases[i].driver);
        }
}

/* Cancelled before any step, the device is as it was. */
static void test_cancel(void) {
        for (unsigned at = 1; at <= 12; at++) {
                _cleanup_(scene_freep) Scene *s = scene_new();

                s->at_number = at;
                s->what = CANCEL;
                CHECK_EQ(scene_run(s, WORKER_PREPARE), -ECANCELED);
                CHECK_EQ(s->n_steps, at);
                CHECK_STR(member(s->result, "errno"), "ECANCELED");
                CHECK_STR(pci_tree_bound(s->tree, GPU), "nvidia");
                CHECK_EQ(sim_gpu_mode(device.sim->sim), 0);
                CHECK_EQ(sim_gpu_knob(device.sim->sim, 8), 0);
                check_failure(s, member(s->result, "step"), "ECANCELED", true);
        }
}

/* hostd dies before any step: nothing waits for the next reset, and the next worker does what is left to do, either way. */
static void test_orphaned(void) {
        for (unsigned at = 1; at <= 12; at++) {
                _cleanup_(scene_freep) Scene *s = scene_new();

                s->at_number = at;
                s->what = VANISH;
                CHECK_EQ(scene_run(s, WORKER_PREPARE), -ECANCELED);
                CHECK_EQ(sim_gpu_knob(device.sim->sim, 8), at == 12 ? 1 : 0); /* it was reset before the last */
                s->what = GO_ON;
                CHECK_EQ(scene_run(s, at % 2 == 0 ? WORKER_PREPARE : WORKER_RESTORE), 0);
                if (at % 2 == 0)
                        check_result(s, "on", "off", VFIO_PCI, ANY);
                CHECK_EQ(scene_run(s, WORKER_RESTORE), 0);
                check_result(s, "off", "off", "nvidia", at % 2 == 0);
                CHECK_STR(pci_tree_bound(s->tree, GPU), "nvidia");
        }
}

static void test_unplugged(void) {
        _cleanup_(scene_freep) Scene *s = scene_new();
        int ends[2];

        CHECK_EQ(pipe(ends), 0);
        CHECK_EQ(write(ends[1], "x", 1), 1);
        device.release_fd = ends[0];
        CHECK_EQ(scene_run(s, WORKER_PREPARE), -ENODEV);
        check_failure(s, "boot", "ENODEV", false);
        (void) close(ends[0]);
        (void) close(ends[1]);
}

/* Without a record: to the driver that the kernel wants. CC that is on under a host driver is turned off. */
static void test_restore_unknown(void) {
        _cleanup_(scene_freep) Scene *s = scene_new();

        CHECK_EQ(scene_run(s, WORKER_PREPARE), 0);
        (void) json_object_put(s->record);
        s->record = NULL;
        s->tree->probes = "nvidia";
        CHECK_EQ(scene_run(s, WORKER_RESTORE), 0);
        check_result(s, "off", "off", "nvidia", true);

        (void) json_object_put(s->record);
        s->record = NULL;
        sim_gpu_set_knob(device.sim->sim, 8, 1);
        CHECK_EQ(sim_access_reset(device.sim, NULL), 0);
        CHECK_EQ(scene_run(s, WORKER_RESTORE), 0);
        check_result(s, "off", "off", "nvidia", true);
        CHECK(strstr(s->steps, "unbind bind open"));
}

static void test_restore_fails(void) {
        _cleanup_(scene_freep) Scene *s = scene_new();

        CHECK_EQ(scene_run(s, WORKER_PREPARE), 0);
        s->tree->fail_path = "nvidia/bind";
        s->tree->fail_error = -ENODEV;
        CHECK_EQ(scene_run(s, WORKER_RESTORE), -ENODEV);
        check_failure(s, "rebind", "ENODEV", false);
        CHECK_STR(member(s->result, "cc"), "off");
        CHECK_STR(member(s->result, "driver"), "");
        s->tree->fail_path = NULL;
        CHECK_EQ(scene_run(s, WORKER_RESTORE), 0);
        check_result(s, "off", "off", "nvidia", true);
}

static void test_check_fails(void) {
        _cleanup_(scene_freep) Scene *s = scene_new();

        CHECK_EQ(scene_run(s, WORKER_PREPARE), 0);
        s->mode = "devtools";
        CHECK_EQ(scene_run(s, WORKER_CHECK), -EIO);
        check_failure(s, "verify", "EIO", true);
        CHECK(strstr(member(s->result, "found"), "CC on"));
}

static void test_bad_start(void) {
        static const char *const records[] = { "3", "{\"driver\":3}", "{\"driver\":\"../x\"}", "{\"siblings\":{}}",
                                               "{\"siblings\":[{\"address\":\"x\"}]}", "{\"siblings\":[4]}",
                                               "{\"cc\":\"0123456789012345678\"}" };

        for (size_t i = 0; i < ELEMENTSOF(records); i++) {
                _cleanup_(scene_freep) Scene *s = scene_new();

                CHECK_EQ(json_parse(records[i], strlen(records[i]), 5, 20, &s->record), 0);
                CHECK_EQ(scene_run(s, WORKER_PREPARE), -EBADMSG);
                CHECK_STR(member(s->result, "errno"), "EBADMSG");
                CHECK_STR(s->steps, "");
        }
        {
                _cleanup_(scene_freep) Scene *s = scene_new();

                s->mode = "off";
                CHECK_EQ(scene_run(s, WORKER_PREPARE), -EINVAL);
        }
}

static const Test tests[] = {
        { "prepare, again, check, restore, again",              test_there_and_back  },
        { "a device that is slow to close",                     test_slow_close      },
        { "protected PCIe, on an NVSwitch too",                 test_ppcie           },
        { "a mode that the device does not have",               test_no_such_mode    },
        { "many times",                                         test_cycles          },
        { "a companion goes along",                             test_companion       },
        { "refused before anything is touched",                 test_refused         },
        { "used while the record is stored",                    test_used_meanwhile  },
        { "a leased GPU is left alone",                         test_leased          },
        { "a lease",                                            test_lease           },
        { "confined to its device",                             test_confined        },
        { "a check of what has another driver",                 test_check_other_driver },
        { "inspection changes nothing",                         test_inspect         },
        { "faults of the device",                               test_faults          },
        { "knobs that cannot be taken back",                    test_not_taken_back  },
        { "faults of drivers",                                  test_driver_faults   },
        { "cancelled at every step",                            test_cancel          },
        { "the daemon dies at every step",                      test_orphaned        },
        { "unplugged",                                          test_unplugged       },
        { "restored without a record",                          test_restore_unknown },
        { "restore fails, and succeeds later",                  test_restore_fails   },
        { "another mode after a lease",                         test_check_fails     },
        { "first messages that make no sense",                  test_bad_start       },
};

TEST_MAIN(tests)
