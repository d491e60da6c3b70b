/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Tables of objects: what the nouns' "list" and "status" print. */

#include "ctl/client.h"
#include "ctl/table.h"

/* What a noun's "list" is about. */
typedef struct ListKind {
        const char *noun;
        const char *empty; /* said when there are none; NULL: nothing */
        int (*fetch)(const CtlOptions *o, sd_bus *bus, json_object **ret); /* CTL_DONE, or an exit status, said */
        int (*print)(json_object *rows);                                   /* 0 or -ENOMEM */
} ListKind;

/* The verb "list" of that noun: its exit status. */
int list_verb(const ListKind *kind, const CtlOptions *o, char *const *args);

/* A table to standard output, nothing for an empty array; `add` adds the row of an object. 0 or -ENOMEM. */
int list_print(json_object *rows, const TableColumn *columns, size_t n_columns, int (*add)(Table *table, json_object *row));

/* "  Title: value", of what came from elsewhere; nothing for "". */
void list_print_field(const char *title, const char *value);

/* To standard output, nothing for an empty array. 0 or -ENOMEM. */
int gpu_print_list(json_object *gpus);
int model_print_list(json_object *models);
int job_print_list(json_object *jobs);
int worker_print_list(json_object *workers);

/* All workers: those that have a configuration here, and those that the service manager knows; an array of objects with Name,
 * State, GPU, Model, CID, Attestation, Console, Status, InvocationID. CTL_DONE, or an exit status, said. */
int worker_list(const CtlOptions *o, sd_bus *bus, json_object **ret);
