/* SPDX-License-Identifier: Apache-2.0 */

#include "sim/machine.h"

#include <openssl/rand.h>
#include <openssl/sha.h>
#include <poll.h>
#include <stdarg.h>
#include <string.h>
#include <sys/socket.h>

#include "basic/hex.h"
#include "sim/bytes.h"
#include "sim/fake-nscq.h"
#include "sim/fake-nvml.h"
#include "sim/must.h"

#define BOARD_STEP  256U
#define CPU_TDX     2U
#define TNVL_LOCKED 3U
#define UUID_SIZE   16U
#define KEYS_MAX    6U

typedef struct Call {
        SimMachine *machine;
        const SimQuestion *question;
        size_t position;            /* of the device in the scene; SIZE_MAX: none is meant */
        const SimEvidence *evidence; /* of that device */
        SimBehaviour behaviour;
        SimBytes data;
} Call;

void sim_sleep_ms(unsigned ms) {
        struct timespec t = { .tv_sec = ms / 1000, .tv_nsec = (long) (ms % 1000) * 1000000 };

        while (nanosleep(&t, &t) < 0 && errno == EINTR)
                ;
}

void sim_wait_for_end(int fd) {
        struct pollfd p = { .fd = fd, .events = POLLRDHUP };

        while (poll(&p, 1, -1) < 0 && errno == EINTR)
                ;
}

static bool is_value(const Call *c) {
        return c->behaviour.deed == SIM_DEED_VALUE;
}

static void put_u32(Call *c, unsigned long value) {
        uint32_t v = (uint32_t) value;

        sim_bytes_put(&c->data, &v, sizeof(v));
}

/* The number of a word in a list that NULL ends; words that are not in it are numbers themselves. */
static unsigned long word_value(Call *c, const char *key, const char *fallback, const char *const *words) {
        char value[SIM_CONTROL_KEY];

        (void) sim_control_value(c->machine->control, key, fallback, value);
        for (unsigned i = 0; words[i]; i++)
                if (strcmp(words[i], value) == 0)
                        return i;
        return strtoul(value, NULL, 10);
}

/* Protected PCIe is a mode of the whole machine, in which the driver says that the CC feature is off. */
static bool is_protected(const SimMachine *m) {
        for (size_t i = 0; i < m->scene->n_devices; i++)
                if (m->scene->devices[i]->model == SIM_MODEL_HOPPER_PPCIE ||
                    m->scene->devices[i]->model == SIM_MODEL_LS10)
                        return true;
        return false;
}

static void fill_state(Call *c) {
        static const char *const environments[] = { "unavailable", "simulation", "production", NULL };
        static const char *const switched[] = { "off", "on", NULL };

        put_u32(c, word_value(c, "environment", "production", environments));
        put_u32(c, word_value(c, "cc", is_protected(c->machine) ? "off" : "on", switched));
        put_u32(c, word_value(c, "devtools", "off", switched));
}

static void fill_settings(Call *c) {
        static const char *const modes[] = { "none", "ppcie", "nvle", NULL };

        fill_state(c);
        put_u32(c, word_value(c, "multigpu", is_protected(c->machine) ? "ppcie" : "none", modes));
}

static void fill_capabilities(Call *c) {
        put_u32(c, CPU_TDX);
        put_u32(c, 1);
}

static void fill_ready(Call *c) {
        put_u32(c, is_value(c) ? c->behaviour.number : atomic_load(&c->machine->ready));
}

static int32_t set_ready(Call *c) {
        if (is_value(c) && strcmp(c->behaviour.text, "refuse") == 0)
                return NVML_ERROR_NO_PERMISSION;
        if (!is_value(c) || strcmp(c->behaviour.text, "stick") != 0)
                atomic_store(&c->machine->ready, c->question->value);
        return NVML_SUCCESS;
}

static void fill_text(Call *c, const char *text) {
        if (is_value(c))
                text = c->behaviour.text;
        sim_bytes_put(&c->data, text, strlen(text));
}

/* There is one driver for all GPUs; switches have none of their own. */
static void fill_driver(Call *c) {
        const SimScene *s = c->machine->scene;
        const char *version = "";

        for (size_t i = 0; i < s->n_devices && !*version; i++)
                version = s->devices[i]->driver_version;
        fill_text(c, *version ? version : "590.12");
}

static bool is_switch(const SimDevice *d) {
        return d->arch == SIM_ARCH_LS10;
}

static size_t find_device(const SimMachine *m, bool switches, size_t index) {
        for (size_t i = 0; i < m->scene->n_devices; i++)
                if (is_switch(m->scene->devices[i]) == switches && index-- == 0)
                        return i;
        return SIZE_MAX;
}

static void fill_count(Call *c) {
        size_t n = 0;

        while (find_device(c->machine, c->question->is_switch, n) != SIZE_MAX)
                n++;
        put_u32(c, is_value(c) ? c->behaviour.number : n);
}

static void fill_uuid(Call *c) {
        uint8_t digest[SHA256_DIGEST_LENGTH];
        char hex[2 * UUID_SIZE + 1], text[64];

        MUST(SHA256(c->evidence->device->pdi, SIM_PDI_SIZE, digest));
        if (c->question->is_switch) {
                sim_bytes_put(&c->data, digest, UUID_SIZE);
                return;
        }
        hex_encode(digest, UUID_SIZE, hex);
        (void) snprintf(text, sizeof(text), "GPU-%.8s-%.4s-%.4s-%.4s-%.12s", hex, hex + 8, hex + 12, hex + 16,
                        hex + 20);
        fill_text(c, text);
}

static void fill_architecture(Call *c) {
        static const unsigned numbers[_SIM_ARCH_MAX] = {
                [SIM_ARCH_HOPPER] = 9, [SIM_ARCH_BLACKWELL] = 10, [SIM_ARCH_LS10] = 2,
        };

        put_u32(c, is_value(c) ? c->behaviour.number : numbers[c->evidence->device->arch]);
}

static void fill_board(Call *c) {
        put_u32(c, is_value(c) ? c->behaviour.number : BOARD_STEP * (c->position + 1));
}

/* Drivers write hexadecimal digits in either case. */
static void fill_vbios(Call *c) {
        char text[sizeof(c->evidence->device->vbios_version)];

        memcpy(text, c->evidence->device->vbios_version, sizeof(text));
        for (char *p = text; *p; p++)
                *p = *p >= 'A' && *p <= 'F' ? (char) (*p - 'A' + 'a') : *p;
        fill_text(c, text);
}

static void fill_pdi(Call *c) {
        uint8_t pdi[SIM_PDI_SIZE];
        uint64_t value = 0;

        memcpy(pdi, c->evidence->device->pdi, sizeof(pdi));
        if (is_value(c))
                MUST(hex_decode(c->behaviour.text, strlen(c->behaviour.text), pdi, sizeof(pdi)) >= 0);
        for (size_t i = 0; i < sizeof(pdi); i++)
                value = value << 8 | pdi[i];
        sim_bytes_put(&c->data, &value, sizeof(value));
}

static void fill_persistence(Call *c) {
        put_u32(c, is_value(c) ? c->behaviour.number : 1);
}

static void fill_tnvl(Call *c) {
        put_u32(c, is_value(c) ? c->behaviour.number : TNVL_LOCKED);
}

static const SimEvidence *other_evidence(const Call *c) {
        const SimScene *s = c->machine->scene;
        bool switches = is_switch(s->devices[c->position]);

        for (size_t i = 1; i <= s->n_devices; i++) {
                size_t k = (c->position + i) % s->n_devices;

                if (is_switch(s->devices[k]) == switches)
                        return &s->evidence[k];
        }
        return c->evidence;
}

/* The size to report, then what there is; both as the behaviour wants them. */
static void put_blob(Call *c, uint8_t *data, size_t size) {
        size_t claimed;

        switch (c->behaviour.deed) {
        case SIM_DEED_GARBAGE:
                MUST(RAND_bytes(data, (int) size) == 1);
                break;
        case SIM_DEED_EMPTY:
                size = 0;
                break;
        case SIM_DEED_FLIP:
                data[size - 1] ^= 1;
                break;
        default:
                break;
        }
        claimed = c->behaviour.deed == SIM_DEED_HUGE                   ? UINT32_MAX
                  : c->behaviour.deed == SIM_DEED_SIZE || is_value(c) ? c->behaviour.number
                                                                       : size;
        put_u32(c, claimed);
        sim_bytes_put(&c->data, data, size);
}

static void fill_chain(Call *c) {
        const SimEvidence *e = c->behaviour.deed == SIM_DEED_OTHER ? other_evidence(c) : c->evidence;
        _cleanup_free_ char *own = sim_device_chain_pem(e->device), *text = strdup(e->chain ?: own);

        MUST(text);
        put_blob(c, (uint8_t *) text, strlen(text));
}

static void fill_report(Call *c) {
        const SimEvidence *e = c->behaviour.deed == SIM_DEED_OTHER ? other_evidence(c) : c->evidence;
        _cleanup_free_ SimDevice *copy = malloc(sizeof(*copy));
        _cleanup_free_ uint8_t *report = NULL;
        uint8_t nonce[SIM_NONCE_SIZE];
        size_t size;

        MUST(copy);
        *copy = *e->device;
        if (c->behaviour.deed == SIM_DEED_MEASUREMENT)
                copy->digests[c->behaviour.number % SIM_BLOCKS_MAX][0] ^= 1;
        memcpy(nonce, c->question->nonce, sizeof(nonce));
        if (c->behaviour.deed == SIM_DEED_REPLAY)
                MUST(RAND_bytes(nonce, sizeof(nonce)) == 1);
        sim_device_report(copy, nonce, &e->tweaks, &report, &size);
        put_blob(c, report, size);
}

typedef struct CallRow {
        const char *key, *nvml, *nscq; /* in the control file; functions for the log */
        bool of_device;
        void (*fill)(Call *c); /* NULL: the answer is a status alone */
} CallRow;

static const CallRow call_table[_SIM_CALL_MAX] = {
        [SIM_CALL_INIT]         = { "init", "nvmlInit_v2", "session_create", false, NULL },
        [SIM_CALL_STATE]        = { "state", "nvmlSystemGetConfComputeState", NULL, false, fill_state },
        [SIM_CALL_SETTINGS]     = { "settings", "nvmlSystemGetConfComputeSettings", NULL, false, fill_settings },
        [SIM_CALL_CAPABILITIES] = { "capabilities", "nvmlSystemGetConfComputeCapabilities", NULL, false,
                                    fill_capabilities },
        [SIM_CALL_READY_GET]    = { "ready-get", "nvmlSystemGetConfComputeGpusReadyState", NULL, false, fill_ready },
        [SIM_CALL_READY_SET]    = { "ready", "nvmlSystemSetConfComputeGpusReadyState", NULL, false, NULL },
        [SIM_CALL_DRIVER]       = { "driver", "nvmlSystemGetDriverVersion", "version", false, fill_driver },
        [SIM_CALL_COUNT]        = { "count", "nvmlDeviceGetCount", "count", false, fill_count },
        [SIM_CALL_HANDLE]       = { "handle", "nvmlDeviceGetHandleByIndex", "handle", true, NULL },
        [SIM_CALL_UUID]         = { "uuid", "nvmlDeviceGetUUID", "uuid", true, fill_uuid },
        [SIM_CALL_ARCHITECTURE] = { "arch", "nvmlDeviceGetArchitecture", "arch", true, fill_architecture },
        [SIM_CALL_BOARD]        = { "board", "nvmlDeviceGetBoardId", NULL, true, fill_board },
        [SIM_CALL_VBIOS]        = { "vbios", "nvmlDeviceGetVbiosVersion", NULL, true, fill_vbios },
        [SIM_CALL_PDI]          = { "pdi", "nvmlDeviceGetPdi", NULL, true, fill_pdi },
        [SIM_CALL_PERSISTENCE]  = { "persistence", "nvmlDeviceGetPersistenceMode", NULL, true, fill_persistence },
        [SIM_CALL_TNVL]         = { "tnvl", NULL, "pcie_mode", true, fill_tnvl },
        [SIM_CALL_CHAIN]        = { "chain", "nvmlDeviceGetConfComputeGpuCertificate", "certificate", true,
                                    fill_chain },
        [SIM_CALL_REPORT]       = { "report", "nvmlDeviceGetConfComputeGpuAttestationReport", "attestation_report",
                                    true, fill_report },
};

_printf_(3, 4) static void add_key(char keys[][SIM_CONTROL_KEY], size_t *n, const char *format, ...) {
        va_list args;

        MUST(*n < KEYS_MAX);
        va_start(args, format);
        (void) vsnprintf(keys[(*n)++], SIM_CONTROL_KEY, format, args);
        va_end(args);
}

/* The keys that decide about this call; a switch's count and driver have keys of their own. */
static size_t list_keys(const Call *c, char keys[][SIM_CONTROL_KEY]) {
        const CallRow *row = &call_table[c->question->call];
        size_t n = 0;

        if (!row->of_device) {
                add_key(keys, &n, "%s%s", c->question->is_switch ? "nscq-" : "", row->key);
                return n;
        }
        add_key(keys, &n, "all");
        add_key(keys, &n, "%s", row->key);
        add_key(keys, &n, "device %zu all", c->position);
        add_key(keys, &n, "device %zu %s", c->position, row->key);
        if (c->question->call == SIM_CALL_REPORT)
                add_key(keys, &n, "device %zu %s-nonce", c->position, row->key);
        return n;
}

/* `size` is about chains and reports: looked up when nothing else is to be done about them. */
static void find_size(Call *c) {
        char keys[2][SIM_CONTROL_KEY];
        size_t n = 0;

        if (c->behaviour.deed != SIM_DEED_GOOD ||
            (c->question->call != SIM_CALL_REPORT && c->question->call != SIM_CALL_CHAIN))
                return;
        add_key(keys, &n, "size");
        add_key(keys, &n, "device %zu size", c->position);
        c->behaviour = sim_control_find(c->machine->control, keys, n);
}

static bool is_gone(const Call *c) {
        char key[SIM_CONTROL_KEY], value[SIM_CONTROL_KEY];

        if (c->position == SIZE_MAX)
                return false;
        (void) snprintf(key, sizeof(key), "gone %zu", c->position);
        return *sim_control_value(c->machine->control, key, "no", value) == 0;
}

static int32_t fill_answer(Call *c) {
        const CallRow *row = &call_table[c->question->call];
        bool of_switch = c->question->is_switch;

        if (row->of_device && c->position == SIZE_MAX)
                return of_switch ? NSCQ_ERROR_INVALID_UUID : NVML_ERROR_INVALID_ARGUMENT;
        if (is_gone(c))
                return of_switch ? NSCQ_ERROR_DRIVER : NVML_ERROR_GPU_IS_LOST;
        if (c->behaviour.deed == SIM_DEED_ERROR)
                return (int32_t) c->behaviour.number;
        if (c->question->call == SIM_CALL_READY_SET)
                return set_ready(c);
        if (row->fill)
                row->fill(c);
        return 0;
}

static void describe(const SimQuestion *q, char *ret, size_t size) {
        const CallRow *row = &call_table[q->call];
        const char *function = q->is_switch ? row->nscq : row->nvml;

        if (row->of_device || q->call == SIM_CALL_READY_SET)
                (void) snprintf(ret, size, "%s %s %u", q->is_switch ? "nscq" : "nvml", function ?: "none",
                                row->of_device ? q->index : q->value);
        else
                (void) snprintf(ret, size, "%s %s", q->is_switch ? "nscq" : "nvml", function ?: "none");
}

static bool read_question(int fd, SimQuestion *ret) {
        return recv(fd, ret, sizeof(*ret), MSG_WAITALL) == (ssize_t) sizeof(*ret) && ret->call < _SIM_CALL_MAX;
}

static void send_answer(int fd, const Call *c, int32_t status) {
        SimAnswer head = { status, c->behaviour.deed == SIM_DEED_CRASH, (uint32_t) c->data.size };
        _cleanup_bytes_ SimBytes all = {};

        sim_bytes_put(&all, &head, sizeof(head));
        sim_bytes_put(&all, c->data.data, c->data.size);
        /* Whoever asked may be gone: nobody is hurt by that. */
        (void) send(fd, all.data, all.size, MSG_NOSIGNAL);
}

void sim_driver_serve(SimMachine *m, int fd) {
        _cleanup_close_ int owned = fd;
        char keys[KEYS_MAX][SIM_CONTROL_KEY], what[128], result[16];
        SimQuestion question;
        Call c = { .machine = m, .question = &question, .position = SIZE_MAX };
        unsigned number;
        int32_t status;

        if (!read_question(fd, &question))
                return;
        describe(&question, what, sizeof(what));
        number = sim_access_log_begin(m->log, what);
        if (call_table[question.call].of_device)
                c.position = find_device(m, question.is_switch, question.index);
        if (c.position != SIZE_MAX)
                c.evidence = &m->scene->evidence[c.position];
        c.behaviour = sim_control_find(m->control, keys, list_keys(&c, keys));
        find_size(&c);
        sim_sleep_ms(c.behaviour.delay_ms);
        if (c.behaviour.deed == SIM_DEED_HANG) {
                sim_wait_for_end(owned);
                sim_access_log_end(m->log, number, what, "hang");
                return;
        }
        status = fill_answer(&c);
        (void) snprintf(result, sizeof(result), "%d", (int) status);
        sim_access_log_end(m->log, number, what, c.behaviour.deed == SIM_DEED_CRASH ? "crash" : result);
        send_answer(fd, &c, status);
        sim_bytes_done(&c.data);
}
