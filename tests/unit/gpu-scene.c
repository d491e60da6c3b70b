/* SPDX-License-Identifier: Apache-2.0 */

#include "gpu-scene.h"

#include <string.h>

#define READ_KNOB  0x020cU
#define WRITE_KNOB 0x020dU

int gpu_scene_open(GpuScene *s, SimGpuKind kind) {
        int r;

        *s = (GpuScene){};
        s->access = sim_access_new(kind, &s->clock);
        r = gpu_open(&sim_access_ops, s->access, &s->gpu, &s->fault);
        free(sim_access_take_log(s->access));
        s->access->n_steps = 0;
        return r;
}

void gpu_scene_close(GpuScene *s) {
        s->access = sim_access_free(s->access);
}

/* The value of a line that writes a word of a request, on either way to FSP. */
static bool is_word(const char *line, unsigned *ret) {
        return sscanf(line, "W 8f2ad4=%8x", ret) == 1 || sscanf(line, "W 8f1f88=%8x", ret) == 1;
}

char *gpu_scene_requests(GpuScene *s) {
        _cleanup_free_ char *log = sim_access_take_log(s->access);
        SimBytes text = {};
        unsigned word, writes = 0;
        char *save = NULL;

        sim_bytes_put(&text, "", 0);
        for (char *line = strtok_r(log, "\n", &save); line; line = strtok_r(NULL, "\n", &save)) {
                if (!is_word(line, &word))
                        continue;
                if (writes != 0)
                        sim_bytes_printf(&text, "%sW%u=%u", text.size > 0 ? " " : "", writes, word);
                writes = (word & 0xffff) == WRITE_KNOB && word != 0x1310de7e ? word >> 16 : 0;
                if ((word & 0xffff) == READ_KNOB)
                        sim_bytes_printf(&text, "%sR%u", text.size > 0 ? " " : "", word >> 16);
        }
        return (char *) text.data;
}

char *gpu_scene_registers(GpuScene *s) {
        _cleanup_free_ char *log = sim_access_take_log(s->access);
        SimBytes text = {};
        char *save = NULL;

        sim_bytes_put(&text, "", 0);
        for (char *line = strtok_r(log, "\n", &save); line; line = strtok_r(NULL, "\n", &save))
                if (line[0] != 'C' && line[1] == ' ')
                        sim_bytes_printf(&text, "%s\n", line);
        return (char *) text.data;
}

StageDevice gpu_scene_device(GpuScene *s) {
        return (StageDevice){ .gpu = &s->gpu, .reset = sim_access_reset, .userdata = s->access };
}
