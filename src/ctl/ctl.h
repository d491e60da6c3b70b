/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* What all verbs of cocoonctl have in common. */

#include <stdbool.h>
#include <stdint.h>

/* Exit statuses. */
enum {
        CTL_DONE = 0,
        CTL_FAILED = 1,    /* what was asked for failed, or is not so */
        CTL_USAGE = 2,
        CTL_NO_DAEMON = 3, /* no bus, no cocoon-hostd on it, or it went away */
        CTL_DENIED = 4,
        CTL_NO_GPU = 5,
        CTL_NO_MODEL = 5,
        CTL_NO_WORKER = 5,
};

typedef struct CtlOptions {
        const char *host; /* by SSH; NULL: this one */
        const char *root; /* of doctor and worker: where /sys, /etc and the like are */
        uint64_t patience_usec; /* with a daemon that went away; 0: the usual */
        bool json, wait, all, if_present, follow;
} CtlOptions;

/* `args` ends with NULL. Return an exit status, everything said. */
int verb_gpu_list(const CtlOptions *o, char *const *args);
int verb_gpu_status(const CtlOptions *o, char *const *args);
int verb_gpu_prepare(const CtlOptions *o, char *const *args);
int verb_gpu_restore(const CtlOptions *o, char *const *args);
int verb_model_list(const CtlOptions *o, char *const *args);
int verb_model_status(const CtlOptions *o, char *const *args);
int verb_model_build(const CtlOptions *o, char *const *args);
int verb_model_verify(const CtlOptions *o, char *const *args);
int verb_model_remove(const CtlOptions *o, char *const *args);
int verb_job_list(const CtlOptions *o, char *const *args);
int verb_job_watch(const CtlOptions *o, char *const *args);
int verb_job_cancel(const CtlOptions *o, char *const *args);
int verb_worker_list(const CtlOptions *o, char *const *args);
int verb_worker_status(const CtlOptions *o, char *const *args);
int verb_worker_logs(const CtlOptions *o, char *const *args);
int verb_worker_start(const CtlOptions *o, char *const *args);
int verb_worker_stop(const CtlOptions *o, char *const *args);
int verb_status(const CtlOptions *o, char *const *args);
int verb_doctor(const CtlOptions *o, char *const *args);
