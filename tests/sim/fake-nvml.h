/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* The part of libnvidia-ml.so.1 that attestation uses, with the library's own names and layouts (NVML API 13). */

#include <stdint.h>

enum {
        NVML_SUCCESS                         = 0,
        NVML_ERROR_UNINITIALIZED             = 1,
        NVML_ERROR_INVALID_ARGUMENT          = 2,
        NVML_ERROR_NOT_SUPPORTED             = 3,
        NVML_ERROR_NO_PERMISSION             = 4,
        NVML_ERROR_INSUFFICIENT_SIZE         = 7,
        NVML_ERROR_DRIVER_NOT_LOADED         = 9,
        NVML_ERROR_GPU_IS_LOST               = 15,
        NVML_ERROR_ARGUMENT_VERSION_MISMATCH = 25,
        NVML_ERROR_UNKNOWN                   = 999,
};

#define NVML_CC_SETTINGS_VERSION 0x01000014U
#define NVML_PDI_VERSION         0x01000010U
#define NVML_CHAIN_MAX           0x1000U
#define NVML_ATTESTATION_MAX     0x1400U
#define NVML_REPORT_MAX          0x2000U
#define NVML_CEC_REPORT_MAX      0x1000U

typedef int nvmlReturn_t;
typedef struct nvmlDevice_st *nvmlDevice_t;

typedef struct nvmlConfComputeSystemState_t {
        unsigned environment, ccFeature, devToolsMode;
} nvmlConfComputeSystemState_t;

typedef struct nvmlSystemConfComputeSettings_t {
        unsigned version, environment, ccFeature, devToolsMode, multiGpuMode;
} nvmlSystemConfComputeSettings_t;

typedef struct nvmlConfComputeSystemCaps_t {
        unsigned cpuCaps, gpusCaps;
} nvmlConfComputeSystemCaps_t;

typedef struct nvmlConfComputeGpuCertificate_t {
        unsigned certChainSize, attestationCertChainSize;
        uint8_t certChain[NVML_CHAIN_MAX], attestationCertChain[NVML_ATTESTATION_MAX];
} nvmlConfComputeGpuCertificate_t;

typedef struct nvmlConfComputeGpuAttestationReport_t {
        unsigned isCecAttestationReportPresent, attestationReportSize, cecAttestationReportSize;
        uint8_t nonce[32], attestationReport[NVML_REPORT_MAX], cecAttestationReport[NVML_CEC_REPORT_MAX];
} nvmlConfComputeGpuAttestationReport_t;

typedef struct nvmlPdi_t {
        unsigned version;
        uint64_t value;
} nvmlPdi_t;

nvmlReturn_t nvmlInit(void);
nvmlReturn_t nvmlInit_v2(void);
nvmlReturn_t nvmlShutdown(void);
const char *nvmlErrorString(nvmlReturn_t result);
nvmlReturn_t nvmlSystemGetConfComputeState(nvmlConfComputeSystemState_t *state);
nvmlReturn_t nvmlSystemGetConfComputeSettings(nvmlSystemConfComputeSettings_t *settings);
nvmlReturn_t nvmlSystemGetConfComputeCapabilities(nvmlConfComputeSystemCaps_t *capabilities);
nvmlReturn_t nvmlSystemGetConfComputeGpusReadyState(unsigned *accepting);
nvmlReturn_t nvmlSystemSetConfComputeGpusReadyState(unsigned accepting);
nvmlReturn_t nvmlSystemGetDriverVersion(char *version, unsigned length);
nvmlReturn_t nvmlDeviceGetCount(unsigned *count);
nvmlReturn_t nvmlDeviceGetCount_v2(unsigned *count);
nvmlReturn_t nvmlDeviceGetHandleByIndex(unsigned index, nvmlDevice_t *device);
nvmlReturn_t nvmlDeviceGetHandleByIndex_v2(unsigned index, nvmlDevice_t *device);
nvmlReturn_t nvmlDeviceGetUUID(nvmlDevice_t device, char *uuid, unsigned length);
nvmlReturn_t nvmlDeviceGetArchitecture(nvmlDevice_t device, unsigned *architecture);
nvmlReturn_t nvmlDeviceGetBoardId(nvmlDevice_t device, unsigned *board);
nvmlReturn_t nvmlDeviceGetVbiosVersion(nvmlDevice_t device, char *version, unsigned length);
nvmlReturn_t nvmlDeviceGetPdi(nvmlDevice_t device, nvmlPdi_t *pdi);
nvmlReturn_t nvmlDeviceGetPersistenceMode(nvmlDevice_t device, unsigned *mode);
nvmlReturn_t nvmlDeviceGetConfComputeGpuCertificate(nvmlDevice_t device, nvmlConfComputeGpuCertificate_t *certificate);
nvmlReturn_t nvmlDeviceGetConfComputeGpuAttestationReport(nvmlDevice_t device,
                                                          nvmlConfComputeGpuAttestationReport_t *report);
