/* SPDX-License-Identifier: MIT
 *
 * steered.c - steered answers for choosing blocks and for the response curve. All cells of a sweep
 * run in one batch with the same questions and seeds, so that only the edit differs; answers stay
 * in the job, so that a sweep that was killed goes on. Harmony models answer without reasoning
 * first.
 */
#include "pipeline/dose/steered.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "base/rng.h"
#include "base/try.h"
#include "core/measure/doseresponse.h"
#include "core/text/fluency.h"
#include "persona/steer.h"
#include "pipeline/dose/nll.h"
#include "pipeline/kept.h"
#include "pipeline/pipeline.h"

#define MAX_TOKENS 32
#define QUICK_TOKENS 16 /* many short answers say more than few long ones */
#define MIN_COHERENCE 70.0
/* Without a judge: how much less likely (nats per token) and more repetitive answers may be. */
#define MORE_NATS 1.0
#define MORE_REPETITION 0.2
#define SEED_SWEEP 0x73776565

typedef struct sweeping {
    const settling *x;
    const steered_cell *cells;
    size_t n_cells, first, n_questions; /* questions [first, first + n) */
    int max_tokens;
    persona_plan **plans; /* n_cells */
    char stage[96];       /* of the job */
    char title[96];
    answer *answers; /* (n_questions, n_cells) */
} sweeping;

double steered_value(const steered_cell *plus, const steered_cell *minus)
{
    const double low = fmin(plus->coherence, minus->coherence);
    return (plus->score - minus->score) * fmin(1.0, pow(low / MIN_COHERENCE, 2));
}

/* ---- asking ---------------------------------------------------------------------------------- */

/* The stage's name holds what its answers depend on, to the bit. The first sweep of an extraction
 * is called what it was before there were others, so that older jobs go on. */
static void name_stage(sweeping *w)
{
    const size_t n = w->x->questions->n_extraction;
    const bool usual = w->first == 0 && w->max_tokens == MAX_TOKENS &&
                       w->n_questions == (n < STEERED_QUESTIONS ? n : STEERED_QUESTIONS);
    uint32_t h = usual ? 0 : rng_mix((uint32_t)w->max_tokens, w->first, w->n_questions);
    for (size_t i = 0; i < w->n_cells; i++) {
        uint64_t bits;
        memcpy(&bits, &w->cells[i].alpha, sizeof bits);
        h = rng_mix(h, (uint64_t)w->cells[i].block, bits);
    }
    snprintf(w->stage, sizeof w->stage, "sweep/%s/%08x", w->x->tag, h);
}

static persona_code make_plans(sweeping *w, persona_err *e)
{
    persona_code rc = PERSONA_OK;
    persona_model *m = persona_session_model(w->x->s);
    for (size_t i = 0; i < w->n_cells; i++) {
        TRY(persona_steer_block(m, w->cells[i].v != NULL ? w->cells[i].v : w->x->v,
                                w->cells[i].block, w->cells[i].alpha, &w->plans[i], e));
    }
out:
    return rc;
}

/* ---- judging --------------------------------------------------------------------------------- */

static const char *text_of(const answer *a)
{
    return a->answered ? a->text : NULL;
}

/* No answer, or one that the judge leaves open, counts as no lean and no coherence. */
static persona_code judge_cells(const sweeping *w, const kept *k, steered_cell *cells,
                                persona_err *e)
{
    persona_code rc = PERSONA_OK;
    const size_t n = w->n_cells * w->n_questions;
    persona_judge_item *items = mem_calloc(n, sizeof *items);
    persona_judgement *got = mem_calloc(n, sizeof *got);
    TRY(items != NULL && got != NULL ? PERSONA_OK : mem_err(e, "answers to judge"));
    for (size_t i = 0; i < n; i++) {
        items[i] = (persona_judge_item){w->x->questions->extraction[w->first + i / w->n_cells],
                                        text_of(&w->answers[i]), NAN, NAN};
    }
    TRY(kept_judge(k, w->x->judge, w->x->trait, items, NULL, n, got, e));
    for (size_t i = 0; i < n; i++) {
        steered_cell *c = &cells[i % w->n_cells];
        const bool ok = w->answers[i].answered && !isnan(got[i].trait) && !isnan(got[i].coherence);
        c->score += (ok ? (double)got[i].trait : 50.0) / (double)w->n_questions;
        c->coherence += (ok ? (double)got[i].coherence : 0.0) / (double)w->n_questions;
    }
out:
    mem_free(items);
    mem_free(got);
    return rc;
}

/* ---- without a judge ------------------------------------------------------------------------- */

typedef struct running_mean {
    double sum;
    size_t n;
} running_mean;

static void add_to(running_mean *m, double x)
{
    if (isfinite(x)) {
        m->sum += x;
        m->n++;
    }
}

static double mean_of(const running_mean *m)
{
    return m->n > 0 ? m->sum / (double)m->n : (double)NAN;
}

static persona_code measure_fluency(const sweeping *w, steered_cell *cells, persona_err *e)
{
    persona_code rc = PERSONA_OK;
    const size_t n = w->n_cells * w->n_questions;
    const char **questions = mem_calloc(n, sizeof *questions);
    const char **texts = mem_calloc(n, sizeof *texts);
    double *nll = mem_calloc(n, sizeof *nll);
    TRY(questions != NULL && texts != NULL && nll != NULL ? PERSONA_OK : mem_err(e, "a sweep"));
    for (size_t i = 0; i < n; i++) {
        questions[i] = w->x->questions->extraction[w->first + i / w->n_cells];
        texts[i] = text_of(&w->answers[i]);
    }
    TRY(nll_measure(w->x->s, questions, texts, n, w->title, w->x->hooks, nll, e));
    for (size_t c = 0; c < w->n_cells; c++) {
        running_mean likely = {0}, repeated = {0}, length = {0};
        for (size_t i = c; i < n; i += w->n_cells) {
            fluency f = {.n_words = 0};
            TRY(fluency_measure(texts[i] != NULL ? texts[i] : "", &f, e));
            add_to(&likely, nll[i]);
            add_to(&repeated, 1 - f.distinct2);
            add_to(&length, (double)f.n_words);
        }
        cells[c].nll = mean_of(&likely);
        cells[c].repetition = mean_of(&repeated);
        cells[c].length = mean_of(&length);
    }
out:
    mem_free(questions);
    mem_free(texts);
    mem_free(nll);
    return rc;
}

static persona_code ask_cells(const sweeping *w, const kept *k, persona_err *e)
{
    persona_code rc = PERSONA_OK;
    const size_t n = w->n_cells * w->n_questions;
    ask *asks = mem_calloc(n, sizeof *asks);
    job_answer *rows = mem_calloc(n, sizeof *rows);
    TRY(asks != NULL && rows != NULL ? PERSONA_OK : mem_err(e, "a sweep"));
    for (size_t i = 0; i < n; i++) {
        const size_t question = w->first + i / w->n_cells;
        asks[i] = (ask){.question = w->x->questions->extraction[question],
                        .skip_analysis = true,
                        .plan = w->plans[i % w->n_cells],
                        .sampling = persona_sampling_defaults()};
        asks[i].sampling.max_tokens = w->max_tokens;
        asks[i].sampling.seed = rng_mix(w->x->seed, SEED_SWEEP, question);
        rows[i] = (job_answer){.question = asks[i].question,
                               .pair = -1,
                               .question_index = (int)question,
                               .rollout = -1};
    }
    TRY(kept_ask(k, w->x->s, asks, rows, n, w->answers, NULL, e));
out:
    mem_free(asks);
    mem_free(rows);
    return rc;
}

persona_code steered_run(const settling *x, steered_cell *cells, size_t n, bool with_fluency,
                         const char *title, persona_err *e)
{
    persona_code rc = PERSONA_OK;
    sweeping w = {.x = x,
                  .cells = cells,
                  .n_cells = n,
                  .first = x->first_question,
                  .max_tokens = x->quick ? QUICK_TOKENS : MAX_TOKENS};
    const size_t wanted = x->n_questions > 0 ? x->n_questions : STEERED_QUESTIONS;
    const size_t there = x->questions->n_extraction - w.first;
    w.n_questions = there < wanted ? there : wanted;
    const kept k = {.job = x->job,
                    .stage = w.stage,
                    .trait = x->trait->name,
                    .title = stage_name(w.title, sizeof w.title, title, x->trait->name),
                    .hooks = x->hooks};
    name_stage(&w);
    w.plans = mem_calloc(n, sizeof *w.plans);
    w.answers = mem_calloc(n * w.n_questions, sizeof *w.answers);
    TRY(w.plans != NULL && w.answers != NULL ? PERSONA_OK : mem_err(e, "a sweep"));
    TRY(make_plans(&w, e));
    TRY(ask_cells(&w, &k, e));
    for (size_t i = 0; i < n; i++) {
        cells[i].score = cells[i].coherence = 0;
    }
    TRY(x->judge != NULL ? judge_cells(&w, &k, cells, e) : PERSONA_OK);
    if (with_fluency) {
        TRY(measure_fluency(&w, cells, e));
    }
out:
    for (size_t i = 0; w.plans != NULL && i < n; i++) {
        persona_plan_free(w.plans[i]);
    }
    answers_clear(w.answers, n * w.n_questions);
    mem_free(w.plans);
    mem_free(w.answers);
    return rc;
}

/* ---- the curve ------------------------------------------------------------------------------- */

/* What stands for coherence without a judge: 100 while answers are about as likely and as little
 * repetitive as the unsteered ones, else 0. */
static double fluent(const steered_cell *c, const steered_cell *unsteered)
{
    return c->nll <= unsteered->nll + MORE_NATS &&
                   c->repetition <= unsteered->repetition + MORE_REPETITION
               ? 100
               : 0;
}

persona_code steered_curve(const settling *x, persona_err *e)
{
    persona_code rc = PERSONA_OK;
    static const double COEFFICIENTS[PERSONA_CURVE_POINTS] = {-3,  -2, -1.5, -1.25, -1, -0.5, 0,
                                                              0.5, 1,  1.25, 1.5,   2,  3};
    persona_provenance *f = &x->v->from;
    persona_curve *curve = x->curve;
    steered_cell cells[PERSONA_CURVE_POINTS];
    dose_point points[PERSONA_CURVE_POINTS];
    dose_response r;
    for (size_t i = 0; i < PERSONA_CURVE_POINTS; i++) {
        cells[i] =
            (steered_cell){.block = f->best_layer, .alpha = COEFFICIENTS[i] * (double)f->dose};
    }
    TRY(steered_run(x, cells, PERSONA_CURVE_POINTS, true, "dose response", e));
    for (size_t i = 0; i < PERSONA_CURVE_POINTS; i++) {
        if (x->judge == NULL) {
            cells[i].score = (double)NAN;
            cells[i].coherence = fluent(&cells[i], &cells[PERSONA_CURVE_POINTS / 2]);
        }
        points[i] = (dose_point){COEFFICIENTS[i], x->judge != NULL ? cells[i].score : 50,
                                 cells[i].coherence};
        curve->points[i] =
            (persona_curve_point){points[i].coefficient, points[i].score,     points[i].coherence,
                                  cells[i].nll,          cells[i].repetition, cells[i].length};
    }
    TRY(dose_summarize(points, PERSONA_CURVE_POINTS, MIN_COHERENCE, &r, e));
    curve->n = PERSONA_CURVE_POINTS;
    f->safe_low = (float)r.low;
    f->safe_high = (float)r.high;
    f->promote = x->judge != NULL ? (float)r.promote : (float)NAN;
    f->suppress = x->judge != NULL ? (float)r.suppress : (float)NAN;
out:
    return rc;
}
