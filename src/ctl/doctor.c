/* SPDX-License-Identifier: Apache-2.0 */

/* cocoonctl doctor: what this host needs for confidential guests, one line each, with what to do about it. Asks the
 * kernel, not the daemon, so that it has something to say when that does not start. */

#include <dirent.h>
#include <fcntl.h>
#include <stdarg.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "basic/io.h"
#include "basic/log.h"
#include "ctl/client.h"
#include "ctl/table.h"
#include "gpu/chip.h"
#include "vfio/group.h"
#include "vfio/users.h"

#define NVIDIA 0x10de

/* The first releases that host TDX guests. */
static const unsigned long kernel_with_tdx[] = { 6, 16 }, qemu_with_tdx[] = { 10, 1 };

#define QEMU "qemu-system-x86_64"

typedef enum Level {
        LEVEL_OK,
        LEVEL_NOTE, /* works, or may */
        LEVEL_FAIL,
        _LEVEL_MAX,
} Level;

typedef struct Doctor {
        PciHost host;
        json_object *findings;
        Level worst;
} Doctor;

static const char *const level_names[_LEVEL_MAX] = {
        [LEVEL_OK] = "ok",
        [LEVEL_NOTE] = "note",
        [LEVEL_FAIL] = "FAIL",
};

/* `advice` may be NULL. */
_printf_(5, 6) static void find(Doctor *d, Level level, const char *subject, const char *advice, const char *format, ...) {
        json_object *o = json_object_new_object();
        char text[512];
        va_list ap;

        va_start(ap, format);
        (void) vsnprintf(text, sizeof(text), format, ap);
        va_end(ap);
        if (level > d->worst)
                d->worst = level;
        if (!o || json_object_array_add(d->findings, o) < 0 || json_add_string(o, "Subject", subject) < 0 ||
            json_add_string(o, "Level", level_names[level]) < 0 || json_add_string(o, "Found", text) < 0 ||
            json_add_string(o, "Advice", advice) < 0)
                (void) log_oom();
}

static bool exists(const Doctor *d, const char *path) {
        char full[4096];

        (void) snprintf(full, sizeof(full), "%s%s", d->host.root, path);
        return access(full, F_OK) == 0;
}

static bool has_entries(const Doctor *d, const char *path) {
        _cleanup_closedir_ DIR *dir = NULL;
        const struct dirent *e;
        char full[4096];

        (void) snprintf(full, sizeof(full), "%s%s", d->host.root, path);
        dir = opendir(full);
        while (dir && (e = readdir(dir)))
                if (e->d_name[0] != '.')
                        return true;
        return false;
}

/* Whether "MAJOR.MINOR…" is before the other. 1, 0, or -EINVAL for what is no version. */
static int is_before(const char *text, const unsigned long version[static 2]) {
        unsigned long major, minor;
        char *end;

        major = strtoul(text, &end, 10);
        if (end == text || *end != '.')
                return -EINVAL;
        text = end + 1;
        minor = strtoul(text, &end, 10);
        if (end == text)
                return -EINVAL;
        return major < version[0] || (major == version[0] && minor < version[1]);
}

static void check_kernel(Doctor *d) {
        char text[128] = "";
        int before;

        (void) pci_host_read(&d->host, "/proc/sys/kernel/osrelease", text, sizeof(text));
        before = is_before(text, kernel_with_tdx);
        if (before < 0)
                find(d, LEVEL_NOTE, "kernel", NULL, "its version is not known");
        else if (before)
                find(d, LEVEL_NOTE, "kernel", "Linux 6.16 is the first that hosts TDX guests, distributions' own backports aside",
                     "Linux %s", text);
        else
                find(d, LEVEL_OK, "kernel", NULL, "Linux %s", text);
}

static void check_tdx(Doctor *d) {
        _cleanup_free_ uint8_t *cpuinfo = NULL;
        char path[4096], enabled[16] = "";
        size_t size;
        bool cpu;

        (void) snprintf(path, sizeof(path), "%s/proc/cpuinfo", d->host.root);
        cpu = read_virtual_file_at(AT_FDCWD, path, 16 * 1024 * 1024, &cpuinfo, &size) >= 0 &&
              strstr((const char *) cpuinfo, "tdx_host_platform");
        (void) pci_host_read(&d->host, "/sys/module/kvm_intel/parameters/tdx", enabled, sizeof(enabled));
        if (!exists(d, "/dev/kvm"))
                find(d, LEVEL_FAIL, "kvm", "enable virtualization (VMX) in the firmware, and load kvm_intel",
                     "there is no /dev/kvm");
        else
                find(d, LEVEL_OK, "kvm", NULL, "/dev/kvm is there");
        if (enabled[0] == 'Y' || enabled[0] == '1')
                find(d, LEVEL_OK, "tdx", NULL, "the kernel hosts TDX guests");
        else if (cpu)
                find(d, LEVEL_FAIL, "tdx", "boot with kvm_intel.tdx=1 on the kernel's command line; dmesg says why when it stays off",
                     "the processor has TDX, and KVM does not use it");
        else
                find(d, LEVEL_FAIL, "tdx", "enable TDX, TME-MT and SEAM in the firmware; it needs a Xeon of the fifth generation or later",
                     "the processor offers no TDX");
}

/* A TDX guest asks for its quotes through it. */
static void check_vsock(Doctor *d) {
        if (exists(d, "/dev/vhost-vsock"))
                find(d, LEVEL_OK, "vsock", NULL, "/dev/vhost-vsock is there");
        else
                find(d, LEVEL_FAIL, "vsock", "modprobe vhost_vsock (CONFIG_VHOST_VSOCK)", "there is no /dev/vhost-vsock");
}

static void check_iommu(Doctor *d) {
        if (!has_entries(d, "/sys/class/iommu"))
                find(d, LEVEL_FAIL, "iommu", "enable VT-d in the firmware, and boot with intel_iommu=on",
                     "no IOMMU is at work");
        else if (!has_entries(d, "/sys/kernel/iommu_groups"))
                find(d, LEVEL_FAIL, "iommu", "boot with intel_iommu=on", "there is an IOMMU, and no device is behind it");
        else
                find(d, LEVEL_OK, "iommu", NULL, "devices are behind an IOMMU");
}

static bool module_is_known(const Doctor *d, const char *index, const char *name) {
        _cleanup_free_ uint8_t *text = NULL;
        char release[128] = "", path[4096];
        size_t size;

        (void) pci_host_read(&d->host, "/proc/sys/kernel/osrelease", release, sizeof(release));
        (void) snprintf(path, sizeof(path), "%s/lib/modules/%s/%s", d->host.root, release, index);
        return read_file_at(AT_FDCWD, path, 16 * 1024 * 1024, &text, &size) >= 0 && strstr((const char *) text, name);
}

static void check_modules(Doctor *d) {
        if (exists(d, "/sys/bus/pci/drivers/vfio-pci"))
                find(d, LEVEL_OK, "vfio-pci", NULL, "the driver is there");
        else if (module_is_known(d, "modules.dep", "/vfio-pci.ko"))
                find(d, LEVEL_OK, "vfio-pci", NULL, "the module is there, and is loaded when cocoon-hostd starts");
        else
                find(d, LEVEL_FAIL, "vfio-pci", "install a kernel with CONFIG_VFIO_PCI", "there is no such driver or module");
        if (exists(d, "/dev/iommu"))
                find(d, LEVEL_OK, "iommufd", NULL, "/dev/iommu is there");
        else
                find(d, LEVEL_NOTE, "iommufd", "only kernels with CONFIG_IOMMUFD have it", "not there; VFIO's groups are used");
}

static void check_lockdown(Doctor *d) {
        if (pci_host_locked_down(&d->host))
                find(d, LEVEL_NOTE, "lockdown", "VFIO is open nevertheless; boot without lockdown to see modes before",
                     "the kernel is locked down: the mode of a GPU is not known before it is prepared");
        else
                find(d, LEVEL_OK, "lockdown", NULL, "the kernel is not locked down");
}

/* What the program prints first, "" when it cannot be run. */
static void run_version(char *ret, size_t size) {
        int fds[2], status;
        ssize_t n = -1;
        pid_t pid;

        ret[0] = 0;
        if (pipe2(fds, O_CLOEXEC) < 0)
                return;
        pid = fork();
        if (pid == 0) {
                if (dup2(fds[1], STDOUT_FILENO) >= 0)
                        (void) execlp(QEMU, QEMU, "--version", NULL);
                _exit(127);
        }
        (void) close(fds[1]);
        if (pid > 0) {
                n = read(fds[0], ret, size - 1);
                (void) waitpid(pid, &status, 0);
        }
        (void) close(fds[0]);
        ret[n > 0 ? n : 0] = 0;
        ret[strcspn(ret, "\n")] = 0;
}

static void check_qemu(Doctor *d) {
        const char *number;
        char text[256];
        int before;

        run_version(text, sizeof(text));
        number = strstr(text, "version ");
        before = number ? is_before(number + strlen("version "), qemu_with_tdx) : -EINVAL;
        if (before < 0)
                find(d, LEVEL_FAIL, "qemu", "install QEMU 10.1 or later", QEMU " is not there, or does not run");
        else if (before)
                find(d, LEVEL_NOTE, "qemu", "QEMU 10.1 is the first with TDX guests, distributions' own backports aside", "%s", text);
        else
                find(d, LEVEL_OK, "qemu", NULL, "%s", text);
}

static void check_daemon(Doctor *d) {
        _cleanup_(sd_bus_flush_close_unrefp) sd_bus *bus = NULL;
        _cleanup_(sd_bus_error_free) sd_bus_error error = SD_BUS_ERROR_NULL;
        _cleanup_free_ char *version = NULL;
        int r;

        r = sd_bus_open_system(&bus);
        if (r >= 0)
                r = sd_bus_get_property_string(bus, CLIENT_NAME, CLIENT_PATH, CLIENT_NAME ".Manager", "Version", &error, &version);
        if (r < 0)
                find(d, LEVEL_FAIL, "cocoon-hostd", "see systemctl status cocoon-hostd", "not on the bus: %s",
                     error.message ?: strerror(-r));
        else
                find(d, LEVEL_OK, "cocoon-hostd", NULL, "version %s is on the bus", version);
}

/* What the driver knows of it; nobody else can ask for the VBIOS while the driver has the GPU. */
static void check_vbios(Doctor *d, const PciDevice *gpu) {
        char path[128], text[2048], *version;

        (void) snprintf(path, sizeof(path), "/proc/driver/nvidia/gpus/%s/information", gpu->address);
        if (pci_host_read(&d->host, path, text, sizeof(text)) < 0 || !(version = strstr(text, "Video BIOS:")))
                return;
        version += strlen("Video BIOS:");
        version += strspn(version, " \t");
        version[strcspn(version, "\n")] = 0;
        find(d, LEVEL_OK, gpu->address, NULL, "VBIOS %s", version);
}

static void check_group(Doctor *d, const PciDevice *gpu) {
        Fault fault = {};
        PciGroup group;
        int r;

        r = pci_group_read(gpu, &group, &fault);
        if (r >= 0)
                r = pci_group_check(gpu, &group, &fault);
        if (r == -EOPNOTSUPP)
                find(d, LEVEL_FAIL, gpu->address, "enable the IOMMU, see above", "is in no IOMMU group");
        else if (r < 0)
                find(d, LEVEL_FAIL, gpu->address, "put the GPU into another slot, or unbind the other device's driver",
                     "%s: expected %s, found %s", fault.what, fault.expected, fault.found);
        else
                find(d, LEVEL_OK, gpu->address, NULL, "IOMMU group %s, %zu companions", group.name, group.n);
}

static void check_driver(Doctor *d, const PciDevice *gpu) {
        char driver[PCI_TEXT_SIZE] = "", users[192];
        PciUsers found = {};

        (void) pci_device_link(gpu, "driver", driver);
        if (strcmp(driver, "vfio-pci") == 0 || !*driver)
                find(d, LEVEL_OK, gpu->address, NULL, "driver %s", *driver ? driver : "none");
        else if (pci_users_find(gpu, &found, NULL) < 0)
                find(d, LEVEL_NOTE, gpu->address, "run as root to see who uses it", "driver %s", driver);
        else if (found.n > 0)
                find(d, LEVEL_NOTE, gpu->address, "end these programs before the GPU is prepared", "driver %s, used by %s",
                     driver, pci_users_text(&found, users));
        else
                find(d, LEVEL_OK, gpu->address, NULL, "driver %s, used by nobody", driver);
}

static void check_gpu(Doctor *d, const PciDevice *gpu) {
        const Chip *chip = chip_from_device_id(gpu->device);
        const char *asleep = pci_device_asleep(gpu);

        if (!chip) {
                find(d, LEVEL_NOTE, gpu->address, "Hopper and Blackwell have one",
                     "%04x:%04x has no Confidential Computing mode", gpu->vendor, gpu->device);
                return;
        }
        find(d, LEVEL_OK, gpu->address, NULL, "%s (%s), capable of Confidential Computing",
             chip_product(gpu->device) ?: chip->name, chip_arch_to_string(chip->arch));
        check_vbios(d, gpu);
        check_driver(d, gpu);
        check_group(d, gpu);
        if (asleep)
                find(d, LEVEL_NOTE, gpu->address, "it is woken when it is prepared", "is in power state %s", asleep);
}

static int by_name(const struct dirent **a, const struct dirent **b) {
        return strcmp((*a)->d_name, (*b)->d_name);
}

static void check_gpus(Doctor *d) {
        struct dirent **names = NULL;
        unsigned n_found = 0;
        char path[4096];
        int n;

        (void) snprintf(path, sizeof(path), "%s/sys/bus/pci/devices", d->host.root);
        n = scandir(path, &names, NULL, by_name);
        for (int i = 0; i < n; i++) {
                char address[PCI_ADDRESS_SIZE];
                PciDevice gpu;

                if (pci_address_parse(names[i]->d_name, address) >= 0 && pci_device_open(&d->host, address, &gpu, NULL) >= 0 &&
                    gpu.vendor == NVIDIA && (gpu.class >> 8 == 0x0300 || gpu.class >> 8 == 0x0302)) {
                        check_gpu(d, &gpu);
                        n_found++;
                }
                free(names[i]);
        }
        free(names);
        if (n_found == 0)
                find(d, LEVEL_FAIL, "gpu", "look for it with lspci -d 10de:", "there is no NVIDIA GPU");
}

static int print_findings(const Doctor *d) {
        for (size_t i = 0; i < json_object_array_length(d->findings); i++) {
                json_object *o = json_object_array_get_idx(d->findings, i);
                const char *level = client_text(o, "Level"), *advice = client_text(o, "Advice");

                (void) printf("%s%-4s%s  %-13s ", terminal_color(stdout, state_color(level)), level,
                              terminal_color(stdout, COLOR_PLAIN), client_text(o, "Subject"));
                print_safely(stdout, client_text(o, "Found"));
                if (*advice)
                        (void) printf("\n%21s%s", "", advice);
                (void) putchar('\n');
        }
        return d->worst == LEVEL_FAIL ? CTL_FAILED : CTL_DONE;
}

int verb_doctor(const CtlOptions *o, char *const *args) {
        static void (*const checks[])(Doctor *d) = {
                check_kernel, check_tdx, check_vsock, check_iommu, check_modules, check_lockdown, check_qemu, check_daemon, check_gpus,
        };
        _cleanup_json_ json_object *findings = json_object_new_array();
        Doctor d = { .host.root = o->root, .findings = findings };

        if (args[0]) {
                log_error("doctor: expected no arguments, found '%s'.", args[0]);
                return CTL_USAGE;
        }
        if (o->host) {
                log_error("doctor: looks at this host only; run it on %s.", o->host);
                return CTL_USAGE;
        }
        if (!findings) {
                (void) log_oom();
                return CTL_FAILED;
        }
        for (size_t i = 0; i < ELEMENTSOF(checks); i++)
                checks[i](&d);
        if (!o->json)
                return print_findings(&d);
        client_print_json(findings);
        return d.worst == LEVEL_FAIL ? CTL_FAILED : CTL_DONE;
}
