/* SPDX-License-Identifier: MIT
 *
 * mapmethods.h - the ways of fitting a map, one function each for the table of map.c.
 */
#ifndef PERSONA_CORE_MAPMETHODS_H
#define PERSONA_CORE_MAPMETHODS_H

#include "core/map/linmap.h"

typedef persona_code map_fitter(const map_data *d, const map_opts *o, map **out, map_report *rep,
                                persona_err *e);
map_fitter map_fit_ridge, map_fit_paired, map_fit_anchors, map_fit_lowrank, map_fit_procrustes;

/* What a method with all its choices made (rank, lambda) says of questions that it has not seen:
 * refits over 5 folds of whole groups, scales and bases included, then the same for shuffled
 * pairings. Fills in the R2s of rep. `fit` fits without reporting. */
typedef persona_code map_refit(const map_data *d, const map_opts *o, map **out, persona_err *e);
PERSONA_CHECK persona_code map_by_folds(const map_data *d, const map_opts *o, map_refit *fit,
                                        map_report *rep, persona_err *e);
/* Only the R2 of rows, for choosing. */
PERSONA_CHECK persona_code map_folds_r2(const map_data *d, const map_opts *o, map_refit *fit,
                                        double *r2, persona_err *e);

#endif
