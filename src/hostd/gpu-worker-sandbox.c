/* SPDX-License-Identifier: Apache-2.0 */

#include "hostd/gpu-worker.h"

#include <limits.h>
#include <stdarg.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>

#include "basic/landlock.h"
#include "basic/syscalls.h"
#include "vfio/node.h"
#include "vfio/users.h"

/* What is being allowed. */
typedef struct Rules {
        const PciHost *host;
        int fd, error;
} Rules;

_printf_(3, 4) static void allow(Rules *r, bool write, const char *format, ...) {
        char path[PATH_MAX];
        int n, error;
        va_list ap;

        n = snprintf(path, sizeof(path), "%s", r->host->root);
        va_start(ap, format);
        (void) vsnprintf(path + n, sizeof(path) - (size_t) n, format, ap);
        va_end(ap);
        error = landlock_allow(r->fd, path, write);
        if (error < 0)
                r->error = error;
}

/* Functions of the same card go along and are written to; others of the group are looked at. */
static void allow_devices(Rules *r, const PciDevice *d) {
        size_t slot = strlen(d->address) - 1;
        char path[PATH_MAX], address[PCI_ADDRESS_SIZE];
        _cleanup_closedir_ DIR *dir = NULL;
        struct dirent *entry;

        allow(r, true, "/sys/bus/pci/devices/%s", d->address);
        allow(r, false, "/sys/bus/pci/devices/%s/iommu_group", d->address);
        dir = opendir(pci_device_path(d, "iommu_group/devices", path));
        while (dir && (entry = readdir(dir)))
                if (pci_address_parse(entry->d_name, address) >= 0)
                        allow(r, strncmp(address, d->address, slot) == 0, "/sys/bus/pci/devices/%s", address);
}

static void allow_driver(Rules *r, const char *name) {
        if (*name && *name != '.')
                allow(r, true, "/sys/bus/pci/drivers/%s", name);
}

static void allow_driver_of(Rules *r, const PciHost *host, const char *address) {
        PciDevice d = { .host = host };
        char driver[PCI_TEXT_SIZE];

        (void) snprintf(d.address, sizeof(d.address), "%s", address);
        if (pci_device_link(&d, "driver", driver) >= 0)
                allow_driver(r, driver);
}

/* Those that the devices have, had and get. */
static void allow_drivers(Rules *r, const GpuWorker *w, const PciDevice *d) {
        char path[PATH_MAX], address[PCI_ADDRESS_SIZE];
        _cleanup_closedir_ DIR *dir = NULL;
        struct dirent *entry;

        allow_driver(r, VFIO_PCI);
        allow_driver(r, w->record.binding.driver);
        for (size_t i = 0; i < w->record.n; i++)
                allow_driver(r, w->record.siblings[i].binding.driver);
        allow_driver_of(r, d->host, d->address);
        dir = opendir(pci_device_path(d, "iommu_group/devices", path));
        while (dir && (entry = readdir(dir)))
                if (pci_address_parse(entry->d_name, address) >= 0)
                        allow_driver_of(r, d->host, address);
        allow(r, true, "/sys/bus/pci/drivers_probe");
}

/* The device's own nodes, which are there once it is with VFIO. */
static void allow_nodes(Rules *r, const PciDevice *d) {
        char node[PCI_TEXT_SIZE];

        allow(r, true, "/dev/vfio/vfio");
        allow(r, true, "/dev/iommu");
        if (vfio_group_node(d, node, NULL) >= 0)
                allow(r, true, "/dev/%s", node);
        vfio_cdev_node(d, node);
        if (*node)
                allow(r, true, "/dev/%s", node);
}

static int confine(GpuWorker *w, bool nodes) {
        _cleanup_close_ int fd = landlock_new();
        PciDevice d = { .host = &w->host };
        Rules rules = { .host = &w->host, .fd = fd };
        int r = fd;

        /* The daemon says so, once. */
        if (r == -EOPNOTSUPP)
                return 0;
        if (r >= 0) {
                (void) snprintf(d.address, sizeof(d.address), "%s", w->address);
                allow_devices(&rules, &d);
                allow_drivers(&rules, w, &d);
                allow(&rules, false, "/sys/kernel/security/lockdown");
                if (nodes)
                        allow_nodes(&rules, &d);
                else {
                        allow(&rules, true, "/dev/vfio");
                        allow(&rules, true, "/dev/iommu");
                }
                r = rules.error < 0 ? rules.error : landlock_confine(fd);
        }
        return r < 0 ? fault_set(&w->fault, r, "Landlock", "the worker to be confined to its device", "%s", strerror(-r)) : 0;
}

/* What Landlock does not know of: a worker is root, to whom the system bus would listen, and whose signals reach others of
 * root's. Threads are all that it still makes. */
static int disconnect(GpuWorker *w) {
        static const uint32_t calls[] = {
                SYS_socket, SYS_socketpair, SYS_connect, SYS_bind, SYS_listen, SYS_accept, SYS_accept4, /* others' services */
                SYS_kill, SYS_tkill, SYS_tgkill, SYS_rt_sigqueueinfo, SYS_rt_tgsigqueueinfo, SYS_pidfd_send_signal,
                SYS_pidfd_open, SYS_pidfd_getfd, SYS_ptrace, SYS_process_vm_readv, SYS_process_vm_writev,
                SYS_execve, SYS_execveat,
                SYS_io_uring_setup, SYS_io_uring_enter, SYS_io_uring_register, /* which make calls of their own */
        };
        int r = syscalls_refuse(calls, ELEMENTSOF(calls));

        if (r >= 0 || r == -EOPNOTSUPP)
                return 0;
        return fault_set(&w->fault, r, "seccomp", "the worker to be confined to its device", "%s", strerror(-r));
}

/* What the scanner is asked is an address, and this is its answer. */
typedef struct Found {
        int result;
        Fault fault;
        PciUsers users;
} Found;

/* Ends with the worker. */
_Noreturn static void scan(int fd, const PciHost *host, pid_t worker) {
        char text[PCI_ADDRESS_SIZE];
        ssize_t n;

        while ((n = recv(fd, text, sizeof(text) - 1, 0)) > 0) {
                PciDevice d = { .host = host };
                Found found = { .result = -EINVAL };

                text[n] = '\0';
                if (pci_address_parse(text, d.address) >= 0)
                        found.result = pci_users_find_except(&d, worker, &found.users, &found.fault);
                if (send(fd, &found, sizeof(found), MSG_NOSIGNAL) < 0)
                        break;
        }
        _exit(EXIT_SUCCESS);
}

static int ask_scanner(const PciDevice *d, PciUsers *ret, Fault *ret_fault) {
        int fd = d->host->scanner;
        Found found;

        if (send(fd, d->address, strlen(d->address), MSG_NOSIGNAL) < 0 ||
            recv(fd, &found, sizeof(found), 0) != (ssize_t) sizeof(found))
                return fault_set(ret_fault, EACCES, d->address, "to see who uses it", "nobody who looks");
        if (ret_fault && found.result < 0)
                *ret_fault = found.fault;
        if (found.users.n > PCI_USERS_MAX)
                return fault_set(ret_fault, EACCES, d->address, "to see who uses it", "an answer that makes no sense");
        *ret = found.users;
        return found.result;
}

/* Who is confined may not look at other processes: a child that stays outside, and never touches the device, does. */
static int start_scanner(GpuWorker *w) {
        pid_t pid, worker = getpid();
        int fds[2];

        if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, fds) < 0)
                return fault_set(&w->fault, errno, "scanner", "a socket", "%m");
        pid = fork();
        if (pid == 0) {
                (void) close(fds[0]);
                (void) close(w->fd);
                scan(fds[1], &w->host, worker);
        }
        (void) close(fds[1]);
        if (pid < 0) {
                (void) close(fds[0]);
                return fault_set(&w->fault, errno, "scanner", "a process", "%m");
        }
        w->host.scanner = fds[0];
        w->host.find_users = ask_scanner;
        return 0;
}

int worker_confine(GpuWorker *w) {
        int r;

        r = start_scanner(w);
        if (r >= 0)
                r = confine(w, false);
        return r < 0 ? r : disconnect(w);
}

int worker_confine_to_nodes(GpuWorker *w) {
        return confine(w, true);
}
