/* SPDX-License-Identifier: Apache-2.0 */

#include "sim/gpu-access.h"

#include <string.h>

#include "sim/must.h"

#define KERNEL_FLR_USEC   100000ULL
#define KERNEL_POLL_USEC  10000ULL
#define KERNEL_LIMIT_USEC 60000000ULL

#define COMMAND            0x04U
#define BAR0               0x10U
#define PCIE_CONTROL       0x80U
#define PCIE_CONTROL_FLR   0x8000U

static void append_line(SimBytes *b, const char *line) {
        sim_bytes_put(b, line, strlen(line));
        sim_bytes_put(b, "\n", 1);
}

static void on_log(void *userdata, const char *line) {
        SimAccess *a = userdata;

        append_line(&a->log, line);
}

static void pass(SimAccess *a, uint64_t usec) {
        *a->clock += usec;
        sim_gpu_set_time(a->sim, *a->clock);
}

static int read32(void *userdata, uint32_t offset, uint32_t *ret) {
        SimAccess *a = userdata;

        pass(a, a->cost);
        if (a->access_error < 0 && sim_gpu_accesses(a->sim) >= a->fail_at)
                return a->access_error;
        *ret = sim_gpu_read32(a->sim, offset);
        return 0;
}

static int write32(void *userdata, uint32_t offset, uint32_t value) {
        SimAccess *a = userdata;

        pass(a, a->cost);
        if (a->access_error < 0 && sim_gpu_accesses(a->sim) >= a->fail_at)
                return a->access_error;
        sim_gpu_write32(a->sim, offset, value);
        return 0;
}

static int config_read32(void *userdata, uint32_t offset, uint32_t *ret) {
        SimAccess *a = userdata;

        pass(a, a->cost);
        *ret = sim_gpu_config_read(a->sim, offset, 4);
        return 0;
}

static int config_write16(void *userdata, uint32_t offset, uint16_t value) {
        SimAccess *a = userdata;

        pass(a, a->cost);
        sim_gpu_config_write(a->sim, offset, 2, value);
        return 0;
}

static uint64_t now_usec(void *userdata) {
        const SimAccess *a = userdata;

        return *a->clock;
}

static int wait_usec(void *userdata, uint64_t usec) {
        SimAccess *a = userdata;

        pass(a, usec);
        if (usec > a->longest_wait)
                a->longest_wait = usec;
        return a->cancel_at != 0 && *a->clock >= a->cancel_at ? -ECANCELED : 0;
}

static int step(void *userdata, GpuStep s) {
        SimAccess *a = userdata;

        MUST(a->n_steps < SIM_STEPS_MAX);
        a->steps[a->n_steps++] = s;
        if (s == GPU_STEP_UNSTAGE)
                a->cancel_at = 0;
        return a->refuse_error < 0 && s == a->refuse_step ? a->refuse_error : 0;
}

static void note(void *userdata, const char *text) {
        SimAccess *a = userdata;

        append_line(&a->notes, text);
}

const GpuOps sim_access_ops = {
        .read32 = read32,
        .write32 = write32,
        .config_read32 = config_read32,
        .config_write16 = config_write16,
        .now_usec = now_usec,
        .wait_usec = wait_usec,
        .step = step,
        .note = note,
};

SimAccess *sim_access_new(SimGpuKind kind, uint64_t *clock) {
        SimAccess *a = calloc(1, sizeof(*a));

        MUST(a);
        a->sim = sim_gpu_new(kind);
        a->clock = clock;
        sim_gpu_set_log(a->sim, on_log, a);
        return a;
}

SimAccess *sim_access_free(SimAccess *a) {
        if (a) {
                sim_gpu_free(a->sim);
                sim_bytes_done(&a->log);
                sim_bytes_done(&a->notes);
        }
        free(a);
        return NULL;
}

/* Until configuration space answers. */
static int kernel_wait(const GpuOps *ops, void *userdata, Fault *f) {
        uint64_t start = ops->now_usec(userdata);
        uint32_t value = 0;
        int r = 0;

        while (r >= 0) {
                r = ops->config_read32(userdata, COMMAND, &value);
                if (r < 0 || value != 0xffffffff)
                        break;
                if (ops->now_usec(userdata) - start >= KERNEL_LIMIT_USEC)
                        return fault_set(f, ENOTTY, "reset: configuration space", "an answer within 60 s", "none");
                r = ops->wait_usec(userdata, KERNEL_POLL_USEC);
        }
        return r;
}

int sim_kernel_reset(const GpuOps *ops, void *userdata, Fault *ret_fault) {
        uint32_t bars[6] = {}, command = 0, control = 0;
        int r;

        r = ops->config_read32(userdata, COMMAND, &command);
        for (uint32_t i = 0; i < ELEMENTSOF(bars) && r >= 0; i++)
                r = ops->config_read32(userdata, BAR0 + 4 * i, &bars[i]);
        if (r >= 0)
                r = ops->config_read32(userdata, PCIE_CONTROL, &control);
        if (r >= 0)
                r = ops->config_write16(userdata, PCIE_CONTROL, (uint16_t) (control | PCIE_CONTROL_FLR));
        if (r >= 0)
                r = ops->wait_usec(userdata, KERNEL_FLR_USEC);
        if (r >= 0)
                r = kernel_wait(ops, userdata, ret_fault);
        for (uint32_t i = 0; i < 2 * ELEMENTSOF(bars) && r >= 0; i++)
                r = ops->config_write16(userdata, BAR0 + 2 * i, (uint16_t) (bars[i / 2] >> (i % 2 * 16)));
        return r < 0 ? r : ops->config_write16(userdata, COMMAND, (uint16_t) command);
}

int sim_access_reset(void *userdata, Fault *ret_fault) {
        SimAccess *a = userdata;

        if (a->reset_error < 0)
                return fault_set(ret_fault, a->reset_error, "reset: function", "to be reset", "%s",
                                 strerror(-a->reset_error));
        return sim_kernel_reset(&sim_access_ops, a, ret_fault);
}

char *sim_access_take_log(SimAccess *a) {
        char *log;

        sim_bytes_put(&a->log, "", 0);
        log = (char *) a->log.data;
        a->log = (SimBytes){};
        return log;
}
