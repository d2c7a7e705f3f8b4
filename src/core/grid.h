#ifndef PERSONA_CORE_GRID_H
#define PERSONA_CORE_GRID_H
#include "base/linalg.h"
#include <stdbool.h>
#include <stdint.h>
typedef struct grid_cell {
    int from, to;
    double lambda, r2_contrast, r2_shuffled, score;
} grid_cell;
typedef persona_code (*grid_rows)(void *ud, bool target, int block, float *out, persona_err *e);
typedef struct grid_task {
    const int *from, *to;
    size_t n_from, n_to, n, ds, dt;
    const size_t *group;
    size_t n_groups;
    const size_t *pos, *neg;
    size_t n_contrasts;
    int n_shuffles;
    uint32_t seed;
    grid_rows rows;
    void *ud;
    bool (*progress)(void *ud, size_t done, size_t total);
} grid_task;
persona_code grid_run(const grid_task *t, grid_cell *cells, persona_err *e);
#endif
