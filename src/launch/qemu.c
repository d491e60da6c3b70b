/* SPDX-License-Identifier: Apache-2.0 */

#include "launch/qemu.h"

#include <inttypes.h>
#include <stdarg.h>
#include <string.h>

#define TDX_OBJECT                                                                                                   \
        "{\"qom-type\":\"tdx-guest\",\"id\":\"tdx\",\"quote-generation-socket\":"                                    \
        "{\"type\":\"vsock\",\"cid\":\"2\",\"port\":\"4050\"}}"

/* A command line that grows; after an error nothing is added any more. */
typedef struct Command {
        char **words;
        int error;
} Command;

static void add_word(Command *c, char *word) {
        if (c->error < 0) {
                free(word);
                return;
        }
        c->error = strv_append(&c->words, word);
}

_printf_(3, 4) static void add(Command *c, const char *option, const char *format, ...) {
        char *value;
        va_list ap;

        add_word(c, strdup(option));
        va_start(ap, format);
        if (vasprintf(&value, format, ap) < 0)
                value = NULL;
        va_end(ap);
        add_word(c, value);
}

/* In a list of properties a comma ends a value, unless it is there twice. */
static char *escape(const char *value) {
        char *escaped = malloc(2 * strlen(value) + 1), *end = escaped;

        if (!escaped)
                return NULL;
        for (; *value; value++) {
                *end++ = *value;
                if (*value == ',')
                        *end++ = ',';
        }
        *end = 0;
        return escaped;
}

/* "key=value" with what is before and behind it; the value escaped. */
static void add_path(Command *c, const char *option, const char *before, const char *path, const char *behind) {
        _cleanup_free_ char *escaped = escape(path);

        if (!escaped)
                c->error = -ENOMEM;
        else
                add(c, option, "%s%s%s", before, escaped, behind);
}

/* In the largest unit that leaves no rest. */
static void size_text(uint64_t size, char ret[static 24]) {
        static const char units[] = "TGMK";

        for (unsigned i = 0; i < 4; i++) {
                unsigned shift = 40 - 10 * i;

                if (size >> shift > 0 && size % (UINT64_C(1) << shift) == 0) {
                        (void) snprintf(ret, 24, "%" PRIu64 "%c", size >> shift, units[i]);
                        return;
                }
        }
        (void) snprintf(ret, 24, "%" PRIu64 "B", size);
}

static void add_machine(Command *c, const Machine *m) {
        char memory[24];

        size_text(m->config->memory, memory);
        add(c, "-machine", "q35%s,memory-backend=mem0%s", m->kvm ? ",kernel-irqchip=split" : "",
            m->config->no_tdx ? "" : ",confidential-guest-support=tdx");
        if (!m->config->no_tdx)
                add(c, "-object", "%s", TDX_OBJECT);
        add(c, "-accel", "%s", m->kvm ? "kvm" : "tcg");
        add(c, "-cpu", "%s", m->kvm ? "host" : "max");
        add(c, "-smp", "%u", m->config->cpus);
        add(c, "-m", "%s", memory);
        add(c, "-object", "memory-backend-ram,id=mem0,size=%s", memory);
}

static void add_kernel(Command *c, const Machine *m) {
        const WorkerConfig *config = m->config;

        if (m->image->firmware)
                add(c, "-bios", "%s", m->image->firmware);
        add(c, "-kernel", "%s", m->image->kernel);
        add(c, "-initrd", "%s", m->image->initrd);
        add(c, "-append", "%s%s%s%s", m->image->command_line, config->test ? " cocoon_debug" : "",
            config->fake_ton ? " cocoon_fake_ton" : "",
            worker_config_gpus(config) > 0 ? " cocoon_gpu" : " modprobe.blacklist=nvidia");
}

/* The console alone, for the journal; what else QEMU would put on a terminal is not there. */
static void add_console(Command *c, const Machine *m) {
        add(c, "-vga", "none");
        add_word(c, strdup("-nographic"));
        add(c, "-serial", "null");
        add(c, "-monitor", "null");
        add(c, "-chardev", "stdio,id=console,signal=off");
        add(c, "-device", "virtio-serial-pci");
        add(c, "-device", "virtconsole,chardev=console");
        add_path(c, "-qmp", "unix:", m->qmp, ",server=on,wait=off");
}

/* What a descriptor of this kind got as its number; QEMU_FD_FIRST - 1 when there is none. */
static int fd_number(const FdPlan *plan, FdKind kind, unsigned gpu) {
        for (size_t i = 0; i < plan->n; i++)
                if (plan->kinds[i] == kind && (kind == FD_IOMMU || kind == FD_VSOCK || plan->gpus[i] == gpu))
                        return QEMU_FD_FIRST + (int) i;
        return QEMU_FD_FIRST - 1;
}

static void add_gpu(Command *c, const Machine *m, const FdPlan *plan, unsigned i) {
        /* Ports need numbers of their own; the first has the one that a single one has. */
        if (i == 0)
                add(c, "-device", "pcie-root-port,id=pci.%u,bus=pcie.0", i);
        else
                add(c, "-device", "pcie-root-port,id=pci.%u,bus=pcie.0,chassis=%u", i, i);
        if (m->groups)
                add(c, "-device", "vfio-pci,host=%s,bus=pci.%u", m->groups[i], i);
        else
                add(c, "-device", "vfio-pci,fd=%d,bus=pci.%u,iommufd=iommufd0", fd_number(plan, FD_DEVICE, i), i);
}

static void add_gpus(Command *c, const Machine *m, const FdPlan *plan) {
        unsigned n = (unsigned) worker_config_gpus(m->config);

        if (n > 0 && !m->groups)
                add(c, "-object", "iommufd,id=iommufd0,fd=%d", fd_number(plan, FD_IOMMU, 0));
        for (unsigned i = 0; i < n; i++)
                add_gpu(c, m, plan, i);
}

/* What comes before a colon would be a protocol to QEMU. */
static const char *disk_prefix(const char *path) {
        return *path != '/' && strchr(path, ':') ? "file=./" : "file=";
}

static void add_disk(Command *c, const char *serial, const char *path, bool writable, const char *more) {
        _cleanup_free_ char *options = NULL;

        if (asprintf(&options, ",if=none,id=%s,format=raw%s", serial, writable ? "" : ",readonly=on") < 0) {
                options = NULL;
                c->error = -ENOMEM;
                return;
        }
        add_path(c, "-drive", disk_prefix(path), path, options);
        add(c, "-device", "virtio-blk-pci,drive=%s,serial=%s%s", serial, serial, more);
}

static void add_disks(Command *c, const Machine *m) {
        add_disk(c, "root", m->image->disk, false, ",bootindex=1");
        add_disk(c, "persistent", m->config->persistent, true, "");
        if (!m->model)
                return;
        add_disk(c, "model-tar", m->model->image, false, "");
        add_disk(c, "model-tar-verity", m->model->tree, false, "");
}

static void add_network(Command *c, const Machine *m) {
        char forwards[_NODE_PORT_MAX * 40] = "";
        size_t length = 0;

        for (NodePort p = 0; p < _NODE_PORT_MAX; p++)
                if (m->config->ports[p] > 0)
                        length += (size_t) snprintf(forwards + length, sizeof(forwards) - length, ",hostfwd=tcp::%u-:%u",
                                                    m->config->ports[p], m->config->guest_ports[p]);
        add(c, "-netdev", "user,id=net0%s", forwards);
        add(c, "-device", "virtio-net-pci,netdev=net0");
}

void machine_plan(const Machine *m, FdPlan *ret) {
        unsigned n = (unsigned) worker_config_gpus(m->config);
        FdPlan plan = {};

        for (unsigned i = 0; i < n && !m->groups; i++) {
                plan.kinds[plan.n] = FD_DEVICE;
                plan.gpus[plan.n++] = i;
        }
        if (n > 0 && !m->groups)
                plan.kinds[plan.n++] = FD_IOMMU;
        if (m->config->vsock_cid > 0)
                plan.kinds[plan.n++] = FD_VSOCK;
        for (unsigned i = 0; i < n; i++) {
                plan.kinds[plan.n] = FD_LEASE;
                plan.gpus[plan.n++] = i;
        }
        if (m->model)
                plan.kinds[plan.n++] = FD_MODEL;
        *ret = plan;
}

int machine_command(const Machine *m, char ***ret) {
        Command c = {};
        FdPlan plan;

        machine_plan(m, &plan);
        add_word(&c, strdup(m->config->qemu));
        add_machine(&c, m);
        add_kernel(&c, m);
        add_console(&c, m);
        if (m->config->vsock_cid > 0)
                add(&c, "-device", "vhost-vsock-pci,guest-cid=%u,vhostfd=%d", m->config->vsock_cid, fd_number(&plan, FD_VSOCK, 0));
        add_gpus(&c, m, &plan);
        add_disks(&c, m);
        add_network(&c, m);
        add_path(&c, "-virtfs", "local,path=", m->spec, ",mount_tag=spec,security_model=mapped,readonly=on");
        for (char *const *word = m->more; word && *word; word++)
                add_word(&c, strdup(*word));
        if (c.error < 0) {
                (void) strv_free(c.words);
                return c.error;
        }
        *ret = c.words;
        return 0;
}

static void print_word(FILE *f, const char *word) {
        static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_=+.,:/@%";

        if (*word && !word[strspn(word, plain)]) {
                (void) fputs(word, f);
                return;
        }
        (void) fputc('\'', f);
        for (; *word; word++)
                if (*word == '\'')
                        (void) fputs("'\\''", f);
                else
                        (void) fputc(*word, f);
        (void) fputc('\'', f);
}

void command_print(FILE *f, char *const *command) {
        for (char *const *word = command; *word; word++) {
                if (word > command)
                        (void) fputs(**word == '-' ? " \\\n        " : " ", f);
                print_word(f, *word);
        }
        (void) fputc('\n', f);
}
