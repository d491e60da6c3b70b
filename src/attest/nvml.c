/* SPDX-License-Identifier: Apache-2.0 */

#include "attest/nvml.h"

#include <string.h>

#define LIBRARY "libnvidia-ml.so.1"
#define PACKAGE "its user space part (Debian: libnvidia-ml1)"

struct NvmlSystemState {
        unsigned environment, cc_feature, dev_tools_mode;
};
_Static_assert(sizeof(struct NvmlSystemState) == 12, "nvmlConfComputeSystemState_t");

struct NvmlSettings {
        unsigned version, environment, cc_feature, dev_tools_mode, multi_gpu_mode;
};
_Static_assert(sizeof(struct NvmlSettings) == 20, "nvmlSystemConfComputeSettings_v1_t");

struct NvmlCertificate {
        unsigned cert_chain_size, attestation_cert_chain_size;
        uint8_t cert_chain[0x1000], attestation_cert_chain[NVML_CHAIN_MAX];
};
_Static_assert(sizeof(struct NvmlCertificate) == 9224, "nvmlConfComputeGpuCertificate_t");

struct NvmlReport {
        unsigned is_cec_report_present, report_size, cec_report_size;
        uint8_t nonce[NONCE_SIZE], report[NVML_REPORT_MAX], cec_report[0x1000];
};
_Static_assert(sizeof(struct NvmlReport) == 12332, "nvmlConfComputeGpuAttestationReport_t");

struct NvmlPdi {
        unsigned version;
        uint64_t value;
};
_Static_assert(sizeof(struct NvmlPdi) == 16, "nvmlPdi_v1_t");

#define VERSIONED(type) (unsigned) (sizeof(type) | 1U << 24)

/* nvmlReturn_t, the ones that mean something to whoever runs this. */
enum {
        CODE_NOT_SUPPORTED     = 3,
        CODE_NO_PERMISSION     = 4,
        CODE_DRIVER_NOT_LOADED = 9,
        CODE_FUNCTION_MISSING  = 13,
        CODE_GPU_LOST          = 15,
        CODE_RESET_REQUIRED    = 16,
        CODE_MODULE_MISMATCH   = 18,
        CODE_VERSION_MISMATCH  = 25,
};

static const struct {
        int code, error;
        const char *expected;
} meanings[] = {
        { CODE_NOT_SUPPORTED,     EOPNOTSUPP, "a driver and a GPU that know Confidential Computing"                       },
        { CODE_NO_PERMISSION,     EPERM,      "permission: only root may ask"                                             },
        { CODE_DRIVER_NOT_LOADED, ENODEV,     "the kernel module nvidia to be loaded and to have found a GPU (see dmesg)" },
        { CODE_GPU_LOST,          ENODEV,     "a GPU that answers (see dmesg for Xid errors)"                             },
        { CODE_RESET_REQUIRED,    ENODEV,     "a GPU that needs no reset"                                                 },
        { CODE_MODULE_MISMATCH,   ELIBACC,    "library and kernel module of one driver version"                           },
};

/* Architectures of nvmlDeviceArchitecture_t whose evidence can be appraised. */
static const struct {
        unsigned code;
        Architecture arch;
} architectures[] = {
        { 9,  ARCH_HOPPER    },
        { 10, ARCH_BLACKWELL },
};

static const LibrarySymbol symbols[] = {
        { "nvmlInit_v2",                                   NULL, offsetof(Nvml, init),                  false },
        { "nvmlErrorString",                               NULL, offsetof(Nvml, error_string),          false },
        { "nvmlSystemGetConfComputeState",                 NULL, offsetof(Nvml, system_state),          false },
        { "nvmlSystemGetConfComputeSettings",              NULL, offsetof(Nvml, system_settings),       false },
        { "nvmlSystemGetConfComputeGpusReadyState",        NULL, offsetof(Nvml, get_ready),             false },
        { "nvmlSystemSetConfComputeGpusReadyState",        NULL, offsetof(Nvml, set_ready),             false },
        { "nvmlSystemGetDriverVersion",                    NULL, offsetof(Nvml, system_driver_version), false },
        { "nvmlDeviceGetCount_v2",         "nvmlDeviceGetCount", offsetof(Nvml, device_count),          false },
        { "nvmlDeviceGetHandleByIndex_v2", "nvmlDeviceGetHandleByIndex", offsetof(Nvml, device_by_index), false },
        { "nvmlDeviceGetConfComputeGpuCertificate",        NULL, offsetof(Nvml, device_certificate),    false },
        { "nvmlDeviceGetConfComputeGpuAttestationReport",  NULL, offsetof(Nvml, device_report),         false },
        { "nvmlDeviceGetVbiosVersion",                     NULL, offsetof(Nvml, device_vbios_version),  false },
        { "nvmlDeviceGetUUID",                             NULL, offsetof(Nvml, device_uuid),           false },
        { "nvmlDeviceGetArchitecture",                     NULL, offsetof(Nvml, device_architecture),   false },
        { "nvmlDeviceGetPdi",                              NULL, offsetof(Nvml, device_pdi),            true  },
};

/* What the call that was said last has returned. */
static int judge(const Nvml *n, int code, Fault *f) {
        const char *text = code != 0 ? n->error_string(code) : NULL, *expected = "success";
        int error = EIO;

        if (code == 0)
                return 0;
        for (size_t i = 0; i < ELEMENTSOF(meanings); i++)
                if (meanings[i].code == code) {
                        error = meanings[i].error;
                        expected = meanings[i].expected;
                }
        return fault_set(f, error, n->library.call, expected, "NVML error %d (%.60s)", code, text ?: "no text");
}

/* Says the call, makes it, judges what it returned. */
#define CALL(n, f, name, ...)                              \
        ({                                                 \
                library_say(&(n)->library, name);          \
                judge(n, __VA_ARGS__, f);                  \
        })

int nvml_open(Nvml *n, int pipe, Fault *f) {
        int r;

        *n = (Nvml){ .library.pipe = pipe };
        r = library_load(&n->library, LIBRARY, PACKAGE, symbols, ELEMENTSOF(symbols), n, f);
        if (r < 0)
                return r;
        return CALL(n, f, "nvmlInit_v2", n->init());
}

/* The older call tells a part of what the newer does: a library that contradicts itself is not believed. */
int nvml_system(Nvml *n, Survey *ret, Fault *f) {
        struct NvmlSettings settings = { .version = VERSIONED(struct NvmlSettings) };
        struct NvmlSystemState state = {};
        char version[sizeof(ret->driver_version)] = "";
        int r;

        library_set_subject(&n->library, NULL, 0);
        r = CALL(n, f, "nvmlSystemGetConfComputeState", n->system_state(&state));
        if (r >= 0)
                r = CALL(n, f, "nvmlSystemGetConfComputeSettings", n->system_settings(&settings));
        if (r >= 0 && (state.environment != settings.environment || state.cc_feature != settings.cc_feature ||
                       state.dev_tools_mode != settings.dev_tools_mode))
                r = fault_set(f, EBADMSG, n->library.call, "the same as nvmlSystemGetConfComputeState says", "another state");
        if (r >= 0)
                r = CALL(n, f, "nvmlSystemGetDriverVersion", n->system_driver_version(version, sizeof(version)));
        if (r >= 0)
                r = library_take_text(&n->library, version, ret->driver_version, sizeof(version), f);
        if (r < 0)
                return r;
        ret->environment = settings.environment;
        ret->cc_feature = settings.cc_feature;
        ret->dev_tools_mode = settings.dev_tools_mode;
        ret->multi_gpu_mode = settings.multi_gpu_mode;
        return 0;
}

int nvml_count(Nvml *n, unsigned *ret, Fault *f) {
        library_set_subject(&n->library, NULL, 0);
        return CALL(n, f, "nvmlDeviceGetCount", n->device_count(ret));
}

int nvml_device(Nvml *n, unsigned index, void **ret, Fault *f) {
        library_set_subject(&n->library, "GPU", index);
        return CALL(n, f, "nvmlDeviceGetHandleByIndex", n->device_by_index(index, ret));
}

/* A number whose digits are those in the device's certificate, most significant first. */
static int read_pdi(Nvml *n, void *device, DeviceFacts *ret, Fault *f) {
        struct NvmlPdi pdi = { .version = VERSIONED(struct NvmlPdi) };
        int code, r;

        if (!n->device_pdi)
                return 0;
        library_say(&n->library, "nvmlDeviceGetPdi");
        code = n->device_pdi(device, &pdi);
        if (code == CODE_NOT_SUPPORTED || code == CODE_FUNCTION_MISSING || code == CODE_VERSION_MISMATCH)
                return 0;
        r = judge(n, code, f);
        if (r < 0)
                return r;
        for (unsigned i = 0; i < PDI_SIZE; i++)
                ret->pdi[i] = (uint8_t) (pdi.value >> 8 * (PDI_SIZE - 1 - i));
        ret->have_pdi = true;
        return 0;
}

static Architecture architecture_of(unsigned code) {
        for (size_t i = 0; i < ELEMENTSOF(architectures); i++)
                if (architectures[i].code == code)
                        return architectures[i].arch;
        return _ARCH_INVALID;
}

int nvml_facts(Nvml *n, void *device, unsigned index, DeviceFacts *ret, Fault *f) {
        char uuid[sizeof(ret->uuid)] = "", vbios[sizeof(ret->vbios_version)] = "";
        DeviceFacts facts = { .index = index };
        int r;

        library_set_subject(&n->library, "GPU", index);
        r = CALL(n, f, "nvmlDeviceGetUUID", n->device_uuid(device, uuid, sizeof(uuid)));
        if (r >= 0)
                r = library_take_text(&n->library, uuid, facts.uuid, sizeof(uuid), f);
        if (r >= 0)
                r = CALL(n, f, "nvmlDeviceGetArchitecture", n->device_architecture(device, &facts.arch_code));
        if (r >= 0)
                r = CALL(n, f, "nvmlDeviceGetVbiosVersion", n->device_vbios_version(device, vbios, sizeof(vbios)));
        if (r >= 0)
                r = library_take_text(&n->library, vbios, facts.vbios_version, sizeof(vbios), f);
        if (r >= 0)
                r = read_pdi(n, device, &facts, f);
        if (r < 0)
                return r;
        facts.arch = architecture_of(facts.arch_code);
        *ret = facts;
        return 0;
}

static int take_bytes(const Nvml *n, const uint8_t *data, unsigned size, size_t max, uint8_t *ret, size_t *ret_size,
                      Fault *f) {
        char expected[32];

        if (size == 0 || size > max) {
                (void) snprintf(expected, sizeof(expected), "1 to %zu bytes", max);
                return fault_set(f, EBADMSG, n->library.call, expected, "%u", size);
        }
        memcpy(ret, data, size);
        *ret_size = size;
        return 0;
}

int nvml_report(Nvml *n, void *device, const uint8_t nonce[static NONCE_SIZE], uint8_t ret[static NVML_REPORT_MAX],
                size_t *ret_size, Fault *f) {
        struct NvmlReport report = {};
        int r;

        memcpy(report.nonce, nonce, NONCE_SIZE);
        r = CALL(n, f, "nvmlDeviceGetConfComputeGpuAttestationReport", n->device_report(device, &report));
        return r < 0 ? r : take_bytes(n, report.report, report.report_size, NVML_REPORT_MAX, ret, ret_size, f);
}

int nvml_chain(Nvml *n, void *device, uint8_t ret[static NVML_CHAIN_MAX], size_t *ret_size, Fault *f) {
        struct NvmlCertificate c = {};
        int r;

        r = CALL(n, f, "nvmlDeviceGetConfComputeGpuCertificate", n->device_certificate(device, &c));
        return r < 0 ? r : take_bytes(n, c.attestation_cert_chain, c.attestation_cert_chain_size, NVML_CHAIN_MAX, ret,
                                      ret_size, f);
}

int nvml_ready_set(Nvml *n, bool ready, Fault *f) {
        library_set_subject(&n->library, NULL, 0);
        return CALL(n, f, "nvmlSystemSetConfComputeGpusReadyState", n->set_ready(ready));
}

int nvml_ready_get(Nvml *n, bool *ret, Fault *f) {
        unsigned ready = 0;
        int r;

        library_set_subject(&n->library, NULL, 0);
        r = CALL(n, f, "nvmlSystemGetConfComputeGpusReadyState", n->get_ready(&ready));
        if (r < 0)
                return r;
        if (ready > 1)
                return fault_set(f, EBADMSG, n->library.call, "0 or 1", "%u", ready);
        *ret = ready;
        return 0;
}
