/* SPDX-License-Identifier: Apache-2.0 */

#include <stdbool.h>
#include <string.h>

#include "basic/log.h"
#include "ctl/client.h"
#include "ctl/follow.h"
#include "ctl/lists.h"
#include "ctl/table.h"
#include "vfio/address.h"

/* The second string of (ss). */
static const char *failure_message(json_object *gpu) {
        json_object *failure;

        if (!json_object_object_get_ex(gpu, "Failure", &failure) || !json_object_is_type(failure, json_type_array) ||
            json_object_array_length(failure) != 2)
                return "";
        return json_object_get_string(json_object_array_get_idx(failure, 1)) ?: "";
}

/* -1 is none. */
static const char *number_text(json_object *gpu, const char *key) {
        const char *text = client_text(gpu, key);

        return strcmp(text, "-1") == 0 ? "" : text;
}

static const TableColumn columns[] = {
        { "ADDRESS" }, { "NAME" }, { "DRIVER" }, { "GROUP" }, { "NODE" }, { "CC" }, { "PPCIE" },
        { "STATE", state_color }, { "HOLDER" }, { "FAILURE" },
};

static int add_row(Table *table, json_object *g) {
        const char *const cells[ELEMENTSOF(columns)] = {
                client_text(g, "Address"),      client_text(g, "Name"),     client_text(g, "Driver"),
                number_text(g, "IOMMUGroup"),   number_text(g, "NUMANode"), client_text(g, "CCMode"),
                client_text(g, "PPCIeMode"),    client_text(g, "State"),    client_text(g, "Holder"),
                failure_message(g),
        };

        return table_add(table, cells);
}

int gpu_print_list(json_object *gpus) {
        return list_print(gpus, columns, ELEMENTSOF(columns), add_row);
}

static int fetch(const CtlOptions *o, sd_bus *bus, json_object **ret) {
        return client_list(bus, "GPU", "Address", ret);
}

int verb_gpu_list(const CtlOptions *o, char *const *args) {
        static const ListKind kind = {
                .noun = "gpu",
                .empty = "No GPU with a Confidential Computing mode; see cocoonctl doctor.",
                .fetch = fetch,
                .print = gpu_print_list,
        };

        return list_verb(&kind, o, args);
}

static json_object *find_gpu(json_object *gpus, const char *address) {
        for (size_t i = 0; i < json_object_array_length(gpus); i++) {
                json_object *g = json_object_array_get_idx(gpus, i);

                if (strcmp(client_text(g, "Address"), address) == 0)
                        return g;
        }
        return NULL;
}

/* Those that are named, or all: an array of borrowed objects in `ret`. Said when there are none. */
static int select_gpus(json_object *gpus, char *const *args, json_object *ret) {
        for (size_t i = 0; !args[0] && i < json_object_array_length(gpus); i++)
                if (json_object_array_add(ret, json_object_get(json_object_array_get_idx(gpus, i))) < 0)
                        return CTL_FAILED;
        for (; args[0]; args++) {
                char address[PCI_ADDRESS_SIZE];
                json_object *g;

                if (pci_address_parse(args[0], address) < 0) {
                        log_error("'%s': expected a PCI address such as 0000:01:00.0 or 01:00.0.", args[0]);
                        return CTL_USAGE;
                }
                g = find_gpu(gpus, address);
                if (!g) {
                        log_error("%s: no GPU with a Confidential Computing mode has this address; see cocoonctl gpu list.",
                                  address);
                        return CTL_NO_GPU;
                }
                if (json_object_array_add(ret, json_object_get(g)) < 0)
                        return CTL_FAILED;
        }
        return CTL_DONE;
}

static void print_status(json_object *g) {
        const char *state = client_text(g, "State"), *job;

        (void) printf("%s%s%s %s (%s)\n", terminal_color(stdout, COLOR_BOLD), client_text(g, "Address"),
                      terminal_color(stdout, COLOR_PLAIN), client_text(g, "Name"), client_text(g, "Chip"));
        (void) printf("%14s: %s%s%s\n", "State", terminal_color(stdout, state_color(state)), state,
                      terminal_color(stdout, COLOR_PLAIN));
        list_print_field("Holder", client_text(g, "Holder"));
        list_print_field("Failure", failure_message(g));
        list_print_field("CC mode", client_text(g, "CCMode"));
        list_print_field("PPCIe mode", client_text(g, "PPCIeMode"));
        list_print_field("Architecture", client_text(g, "Architecture"));
        list_print_field("Driver", *client_text(g, "Driver") ? client_text(g, "Driver") : "none");
        list_print_field("IOMMU group", *number_text(g, "IOMMUGroup") ? number_text(g, "IOMMUGroup") : "none");
        list_print_field("NUMA node", number_text(g, "NUMANode"));
        job = strrchr(client_text(g, "Job"), '/');
        if (job && job[1])
                list_print_field("Job", job + 1);
}

int verb_gpu_status(const CtlOptions *o, char *const *args) {
        _cleanup_json_ json_object *gpus = NULL, *selected = json_object_new_array();
        _cleanup_(sd_bus_flush_close_unrefp) sd_bus *bus = NULL;
        int status;

        status = client_connect(o, &bus);
        if (status == CTL_DONE)
                status = client_list(bus, "GPU", "Address", &gpus);
        if (status == CTL_DONE)
                status = select_gpus(gpus, args, selected);
        if (status != CTL_DONE)
                return status;
        if (o->json)
                client_print_json(selected);
        for (size_t i = 0; i < json_object_array_length(selected); i++) {
                json_object *g = json_object_array_get_idx(selected, i);

                if (strcmp(client_text(g, "State"), "ready") != 0 && strcmp(client_text(g, "State"), "leased") != 0)
                        status = CTL_FAILED;
                if (!o->json)
                        print_status(g);
        }
        /* No GPU at all is not "all are ready". */
        return json_object_array_length(selected) == 0 ? CTL_NO_GPU : status;
}

typedef struct Request {
        const CtlOptions *options;
        const char *method, *kind;
        sd_bus *bus;
        Follow *follow;       /* NULL: nobody waits */
        json_object *results; /* NULL: for people */
} Request;

/* An object of the results with what is known of every request; NULL when memory is out. */
static json_object *add_result(const Request *q, const char *address) {
        json_object *o = json_object_new_object();

        if (!o || json_object_array_add(q->results, o) < 0) {
                (void) json_object_put(o);
                return NULL;
        }
        return json_add_string(o, "Subject", address) < 0 || json_add_string(o, "Kind", q->kind) < 0 ? NULL : o;
}

static int refused(const Request *q, const char *address, int r, const sd_bus_error *error) {
        json_object *o = q->results ? add_result(q, address) : NULL;

        if (o && (json_add_string(o, "Result", "failed") < 0 || json_add_string(o, "Error", error->name) < 0 ||
                  json_add_string(o, "Message", error->message) < 0))
                (void) log_oom();
        return client_failed(r, error, address);
}

static int begun(const Request *q, const char *address, const char *job) {
        json_object *o;

        if (q->results) {
                o = add_result(q, address);
                return o && json_add_string(o, "Job", job) >= 0 ? CTL_DONE : CTL_FAILED;
        }
        (void) printf("%s %s: job %s\n", address, q->kind, strrchr(job, '/') + 1);
        return CTL_DONE;
}

static int request_one(const Request *q, const char *address) {
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *call = NULL, *reply = NULL;
        _cleanup_(sd_bus_error_free) sd_bus_error error = SD_BUS_ERROR_NULL;
        const char *job = NULL, *fine = q->options->if_present ? CLIENT_NAME ".Error.NoSuchGPU" : NULL;
        int r;

        r = sd_bus_message_new_method_call(q->bus, &call, CLIENT_NAME, CLIENT_PATH, CLIENT_NAME ".Manager", q->method);
        if (r >= 0)
                r = sd_bus_message_append(call, "st", address, UINT64_C(0));
        if (r >= 0)
                r = sd_bus_call(q->bus, call, 0, &error, &reply);
        if (r >= 0)
                r = sd_bus_message_read(reply, "o", &job);
        if (r < 0 && fine && sd_bus_error_has_name(&error, fine))
                return CTL_DONE;
        if (q->follow && (r >= 0 || sd_bus_error_has_name(&error, SD_BUS_ERROR_NO_REPLY)))
                return follow_add_call(q->follow, call, fine, job, q->kind, address) < 0 ? CTL_FAILED : CTL_DONE;
        return r < 0 ? refused(q, address, r, &error) : begun(q, address, job);
}

/* What is the host's anyway is left alone. */
static int request_all(const Request *q, bool managed_only) {
        _cleanup_json_ json_object *gpus = NULL;
        int status;

        status = client_list(q->bus, "GPU", "Address", &gpus);
        if (status != CTL_DONE)
                return status;
        if (json_object_array_length(gpus) == 0 && !managed_only) {
                log_error("No GPU with a Confidential Computing mode; see cocoonctl doctor.");
                return CTL_NO_GPU;
        }
        for (size_t i = 0; i < json_object_array_length(gpus); i++) {
                json_object *g = json_object_array_get_idx(gpus, i);
                int one;

                if (managed_only && strcmp(client_text(g, "State"), "unmanaged") == 0)
                        continue;
                one = request_one(q, client_text(g, "Address"));
                status = status ?: one;
        }
        return status;
}

static int request(const CtlOptions *o, char *const *args, const char *method, const char *kind) {
        _cleanup_json_ json_object *results = o->json ? json_object_new_array() : NULL;
        _cleanup_(sd_bus_flush_close_unrefp) sd_bus *bus = NULL;
        _cleanup_(follow_freep) Follow *follow = NULL;
        Request q = { .options = o, .method = method, .kind = kind };
        int status, waited = CTL_DONE;

        if (!o->all == !args[0]) {
                log_error("gpu %s: expected addresses of GPUs, or --all; see cocoonctl gpu list.", kind);
                return CTL_USAGE;
        }
        status = client_connect(o, &bus);
        if (status == CTL_DONE && o->wait)
                status = follow_new(bus, false, &follow);
        if (status != CTL_DONE)
                return status;
        q.bus = bus;
        q.follow = follow;
        if (follow && o->patience_usec > 0)
                follow_set_patience(follow, o->patience_usec);
        q.results = results;
        if (o->all)
                status = request_all(&q, strcmp(kind, "restore") == 0);
        for (; args[0]; args++) {
                int one = request_one(&q, args[0]);

                status = status ?: one;
        }
        if (follow)
                waited = follow_run(follow, results ? &results : NULL);
        if (results)
                client_print_json(results);
        return status ?: waited;
}

int verb_gpu_prepare(const CtlOptions *o, char *const *args) {
        return request(o, args, "PrepareGPU", "prepare");
}

int verb_gpu_restore(const CtlOptions *o, char *const *args) {
        return request(o, args, "RestoreGPU", "restore");
}
