/* SPDX-License-Identifier: MIT
 *
 * maprows.h - paired rows, made ready for a fit: sorted by group, centered, scaled.
 */
#ifndef PERSONA_CORE_MAPROWS_H
#define PERSONA_CORE_MAPROWS_H

#include "core/map/linmap.h"

/* order: (n) row numbers sorted by group. place: (n) where each row went. start: (n_used + 1)
 * first row of each group that has any. */
typedef struct map_groups {
    size_t *order, *place, *start;
    size_t n_used, largest;
} map_groups;
PERSONA_CHECK persona_code map_groups_make(map_groups *g, const size_t *group, size_t n,
                                           size_t n_groups, persona_err *e);
void map_groups_free(map_groups *g);

/* One side. z = (x - mean) / scale, rows of mean norm 1. */
typedef struct map_side {
    size_t n, d;
    float *z;     /* (n, d) */
    float *scale; /* (d) */
} map_side;
/* order NULL: as they stand. centered false: mean is zero, for differences. name: for messages.
 * Errors: NUMERIC (constant), NOMEM. */
PERSONA_CHECK persona_code map_side_make(map_side *s, mat x, const size_t *order, bool centered,
                                         const char *name, persona_err *e);
void map_side_free(map_side *s);

/* A map of k factors with zeros. NULL: no memory. */
map *map_new(size_t ds, size_t k, size_t dt);

/* Directions that rows span, counted up to `most` (pivoted Gram-Schmidt; a direction counts if it
 * holds more than 1e-6 of a mean row). 0 and NOMEM in e: no memory. */
size_t map_rows_span(mat x, size_t most, persona_err *e);

#endif
