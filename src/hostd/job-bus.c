/* SPDX-License-Identifier: Apache-2.0 */

#include <string.h>

#include "hostd/error.h"
#include "hostd/job.h"
#include "hostd/polkit.h"

#define MANAGER_INTERFACE "org.cocoon.Host1.Manager"

int job_bus_find(sd_bus *bus, const char *path, const char *interface, void *userdata, void **ret, sd_bus_error *error) {
        Manager *m = userdata;

        for (Job *j = m->jobs; j; j = j->next)
                if (strcmp(j->path, path) == 0) {
                        *ret = j;
                        return 1;
                }
        return 0;
}

int job_bus_list(sd_bus *bus, const char *prefix, void *userdata, char ***ret, sd_bus_error *error) {
        Manager *m = userdata;
        _cleanup_(strv_freep) char **paths = NULL;

        for (const Job *j = m->jobs; j; j = j->next)
                if (strv_append(&paths, strdup(j->path)) < 0)
                        return -ENOMEM;
        *ret = TAKE_PTR(paths);
        return 0;
}

void job_bus_new(Job *j) {
        (void) sd_bus_emit_object_added(j->manager->bus, j->path);
        (void) sd_bus_emit_signal(j->manager->bus, HOST_BUS_PATH, MANAGER_INTERFACE, "JobNew", "uo", j->id, j->path);
}

void job_bus_finished(Job *j) {
        sd_bus *bus = j->manager->bus;
        const char *result = job_result_to_string(j->result);

        (void) sd_bus_emit_signal(bus, j->path, JOB_INTERFACE, "Finished", "sss", result, j->error ?: "", j->message ?: "");
        (void) sd_bus_emit_object_removed(bus, j->path);
        (void) sd_bus_emit_signal(bus, HOST_BUS_PATH, MANAGER_INTERFACE, "JobRemoved", "uos", j->id, j->path, result);
}

static int get_kind(sd_bus *bus, const char *path, const char *interface, const char *property, sd_bus_message *reply,
                    void *userdata, sd_bus_error *error) {
        const Job *j = userdata;

        return sd_bus_message_append(reply, "s", j->kind);
}

static int get_state(sd_bus *bus, const char *path, const char *interface, const char *property, sd_bus_message *reply,
                     void *userdata, sd_bus_error *error) {
        const Job *j = userdata;

        return sd_bus_message_append(reply, "s", job_state_to_string(j->state));
}

static int get_step(sd_bus *bus, const char *path, const char *interface, const char *property, sd_bus_message *reply,
                    void *userdata, sd_bus_error *error) {
        const Job *j = userdata;

        return sd_bus_message_append(reply, "s", j->step);
}

static int cancel(Manager *m, sd_bus_message *message, sd_bus_error *error) {
        void *j;

        if (job_bus_find(m->bus, sd_bus_message_get_path(message), NULL, m, &j, NULL) <= 0)
                return host_error_set(error, SD_BUS_ERROR_UNKNOWN_OBJECT, "The job is over.");
        ((Job *) j)->ops->cancel(j);
        return sd_bus_reply_method_return(message, NULL);
}

static int method_cancel(sd_bus_message *message, void *userdata, sd_bus_error *error) {
        Job *j = userdata;

        return polkit_run(j->manager, message, j->ops->action, cancel, error);
}

#define CONST SD_BUS_VTABLE_PROPERTY_CONST
#define EMITS SD_BUS_VTABLE_PROPERTY_EMITS_CHANGE

const sd_bus_vtable job_vtable[] = {
        SD_BUS_VTABLE_START(0),
        SD_BUS_PROPERTY("Id", "u", NULL, offsetof(Job, id), CONST),
        SD_BUS_PROPERTY("Kind", "s", get_kind, 0, CONST),
        SD_BUS_PROPERTY("Subject", "s", NULL, offsetof(Job, subject), CONST),
        SD_BUS_PROPERTY("State", "s", get_state, 0, EMITS),
        SD_BUS_PROPERTY("Step", "s", get_step, 0, EMITS),
        SD_BUS_PROPERTY("Done", "t", NULL, offsetof(Job, n_done), EMITS),
        SD_BUS_PROPERTY("Total", "t", NULL, offsetof(Job, n_total), EMITS),
        SD_BUS_PROPERTY("StartedUSec", "t", NULL, offsetof(Job, started_usec), CONST),
        SD_BUS_METHOD("Cancel", NULL, NULL, method_cancel, SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_SIGNAL_WITH_ARGS("Finished", SD_BUS_ARGS("s", result, "s", error, "s", message), 0),
        SD_BUS_VTABLE_END,
};
