/* SPDX-License-Identifier: MIT
 *
 * verdict_scores.h - scores of a board, gathered by condition, and sums of them with intervals.
 */
#ifndef PERSONA_PIPELINE_VERDICT_SCORES_H
#define PERSONA_PIPELINE_VERDICT_SCORES_H

#include "pipeline/evaluate/verdict.h"

enum { VERDICT_DRAWS = 2000 };

/* The scores of a condition at a coefficient, all variants together (-1) or one. */
typedef struct scores {
    double *x;
    size_t *group, n;
    size_t n_missing;
    double coherence;
} scores;
PERSONA_CHECK persona_code scores_gather(const verdict_board *b, const char *condition,
                                         double coefficient, int variant, scores *s,
                                         persona_err *e);
void scores_free(scores *s);
static inline stat_sample scores_sample(const scores *s)
{
    return (stat_sample){s->x, s->group, s->n};
}

/* Whether a cell is of the condition, at the coefficient, and of the variant (-1: any). */
bool scores_belong(const eval_cell *c, const char *condition, double coefficient, int variant);
/* Whether a condition (or one variant of it) was answered in several repeats. */
bool scores_repeated(const verdict_board *b, const char *condition, int variant);

/* One addend of a contrast of means: times the mean score of a condition at a coefficient. */
typedef struct scores_term {
    const char *condition;
    double coefficient;
    int variant;
    double times;
} scores_term;
/* out (n_repeats, n_questions), NAN where a term was not asked. */
PERSONA_CHECK persona_code scores_sum(const verdict_board *b, const scores_term *terms, size_t n,
                                      double *out, persona_err *e);
/* Its mean over questions and repeats. */
PERSONA_CHECK persona_code scores_crossed(const verdict_board *b, const scores_term *terms,
                                          size_t n, stat_crossed *out, persona_err *e);

#endif
