/* SPDX-License-Identifier: Apache-2.0 */

#include "ctl/lists.h"

#include "basic/log.h"

int list_print(json_object *rows, const TableColumn *columns, size_t n_columns, int (*add)(Table *table, json_object *row)) {
        _cleanup_(table_freep) Table *table = NULL;

        if (json_object_array_length(rows) == 0)
                return 0;
        table = table_new(columns, n_columns);
        if (!table)
                return -ENOMEM;
        for (size_t i = 0; i < json_object_array_length(rows); i++)
                if (add(table, json_object_array_get_idx(rows, i)) < 0)
                        return -ENOMEM;
        table_print(table, stdout);
        return 0;
}

int list_verb(const ListKind *kind, const CtlOptions *o, char *const *args) {
        _cleanup_(sd_bus_flush_close_unrefp) sd_bus *bus = NULL;
        _cleanup_json_ json_object *rows = NULL;
        int status;

        if (args[0]) {
                log_error("%s list: expected no arguments, found '%s'.", kind->noun, args[0]);
                return CTL_USAGE;
        }
        status = client_connect(o, &bus);
        if (status == CTL_DONE)
                status = kind->fetch(o, bus, &rows);
        if (status != CTL_DONE)
                return status;
        if (o->json)
                client_print_json(rows);
        else if (json_object_array_length(rows) == 0 && kind->empty)
                log_info("%s", kind->empty);
        else if (kind->print(rows) < 0) {
                (void) log_oom();
                return CTL_FAILED;
        }
        return CTL_DONE;
}

void list_print_field(const char *title, const char *value) {
        if (!*value)
                return;
        (void) printf("%14s: ", title);
        print_safely(stdout, value);
        (void) putchar('\n');
}
