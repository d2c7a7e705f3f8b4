/* SPDX-License-Identifier: MIT
 *
 * logistic.h - the direction of an L2 logistic regression between two sets of activations.
 */
#ifndef PERSONA_CORE_LOGISTIC_H
#define PERSONA_CORE_LOGISTIC_H

#include "base/linalg.h"

typedef struct logistic_report {
    double strength; /* lambda / number of rows, for rows of mean square norm 1 */
    /* held-out log loss in nats per response (guessing: ln 2); NAN if not cross-validated */
    double loss;
    size_t n_folds; /* 0: not cross-validated */
} logistic_report;

/* pos, neg: (n, d) rows of equal shape, finite; question: (n). strength > 0: that one; else chosen
 * by cross-validation over questions. w: (d), not normalized. Many small solves: up to
 * a thousand responses linalg_threads(1) is fastest. Errors: NUMERIC (all rows the same,
 * no convergence), NOMEM. */
PERSONA_CHECK persona_code logistic_fit(mat pos, mat neg, const size_t *question, double strength,
                                        float *w, logistic_report *report, persona_err *e);

#endif
