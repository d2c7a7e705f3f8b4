/* SPDX-License-Identifier: MIT
 *
 * trials.h - which block to steer: all that come into question on a few questions, the best two of
 * each vector on many.
 */
#ifndef PERSONA_PIPELINE_TRIALS_H
#define PERSONA_PIPELINE_TRIALS_H

#include "pipeline/dose/steered.h"

/* One block of a vector at one multiple, steered both ways. */
typedef struct trial {
    const persona_vector *v; /* NULL: the one that is settled */
    size_t of;               /* which of several vectors */
    int block;
    double alpha;
    steered_cell plus, minus; /* means over the n questions asked so far */
    size_t n;
} trial;

/* Asks each of n trials the next `count` questions (fewer where there are no more), all in one
 * batch; all must have been asked equally many. Errors: those of sweeps. */
PERSONA_CHECK persona_code trials_ask(const settling *x, trial *const *trials, size_t n,
                                      size_t count, persona_err *e);

double trial_value(const trial *t);
double trial_swing(const trial *t);

/* winner (n_of): of each vector's trials the one of the largest value, NULL: it has none. Where a
 * vector has several blocks, the best two (at the better of their multiples) are asked
 * x->n_decide questions in all before. Errors: those of sweeps. */
PERSONA_CHECK persona_code trials_decide(const settling *x, trial *trials, size_t n, size_t n_of,
                                         const trial **winner, persona_err *e);

#endif
