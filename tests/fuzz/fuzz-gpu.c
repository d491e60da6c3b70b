/* SPDX-License-Identifier: Apache-2.0 */

/* A device that lies: the simulated one, but whatever the host reads may be something else instead. The first byte says
 * which device and which mode, then one byte for each read: 0xc0 and up takes four more in the place of the value, the
 * high ones of the rest lets time pass. */

#include <stdlib.h>

#include "basic/cursor.h"
#include "gpu/fsp.h"
#include "gpu/registers.h"
#include "sim/gpu-access.h"

/* Of a switch, whatever the device does: every poll ends, and the first that ends in vain ends the switch. */
#define TIME_MAX (120 * USEC_PER_SEC)

typedef struct Liar {
        SimAccess *access;
        Cursor bytes;
        uint64_t passed; /* µs, by themselves */
} Liar;

static uint32_t lie(Liar *l, uint32_t value) {
        uint32_t other;
        uint8_t choice;

        if (cursor_u8(&l->bytes, &choice) < 0)
                return value;
        if (choice >= 0xc0 && cursor_le32(&l->bytes, &other) >= 0)
                return other;
        if (choice >= 0x80) {
                l->passed += 1000ULL << (choice & 15);
                (void) sim_access_ops.wait_usec(l->access, 1000ULL << (choice & 15));
        }
        return value;
}

static int liar_read32(void *userdata, uint32_t offset, uint32_t *ret) {
        Liar *l = userdata;
        int r = sim_access_ops.read32(l->access, offset, ret);

        *ret = lie(l, *ret);
        return r;
}

static int liar_config_read32(void *userdata, uint32_t offset, uint32_t *ret) {
        Liar *l = userdata;
        int r;

        if (offset > 4092)
                abort();
        r = sim_access_ops.config_read32(l->access, offset, ret);
        *ret = lie(l, *ret);
        return r;
}

static int liar_write32(void *userdata, uint32_t offset, uint32_t value) {
        const Liar *l = userdata;

        return sim_access_ops.write32(l->access, offset, value);
}

static int liar_config_write16(void *userdata, uint32_t offset, uint16_t value) {
        const Liar *l = userdata;

        return sim_access_ops.config_write16(l->access, offset, value);
}

static uint64_t liar_now(void *userdata) {
        const Liar *l = userdata;

        return sim_access_ops.now_usec(l->access);
}

static int liar_wait(void *userdata, uint64_t usec) {
        const Liar *l = userdata;

        return sim_access_ops.wait_usec(l->access, usec);
}

static int liar_reset(void *userdata, Fault *ret_fault) {
        const Liar *l = userdata;

        return sim_access_reset(l->access, ret_fault);
}

static const GpuOps liar_ops = {
        .read32 = liar_read32,
        .write32 = liar_write32,
        .config_read32 = liar_config_read32,
        .config_write16 = liar_config_write16,
        .now_usec = liar_now,
        .wait_usec = liar_wait,
};

static void decode(const Gpu *g, const uint8_t *data, size_t size) {
        uint32_t words[FSP_PACKET_WORDS] = {};
        size_t n = size / 4 < FSP_PACKET_WORDS ? size / 4 : FSP_PACKET_WORDS;
        Cursor c = cursor_of(data, size);
        FspAnswer answer;
        Fault f;

        for (size_t i = 0; i < n; i++)
                (void) cursor_le32(&c, &words[i]);
        if (fsp_decode(g, FSP_NVDM_PRC, words, n, &answer, &f) >= 0 && answer.n_payload > FSP_PAYLOAD_MAX)
                abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        Liar l = { .bytes = cursor_of(data, size) };
        StageDevice d = { .reset = liar_reset, .userdata = &l };
        uint64_t clock = 0;
        uint8_t choice = 0;
        Fault f = {};
        Gpu g;
        int r;

        (void) cursor_u8(&l.bytes, &choice);
        l.access = sim_access_new((SimGpuKind) (choice % SIM_GPU_AUDIO), &clock);
        sim_gpu_set_log(l.access->sim, NULL, NULL);
        sim_gpu_set_times(l.access->sim, &(SimGpuTimes){ .config = 1000, .boot = 100000, .take = 100, .answer = 500 });
        r = gpu_open(&liar_ops, &l, &g, &f);
        if (r < 0 && !f.what[0])
                abort();
        if (r >= 0) {
                CcMode mode = (CcMode) (choice / SIM_GPU_AUDIO % _CC_MODE_MAX);

                decode(&g, data, size);
                d.gpu = &g;
                r = stage_all(&d, 1, mode);
                if (r < 0 && (!d.fault.what[0] || d.error != r))
                        abort();
        }
        if (clock - l.passed > TIME_MAX)
                abort();
        sim_access_free(l.access);
        return 0;
}
