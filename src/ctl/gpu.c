/* SPDX-License-Identifier: Apache-2.0 */

#include <stdbool.h>
#include <string.h>

#include "basic/log.h"
#include "ctl/client.h"
#include "ctl/lists.h"
#include "ctl/request.h"
#include "ctl/table.h"
#include "vfio/address.h"

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
                client_failure(g),
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
        list_print_field("Failure", client_failure(g));
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

static int call_method(const Request *q, const char *address, const char *method, sd_bus_message **ret) {
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *call = NULL;
        int r;

        r = sd_bus_message_new_method_call(q->bus, &call, CLIENT_NAME, CLIENT_PATH, CLIENT_NAME ".Manager", method);
        if (r >= 0)
                r = sd_bus_message_append(call, "st", address, UINT64_C(0));
        if (r >= 0)
                *ret = TAKE_PTR(call);
        return r;
}

static int call_prepare(const Request *q, const char *address, sd_bus_message **ret, sd_bus_error *error) {
        return call_method(q, address, "PrepareGPU", ret);
}

static int call_restore(const Request *q, const char *address, sd_bus_message **ret, sd_bus_error *error) {
        return call_method(q, address, "RestoreGPU", ret);
}

/* What is the host's anyway is left alone. */
static int request_all(const Request *q) {
        _cleanup_json_ json_object *gpus = NULL;
        bool managed_only = strcmp(q->kind, "restore") == 0;
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

static int request(Request *q, const CtlOptions *o, char *const *args) {
        if (!o->all == !args[0]) {
                log_error("gpu %s: expected addresses of GPUs, or --all; see cocoonctl gpu list.", q->kind);
                return CTL_USAGE;
        }
        q->options = o;
        q->all = request_all;
        q->fine = o->if_present ? CLIENT_NAME ".Error.NoSuchGPU" : NULL;
        q->fine_at_once = true;
        return request_run(q, args);
}

int verb_gpu_prepare(const CtlOptions *o, char *const *args) {
        Request q = { .kind = "prepare", .call = call_prepare };

        return request(&q, o, args);
}

int verb_gpu_restore(const CtlOptions *o, char *const *args) {
        Request q = { .kind = "restore", .call = call_restore };

        return request(&q, o, args);
}
