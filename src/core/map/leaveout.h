/* SPDX-License-Identifier: MIT
 *
 * leaveout.h - what a dual ridge fit leaves unexplained on groups it has not seen, in closed form,
 * and the lambda that leaves least (methods 5.3).
 */
#ifndef PERSONA_CORE_LEAVEOUT_H
#define PERSONA_CORE_LEAVEOUT_H

#include "core/map/maprows.h"

/* A source side whose Gram matrix K is made once and serves any lambda and any target. */
typedef struct leaveout {
    size_t n;
    const map_groups *groups; /* rows are sorted by them */
    bool centered;            /* the means are refitted with the rest */
    double *k;                /* (n, n) */
    double mean, top;         /* eigenvalues of K: mean, and the largest (estimated) */
    float *g;                 /* (n, n) inverse of K + lambda I, for the lambda last set */
    double *wide;             /* (n, n) room for it in double */
    bool exact;               /* wide holds it, and leaveout_solve is to use that */
    double *blocks;           /* lambda g_GG - 11^T/n of every group, one after the other */
    double lambda;            /* absolute; 0: none set */
} leaveout;

/* z: (n, d) prepared rows. Errors: NOMEM. */
PERSONA_CHECK persona_code leaveout_begin(leaveout *l, float *z, size_t d, const map_groups *groups,
                                          size_t n, bool centered, persona_err *e);
void leaveout_end(leaveout *l);
/* Errors: NUMERIC (not positive definite: lambda too small for these data). */
PERSONA_CHECK persona_code leaveout_set(leaveout *l, double relative, persona_err *e);
/* out (n, columns): right-hand side of the map, (K + lambda I)^-1 y. Errors: NOMEM. */
PERSONA_CHECK persona_code leaveout_solve(const leaveout *l, const float *y, size_t columns,
                                          float *out, persona_err *e);
/* solved (n, columns), as leaveout_solve gives it, becomes the held-out errors. */
PERSONA_CHECK persona_code leaveout_errors(const leaveout *l, float *solved, size_t columns,
                                           persona_err *e);

/* A target as the search sees it: `sets` pairings side by side, the first one real. */
typedef struct leaveout_target {
    const float *y; /* (n, width * n_sets) */
    size_t width, n_sets;
    const size_t *pos, *neg; /* (n_contrasts) rows, sorted as groups are */
    size_t n_contrasts;
} leaveout_target;
/* What the search found for one set. */
typedef struct leaveout_best {
    double lambda; /* relative; NAN: no lambda worked */
    double r2, r2_contrast;
} leaveout_best;

/* n_targets targets over one grid of lambdas (relative, n_lambdas): best (n_targets * their
 * n_sets) by r2 of rows. Errors: NUMERIC (no lambda worked), NOMEM. */
typedef struct leaveout_search {
    const leaveout_target *targets;
    size_t n_targets;
    const double *lambdas;
    size_t n_lambdas;
} leaveout_search;
PERSONA_CHECK persona_code leaveout_run(leaveout *l, const leaveout_search *s, leaveout_best *best,
                                        persona_err *e);

/* The grid that ridge searches: half decades from 1e-4 to 1e2, or the one lambda that is given. */
enum { LEAVEOUT_LAMBDAS = 13 };
size_t leaveout_grid(double fixed, double *out);

/* y (n, width * n_sets) of a prepared side: up to 64 random +-1 combinations of its dimensions
 * (all of them where there are no more), then the same after shuffling the rows. mem_free it;
 * NULL: no memory. */
float *leaveout_sketch(const map_side *y, size_t n_sets, uint32_t seed, size_t *width);

/* 1 - squares(errors) / squares(y) of columns [first, first + count); contrasts: of the
 * differences. */
double leaveout_r2(const float *errors, const float *y, size_t n, size_t columns, size_t first,
                   size_t count);
double leaveout_r2_contrast(const float *errors, const float *y, const size_t *pos,
                            const size_t *neg, size_t n_contrasts, size_t columns, size_t first,
                            size_t count);

#endif
