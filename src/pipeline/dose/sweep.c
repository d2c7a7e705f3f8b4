/* SPDX-License-Identifier: MIT
 *
 * sweep.c - steered answers for choosing blocks and for the response curve. All cells of a sweep
 * run in one batch with the same questions and seeds, so that only the edit differs; answers stay
 * in the job, so that a sweep that was killed goes on. Harmony models answer without reasoning
 * first.
 */
#include "pipeline/dose/sweep.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "base/rng.h"
#include "core/measure/doseresponse.h"
#include "core/text/fluency.h"
#include "pipeline/ask.h"
#include "pipeline/dose/nll.h"
#include "pipeline/pipeline.h"

#define N_QUESTIONS 8
#define MAX_TOKENS 32
#define MIN_COHERENCE 70.0
#define SEED_SWEEP 0x73776565

typedef struct sweeping {
    const settling *x;
    const sweep_cell *cells;
    size_t n_cells, n_questions;
    persona_plan **plans; /* n_cells */
    char stage[96];       /* of the job */
    char **texts;         /* (n_questions, n_cells); NULL: not answered */
    bool *done;
} sweeping;

double sweep_value(const sweep_cell *plus, const sweep_cell *minus)
{
    const double low = fmin(plus->coherence, minus->coherence);
    return (plus->score - minus->score) * fmin(1.0, pow(low / MIN_COHERENCE, 2));
}

/* ---- asking ---------------------------------------------------------------------------------- */

static persona_code make(void *ud, size_t i, ask *q, persona_err *e)
{
    const sweeping *w = ud;
    const size_t question = i / w->n_cells;
    (void)e;
    *q = (ask){.question = w->x->questions->extraction[question],
               .skip_analysis = true,
               .plan = w->plans[i % w->n_cells],
               .sampling = persona_sampling_defaults()};
    q->sampling.max_tokens = MAX_TOKENS;
    q->sampling.seed = rng_mix(w->x->seed, SEED_SWEEP, question);
    return PERSONA_OK;
}

static persona_code done(void *ud, size_t i, answer *a, persona_err *e)
{
    sweeping *w = ud;
    if (a->answered) {
        w->texts[i] = a->text;
        a->text = NULL;
    }
    if (w->x->job == NULL) {
        return PERSONA_OK;
    }
    const job_answer row = {.stage = w->stage,
                            .id = (int64_t)i,
                            .text = a->answered ? w->texts[i] : a->text,
                            .question = w->x->questions->extraction[i / w->n_cells],
                            .pair = -1,
                            .question_index = (int)(i / w->n_cells),
                            .rollout = -1,
                            .answered = a->answered,
                            .finish = a->finish,
                            .n_prompt = a->n_prompt,
                            .n_answer = a->n_answer,
                            .n_tokens = a->n_tokens};
    return job_put_answers(w->x->job, &row, 1, e);
}

static persona_code recall(void *ud, const job_answer *a, persona_err *e)
{
    sweeping *w = ud;
    if ((size_t)a->id >= w->n_cells * w->n_questions) {
        return persona_err_set(e, PERSONA_E_FORMAT, "%s: answer %lld of stage %s does not belong",
                               job_path(w->x->job), (long long)a->id, w->stage);
    }
    w->done[a->id] = true;
    w->texts[a->id] = a->answered ? mem_strdup(a->text) : NULL;
    return a->answered && w->texts[a->id] == NULL ? mem_err(e, "an answer") : PERSONA_OK;
}

/* The stage's name holds what its answers depend on, to the bit. */
static void name_stage(sweeping *w)
{
    uint32_t h = 0;
    for (size_t i = 0; i < w->n_cells; i++) {
        uint64_t bits;
        memcpy(&bits, &w->cells[i].alpha, sizeof bits);
        h = rng_mix(h, (uint64_t)w->cells[i].block, bits);
    }
    snprintf(w->stage, sizeof w->stage, "sweep/%s/%08x", w->x->tag, h);
}

static persona_code make_plans(sweeping *w, persona_err *e)
{
    const persona_vector *v = w->x->v;
    persona_code rc = PERSONA_OK;
    for (size_t i = 0; rc == PERSONA_OK && i < w->n_cells; i++) {
        const persona_edit edit = {.op = PERSONA_OP_ADD,
                                   .block = w->cells[i].block,
                                   .phases = PERSONA_PHASE_RESPONSE,
                                   .alpha = (float)w->cells[i].alpha,
                                   .v = persona_vector_row(v, w->cells[i].block)};
        rc = persona_plan_new(v->n_layer, v->n_embd, &edit, 1, &w->plans[i], e);
    }
    return rc;
}

/* ---- judging --------------------------------------------------------------------------------- */

/* No answer, or one that the judge leaves open, counts as no lean and no coherence. */
static persona_code judge_cells(const sweeping *w, sweep_cell *cells, persona_err *e)
{
    const size_t n = w->n_cells * w->n_questions;
    persona_judge_item *items = mem_calloc(n, sizeof *items);
    persona_judgement *got = mem_calloc(n, sizeof *got);
    persona_code rc = items != NULL && got != NULL ? PERSONA_OK : mem_err(e, "answers to judge");
    for (size_t i = 0; rc == PERSONA_OK && i < n; i++) {
        items[i] = (persona_judge_item){w->x->questions->extraction[i / w->n_cells],
                                        w->texts[i] != NULL ? w->texts[i] : "", NAN, NAN};
    }
    if (rc == PERSONA_OK) {
        rc = persona_judge_all(w->x->judge, w->x->trait, items, n, w->x->hooks, got, e);
    }
    for (size_t i = 0; rc == PERSONA_OK && i < n; i++) {
        sweep_cell *c = &cells[i % w->n_cells];
        const bool ok = w->texts[i] != NULL && !isnan(got[i].trait) && !isnan(got[i].coherence);
        c->score += (ok ? (double)got[i].trait : 50.0) / (double)w->n_questions;
        c->coherence += (ok ? (double)got[i].coherence : 0.0) / (double)w->n_questions;
    }
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

static persona_code measure_fluency(const sweeping *w, sweep_cell *cells, const char *stage,
                                    persona_err *e)
{
    const size_t n = w->n_cells * w->n_questions;
    const char **questions = mem_calloc(n, sizeof *questions);
    double *nll = mem_calloc(n, sizeof *nll);
    persona_code rc = questions != NULL && nll != NULL ? PERSONA_OK : mem_err(e, "a sweep");
    for (size_t i = 0; rc == PERSONA_OK && i < n; i++) {
        questions[i] = w->x->questions->extraction[i / w->n_cells];
    }
    if (rc == PERSONA_OK) {
        rc = nll_measure(w->x->s, questions, (const char *const *)w->texts, n, stage, w->x->hooks,
                         nll, e);
    }
    for (size_t c = 0; rc == PERSONA_OK && c < w->n_cells; c++) {
        running_mean likely = {0}, repeated = {0}, length = {0};
        for (size_t i = c; rc == PERSONA_OK && i < n; i += w->n_cells) {
            fluency f = {.n_words = 0};
            rc = fluency_measure(w->texts[i] != NULL ? w->texts[i] : "", &f, e);
            add_to(&likely, nll[i]);
            add_to(&repeated, 1 - f.distinct2);
            add_to(&length, (double)f.n_words);
        }
        cells[c].nll = mean_of(&likely);
        cells[c].repetition = mean_of(&repeated);
        cells[c].length = mean_of(&length);
    }
    mem_free(questions);
    mem_free(nll);
    return rc;
}

persona_code sweep_run(const settling *x, sweep_cell *cells, size_t n, bool with_fluency,
                       const char *stage, persona_err *e)
{
    sweeping w = {.x = x, .cells = cells, .n_cells = n};
    char text[96];
    const size_t wanted = x->n_questions > 0 ? x->n_questions : N_QUESTIONS;
    w.n_questions = x->questions->n_extraction < wanted ? x->questions->n_extraction : wanted;
    const size_t total = n * w.n_questions;
    ask_stream stream = {.ud = &w, .make = make, .done = done};
    name_stage(&w);
    w.plans = mem_calloc(n, sizeof *w.plans);
    w.texts = mem_calloc(total, sizeof *w.texts);
    w.done = mem_calloc(total, sizeof *w.done);
    stream.skip = w.done;
    persona_code rc = w.plans != NULL && w.texts != NULL && w.done != NULL ? make_plans(&w, e)
                                                                           : mem_err(e, "a sweep");
    if (rc == PERSONA_OK && x->job != NULL) {
        rc = job_each_answer(x->job, w.stage, JOB_BY_ID, NULL, recall, &w, e);
    }
    if (rc == PERSONA_OK) {
        rc = ask_each(x->s, total, &stream, stage_name(text, sizeof text, stage, x->trait->name),
                      x->hooks, e);
    }
    for (size_t i = 0; i < n; i++) {
        cells[i].score = cells[i].coherence = 0;
    }
    if (rc == PERSONA_OK) {
        rc = judge_cells(&w, cells, e);
    }
    if (rc == PERSONA_OK && with_fluency) {
        rc = measure_fluency(&w, cells, text, e);
    }
    for (size_t i = 0; w.plans != NULL && i < n; i++) {
        persona_plan_free(w.plans[i]);
    }
    for (size_t i = 0; w.texts != NULL && i < total; i++) {
        mem_free(w.texts[i]);
    }
    mem_free(w.plans);
    mem_free(w.texts);
    mem_free(w.done);
    return rc;
}

/* ---- the curve ------------------------------------------------------------------------------- */

persona_code sweep_curve(const settling *x, persona_err *e)
{
    static const double COEFFICIENTS[PERSONA_CURVE_POINTS] = {-3,  -2, -1.5, -1.25, -1, -0.5, 0,
                                                              0.5, 1,  1.25, 1.5,   2,  3};
    persona_provenance *f = &x->v->from;
    persona_curve *curve = x->curve;
    sweep_cell cells[PERSONA_CURVE_POINTS];
    dose_point points[PERSONA_CURVE_POINTS];
    dose_response r;
    for (size_t i = 0; i < PERSONA_CURVE_POINTS; i++) {
        cells[i] = (sweep_cell){.block = f->best_layer, .alpha = COEFFICIENTS[i] * (double)f->dose};
    }
    persona_code rc = sweep_run(x, cells, PERSONA_CURVE_POINTS, true, "dose response", e);
    for (size_t i = 0; rc == PERSONA_OK && i < PERSONA_CURVE_POINTS; i++) {
        points[i] = (dose_point){COEFFICIENTS[i], cells[i].score, cells[i].coherence};
        curve->points[i] =
            (persona_curve_point){points[i].coefficient, points[i].score,     points[i].coherence,
                                  cells[i].nll,          cells[i].repetition, cells[i].length};
    }
    if (rc == PERSONA_OK) {
        rc = dose_summarize(points, PERSONA_CURVE_POINTS, MIN_COHERENCE, &r, e);
    }
    if (rc == PERSONA_OK) {
        curve->n = PERSONA_CURVE_POINTS;
        f->safe_low = (float)r.low;
        f->safe_high = (float)r.high;
        f->promote = (float)r.promote;
        f->suppress = (float)r.suppress;
    }
    return rc;
}
