/* SPDX-License-Identifier: Apache-2.0 */

/* How long the steps of a switch of modes take, and how much of that is ours rather than the device's:
 *
 *   bench-gpu SOCKET on|off|ppcie
 *
 * SOCKET is a device's of cocoon-sim-gpu. */

#include <stdlib.h>
#include <string.h>

#include "basic/clock.h"
#include "sim/gpu-client.h"

static SimClient *client;
static GpuStep current;
static uint64_t begun, all[_GPU_STEP_MAX], waited[_GPU_STEP_MAX];
static unsigned accesses;

/* Of the step that ends here. */
static int on_step(void *userdata, GpuStep step) {
        uint64_t now = monotonic_usec();

        all[current] += now - begun;
        begun = now;
        current = step;
        return 0;
}

static int on_wait(void *userdata, uint64_t usec) {
        uint64_t begin = monotonic_usec();
        int r = sim_client_ops.wait_usec(userdata, usec);

        waited[current] += monotonic_usec() - begin;
        return r;
}

static int on_reset(void *userdata, Fault *ret_fault) {
        uint64_t begin = monotonic_usec();
        int r = sim_client_reset(userdata, ret_fault);

        waited[current] += monotonic_usec() - begin;
        return r;
}

static int on_read(void *userdata, uint32_t offset, uint32_t *ret) {
        accesses++;
        return sim_client_ops.read32(userdata, offset, ret);
}

static int on_write(void *userdata, uint32_t offset, uint32_t value) {
        accesses++;
        return sim_client_ops.write32(userdata, offset, value);
}

static void print(void) {
        uint64_t total = 0, own = 0;

        for (GpuStep s = 0; s < _GPU_STEP_MAX; s++) {
                if (all[s] == 0)
                        continue;
                (void) printf("%-24s %9.3f ms, of which ours %7.3f ms\n", gpu_step_to_string(s), (double) all[s] / 1000,
                              (double) (all[s] - waited[s]) / 1000);
                total += all[s];
                own += all[s] - waited[s];
        }
        (void) printf("%-24s %9.3f ms, of which ours %7.3f ms, in %u accesses\n", "all", (double) total / 1000,
                      (double) own / 1000, accesses);
}

int main(int argc, char *argv[]) {
        static const char *const modes[] = { [CC_MODE_OFF] = "off", [CC_MODE_ON] = "on", [CC_MODE_PPCIE] = "ppcie" };
        StageDevice d = { .reset = on_reset };
        GpuOps ops = sim_client_ops;
        CcMode mode = _CC_MODE_MAX;
        Fault fault = {};
        Gpu g;
        int r;

        for (size_t i = 0; argc == 3 && i < ELEMENTSOF(modes); i++)
                if (modes[i] && strcmp(modes[i], argv[2]) == 0)
                        mode = (CcMode) i;
        if (mode == _CC_MODE_MAX || sim_client_new(argv[1], &client) < 0) {
                (void) fprintf(stderr, "usage: %s SOCKET on|off|ppcie\n", argv[0]);
                return EXIT_FAILURE;
        }
        ops.step = on_step;
        ops.wait_usec = on_wait;
        ops.read32 = on_read;
        ops.write32 = on_write;
        d.gpu = &g;
        d.userdata = client;
        begun = monotonic_usec();
        r = gpu_open(&ops, client, &g, &fault);
        if (r >= 0) {
                r = stage_all(&d, 1, mode);
                fault = d.fault;
        }
        (void) on_step(NULL, current);
        if (r < 0)
                (void) fprintf(stderr, "%s: expected %s, found %s\n", fault.what, fault.expected, fault.found);
        else
                print();
        client = sim_client_free(client);
        return r < 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}
