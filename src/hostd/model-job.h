/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* A build, verification or removal of an image, done by a unit of systemd's: whoever starts the unit starts the job. */

#include "hostd/job.h"
#include "model/report.h"
#include "model/spec.h"

typedef enum ModelAction {
        MODEL_BUILD,
        MODEL_VERIFY,
        MODEL_REMOVE,
        _MODEL_ACTION_MAX,
} ModelAction;

typedef struct ModelJob {
        Job base;
        ModelAction action;
        ModelSpec spec;
        char *unit;
        char *systemd_job;      /* of the unit's start; NULL: not known */
        sd_bus_slot *start;     /* the call that is to start it, not yet answered */
        bool cancel;            /* was asked for */
        bool listed;            /* by systemd, as at work */
        ReportMessage said;     /* its last word, if there was one */
        bool has_said;
        sd_bus_message *answer; /* the call that waits for the end, or NULL */
} ModelJob;

/* Listens to systemd, and adopts what its units do already. 0 or a negative errno. */
int model_jobs_start(Manager *m);

/* Asks systemd which units are at work: those without a job get one, jobs whose unit is gone end, and who reports for a unit
 * that is not at work is sent away. */
void model_jobs_sync(Manager *m);

/* A new job, or the one that does the same. With `error`: -EBUSY when another is in the way. */
int model_job_request(Manager *m, ModelAction action, const ModelSpec *spec, ModelJob **ret, sd_bus_error *error);

/* The job of this kind on the image of this name and commit, or NULL. */
ModelJob *model_job_find(Manager *m, ModelAction action, const ModelSpec *spec);

/* Any of them. */
ModelJob *model_job_find_any(Manager *m, const ModelSpec *spec);

/* The job of a unit, or NULL. */
ModelJob *model_job_find_unit(Manager *m, const char *unit);

/* What its process reports. */
void model_job_report(ModelJob *j, const ReportMessage *message);
