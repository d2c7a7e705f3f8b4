/* SPDX-License-Identifier: MIT
 *
 * table.h - text tables with aligned columns. Cells are added row by row, left to right.
 *
 * A long table may be printed while it grows, row by row: its columns then are as wide as what has
 * been seen, and never get narrower.
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
    size_t *width; /* (n_columns) at least */
    bool titled;   /* the header line is printed */
} table;

/* columns is borrowed until table_free. */
void table_init(table *t, const table_column *columns, size_t n);
void table_cell(table *t, const char *fmt, ...) PERSONA_PRINTF(2, 3);
/* Paints the cell added last. */
void table_style(table *t, tty_style style);
/* Makes a column so wide at least. */
void table_widen(table *t, size_t column, size_t width);
/* Prints the rows that have come since the last time, with two spaces between columns and `indent`
 * before them. */
void table_print(table *t, FILE *f, int indent);
void table_free(table *t);

#endif
