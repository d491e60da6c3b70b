/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Tables that fit the terminal. */

#include <stddef.h>
#include <stdio.h>

#include "basic/cleanup.h"

#define TABLE_COLUMNS_MAX 10U

typedef struct TableColumn {
        const char *title;
        const char *(*color)(const char *cell); /* NULL: none; the function may return "" */
} TableColumn;

typedef struct Table Table;

/* `columns` must stay. NULL when memory is out. */
Table *table_new(const TableColumn *columns, size_t n_columns);
Table *table_free(Table *t);
DEFINE_CLEANUP_FUNC(Table *, table_free)

/* A row; as many cells as columns, which are copied. What is not printable becomes '?'. 0 or -ENOMEM. */
int table_add(Table *t, const char *const *cells);

/* Columns are cut where the terminal is too narrow; a file or a pipe never is. */
void table_print(const Table *t, FILE *f);

/* Columns of the terminal that `f` is; SIZE_MAX when it is none. */
size_t terminal_width(FILE *f);

/* The escape sequence when `f` is a terminal with colours, else "". */
const char *terminal_color(FILE *f, const char *sequence);

#define COLOR_GOOD  "\033[32m"
#define COLOR_BUSY  "\033[33m"
#define COLOR_BAD   "\033[31m"
#define COLOR_BOLD  "\033[1m"
#define COLOR_PLAIN "\033[0m"

/* Of a GPU's state, a job's result, a finding's level. */
const char *state_color(const char *word);

/* Prints text that came from elsewhere: what could steer the terminal becomes '?'. */
void print_safely(FILE *f, const char *text);
