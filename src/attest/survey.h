/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* What the driver says of the machine: the mode it is in and the devices that are there. Nothing of it is verified.
 * It decides early and with a reason of its own what no evidence could make good, and it is held against the evidence
 * later. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "attest/arch.h"
#include "attest/opaque.h"
#include "basic/cursor.h"
#include "basic/fault.h"

#define SURVEY_DEVICES_MAX 64U

/* Of one device. Texts are the driver's, but printable; empty where it says nothing. */
typedef struct DeviceFacts {
        Architecture arch; /* _ARCH_INVALID when it is none that can be appraised */
        unsigned arch_code; /* as NVML or NSCQ counts them */
        bool is_switch;
        unsigned index;    /* among its kind, in the driver's order */
        char uuid[80];     /* a switch: its label, "SWX-..." */
        char driver_version[80], vbios_version[32]; /* a switch: no VBIOS version */
        bool have_pdi;     /* only GPUs, and only with drivers that can tell */
        uint8_t pdi[PDI_SIZE]; /* in the order of the device's certificate */
        int tnvl;          /* a switch: bit 0 TNVL mode, bit 1 locked; -1 unknown. Else 0 */
} DeviceFacts;

/* Of the machine, numbers as in nvml.h. */
typedef struct Survey {
        unsigned environment, cc_feature, dev_tools_mode, multi_gpu_mode;
        char driver_version[80];
        DeviceFacts *devices; /* GPUs, then switches */
        size_t n_devices;
} Survey;

typedef struct SurveyWants {
        unsigned gpus, switches; /* how many there must be; 0: any number (of GPUs at least one) */
        bool with_switches;      /* look for switches although the mode is not protected PCIe */
        uint64_t device_timeout_usec; /* for one attempt at one device, or at the survey; 0: only the deadline */
        unsigned retries;        /* after the first attempt */
        uint64_t deadline_usec;  /* of it all, CLOCK_MONOTONIC; 0: none */
} SurveyWants;

/* Asks the driver, in a child process (attest/probe.h). Switches are asked for through NSCQ when they are wanted, and
 * whenever the mode is protected PCIe, where GPUs trust what connects them. 0; -ETIMEDOUT when the driver did not
 * answer in time; -ELIBACC when a library is not there, or not one that can be used; -EPERM, -EOPNOTSUPP, -EIO when
 * the driver refused; -EBADMSG when its answer is none; -ENOMEM or an errno of making processes. The survey is the
 * caller's. *f always says why. */
int survey_take(const SurveyWants *w, Survey **ret, Fault *f);

/* Whether evidence of this machine can be worth anything, and it is the machine that is wanted: 0, or -EPERM with the
 * first reason: CC off (protected PCIe reads as off and is good), a simulation, developer tools, modes, kinds or
 * architectures that do not belong together, the same device twice, other counts than wanted. */
int survey_judge(const Survey *s, const SurveyWants *w, Fault *f);

/* Whether it is the same machine in the same mode: 0, or -ESTALE with the first difference. */
int survey_compare(const Survey *before, const Survey *after, Fault *f);

/* The same of one device. */
int device_facts_compare(const DeviceFacts *before, const DeviceFacts *after, Fault *f);

/* What the child of survey_take() sends: 0, -EBADMSG with *f filled, -ENOMEM. */
int survey_read(Cursor answer, Survey **ret, Fault *f);

/* One device's facts as a RECORD_FACTS (attest/record.h). Reading: 0, or -EBADMSG. */
void device_facts_send(int pipe, const DeviceFacts *d);
int device_facts_read(Cursor body, DeviceFacts *ret);

/* "GPU 3", for messages. Returns `ret`. */
char *device_facts_name(const DeviceFacts *d, char ret[static 16]);

Survey *survey_free(Survey *s);
DEFINE_CLEANUP_FUNC(Survey *, survey_free)
