/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* A simulated GPU or NVSwitch at the level of its registers: BAR0, configuration space, FSP with its knobs, resets that
 * take time. It shares no code with src/gpu, so that each can be wrong alone. Time is what the owner says that it is.
 *
 * Every access is logged as a line: "R 8f2c10=00000000" and "W …" in BAR0, "CR 004=00100000" and "CW 004=0002" in
 * configuration space (as many digits as bytes), and what happens besides: "RESET flr", "FAULT …", and "VIOLATION …"
 * for what a host must not do. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "basic/cleanup.h"

typedef struct SimGpu SimGpu;

typedef enum SimGpuKind {
        SIM_GPU_HOPPER, /* H100 PCIe */
        SIM_GPU_GB100,  /* B200 */
        SIM_GPU_GB202,
        SIM_GPU_LS10,   /* NVSwitch */
        SIM_GPU_AUDIO,  /* the audio function of a GB202: nothing but configuration space */
        _SIM_GPU_KIND_MAX,
        _SIM_GPU_KIND_INVALID = -1,
} SimGpuKind;

/* µs, all 0 at first: everything is done at the next access. */
typedef struct SimGpuTimes {
        uint64_t config;   /* after a reset until configuration space answers */
        uint64_t firewall; /* from then until the BAR0 firewall is down (Blackwell) */
        uint64_t boot;     /* from then until FSP has booted */
        uint64_t take;     /* until FSP takes a request */
        uint64_t answer;   /* from then until it answers */
} SimGpuTimes;

/* As on a command line: "hopper", "gb100", "gb202", "ls10", "audio". */
SimGpuKind sim_gpu_kind_from_string(const char *name);
const char *sim_gpu_kind_to_string(SimGpuKind kind);

/* Booted, all modes off, all knobs 0 but for those that allow changes from the host. */
SimGpu *sim_gpu_new(SimGpuKind kind);
SimGpu *sim_gpu_free(SimGpu *g);
DEFINE_CLEANUP_FUNC(SimGpu *, sim_gpu_free)

void sim_gpu_set_time(SimGpu *g, uint64_t usec);
void sim_gpu_set_times(SimGpu *g, const SimGpuTimes *times);
const SimGpuTimes *sim_gpu_times(const SimGpu *g);
void sim_gpu_set_log(SimGpu *g, void (*log)(void *userdata, const char *line), void *userdata);

/* BAR0, aligned. */
uint32_t sim_gpu_read32(SimGpu *g, uint32_t offset);
void sim_gpu_write32(SimGpu *g, uint32_t offset, uint32_t value);

/* Configuration space, `size` 1, 2 or 4 and aligned, below 4096. */
uint32_t sim_gpu_config_read(SimGpu *g, uint32_t offset, size_t size);
void sim_gpu_config_write(SimGpu *g, uint32_t offset, size_t size, uint32_t value);

/* Bytes of a BAR, 0 for none. BAR 0 has registers, the others are zeroes that forget what is written. */
uint64_t sim_gpu_bar_size(const SimGpu *g, unsigned bar);

/* A function level reset, or the secondary bus reset that clears a little more. */
void sim_gpu_reset(SimGpu *g, bool bus);

/* Knobs as FSP keeps them, 1 to 47. */
uint16_t sim_gpu_knob(const SimGpu *g, unsigned knob);
void sim_gpu_set_knob(SimGpu *g, unsigned knob, uint16_t value);

/* What is in effect: bits 0 CC, 1 devtools, 2 PPCIe, 3 BAR0 firewall. */
unsigned sim_gpu_mode(const SimGpu *g);

/* What the host did so far. */
uint64_t sim_gpu_accesses(const SimGpu *g);
unsigned sim_gpu_violations(const SimGpu *g);
unsigned sim_gpu_resets(const SimGpu *g);

/* Makes it misbehave from now on: "NAME", "NAME=VALUE", either followed by "@N": after N more accesses. 0, or -EINVAL
 * for no such fault or no number. */
int sim_gpu_fault(SimGpu *g, const char *spec);

/* Takes back all faults; what they have done stays done. */
void sim_gpu_heal(SimGpu *g);

/* The faults one after the other, from 0; NULL after the last. */
const char *sim_gpu_fault_name(size_t i);
const char *sim_gpu_fault_description(size_t i);
