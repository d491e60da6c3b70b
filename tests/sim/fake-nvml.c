/* SPDX-License-Identifier: Apache-2.0 */

/* libnvidia-ml.so.1 of the simulated machine: `cocoon-sim serve` knows the answers. */

#include "sim/fake-nvml.h"

#include <stdatomic.h>
#include <string.h>

#include "basic/cleanup.h"
#include "sim/wire.h"

#define EXPORT __attribute__((visibility("default")))

_Static_assert(sizeof(nvmlConfComputeSystemState_t) == 12, "as in nvml.h");
_Static_assert(sizeof(nvmlSystemConfComputeSettings_t) == 20, "as in nvml.h");
_Static_assert(sizeof(nvmlConfComputeSystemCaps_t) == 8, "as in nvml.h");
_Static_assert(sizeof(nvmlConfComputeGpuCertificate_t) == 9224, "as in nvml.h");
_Static_assert(sizeof(nvmlConfComputeGpuAttestationReport_t) == 12332, "as in nvml.h");
_Static_assert(sizeof(nvmlPdi_t) == 16, "as in nvml.h");

/* Handles are the addresses of these. */
struct nvmlDevice_st {
        char unused;
};

static struct nvmlDevice_st devices[64];

/* How often the process has initialized the library: the real one counts as well. */
static atomic_uint users;

static nvmlReturn_t ask_with(const SimQuestion *question, void *ret, size_t max, size_t *ret_size) {
        int32_t status;

        if (question->call != SIM_CALL_INIT && atomic_load(&users) == 0)
                return NVML_ERROR_UNINITIALIZED;
        if (sim_wire_ask(question, ret, max, ret_size, &status) < 0)
                return NVML_ERROR_DRIVER_NOT_LOADED;
        return status;
}

static nvmlReturn_t ask(SimCall call, void *ret, size_t max, size_t *ret_size) {
        return ask_with(&(SimQuestion){ .call = call }, ret, max, ret_size);
}

static nvmlReturn_t ask_device(SimCall call, nvmlDevice_t device, const uint8_t *nonce, void *ret, size_t max,
                               size_t *ret_size) {
        SimQuestion question = { .call = call };

        if (device < devices || device >= devices + ELEMENTSOF(devices) || !ret)
                return NVML_ERROR_INVALID_ARGUMENT;
        question.index = (uint32_t) (device - devices);
        if (nonce)
                memcpy(question.nonce, nonce, sizeof(question.nonce));
        return ask_with(&question, ret, max, ret_size);
}

/* An answer that is a number or several. */
static nvmlReturn_t ask_numbers(SimCall call, void *ret, size_t size) {
        return ret ? ask(call, ret, size, NULL) : NVML_ERROR_INVALID_ARGUMENT;
}

/* Hands a text over; it comes without its NUL. */
static nvmlReturn_t give_text(nvmlReturn_t result, const char *text, size_t size, char *ret, unsigned length) {
        if (result != NVML_SUCCESS)
                return result;
        if (!ret)
                return NVML_ERROR_INVALID_ARGUMENT;
        if (length <= size)
                return NVML_ERROR_INSUFFICIENT_SIZE;
        memcpy(ret, text, size);
        ret[size] = 0;
        return NVML_SUCCESS;
}

EXPORT nvmlReturn_t nvmlInit_v2(void) {
        char nothing;
        nvmlReturn_t result = ask(SIM_CALL_INIT, &nothing, 0, NULL);

        if (result == NVML_SUCCESS)
                atomic_fetch_add(&users, 1);
        return result;
}

EXPORT nvmlReturn_t nvmlInit(void) {
        return nvmlInit_v2();
}

EXPORT nvmlReturn_t nvmlShutdown(void) {
        if (atomic_load(&users) == 0)
                return NVML_ERROR_UNINITIALIZED;
        atomic_fetch_sub(&users, 1);
        return NVML_SUCCESS;
}

EXPORT const char *nvmlErrorString(nvmlReturn_t result) {
        static const char *const texts[] = {
                "Success", "Uninitialized", "Invalid Argument", "Not Supported", "Insufficient Permissions",
                "Already Initialized", "Not Found", "Insufficient Size", "Insufficient External Power",
                "Driver Not Loaded", "Timeout", "Interrupt Request Issue", "NVML Shared Library Not Found",
                "Function Not Found", "Corrupted infoROM", "GPU is lost", "GPU requires reset",
                "GPU access blocked by the operating system", "Driver/library version mismatch", "In use by another client",
                "Insufficient Memory", "No data",
        };

        return result >= 0 && (size_t) result < ELEMENTSOF(texts) ? texts[result] : "Unknown Error";
}

EXPORT nvmlReturn_t nvmlSystemGetConfComputeState(nvmlConfComputeSystemState_t *state) {
        return ask_numbers(SIM_CALL_STATE, state, sizeof(*state));
}

EXPORT nvmlReturn_t nvmlSystemGetConfComputeSettings(nvmlSystemConfComputeSettings_t *settings) {
        if (!settings)
                return NVML_ERROR_INVALID_ARGUMENT;
        if (settings->version != NVML_CC_SETTINGS_VERSION)
                return NVML_ERROR_ARGUMENT_VERSION_MISMATCH;
        return ask(SIM_CALL_SETTINGS, &settings->environment, sizeof(*settings) - sizeof(settings->version), NULL);
}

EXPORT nvmlReturn_t nvmlSystemGetConfComputeCapabilities(nvmlConfComputeSystemCaps_t *capabilities) {
        return ask_numbers(SIM_CALL_CAPABILITIES, capabilities, sizeof(*capabilities));
}

EXPORT nvmlReturn_t nvmlSystemGetConfComputeGpusReadyState(unsigned *accepting) {
        return ask_numbers(SIM_CALL_READY_GET, accepting, sizeof(*accepting));
}

EXPORT nvmlReturn_t nvmlSystemSetConfComputeGpusReadyState(unsigned accepting) {
        SimQuestion question = { .call = SIM_CALL_READY_SET, .value = accepting };
        char nothing;

        if (accepting > 1)
                return NVML_ERROR_INVALID_ARGUMENT;
        return ask_with(&question, &nothing, 0, NULL);
}

EXPORT nvmlReturn_t nvmlSystemGetDriverVersion(char *version, unsigned length) {
        nvmlReturn_t result;
        char text[256];
        size_t size = 0;

        result = ask(SIM_CALL_DRIVER, text, sizeof(text), &size);
        return give_text(result, text, size, version, length);
}

EXPORT nvmlReturn_t nvmlDeviceGetCount_v2(unsigned *count) {
        return ask_numbers(SIM_CALL_COUNT, count, sizeof(*count));
}

EXPORT nvmlReturn_t nvmlDeviceGetCount(unsigned *count) {
        return nvmlDeviceGetCount_v2(count);
}

EXPORT nvmlReturn_t nvmlDeviceGetHandleByIndex_v2(unsigned index, nvmlDevice_t *device) {
        nvmlReturn_t result;
        char nothing;

        if (index >= ELEMENTSOF(devices) || !device)
                return NVML_ERROR_INVALID_ARGUMENT;
        result = ask_device(SIM_CALL_HANDLE, &devices[index], NULL, &nothing, 0, NULL);
        if (result == NVML_SUCCESS)
                *device = &devices[index];
        return result;
}

EXPORT nvmlReturn_t nvmlDeviceGetHandleByIndex(unsigned index, nvmlDevice_t *device) {
        return nvmlDeviceGetHandleByIndex_v2(index, device);
}

EXPORT nvmlReturn_t nvmlDeviceGetUUID(nvmlDevice_t device, char *uuid, unsigned length) {
        nvmlReturn_t result;
        char text[256];
        size_t size = 0;

        result = ask_device(SIM_CALL_UUID, device, NULL, text, sizeof(text), &size);
        return give_text(result, text, size, uuid, length);
}

EXPORT nvmlReturn_t nvmlDeviceGetVbiosVersion(nvmlDevice_t device, char *version, unsigned length) {
        nvmlReturn_t result;
        char text[256];
        size_t size = 0;

        result = ask_device(SIM_CALL_VBIOS, device, NULL, text, sizeof(text), &size);
        return give_text(result, text, size, version, length);
}

EXPORT nvmlReturn_t nvmlDeviceGetArchitecture(nvmlDevice_t device, unsigned *architecture) {
        return ask_device(SIM_CALL_ARCHITECTURE, device, NULL, architecture, sizeof(*architecture), NULL);
}

EXPORT nvmlReturn_t nvmlDeviceGetBoardId(nvmlDevice_t device, unsigned *board) {
        return ask_device(SIM_CALL_BOARD, device, NULL, board, sizeof(*board), NULL);
}

EXPORT nvmlReturn_t nvmlDeviceGetPersistenceMode(nvmlDevice_t device, unsigned *mode) {
        return ask_device(SIM_CALL_PERSISTENCE, device, NULL, mode, sizeof(*mode), NULL);
}

EXPORT nvmlReturn_t nvmlDeviceGetPdi(nvmlDevice_t device, nvmlPdi_t *pdi) {
        if (!pdi)
                return NVML_ERROR_INVALID_ARGUMENT;
        if (pdi->version != NVML_PDI_VERSION)
                return NVML_ERROR_ARGUMENT_VERSION_MISMATCH;
        return ask_device(SIM_CALL_PDI, device, NULL, &pdi->value, sizeof(pdi->value), NULL);
}

/* The size that the server has the library report is what it is: it may be more than there is room for. */
static nvmlReturn_t ask_blob(SimCall call, nvmlDevice_t device, const uint8_t *nonce, unsigned *ret_size, uint8_t *ret,
                             size_t max) {
        uint8_t answer[sizeof(uint32_t) + NVML_REPORT_MAX];
        nvmlReturn_t result;
        uint32_t claimed;
        size_t size = 0;

        result = ask_device(call, device, nonce, answer, sizeof(claimed) + max, &size);
        if (result != NVML_SUCCESS)
                return result;
        if (size < sizeof(claimed))
                return NVML_ERROR_UNKNOWN;
        memcpy(&claimed, answer, sizeof(claimed));
        memcpy(ret, answer + sizeof(claimed), size - sizeof(claimed));
        *ret_size = claimed;
        return NVML_SUCCESS;
}

EXPORT nvmlReturn_t nvmlDeviceGetConfComputeGpuCertificate(nvmlDevice_t device,
                                                           nvmlConfComputeGpuCertificate_t *certificate) {
        if (!certificate)
                return NVML_ERROR_INVALID_ARGUMENT;
        certificate->certChainSize = 0;
        return ask_blob(SIM_CALL_CHAIN, device, NULL, &certificate->attestationCertChainSize,
                        certificate->attestationCertChain, sizeof(certificate->attestationCertChain));
}

EXPORT nvmlReturn_t nvmlDeviceGetConfComputeGpuAttestationReport(nvmlDevice_t device,
                                                                 nvmlConfComputeGpuAttestationReport_t *report) {
        if (!report)
                return NVML_ERROR_INVALID_ARGUMENT;
        report->isCecAttestationReportPresent = 0;
        report->cecAttestationReportSize = 0;
        return ask_blob(SIM_CALL_REPORT, device, report->nonce, &report->attestationReportSize,
                        report->attestationReport, sizeof(report->attestationReport));
}
