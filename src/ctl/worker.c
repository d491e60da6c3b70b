/* SPDX-License-Identifier: Apache-2.0 */

#include <dirent.h>
#include <string.h>

#include "basic/conf.h"
#include "basic/hex.h"
#include "basic/log.h"
#include "ctl/guest.h"
#include "ctl/lists.h"
#include "ctl/table.h"

#define SYSTEMD         "org.freedesktop.systemd1"
#define SYSTEMD_PATH    "/org/freedesktop/systemd1"
#define SYSTEMD_SERVICE SYSTEMD ".Service"

#define WORKER_DIRECTORY "/etc/cocoon/worker"
#define CONF_SUFFIX      ".conf"
#define UNIT_PREFIX      "cocoon-worker@"
#define UNIT_SUFFIX      ".service"

/* How the status text of a worker that runs begins; cocoon-launch writes it. */
#define STATUS_RUNS "QEMU runs; "

/* What is between the two in a name: the caller's; NULL when it is another name or memory is out. */
static char *between(const char *name, const char *prefix, const char *suffix) {
        size_t length = strlen(name), outer = strlen(prefix) + strlen(suffix);

        if (length <= outer || strncmp(name, prefix, strlen(prefix)) != 0 || strcmp(name + length - strlen(suffix), suffix) != 0)
                return NULL;
        return strndup(name + strlen(prefix), length - outer);
}

static json_object *find(json_object *workers, const char *name) {
        for (size_t i = 0; i < json_object_array_length(workers); i++) {
                json_object *w = json_object_array_get_idx(workers, i);

                if (strcmp(client_text(w, "Name"), name) == 0)
                        return w;
        }
        return NULL;
}

/* The one with that name, which is new unless it is there; NULL when memory is out. */
static json_object *get(json_object *workers, const char *name) {
        static const char *const keys[] = { "GPU", "Model", "CID", "Attestation", "Console", "Status", "InvocationID" };
        json_object *w = find(workers, name);

        if (w)
                return w;
        w = json_object_new_object();
        if (!w || json_object_array_add(workers, w) < 0) {
                (void) json_object_put(w);
                return NULL;
        }
        if (json_add_string(w, "Name", name) < 0 || json_add_string(w, "State", "inactive") < 0)
                return NULL;
        for (size_t i = 0; i < ELEMENTSOF(keys); i++)
                if (json_add_string(w, keys[i], "") < 0)
                        return NULL;
        return w;
}

static int add_configured(const CtlOptions *o, json_object *workers) {
        _cleanup_free_ char *path = NULL;
        _cleanup_closedir_ DIR *d = NULL;
        struct dirent *e;

        if (asprintf(&path, "%s" WORKER_DIRECTORY, o->root) < 0) {
                path = NULL;
                return -ENOMEM;
        }
        d = opendir(path);
        while (d && (e = readdir(d))) {
                _cleanup_free_ char *name = e->d_name[0] == '.' ? NULL : between(e->d_name, "", CONF_SUFFIX);

                if (name && !get(workers, name))
                        return -ENOMEM;
        }
        return 0;
}

/* "GPU A B; model SPEC; CID 6" */
static int take_apart(json_object *w, const char *text) {
        static const struct {
                const char *word, *key;
        } parts[] = { { "GPU ", "GPU" }, { "model ", "Model" }, { "CID ", "CID" } };

        while (*text) {
                size_t length = strcspn(text, ";");

                for (size_t i = 0; i < ELEMENTSOF(parts); i++) {
                        size_t prefix = strlen(parts[i].word);
                        _cleanup_free_ char *value = NULL;

                        if (length < prefix || strncmp(text, parts[i].word, prefix) != 0)
                                continue;
                        value = strndup(text + prefix, length - prefix);
                        if (!value || json_add_string(w, parts[i].key, value) < 0)
                                return -ENOMEM;
                }
                text += length + strspn(text + length, "; ");
        }
        return 0;
}

static int take_status(sd_bus *bus, json_object *w, const char *path, const char *state) {
        _cleanup_free_ char *text = NULL;

        if (sd_bus_get_property_string(bus, SYSTEMD, path, SYSTEMD_SERVICE, "StatusText", NULL, &text) < 0)
                return 0;
        if (strncmp(text, STATUS_RUNS, strlen(STATUS_RUNS)) != 0)
                return json_add_string(w, "Status", text);
        /* Of a worker that has ended it says what was. */
        return strcmp(state, "inactive") == 0 || strcmp(state, "failed") == 0 ? 0 : take_apart(w, text + strlen(STATUS_RUNS));
}

/* Which run of the unit it is: what an earlier guest said does not count for this one. */
static int take_invocation(sd_bus *bus, json_object *w, const char *path) {
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *reply = NULL;
        char text[2 * 16 + 1];
        const void *id;
        size_t size;

        if (sd_bus_get_property(bus, SYSTEMD, path, SYSTEMD ".Unit", "InvocationID", NULL, &reply, "ay") < 0 ||
            sd_bus_message_read_array(reply, 'y', &id, &size) < 0 || size != 16)
                return 0;
        return json_add_string(w, "InvocationID", hex_encode(id, size, text));
}

static int add_loaded(sd_bus *bus, json_object *workers, const char *unit, const char *state, const char *path) {
        _cleanup_free_ char *name = between(unit, UNIT_PREFIX, UNIT_SUFFIX);
        json_object *w = name ? get(workers, name) : NULL;
        int r;

        if (!w)
                return name ? -ENOMEM : 0;
        r = json_add_string(w, "State", state);
        if (r >= 0)
                r = take_invocation(bus, w, path);
        return r < 0 ? r : take_status(bus, w, path, state);
}

static int read_units(sd_bus *bus, sd_bus_message *m, json_object *workers) {
        const char *unit, *load, *state, *path;
        int r;

        r = sd_bus_message_enter_container(m, 'a', "(ssssssouso)");
        while (r >= 0 && (r = sd_bus_message_read(m, "(ssssssouso)", &unit, NULL, &load, &state, NULL, NULL, &path, NULL, NULL,
                                                  NULL)) > 0) {
                /* One that another unit names and nobody has written. */
                if (strcmp(load, "loaded") != 0)
                        continue;
                r = add_loaded(bus, workers, unit, state, path);
        }
        return r;
}

static int by_name(const void *a, const void *b) {
        json_object *const *x = a, *const *y = b;

        return strverscmp(client_text(*x, "Name"), client_text(*y, "Name"));
}

static int add_outcomes(const CtlOptions *o, json_object *workers) {
        for (size_t i = 0; i < json_object_array_length(workers); i++) {
                json_object *w = json_object_array_get_idx(workers, i);
                _cleanup_free_ char *unit = NULL;
                GuestReport report;

                if (asprintf(&unit, UNIT_PREFIX "%s" UNIT_SUFFIX, client_text(w, "Name")) < 0) {
                        unit = NULL;
                        return -ENOMEM;
                }
                guest_read(o->root, unit, client_text(w, "InvocationID"), &report);
                if (json_add_string(w, "Attestation", guest_outcome_to_string(report.outcome)) < 0 ||
                    json_add_string(w, "Console", report.line) < 0)
                        return -ENOMEM;
        }
        return 0;
}

int worker_list(const CtlOptions *o, sd_bus *bus, json_object **ret) {
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *reply = NULL;
        _cleanup_(sd_bus_error_free) sd_bus_error error = SD_BUS_ERROR_NULL;
        _cleanup_json_ json_object *workers = json_object_new_array();
        int r;

        if (!workers)
                return (void) log_oom(), CTL_FAILED;
        r = sd_bus_call_method(bus, SYSTEMD, SYSTEMD_PATH, SYSTEMD ".Manager", "ListUnitsByPatterns", &error, &reply, "asas", 0, 1,
                               UNIT_PREFIX "*" UNIT_SUFFIX);
        if (r >= 0)
                r = read_units(bus, reply, workers);
        if (r < 0) {
                log_error("Cannot ask the service manager for its workers: %s", error.message ?: strerror(-r));
                return CTL_FAILED;
        }
        /* Of another host neither files nor the journal can be seen. */
        if (!o->host)
                r = add_configured(o, workers);
        if (r >= 0 && !o->host)
                r = add_outcomes(o, workers);
        if (r < 0)
                return (void) log_oom(), CTL_FAILED;
        json_object_array_sort(workers, by_name);
        *ret = TAKE_PTR(workers);
        return CTL_DONE;
}

static const TableColumn columns[] = {
        { "WORKER" }, { "STATE", state_color }, { "ATTESTATION", state_color }, { "GPU" }, { "CID" }, { "MODEL" },
        { "STATUS" },
};

static int add_row(Table *table, json_object *w) {
        const char *const cells[ELEMENTSOF(columns)] = {
                client_text(w, "Name"), client_text(w, "State"), client_text(w, "Attestation"), client_text(w, "GPU"),
                client_text(w, "CID"),  client_text(w, "Model"), client_text(w, "Status"),
        };

        return table_add(table, cells);
}

int worker_print_list(json_object *workers) {
        return list_print(workers, columns, ELEMENTSOF(columns), add_row);
}

int verb_worker_list(const CtlOptions *o, char *const *args) {
        static const ListKind kind = {
                .noun = "worker",
                .empty = "No worker is configured in " WORKER_DIRECTORY "; see cocoon-worker@.service(8).",
                .fetch = worker_list,
                .print = worker_print_list,
        };

        return list_verb(&kind, o, args);
}

static void print_status(json_object *w) {
        const char *state = client_text(w, "State");

        (void) printf("%s", terminal_color(stdout, COLOR_BOLD));
        print_safely(stdout, client_text(w, "Name"));
        (void) printf("%s\n%14s: %s%s%s\n", terminal_color(stdout, COLOR_PLAIN), "State",
                      terminal_color(stdout, state_color(state)), state, terminal_color(stdout, COLOR_PLAIN));
        list_print_field("Status", client_text(w, "Status"));
        list_print_field("GPU", client_text(w, "GPU"));
        list_print_field("Model", client_text(w, "Model"));
        list_print_field("vsock CID", client_text(w, "CID"));
        list_print_field("Attestation", client_text(w, "Attestation"));
        list_print_field("Guest says", client_text(w, "Console"));
}

/* Those that are named, or all. */
static int select_workers(json_object *workers, char *const *args, json_object *ret) {
        for (size_t i = 0; !args[0] && i < json_object_array_length(workers); i++)
                if (json_object_array_add(ret, json_object_get(json_object_array_get_idx(workers, i))) < 0)
                        return CTL_FAILED;
        for (; args[0]; args++) {
                json_object *w = find(workers, args[0]);

                if (!w) {
                        log_error("'%s': no such worker; see cocoonctl worker list.", args[0]);
                        return CTL_NO_WORKER;
                }
                if (json_object_array_add(ret, json_object_get(w)) < 0)
                        return CTL_FAILED;
        }
        return CTL_DONE;
}

static bool is_well(json_object *w) {
        return strcmp(client_text(w, "State"), "active") == 0 && strcmp(client_text(w, "Attestation"), "refused") != 0;
}

int verb_worker_status(const CtlOptions *o, char *const *args) {
        _cleanup_json_ json_object *workers = NULL, *selected = json_object_new_array();
        _cleanup_(sd_bus_flush_close_unrefp) sd_bus *bus = NULL;
        int status;

        status = client_connect(o, &bus);
        if (status == CTL_DONE)
                status = worker_list(o, bus, &workers);
        if (status == CTL_DONE)
                status = select_workers(workers, args, selected);
        if (status != CTL_DONE)
                return status;
        if (o->json)
                client_print_json(selected);
        for (size_t i = 0; i < json_object_array_length(selected); i++) {
                json_object *w = json_object_array_get_idx(selected, i);

                if (!is_well(w))
                        status = CTL_FAILED;
                if (!o->json)
                        print_status(w);
        }
        return status;
}

/* A program of systemd's says it best; it takes this one's place. */
static int become(char **command) {
        (void) execvp(command[0], command);
        (void) log_error_errno(errno, "Cannot execute %s: %m", command[0]);
        return CTL_FAILED;
}

static int add_word(char ***command, const char *prefix, const char *word, const char *suffix) {
        char *text;

        if (asprintf(&text, "%s%s%s", prefix, word, suffix) < 0)
                return -ENOMEM;
        return strv_append(command, text);
}

static int check_names(const char *verb, char *const *args) {
        if (!args[0]) {
                log_error("worker %s: expected names of workers; see cocoonctl worker list.", verb);
                return CTL_USAGE;
        }
        for (; *args; args++)
                if (!**args || strpbrk(*args, "/ @")) {
                        log_error("'%s': expected the name of a worker, of " WORKER_DIRECTORY "/NAME.conf.", *args);
                        return CTL_USAGE;
                }
        return CTL_DONE;
}

static int run_systemctl(const CtlOptions *o, const char *verb, char *const *args) {
        _cleanup_(strv_freep) char **command = NULL;
        int r, status = check_names(verb, args);

        if (status != CTL_DONE)
                return status;
        r = add_word(&command, "", "systemctl", "");
        if (r >= 0 && o->host)
                r = add_word(&command, "--host=", o->host, "");
        if (r >= 0)
                r = add_word(&command, "", verb, "");
        for (; r >= 0 && *args; args++)
                r = add_word(&command, UNIT_PREFIX, *args, UNIT_SUFFIX);
        return r < 0 ? ((void) log_oom(), CTL_FAILED) : become(command);
}

int verb_worker_start(const CtlOptions *o, char *const *args) {
        return run_systemctl(o, "start", args);
}

int verb_worker_stop(const CtlOptions *o, char *const *args) {
        return run_systemctl(o, "stop", args);
}

int verb_worker_logs(const CtlOptions *o, char *const *args) {
        _cleanup_(strv_freep) char **command = NULL;
        int r, status = check_names("logs", args);

        if (status != CTL_DONE)
                return status;
        if (o->host) {
                log_error("worker logs: expected no --host, since journalctl has none; ssh %s cocoonctl worker logs %s.", o->host,
                          args[0]);
                return CTL_USAGE;
        }
        r = add_word(&command, "", "journalctl", "");
        if (r >= 0 && o->follow)
                r = add_word(&command, "", "--follow", "");
        for (; r >= 0 && *args; args++)
                r = add_word(&command, "--unit=" UNIT_PREFIX, *args, UNIT_SUFFIX);
        return r < 0 ? ((void) log_oom(), CTL_FAILED) : become(command);
}
