/* SPDX-License-Identifier: MIT
 *
 * judge_agreement.h - what a judge is worth, measured against labels.
 */
#ifndef PERSONA_PIPELINE_JUDGE_AGREEMENT_H
#define PERSONA_PIPELINE_JUDGE_AGREEMENT_H

#include "persona/judge.h"

/* Of one kind of score (trait or coherence). NAN: too few answers, or a side without spread. */
typedef struct agreement {
    size_t n;           /* labelled answers that the judge scored */
    size_t n_unjudged;  /* labelled answers that it did not score */
    double spearman;    /* rank correlation of score and label */
    double mae;         /* mean absolute difference, points */
    double bias;        /* mean of score minus label, points */
    double keep;        /* share on the same side of 50: what the filter of extraction decides by */
    double keep_chance; /* the same share if both sides were independent */
    double kappa;       /* (keep - keep_chance) / (1 - keep_chance) */
    double by_question; /* median over questions of the rank correlation within one */
    size_t n_questions, n_by_question; /* different ones; those that have a correlation */
} agreement;

/* Of score (n) with label (n), to question (n; NULL or empty: one of its own). An answer without a
 * label counts nowhere. Errors: NOMEM. */
PERSONA_CHECK persona_code agreement_of(const float *score, const float *label,
                                        const char *const *question, size_t n, agreement *out,
                                        persona_err *e);

/* Has the judge score the items and compares with label_trait and label_coherence. of_coherence
 * may be NULL. Errors: those of the judge. */
PERSONA_CHECK persona_code judge_agreement(persona_judge *j, const persona_trait *trait,
                                           const persona_judge_item *items, size_t n,
                                           const persona_hooks *hooks, agreement *of_trait,
                                           agreement *of_coherence, persona_err *e);

#endif
