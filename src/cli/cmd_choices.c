/* SPDX-License-Identifier: MIT
 *
 * cmd_choices.c - `persona choices`: two-choice questions, steered and unsteered, without a judge.
 */
#include <math.h>
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "base/try.h"
#include "cli/cli.h"
#include "cli/table.h"

typedef struct choices_args {
    cli_state *c;
    const char *model, *steer, *system;
} choices_args;

#define AT(member) offsetof(choices_args, member)

static const opt options[] = {
    OPT_MODEL(AT(model)),
    {.name = "steer",
     .type = OPT_TEXT,
     .arg = "EXPR",
     .at = AT(steer),
     .without = "unsteered only",
     .help = "Also steered, for example '1.0*silly'"},
    OPT_SYSTEM(AT(system)),
    {.name = NULL},
};
static const opt_group choices_options = {NULL, false, options};

typedef struct choices_work {
    choices_args *a;
    rig x;
    persona_plan *plan;
    persona_receipt receipt;
    persona_choices *r;
    double seconds;
} choices_work;

/* ---- as a document --------------------------------------------------------------------------- */

static void side_json(json_out *o, const char *key, const persona_choices_side *s)
{
    if (!isfinite(s->share)) {
        jo_null(o, key);
        return;
    }
    jo_object(o, key);
    jo_number(o, "share", s->share);
    interval_json(o, "log_odds", &s->log_odds);
    interval_json(o, "probability", &s->probability);
    jo_number(o, "mass", s->mass);
    jo_number(o, "first", s->first);
    jo_end(o);
}

static void odds_json(json_out *o, const char *key, const persona_choice_item *i, size_t condition)
{
    jo_array(o, key);
    for (int k = 0; k < i->n_orders; k++) {
        jo_number(o, NULL, i->odds[condition][k]);
    }
    jo_end(o);
}

static persona_code print_json(const choices_work *w, persona_err *e)
{
    const persona_choices *r = w->r;
    cli_json j;
    json_out *o = cli_json_begin(&j, "choices");
    jo_string(o, "model", w->x.info->path);
    jo_string(o, "questions", w->a->c->words[0]);
    jo_int(o, "n", (long long)r->n);
    side_json(o, "unsteered", &r->unsteered);
    side_json(o, "steered", &r->steered);
    if (w->a->steer) {
        jo_object(o, "difference");
        interval_json(o, "log_odds", &r->log_odds);
        interval_json(o, "probability", &r->probability);
        jo_int(o, "toward", (long long)r->n_toward);
        jo_end(o);
        jo_string(o, "expression", w->receipt.expression);
        jo_string(o, "unit", w->receipt.unit);
    } else {
        jo_null(o, "difference");
    }
    jo_array(o, "items");
    for (size_t i = 0; i < r->n; i++) {
        jo_object(o, NULL);
        jo_int(o, "line", (long long)r->items[i].line);
        odds_json(o, "unsteered", &r->items[i], 0);
        if (w->a->steer) {
            odds_json(o, "steered", &r->items[i], 1);
        }
        jo_end(o);
    }
    jo_end(o);
    jo_int(o, "seed", (long long)w->a->c->seed);
    jo_number(o, "seconds", w->seconds);
    return cli_json_end(w->a->c, &j, e);
}

/* ---- as text --------------------------------------------------------------------------------- */

static void interval_cell(table *t, const persona_interval *x)
{
    table_cell(t, "%s [%s, %s]", cli_number(x->value, 2), cli_number(x->low, 2),
               cli_number(x->high, 2));
}

static void side_row(table *t, const char *name, const persona_choices_side *s)
{
    table_cell(t, "%s", name);
    table_cell(t, "%s %%", cli_number(100 * s->share, 0));
    interval_cell(t, &s->log_odds);
    interval_cell(t, &s->probability);
    table_cell(t, "%s %%", cli_number(100 * s->mass, 0));
    table_cell(t, "%s", cli_number(s->first, 2));
}

static void print_text(const choices_work *w)
{
    static const table_column columns[] = {
        {"", TABLE_LEFT},         {"matching", TABLE_RIGHT},
        {"log odds", TABLE_LEFT}, {"probability", TABLE_LEFT},
        {"mass", TABLE_RIGHT},    {"for the first", TABLE_RIGHT}};
    const persona_choices *r = w->r;
    table t;
    table_init(&t, columns, 6);
    side_row(&t, "unsteered", &r->unsteered);
    if (w->a->steer) {
        side_row(&t, "steered", &r->steered);
        table_cell(&t, "difference");
        table_cell(&t, "%s", "");
        interval_cell(&t, &r->log_odds);
        interval_cell(&t, &r->probability);
        table_cell(&t, "%s", "");
        table_cell(&t, "%s", "");
    }
    table_print(&t, stdout, 0);
    table_free(&t);
    if (w->a->steer) {
        printf("%zu of %zu questions move towards the matching answer\n", r->n_toward, r->n);
    }
    if (isfinite(r->unsteered.first) && r->unsteered.mass < 0.1) {
        cli_say(w->a->c,
                "note: both answers together have %.1f %% of the probability: the model does not "
                "answer as asked, and odds say little",
                100 * r->unsteered.mass);
    }
}

/* ---- the command ----------------------------------------------------------------------------- */

static persona_code run(choices_work *w, persona_err *e)
{
    persona_code rc = PERSONA_OK;
    cli_state *c = w->a->c;
    TRY(rig_open_model(&c->rig, w->a->model, true, &w->x, e));
    if (w->a->steer) {
        TRY(persona_steer(w->x.model, w->a->steer, &w->plan, &w->receipt, e));
        if (w->receipt.note && *w->receipt.note) {
            cli_say(c, "note: %s", w->receipt.note);
        }
    }
    TRY(rig_open_session(&c->rig, &w->x, 8, 1024, e));
    const double start = clock_now();
    TRY(persona_choices_run(w->x.session, c->words[0], w->a->system, w->plan, c->seed, &c->hooks,
                            &w->r, e));
    w->seconds = clock_now() - start;
    tty_progress_clear(&c->progress);
    if (c->json) {
        TRY(print_json(w, e));
    } else {
        print_text(w);
        if (c->verbosity > 0) {
            cli_say(c, "%zu questions in %s", w->r->n, cli_duration(w->seconds));
        }
    }
out:
    return rc;
}

static persona_code run_choices(void *p, persona_err *e)
{
    choices_work w = {.a = p};
    const persona_code rc = run(&w, e);
    persona_choices_free(w.r);
    persona_plan_free(w.plan);
    persona_receipt_free(&w.receipt);
    rig_close(&w.x);
    return rc;
}

const cli_command command_choices = {
    .name = "choices",
    .summary = "Score two-choice questions by probability, steered and not",
    .usage = "--model FILE QUESTIONS.jsonl [--steer EXPR]",
    .about = "Asks questions with an answer that matches a behavior and one that does not, and "
             "compares the probabilities of both answers: no judge, no sampling. Questions that "
             "list their choices as (A) and (B) are asked in both orders.",
    .notes = "Reads Anthropic's model-written evals and CAA's files as they are (question, "
             "answer_matching_behavior, answer_not_matching_behavior), and question, matching, "
             "not_matching with the answers in words.",
    .wants = "one file of questions",
    .min = 1,
    .max = 1,
    .groups = {{&choices_options, 0},
               {&opt_group_model, 0},
               {&opt_group_running, 0},
               {&opt_group_output, 0}},
    .size = sizeof(choices_args),
    .run = run_choices,
};
