/* SPDX-License-Identifier: Apache-2.0 */

#include "hostd/job.h"

#include <inttypes.h>
#include <stdarg.h>
#include <string.h>
#include <time.h>

#include "basic/clock.h"
#include "basic/log.h"
#include "hostd/error.h"

static const char *const state_names[_JOB_STATE_MAX] = {
        [JOB_WAITING] = "waiting",
        [JOB_RUNNING] = "running",
        [JOB_ENDING]  = "ending",
};

static const char *const result_names[_JOB_RESULT_MAX] = {
        [JOB_DONE]     = "done",
        [JOB_FAILED]   = "failed",
        [JOB_CANCELED] = "canceled",
        [JOB_TIMEOUT]  = "timeout",
};

const char *job_state_to_string(JobState state) {
        return state_names[state];
}

const char *job_result_to_string(JobResult result) {
        return result_names[result];
}

static uint64_t realtime_usec(void) {
        struct timespec t = {};

        (void) clock_gettime(CLOCK_REALTIME, &t);
        return (uint64_t) t.tv_sec * USEC_PER_SEC + (uint64_t) t.tv_nsec / 1000;
}

int job_init(Job *j, Manager *m, const JobOps *ops, const char *kind, const char *subject) {
        _cleanup_free_ char *path = NULL, *copy = strdup(subject);

        do
                m->last_job++;
        while (m->last_job == 0);
        if (asprintf(&path, HOST_BUS_PATH "/job/%" PRIu32, m->last_job) < 0)
                path = NULL;
        if (!path || !copy)
                return -ENOMEM;
        *j = (Job){
                .manager = m,
                .next = m->jobs,
                .ops = ops,
                .id = m->last_job,
                .path = TAKE_PTR(path),
                .kind = kind,
                .subject = TAKE_PTR(copy),
                .started_usec = realtime_usec(),
        };
        m->jobs = j;
        job_bus_new(j);
        return 0;
}

Job *job_free(Job *j) {
        Job **p;

        if (!j)
                return NULL;
        for (p = &j->manager->jobs; *p != j;)
                p = &(*p)->next;
        *p = j->next;
        free(j->path);
        free(j->subject);
        free(j->error);
        free(j->message);
        j->ops->free(j);
        return NULL;
}

void job_set_running(Job *j) {
        j->state = JOB_RUNNING;
        job_bus_changed(j, "State", NULL);
}

void job_set_step(Job *j, const char *step, uint64_t n_done, uint64_t n_total) {
        (void) snprintf(j->step, sizeof(j->step), "%s", step);
        (void) make_printable(j->step);
        j->n_done = n_done;
        j->n_total = n_total;
        job_bus_changed(j, "Step", "Done", "Total", NULL);
}

void job_concludev(Job *j, JobResult result, const char *error, const char *format, va_list ap) {
        j->state = JOB_ENDING;
        j->result = result;
        j->error = error ? strdup(error) : NULL;
        if (!format || vasprintf(&j->message, format, ap) < 0)
                j->message = NULL;
        if (j->message)
                (void) make_printable(j->message);
        job_bus_changed(j, "State", NULL);
}

void job_conclude(Job *j, JobResult result, const char *error, const char *format, ...) {
        va_list ap;

        va_start(ap, format);
        job_concludev(j, result, error, format, ap);
        va_end(ap);
}

void job_finish(Job *j) {
        log_debug("%s: job %" PRIu32 " (%s) is %s", j->subject, j->id, j->kind, job_result_to_string(j->result));
        job_bus_finished(j);
        (void) job_free(j);
}
