/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* NVIDIA's management library, as much of it as attestation needs (nvml.h of NVML API 13, docs.nvidia.com/deploy/
 * nvml-api), in a probe's child (attest/library.h). A call that is refused gives an errno and a reason with NVML's own
 * number; sizes and texts that the library returns are checked. */

#include "attest/library.h"
#include "attest/nonce.h"
#include "attest/survey.h"

#define NVML_REPORT_MAX 0x2000U
#define NVML_CHAIN_MAX  0x1400U

/* Values of a Survey. */
enum {
        NVML_ENVIRONMENT_UNAVAILABLE = 0,
        NVML_ENVIRONMENT_SIMULATION  = 1,
        NVML_ENVIRONMENT_PRODUCTION  = 2,
        NVML_MULTI_GPU_NONE          = 0,
        NVML_MULTI_GPU_PPCIE         = 1,
        NVML_MULTI_GPU_NVLE          = 2, /* encrypted NVLink */
};

struct NvmlSystemState;
struct NvmlSettings;
struct NvmlCertificate;
struct NvmlReport;
struct NvmlPdi;

/* All of them return a number, 0 for success. */
typedef struct Nvml {
        Library library;
        int (*init)(void);
        const char *(*error_string)(int code);
        int (*system_state)(struct NvmlSystemState *ret);
        int (*system_settings)(struct NvmlSettings *ret);
        int (*get_ready)(unsigned *ret);
        int (*set_ready)(unsigned ready);
        int (*system_driver_version)(char *ret, unsigned size);
        int (*device_count)(unsigned *ret);
        int (*device_by_index)(unsigned index, void **ret);
        int (*device_certificate)(void *device, struct NvmlCertificate *ret);
        int (*device_report)(void *device, struct NvmlReport *report);
        int (*device_vbios_version)(void *device, char *ret, unsigned size);
        int (*device_uuid)(void *device, char *ret, unsigned size);
        int (*device_architecture)(void *device, unsigned *ret);
        int (*device_pdi)(void *device, struct NvmlPdi *ret); /* NULL in older drivers */
} Nvml;

/* Loads and initializes it. -ELIBACC when it cannot be loaded. Like all below: 0, or a negative errno with *f filled;
 * -EOPNOTSUPP, -EPERM, -ENODEV, -EIO after what NVML says, -EBADMSG for an answer that cannot be. */
int nvml_open(Nvml *n, int pipe, Fault *f);

/* Modes and driver version, into *ret. */
int nvml_system(Nvml *n, Survey *ret, Fault *f);

int nvml_count(Nvml *n, unsigned *ret, Fault *f);

int nvml_device(Nvml *n, unsigned index, void **ret, Fault *f);

/* All but the driver's version. */
int nvml_facts(Nvml *n, void *device, unsigned index, DeviceFacts *ret, Fault *f);

int nvml_report(Nvml *n, void *device, const uint8_t nonce[static NONCE_SIZE], uint8_t ret[static NVML_REPORT_MAX],
                size_t *ret_size, Fault *f);

/* PEM text, without a NUL. */
int nvml_chain(Nvml *n, void *device, uint8_t ret[static NVML_CHAIN_MAX], size_t *ret_size, Fault *f);

/* The state of all GPUs: whether they take work. */
int nvml_ready_set(Nvml *n, bool ready, Fault *f);
int nvml_ready_get(Nvml *n, bool *ret, Fault *f);
