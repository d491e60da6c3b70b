/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* What the files of the simulated GPU share. */

#include "sim/gpu.h"

#define SIM_KNOBS       48U /* 0 is none */
#define SIM_CONFIG_SIZE 4096U
#define SIM_EMEM_SIZE   8192U
#define SIM_CHANNELS    8U
#define SIM_WINDOW      1024U
#define SIM_MNOC_WORDS  1040U

#define SIM_ALL_ONES 0xffffffffU
#define SIM_BADF     0xbadf5108U

/* In the order of the table in gpu-fault.c. */
typedef enum SimGpuFaultId {
        SIM_FAULT_UNPLUG,
        SIM_FAULT_CONFIG_DEAD,
        SIM_FAULT_BAR0_ONES,
        SIM_FAULT_BAR0_BADF,
        SIM_FAULT_REGISTER_BADF,
        SIM_FAULT_REGISTER_ONES,
        SIM_FAULT_SECURITY,
        SIM_FAULT_RECOVERY,
        SIM_FAULT_ASLEEP,
        SIM_FAULT_SLEEPS_ON,
        SIM_FAULT_BOOT_NEVER,
        SIM_FAULT_BOOT_SLOW,
        SIM_FAULT_BOOT_BADF,
        SIM_FAULT_FIREWALL_STUCK,
        SIM_FAULT_NO_FIREWALL_BIT,
        SIM_FAULT_CAPABILITY_LOOP,
        SIM_FAULT_RESET_IGNORED,
        SIM_FAULT_RESET_NO_LATCH,
        SIM_FAULT_MODE_INVALID,
        SIM_FAULT_FORBIDDEN,
        SIM_FAULT_WRITE_REFUSED,
        SIM_FAULT_WRITE_IGNORED,
        SIM_FAULT_READ_REFUSED,
        SIM_FAULT_KNOB_MISSING,
        SIM_FAULT_NO_PPCIE,
        SIM_FAULT_DEAF,
        SIM_FAULT_SILENT,
        SIM_FAULT_SLOW,
        SIM_FAULT_ANSWER_TYPE,
        SIM_FAULT_ANSWER_VENDOR,
        SIM_FAULT_ANSWER_REQUEST,
        SIM_FAULT_ANSWER_SPLIT,
        SIM_FAULT_ANSWER_SHORT,
        SIM_FAULT_ANSWER_LONG,
        SIM_FAULT_ANSWER_HUGE,
        SIM_FAULT_ANSWER_ODD,
        SIM_FAULT_ANSWER_BACKWARDS,
        SIM_FAULT_ANSWER_TORN,
        SIM_FAULT_STALE_MESSAGE,
        SIM_FAULT_STALE_COMMAND,
        SIM_FAULT_FLOOD,
        SIM_FAULT_MNOC_COMMAND_ERROR,
        SIM_FAULT_MNOC_MESSAGE_ERROR,
        SIM_FAULT_MNOC_NOT_READY,
        SIM_FAULT_MNOC_NO_CREDIT,
        _SIM_FAULT_MAX,
} SimGpuFaultId;

typedef struct SimGpuFaultState {
        bool armed, happened;
        uint64_t from; /* number of the access */
        uint32_t value;
} SimGpuFaultState;

/* What differs between kinds. */
typedef struct SimGpuModel {
        const char *name;
        uint16_t device_id, subsystem_id;
        uint32_t class;
        uint32_t boot_0, boot_status, cc_mode, ppcie_mode, recovery;
        uint32_t marker; /* 0: none */
        uint64_t bars[6];
        bool mnoc, firewall;
} SimGpuModel;

typedef struct SimPacket {
        uint32_t words[SIM_MNOC_WORDS];
        size_t n;     /* words */
        size_t bytes; /* that count; may end inside the last word */
} SimPacket;

typedef struct SimEmem {
        uint32_t words[SIM_EMEM_SIZE / 4];
        uint32_t control[SIM_CHANNELS];
        uint32_t command_head[SIM_CHANNELS], command_tail[SIM_CHANNELS];
        uint32_t message_head[SIM_CHANNELS], message_tail[SIM_CHANNELS];
        uint32_t torn_head; /* of the message whose tail is there already */
        bool torn, stuck;   /* stuck: a command that FSP forgot about */
} SimEmem;

typedef struct SimMnoc {
        SimPacket in, out;
        uint32_t expected; /* words of the message that comes in; 0: none does */
        bool credit_seen, out_ready;
        size_t out_read;
} SimMnoc;

struct SimGpu {
        SimGpuKind kind;
        const SimGpuModel *model;
        SimGpuTimes times;
        void (*log)(void *userdata, const char *line);
        void *log_userdata;

        uint64_t now, config_at, firewall_at, boot_at;
        uint64_t accesses;
        unsigned violations, resets;
        uint32_t noise; /* for what a register may hold besides its value */

        uint8_t config[SIM_CONFIG_SIZE], writable[SIM_CONFIG_SIZE];
        uint32_t pm, pcie, dvsec;

        uint16_t knobs[SIM_KNOBS];
        bool missing[SIM_KNOBS];
        unsigned mode;
        uint32_t marker, marker_bus;
        uint32_t scratch[64];

        SimEmem emem;
        SimMnoc mnoc;

        /* The one request that FSP works on, and its answer. */
        bool taken, asked;
        unsigned channel;
        uint64_t take_at, answer_at;
        SimPacket answer;

        SimGpuFaultState faults[_SIM_FAULT_MAX];
};

#define SIM_MODE_CC       (1U << 0)
#define SIM_MODE_DEVTOOLS (1U << 1)
#define SIM_MODE_PPCIE    (1U << 2)
#define SIM_MODE_FIREWALL (1U << 3)

void sim_gpu_log(SimGpu *g, const char *format, ...) _printf_(2, 3);
void sim_gpu_violation(SimGpu *g, const char *what);

bool sim_gpu_has(const SimGpu *g, SimGpuFaultId id);
uint32_t sim_gpu_fault_value(const SimGpu *g, SimGpuFaultId id);
bool sim_gpu_booted(const SimGpu *g);
bool sim_gpu_firewall_up(const SimGpu *g);

/* Faults that are events happen when their access comes. */
void sim_gpu_trigger(SimGpu *g);

void sim_config_init(SimGpu *g);
void sim_config_reset(SimGpu *g);
uint32_t sim_config_get(const SimGpu *g, uint32_t offset);
void sim_config_put(SimGpu *g, uint32_t offset, uint32_t value);
/* Whether BAR0 answers, as far as power and the command register go. */
bool sim_config_decodes(const SimGpu *g);

/* FSP's answer to a packet. */
void sim_fsp_answer(SimGpu *g, const SimPacket *request, SimPacket *ret);
/* Makes an answer wrong, as the faults say. */
void sim_fsp_spoil(SimGpu *g, SimPacket *answer);

/* Each: whether the offset is its own. */
bool sim_emem_read(SimGpu *g, uint32_t offset, uint32_t *ret);
bool sim_emem_write(SimGpu *g, uint32_t offset, uint32_t value);
void sim_emem_settle(SimGpu *g);
void sim_emem_stale_message(SimGpu *g);
void sim_emem_stale_command(SimGpu *g);

bool sim_mnoc_read(SimGpu *g, uint32_t offset, uint32_t *ret);
bool sim_mnoc_write(SimGpu *g, uint32_t offset, uint32_t value);
void sim_mnoc_settle(SimGpu *g);
void sim_mnoc_stale_message(SimGpu *g);
