/* SPDX-License-Identifier: Apache-2.0 */

#include <stdbool.h>
#include <string.h>
#include <time.h>

#include "basic/bar.h"
#include "basic/clock.h"
#include "basic/log.h"
#include "ctl/client.h"
#include "ctl/request.h"
#include "ctl/lists.h"
#include "ctl/table.h"

#define SHORT_HASH 12

static uint64_t number(json_object *model, const char *key) {
        json_object *value;

        return json_object_object_get_ex(model, key, &value) ? json_object_get_uint64(value) : 0;
}

static const char *format_time(uint64_t usec, char ret[static 32]) {
        time_t seconds = (time_t) (usec / USEC_PER_SEC);
        struct tm tm;

        if (usec == 0 || !localtime_r(&seconds, &tm) || strftime(ret, 32, "%Y-%m-%d %H:%M", &tm) == 0)
                (void) snprintf(ret, 32, "never");
        return ret;
}

/* One after the other, with commas. */
static void list_users(json_object *model, char *ret, size_t size) {
        json_object *users;
        size_t length = 0;

        ret[0] = 0;
        if (!json_object_object_get_ex(model, "Users", &users) || !json_object_is_type(users, json_type_array))
                return;
        for (size_t i = 0; i < json_object_array_length(users) && length < size; i++)
                length += (size_t) snprintf(ret + length, size - length, "%s%s", i > 0 ? ", " : "",
                                            json_object_get_string(json_object_array_get_idx(users, i)) ?: "");
}

static const TableColumn columns[] = {
        { "NAME" }, { "COMMIT" }, { "ROOT HASH" }, { "SIZE" }, { "STATE", state_color }, { "VERIFIED" }, { "USERS" },
        { "FAILURE" },
};

static int add_row(Table *table, json_object *m) {
        char commit[SHORT_HASH + 1], hash[SHORT_HASH + 1], size[24], verified[32], users[256];
        const char *const cells[ELEMENTSOF(columns)] = {
                client_text(m, "Name"), commit, hash, format_size(number(m, "Size"), size), client_text(m, "State"),
                format_time(number(m, "VerifiedUSec"), verified), users, client_failure(m),
        };

        (void) snprintf(commit, sizeof(commit), "%s", client_text(m, "Commit"));
        (void) snprintf(hash, sizeof(hash), "%s", client_text(m, "RootHash"));
        list_users(m, users, sizeof(users));
        return table_add(table, cells);
}

int model_print_list(json_object *models) {
        return list_print(models, columns, ELEMENTSOF(columns), add_row);
}

static int fetch(const CtlOptions *o, sd_bus *bus, json_object **ret) {
        return client_list(bus, "Model", "Spec", ret);
}

int verb_model_list(const CtlOptions *o, char *const *args) {
        static const ListKind kind = {
                .noun = "model",
                .empty = "No model images; see cocoonctl model build.",
                .fetch = fetch,
                .print = model_print_list,
        };

        return list_verb(&kind, o, args);
}

/* The object of an image that is named in whatever way the daemon understands; the caller's. The exit status, said unless
 * `error` is to tell. */
static int find_path(sd_bus *bus, const char *spec, char **ret, sd_bus_error *error) {
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *reply = NULL;
        const char *path;
        int r;

        r = sd_bus_call_method(bus, CLIENT_NAME, CLIENT_PATH, CLIENT_NAME ".Manager", "GetModel", error, &reply, "s", spec);
        if (r >= 0)
                r = sd_bus_message_read(reply, "o", &path);
        if (r < 0)
                return r;
        *ret = strdup(path);
        return *ret ? 0 : -ENOMEM;
}

static json_object *find_model(json_object *models, const char *path) {
        for (size_t i = 0; i < json_object_array_length(models); i++) {
                json_object *m = json_object_array_get_idx(models, i);

                if (strcmp(client_text(m, "Path"), path) == 0)
                        return m;
        }
        return NULL;
}

static int select_model(sd_bus *bus, json_object *models, const char *spec, json_object *ret) {
        _cleanup_(sd_bus_error_free) sd_bus_error error = SD_BUS_ERROR_NULL;
        _cleanup_free_ char *path = NULL;
        json_object *m;
        int r;

        r = find_path(bus, spec, &path, &error);
        if (r < 0)
                return client_failed(r, &error, spec);
        m = find_model(models, path);
        return m && json_object_array_add(ret, json_object_get(m)) >= 0 ? CTL_DONE : CTL_FAILED;
}

static void print_status(json_object *m) {
        const char *state = client_text(m, "State");
        char size[24], verified[32], users[4096];

        list_users(m, users, sizeof(users));
        (void) printf("%s%s%s\n", terminal_color(stdout, COLOR_BOLD), client_text(m, "Name"), terminal_color(stdout, COLOR_PLAIN));
        (void) printf("%14s: %s%s%s\n", "State", terminal_color(stdout, state_color(state)), state,
                      terminal_color(stdout, COLOR_PLAIN));
        list_print_field("Failure", client_failure(m));
        list_print_field("Specification", client_text(m, "Spec"));
        list_print_field("Commit", client_text(m, "Commit"));
        list_print_field("Root hash", client_text(m, "RootHash"));
        list_print_field("Size", format_size(number(m, "Size"), size));
        list_print_field("Image", client_text(m, "ImagePath"));
        list_print_field("Verified", format_time(number(m, "VerifiedUSec"), verified));
        list_print_field("Users", *users ? users : "none");
}

int verb_model_status(const CtlOptions *o, char *const *args) {
        _cleanup_json_ json_object *models = NULL, *selected = json_object_new_array();
        _cleanup_(sd_bus_flush_close_unrefp) sd_bus *bus = NULL;
        int status;

        status = client_connect(o, &bus);
        if (status == CTL_DONE)
                status = client_list(bus, "Model", "Spec", &models);
        for (size_t i = 0; status == CTL_DONE && !args[0] && i < json_object_array_length(models); i++)
                if (json_object_array_add(selected, json_object_get(json_object_array_get_idx(models, i))) < 0)
                        status = CTL_FAILED;
        for (; status == CTL_DONE && args[0]; args++)
                status = select_model(bus, models, args[0], selected);
        if (status != CTL_DONE)
                return status;
        if (o->json)
                client_print_json(selected);
        for (size_t i = 0; i < json_object_array_length(selected); i++) {
                json_object *m = json_object_array_get_idx(selected, i);

                if (strcmp(client_text(m, "State"), "ready") != 0)
                        status = CTL_FAILED;
                if (!o->json)
                        print_status(m);
        }
        /* No model at all is not "all are ready". */
        return json_object_array_length(selected) == 0 ? CTL_NO_MODEL : status;
}

static int call_build(const Request *q, const char *spec, sd_bus_message **ret, sd_bus_error *error) {
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *call = NULL;
        int r;

        r = sd_bus_message_new_method_call(q->bus, &call, CLIENT_NAME, CLIENT_PATH, CLIENT_NAME ".Manager", "BuildModel");
        if (r >= 0)
                r = sd_bus_message_append(call, "sa{sv}", spec, 0);
        if (r >= 0)
                *ret = TAKE_PTR(call);
        return r;
}

static int call_object(sd_bus *bus, const char *spec, const char *method, sd_bus_message **ret, sd_bus_error *error) {
        _cleanup_free_ char *path = NULL;
        int r;

        r = find_path(bus, spec, &path, error);
        return r < 0 ? r : sd_bus_message_new_method_call(bus, ret, CLIENT_NAME, path, CLIENT_NAME ".Model", method);
}

static int call_verify(const Request *q, const char *spec, sd_bus_message **ret, sd_bus_error *error) {
        return call_object(q->bus, spec, "Verify", ret, error);
}

static int call_remove(const Request *q, const char *spec, sd_bus_message **ret, sd_bus_error *error) {
        return call_object(q->bus, spec, "Remove", ret, error);
}

static int request_all(const Request *q) {
        _cleanup_json_ json_object *models = NULL;
        int status;

        status = client_list(q->bus, "Model", "Spec", &models);
        if (status != CTL_DONE)
                return status;
        for (size_t i = 0; i < json_object_array_length(models); i++) {
                json_object *m = json_object_array_get_idx(models, i);
                int one;

                if (!*client_text(m, "RootHash"))
                        continue; /* not finished */
                one = request_one(q, client_text(m, "Spec"));
                status = status ?: one;
        }
        return status;
}

/* `all`: whether --all is something to say instead. */
static int check_arguments(const CtlOptions *o, char *const *args, const char *verb, bool all) {
        if (o->all ? all && !args[0] : args[0] != NULL)
                return CTL_DONE;
        log_error("model %s: expected specifications of models, NAME[@COMMIT[:ROOTHASH]]%s; see cocoonctl model list.", verb,
                  all ? ", or --all" : "");
        return CTL_USAGE;
}

int verb_model_build(const CtlOptions *o, char *const *args) {
        Request q = { .options = o, .kind = "build", .call = call_build };

        return check_arguments(o, args, "build", false) ?: request_run(&q, args);
}

int verb_model_verify(const CtlOptions *o, char *const *args) {
        Request q = { .options = o, .kind = "verify", .call = call_verify, .all = request_all };

        return check_arguments(o, args, "verify", true) ?: request_run(&q, args);
}

int verb_model_remove(const CtlOptions *o, char *const *args) {
        /* Removed by a daemon that could not say so any more. */
        Request q = { .options = o, .kind = "remove", .call = call_remove, .fine = SD_BUS_ERROR_UNKNOWN_OBJECT };

        return check_arguments(o, args, "remove", false) ?: request_run(&q, args);
}
