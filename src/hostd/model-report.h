/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* The socket at which the processes of models' units report (model/report.h). Nothing that they say decides how a job
 * ends, which is systemd's word. */

#include "hostd/manager.h"

#define MODEL_REPORT_DIR    "/run/cocoon/hostd"
#define MODEL_REPORT_SOCKET MODEL_REPORT_DIR "/model"

typedef struct ModelJob ModelJob;
typedef struct ModelReports ModelReports;

int model_reports_new(Manager *m, ModelReports **ret);
ModelReports *model_reports_free(ModelReports *r);

/* Whoever reports for a unit that has no job now is sent away. */
void model_reports_settle(ModelReports *r);

/* Hears what the job's process has said until now. */
void model_report_drain(ModelJob *j);

/* The job is no more. */
void model_report_forget(ModelJob *j);
