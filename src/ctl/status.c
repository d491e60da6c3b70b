/* SPDX-License-Identifier: Apache-2.0 */

#include "basic/log.h"
#include "ctl/lists.h"
#include "ctl/table.h"

static int list_gpus(const CtlOptions *o, sd_bus *bus, json_object **ret) {
        return client_list(bus, "GPU", "Address", ret);
}

static int list_models(const CtlOptions *o, sd_bus *bus, json_object **ret) {
        return client_list(bus, "Model", "Spec", ret);
}

static int list_jobs(const CtlOptions *o, sd_bus *bus, json_object **ret) {
        return client_list(bus, "Job", "Id", ret);
}

static const struct {
        const char *title;
        int (*list)(const CtlOptions *o, sd_bus *bus, json_object **ret);
        int (*print)(json_object *list);
        bool of_daemon;
} parts[] = {
        { "GPUs",    list_gpus,   gpu_print_list,    true  },
        { "Models",  list_models, model_print_list,  true  },
        { "Workers", worker_list, worker_print_list, false },
        { "Jobs",    list_jobs,   job_print_list,    true  },
};

static int print_part(size_t i, json_object *list) {
        (void) printf("%s%s%s%s\n", i > 0 ? "\n" : "", terminal_color(stdout, COLOR_BOLD), parts[i].title,
                      terminal_color(stdout, COLOR_PLAIN));
        if (json_object_array_length(list) == 0)
                (void) puts("none");
        return parts[i].print(list);
}

/* What one part cannot say keeps the others from nothing; a daemon that is not there is said once. */
int verb_status(const CtlOptions *o, char *const *args) {
        _cleanup_json_ json_object *all = o->json ? json_object_new_object() : NULL;
        _cleanup_(sd_bus_flush_close_unrefp) sd_bus *bus = NULL;
        int status, no_daemon = CTL_DONE;

        if (args[0]) {
                log_error("status: expected no arguments, found '%s'.", args[0]);
                return CTL_USAGE;
        }
        status = client_connect(o, &bus);
        if (status != CTL_DONE)
                return status;
        for (size_t i = 0; i < ELEMENTSOF(parts); i++) {
                _cleanup_json_ json_object *list = NULL;
                int one = parts[i].of_daemon && no_daemon != CTL_DONE ? no_daemon : parts[i].list(o, bus, &list);

                if (parts[i].of_daemon)
                        no_daemon = one;
                status = status ?: one;
                if (one != CTL_DONE)
                        continue;
                if (all ? json_add(all, parts[i].title, TAKE_PTR(list)) < 0 : print_part(i, list) < 0)
                        return (void) log_oom(), CTL_FAILED;
        }
        if (all)
                client_print_json(all);
        return status;
}
