/* SPDX-License-Identifier: Apache-2.0 */

#include <stdlib.h>
#include <string.h>

#include "basic/bar.h"
#include "basic/log.h"
#include "ctl/client.h"
#include "ctl/follow.h"
#include "ctl/lists.h"
#include "ctl/table.h"

#define DONE_SIZE 56U

/* Steps, or bytes of a model. */
static void format_done(json_object *job, char ret[static DONE_SIZE]) {
        char done[24], total[24];

        if (follow_counts_bytes(client_text(job, "Kind")))
                (void) snprintf(ret, DONE_SIZE, "%s/%s", format_size(strtoull(client_text(job, "Done"), NULL, 10), done),
                                format_size(strtoull(client_text(job, "Total"), NULL, 10), total));
        else
                (void) snprintf(ret, DONE_SIZE, "%s/%s", client_text(job, "Done"), client_text(job, "Total"));
}

static const TableColumn columns[] = { { "ID" }, { "KIND" }, { "SUBJECT" }, { "STATE" }, { "STEP" }, { "DONE" } };

static int add_row(Table *table, json_object *j) {
        char done[DONE_SIZE];
        const char *const cells[ELEMENTSOF(columns)] = {
                client_text(j, "Id"),    client_text(j, "Kind"), client_text(j, "Subject"),
                client_text(j, "State"), client_text(j, "Step"), done,
        };

        format_done(j, done);
        return table_add(table, cells);
}

int job_print_list(json_object *jobs) {
        return list_print(jobs, columns, ELEMENTSOF(columns), add_row);
}

static int fetch(const CtlOptions *o, sd_bus *bus, json_object **ret) {
        return client_list(bus, "Job", "Id", ret);
}

int verb_job_list(const CtlOptions *o, char *const *args) {
        static const ListKind kind = {
                .noun = "job",
                .fetch = fetch,
                .print = job_print_list,
        };

        return list_verb(&kind, o, args);
}

static bool is_named(json_object *job, char *const *args) {
        for (char *const *a = args; *a; a++)
                if (strcmp(*a, client_text(job, "Id")) == 0)
                        return true;
        return !args[0];
}

/* Exactly what a job's number looks like. */
static int check_ids(char *const *args) {
        for (; *args; args++)
                if (!**args || strlen(*args) > 10 || (*args)[strspn(*args, "0123456789")]) {
                        log_error("'%s': expected the number of a job; see cocoonctl job list.", *args);
                        return CTL_USAGE;
                }
        return CTL_DONE;
}

int verb_job_watch(const CtlOptions *o, char *const *args) {
        _cleanup_json_ json_object *jobs = NULL, *results = o->json ? json_object_new_array() : NULL;
        _cleanup_(sd_bus_flush_close_unrefp) sd_bus *bus = NULL;
        _cleanup_(follow_freep) Follow *follow = NULL;
        size_t n = 0, wanted = 0;
        int status;

        status = check_ids(args);
        if (status == CTL_DONE)
                status = client_connect(o, &bus);
        if (status == CTL_DONE)
                status = follow_new(bus, !o->json, &follow);
        if (status == CTL_DONE)
                status = client_list(bus, "Job", "Id", &jobs);
        if (status != CTL_DONE)
                return status;
        for (size_t i = 0; i < json_object_array_length(jobs); i++) {
                json_object *j = json_object_array_get_idx(jobs, i);

                if (!is_named(j, args))
                        continue;
                n++;
                if (follow_add(follow, client_text(j, "Path"), client_text(j, "Kind"), client_text(j, "Subject")) < 0)
                        return CTL_FAILED;
        }
        while (args[wanted])
                wanted++;
        if (n < wanted)
                log_error("%zu of these jobs are over, or never were.", wanted - n);
        status = follow_run(follow, results ? &results : NULL);
        if (results)
                client_print_json(results);
        return n < wanted ? CTL_FAILED : status;
}

int verb_job_cancel(const CtlOptions *o, char *const *args) {
        _cleanup_(sd_bus_flush_close_unrefp) sd_bus *bus = NULL;
        int status;

        if (!args[0]) {
                log_error("job cancel: expected numbers of jobs; see cocoonctl job list.");
                return CTL_USAGE;
        }
        status = check_ids(args);
        if (status == CTL_DONE)
                status = client_connect(o, &bus);
        for (; bus && *args; args++) {
                _cleanup_(sd_bus_error_free) sd_bus_error error = SD_BUS_ERROR_NULL;
                char path[64];
                int r, one = CTL_DONE;

                (void) snprintf(path, sizeof(path), CLIENT_PATH "/job/%s", *args);
                r = sd_bus_call_method(bus, CLIENT_NAME, path, CLIENT_NAME ".Job", "Cancel", &error, NULL, NULL);
                if (r < 0 && sd_bus_error_has_name(&error, SD_BUS_ERROR_UNKNOWN_OBJECT)) {
                        log_error("Job %s is over, or never was; see cocoonctl job list.", *args);
                        one = CTL_FAILED;
                } else if (r < 0)
                        one = client_failed(r, &error, *args);
                status = status ?: one;
        }
        return status;
}
