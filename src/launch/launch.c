/* SPDX-License-Identifier: Apache-2.0 */

#include "launch/launch.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <systemd/sd-daemon.h>

#include "basic/clock.h"
#include "basic/hex.h"
#include "basic/io.h"
#include "basic/log.h"
#include "launch/ports.h"
#include "launch/qmp.h"
#include "launch/secret.h"
#include "launch/spectree.h"

/* A GPU that was given back is reset and looked at before it is lent again. */
#define CALL_TIMEOUT_USEC (90 * USEC_PER_SEC)

#define REASON_MAX 1024U

#define KVM_DEVICE    "/dev/kvm"
#define TDX_PARAMETER "/sys/module/kvm_intel/parameters/tdx"

typedef struct Launch {
        const LaunchOptions *options;
        WorkerConfig config;
        GuestImage image;
        LaunchModel model;
        bool has_model, kvm;
        char *program;
        char *directory, *spec, *qmp;
        sd_bus *bus;
        Leases leases;
        int vsock, model_lock;
} Launch;

#define LAUNCH_INIT(o) { .options = (o), .vsock = -EBADF, .model_lock = -EBADF }

static void launch_done(Launch *l) {
        worker_config_done(&l->config);
        guest_image_done(&l->image);
        launch_model_done(&l->model);
        free(l->program);
        free(l->directory);
        free(l->spec);
        free(l->qmp);
        leases_done(&l->leases);
        closep(&l->vsock);
        closep(&l->model_lock);
        (void) sd_bus_flush_close_unref(l->bus);
}

/* The reason is where an operator looks: the journal, and systemctl status, which has room for one. */
static void say_text(char *text, bool notify) {
        /* The service manager takes no other text, and terminals should not. */
        for (char *p = text; *p; p++)
                if (*p < 0x20 || *p > 0x7e)
                        *p = '?';
        log_error("%s", text);
        if (notify)
                (void) sd_notifyf(false, "STATUS=Refused: %s", text);
}

_printf_(1, 2) static void say_refused(const char *format, ...) {
        char text[REASON_MAX];
        va_list ap;

        va_start(ap, format);
        (void) vsnprintf(text, sizeof(text), format, ap);
        va_end(ap);
        say_text(text, true);
}

static int fail(int r, const Fault *f) {
        if (r == -ENOMEM)
                say_refused("Out of memory.");
        else
                say_refused("%s: expected %s, found %s.", f->what, f->expected, f->found);
        return LAUNCH_REFUSED;
}

static void report(const char *file, unsigned line, const char *message, void *userdata) {
        char text[REASON_MAX];
        bool *said = userdata;

        if (line > 0)
                (void) snprintf(text, sizeof(text), "%s:%u: %s.", file, line, message);
        else
                (void) snprintf(text, sizeof(text), "%s: %s.", file, message);
        say_text(text, !*said);
        *said = true;
}

/* A worker that has a number has it for an instance. */
static unsigned instance_of(const char *worker) {
        size_t length = worker ? strlen(worker) : 0;

        return length > 0 && length <= 4 && !worker[strspn(worker, "0123456789")] ? (unsigned) strtoul(worker, NULL, 10) : 0;
}

static int load_config(Launch *l) {
        const LaunchOptions *o = l->options;
        bool said = false;
        int r;

        r = worker_config_load(o->config, o->config_name, o->overrides, instance_of(o->worker), report, &said, &l->config);
        if (r == -ENOMEM)
                return fail(r, NULL);
        return r < 0 ? LAUNCH_USAGE : LAUNCH_DONE;
}

static int load(Launch *l) {
        const LaunchOptions *o = l->options;
        Fault f;
        int r;

        r = load_config(l);
        if (r != LAUNCH_DONE)
                return r;
        r = secrets_find(&l->config, o->config, o->config_name, &f);
        if (r < 0)
                return (void) fail(r, &f), LAUNCH_USAGE;
        if (l->config.build_dir)
                log_info("%s: build_dir= has no effect: what a guest runs is in its image.", o->config_name);
        return LAUNCH_DONE;
}

/* Directories */

/* A path in the environment, or NULL. */
static const char *find_path(const char *variable) {
        const char *path = getenv(variable);

        return path && *path == '/' ? path : NULL;
}

/* Said by who called, and not by what the guest is. */
static bool is_directory_given(const LaunchOptions *o) {
        return o->runtime_dir || find_path("RUNTIME_DIRECTORY");
}

static int name_directory(const Launch *l, char **ret) {
        const char *of_unit = find_path("RUNTIME_DIRECTORY"), *of_user = find_path("XDG_RUNTIME_DIR");
        int n;

        if (l->options->runtime_dir)
                n = asprintf(ret, "%s", l->options->runtime_dir);
        else if (of_unit)
                n = asprintf(ret, "%.*s", (int) strcspn(of_unit, ":"), of_unit);
        else if (of_user)
                n = asprintf(ret, "%s/cocoon-%s-%u", of_user, node_type_to_string(l->config.type), l->config.instance);
        else
                return -ENOENT;
        return n < 0 ? -ENOMEM : 0;
}

static int name_files(Launch *l) {
        if (asprintf(&l->spec, "%s/spec", l->directory) < 0) {
                l->spec = NULL;
                return -ENOMEM;
        }
        if (asprintf(&l->qmp, "%s/qmp", l->directory) < 0) {
                l->qmp = NULL;
                return -ENOMEM;
        }
        return 0;
}

/* Secrets will lie in it. */
static int check_private(const char *directory, Fault *f) {
        struct stat st;

        if (stat(directory, &st) < 0)
                return fault_set(f, errno, "runtime directory", "a directory", "%s: %s", directory, strerror(errno));
        if (!S_ISDIR(st.st_mode) || st.st_uid != geteuid() || (st.st_mode & 077))
                return fault_set(f, EPERM, "runtime directory", "a directory of this user's with mode 0700",
                                 "%s with mode %04o of user %u", directory, st.st_mode & 07777, st.st_uid);
        return 0;
}

static int make_directory(Launch *l, Fault *f) {
        int r;

        r = name_directory(l, &l->directory);
        if (r == -ENOENT)
                return fault_set(f, r, "runtime directory", "RUNTIME_DIRECTORY or XDG_RUNTIME_DIR, or --runtime-dir",
                                 "none; the guest's secrets lie there, and nobody would remove them from another place");
        if (r >= 0)
                r = name_files(l);
        if (r < 0)
                return r;
        if (mkdir(l->directory, 0700) < 0 && errno != EEXIST)
                return fault_set(f, errno, "runtime directory", "to be made", "%s: %s", l->directory, strerror(errno));
        r = check_private(l->directory, f);
        if (r < 0)
                return r;
        /* It reads its spec there, and can be stopped by nothing else. */
        return qmp_is_alive(l->qmp) ? fault_set(f, EBUSY, "runtime directory",
                                                "one without a guest; see instance= in worker.conf(5), or --runtime-dir",
                                                "%s with one that runs", l->directory) :
                                      0;
}

/* The machine */

static bool reads_yes(const char *path) {
        _cleanup_free_ uint8_t *text = NULL;
        size_t size;

        return read_virtual_file_at(AT_FDCWD, path, 16, &text, &size) >= 0 && size > 0 && strchr("Yy1", *text);
}

static bool has_kvm(void) {
        return access(KVM_DEVICE, R_OK | W_OK) == 0;
}

static void choose_accel(Launch *l) {
        l->kvm = l->config.accel == ACCEL_KVM || (l->config.accel == ACCEL_AUTO && (!l->config.no_tdx || has_kvm()));
}

static int check_machine(const Launch *l, Fault *f) {
        if (l->kvm && !has_kvm())
                return fault_set(f, errno, KVM_DEVICE, "a device that this user can open (group kvm), or accel = tcg", "%s",
                                 strerror(errno));
        if (!l->config.no_tdx && !reads_yes(TDX_PARAMETER))
                return fault_set(f, ENOTSUP, "TDX", "a host that has it; see cocoonctl doctor", "none in %s", TDX_PARAMETER);
        return 0;
}

/* The model */

static int connect_bus(Launch *l, Fault *f) {
        int r = l->bus ? 0 : sd_bus_open_system(&l->bus);

        if (r >= 0)
                r = sd_bus_set_method_call_timeout(l->bus, CALL_TIMEOUT_USEC);
        return r < 0 ? fault_set(f, r, "system bus", "a connection, to ask cocoon-hostd", "%s", strerror(-r)) : 0;
}

static void progress(const char *text) {
        log_info("%s.", text);
        (void) sd_notifyf(false, "STATUS=%s", text);
}

/* The reason why there is none stays what it was when nobody can build one. */
static int build_model(Launch *l, Fault *f) {
        Fault other;
        int r;

        if (connect_bus(l, &other) < 0)
                return -ENOENT;
        r = host_build(l->bus, l->config.model, progress, &other);
        if (r == -EHOSTUNREACH || r == -EACCES)
                return -ENOENT;
        if (r < 0) {
                *f = other;
                return r;
        }
        return launch_model_find(l->config.model_dir, &l->config.model_spec, &l->model, f);
}

static int find_model(Launch *l, bool build, Fault *f) {
        int r;

        if (l->config.type != NODE_WORKER)
                return 0;
        r = launch_model_find(l->config.model_dir, &l->config.model_spec, &l->model, f);
        if (r == -ENOENT && build)
                r = build_model(l, f);
        if (r < 0)
                return r;
        l->has_model = true;
        if (!l->config.model_spec.commit[0])
                log_info("Model %s: commit %s, %s.", l->model.spec.name, l->model.spec.commit,
                         l->model.n_others > 0 ? "the one that was finished last" : "the only one");
        return 0;
}

/* Everything that can be looked at without taking it. */
static int find_all(Launch *l, bool build, Fault *f) {
        int r;

        choose_accel(l);
        r = guest_image_find(&l->config, &l->image, f);
        if (r >= 0)
                r = find_model(l, build, f);
        if (r >= 0 && !l->image.firmware)
                log_info("%s has no OVMF.fd: the guest starts with QEMU's own firmware.", l->config.image_dir);
        return r;
}

/* The spec */

static int make_spec(Launch *l, Fault *f) {
        _cleanup_(vars_freep) Vars *vars = vars_new();
        int r;

        if (!vars)
                return -ENOMEM;
        r = vars_set_config(vars, &l->config, l->has_model ? &l->model.spec : NULL);
        for (char **v = l->options->variables; r >= 0 && v && *v; v++)
                r = vars_set_line(vars, *v);
        if (r < 0)
                return r == -ENOMEM ? r : fault_set(f, r, "runtime variables", "KEY=VALUE, one line each, 64 KiB in all",
                                                    "something else");
        r = spectree_remove(l->spec);
        if (r < 0)
                return fault_set(f, r, "the guest's spec", "the last one to be removed", "%s: %s", l->spec, strerror(-r));
        return spectree_make(&l->config, vars, l->spec, f);
}

/* The command */

static int make_command(const Launch *l, const char *const *groups, char ***ret, FdPlan *ret_plan) {
        const Machine m = {
                .config = &l->config,
                .image = &l->image,
                .model = l->has_model ? &l->model : NULL,
                .spec = l->spec,
                .qmp = l->qmp,
                .kvm = l->kvm,
                .groups = groups,
                .more = l->options->more,
        };

        machine_plan(&m, ret_plan);
        return machine_command(&m, ret);
}

static void print_descriptors(const Launch *l, const FdPlan *plan) {
        static const char *const names[] = {
                [FD_DEVICE] = "VFIO device of",
                [FD_IOMMU]  = "iommufd",
                [FD_VSOCK]  = "/dev/vhost-vsock",
                [FD_LEASE]  = "lease of",
                [FD_MODEL]  = "lock on the model's image",
        };

        for (size_t i = 0; i < plan->n; i++) {
                FdKind kind = plan->kinds[i];
                bool of_gpu = kind == FD_DEVICE || kind == FD_LEASE;

                (void) printf("# descriptor %zu: %s%s%s\n", QEMU_FD_FIRST + i, names[kind], of_gpu ? " " : "",
                              !of_gpu                    ? "" :
                              l->config.gpus.addresses ? l->config.gpus.addresses[plan->gpus[i]] :
                                                         "any GPU that is ready");
        }
}

int launch_print(const LaunchOptions *o) {
        _cleanup_(launch_done) Launch l = LAUNCH_INIT(o);
        _cleanup_(strv_freep) char **command = NULL;
        FdPlan plan;
        Fault f;
        int r;

        r = load(&l);
        if (r != LAUNCH_DONE)
                return r;
        r = find_all(&l, false, &f);
        if (r < 0)
                return fail(r, &f);
        r = name_directory(&l, &l.directory);
        if (r == -ENOENT)
                r = asprintf(&l.directory, "/run/cocoon/worker/%u", l.config.instance) < 0 ? -ENOMEM : 0;
        if (r >= 0)
                r = name_files(&l);
        if (r >= 0)
                r = make_command(&l, NULL, &command, &plan);
        if (r < 0)
                return fail(r, &f);
        command_print(stdout, command);
        print_descriptors(&l, &plan);
        return LAUNCH_DONE;
}

/* What is the same for a check and for a launch. */
static int check_all(Launch *l, bool look, Fault *f) {
        int r;

        r = handover_find(l->config.qemu, &l->program, f);
        if (r >= 0)
                r = check_machine(l, f);
        if (r >= 0)
                r = persistent_prepare(&l->config, look, f);
        if (r >= 0)
                r = ports_check(&l->config, f);
        if (r >= 0 && l->config.vsock_cid > 0)
                r = vsock_open(&l->config, &l->vsock, f);
        return r;
}

int launch_check(const LaunchOptions *o) {
        _cleanup_(launch_done) Launch l = LAUNCH_INIT(o);
        Fault f;
        int r;

        r = load(&l);
        if (r != LAUNCH_DONE)
                return r;
        r = find_all(&l, false, &f);
        if (r >= 0)
                r = check_all(&l, true, &f);
        if (r >= 0 && worker_config_gpus(&l.config) > 0)
                r = connect_bus(&l, &f);
        if (r >= 0 && l.bus)
                r = host_look(l.bus, &l.config, &f);
        if (r < 0)
                return fail(r, &f);
        (void) printf("%s: this worker can start.\n", o->config_name);
        return LAUNCH_DONE;
}

int launch_prepare(const LaunchOptions *o) {
        _cleanup_(launch_done) Launch l = LAUNCH_INIT(o);
        Fault f;
        int r;

        r = load(&l);
        if (r != LAUNCH_DONE)
                return r;
        r = find_all(&l, true, &f);
        if (r >= 0)
                r = persistent_prepare(&l.config, false, &f);
        if (r >= 0)
                r = make_directory(&l, &f);
        if (r >= 0)
                r = make_spec(&l, &f);
        if (r < 0)
                return fail(r, &f);
        (void) printf("%s\n", l.spec);
        return LAUNCH_DONE;
}

static int take_gpus(Launch *l, Fault *f) {
        char holder[128];
        int r;

        if (worker_config_gpus(&l->config) == 0)
                return 0;
        if (l->options->worker)
                (void) snprintf(holder, sizeof(holder), "cocoon-worker@%s.service", l->options->worker);
        else
                (void) snprintf(holder, sizeof(holder), "cocoon-launch, instance %u", l->config.instance);
        r = connect_bus(l, f);
        return r < 0 ? r : host_lease(l->bus, &l->config, holder, &l->leases, f);
}

static int open_all(Launch *l, Fault *f) {
        int r;

        r = find_all(l, true, f);
        if (r >= 0 && l->has_model)
                r = launch_model_hold(l->config.model_dir, &l->model, &l->model_lock, f);
        if (r >= 0)
                r = check_all(l, false, f);
        if (r >= 0)
                r = make_directory(l, f);
        if (r >= 0)
                r = take_gpus(l, f);
        return r < 0 ? r : make_spec(l, f);
}

static int fd_of(const Launch *l, const FdPlan *plan, size_t i) {
        const Lease *lease = &l->leases.items[plan->gpus[i]];

        switch (plan->kinds[i]) {
        case FD_DEVICE: return lease->device;
        /* One address space for all GPUs: their guest's memory is pinned once. */
        case FD_IOMMU:  return l->leases.items[0].iommu;
        case FD_VSOCK:  return l->vsock;
        case FD_LEASE:  return lease->lease;
        case FD_MODEL:  return l->model_lock;
        }
        return -EBADF;
}

/* What cocoonctl worker takes apart again. */
static void say_ready(const Launch *l) {
        char gpus[WORKER_GPUS_MAX * (PCI_ADDRESS_SIZE + 1)] = "", root_hash[2 * ROOT_HASH_SIZE + 1] = "";
        const ModelSpec *s = &l->model.spec;
        size_t length = 0;

        for (size_t i = 0; i < l->leases.n; i++)
                length += (size_t) snprintf(gpus + length, sizeof(gpus) - length, " %s", l->leases.items[i].address);
        if (l->has_model)
                hex_encode(s->root_hash, ROOT_HASH_SIZE, root_hash);
        log_info("%s starts: GPU%s, model %s%s%s.", l->program, *gpus ? gpus : " none", l->has_model ? s->name : "none",
                 l->has_model ? "@" : "", s->commit);
        (void) sd_notifyf(false, "READY=1\nSTATUS=QEMU runs; GPU%s; model %s%s%s%s%s; CID %u", *gpus ? gpus : " none",
                          l->has_model ? s->name : "none", l->has_model ? "@" : "", s->commit, l->has_model ? ":" : "", root_hash,
                          l->config.vsock_cid);
}

static int start(Launch *l, Fault *f) {
        _cleanup_(strv_freep) char **command = NULL;
        const char *groups[WORKER_GPUS_MAX];
        bool by_address = l->leases.n > 0 && l->leases.items[0].by_address;
        int fds[QEMU_FDS_MAX];
        FdPlan plan;
        int r;

        for (size_t i = 0; i < l->leases.n; i++)
                groups[i] = l->leases.items[i].address;
        r = make_command(l, by_address ? groups : NULL, &command, &plan);
        if (r < 0)
                return r;
        for (size_t i = 0; i < plan.n; i++)
                fds[i] = fd_of(l, &plan, i);
        say_ready(l);
        r = handover(l->program, command, fds, plan.n, QEMU_FD_FIRST);
        return fault_set(f, r, "qemu", "to be executed", "%s: %s", l->program, strerror(-r));
}

int launch_run(const LaunchOptions *o) {
        _cleanup_(launch_done) Launch l = LAUNCH_INIT(o);
        Fault f;
        int r;

        /* Of QEMU's control socket too. */
        (void) umask(0077);
        r = load(&l);
        if (r != LAUNCH_DONE)
                return r;
        r = open_all(&l, &f);
        if (r >= 0)
                r = start(&l, &f);
        return fail(r, &f);
}

int launch_stop(const LaunchOptions *o) {
        _cleanup_(launch_done) Launch l = LAUNCH_INIT(o);
        Fault f;
        int r;

        /* A configuration that was broken meanwhile must not keep a guest whose place is known without it. */
        r = is_directory_given(o) || !o->config ? LAUNCH_DONE : load_config(&l);
        if (r != LAUNCH_DONE)
                return r;
        r = name_directory(&l, &l.directory);
        if (r == -ENOENT)
                r = fault_set(&f, r, "runtime directory", "RUNTIME_DIRECTORY or XDG_RUNTIME_DIR, or --runtime-dir", "none");
        if (r >= 0)
                r = name_files(&l);
        if (r >= 0)
                r = qmp_power_down(l.qmp, &f);
        return r < 0 ? fail(r, &f) : LAUNCH_DONE;
}
