/* SPDX-License-Identifier: MIT
 *
 * cmd_project.c - `persona project`: how far texts lie along vectors, answer by answer, turn by
 * turn and token by token, with alarms if neutral answers have taught when to give one.
 *
 * Everything is written as it comes, an answer at a time, so memory does not grow with the file and
 * Ctrl-C loses nothing: the document is closed, with the member "error" that every failure has.
 */
#include <math.h>
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "base/try.h"
#include "cli/cli.h"
#include "cli/plot.h"
#include "cli/probe.h"
#include "cli/table.h"

typedef struct project_args {
    cli_state *c;
    const char *model, *neutral;
    double rate;
    bool per_token;
} project_args;

#define AT(member) offsetof(project_args, member)

static const opt options[] = {
    OPT_MODEL(AT(model)),
    {.name = "per-token",
     .type = OPT_ON,
     .at = AT(per_token),
     .help = "Also each token: its text in the document, a line for each answer in the text"},
    {.name = "neutral",
     .type = OPT_FILE,
     .arg = "FILE",
     .at = AT(neutral),
     .without = "what the vector's file knows",
     .help = "Neutral answers (JSON lines) that say what z-scores are counted from"},
    {.name = "alarm",
     .type = OPT_REAL,
     .arg = "RATE",
     .min = 0.0001,
     .max = 0.5,
     .at = AT(rate),
     .without = "no alarms",
     .help = "EWMA and CUSUM alarms, with thresholds for this share of false ones among runs of "
             "neutral answers (conversations, or 20 answers drawn); half of those measure it"},
    {.name = NULL},
};
static const opt_group project_options = {NULL, false, options};

static persona_code check(void *p, persona_err *e)
{
    const project_args *a = p;
    return a->rate > 0 && !a->neutral
               ? persona_err_set(e, PERSONA_E_USAGE,
                                 "--alarm needs --neutral FILE to choose its thresholds by")
               : PERSONA_OK;
}

typedef struct project_work {
    project_args *a;
    rig x;
    persona_probes *probes;
    persona_watch *watch; /* (n); NULL: no neutral file */
    persona_chart *chart; /* (n) of the series that runs */
    size_t series;        /* the line that it is of; 0: the stream of single answers */
    size_t n_items, n_answers, n_alarms; /* done; in the file; of those done */
    size_t n_token_alarms;               /* answers within which there is one */
    cli_json json;
    json_out *o;
    table t;
} project_work;

static double mean_of(const project_work *w, size_t k)
{
    return w->watch ? w->watch[k].mean : w->probes->list[k].mean;
}

static double sd_of(const project_work *w, size_t k)
{
    return w->watch ? w->watch[k].sd : w->probes->list[k].sd;
}

/* Whether there is an alarm at token i of the answer that c has followed up to there. */
static bool token_alarm(const project_work *w, const persona_projection *x, size_t k, size_t i,
                        persona_chart *c)
{
    const persona_watch *y = &w->watch[k];
    const double p = (double)x->per_token[i * w->probes->n + k];
    persona_watch_token(y, c, probe_z(p, y->token_mean, y->token_sd));
    return c->alarm;
}

/* The first one with an alarm; n_tokens: none. */
static size_t first_alarm(const project_work *w, const persona_projection *x, size_t k)
{
    persona_chart c = {0};
    size_t i = 0;
    while (w->a->rate > 0 && i < x->n_tokens && !token_alarm(w, x, k, i, &c)) {
        i++;
    }
    return w->a->rate > 0 ? i : x->n_tokens;
}

/* ---- items ----------------------------------------------------------------------------------- */

static persona_code tokens_json(project_work *w, const persona_projection *x, persona_err *e)
{
    persona_code rc = PERSONA_OK;
    char *piece = NULL;
    jo_array(w->o, "tokens");
    for (size_t i = 0; i < x->n_tokens; i++) {
        TRY(persona_detokenize(w->x.model, &x->tokens[i], 1, true, &piece, e));
        jo_string(w->o, NULL, piece);
        mem_free(piece);
        piece = NULL;
    }
    jo_end(w->o);
out:
    return rc;
}

static persona_code item_json(project_work *w, const persona_projection *x, size_t k,
                              persona_err *e)
{
    persona_code rc = PERSONA_OK;
    json_out *o = w->o;
    const persona_probe *p = &w->probes->list[k];
    jo_object(o, NULL);
    jo_int(o, "line", (long long)x->line);
    jo_int(o, "turn", x->turn);
    jo_int(o, "n_turns", x->n_turns);
    jo_string(o, "vector", p->name);
    jo_int(o, "block", p->block);
    jo_int(o, "n_tokens", (long long)x->n_tokens);
    jo_number(o, "projection", x->mean[k]);
    jo_number(o, "z", probe_z(x->mean[k], mean_of(w, k), sd_of(w, k)));
    jo_number(o, "forecast", x->forecast[k]);
    if (w->watch) {
        jo_number(o, "forecast_z",
                  probe_z(x->forecast[k], w->watch[k].forecast_mean, w->watch[k].forecast_sd));
    }
    if (w->a->rate > 0) {
        jo_number(o, "ewma", w->chart[k].ewma);
        jo_number(o, "cusum", w->chart[k].cusum);
        jo_bool(o, "alarm", w->chart[k].alarm);
        persona_chart c = {0};
        jo_array(o, "alarm_tokens");
        for (size_t i = 0; i < x->n_tokens; i++) {
            if (token_alarm(w, x, k, i, &c)) {
                jo_int(o, NULL, (long long)i);
            }
        }
        jo_end(o);
    }
    jo_array(o, "per_token");
    for (size_t i = 0; i < x->n_tokens; i++) {
        jo_number(o, NULL, (double)x->per_token[i * w->probes->n + k]);
    }
    jo_end(o);
    if (w->a->per_token) {
        TRY(tokens_json(w, x, e));
    }
    jo_end(o);
    TRY(cli_json_flush(w->a->c, &w->json, e));
out:
    return rc;
}

/* The lowest token of an answer to its highest. */
static void spark(const project_work *w, const persona_projection *x, size_t k, char *out,
                  size_t size)
{
    enum { MOST = 64 };
    double z[MOST], low = (double)INFINITY, high = -(double)INFINITY;
    const size_t n = x->n_tokens < MOST ? x->n_tokens : MOST;
    for (size_t i = 0; i < n; i++) {
        z[i] = (double)x->per_token[i * w->probes->n + k];
        low = fmin(low, z[i]);
        high = fmax(high, z[i]);
    }
    plot_spark(out, size, z, n, low, high);
}

static void item_text(project_work *w, const persona_projection *x, size_t k)
{
    char picture[256];
    const double z = probe_z(x->mean[k], mean_of(w, k), sd_of(w, k));
    table_cell(&w->t, "%zu", x->line);
    table_cell(&w->t, "%s", x->n_turns > 1 ? cli_number(x->turn + 1, 0) : "");
    table_cell(&w->t, "%s", w->probes->list[k].name);
    table_cell(&w->t, "%d", w->probes->list[k].block);
    table_cell(&w->t, "%s", cli_number(x->mean[k], 2));
    table_cell(&w->t, "%s", cli_number(z, 2));
    table_cell(&w->t, "%s", cli_number(x->forecast[k], 2));
    const size_t at = first_alarm(w, x, k);
    const bool alarm = w->a->rate > 0 && w->chart[k].alarm;
    if (at < x->n_tokens) {
        table_cell(&w->t, "%stoken %zu", alarm ? "alarm, " : "", at + 1);
    } else {
        table_cell(&w->t, "%s", alarm ? "alarm" : "");
    }
    table_style(&w->t, TTY_RED);
    if (w->a->per_token) {
        spark(w, x, k, picture, sizeof picture);
        table_cell(&w->t, "%s", picture);
    }
}

/* Lines are printed as they come, under titles that are wide enough for nearly all of them. */
static void widen(project_work *w, size_t n_answers)
{
    static const int most[] = {5, 4, 0, 5, 10, 6, 8};
    size_t name = 0;
    for (size_t k = 0; k < w->probes->n; k++) {
        const size_t n = tty_columns(w->probes->list[k].name);
        name = n > name ? n : name;
    }
    for (size_t i = 0; i < sizeof most / sizeof *most; i++) {
        table_widen(&w->t, i, (size_t)most[i]);
    }
    table_widen(&w->t, 0, strlen(cli_number((double)n_answers, 0)));
    table_widen(&w->t, 2, name);
    table_widen(&w->t, 7, w->a->rate > 0 ? strlen("alarm") : 0);
}

static persona_code take(void *ud, const persona_projection *x, persona_err *e)
{
    persona_code rc = PERSONA_OK;
    project_work *w = ud;
    const size_t series = x->n_turns > 1 ? x->line : 0;
    if (w->n_items == 0) {
        w->n_answers = x->n_answers;
        widen(w, x->n_answers);
    }
    if (series != w->series) { /* each conversation is a series of its own */
        memset(w->chart, 0, w->probes->n * sizeof *w->chart);
        w->series = series;
    }
    bool alarm = false, within = false;
    for (size_t k = 0; k < w->probes->n; k++) {
        w->chart[k].alarm = false;
        if (w->a->rate > 0 && x->n_tokens > 0) {
            persona_watch_step(&w->watch[k], &w->chart[k],
                               probe_z(x->mean[k], mean_of(w, k), sd_of(w, k)));
            alarm = alarm || w->chart[k].alarm;
            within = within || first_alarm(w, x, k) < x->n_tokens;
        }
        if (w->a->c->json) {
            TRY(item_json(w, x, k, e));
        } else {
            item_text(w, x, k);
        }
    }
    w->n_alarms += alarm;
    w->n_token_alarms += within;
    w->n_items++;
    if (!w->a->c->json) {
        tty_progress_clear(&w->a->c->progress);
        table_print(&w->t, stdout, 0);
        TRY(cli_flush(e));
    }
out:
    return rc;
}

/* ---- what stands before and behind them ------------------------------------------------------ */

static void vectors_json(const project_work *w)
{
    json_out *o = w->o;
    jo_array(o, "vectors");
    for (size_t k = 0; k < w->probes->n; k++) {
        const bool known = sd_of(w, k) > 0;
        jo_object(o, NULL);
        jo_string(o, "vector", w->probes->list[k].name);
        jo_int(o, "block", w->probes->list[k].block);
        jo_string(o, "neutral", !known ? NULL : w->watch ? w->a->neutral : "vector");
        jo_number(o, "neutral_mean", mean_of(w, k));
        jo_number(o, "neutral_sd", sd_of(w, k));
        jo_number(o, "token_mean", w->probes->list[k].token_mean);
        jo_number(o, "token_sd", w->probes->list[k].token_sd);
        if (w->a->rate > 0) {
            const persona_watch *y = &w->watch[k];
            jo_object(o, "alarm");
            jo_number(o, "rate", y->rate);
            jo_number(o, "ewma", y->ewma);
            jo_number(o, "cusum", y->cusum);
            jo_number(o, "false_alarms", y->false_alarms);
            jo_number(o, "false_ewma", y->false_ewma);
            jo_number(o, "false_cusum", y->false_cusum);
            jo_int(o, "run", (long long)y->run);
            jo_int(o, "n_chosen", (long long)y->n_chosen);
            jo_int(o, "n_measured", (long long)y->n_measured);
            jo_int(o, "n_runs", (long long)y->n_runs);
            jo_object(o, "tokens");
            jo_number(o, "mean", y->token_mean);
            jo_number(o, "sd", y->token_sd);
            jo_number(o, "ewma", y->token_ewma);
            jo_number(o, "cusum", y->token_cusum);
            jo_number(o, "false_alarms", y->token_false_alarms);
            jo_int(o, "length", (long long)y->token_length);
            jo_end(o);
            jo_end(o);
        }
        jo_end(o);
    }
    jo_end(o);
}

static void say_neutral(const project_work *w)
{
    for (size_t k = 0; k < w->probes->n; k++) {
        const char *name = w->probes->list[k].name;
        if (!(sd_of(w, k) > 0)) {
            cli_say(w->a->c,
                    "note: %s: neutral mean and sd of block %d are not known for this model, so "
                    "there is no z (--neutral FILE measures them)",
                    name, w->probes->list[k].block);
        } else if (w->a->rate > 0) {
            const persona_watch *y = &w->watch[k];
            cli_say(w->a->c,
                    "%s: alarms above EWMA %.2f or CUSUM %.2f; %.1f %% of neutral %s alarm all the "
                    "same (%zu of them, from %zu answers; %.1f %% wanted)",
                    name, y->ewma, y->cusum, 100 * y->false_alarms,
                    y->run > 0 ? "runs of 20 answers" : "conversations", y->n_runs, y->n_measured,
                    100 * y->rate);
            cli_say(w->a->c,
                    "%s: within an answer above EWMA %.2f or CUSUM %.2f; %.1f %% of neutral "
                    "answers, of %zu tokens, alarm all the same",
                    name, y->token_ewma, y->token_cusum, 100 * y->token_false_alarms,
                    y->token_length);
        }
    }
}

static persona_code open_all(project_work *w, persona_err *e)
{
    persona_code rc = PERSONA_OK;
    project_args *a = w->a;
    TRY(rig_open_model(&a->c->rig, a->model, true, &w->x, e));
    TRY(probe_add_all(w->x.model, &a->c->along, a->c->along_block, &w->probes, e));
    w->chart = cli_alloc(w->probes->n, sizeof *w->chart);
    w->x.whole_texts = true;
    TRY(rig_open_session(&a->c->rig, &w->x, 4, 4096, e));
    if (a->neutral) {
        w->watch = cli_alloc(w->probes->n, sizeof *w->watch);
        TRY(persona_watch_learn(w->x.session, a->neutral, w->probes, a->rate, &a->c->hooks,
                                w->watch, e));
    }
    say_neutral(w);
out:
    return rc;
}

/* Also of a reading that failed under way. */
static persona_code end_json(project_work *w, double start, persona_code failed, persona_err *e)
{
    cli_state *c = w->a->c;
    if (failed == PERSONA_OK) {
        jo_end(w->o);
    } else if (!cli_json_rewind(c, &w->json)) {
        return failed;
    }
    if (w->a->rate > 0) {
        jo_int(w->o, "alarms", (long long)w->n_alarms);
        jo_int(w->o, "token_alarms", (long long)w->n_token_alarms);
    }
    jo_number(w->o, "seconds", clock_now() - start);
    if (failed == PERSONA_OK) {
        return cli_json_end(c, &w->json, e);
    }
    cli_json_error(w->o, failed, e->msg);
    const persona_code printed = cli_json_end(c, &w->json, NULL);
    (void)printed; /* the first failure is the one that counts */
    return failed;
}

static persona_code read_all(project_work *w, persona_err *e)
{
    const cli_state *c = w->a->c;
    const persona_project_sink sink = {w, take};
    const persona_code rc =
        persona_project(w->x.session, c->words[0], w->probes, &sink, &c->hooks, e);
    if (rc != PERSONA_E_CANCELED || w->n_items == 0) {
        return rc;
    }
    return persona_err_set(e, rc, "interrupted after %zu of %zu answers", w->n_items, w->n_answers);
}

static persona_code run(project_work *w, persona_err *e)
{
    persona_code rc = PERSONA_OK;
    cli_state *c = w->a->c;
    const double start = clock_now();
    static const table_column columns[] = {{"line", TABLE_RIGHT},         {"turn", TABLE_RIGHT},
                                           {"vector", TABLE_LEFT},        {"block", TABLE_RIGHT},
                                           {"projection", TABLE_RIGHT},   {"z", TABLE_RIGHT},
                                           {"forecast", TABLE_RIGHT},     {"", TABLE_LEFT},
                                           {"token by token", TABLE_LEFT}};
    TRY(open_all(w, e));
    table_init(&w->t, columns, w->a->per_token ? 9 : 8);
    if (c->json) {
        w->o = cli_json_begin(&w->json, "project");
        jo_string(w->o, "model", w->x.info->path);
        jo_string(w->o, "texts", c->words[0]);
        vectors_json(w);
        jo_array(w->o, "items");
    }
    rc = read_all(w, e);
    tty_progress_clear(&c->progress);
    if (c->json) {
        rc = end_json(w, start, rc, e);
    }
    TRY(rc);
    if (!c->json && w->a->rate > 0) {
        cli_say(c, "%zu alarms in %zu answers, and within %zu of them", w->n_alarms, w->n_items,
                w->n_token_alarms);
    }
out:
    table_free(&w->t);
    return rc;
}

static persona_code run_project(void *p, persona_err *e)
{
    project_work w = {.a = p};
    const persona_code rc = run(&w, e);
    mem_free(w.watch);
    mem_free(w.chart);
    persona_probes_free(w.probes);
    rig_close(&w.x);
    return rc;
}

const cli_command command_project = {
    .name = "project",
    .summary = "Measure how far texts lie along vectors",
    .usage = "--model FILE --vector NAME TEXTS.jsonl",
    .about =
        "Has MODEL read texts and projects the residual stream on vectors: for each answer (each "
        "turn of a conversation) the mean over its tokens and how many standard deviations that is "
        "from neutral answers (z), and, read at the last prompt token before the answer begins, a "
        "forecast.",
    .notes =
        "With --alarm, two control charts run over the turns of a conversation, or over the "
        "single answers of a file in their order: EWMA for slow drift, CUSUM for small lasting "
        "shifts; and two over the tokens of each answer.",
    .wants = "one file of texts",
    .min = 1,
    .max = 1,
    .groups = {{&project_options, 0},
               {&opt_group_along, 0},
               {&opt_group_model, 0},
               {&opt_group_running, 0},
               {&opt_group_output, 0}},
    .size = sizeof(project_args),
    .check = check,
    .run = run_project,
};
