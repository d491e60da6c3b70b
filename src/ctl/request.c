/* SPDX-License-Identifier: Apache-2.0 */

#include "ctl/request.h"

#include <stdio.h>
#include <string.h>

#include "basic/log.h"

/* An object of the results with what is known of every request; NULL when memory is out. */
static json_object *add_result(const Request *q, const char *subject) {
        json_object *o = json_object_new_object();

        if (!o || json_object_array_add(q->results, o) < 0) {
                (void) json_object_put(o);
                return NULL;
        }
        return json_add_string(o, "Subject", subject) < 0 || json_add_string(o, "Kind", q->kind) < 0 ? NULL : o;
}

static int refused(const Request *q, const char *subject, int r, const sd_bus_error *error) {
        json_object *o = q->results ? add_result(q, subject) : NULL;

        if (o && (json_add_string(o, "Result", "failed") < 0 || json_add_string(o, "Error", error->name) < 0 ||
                  json_add_string(o, "Message", error->message) < 0))
                (void) log_oom();
        return client_failed(r, error, subject);
}

/* `job` is NULL for what is over. */
static int begun(const Request *q, const char *subject, const char *job) {
        json_object *o;

        if (q->results) {
                o = add_result(q, subject);
                return o && (job ? json_add_string(o, "Job", job) : json_add_string(o, "Result", "done")) >= 0 ? CTL_DONE : CTL_FAILED;
        }
        if (job)
                (void) printf("%s %s: job %s\n", subject, q->kind, strrchr(job, '/') + 1);
        else
                (void) printf("%s %s: done\n", subject, q->kind);
        return CTL_DONE;
}

int request_one(const Request *q, const char *subject) {
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *call = NULL, *reply = NULL;
        _cleanup_(sd_bus_error_free) sd_bus_error error = SD_BUS_ERROR_NULL;
        const char *job = NULL;
        int r;

        r = q->call(q, subject, &call, &error);
        if (r >= 0)
                r = sd_bus_call(q->bus, call, 0, &error, &reply);
        if (r >= 0 && !sd_bus_message_is_empty(reply))
                r = sd_bus_message_read(reply, "o", &job);
        if (r < 0 && q->fine_at_once && q->fine && sd_bus_error_has_name(&error, q->fine))
                return CTL_DONE;
        if (q->follow && (job || sd_bus_error_has_name(&error, SD_BUS_ERROR_NO_REPLY)))
                return follow_add_call(q->follow, call, q->fine, job, q->kind, subject) < 0 ? CTL_FAILED : CTL_DONE;
        return r < 0 ? refused(q, subject, r, &error) : begun(q, subject, job);
}

int request_run(Request *q, char *const *args) {
        _cleanup_json_ json_object *results = q->options->json ? json_object_new_array() : NULL;
        _cleanup_(sd_bus_flush_close_unrefp) sd_bus *bus = NULL;
        _cleanup_(follow_freep) Follow *follow = NULL;
        int status, waited = CTL_DONE;

        status = client_connect(q->options, &bus);
        if (status == CTL_DONE && q->options->wait)
                status = follow_new(bus, false, &follow);
        if (status != CTL_DONE)
                return status;
        q->bus = bus;
        q->follow = follow;
        if (follow && q->options->patience_usec > 0)
                follow_set_patience(follow, q->options->patience_usec);
        q->results = results;
        if (q->options->all)
                status = q->all(q);
        for (; args[0]; args++) {
                int one = request_one(q, args[0]);

                status = status ?: one;
        }
        if (follow)
                waited = follow_run(follow, results ? &results : NULL);
        if (results)
                client_print_json(results);
        return status ?: waited;
}
