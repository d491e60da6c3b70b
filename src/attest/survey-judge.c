/* SPDX-License-Identifier: Apache-2.0 */

#include <string.h>

#include "attest/nvml.h"
#include "attest/survey.h"

/* nscq_tnvl_status: TNVL mode on, and locked. */
#define TNVL_LOCKED 3

static const char *onoff(unsigned value) {
        return value == 0 ? "off" : value == 1 ? "on" : "unknown";
}

static const char *multi_gpu_word(unsigned value) {
        static const char *const words[] = {
                [NVML_MULTI_GPU_NONE]  = "none",
                [NVML_MULTI_GPU_PPCIE] = "protected PCIe",
                [NVML_MULTI_GPU_NVLE]  = "encrypted NVLink",
        };

        return value < ELEMENTSOF(words) ? words[value] : "unknown";
}

static const char *environment_word(unsigned value) {
        static const char *const words[] = {
                [NVML_ENVIRONMENT_UNAVAILABLE] = "unavailable",
                [NVML_ENVIRONMENT_SIMULATION]  = "simulation",
                [NVML_ENVIRONMENT_PRODUCTION]  = "production",
        };

        return value < ELEMENTSOF(words) ? words[value] : "unknown";
}

/* In protected PCIe mode the CC feature reads as off, and with it what depends on it. */
static int judge_mode(const Survey *s, Fault *f) {
        bool ppcie = s->multi_gpu_mode == NVML_MULTI_GPU_PPCIE;

        if (s->environment == NVML_ENVIRONMENT_SIMULATION)
                return fault_set(f, EPERM, "environment of the GPUs", "production", "simulation");
        if (s->dev_tools_mode != 0)
                return fault_set(f, EPERM, "developer tools mode", "off (it lets the host look into the GPU)", "%s",
                                 onoff(s->dev_tools_mode));
        if (s->multi_gpu_mode > NVML_MULTI_GPU_NVLE)
                return fault_set(f, EPERM, "multi-GPU mode", "none, protected PCIe or encrypted NVLink", "%u", s->multi_gpu_mode);
        if (s->cc_feature > 1 || (s->cc_feature == 0 && !ppcie))
                return fault_set(f, EPERM, "Confidential Computing mode",
                                 "on, or protected PCIe (the host sets it, before the guest starts)", "%s", onoff(s->cc_feature));
        if (s->environment != NVML_ENVIRONMENT_PRODUCTION && !(ppcie && s->environment == NVML_ENVIRONMENT_UNAVAILABLE))
                return fault_set(f, EPERM, "environment of the GPUs", "production", "%s", environment_word(s->environment));
        return 0;
}

static unsigned count_kind(const Survey *s, bool is_switch) {
        unsigned n = 0;

        for (size_t i = 0; i < s->n_devices; i++)
                n += s->devices[i].is_switch == is_switch;
        return n;
}

static int judge_counts(const Survey *s, const SurveyWants *w, Fault *f) {
        const unsigned gpus = count_kind(s, false), switches = count_kind(s, true);
        char expected[32];

        (void) snprintf(expected, sizeof(expected), w->gpus > 0 ? "%u" : "at least one", w->gpus);
        if (w->gpus > 0 ? gpus != w->gpus : gpus == 0)
                return fault_set(f, EPERM, "number of GPUs", expected, "%u", gpus);
        (void) snprintf(expected, sizeof(expected), "%u", w->switches);
        if (w->switches > 0 && switches != w->switches)
                return fault_set(f, EPERM, "number of NVSwitches", expected, "%u", switches);
        if (s->multi_gpu_mode == NVML_MULTI_GPU_PPCIE && switches == 0)
                return fault_set(f, EPERM, "protected PCIe mode", "the NVSwitches, which see what the GPUs exchange", "none");
        return 0;
}

static int judge_device(const Survey *s, const DeviceFacts *d, const DeviceFacts *first_gpu, Fault *f) {
        char name[16], what[48];

        (void) snprintf(what, sizeof(what), "%s: architecture", device_facts_name(d, name));
        if (d->arch == _ARCH_INVALID)
                return fault_set(f, EPERM, what, d->is_switch ? "LS10" : "HOPPER or BLACKWELL", "the driver's number %u",
                                 d->arch_code);
        if (!d->is_switch && d->arch != first_gpu->arch)
                return fault_set(f, EPERM, what, arch_info(first_gpu->arch)->name, "%s", arch_info(d->arch)->name);
        (void) snprintf(what, sizeof(what), "%s: driver version", name);
        if (strcmp(d->driver_version, s->driver_version) != 0)
                return fault_set(f, EPERM, what, s->driver_version, "%s", d->driver_version);
        if (!d->is_switch)
                return 0;
        if (s->multi_gpu_mode != NVML_MULTI_GPU_PPCIE)
                return fault_set(f, EPERM, "NVSwitches", "protected PCIe mode, without which they prove nothing", "multi-GPU mode %s",
                                 multi_gpu_word(s->multi_gpu_mode));
        (void) snprintf(what, sizeof(what), "%s: TNVL mode", name);
        if (d->tnvl != TNVL_LOCKED)
                return fault_set(f, EPERM, what, "on and locked (3)", "%d", d->tnvl);
        return 0;
}

static int judge_distinct(const Survey *s, Fault *f) {
        char name[16], other[16], what[48], expected[64];

        for (size_t i = 0; i < s->n_devices; i++)
                for (size_t k = 0; k <= i; k++) {
                        const DeviceFacts *a = &s->devices[i], *b = &s->devices[k];

                        (void) snprintf(what, sizeof(what), "%s: UUID and PDI", device_facts_name(a, name));
                        (void) snprintf(expected, sizeof(expected), "others than those of %s", device_facts_name(b, other));
                        if (!*a->uuid)
                                return fault_set(f, EPERM, what, "one at least", "none");
                        if (i != k && (strcmp(a->uuid, b->uuid) == 0 ||
                                       (a->have_pdi && b->have_pdi && memcmp(a->pdi, b->pdi, PDI_SIZE) == 0)))
                                return fault_set(f, EPERM, what, expected, "the same");
                }
        return 0;
}

int survey_judge(const Survey *s, const SurveyWants *w, Fault *f) {
        int r;

        r = judge_mode(s, f);
        if (r >= 0)
                r = judge_counts(s, w, f);
        for (size_t i = 0; r >= 0 && i < s->n_devices; i++)
                r = judge_device(s, &s->devices[i], &s->devices[0], f);
        return r < 0 ? r : judge_distinct(s, f);
}

static int compare_text(const char *what, const char *before, const char *after, Fault *f) {
        char expected[192];

        if (strcmp(before, after) == 0)
                return 0;
        (void) snprintf(expected, sizeof(expected), "\"%s\" as before", before);
        return fault_set(f, ESTALE, what, expected, "\"%s\"", after);
}

int device_facts_compare(const DeviceFacts *before, const DeviceFacts *after, Fault *f) {
        char name[16], what[48];
        int r;

        (void) device_facts_name(before, name);
        (void) snprintf(what, sizeof(what), "%s: UUID", name);
        r = compare_text(what, before->uuid, after->uuid, f);
        (void) snprintf(what, sizeof(what), "%s: driver version", name);
        if (r >= 0)
                r = compare_text(what, before->driver_version, after->driver_version, f);
        (void) snprintf(what, sizeof(what), "%s: VBIOS version", name);
        if (r >= 0)
                r = compare_text(what, before->vbios_version, after->vbios_version, f);
        (void) snprintf(what, sizeof(what), "%s: architecture, PDI, TNVL mode", name);
        if (r >= 0 && (before->is_switch != after->is_switch || before->arch_code != after->arch_code ||
                       before->arch != after->arch || before->have_pdi != after->have_pdi ||
                       memcmp(before->pdi, after->pdi, PDI_SIZE) != 0 || before->tnvl != after->tnvl))
                r = fault_set(f, ESTALE, what, "the same as before", "others");
        return r;
}

int survey_compare(const Survey *before, const Survey *after, Fault *f) {
        char expected[32];
        int r;

        r = compare_text("environment of the GPUs", environment_word(before->environment), environment_word(after->environment), f);
        if (r >= 0)
                r = compare_text("Confidential Computing mode", onoff(before->cc_feature), onoff(after->cc_feature), f);
        if (r >= 0)
                r = compare_text("developer tools mode", onoff(before->dev_tools_mode), onoff(after->dev_tools_mode), f);
        if (r >= 0)
                r = compare_text("multi-GPU mode", multi_gpu_word(before->multi_gpu_mode), multi_gpu_word(after->multi_gpu_mode), f);
        if (r >= 0)
                r = compare_text("driver version", before->driver_version, after->driver_version, f);
        (void) snprintf(expected, sizeof(expected), "%zu as before", before->n_devices);
        if (r >= 0 && before->n_devices != after->n_devices)
                r = fault_set(f, ESTALE, "number of devices", expected, "%zu", after->n_devices);
        for (size_t i = 0; r >= 0 && i < before->n_devices; i++)
                r = device_facts_compare(&before->devices[i], &after->devices[i], f);
        return r;
}
