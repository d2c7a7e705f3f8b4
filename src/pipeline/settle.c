/* SPDX-License-Identifier: MIT
 *
 * settle.c - where to steer: the block is chosen by behaviour, not by separability, which predicts
 * steering badly (methods 4.3).
 *
 * Every block is tried at equal ||edit||/||h||, both signs, on a few extraction questions, all trials
 * of a ratio in one batch; the judge scores them; the block with the largest swing wins, where answers that stop
 * being coherent lose their swing. Without a judge the held-out AUROC times the split-half cosine
 * decides among the middle blocks. Evaluation questions are never used here.
 */
#include <math.h>
#include <string.h>

#include "base/mem.h"
#include "base/rng.h"
#include "pipeline/pipeline.h"

#define N_QUESTIONS 6
#define MAX_TOKENS 32
#define MIN_COHERENCE 70.0

/* Ratios ||edit||/||h||, tried in turn until some block answers: models differ in how much they need
 * and how much they bear. */
static const double RATIOS[] = {0.3, 0.7};
#define N_RATIOS (sizeof RATIOS / sizeof RATIOS[0])
#define ENOUGH 20.0 /* points of swing */

typedef struct trial_cell {
    int block;
    persona_plan *plans[2]; /* +, - */
    double score[2], coherence[2];
} trial_cell;

static int by_statistics(const persona_vector *v)
{
    int best = -1;
    double top = -1;
    for (int b = v->n_layer / 4; b <= v->n_layer * 7 / 8; b++) {
        const persona_vector_layer *l = &v->layers[b];
        double x = l->present ? (double)l->auroc * fmax((double)l->split_half, 0) : (double)NAN;
        if (b > 0 && x > top) {
            top = x;
            best = b;
        }
    }
    for (int b = v->n_layer - 1; best < 0 && b > 0; b--) {
        best = v->layers[b].present && b <= v->n_layer * 3 / 4 ? b : -1;
    }
    return best;
}

static persona_code make_cells(const persona_vector *v, double ratio, trial_cell *cells, size_t *n,
                               persona_err *e)
{
    persona_code rc = PERSONA_OK;
    for (int b = 1; rc == PERSONA_OK && b < v->n_layer - 1; b++) {
        const persona_vector_layer *l = &v->layers[b];
        if (!l->present || !(l->norm > 0) || !(l->h_median > 0)) {
            continue;
        }
        trial_cell *c = &cells[(*n)++];
        double alpha = ratio * (double)l->h_median / (double)l->norm;
        c->block = b;
        for (int sign = 0; rc == PERSONA_OK && sign < 2; sign++) {
            persona_edit edit = {.op = PERSONA_OP_ADD,
                                 .block = b,
                                 .phases = PERSONA_PHASE_RESPONSE,
                                 .alpha = (float)(sign == 0 ? alpha : -alpha),
                                 .v = persona_vector_row(v, b)};
            rc = persona_plan_new(v->n_layer, v->n_embd, &edit, 1, &c->plans[sign], e);
        }
    }
    return rc;
}

/* asks and answers (n_questions, n_cells, 2). What the judge leaves open counts as no lean. */
static persona_code judge_cells(persona_judge *judge, const persona_trait *trait, trial_cell *cells,
                                size_t n_cells, size_t n_questions, const ask *asks,
                                const answer *answers, const persona_hooks *hooks, persona_err *e)
{
    const size_t n = n_questions * n_cells * 2;
    persona_judge_item *items = mem_calloc(n, sizeof *items);
    persona_judgement *got = mem_calloc(n, sizeof *got);
    persona_code rc = items != NULL && got != NULL ? PERSONA_OK : mem_err(e, "answers to judge");
    for (size_t i = 0; rc == PERSONA_OK && i < n; i++) {
        items[i] = (persona_judge_item){asks[i].question, answers[i].text, NAN, NAN};
    }
    if (rc == PERSONA_OK) {
        rc = persona_judge_all(judge, trait, items, n, hooks, got, e);
    }
    for (size_t i = 0; rc == PERSONA_OK && i < n; i++) {
        trial_cell *c = &cells[i / 2 % n_cells];
        const bool ok = answers[i].answered && !isnan(got[i].trait) && !isnan(got[i].coherence);
        c->score[i % 2] += (ok ? (double)got[i].trait : 50.0) / (double)n_questions;
        c->coherence[i % 2] += (ok ? (double)got[i].coherence : 0.0) / (double)n_questions;
    }
    mem_free(items);
    mem_free(got);
    return rc;
}

/* Swing, reduced in proportion where coherence falls below 70. */
static double value_of(const trial_cell *c)
{
    double low = fmin(c->coherence[0], c->coherence[1]);
    return (c->score[0] - c->score[1]) * fmin(1.0, pow(low / MIN_COHERENCE, 2));
}

static persona_code sweep(persona_session *s, persona_vector *v, const persona_trait *trait,
                          const persona_questions *questions, persona_judge *judge, double ratio,
                          uint32_t seed, const persona_hooks *hooks, double *swing, persona_err *e)
{
    size_t n_cells = 0;
    size_t n_q = questions->n_extraction < N_QUESTIONS ? questions->n_extraction : N_QUESTIONS;
    char stage[96];
    trial_cell *cells = mem_calloc((size_t)v->n_layer, sizeof *cells);
    ask *asks = NULL;
    answer *answers = NULL;
    size_t n = 0;
    persona_code rc =
        cells == NULL ? mem_err(e, "a sweep") : make_cells(v, ratio, cells, &n_cells, e);
    if (rc != PERSONA_OK) {
        goto out;
    }
    n = n_cells * 2 * n_q;
    asks = mem_calloc(n, sizeof *asks);
    answers = mem_calloc(n, sizeof *answers);
    if (asks == NULL || answers == NULL) {
        rc = mem_err(e, "a sweep");
        goto out;
    }
    for (size_t i = 0; i < n; i++) {
        asks[i] = (ask){.question = questions->extraction[i / (n_cells * 2)],
                        .skip_analysis = true,
                        .plan = cells[i / 2 % n_cells].plans[i % 2],
                        .sampling = persona_sampling_defaults()};
        asks[i].sampling.max_tokens = MAX_TOKENS;
        asks[i].sampling.seed = rng_mix(seed, 0x73776565, i / (n_cells * 2));
    }
    rc = ask_all(s, asks, n, stage_name(stage, sizeof stage, "choose block", trait->name), hooks,
                 answers, e);
    if (rc == PERSONA_OK) {
        rc = judge_cells(judge, trait, cells, n_cells, n_q, asks, answers, hooks, e);
    }
    double best = -INFINITY;
    for (size_t c = 0; rc == PERSONA_OK && c < n_cells; c++) {
        if (value_of(&cells[c]) > best) {
            best = value_of(&cells[c]);
            v->from.best_layer = cells[c].block;
            *swing = cells[c].score[0] - cells[c].score[1];
        }
    }
out:
    for (size_t c = 0; cells != NULL && c < n_cells; c++) {
        persona_plan_free(cells[c].plans[0]);
        persona_plan_free(cells[c].plans[1]);
    }
    mem_free(cells);
    mem_free(asks);
    answers_clear(answers, n);
    mem_free(answers);
    return rc;
}

persona_code settle_layer(persona_session *s, persona_vector *v, const persona_trait *trait,
                          const persona_questions *questions, persona_judge *judge, uint32_t seed,
                          const persona_hooks *hooks, double *swing, const char **how,
                          persona_err *e)
{
    *swing = NAN;
    *how = "steering sweep";
    if (judge != NULL && persona_judge_knows(judge, trait->name) && questions->n_extraction > 0) {
        persona_code rc = PERSONA_OK;
        int best = -1;
        for (size_t r = 0; rc == PERSONA_OK && r < N_RATIOS && !(*swing >= ENOUGH); r++) {
            double found = NAN;
            rc = sweep(s, v, trait, questions, judge, RATIOS[r], seed, hooks, &found, e);
            if (rc == PERSONA_OK && !(*swing >= found)) {
                *swing = found;
                best = v->from.best_layer;
            }
        }
        v->from.best_layer = best;
        if (rc != PERSONA_OK || best > 0) {
            return rc;
        }
    }
    *how = "auroc";
    v->from.best_layer = by_statistics(v);
    if (v->from.best_layer < 1) {
        return persona_err_set(e, PERSONA_E_SHAPE, "trait '%s': the vector has no usable block",
                               trait->name);
    }
    return PERSONA_OK;
}

persona_code persona_settle(persona_session *s, persona_vector *v, const persona_trait *trait,
                            const persona_questions *questions, persona_judge *judge, uint32_t seed,
                            const persona_hooks *hooks, double *swing, persona_err *e)
{
    const char *how;
    double measured;
    persona_code rc = settle_layer(s, v, trait, questions, judge, seed, hooks, &measured, &how, e);
    if (swing != NULL) {
        *swing = measured;
    }
    if (rc == PERSONA_OK) {
        rc = persona_calibrate(s, v, v->from.best_layer, questions->extraction,
                               questions->n_extraction, hooks, e);
        if (rc == PERSONA_E_NUMERIC) {
            rc = PERSONA_OK; /* uncalibrated, which from.dose says */
        }
    }
    return rc;
}
