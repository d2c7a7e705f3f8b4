/* SPDX-License-Identifier: MIT
 *
 * table.h - text tables with aligned columns. Cells are added row by row, left to right.
 */
#ifndef PERSONA_CLI_TABLE_H
#define PERSONA_CLI_TABLE_H

#include <stdio.h>

#include "cli/tty.h"
#include "persona/error.h"

typedef enum table_align { TABLE_LEFT, TABLE_RIGHT } table_align;

typedef struct table_column {
    const char *title; /* NULL everywhere: no header line */
    table_align align;
} table_column;

typedef struct table {
    const table_column *columns;
    size_t n_columns;
    char **cells;
    tty_style *styles; /* TTY_RESET: plain */
    size_t n_cells, cap;
} table;

/* columns is borrowed until table_free. */
void table_init(table *t, const table_column *columns, size_t n);
void table_cell(table *t, const char *fmt, ...) PERSONA_PRINTF(2, 3);
/* Paints the cell added last. */
void table_style(table *t, tty_style style);
/* Prints with two spaces between columns and `indent` before them. */
void table_print(const table *t, FILE *f, int indent);
void table_free(table *t);

#endif
