/* SPDX-License-Identifier: MIT
 *
 * cmd_extract.c - `persona extract`: a persona vector from one model.
 *
 * The vector is written only when everything went well: a run that was interrupted, or that found
 * too little contrast, leaves no file behind.
 */
#include <math.h>
#include <string.h>

#include "base/mem.h"
#include "cli/cli.h"
#include "cli/plot.h"
#include "cli/table.h"

enum {
    KEY_ROLLOUTS = 0x2000,
    KEY_MAX_TOKENS,
    KEY_TEMP,
    KEY_MIN_TRAIT,
    KEY_MIN_COHERENCE,
    KEY_NO_CALIBRATE
};

typedef struct extract_args {
    cli_state *c;
    const char *model, *trait, *output;
    persona_extract_opts opts;
} extract_args;

static const struct argp_option options[] = {
    {"model", 'm', "FILE", 0, "The model (GGUF)", 0},
    {"trait", 't', "NAME|FILE", 0, "The trait pack; see 'persona traits list'", 0},
    {"output", 'o', "FILE", 0, "Where the vector goes (default: the user's library)", 0},
    {"rollouts", KEY_ROLLOUTS, "N", 0, "Answers per question, instruction and pole (default 1)", 0},
    {"max-tokens", KEY_MAX_TOKENS, "N", 0, "Length of an answer at most (default 128)", 0},
    {"temp", KEY_TEMP, "X", 0, "Sampling temperature (default 1)", 0},
    {"min-trait", KEY_MIN_TRAIT, "X", 0,
     "Positive answers must score this, negative ones less "
     "(default 50)",
     0},
    {"min-coherence", KEY_MIN_COHERENCE, "X", 0, "Answers must be this coherent (default 50)", 0},
    {"no-calibrate", KEY_NO_CALIBRATE, NULL, 0, "Do not measure the dose", 0},
    {0},
};

static error_t parse_real(struct argp_state *state, const char *name, const char *arg, double max,
                          float *out)
{
    double x = 0;
    const error_t failed = cli_real(state, name, arg, 0, max, &x);
    if (!failed)
        *out = (float)x;
    return failed;
}

static error_t parse(int key, char *arg, struct argp_state *state)
{
    extract_args *a = state->input;
    switch (key) {
    case ARGP_KEY_INIT:
        cli_init_children(state);
        return 0;
    case 'm':
        a->model = arg;
        return 0;
    case 't':
        a->trait = arg;
        return 0;
    case 'o':
        a->output = arg;
        return 0;
    case KEY_ROLLOUTS:
        return cli_int(state, "--rollouts", arg, 1, 1000, &a->opts.n_rollouts);
    case KEY_MAX_TOKENS:
        return cli_int(state, "--max-tokens", arg, 1, 1 << 16, &a->opts.max_tokens);
    case KEY_TEMP:
        return parse_real(state, "--temp", arg, 10, &a->opts.temperature);
    case KEY_MIN_TRAIT:
        return parse_real(state, "--min-trait", arg, 100, &a->opts.min_trait);
    case KEY_MIN_COHERENCE:
        return parse_real(state, "--min-coherence", arg, 100, &a->opts.min_coherence);
    case KEY_NO_CALIBRATE:
        a->opts.calibrate = false;
        return 0;
    case ARGP_KEY_END:
        if (a->c->help || (a->model && a->trait))
            return 0;
        return cli_usage(state, "%s is missing", a->model ? "--trait" : "--model");
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

static const struct argp_child children[] = {
    CLI_CHILD_JUDGE, CLI_CHILD_ENGINE, CLI_CHILD_OUTPUT, {0}};
static const struct argp argp = {
    options,
    parse,
    NULL,
    "Has MODEL answer questions under opposed instructions, keeps the pairs of answers that a "
    "judge "
    "finds to differ, and writes the mean difference of what the model computed while answering.",
    children,
    NULL,
    NULL,
};

/* ---- output ---------------------------------------------------------------------------------- */

static persona_code print_json(const extract_args *a, const cli_engine *x, const persona_vector *v,
                               const persona_extract_report *r, const char *path, persona_err *e)
{
    cli_json j;
    json_out *o = cli_json_begin(&j, "extract");
    jo_string(o, "trait", v->from.trait);
    jo_string(o, "model", x->info->path);
    jo_object(o, "generated");
    jo_int(o, "positive", (long long)r->n_generated_pos);
    jo_int(o, "negative", (long long)r->n_generated_neg);
    jo_end(o);
    jo_object(o, "kept");
    jo_int(o, "positive", (long long)r->n_kept_pos);
    jo_int(o, "negative", (long long)r->n_kept_neg);
    jo_end(o);
    jo_int(o, "unanswered", (long long)r->n_unanswered);
    jo_int(o, "best_layer", v->from.best_layer);
    jo_string(o, "layer_choice", r->layer_choice);
    jo_number(o, "swing", r->swing);
    jo_number(o, "dose", (double)v->from.dose);
    jo_object(o, "scores");
    jo_number(o, "positive", r->score_pos);
    jo_number(o, "negative", r->score_neg);
    jo_number(o, "coherence_positive", r->coherence_pos);
    jo_number(o, "coherence_negative", r->coherence_neg);
    jo_end(o);
    jo_array(o, "layers");
    for (int b = 0; b < v->n_layer; b++) {
        const persona_vector_layer *l = &v->layers[b];
        if (!l->present)
            continue;
        jo_object(o, NULL);
        jo_int(o, "layer", b);
        jo_number(o, "norm", (double)l->norm);
        jo_number(o, "auroc", (double)l->auroc);
        jo_number(o, "split_half_cosine", (double)l->split_half);
        jo_number(o, "cohen_d", (double)l->cohen_d);
        jo_number(o, "h_median", (double)l->h_median);
        jo_end(o);
    }
    jo_end(o);
    jo_string(o, "judge", x->judge ? persona_judge_name(x->judge) : NULL);
    jo_int(o, "seed", (long long)v->from.seed);
    jo_string(o, "output", path);
    jo_int(o, "n_tokens", (long long)r->n_tokens);
    jo_number(o, "seconds", r->seconds);
    return cli_json_end(a->c, &j, e);
}

static void print_layers(const persona_vector *v)
{
    static const table_column columns[] = {
        {"", TABLE_LEFT},         {"layer", TABLE_RIGHT}, {"|v|", TABLE_RIGHT},
        {"|v|/|h|", TABLE_RIGHT}, {"AUROC", TABLE_RIGHT}, {"split-half", TABLE_RIGHT},
        {"", TABLE_LEFT},
    };
    table t;
    table_init(&t, columns, sizeof columns / sizeof *columns);
    double top = 0;
    for (int b = 0; b < v->n_layer; b++)
        if (v->layers[b].present)
            top = fmax(top, (double)(v->layers[b].norm / v->layers[b].h_median));
    for (int b = 0; b < v->n_layer; b++) {
        const persona_vector_layer *l = &v->layers[b];
        if (!l->present)
            continue;
        char bar[128];
        const double ratio = (double)(l->norm / l->h_median);
        plot_bar_open(bar, sizeof bar, ratio / top, 24);
        table_cell(&t, "%s", b == v->from.best_layer ? (tty_utf8() ? "→" : ">") : "");
        table_cell(&t, "%d", b);
        table_cell(&t, "%s", cli_number((double)l->norm, 2));
        table_cell(&t, "%s", cli_number(ratio, 2));
        table_cell(&t, "%s", cli_number((double)l->auroc, 2));
        table_cell(&t, "%s", cli_number((double)l->split_half, 2));
        table_cell(&t, "%s", bar);
        table_style(&t, b == v->from.best_layer ? TTY_GREEN : TTY_DIM);
    }
    table_print(&t, stdout, 0);
    table_free(&t);
}

static void print_text(const cli_engine *x, const persona_vector *v,
                       const persona_extract_report *r, const char *path)
{
    printf("%s%s%s on %s (%s)\n", tty_paint(stdout, TTY_BOLD), v->from.trait,
           tty_paint(stdout, TTY_RESET), x->info->name, x->info->arch);
    printf("%zu positive and %zu negative answers; %zu pairs kept", r->n_generated_pos,
           r->n_generated_neg, r->n_kept_pos);
    if (x->judge)
        printf("; scores %s and %s, coherence %s and %s", cli_number(r->score_pos, 0),
               cli_number(r->score_neg, 0), cli_number(r->coherence_pos, 0),
               cli_number(r->coherence_neg, 0));
    if (r->n_unanswered > 0)
        printf("; %zu never reached an answer", r->n_unanswered);
    printf("\n\n");
    print_layers(v);
    printf("\nlayer %d chosen by %s", v->from.best_layer, r->layer_choice ? r->layer_choice : "-");
    if (isfinite(r->swing))
        printf(" (swing %s points)", cli_number(r->swing, 0));
    if (isfinite(v->from.dose))
        printf("; one dose is %s x the vector", cli_number((double)v->from.dose, 2));
    printf("\n%s  (%s)\n", path, cli_duration(r->seconds));
    if (!x->judge)
        printf("%snot judged: every pair was kept%s\n", tty_paint(stdout, TTY_YELLOW),
               tty_paint(stdout, TTY_RESET));
}

/* ---- the command ----------------------------------------------------------------------------- */

static persona_code run(extract_args *a, cli_engine *x, persona_trait **trait,
                        persona_questions **own, persona_vector **v, persona_extract_report *report,
                        persona_err *e)
{
    const persona_questions *questions = NULL;
    persona_code rc = persona_trait_find(a->trait, trait, e);
    if (rc == PERSONA_OK)
        rc = cli_open_model(a->model, x, e);
    if (rc == PERSONA_OK)
        rc = cli_open_judge(a->c, x, e);
    if (rc == PERSONA_OK)
        rc = cli_questions_for(x, *trait, own, &questions, e);
    if (rc == PERSONA_OK)
        rc = cli_open_session(a->c, x, 32, a->opts.max_tokens + 384, e); /* room for the prompt */
    if (rc != PERSONA_OK)
        return rc;
    a->opts.judge = x->judge;
    a->opts.n_questions = x->n_questions;
    a->opts.seed = a->c->seed;
    return persona_extract(x->session, *trait, questions, &a->opts, &a->c->hooks, v, report, e);
}

persona_code cmd_extract(cli_state *c, int argc, char **argv, persona_err *e)
{
    extract_args a = {.c = c, .opts = persona_extract_defaults()};
    cli_engine x = {0};
    persona_trait *trait = NULL;
    persona_questions *own = NULL;
    persona_vector *v = NULL;
    persona_extract_report report = {0};
    char *path = NULL;
    bool go = false;
    persona_code rc = cli_parse(&argp, c, argc, argv, &a, &go, e);
    if (!go)
        return rc;
    rc = run(&a, &x, &trait, &own, &v, &report, e);
    if (rc == PERSONA_OK)
        rc = cli_vector_path(&x, trait->name, a.output, &path, e);
    if (rc == PERSONA_OK)
        rc = persona_vector_write(v, path, e);
    tty_progress_clear(&c->progress);
    if (rc == PERSONA_OK && c->json)
        rc = print_json(&a, &x, v, &report, path, e);
    else if (rc == PERSONA_OK)
        print_text(&x, v, &report, path);
    mem_free(path);
    persona_vector_free(v);
    persona_questions_free(own);
    persona_trait_free(trait);
    cli_close(&x);
    return rc;
}
