/* SPDX-License-Identifier: MIT
 *
 * test_grid.c - blocks against blocks: cells equal fits of their own, a planted pairing is found,
 * blocks that cannot be fitted are left out; and which pairs are tried by steering.
 */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/mem.h"
#include "base/rng.h"
#include "core/map/leaveout.h"
#include "pipeline/transfer/mapblocks.h"

enum { N = 96, DS = 20, DT = 16, BLOCKS = 4 };

/* Block b of the target is made of block 5 - b of the source; block 4 of the target is constant. */
typedef struct world {
    float x[BLOCKS + 1][N * DS], y[BLOCKS + 1][N * DT];
    size_t group[N], pos[N / 2], neg[N / 2];
    int calls;
} world;

static void build(world *w)
{
    rng r;
    rng_seed(&r, 1, 0);
    for (int b = 1; b <= BLOCKS; b++) {
        for (size_t i = 0; i < (size_t)N * DS; i++) {
            w->x[b][i] = (float)rng_normal(&r);
        }
    }
    for (int b = 1; b <= BLOCKS; b++) {
        for (size_t i = 0; i < N; i++) {
            for (size_t j = 0; j < DT; j++) {
                w->y[b][i * DT + j] =
                    b == 4 ? 1 : w->x[5 - b][i * DS + j] + 0.3f * (float)rng_normal(&r);
            }
        }
    }
    for (size_t i = 0; i < N; i++) {
        w->group[i] = i / 4;
    }
    for (size_t i = 0; i < N / 2; i++) {
        w->pos[i] = 2 * i;
        w->neg[i] = 2 * i + 1;
    }
    w->calls = 0;
}

static persona_code rows(void *ud, bool target, int block, float *out, persona_err *e)
{
    world *w = ud;
    (void)e;
    w->calls++;
    if (target) {
        memcpy(out, w->y[block], sizeof w->y[block]);
    } else {
        memcpy(out, w->x[block], sizeof w->x[block]);
    }
    return PERSONA_OK;
}

static bool stop_early(void *ud, size_t done, size_t total)
{
    (void)ud;
    (void)total;
    return done < 2;
}

static const int blocks[BLOCKS] = {1, 2, 3, 4};

static grid_task task_of(world *w)
{
    return (grid_task){.from = blocks,
                       .to = blocks,
                       .n_from = BLOCKS,
                       .n_to = BLOCKS,
                       .n = N,
                       .ds = DS,
                       .dt = DT,
                       .group = w->group,
                       .n_groups = N / 4,
                       .pos = w->pos,
                       .neg = w->neg,
                       .n_contrasts = N / 2,
                       .n_shuffles = 3,
                       .seed = 5,
                       .rows = rows,
                       .ud = w};
}

static void cells(void **state)
{
    (void)state;
    world *w = mem_calloc(1, sizeof *w);
    grid_cell got[BLOCKS * BLOCKS];
    build(w);
    const grid_task t = task_of(w);
    assert_int_equal(grid_run(&t, got, NULL), PERSONA_OK);
    assert_int_equal(w->calls, 2 * BLOCKS); /* each block is read once */
    for (size_t i = 0; i < BLOCKS; i++) {
        for (size_t k = 0; k < BLOCKS; k++) {
            const grid_cell *c = &got[i * BLOCKS + k];
            assert_int_equal(c->from, blocks[i]);
            assert_int_equal(c->to, blocks[k]);
            if (c->to == 4) {
                assert_true(isnan(c->score));
                continue;
            }
            if ((c->from == 5 - c->to) != (c->score > 0.5)) {
                fail_msg("%d to %d: score %g", c->from, c->to, c->score);
            }
            assert_true(c->r2_shuffled < 0.05);
            /* The same pair by itself, at the lambda that the grid chose. */
            const map_data d = {.x = {w->x[c->from], N, DS},
                                .y = {w->y[c->to], N, DT},
                                .group = w->group,
                                .n_groups = N / 4,
                                .pos = w->pos,
                                .neg = w->neg,
                                .n_contrasts = N / 2};
            const map_opts o = {.lambda = c->lambda};
            map *m = NULL;
            map_report rep;
            assert_int_equal(map_fit(map_method_at(0), &d, &o, &m, &rep, NULL), PERSONA_OK);
            assert_true(fabs(rep.r2_contrast - c->r2_contrast) < 1e-3);
            map_free(m);
        }
    }
    mem_free(w);
}

static void canceled_and_broken(void **state)
{
    (void)state;
    world *w = mem_calloc(1, sizeof *w);
    grid_cell got[BLOCKS * BLOCKS];
    persona_err e = {0};
    build(w);
    grid_task t = task_of(w);
    t.progress = stop_early;
    assert_int_equal(grid_run(&t, got, &e), PERSONA_E_CANCELED);
    t.progress = NULL;
    w->x[2][7] = (float)NAN; /* one block that is of no use */
    assert_int_equal(grid_run(&t, got, &e), PERSONA_OK);
    for (size_t k = 0; k < BLOCKS; k++) {
        assert_true(isnan(got[1 * BLOCKS + k].score));
    }
    assert_true(got[2 * BLOCKS + 1].score > 0.5);
    persona_code rc = PERSONA_E_NOMEM;
    for (size_t k = 1; rc != PERSONA_OK; k++) {
        persona_mem_fail_at(k);
        rc = grid_run(&t, got, NULL);
        persona_mem_fail_at(0);
        assert_true(rc == PERSONA_OK || rc == PERSONA_E_NOMEM);
    }
    mem_free(w);
}

static void candidates(void **state)
{
    (void)state;
    int out[MAPBLOCKS_MOST];
    assert_int_equal(mapblocks_candidates(6, out), 4);
    assert_true(out[0] == 1 && out[3] == 4);
    assert_int_equal(mapblocks_candidates(14, out), 12);
    static const struct {
        int n_layer, must;
    } real[] = {{28, 19}, {24, 18}, {80, 40}};
    for (size_t i = 0; i < 3; i++) {
        const size_t n = mapblocks_candidates(real[i].n_layer, out);
        bool found = false;
        assert_true(n > 8 && n <= MAPBLOCKS_MOST);
        for (size_t k = 0; k < n; k++) {
            assert_true(k == 0 || out[k] > out[k - 1]);
            assert_true(out[k] >= 1 && out[k] <= real[i].n_layer - 2);
            found = found || abs(out[k] - real[i].must) <= (real[i].n_layer > 30 ? 2 : 0);
        }
        assert_true(found);
    }
    assert_int_equal(mapblocks_candidates(2, out), 0);
}

static void chosen(void **state)
{
    (void)state;
    const double nan = (double)NAN;
    const grid_cell list[] = {
        {1, 1, 1, 0.9, 0, 0.9}, {1, 2, 1, 0.5, 0, 0.5}, {2, 2, 1, 0.7, 0, 0.7},
        {2, 1, 1, 0.8, 0, 0.8}, {3, 3, 1, 0.6, 0, 0.6}, {9, 1, 1, 0.99, 0, 0.99}, /* far off */
        {4, 4, 1, nan, 0, nan},
    };
    size_t got[8];
    assert_int_equal(mapblocks_choose(list, 7, 10, 10, 8, got), 3);
    assert_true(got[0] == 0 && got[1] == 2 && got[2] == 4); /* a target once, its best source */
    assert_int_equal(mapblocks_choose(list, 7, 10, 10, 2, got), 2);
    assert_int_equal(mapblocks_choose(list, 0, 10, 10, 2, got), 0);
}

int main(void)
{
    linalg_threads(1);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(cells),
        cmocka_unit_test(canceled_and_broken),
        cmocka_unit_test(candidates),
        cmocka_unit_test(chosen),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
