/* SPDX-License-Identifier: MIT
 *
 * leaveparts.h - what a map says of whole traits that it has not seen, and of questions and traits
 * that it has seen neither of.
 */
#ifndef PERSONA_CORE_LEAVEPARTS_H
#define PERSONA_CORE_LEAVEPARTS_H

#include "core/map/leaveout.h"

/* Which trait each row of a fit is of, and which rows are poles of one. */
typedef struct leaveparts {
    const int *trait; /* (n), in the order of the rows; below 0: of none */
    size_t n_traits;
    const size_t *pos, *neg; /* (n_contrasts) rows */
    size_t n_contrasts;
} leaveparts;

/* At the lambda that is set, of all rows that are of a trait: R2 where every row of that trait is
 * left out (trait), and where every row of its question is, too (both). solved: (n, y->d) as
 * leaveout_solve gives it for y. NAN where too few rows stay. Errors: NOMEM, NUMERIC. */
PERSONA_CHECK persona_code leaveparts_r2(const leaveout *l, const leaveparts *p, const map_side *y,
                                         const float *solved, map_r2 *trait, map_r2 *both,
                                         persona_err *e);

#endif
