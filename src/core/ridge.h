/* SPDX-License-Identifier: MIT
 *
 * ridge.h - dual ridge regression between the activation spaces of two models (methods: 5.3).
 *
 * Rows are paired texts: X (n, ds) in the source, Y (n, dt) in the target. Both sides are centred
 * and scaled robustly; K = X~ X~^T (n x n). For a source vector v the mapped vector is
 *     v_t = s_y * Y~^T (K + lambda I)^-1 X~ (v / s_x)
 * without any bias, since a difference has none. lambda is chosen by closed-form
 * leave-one-GROUP-out (groups: questions or traits; the means are refitted), so that no text
 * predicts itself. The norm of v_t is not meaningful (ridge shrinks); callers set it by rule.
 */
#ifndef PERSONA_CORE_RIDGE_H
#define PERSONA_CORE_RIDGE_H

#include <stdint.h>

#include "base/linalg.h"

typedef struct ridge_map ridge_map;

typedef struct ridge_opts {
    double lambda;     /* relative to the mean eigenvalue of K; <= 0: chosen by group LOO */
    bool robust_scale; /* divide dimensions by a capped robust sd (massive activations) */
    int n_shuffles;    /* shuffled-pairing nulls of the held-out R2; 0: none, NAN */
    uint32_t seed;
    /* A map fitted on the very same X and groups: its scaled rows and eigenbasis are taken over
       instead of being found again. Borrowed for the call; NULL: none. */
    const ridge_map *like;
} ridge_opts;

typedef struct ridge_report {
    double lambda;      /* relative */
    double r2_heldout;  /* leave-one-group-out */
    double r2_shuffled; /* mean over shuffled pairings, same lambda search */
    double r2_shuffled_max;
    size_t n, ds, dt, n_groups;
} ridge_report;

/* lambda 0 (searched over 1e-4..1e2), robust, 20 shuffles, seed 0. */
ridge_opts ridge_defaults(void);
/* Copies what it needs. The search and the nulls see wide targets through 64 random combinations of
 * their dimensions (heldout.c); r2_heldout is computed on all. Many small products: up to a
 * thousand texts linalg_threads(1) is fastest. group[i] in 0..n_groups-1. Errors: SHAPE (fewer than
 * 8 texts or 2 groups, unequal rows), NUMERIC (non-finite, constant side), NOMEM. */
PERSONA_CHECK persona_code ridge_fit(mat x, mat y, const size_t *group, size_t n_groups,
                                     const ridge_opts *o, ridge_map **out, ridge_report *rep,
                                     persona_err *e);
/* v: ds floats, out: dt floats. */
PERSONA_CHECK persona_code ridge_apply(const ridge_map *m, const float *v, float *out,
                                       persona_err *e);
void ridge_free(ridge_map *m);

#endif
