/* SPDX-License-Identifier: Apache-2.0 */

#include "hostd/model-job.h"

#include <stdarg.h>
#include <string.h>

#include "basic/log.h"
#include "basic/unit-name.h"
#include "hostd/error.h"
#include "hostd/messages.h"
#include "hostd/model-report.h"
#include "hostd/model-store.h"

#define SYSTEMD_NAME      "org.freedesktop.systemd1"
#define SYSTEMD_PATH      "/org/freedesktop/systemd1"
#define SYSTEMD_INTERFACE "org.freedesktop.systemd1.Manager"

#define MATCH_SYSTEMD                                                                                                  \
        "type='signal',sender='org.freedesktop.DBus',interface='org.freedesktop.DBus',member='NameOwnerChanged',arg0='" \
        SYSTEMD_NAME "'"

/* Units at work at a time; each costs a process and a share of disk and network. */
#define JOBS_MAX 64U

static const struct {
        const char *kind, *unit;
} actions[_MODEL_ACTION_MAX] = {
        [MODEL_BUILD]  = { "build",  "cocoon-model@"        },
        [MODEL_VERIFY] = { "verify", "cocoon-model-verify@" },
        [MODEL_REMOVE] = { "remove", "cocoon-model-remove@" },
};

static void free_job(Job *base) {
        ModelJob *j = (ModelJob *) base; /* of which it is the first member */

        model_report_forget(j);
        (void) sd_bus_slot_unref(j->start);
        (void) sd_bus_message_unref(j->answer);
        free(j->unit);
        free(j->systemd_job);
        free(j);
}

static void cancel_job(Job *base);

static const JobOps job_ops = { .action = ACTION_MANAGE_MODELS, .cancel = cancel_job, .free = free_job };

static ModelJob *model_job(Job *j) {
        return j->ops == &job_ops ? (ModelJob *) j : NULL;
}

static bool is_alive(const ModelJob *j) {
        return j->base.state != JOB_ENDING && !j->cancel;
}

ModelJob *model_job_find(Manager *m, ModelAction action, const ModelSpec *spec) {
        for (Job *base = m->jobs; base; base = base->next) {
                ModelJob *j = model_job(base);

                if (j && j->action == action && base->state != JOB_ENDING && strcmp(j->spec.name, spec->name) == 0 &&
                    strcmp(j->spec.commit, spec->commit) == 0)
                        return j;
        }
        return NULL;
}

ModelJob *model_job_find_any(Manager *m, const ModelSpec *spec) {
        ModelJob *j = NULL;

        for (ModelAction a = 0; a < _MODEL_ACTION_MAX && !j; a++)
                j = model_job_find(m, a, spec);
        return j;
}

ModelJob *model_job_find_unit(Manager *m, const char *unit) {
        for (Job *base = m->jobs; base; base = base->next) {
                ModelJob *j = model_job(base);

                if (j && base->state != JOB_ENDING && strcmp(j->unit, unit) == 0)
                        return j;
        }
        return NULL;
}

/* What the process called an error, in the words of the bus. */
static const char *error_name(const ModelJob *j) {
        static const struct {
                const char *errno_name, *error;
        } errors[] = {
                { "EACCES",       HOST_ERROR_NOT_PERMITTED   },
                { "EPERM",        HOST_ERROR_NOT_PERMITTED   },
                { "ENOENT",       HOST_ERROR_NO_SUCH_MODEL   },
                { "ENOSPC",       HOST_ERROR_NO_SPACE        },
                { "EDQUOT",       HOST_ERROR_NO_SPACE        },
                { "EKEYREJECTED", HOST_ERROR_HASH_MISMATCH   },
                { "ECONNREFUSED", HOST_ERROR_HUB_UNAVAILABLE },
                { "EHOSTUNREACH", HOST_ERROR_HUB_UNAVAILABLE },
                { "ENETDOWN",     HOST_ERROR_HUB_UNAVAILABLE },
                { "ETIMEDOUT",    HOST_ERROR_HUB_UNAVAILABLE },
        };

        if (strcmp(j->said.errno_name, "EBADMSG") == 0 && j->action == MODEL_VERIFY)
                return HOST_ERROR_HASH_MISMATCH;
        if (strcmp(j->said.errno_name, "EBUSY") == 0)
                return j->action == MODEL_REMOVE ? HOST_ERROR_IN_USE : HOST_ERROR_HUB_UNAVAILABLE;
        for (size_t i = 0; i < ELEMENTSOF(errors); i++)
                if (strcmp(errors[i].errno_name, j->said.errno_name) == 0)
                        return errors[i].error;
        return HOST_ERROR_MODEL_FAILED;
}

static void answer(ModelJob *j) {
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *call = TAKE_PTR(j->answer);

        if (call && j->base.result == JOB_DONE)
                (void) sd_bus_reply_method_return(call, NULL);
        else if (call)
                (void) sd_bus_reply_method_errorf(call, j->base.error, "%s", j->base.message ?: "");
}

/* Whoever is not there to wait for it finds it in the journal. */
static void log_end(const ModelJob *j) {
        const Job *job = &j->base;
        const LogField fields[] = {
                { "COCOON_MODEL", job->subject }, { "COCOON_JOB", job->kind },       { "COCOON_UNIT", j->unit },
                { "COCOON_ERROR", job->error },   { "COCOON_REASON", job->message },
        };

        if (job->result == JOB_DONE)
                log_record(LOG_NOTICE, MESSAGE_MODEL_DONE, fields, ELEMENTSOF(fields), "%s: %s is done", job->subject, job->kind);
        else
                log_record(LOG_ERR, MESSAGE_MODEL_FAILED, fields, ELEMENTSOF(fields), "%s: %s is not done: %s", job->subject,
                           job->kind, job->message ?: "for an unknown reason");
}

_printf_(4, 5) static void end(ModelJob *j, JobResult result, const char *error, const char *format, ...) {
        Manager *m = j->base.manager;
        va_list ap;

        va_start(ap, format);
        job_concludev(&j->base, result, error, format, ap);
        va_end(ap);
        log_end(j);
        /* Who is told of the end finds what it led to. */
        model_store_refresh(m->models);
        answer(j);
        job_finish(&j->base);
}

/* `result` as systemd calls it (org.freedesktop.systemd1(5), JobRemoved). */
static void end_as(ModelJob *j, const char *result) {
        model_report_drain(j);
        if (strcmp(result, "done") == 0)
                end(j, JOB_DONE, NULL, "%s", j->has_said && j->said.kind == REPORT_DONE ? j->said.spec : "");
        else if (j->cancel || strcmp(result, "canceled") == 0)
                end(j, JOB_CANCELED, HOST_ERROR_CANCELED, "%s was stopped.%s", j->unit,
                    j->action == MODEL_BUILD ? " The next build goes on with what is downloaded." : "");
        else if (j->has_said && j->said.kind == REPORT_FAILED)
                end(j, JOB_FAILED, error_name(j), "%s", j->said.message);
        else
                end(j, strcmp(result, "timeout") == 0 ? JOB_TIMEOUT : JOB_FAILED, HOST_ERROR_MODEL_FAILED,
                    "%s: expected it to end well, found result '%s' in step %s. See journalctl -u '%s'.", j->unit, result,
                    j->base.step[0] ? j->base.step : "none", j->unit);
}

static int on_job_removed(sd_bus_message *message, void *userdata, sd_bus_error *error) {
        const char *job, *unit, *result;
        uint32_t id;
        ModelJob *j;

        if (sd_bus_message_read(message, "uoss", &id, &job, &unit, &result) < 0)
                return 0;
        j = model_job_find_unit(userdata, unit);
        /* Not the end of an earlier run, while this one is only asked for. */
        if (!j || j->start || (j->systemd_job && strcmp(j->systemd_job, job) != 0))
                return 0;
        end_as(j, result);
        return 0;
}

static int on_stopped(sd_bus_message *reply, void *userdata, sd_bus_error *error) {
        if (sd_bus_message_is_method_error(reply, NULL))
                log_warning("A unit could not be stopped: %s", sd_bus_message_get_error(reply)->message);
        return 0;
}

static void cancel_job(Job *base) {
        ModelJob *j = (ModelJob *) base;

        if (!is_alive(j))
                return;
        j->cancel = sd_bus_call_method_async(base->manager->bus, NULL, SYSTEMD_NAME, SYSTEMD_PATH, SYSTEMD_INTERFACE, "StopUnit",
                                             on_stopped, NULL, "ss", j->unit, "replace") >= 0;
}

static int on_started(sd_bus_message *reply, void *userdata, sd_bus_error *error) {
        ModelJob *j = userdata;
        const sd_bus_error *e = sd_bus_message_get_error(reply);
        const char *job;

        j->start = sd_bus_slot_unref(j->start);
        if (e) {
                end(j, JOB_FAILED, HOST_ERROR_MODEL_FAILED, "%s: expected systemd to start it, found: %s.", j->unit,
                    e->message ?: e->name);
                return 0;
        }
        if (sd_bus_message_read(reply, "o", &job) >= 0)
                j->systemd_job = strdup(job);
        job_set_running(&j->base);
        return 0;
}

static int new_job(Manager *m, ModelAction action, const ModelSpec *spec, const char *unit, ModelJob **ret) {
        _cleanup_free_ ModelJob *j = calloc(1, sizeof(*j));
        _cleanup_free_ char *name = strdup(unit);
        char subject[MODEL_SPEC_TEXT_MAX];
        int r;

        if (!j || !name)
                return -ENOMEM;
        j->action = action;
        j->spec = *spec;
        r = job_init(&j->base, m, &job_ops, actions[action].kind, model_spec_format(spec, true, subject));
        if (r < 0)
                return r;
        j->unit = TAKE_PTR(name);
        *ret = TAKE_PTR(j);
        if (action == MODEL_VERIFY)
                model_store_refresh(m->models);
        return 0;
}

static size_t count_jobs(const Manager *m) {
        size_t n = 0;

        for (Job *base = m->jobs; base; base = base->next)
                n += model_job(base) ? 1 : 0;
        return n;
}

/* Images are taken apart and put together by one at a time; two builds of one share their work by themselves. */
static int refuse_busy(Manager *m, ModelAction action, const ModelSpec *spec, sd_bus_error *error) {
        ModelJob *other = action == MODEL_BUILD ? model_job_find(m, MODEL_REMOVE, spec) : model_job_find_any(m, spec);

        if (other)
                return host_error_set(error, HOST_ERROR_BUSY, "%s: job %u (%s) is at work on it. Wait for it, or cancel it.",
                                      other->base.subject, other->base.id, other->base.kind);
        if (count_jobs(m) >= JOBS_MAX)
                return host_error_set(error, HOST_ERROR_LIMITS_EXCEEDED, "%u jobs are at work on models. Wait for one of them.",
                                      JOBS_MAX);
        return 0;
}

int model_job_request(Manager *m, ModelAction action, const ModelSpec *spec, ModelJob **ret, sd_bus_error *error) {
        char text[MODEL_SPEC_TEXT_MAX];
        _cleanup_free_ char *unit = NULL;
        ModelJob *j;
        int r;

        r = unit_name_make(actions[action].unit, model_spec_format(spec, true, text), &unit);
        if (r == -ENAMETOOLONG)
                return host_error_set(error, HOST_ERROR_INVALID_SPECIFICATION,
                                      "%s: expected a specification that fits into the name of a unit, found a longer one.", text);
        if (r < 0)
                return r;
        j = model_job_find_unit(m, unit);
        if (j && is_alive(j)) {
                *ret = j;
                return 0;
        }
        r = refuse_busy(m, action, spec, error);
        if (r >= 0)
                r = new_job(m, action, spec, unit, &j);
        if (r < 0)
                return r;
        r = sd_bus_call_method_async(m->bus, &j->start, SYSTEMD_NAME, SYSTEMD_PATH, SYSTEMD_INTERFACE, "StartUnit", on_started, j,
                                     "ss", unit, "replace");
        if (r < 0) {
                (void) job_free(&j->base);
                return r;
        }
        *ret = j;
        return 0;
}

/* What kind of unit it is, and what it is about. */
static int parse_unit(const char *unit, ModelAction *ret_action, ModelSpec *ret_spec) {
        for (ModelAction a = 0; a < _MODEL_ACTION_MAX; a++) {
                _cleanup_free_ char *instance = NULL;
                int r;

                r = unit_name_instance(unit, actions[a].unit, &instance);
                if (r == -EINVAL)
                        continue;
                if (r >= 0)
                        r = model_spec_parse(instance, ret_spec, NULL);
                *ret_action = a;
                return r;
        }
        return -EINVAL;
}

static int adopt(Manager *m, const char *unit, ModelJob **ret) {
        ModelAction action;
        ModelSpec spec;
        int r;

        r = parse_unit(unit, &action, &spec);
        if (r >= 0)
                r = new_job(m, action, &spec, unit, ret);
        if (r < 0)
                return r;
        log_info("%s is at work, which nobody asked this daemon for", unit);
        job_set_running(&(*ret)->base);
        return 0;
}

void model_job_report(ModelJob *j, const ReportMessage *message) {
        if (message->kind == REPORT_STEP) {
                job_set_step(&j->base, message->step, message->done, message->total);
                return;
        }
        j->said = *message;
        j->has_said = true;
}

/* One row of ListUnitsByPatterns: name, description, load, active and sub state, unit followed, path, job id, type, path. */
static int sync_unit(Manager *m, sd_bus_message *reply) {
        const char *unit, *active, *job;
        uint32_t id;
        ModelJob *j;
        int r;

        r = sd_bus_message_read(reply, "(ssssssouso)", &unit, NULL, NULL, &active, NULL, NULL, NULL, &id, NULL, &job);
        if (r <= 0 || strcmp(active, "activating") != 0)
                return r;
        j = model_job_find_unit(m, unit);
        r = j ? 0 : adopt(m, unit, &j);
        if (r < 0)
                return r == -ENOMEM ? r : 1;
        if (id > 0 && !j->systemd_job && !j->start)
                j->systemd_job = strdup(job);
        j->listed = true;
        return 1;
}

static int on_units(sd_bus_message *reply, void *userdata, sd_bus_error *error) {
        Manager *m = userdata;
        Job *next;
        int r;

        if (sd_bus_message_is_method_error(reply, NULL)) {
                log_warning("Cannot ask systemd for units of models: %s", sd_bus_message_get_error(reply)->message);
                return 0;
        }
        for (Job *base = m->jobs; base; base = base->next)
                if (model_job(base))
                        model_job(base)->listed = false;
        r = sd_bus_message_enter_container(reply, 'a', "(ssssssouso)");
        while (r >= 0 && (r = sync_unit(m, reply)) > 0)
                ;
        if (r < 0) {
                (void) log_warning_errno(r, "Cannot understand systemd's list of units: %m");
                return 0;
        }
        for (Job *base = m->jobs; base; base = next) {
                ModelJob *j = model_job(base);

                next = base->next;
                if (j && base->state == JOB_RUNNING && !j->listed)
                        end_as(j, j->has_said && j->said.kind == REPORT_DONE ? "done" : "failed");
        }
        model_reports_settle(m->reports);
        return 0;
}

void model_jobs_sync(Manager *m) {
        int r;

        r = sd_bus_call_method_async(m->bus, NULL, SYSTEMD_NAME, SYSTEMD_PATH, SYSTEMD_INTERFACE, "ListUnitsByPatterns", on_units,
                                     m, "asas", 0, 1, "cocoon-model*@*.service");
        if (r < 0)
                (void) log_warning_errno(r, "Cannot ask systemd for units of models: %m");
}

static int on_subscribed(sd_bus_message *reply, void *userdata, sd_bus_error *error) {
        if (sd_bus_message_is_method_error(reply, NULL))
                log_warning("Cannot listen to systemd, so no model can be built: %s", sd_bus_message_get_error(reply)->message);
        return 0;
}

/* systemd that was executed anew may have forgotten who listens, and nobody has heard what it said meanwhile. */
static int on_owner(sd_bus_message *message, void *userdata, sd_bus_error *error) {
        const char *name, *before, *now;
        Manager *m = userdata;

        if (sd_bus_message_read(message, "sss", &name, &before, &now) < 0 || !*now)
                return 0;
        (void) sd_bus_call_method_async(m->bus, NULL, SYSTEMD_NAME, SYSTEMD_PATH, SYSTEMD_INTERFACE, "Subscribe", on_subscribed,
                                        NULL, NULL);
        model_jobs_sync(m);
        return 0;
}

int model_jobs_start(Manager *m) {
        int r;

        r = sd_bus_match_signal_async(m->bus, NULL, SYSTEMD_NAME, SYSTEMD_PATH, SYSTEMD_INTERFACE, "JobRemoved", on_job_removed,
                                      NULL, m);
        if (r >= 0)
                r = sd_bus_add_match_async(m->bus, NULL, MATCH_SYSTEMD, on_owner, NULL, m);
        if (r >= 0)
                r = sd_bus_call_method_async(m->bus, NULL, SYSTEMD_NAME, SYSTEMD_PATH, SYSTEMD_INTERFACE, "Subscribe",
                                             on_subscribed, NULL, NULL);
        if (r >= 0)
                model_jobs_sync(m);
        return r;
}
