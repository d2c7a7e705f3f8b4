/* SPDX-License-Identifier: MIT
 *
 * cmd_transfer.c - `persona transfer`: one trait from one model to another, with a verdict.
 *
 * The vector is written whatever the verdict is, and the verdict stands in it; FAIL is exit code 1,
 * so that a script notices.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "cli/cli.h"
#include "cli/study_print.h"

enum {
    KEY_FROM = 0x2000,
    KEY_TO,
    KEY_VECTOR,
    KEY_EVALUATE,
    KEY_NO_EVALUATE,
    KEY_ROLLOUTS,
    KEY_MAX_TOKENS,
    KEY_COEFFICIENTS
};
enum { MAX_COEFFICIENTS = 15 };

typedef struct transfer_args {
    cli_state *c;
    const char *from, *to, *trait, *vector, *output;
    double coefficients[MAX_COEFFICIENTS];
    study_opts opts;
} transfer_args;

static const struct argp_option options[] = {
    {"from", KEY_FROM, "FILE", 0, "The source model (GGUF)", 0},
    {"to", KEY_TO, "FILE", 0, "The target model (GGUF)", 0},
    {"trait", 't', "NAME|FILE", 0, "The trait pack; see 'persona traits list'", 0},
    {"vector", KEY_VECTOR, "FILE", 0, "A vector of the source (default: extract it)", 0},
    {"output", 'o', "FILE", 0, "Where the vector goes (default: the user's library)", 0},
    {"evaluate", KEY_EVALUATE, NULL, 0, "Measure it beside every control (default)", 0},
    {"no-evaluate", KEY_NO_EVALUATE, NULL, 0, "Only map it", 0},
    {"coefficients", KEY_COEFFICIENTS, "A:B:N", 0,
     "N coefficients from A to B to evaluate (default -2:2:5)", 0},
    {"rollouts", KEY_ROLLOUTS, "N", 0, "Answers per question, instruction and pole (default 1)", 0},
    {"max-tokens", KEY_MAX_TOKENS, "N", 0, "Length of an answer at most", 0},
    {0},
};

/* -2:2:9 means 0.5 and not 0.49999999999999994: the evaluation looks for exactly -1, 0 and 1. */
static double snapped(double x)
{
    const double y = round(x * 1e6) / 1e6;
    return fabs(x - y) < 1e-9 ? y + 0.0 : x;
}

static bool has_ones(const transfer_args *a)
{
    int found = 0;
    for (size_t i = 0; i < a->opts.n_coefficients; i++)
        found += fabs(fabs(a->coefficients[i]) - 1) < 1e-12;
    return found == 2;
}

static error_t set_coefficients(struct argp_state *state, const char *arg)
{
    transfer_args *a = state->input;
    char *rest = NULL;
    const double low = strtod(arg, &rest);
    const double high = *rest == ':' ? strtod(rest + 1, &rest) : low;
    const long n = *rest == ':' ? strtol(rest + 1, &rest, 10) : 0;
    if (*rest || !(low < high) || !isfinite(high - low) || n < 2 || n > MAX_COEFFICIENTS)
        return cli_usage(state, "--coefficients wants LOW:HIGH:N with N from 2 to %d, not '%s'",
                         MAX_COEFFICIENTS, arg);
    for (long i = 0; i < n; i++)
        a->coefficients[i] = snapped(low + (high - low) * (double)i / (double)(n - 1));
    a->opts.coefficients = a->coefficients;
    a->opts.n_coefficients = (size_t)n;
    return has_ones(a) ? 0
                       : cli_usage(state, "--coefficients must meet -1 and 1: the verdict compares "
                                          "them");
}

static error_t check(struct argp_state *state)
{
    const transfer_args *a = state->input;
    const char *missing = !a->from ? "--from" : !a->to ? "--to" : !a->trait ? "--trait" : NULL;
    if (a->c->help || !missing)
        return 0;
    return cli_usage(state, "%s is missing", missing);
}

static error_t parse(int key, char *arg, struct argp_state *state)
{
    transfer_args *a = state->input;
    switch (key) {
    case ARGP_KEY_INIT:
        cli_init_children(state);
        return 0;
    case KEY_FROM:
        a->from = arg;
        return 0;
    case KEY_TO:
        a->to = arg;
        return 0;
    case 't':
        a->trait = arg;
        return 0;
    case KEY_VECTOR:
        a->vector = arg;
        return 0;
    case 'o':
        a->output = arg;
        return 0;
    case KEY_EVALUATE:
    case KEY_NO_EVALUATE:
        a->opts.evaluate = key == KEY_EVALUATE;
        return 0;
    case KEY_COEFFICIENTS:
        return set_coefficients(state, arg);
    case KEY_ROLLOUTS:
        return cli_int(state, "--rollouts", arg, 1, 1000, &a->opts.n_rollouts);
    case KEY_MAX_TOKENS:
        return cli_int(state, "--max-tokens", arg, 1, 1 << 16, &a->opts.max_tokens);
    case ARGP_KEY_END:
        return check(state);
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
    "Carries a persona vector from one model to another of any architecture, by a map learnt from "
    "texts that both have read and that leave this trait out, and measures what arrived beside a "
    "native vector, a map of shuffled pairs and random directions.",
    children,
    NULL,
    NULL,
};

/* ---- work ------------------------------------------------------------------------------------ */

typedef struct work {
    cli_engine from, to;
    persona_trait *trait;
    cli_traits packs;
    persona_pairs *pairs;
    persona_vector *given;
    study *result;
    char *path;
    double seconds;
} work;

static persona_code open_all(transfer_args *a, work *w, persona_err *e)
{
    persona_code rc = persona_trait_find(a->trait, &w->trait, e);
    if (rc == PERSONA_OK && a->vector)
        rc = persona_vector_read(a->vector, &w->given, e);
    if (rc == PERSONA_OK && a->output)
        rc = cli_writable(a->output, e);
    if (rc == PERSONA_OK)
        rc = cli_all_traits(w->trait, &w->packs, e);
    if (rc == PERSONA_OK)
        rc = cli_open_side(a->c, a->from, NULL, &w->from, e);
    if (rc == PERSONA_OK)
        rc = cli_open_side(a->c, a->to, &w->from, &w->to, e);
    if (rc == PERSONA_OK && w->given &&
        (w->given->n_embd != w->from.info->n_embd || w->given->n_layer > w->from.info->n_layer))
        rc = persona_err_set(e, PERSONA_E_SHAPE,
                             "%s is %d wide over %d blocks, but %s is %d wide over %d blocks",
                             a->vector, w->given->n_embd, w->given->n_layer, w->from.info->path,
                             w->from.info->n_embd, w->from.info->n_layer);
    if (rc == PERSONA_OK && !a->opts.evaluate)
        return rc;
    if (rc == PERSONA_OK && !w->to.judge)
        rc = persona_err_set(e, PERSONA_E_UNAVAILABLE,
                             "no judge for %s: name one with --judge, or say --no-evaluate",
                             w->to.info->path);
    return rc;
}

static persona_code run(transfer_args *a, work *w, persona_err *e)
{
    const double start = clock_now();
    persona_code rc = open_all(a, w, e);
    if (rc != PERSONA_OK)
        return rc;
    const study_side from = cli_side(&w->from), to = cli_side(&w->to);
    a->opts.seed = a->c->seed;
    a->opts.n_questions = a->opts.n_evaluate = a->opts.n_mapped = w->from.n_questions;
    a->opts.given = w->given;
    rc = study_pairs(&from, &to, w->packs.p, w->packs.n, &a->opts, &a->c->hooks, &w->pairs, e);
    if (rc == PERSONA_OK)
        rc = study_trait(&from, &to, w->pairs, w->trait, &a->opts, &a->c->hooks, &w->result, e);
    if (rc == PERSONA_OK)
        rc = cli_vector_path(&w->to, w->trait->name, a->output, &w->path, e);
    if (rc == PERSONA_OK)
        rc = persona_vector_write(w->result->transferred, w->path, e);
    w->seconds = clock_now() - start;
    return rc;
}

static persona_code print_json(const transfer_args *a, const work *w, persona_err *e)
{
    cli_json j;
    json_out *o = cli_json_begin(&j, "transfer");
    jo_string(o, "trait", w->result->trait);
    cli_json_model(o, "from", w->from.info);
    cli_json_model(o, "to", w->to.info);
    study_json(o, w->result);
    jo_string(o, "judge", w->to.judge ? persona_judge_name(w->to.judge) : NULL);
    jo_int(o, "seed", (long long)a->c->seed);
    jo_string(o, "output", w->path);
    jo_number(o, "seconds", w->seconds);
    return cli_json_end(a->c, &j, e);
}

static void print_text(const work *w)
{
    printf("%s (%s) -> %s (%s)\n", w->from.info->name, w->from.info->arch, w->to.info->name,
           w->to.info->arch);
    study_print(stdout, w->result);
    printf("%s  (%s)\n", w->path, cli_duration(w->seconds));
}

persona_code cmd_transfer(cli_state *c, int argc, char **argv, persona_err *e)
{
    transfer_args a = {.c = c, .opts = study_defaults()};
    work w = {.path = NULL};
    bool go = false;
    persona_code rc = cli_parse(&argp, c, argc, argv, &a, &go, e);
    if (!go)
        return rc;
    rc = run(&a, &w, e);
    tty_progress_clear(&c->progress);
    if (rc == PERSONA_OK && c->json)
        rc = print_json(&a, &w, e);
    else if (rc == PERSONA_OK)
        print_text(&w);
    if (rc == PERSONA_OK && w.result->evaluation && !w.result->evaluation->pass)
        rc = persona_err_set(e, PERSONA_E_NEGATIVE, "the transfer of '%s' did not pass: %s",
                             w.result->trait, w.result->evaluation->reason);
    mem_free(w.path);
    study_free(w.result);
    persona_vector_free(w.given);
    persona_pairs_free(w.pairs);
    cli_traits_free(&w.packs);
    persona_trait_free(w.trait);
    cli_close(&w.to);
    cli_close(&w.from);
    return rc;
}
