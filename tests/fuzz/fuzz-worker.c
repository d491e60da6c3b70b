/* SPDX-License-Identifier: Apache-2.0 */

#include <stdint.h>
#include <string.h>
#include <sys/mman.h>

#include "basic/cleanup.h"
#include "basic/io.h"
#include "launch/qemu.h"
#include "launch/vars.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void ignore(const char *file, unsigned line, const char *message, void *userdata) {
        if (!message[0])
                abort();
}

/* What every configuration that is taken promises. */
static void check(const WorkerConfig *c) {
        if (!c->owner_address || (c->type == NODE_WORKER && !c->model_spec.name[0]) || worker_config_gpus(c) > WORKER_GPUS_MAX)
                abort();
        for (NodePort p = 0; p < _NODE_PORT_MAX; p++)
                if (c->ports[p] > UINT16_MAX || (c->ports[p] > 0 && c->guest_ports[p] == 0))
                        abort();
}

static void make_command(const WorkerConfig *c) {
        GuestImage image = { .kernel = (char[]){ "k" }, .initrd = (char[]){ "i" }, .disk = (char[]){ "d" },
                             .command_line = (char[]){ "c" } };
        const Machine m = { .config = c, .image = &image, .spec = "s", .qmp = "q" };
        _cleanup_(strv_freep) char **command = NULL;
        FdPlan plan;

        machine_plan(&m, &plan);
        if (plan.n > QEMU_FDS_MAX || machine_command(&m, &command) < 0)
                abort();
}

/* Variables that were read come out as variables that can be read. */
static void read_vars(const uint8_t *data, size_t size) {
        _cleanup_(vars_freep) Vars *v = vars_new(), *again = vars_new();
        _cleanup_free_ char *text = NULL, *same = NULL;

        if (!v || !again || vars_read(v, (const char *) data, size, NULL) < 0)
                return;
        text = vars_text(v);
        if (!text || vars_read(again, text, strlen(text), NULL) < 0)
                abort();
        same = vars_text(again);
        if (!same || strcmp(text, same) != 0)
                abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        _cleanup_close_ int fd = memfd_create("worker.conf", MFD_CLOEXEC);
        _cleanup_(worker_config_done) WorkerConfig config = {};
        char path[64];

        read_vars(data, size);
        if (fd < 0 || write_all(fd, data, size) < 0)
                return 0;
        (void) snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
        if (worker_config_load(path, "worker.conf", NULL, 0, ignore, NULL, &config) < 0)
                return 0;
        check(&config);
        make_command(&config);
        return 0;
}
