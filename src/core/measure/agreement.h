/* SPDX-License-Identifier: MIT
 *
 * agreement.h - how two numbers of the same answers go together: Spearman with an interval, and
 * what is left of a swing of the one where the other is held equal.
 */
#ifndef PERSONA_CORE_AGREEMENT_H
#define PERSONA_CORE_AGREEMENT_H

#include "core/measure/stats.h"

/* Two finite numbers per answer; group[i], its question in 0..draws.n_groups-1. */
typedef struct stat_pairs {
    const double *x, *y;
    const size_t *group;
    const size_t *cell; /* what else it has in common with others; only for stat_swing_beside */
    size_t n, n_cells;
} stat_pairs;

/* Spearman's rho of x and y. The interval draws questions; ranks are those among all answers. NAN
 * for n < 3 or where one side is constant. Errors: SHAPE (a group too large, no draws), NOMEM. */
PERSONA_CHECK persona_code stat_bootstrap_spearman(const stat_pairs *p, stat_draws draws,
                                                   persona_interval *out, persona_err *e);

/* The swing of y, mean of cell `high` less that of cell `low`, in ranks of 0..1: as it is, and with
 * x held equal by analysis of covariance on ranks (Conover & Iman 1982), slope pooled within cells:
 *
 *   beta = sum (x - mean_c)(y - mean_c) / sum (x - mean_c)^2      beside = dy - beta dx
 *
 * A y that is a rising or falling function of x, whatever its form, has beside = 0. NAN where a
 * cell is empty. Errors: as above. */
typedef struct stat_beside {
    persona_interval plain, beside;
} stat_beside;
PERSONA_CHECK persona_code stat_swing_beside(const stat_pairs *p, size_t high, size_t low,
                                             stat_draws draws, stat_beside *out, persona_err *e);
/* Ranks of x (n) among themselves, ties sharing their mean: (rank - 1/2) / n. False: no memory. */
bool stat_ranks(const double *x, size_t n, double *out);

#endif
