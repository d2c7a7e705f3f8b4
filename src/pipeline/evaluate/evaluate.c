/* SPDX-License-Identifier: MIT
 *
 * evaluate.c - what steering achieved, with its controls, all in one continuous batch: every
 * condition at every coefficient answers the same evaluation questions with the same seeds, so that
 * conditions differ in nothing but the steering.
 *
 * Which conditions there are is evaluate_cells.c. An answer that is missing (a harmony reply
 * without a final channel, one that the judge left open) counts as much as the unsteered ones do on
 * average, never as a low or a middling score; too many of them are a verdict of their own. All
 * answers are judged in one run, after all are written. Both are kept in a job as they are made
 * (evaluate_job.c).
 */
#include <math.h>
#include <string.h>

#include "base/mem.h"
#include "base/rng.h"
#include "base/try.h"
#include "core/measure/stats.h"
#include "pipeline/evaluate/conditions.h"
#include "pipeline/evaluate/evaluate_export.h"
#include "pipeline/evaluate/evaluate_figures.h"
#include "pipeline/evaluate/evaluate_parts.h"
#include "pipeline/kept.h"
#include "pipeline/pipeline.h"

#define MAX_COEFFICIENTS 32

static const double DEFAULT_COEFFICIENTS[] = {-2, -1, 0, 1, 2};

persona_evaluate_opts persona_evaluate_defaults(void)
{
    return (persona_evaluate_opts){.coefficients = DEFAULT_COEFFICIENTS,
                                   .n_coefficients = 5,
                                   .n_rollouts = 1,
                                   .n_random = 20,
                                   .n_spread_questions = 8,
                                   .max_tokens = 96,
                                   .temperature = 1.0F};
}

static ask ask_of(const evaluating *x, const eval_cell *c, size_t q, size_t k)
{
    ask a = {.question = x->questions->evaluation[q], .sampling = persona_sampling_defaults()};
    a.sampling.temperature = x->o->temperature;
    a.sampling.max_tokens = x->o->max_tokens;
    a.sampling.max_analysis = ASK_THOUGHT * x->o->max_tokens;
    a.sampling.seed = rng_mix(x->o->seed, 0x6576616c, q * x->n_rollouts + k);
    if (c->sampler) {
        a.sampling.temperature = c->temperature;
        a.sampling.top_p = c->top_p;
        a.sampling.repetition_penalty = c->repetition_penalty;
    }
    if (c->instructed) {
        a.system = x->systems[q % x->trait->n_pairs * 2 + (c->negative ? 1 : 0)];
    }
    if (c->n_plans > 0) {
        a.plan = c->plans[q % c->n_plans];
    }
    return a;
}

/* Adds the answer of question q to its cell. */
static void book(eval_cell *c, size_t q, const answer *a, const persona_judgement *r)
{
    const double score = a->answered ? (double)r->trait : (double)NAN;
    const double coherence = a->answered ? (double)r->coherence : 0.0;
    lengths_add(&c->lengths, a);
    c->n_unanswered += !a->answered;
    c->n_unjudged += a->answered && isnan(score);
    if (isnan(score)) {
        c->missing[c->n_missing++] = q;
    } else {
        c->group[c->n] = q;
        c->score[c->n++] = score;
    }
    if (!isnan(coherence)) {
        c->coherence[c->n_coherence++] = coherence;
    }
}

static persona_code make_room(evaluating *x, persona_err *e)
{
    for (size_t c = 0; c < x->n_cells; c++) {
        eval_cell *cell = &x->cells[c];
        cell->score = mem_calloc(x->n_each, sizeof *cell->score);
        cell->coherence = mem_calloc(x->n_each, sizeof *cell->coherence);
        cell->group = mem_calloc(x->n_each, sizeof *cell->group);
        cell->missing = mem_calloc(x->n_each, sizeof *cell->missing);
        cell->texts = cell->keep_texts ? mem_calloc(x->n_each, sizeof *cell->texts) : NULL;
        if (cell->score == NULL || cell->coherence == NULL || cell->group == NULL ||
            cell->missing == NULL || (cell->keep_texts && cell->texts == NULL)) {
            return mem_err(e, "scores");
        }
    }
    return PERSONA_OK;
}

/* Missing scores are the unsteered mean, so that they pull every effect towards none. */
static void impute(evaluating *x)
{
    const eval_cell *base = &x->cells[0];
    x->unsteered = stat_mean(base->score, base->n);
    for (size_t c = 0; c < x->n_cells && !isnan(x->unsteered); c++) {
        eval_cell *cell = &x->cells[c];
        for (size_t i = 0; i < cell->n_missing; i++) {
            cell->group[cell->n] = cell->missing[i];
            cell->score[cell->n++] = x->unsteered;
        }
    }
}

/* The first answer is shown; those of the transferred vector are scored again for other traits. */
static void take_text(eval_cell *c, size_t i, answer *a)
{
    const bool first = c->sample == NULL;
    if (c->keep_texts && a->answered) {
        c->texts[i] = a->text;
        a->text = NULL;
        if (first) {
            c->sample = mem_strdup(c->texts[i]); /* NULL is shown as no sample */
        }
    } else if (first) {
        c->sample = a->text;
        a->text = NULL;
    }
}

/* Everything that is asked: question by question, all cells, so that neighbors share the prompt's
 * prefix. A question of NULL is not asked. */
typedef struct eval_batch {
    ask *asks;
    job_answer *rows;
    answer *answers;
    persona_judge_item *items;
    persona_judgement *got;
    size_t n;
} eval_batch;

static persona_code batch_new(const evaluating *x, eval_batch *b, persona_err *e)
{
    const size_t n = x->n_run * x->n_each;
    *b = (eval_batch){.asks = mem_calloc(n, sizeof *b->asks),
                      .rows = mem_calloc(n, sizeof *b->rows),
                      .answers = mem_calloc(n, sizeof *b->answers),
                      .items = mem_calloc(n, sizeof *b->items),
                      .got = mem_calloc(n, sizeof *b->got),
                      .n = n};
    const bool ok = b->asks && b->rows && b->answers && b->items && b->got;
    return ok ? PERSONA_OK : mem_err(e, "an evaluation");
}

static void batch_free(eval_batch *b)
{
    answers_clear(b->answers, b->n);
    mem_free(b->asks);
    mem_free(b->rows);
    mem_free(b->answers);
    mem_free(b->items);
    mem_free(b->got);
}

static void batch_fill(const evaluating *x, eval_batch *b)
{
    size_t at = 0;
    for (size_t i = 0; i < x->n_each; i++) {
        const size_t q = i / x->n_rollouts, k = i % x->n_rollouts;
        for (size_t c = 0; c < x->n_cells; c++) {
            const eval_cell *cell = &x->cells[c];
            if (cell->same_as >= 0) {
                continue;
            }
            if (!evaluate_asks(x, cell, q)) {
                at++;
                continue;
            }
            b->asks[at] = ask_of(x, cell, q, k);
            b->rows[at] = (job_answer){.question = b->asks[at].question,
                                       .system = b->asks[at].system,
                                       .polarity = !cell->instructed ? 0
                                                   : cell->negative  ? -1
                                                                     : 1,
                                       .pair = cell->instructed ? (int)(q % x->trait->n_pairs) : -1,
                                       .question_index = (int)q,
                                       .rollout = (int)k,
                                       .seed = b->asks[at].sampling.seed};
            at++;
        }
    }
}

static void book_all(evaluating *x, eval_batch *b)
{
    size_t at = 0;
    for (size_t i = 0; i < x->n_each; i++) {
        for (size_t c = 0; c < x->n_cells; c++) {
            eval_cell *cell = &x->cells[c];
            if (cell->same_as >= 0) {
                continue;
            }
            if (b->asks[at].question != NULL) {
                book(cell, i / x->n_rollouts, &b->answers[at], &b->got[at]);
                take_text(cell, i, &b->answers[at]);
            }
            at++;
        }
    }
}

/* Looks at what was asked, with what came of it, and writes it where that was wished. */
static persona_code look_at_batch(evaluating *x, const eval_batch *b, persona_err *e)
{
    persona_code rc = PERSONA_OK;
    export_answer *all = mem_calloc(b->n, sizeof *all);
    size_t at = 0, n = 0;
    TRY(all != NULL ? PERSONA_OK : mem_err(e, "an export"));
    for (size_t i = 0; i < x->n_each; i++) {
        for (size_t c = 0; c < x->n_cells; c++) {
            if (x->cells[c].same_as >= 0) {
                continue;
            }
            if (b->asks[at].question != NULL) {
                all[n++] = (export_answer){&x->cells[c],       b->asks[at].question,
                                           b->asks[at].system, &b->answers[at],
                                           &b->got[at],        i / x->n_rollouts,
                                           i % x->n_rollouts,  b->asks[at].sampling.seed,
                                           (int64_t)at,        NULL,
                                           (double)NAN};
            }
            at++;
        }
    }
    TRY(evaluate_see(x, all, n, e));
    TRY(x->o->export_to != NULL ? export_answers(x->o->export_to, all, n, e) : PERSONA_OK);
out:
    mem_free(all);
    return rc;
}

/* A shard only asks. */
static persona_code run_cells(evaluating *x, persona_err *e)
{
    persona_code rc = PERSONA_OK;
    char title[96];
    eval_batch b = {.n = 0};
    const kept k = {.job = x->job,
                    .stage = x->stage,
                    .trait = x->trait->name,
                    .title = stage_name(title, sizeof title, "evaluate", x->trait->name),
                    .hooks = x->hooks,
                    .shard = x->shard,
                    .part = &x->part};
    TRY(batch_new(x, &b, e));
    TRY(make_room(x, e));
    TRY(evaluate_cells_note(x, e));
    batch_fill(x, &b);
    TRY(kept_ask(&k, x->s, b.asks, b.rows, b.n, b.answers, NULL, e));
    if (x->shard.count > 0) {
        goto out;
    }
    for (size_t i = 0; i < b.n; i++) {
        const answer *a = &b.answers[i];
        b.items[i] =
            (persona_judge_item){b.asks[i].question, a->answered ? a->text : NULL, NAN, NAN};
    }
    TRY(kept_judge(&k, x->judge, x->trait, b.items, NULL, b.n, b.got, e));
    TRY(look_at_batch(x, &b, e));
    book_all(x, &b);
    impute(x);
out:
    batch_free(&b);
    return rc;
}

static persona_code copy_references(evaluating *x, persona_err *e)
{
    for (size_t c = 0; c < x->n_cells; c++) {
        eval_cell *to = &x->cells[c];
        if (to->same_as < 0) {
            continue;
        }
        const eval_cell *from = &x->cells[to->same_as];
        to->n = from->n;
        to->n_coherence = from->n_coherence;
        to->n_unanswered = from->n_unanswered;
        to->n_unjudged = from->n_unjudged;
        to->n_missing = from->n_missing;
        to->lengths = from->lengths;
        memcpy(to->score, from->score, to->n * sizeof *to->score);
        memcpy(to->coherence, from->coherence, to->n_coherence * sizeof *to->coherence);
        memcpy(to->group, from->group, to->n * sizeof *to->group);
        to->sample = mem_strdup(from->sample != NULL ? from->sample : "");
        if (to->sample == NULL) {
            return mem_err(e, "a sample");
        }
    }
    return PERSONA_OK;
}

static persona_code check_evaluate(const evaluating *x, persona_err *e)
{
    if (x->judge == NULL || !persona_judge_knows(x->judge, x->trait->name)) {
        return persona_err_set(e, PERSONA_E_UNAVAILABLE,
                               "evaluate: no judge that can score the trait '%s'", x->trait->name);
    }
    if (x->n_questions < 2) {
        return persona_err_set(e, PERSONA_E_USAGE,
                               "evaluate: %zu evaluation questions are too few for an interval",
                               x->n_questions);
    }
    if (x->o->n_coefficients == 0 || x->o->n_coefficients > MAX_COEFFICIENTS) {
        return persona_err_set(e, PERSONA_E_USAGE, "evaluate: %zu coefficients (1 to %d)",
                               x->o->n_coefficients, MAX_COEFFICIENTS);
    }
    return PERSONA_OK;
}

size_t evaluate_questions(const persona_questions *q, const persona_evaluate_opts *o)
{
    const size_t n = q->n_evaluation;
    return o->n_questions > 0 && (size_t)o->n_questions < n ? (size_t)o->n_questions : n;
}

persona_code evaluate_run(evaluating *x, const persona_arm *arms, size_t n_arms,
                          persona_evaluation **out, persona_err *e)
{
    persona_code rc = PERSONA_OK;
    persona_evaluation *r = NULL;
    *out = NULL;
    x->m = persona_session_model(x->s);
    x->n_questions = evaluate_questions(x->questions, x->o);
    x->n_rollouts = x->o->n_rollouts > 0 ? (size_t)x->o->n_rollouts : 1;
    x->n_each = x->n_questions * x->n_rollouts;
    TRY(check_evaluate(x, e));
    TRY(persona_panel_open(&x->panel, e));
    if (x->job == NULL) {
        TRY(evaluate_open(x, arms, n_arms, e));
    }
    r = mem_calloc(1, sizeof *r);
    TRY(r != NULL ? PERSONA_OK : mem_err(e, "an evaluation"));
    r->trait = mem_strdup(x->trait->name);
    r->n_repeats = 1;
    TRY(r->trait != NULL ? PERSONA_OK : mem_err(e, "an evaluation"));
    TRY(evaluate_cells(x, arms, n_arms, e));
    TRY(evaluate_stage(x, arms, n_arms, e));
    TRY(run_cells(x, e));
    if (x->shard.count > 0) {
        goto out;
    }
    TRY(copy_references(x, e));
    TRY(evaluate_crosses(x, e));
    TRY(evaluate_keep(x, r, e));
    TRY(evaluate_rows(&r->kept->board, r, e));
    TRY(verdict_fill(&r->kept->board, x->o->void_reason, r, e));
    *out = r;
    r = NULL;
out:
    evaluate_cells_free(x);
    persona_panel_free(x->panel);
    persona_evaluation_free(r);
    return rc;
}

persona_code persona_evaluate(const persona_subject *who, const persona_arm *arms, size_t n,
                              const persona_evaluate_opts *opts, const persona_hooks *hooks,
                              persona_evaluation **out, persona_err *e)
{
    persona_code rc = PERSONA_OK;
    const persona_evaluate_opts o = opts != NULL ? *opts : persona_evaluate_defaults();
    evaluating x = {.s = who->session,
                    .trait = who->trait,
                    .judge = who->judge,
                    .questions = who->questions,
                    .o = &o,
                    .hooks = hooks};
    TRY(evaluate_run(&x, arms, n, out, e));
    TRY(job_put_value(x.job, JOB_STATE, JOB_DONE, e));
out:
    if (rc != PERSONA_OK) {
        persona_evaluation_free(*out);
        *out = NULL;
    }
    job_close(x.job);
    return rc;
}

static void spread_clear(persona_spread *s)
{
    for (size_t k = 0; s->what != NULL && k < s->n; k++) {
        mem_free(s->what[k]);
    }
    mem_free(s->what);
    mem_free(s->swing);
}

void persona_evaluation_free(persona_evaluation *x)
{
    if (x == NULL) {
        return;
    }
    for (size_t i = 0; x->rows != NULL && i < x->n_rows; i++) {
        mem_free(x->rows[i].sample);
    }
    for (size_t i = 0; i < x->n_swings; i++) {
        mem_free(x->swings[i].note);
    }
    for (size_t i = 0; i < x->n_crosses; i++) {
        mem_free(x->crosses[i].trait);
    }
    for (size_t i = 0; i < x->n_margins; i++) {
        mem_free(x->margins[i].what);
    }
    for (size_t i = 0; i < x->n_spreads; i++) {
        spread_clear(&x->spreads[i]);
    }
    evaluate_kept_free(x->kept);
    mem_free(x->rows);
    mem_free(x->bests);
    mem_free(x->swings);
    mem_free(x->spreads);
    mem_free(x->margins);
    mem_free(x->crosses);
    mem_free(x->trait);
    mem_free(x);
}
