/* SPDX-License-Identifier: MIT
 *
 * verdict.h - from scored answers to swings, the retained fraction and PASS or FAIL.
 */
#ifndef PERSONA_PIPELINE_VERDICT_H
#define PERSONA_PIPELINE_VERDICT_H

#include "persona/transfer.h"

/* One condition at one coefficient: how its answers are made, and their scores. */
typedef struct eval_cell {
    const char *condition;
    double coefficient;
    int same_as; /* >= 0: not run; the numbers are those of that cell */
    persona_plan *plans[16];
    size_t n_plans; /* question q is steered by plan q % n_plans */
    bool sampler, instructed, negative;
    float temperature, top_p, repetition_penalty;
    double *score;     /* n scored answers */
    size_t *group;     /* n: question */
    double *coherence; /* n_coherence */
    size_t n, n_coherence;
    size_t n_unanswered; /* scored as failures */
    size_t n_unjudged;   /* the judge did not answer: left out */
    char *sample;
} eval_cell;

/* Fills swings, Spearman, retained, pass and reason. */
PERSONA_CHECK persona_code verdict_fill(const eval_cell *cells, size_t n_cells, size_t n_questions,
                                        uint32_t seed, persona_evaluation *out, persona_err *e);

#endif
