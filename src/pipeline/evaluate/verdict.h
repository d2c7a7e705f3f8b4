/* SPDX-License-Identifier: MIT
 *
 * verdict.h - from scored answers to swings, retained fractions and PASS or FAIL.
 */
#ifndef PERSONA_PIPELINE_VERDICT_H
#define PERSONA_PIPELINE_VERDICT_H

#include "core/measure/stats.h"
#include "persona/evaluate.h"

enum { CELL_PLANS = 16 };

/* One condition at one coefficient: how its answers are made, and their scores. */
typedef struct eval_cell {
    const char *condition, *note;
    double coefficient;
    int variant; /* one random direction by itself; -1: all there is of the condition */
    int same_as; /* >= 0: not run; the numbers are those of that cell */
    size_t at;   /* its place among the cells that are run */
    persona_plan *plans[CELL_PLANS];
    size_t n_plans; /* question q is steered by plan q % n_plans */
    bool sampler, instructed, negative;
    bool keep_texts; /* until other traits have been scored */
    float temperature, top_p, repetition_penalty;
    double *score;     /* n scored answers */
    size_t *group;     /* n: question */
    double *coherence; /* n_coherence */
    size_t n, n_coherence;
    size_t n_unanswered; /* scored as failures */
    size_t n_unjudged;   /* the judge did not answer: left out */
    char *sample;
    char **texts; /* keep_texts: one per answer, NULL: unanswered */
} eval_cell;

/* Fills swings, random, retained, specific, pass and reason; crosses are there already. n_random
 * variants. */
PERSONA_CHECK persona_code verdict_fill(const eval_cell *cells, size_t n_cells, size_t n_questions,
                                        size_t n_random, const char *void_reason, uint32_t seed,
                                        persona_evaluation *out, persona_err *e);

/* The swing between two cells' scores (n_questions groups), NAN where one is empty. */
PERSONA_CHECK persona_code verdict_swing(const stat_sample *high, const stat_sample *low,
                                         size_t n_questions, uint32_t seed, persona_interval *out,
                                         persona_err *e);

#endif
