/* SPDX-License-Identifier: MIT
 *
 * vector_show.c - `persona vector show V`: what a file holds and where it comes from.
 */
#include <math.h>
#include <string.h>

#include "cli/plot.h"
#include "cli/table.h"
#include "cli/vector_cmd.h"

static void origin_json(json_out *o, const persona_provenance *p)
{
    jo_string(o, "trait", p->trait);
    jo_string(o, "method", p->method);
    jo_string(o, "model", p->model_name);
    jo_string(o, "arch", p->model_arch);
    jo_string(o, "model_sha256", p->model_hash);
    jo_string(o, "template_sha256", p->template_hash);
    jo_string(o, "judge", p->judge);
    jo_string(o, "library", p->library);
    jo_string(o, "parent_model", p->parent_model);
    jo_string(o, "parent_sha256", p->parent_hash);
    jo_string(o, "map", p->map);
    jo_string(o, "sample", p->sample);
    jo_string(o, "verdict", p->verdict);
    jo_string(o, "unit", p->unit);
    jo_string(o, "source", p->source);
    jo_string(o, "note", p->note);
    jo_string(o, "unapplied", p->unapplied);
    jo_int(o, "seed", (long long)p->seed);
    jo_object(o, "generated");
    jo_int(o, "positive", p->n_generated_pos);
    jo_int(o, "negative", p->n_generated_neg);
    jo_end(o);
    jo_object(o, "kept");
    jo_int(o, "positive", p->n_kept_pos);
    jo_int(o, "negative", p->n_kept_neg);
    jo_end(o);
    jo_int(o, "best_layer", p->best_layer);
    jo_number(o, "dose", (double)p->dose);
    jo_number(o, "dose_kl", (double)p->dose_kl);
    jo_int(o, "layer_from", p->layer_from);
    jo_int(o, "n_texts", p->n_texts);
    jo_number(o, "lambda", (double)p->lambda);
    jo_number(o, "r2_heldout", (double)p->r2_heldout);
    jo_number(o, "r2_contrast", (double)p->r2_contrast);
    jo_number(o, "r2_shuffled", (double)p->r2_shuffled);
}

static persona_code show_json(cli_state *c, const vector_input *in, persona_err *e)
{
    const persona_vector *v = in->v;
    cli_json j;
    json_out *o = cli_json_begin(&j, "vector");
    jo_string(o, "vector", in->name);
    jo_string(o, "format", in->format);
    jo_int(o, "n_layer", v->n_layer);
    jo_int(o, "n_embd", v->n_embd);
    origin_json(o, &v->from);
    jo_array(o, "layers");
    for (int b = 0; b < v->n_layer; b++) {
        const persona_vector_layer *l = &v->layers[b];
        if (!l->present) {
            continue;
        }
        jo_object(o, NULL);
        jo_int(o, "layer", b);
        jo_number(o, "norm", (double)l->norm);
        jo_number(o, "h_median", (double)l->h_median);
        jo_number(o, "auroc", (double)l->auroc);
        jo_number(o, "cohen_d", (double)l->cohen_d);
        jo_number(o, "agreement", (double)l->agreement);
        jo_number(o, "split_half_cosine", (double)l->split_half);
        jo_number(o, "neutral_mean", (double)l->neutral_mean);
        jo_number(o, "neutral_sd", (double)l->neutral_sd);
        jo_number(o, "token_mean", (double)l->token_mean);
        jo_number(o, "token_sd", (double)l->token_sd);
        jo_array(o, "quantiles");
        for (size_t i = 0; i < PERSONA_N_QUANTILES; i++) {
            jo_number(o, NULL, (double)l->quantiles[i]);
        }
        jo_end(o);
        jo_end(o);
    }
    jo_end(o);
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
