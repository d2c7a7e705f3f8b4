/* SPDX-License-Identifier: MIT
 *
 * heldout.h - what a ridge fit leaves unexplained on groups it has not seen, and the lambda that
 * leaves least.
 */
#ifndef PERSONA_CORE_HELDOUT_H
#define PERSONA_CORE_HELDOUT_H

#include "core/ridge.h"

/* A prepared problem; rows sorted by group, group k is rows start[k] .. start[k + 1]. */
typedef struct heldout_data {
    size_t n, dt;
    const double *u, *w; /* (n, n) eigenvectors of K in columns, (n) eigenvalues, not negative */
    const float *y;      /* (n, dt) centred target */
    const size_t *start; /* (n_groups + 1) */
    size_t n_groups, largest;
} heldout_data;

/* Sets *lambda (absolute) and the report's lambda and R2s. Errors: NUMERIC, NOMEM. */
PERSONA_CHECK persona_code heldout_choose(const heldout_data *d, const ridge_opts *o,
                                          double *lambda, ridge_report *rep, persona_err *e);

#endif
