/* SPDX-License-Identifier: MIT
 *
 * cmd_vector.c - `persona vector show V` and `persona vector compare A B`.
 *
 * V is a file, or, with --model, a name in the user's library for that model.
 */
#include <math.h>
#include <string.h>

#include "base/mem.h"
#include "cli/cli.h"
#include "cli/plot.h"
#include "cli/table.h"

typedef struct vector_args {
    cli_state *c;
    const char *model, *action, *names[2];
    size_t n_names;
} vector_args;

static const struct argp_option options[] = {
    {"model", 'm', "FILE", 0, "Look names up in the user's library for this model", 0},
    {0},
};

static error_t check(struct argp_state *state)
{
    const vector_args *a = state->input;
    if (a->c->help)
        return 0;
    if (!a->action)
        return cli_usage(state, "what to do: show or compare?");
    const bool show = strcmp(a->action, "show") == 0, compare = strcmp(a->action, "compare") == 0;
    if (!show && !compare)
        return cli_usage(state, "vector can show and compare, not '%s'", a->action);
    if (a->n_names != (show ? 1u : 2u))
        return cli_usage(state, "%s wants %s", a->action, show ? "one vector" : "two vectors");
    return 0;
}

static error_t parse(int key, char *arg, struct argp_state *state)
{
    vector_args *a = state->input;
    switch (key) {
    case ARGP_KEY_INIT:
        cli_init_children(state);
        return 0;
    case 'm':
        a->model = arg;
        return 0;
    case ARGP_KEY_ARG:
        if (!a->action)
            a->action = arg;
        else if (a->n_names < 2)
            a->names[a->n_names++] = arg;
        else
            return ARGP_ERR_UNKNOWN;
        return 0;
    case ARGP_KEY_END:
        return check(state);
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

static const struct argp_child children[] = {CLI_CHILD_OUTPUT, {0}};
static const struct argp argp = {
    options,
    parse,
    "show VECTOR\ncompare VECTOR VECTOR",
    "Shows what a vector file holds and where it comes from, or the cosine of two, block by block.",
    children,
    NULL,
    NULL,
};

static persona_code read_vector(const cli_engine *x, const char *name, persona_vector **out,
                                persona_err *e)
{
    return x->model ? persona_vector_find(x->model, name, out, e)
                    : persona_vector_read(name, out, e);
}

/* ---- show ------------------------------------------------------------------------------------ */

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
    jo_string(o, "map", p->map);
    jo_string(o, "verdict", p->verdict);
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
    jo_number(o, "r2_shuffled", (double)p->r2_shuffled);
}

static persona_code show_json(cli_state *c, const char *name, const persona_vector *v,
                              persona_err *e)
{
    cli_json j;
    json_out *o = cli_json_begin(&j, "vector");
    jo_string(o, "vector", name);
    jo_int(o, "n_layer", v->n_layer);
    jo_int(o, "n_embd", v->n_embd);
    origin_json(o, &v->from);
    jo_array(o, "layers");
    for (int b = 0; b < v->n_layer; b++) {
        const persona_vector_layer *l = &v->layers[b];
        if (!l->present)
            continue;
        jo_object(o, NULL);
        jo_int(o, "layer", b);
        jo_number(o, "norm", (double)l->norm);
        jo_number(o, "h_median", (double)l->h_median);
        jo_number(o, "auroc", (double)l->auroc);
        jo_number(o, "cohen_d", (double)l->cohen_d);
        jo_number(o, "split_half_cosine", (double)l->split_half);
        jo_number(o, "neutral_mean", (double)l->neutral_mean);
        jo_number(o, "neutral_sd", (double)l->neutral_sd);
        jo_end(o);
    }
    jo_end(o);
    return cli_json_end(c, &j, e);
}

static void fact(const char *name, const char *value)
{
    if (value && *value)
        printf("  %-10s %s\n", name, value);
}

static void show_origin(const persona_vector *v)
{
    const persona_provenance *p = &v->from;
    char text[160];
    printf("%s%s%s  %d wide\n", tty_paint(stdout, TTY_BOLD), p->trait && *p->trait ? p->trait : "?",
           tty_paint(stdout, TTY_RESET), v->n_embd);
    snprintf(text, sizeof text, "%s (%s)  %.16s", p->model_name, p->model_arch, p->model_hash);
    fact("model", *p->model_name ? text : "");
    fact("method", p->method);
    fact("judge", p->judge);
    snprintf(text, sizeof text, "%d of %d pairs", p->n_kept_pos, p->n_generated_pos);
    fact("kept", p->n_generated_pos > 0 ? text : "");
    snprintf(text, sizeof text, "%s, block %d, %d texts, R2 %s", p->parent_model, p->layer_from,
             p->n_texts, cli_number((double)p->r2_heldout, 2));
    fact("carried", *p->parent_model ? text : "");
    fact("verdict", p->verdict);
    snprintf(text, sizeof text, "%s x the vector at block %d", cli_number((double)p->dose, 2),
             p->best_layer);
    fact("one dose", isfinite(p->dose) ? text : "");
    fact("made by", p->library);
    putchar('\n');
}

static void show_text(const persona_vector *v)
{
    static const table_column columns[] = {
        {"", TABLE_LEFT},       {"layer", TABLE_RIGHT},      {"norm", TABLE_RIGHT},
        {"AUROC", TABLE_RIGHT}, {"split-half", TABLE_RIGHT}, {"", TABLE_LEFT},
    };
    double top = 0;
    table t;
    show_origin(v);
    table_init(&t, columns, sizeof columns / sizeof *columns);
    for (int b = 0; b < v->n_layer; b++)
        top = fmax(top, v->layers[b].present ? (double)v->layers[b].norm : 0.0);
    for (int b = 0; b < v->n_layer; b++) {
        const persona_vector_layer *l = &v->layers[b];
        if (!l->present)
            continue;
        char bar[128];
        plot_bar_open(bar, sizeof bar, (double)l->norm / top, 24);
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

/* ---- compare --------------------------------------------------------------------------------- */

static double cosine(const persona_vector *a, const persona_vector *b, int block)
{
    const float *x = persona_vector_row(a, block), *y = persona_vector_row(b, block);
    double xy = 0, xx = 0, yy = 0;
    for (int i = 0; i < a->n_embd; i++) {
        xy += (double)x[i] * (double)y[i];
        xx += (double)x[i] * (double)x[i];
        yy += (double)y[i] * (double)y[i];
    }
    return xy / sqrt(xx * yy);
}

static persona_code compare(cli_state *c, const vector_args *a, const persona_vector *x,
                            const persona_vector *y, persona_err *e)
{
    static const table_column columns[] = {{"layer", TABLE_RIGHT},
                                           {"cosine", TABLE_RIGHT},
                                           {"|A|", TABLE_RIGHT},
                                           {"|B|", TABLE_RIGHT},
                                           {"", TABLE_LEFT}};
    if (x->n_embd != y->n_embd)
        return persona_err_set(e, PERSONA_E_SHAPE,
                               "%s is %d wide and %s is %d wide: vectors of different models have "
                               "no common space (carry one over with 'persona transfer')",
                               a->names[0], x->n_embd, a->names[1], y->n_embd);
    const int n = x->n_layer < y->n_layer ? x->n_layer : y->n_layer;
    cli_json j = {.text = {.p = NULL}};
    json_out *o = c->json ? cli_json_begin(&j, "vector") : NULL;
    table t;
    size_t common = 0;
    table_init(&t, columns, sizeof columns / sizeof *columns);
    if (o)
        jo_array(o, "layers");
    for (int b = 0; b < n; b++) {
        if (!x->layers[b].present || !y->layers[b].present)
            continue;
        const double cos = cosine(x, y, b);
        common++;
        if (o) {
            jo_object(o, NULL);
            jo_int(o, "layer", b);
            jo_number(o, "cosine", cos);
            jo_end(o);
        }
        char bar[128];
        plot_bar_open(bar, sizeof bar, fabs(cos), 24);
        table_cell(&t, "%d", b);
        table_cell(&t, "%s", cli_number(cos, 3));
        table_cell(&t, "%s", cli_number((double)x->layers[b].norm, 3));
        table_cell(&t, "%s", cli_number((double)y->layers[b].norm, 3));
        table_cell(&t, "%s", bar);
        table_style(&t, cos < 0 ? TTY_RED : TTY_GREEN);
    }
    persona_code rc = PERSONA_OK;
    if (common == 0)
        rc = persona_err_set(e, PERSONA_E_SHAPE, "%s and %s have no block in common", a->names[0],
                             a->names[1]);
    if (rc == PERSONA_OK && !o)
        table_print(&t, stdout, 0);
    if (o)
        jo_end(o);
    if (rc == PERSONA_OK && o)
        rc = cli_json_end(c, &j, e);
    buf_free(&j.text);
    table_free(&t);
    return rc;
}

persona_code cmd_vector(cli_state *c, int argc, char **argv, persona_err *e)
{
    vector_args a = {.c = c};
    cli_engine x = {0};
    persona_vector *v[2] = {NULL, NULL};
    bool go = false;
    persona_code rc = cli_parse(&argp, c, argc, argv, &a, &go, e);
    if (!go)
        return rc;
    if (a.model)
        rc = cli_open_model(a.model, &x, e);
    for (size_t i = 0; i < a.n_names && rc == PERSONA_OK; i++)
        rc = read_vector(&x, a.names[i], &v[i], e);
    if (v[0] && v[1])
        rc = compare(c, &a, v[0], v[1], e);
    else if (rc == PERSONA_OK && v[0] && c->json)
        rc = show_json(c, a.names[0], v[0], e);
    else if (rc == PERSONA_OK && v[0])
        show_text(v[0]);
    persona_vector_free(v[1]);
    persona_vector_free(v[0]);
    cli_close(&x);
    return rc;
}
