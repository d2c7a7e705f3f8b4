/* SPDX-License-Identifier: MIT
 *
 * grid.h - which block of one model predicts which block of another: ridge on every pair of them.
 */
#ifndef PERSONA_CORE_GRID_H
#define PERSONA_CORE_GRID_H

#include "core/map/linmap.h"

typedef struct grid_cell {
    int from, to;
    double lambda;                   /* relative; coarser than map_fit's */
    double r2_contrast, r2_shuffled; /* leave-one-group-out; mean over shuffled pairings */
    double score;                    /* r2_contrast - r2_shuffled; NAN: the pair cannot be fitted */
} grid_cell;

/* Fills (n, width) floats with the rows of one block of one side. */
typedef persona_code (*grid_rows)(void *ud, bool target, int block, float *out, persona_err *e);

typedef struct grid_task {
    const int *from, *to; /* (n_from), (n_to) blocks */
    size_t n_from, n_to;
    size_t n, ds, dt;
    const size_t *group; /* (n) */
    size_t n_groups;
    const size_t *pos, *neg; /* (n_contrasts) */
    size_t n_contrasts;
    int n_shuffles; /* pairings behind r2_shuffled; 3 are enough for a ranking */
    uint32_t seed;
    grid_rows rows;
    void *ud;
    bool (*progress)(void *ud, size_t done, size_t total); /* false: cancel. May be NULL */
} grid_task;

/* cells (n_from * n_to), row by row. Each source block's Gram matrix and factorizations are made
 * once and serve all targets; each target is read once and kept as a sketch. A side that is
 * constant makes NAN cells. Errors: those of rows, CANCELED, NOMEM. */
PERSONA_CHECK persona_code grid_run(const grid_task *t, grid_cell *cells, persona_err *e);

#endif
