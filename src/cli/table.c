/* SPDX-License-Identifier: MIT
 *
 * table.c - text tables with aligned columns.
 *
 * Widths are counted in code points, which is right for the words and numbers printed here. The
 * last column is not padded, so no line ends in spaces.
 */
#include "cli/table.h"

#include <assert.h>
#include <stdarg.h>

#include "base/mem.h"
#include "cli/cli.h"

void table_init(table *t, const table_column *columns, size_t n)
{
    *t = (table){.columns = columns, .n_columns = n, .width = cli_alloc(n, sizeof *t->width)};
}

void table_widen(table *t, size_t column, size_t width)
{
    t->width[column] = width > t->width[column] ? width : t->width[column];
}

void table_cell(table *t, const char *fmt, ...)
{
    buf b;
    buf_init(&b, 1 << 20);
    va_list ap;
    va_start(ap, fmt);
    buf_vprintf(&b, fmt, ap);
    va_end(ap);
    if (t->n_cells == t->cap) {
        t->cap = t->cap > 0 ? 2 * t->cap : 64;
        t->cells = cli_resize(t->cells, t->cap, sizeof *t->cells);
        t->styles = cli_resize(t->styles, t->cap, sizeof *t->styles);
    }
    t->styles[t->n_cells] = TTY_RESET;
    t->cells[t->n_cells++] = cli_strdup(buf_str(&b));
    buf_free(&b);
}

void table_style(table *t, tty_style style)
{
    if (t->n_cells > 0) {
        t->styles[t->n_cells - 1] = style;
    }
}

static void pad(FILE *f, size_t n)
{
    for (; n > 0; n--) {
        fputc(' ', f);
    }
}

/* One cell; `owed` spaces stand before it, which are not printed before nothing. */
static void print_cell(FILE *f, const char *s, size_t width, table_align align, tty_style style,
                       size_t *owed)
{
    const size_t have = tty_columns(s), fill = width > have ? width - have : 0;
    if (have == 0) {
        *owed += width + 2;
        return;
    }
    pad(f, *owed + (align == TABLE_RIGHT ? fill : 0));
    if (style == TTY_RESET) {
        fputs(s, f);
    } else {
        fprintf(f, "%s%s%s", tty_paint(f, style), s, tty_paint(f, TTY_RESET));
    }
    *owed = (align == TABLE_LEFT ? fill : 0) + 2;
}

static void measure(table *t)
{
    for (size_t c = 0; c < t->n_columns; c++) {
        if (t->columns[c].title && !t->titled) {
            table_widen(t, c, tty_columns(t->columns[c].title));
        }
        for (size_t i = c; i < t->n_cells; i += t->n_columns) {
            table_widen(t, c, tty_columns(t->cells[i]));
        }
    }
}

static void print_titles(table *t, FILE *f, int indent)
{
    size_t owed = (size_t)indent;
    bool any = false;
    for (size_t c = 0; c < t->n_columns; c++) {
        any = any || t->columns[c].title;
    }
    for (size_t c = 0; any && !t->titled && c < t->n_columns; c++) {
        print_cell(f, t->columns[c].title ? t->columns[c].title : "", t->width[c],
                   t->columns[c].align, TTY_DIM, &owed);
    }
    if (any && !t->titled) {
        fputc('\n', f);
    }
    t->titled = true;
}

static void drop_cells(table *t)
{
    for (size_t i = 0; i < t->n_cells; i++) {
        mem_free(t->cells[i]);
    }
    t->n_cells = 0;
}

void table_print(table *t, FILE *f, int indent)
{
    assert(t->n_columns > 0);
    size_t owed = 0;
    measure(t);
    print_titles(t, f, indent);
    for (size_t i = 0; i < t->n_cells; i++) {
        const size_t c = i % t->n_columns;
        if (c == 0) {
            owed = (size_t)indent;
        }
        print_cell(f, t->cells[i], t->width[c], t->columns[c].align, t->styles[i], &owed);
        if (c + 1 == t->n_columns || i + 1 == t->n_cells) {
            fputc('\n', f);
        }
    }
    drop_cells(t);
}

void table_free(table *t)
{
    drop_cells(t);
    mem_free(t->cells);
    mem_free(t->styles);
    mem_free(t->width);
    *t = (table){0};
}
