/* SPDX-License-Identifier: MIT
 *
 * vector_compare.c - `persona vector compare A B...`: cosines block by block, of every pair.
 */
#include <math.h>
#include <string.h>

#include "base/mem.h"
#include "cli/plot.h"
#include "cli/table.h"
#include "cli/vector_cmd.h"
#include "workbench/vector_json.h"

/* ---- JSON: layers for two, pairs for more ---------------------------------------------------- */

static persona_code compare_json(const vector_args *a, const vector_input *in, size_t n,
                                 persona_err *e)
{
    cli_json j;
    json_out *o = cli_json_begin(&j, "vector");
    if (n == 2) {
        cosines_json(o, in[0].v, in[1].v);
        return cli_json_end(a->c, &j, e);
    }
    jo_array(o, "pairs");
    for (size_t i = 0; i < n; i++) {
        for (size_t k = i + 1; k < n; k++) {
            jo_object(o, NULL);
            jo_string(o, "a", in[i].name);
            jo_string(o, "b", in[k].name);
            cosines_json(o, in[i].v, in[k].v);
            jo_end(o);
        }
    }
    jo_end(o);
    return cli_json_end(a->c, &j, e);
}

/* ---- text ------------------------------------------------------------------------------------ */

static void two_text(const persona_vector *x, const persona_vector *y)
{
    static const table_column columns[] = {{"layer", TABLE_RIGHT},
                                           {"cosine", TABLE_RIGHT},
                                           {"|A|", TABLE_RIGHT},
                                           {"|B|", TABLE_RIGHT},
                                           {"", TABLE_LEFT}};
    table t;
    table_init(&t, columns, sizeof columns / sizeof *columns);
    for (int b = 0; b < vectors_depth(x, y); b++) {
        if (!vectors_share(x, y, b)) {
            continue;
        }
        const double cos = persona_vector_cosine(x, y, b);
        char bar[128];
        plot_bar_open(bar, sizeof bar, isfinite(cos) ? fabs(cos) : 0, 24);
        table_cell(&t, "%d", b);
        table_cell(&t, "%s", cli_number(cos, 3));
        table_cell(&t, "%s", cli_number((double)x->layers[b].norm, 3));
        table_cell(&t, "%s", cli_number((double)y->layers[b].norm, 3));
        table_cell(&t, "%s", bar);
        table_style(&t, cos < 0 ? TTY_RED : TTY_GREEN);
    }
    table_print(&t, stdout, 0);
    table_free(&t);
}

/* One row per block, one column per pair: "1-2" are the first two names. */
static void many_text(const vector_input *in, size_t n)
{
    const size_t n_columns = 1 + n * (n - 1) / 2;
    table_column *columns = cli_alloc(n_columns, sizeof *columns);
    int depth = 0;
    size_t c = 0;
    table t;
    columns[c++] = (table_column){"layer", TABLE_RIGHT};
    for (size_t i = 0; i < n; i++) {
        printf("%zu  %s\n", i + 1, in[i].name);
        depth = in[i].v->n_layer > depth ? in[i].v->n_layer : depth;
        for (size_t k = i + 1; k < n; k++) {
            columns[c++] = (table_column){cli_format("%zu-%zu", i + 1, k + 1), TABLE_RIGHT};
        }
    }
    putchar('\n');
    table_init(&t, columns, n_columns);
    for (int b = 0; b < depth; b++) {
        table_cell(&t, "%d", b);
        for (size_t i = 0; i < n; i++) {
            for (size_t k = i + 1; k < n; k++) {
                const double cos = persona_vector_cosine(in[i].v, in[k].v, b);
                table_cell(&t, "%s", cli_number(cos, 3));
                table_style(&t, cos < 0 ? TTY_RED : cos > 0 ? TTY_GREEN : TTY_DIM);
            }
        }
    }
    table_print(&t, stdout, 0);
    table_free(&t);
    for (c = 1; c < n_columns; c++) {
        mem_free((char *)(uintptr_t)columns[c].title);
    }
    mem_free(columns);
}

persona_code vector_compare(const vector_args *a, vector_input *in, size_t n, persona_err *e)
{
    for (size_t i = 0; i < n; i++) {
        for (size_t k = i + 1; k < n; k++) {
            const persona_code rc = vectors_comparable(in[i].v, in[i].name, in[k].v, in[k].name, e);
            if (rc != PERSONA_OK) {
                return rc;
            }
        }
    }
    for (size_t i = 1; i < n; i++) {
        if (strcmp(in[0].v->from.unit, in[i].v->from.unit) != 0) {
            cli_say(a->c, "units differ, which no cosine shows: %s is %s, %s is %s", in[0].name,
                    *in[0].v->from.unit ? in[0].v->from.unit : "of an unknown unit", in[i].name,
                    *in[i].v->from.unit ? in[i].v->from.unit : "of an unknown unit");
        }
    }
    if (a->c->json) {
        return compare_json(a, in, n, e);
    }
    if (n == 2) {
        two_text(in[0].v, in[1].v);
    } else {
        many_text(in, n);
    }
    return PERSONA_OK;
}
