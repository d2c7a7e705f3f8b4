/* SPDX-License-Identifier: MIT
 *
 * vector_show.c - `persona vector show V`: what a file holds and where it comes from.
 */
#include <math.h>
#include <string.h>

#include "cli/plot.h"
#include "cli/table.h"
#include "cli/vector_cmd.h"
#include "workbench/vector_json.h"

static persona_code show_json(cli_state *c, const vector_input *in, persona_err *e)
{
    const persona_vector *v = in->v;
    cli_json j;
    json_out *o = cli_json_begin(&j, "vector");
    jo_string(o, "vector", in->name);
    jo_string(o, "format", in->format);
    vector_json(o, v);
    return cli_json_end(c, &j, e);
}

static void fact(const char *name, const char *value)
{
    if (value && *value) {
        printf("  %-10s %s\n", name, value);
    }
}

static void show_origin(const vector_input *in)
{
    const persona_vector *v = in->v;
    const persona_provenance *p = &v->from;
    char text[256];
    printf("%s%s%s  %d wide\n", tty_paint(stdout, TTY_BOLD), p->trait && *p->trait ? p->trait : "?",
           tty_paint(stdout, TTY_RESET), v->n_embd);
    snprintf(text, sizeof text, "%s (%s)  %.16s", p->model_name, p->model_arch, p->model_hash);
    fact("model", *p->model_name ? text : p->model_arch);
    fact("format", in->format);
    fact("source", p->source);
    fact("unit", *p->unit ? p->unit : "unknown");
    fact("note", p->note);
    fact("unapplied", p->unapplied);
    fact("method", p->method);
    fact("judge", p->judge);
    snprintf(text, sizeof text, "%d of %d pairs", p->n_kept_pos, p->n_generated_pos);
    fact("kept", p->n_generated_pos > 0 ? text : "");
    snprintf(text, sizeof text,
             "from block %d of %s, %d texts, R2 of contrasts %s (shuffled %s), %s", p->layer_from,
             p->parent_model, p->n_texts, cli_number((double)p->r2_contrast, 2),
             cli_number((double)p->r2_shuffled, 2), p->sample);
    fact("carried", *p->parent_model ? text : "");
    fact("map", p->map);
    fact("verdict", p->verdict);
    snprintf(text, sizeof text, "%s x the vector at block %d", cli_number((double)p->dose, 2),
             p->best_layer);
    fact("one dose", isfinite(p->dose) ? text : "");
    fact("made by", p->library);
    putchar('\n');
}

static void show_text(const vector_input *in)
{
    const persona_vector *v = in->v;
    static const table_column columns[] = {
        {"", TABLE_LEFT},       {"layer", TABLE_RIGHT},      {"norm", TABLE_RIGHT},
        {"AUROC", TABLE_RIGHT}, {"split-half", TABLE_RIGHT}, {"", TABLE_LEFT},
    };
    double top = 0;
    table t;
    show_origin(in);
    table_init(&t, columns, sizeof columns / sizeof *columns);
    for (int b = 0; b < v->n_layer; b++) {
        top = fmax(top, v->layers[b].present ? (double)v->layers[b].norm : 0.0);
    }
    for (int b = 0; b < v->n_layer; b++) {
        const persona_vector_layer *l = &v->layers[b];
        if (!l->present) {
            continue;
        }
        char bar[128];
        plot_bar_open(bar, sizeof bar, top > 0 ? (double)l->norm / top : 0, 24);
        table_cell(&t, "%s", b != v->from.best_layer ? "" : tty_utf8() ? "→" : ">");
        table_cell(&t, "%d", b);
        table_cell(&t, "%s", cli_number((double)l->norm, 3));
        table_cell(&t, "%s", cli_number((double)l->auroc, 2));
        table_cell(&t, "%s", cli_number((double)l->split_half, 2));
        table_cell(&t, "%s", bar);
        table_style(&t, b == v->from.best_layer ? TTY_GREEN : TTY_DIM);
    }
    table_print(&t, stdout, 0);
    table_free(&t);
}

persona_code vector_show(const vector_args *a, vector_input *in, size_t n, persona_err *e)
{
    (void)n; /* one */
    if (a->c->json) {
        return show_json(a->c, in, e);
    }
    show_text(in);
    return PERSONA_OK;
}
