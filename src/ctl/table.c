/* SPDX-License-Identifier: Apache-2.0 */

#include "ctl/table.h"

#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include <sys/ioctl.h>

#define GAP      2U
#define CELL_MIN 4U /* what a column is cut to at most */

struct Table {
        const TableColumn *columns;
        size_t n_columns, n_rows;
        char **cells; /* row by row */
};

Table *table_new(const TableColumn *columns, size_t n_columns) {
        Table *t = n_columns <= TABLE_COLUMNS_MAX ? calloc(1, sizeof(*t)) : NULL;

        if (t)
                *t = (Table){ .columns = columns, .n_columns = n_columns };
        return t;
}

Table *table_free(Table *t) {
        if (!t)
                return NULL;
        for (size_t i = 0; i < t->n_rows * t->n_columns; i++)
                free(t->cells[i]);
        free(t->cells);
        free(t);
        return NULL;
}

static char printable(char c) {
        return c >= 0x20 && c < 0x7f ? c : '?';
}

void print_safely(FILE *f, const char *text) {
        for (; *text; text++)
                (void) fputc(printable(*text), f);
}

int table_add(Table *t, const char *const *cells) {
        size_t n = t->n_rows * t->n_columns;
        char **grown = reallocarray(t->cells, n + t->n_columns, sizeof(*grown));

        if (!grown)
                return -ENOMEM;
        t->cells = grown;
        for (size_t i = 0; i < t->n_columns; i++) {
                grown[n + i] = strdup(*cells[i] ? cells[i] : "-");
                if (!grown[n + i]) {
                        while (i > 0)
                                free(grown[n + --i]);
                        return -ENOMEM;
                }
                for (char *p = grown[n + i]; *p; p++)
                        *p = printable(*p);
        }
        t->n_rows++;
        return 0;
}

size_t terminal_width(FILE *f) {
        struct winsize size;

        if (!isatty(fileno(f)))
                return SIZE_MAX;
        return ioctl(fileno(f), TIOCGWINSZ, &size) == 0 && size.ws_col > 0 ? size.ws_col : 80;
}

const char *terminal_color(FILE *f, const char *sequence) {
        const char *term = getenv("TERM"), *no_color = getenv("NO_COLOR");

        return isatty(fileno(f)) && term && strcmp(term, "dumb") != 0 && !(no_color && *no_color) ? sequence : "";
}

const char *state_color(const char *word) {
        static const struct {
                const char *word, *color;
        } colors[] = {
                { "ready", COLOR_GOOD },     { "done", COLOR_GOOD }, { "ok", COLOR_GOOD },      { "preparing", COLOR_BUSY },
                { "restoring", COLOR_BUSY }, { "note", COLOR_BUSY }, { "failed", COLOR_BAD },   { "timeout", COLOR_BAD },
                { "canceled", COLOR_BAD },   { "FAIL", COLOR_BAD },  { "leased", COLOR_GOOD },  { "active", COLOR_GOOD },
                { "activating", COLOR_BUSY }, { "deactivating", COLOR_BUSY }, { "passed", COLOR_GOOD }, { "refused", COLOR_BAD },
                { "building", COLOR_BUSY },  { "verifying", COLOR_BUSY }, { "corrupt", COLOR_BAD },
        };

        for (size_t i = 0; i < ELEMENTSOF(colors); i++)
                if (strcmp(colors[i].word, word) == 0)
                        return colors[i].color;
        return "";
}

/* The widest columns give first. */
static void fit(const Table *t, size_t limit, size_t widths[static TABLE_COLUMNS_MAX]) {
        for (;;) {
                size_t total = GAP * (t->n_columns - 1), widest = 0;

                for (size_t i = 0; i < t->n_columns; i++) {
                        total += widths[i];
                        if (widths[i] > widths[widest])
                                widest = i;
                }
                if (total <= limit || widths[widest] <= CELL_MIN)
                        return;
                widths[widest]--;
        }
}

static void print_cell(FILE *f, const char *text, size_t width, bool last, const char *color) {
        size_t length = strlen(text);

        if (*color)
                (void) fputs(color, f);
        if (length > width)
                (void) fprintf(f, "%.*s...", (int) (width - 3), text);
        else
                (void) fprintf(f, "%s", text);
        if (*color)
                (void) fputs(COLOR_PLAIN, f);
        if (!last)
                (void) fprintf(f, "%*s", (int) (GAP + (length > width ? 0 : width - length)), "");
}

void table_print(const Table *t, FILE *f) {
        size_t widths[TABLE_COLUMNS_MAX] = {};

        for (size_t i = 0; i < t->n_columns; i++) {
                widths[i] = strlen(t->columns[i].title);
                for (size_t row = 0; row < t->n_rows; row++) {
                        size_t n = strlen(t->cells[row * t->n_columns + i]);

                        if (n > widths[i])
                                widths[i] = n;
                }
        }
        fit(t, terminal_width(f), widths);
        for (size_t i = 0; i < t->n_columns; i++)
                print_cell(f, t->columns[i].title, widths[i], i + 1 == t->n_columns, terminal_color(f, COLOR_BOLD));
        (void) fputc('\n', f);
        for (size_t row = 0; row < t->n_rows; row++) {
                for (size_t i = 0; i < t->n_columns; i++) {
                        const char *cell = t->cells[row * t->n_columns + i];
                        const char *color = t->columns[i].color ? t->columns[i].color(cell) : "";

                        print_cell(f, cell, widths[i], i + 1 == t->n_columns, terminal_color(f, color));
                }
                (void) fputc('\n', f);
        }
}
