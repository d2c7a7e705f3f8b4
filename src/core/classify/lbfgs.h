/* SPDX-License-Identifier: MIT
 *
 * lbfgs.h - minimum of a smooth convex function of many variables (limited-memory BFGS), in double
 * and in one fixed order of sums: the same input gives the same bits.
 */
#ifndef PERSONA_CORE_LBFGS_H
#define PERSONA_CORE_LBFGS_H

#include "persona/error.h"

/* The value at x (n); writes the gradient to g (n). */
typedef double (*lbfgs_fn)(void *ud, const double *x, double *g);

typedef struct lbfgs_result {
    double value, gradient; /* largest entry of the gradient, in absolute value */
    int n_iterations;
} lbfgs_result;

typedef struct lbfgs_task {
    lbfgs_fn fn;
    void *ud;
    double tolerance; /* of the largest entry of the gradient */
    int max_iterations;
    const persona_cancel *cancel; /* or NULL */
} lbfgs_task;

/* From x on, which becomes the minimum: until no entry of the gradient exceeds tolerance, or no
 * progress is left in double precision, or max_iterations are done. Errors: NOMEM, NUMERIC (the
 * value at the start is not finite), CANCELED. */
PERSONA_CHECK persona_code lbfgs(const lbfgs_task *task, double *x, size_t n, lbfgs_result *out,
                                 persona_err *e);

#endif
