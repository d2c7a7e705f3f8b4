/* SPDX-License-Identifier: MIT
 *
 * grid.c - every source block against every target block, with one Gram matrix per source block.
 *
 * A pair needs the target only as a sketch (leaveout.c), so all targets fit into memory at once:
 * 64 columns each, and as many again for every shuffled pairing. For a source block the inverse of
 * K + lambda I is made once per lambda, five decades apart from 1e-3 to 10, and multiplied by all
 * of them together.
 */
#include "core/map/grid.h"

#include <math.h>

#include "base/mem.h"
#include "base/try.h"
#include "core/map/leaveout.h"

enum { N_LAMBDAS = 5 };
static const double lambdas[N_LAMBDAS] = {1e-3, 1e-2, 1e-1, 1, 10};

typedef struct grid {
    const grid_task *t;
    map_groups groups;
    size_t *pos, *neg;
    leaveout_target *targets; /* (n_to); y NULL: constant */
    float **sketches;         /* (n_to) */
    leaveout_best *best;      /* (n_to * n_sets) */
    float *room;              /* (n, larger width) */
} grid;

static void grid_free(grid *g)
{
    for (size_t i = 0; g->sketches && i < g->t->n_to; i++) {
        mem_free(g->sketches[i]);
    }
    mem_free(g->sketches);
    mem_free(g->targets);
    mem_free(g->best);
    mem_free(g->room);
    mem_free(g->pos);
    mem_free(g->neg);
    map_groups_free(&g->groups);
}

/* NUMERIC (a constant side, values that are not finite) is a fact about one block, not about the
 * grid. */
static persona_code load(grid *g, bool target, int block, map_side *out, persona_err *e)
{
    const grid_task *t = g->t;
    const size_t d = target ? t->dt : t->ds;
    size_t bad = 0;
    persona_code rc = PERSONA_OK;
    TRY(t->rows(t->ud, target, block, g->room, e));
    if (!vec_finite(g->room, t->n * d, &bad)) {
        rc = persona_err_set(e, PERSONA_E_NUMERIC,
                             "map: %s block %d, row %zu, value %zu is not finite",
                             target ? "target" : "source", block, bad / d, bad % d);
        goto out;
    }
    TRY(map_side_make(out, (mat){g->room, t->n, d}, g->groups.order, true,
                      target ? "target" : "source", e));
out:
    return rc;
}

static persona_code load_target(grid *g, size_t i, persona_err *e)
{
    const grid_task *t = g->t;
    const size_t n_sets = 1 + (size_t)t->n_shuffles;
    map_side y = {.n = 0};
    persona_code rc = PERSONA_OK;
    g->targets[i] = (leaveout_target){
        .n_sets = n_sets, .pos = g->pos, .neg = g->neg, .n_contrasts = t->n_contrasts};
    TRY(load(g, true, t->to[i], &y, e));
    g->sketches[i] = leaveout_sketch(&y, n_sets, t->seed, &g->targets[i].width);
    g->targets[i].y = g->sketches[i];
    TRY(g->sketches[i] ? PERSONA_OK : mem_err(e, "the blocks of a map"));
out:
    map_side_free(&y);
    return rc == PERSONA_E_NUMERIC ? PERSONA_OK : rc;
}

static persona_code load_targets(grid *g, persona_err *e)
{
    persona_code rc = PERSONA_OK;
    for (size_t i = 0; i < g->t->n_to; i++) {
        TRY(load_target(g, i, e));
    }
out:
    return rc;
}

static void fill_cells(const grid *g, int from, grid_cell *cells)
{
    const grid_task *t = g->t;
    const leaveout_best *b = g->best;
    for (size_t i = 0; i < t->n_to; i++) {
        double sum = 0;
        cells[i] = (grid_cell){from, t->to[i], (double)NAN, (double)NAN, (double)NAN, (double)NAN};
        if (!g->targets[i].y) {
            continue;
        }
        const bool contrasts = t->n_contrasts > 0;
        for (int k = 1; k <= t->n_shuffles; k++) {
            sum += contrasts ? b[k].r2_contrast : b[k].r2;
        }
        cells[i].lambda = b[0].lambda;
        cells[i].r2_contrast = contrasts ? b[0].r2_contrast : b[0].r2;
        cells[i].r2_shuffled = t->n_shuffles > 0 ? sum / t->n_shuffles : 0;
        cells[i].score = cells[i].r2_contrast - cells[i].r2_shuffled;
        b += 1 + t->n_shuffles;
    }
}

/* One source block against all targets. */
static persona_code run_row(grid *g, int from, grid_cell *cells, persona_err *e)
{
    const grid_task *t = g->t;
    map_side x = {.n = 0};
    leaveout l = {.n = 0};
    leaveout_target *live = mem_calloc(t->n_to, sizeof *live);
    leaveout_search s = {.targets = live, .lambdas = lambdas, .n_lambdas = N_LAMBDAS};
    persona_code rc = PERSONA_OK;
    TRY(live ? load(g, false, from, &x, e) : mem_err(e, "the blocks of a map"));
    for (size_t i = 0; i < t->n_to; i++) {
        if (g->targets[i].y) {
            live[s.n_targets++] = g->targets[i];
        }
    }
    TRY(leaveout_begin(&l, x.z, x.d, &g->groups, t->n, true, e));
    TRY(leaveout_run(&l, &s, g->best, e));
    fill_cells(g, from, cells);
out:
    for (size_t i = 0; rc == PERSONA_E_NUMERIC && i < t->n_to; i++) {
        cells[i] = (grid_cell){from, t->to[i], (double)NAN, (double)NAN, (double)NAN, (double)NAN};
    }
    leaveout_end(&l);
    map_side_free(&x);
    mem_free(live);
    return rc == PERSONA_E_NUMERIC ? PERSONA_OK : rc;
}

static persona_code grid_make(grid *g, persona_err *e)
{
    const grid_task *t = g->t;
    const size_t n_sets = 1 + (size_t)t->n_shuffles, wide = t->ds > t->dt ? t->ds : t->dt;
    persona_code rc = PERSONA_OK;
    TRY(map_groups_make(&g->groups, t->group, t->n, t->n_groups, e));
    g->targets = mem_calloc(t->n_to, sizeof *g->targets);
    g->sketches = mem_calloc(t->n_to, sizeof *g->sketches);
    g->best = mem_calloc(t->n_to, n_sets * sizeof *g->best);
    g->room = mem_calloc(t->n, wide * sizeof *g->room);
    g->pos = mem_calloc(t->n_contrasts, sizeof *g->pos);
    g->neg = mem_calloc(t->n_contrasts, sizeof *g->neg);
    if (!g->targets || !g->sketches || !g->best || !g->room || !g->pos || !g->neg) {
        rc = mem_err(e, "the blocks of a map");
        goto out;
    }
    for (size_t i = 0; i < t->n_contrasts; i++) {
        g->pos[i] = g->groups.place[t->pos[i]];
        g->neg[i] = g->groups.place[t->neg[i]];
    }
out:
    return rc;
}

persona_code grid_run(const grid_task *t, grid_cell *cells, persona_err *e)
{
    grid g = {.t = t};
    persona_code rc = PERSONA_OK;
    TRY(grid_make(&g, e));
    TRY(load_targets(&g, e));
    for (size_t i = 0; i < t->n_from; i++) {
        if (t->progress && !t->progress(t->ud, i, t->n_from)) {
            rc = persona_err_set(e, PERSONA_E_CANCELED,
                                 "interrupted after %zu of %zu source blocks", i, t->n_from);
            goto out;
        }
        TRY(run_row(&g, t->from[i], cells + i * t->n_to, e));
    }
out:
    grid_free(&g);
    return rc;
}
