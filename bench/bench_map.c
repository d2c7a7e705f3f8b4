/* SPDX-License-Identifier: MIT
 *
 * bench_map.c - what fitting a map costs at the widths of the reference pair, against the
 * machine's own matrix product measured in the same run.
 *
 *   bench_map [N] [BLOCKS]      N texts (2000), a grid of BLOCKS x BLOCKS (12)
 *
 * Rows are random with a shared low-rank part, so that there is something to find. Operations are
 * counted from the algorithm (leaveout.c), multiplications and additions, not measured.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include "base/clock.h"
#include "base/mem.h"
#include "base/rng.h"
#include "core/map/grid.h"
#include "core/map/leaveout.h"

enum { DS = 3584, DT = 2880, SHARED = 64 };

static void check(persona_code rc, const persona_err *e)
{
    if (rc == PERSONA_OK) {
        return;
    }
    fprintf(stderr, "bench_map: %s\n", e->msg);
    exit(1);
}

static float *room(size_t n)
{
    float *p = mem_calloc(n, sizeof *p);
    if (!p) {
        exit(1);
    }
    return p;
}

/* (n, d): 64 hidden factors of the texts, mixed, plus noise; seed decides about mixing and
 * noise. */
static void make_rows(float *out, const float *hidden, size_t n, size_t d, uint64_t seed)
{
    rng r;
    float *mix = room((size_t)SHARED * d);
    rng_seed(&r, seed, 0);
    for (size_t i = 0; i < (size_t)SHARED * d; i++) {
        mix[i] = (float)(rng_unit(&r) - 0.5);
    }
    linalg_gemm_single(hidden, false, mix, false, out, n, SHARED, d);
    for (size_t i = 0; i < n * d; i++) {
        out[i] += 4 * (float)(rng_unit(&r) - 0.5);
    }
    mem_free(mix);
}

/* GFLOP/s of the best of five products of two 2000 x 2000 matrices. */
static double product_rate(void)
{
    enum { M = 2000 };
    float *a = room((size_t)M * M), *b = room((size_t)M * M), *c = room((size_t)M * M);
    double best = 0;
    for (size_t i = 0; i < (size_t)M * M; i++) {
        a[i] = b[i] = (float)(i % 17) / 17;
    }
    for (int k = 0; k < 5; k++) {
        const double start = clock_now();
        linalg_gemm_single(a, false, b, false, c, M, M, M);
        best = fmax(best, 2.0 * M * M * M / (clock_now() - start) / 1e9);
    }
    mem_free(c);
    mem_free(b);
    mem_free(a);
    return best;
}

/* Gram; per lambda an inverse (n^3) and the sketches; the factors. */
static double operations(double n, double lambdas, double columns)
{
    return n * n * DS + lambdas * (n * n * n + 2 * n * n * columns) + n * n * n + 2 * n * n * DT;
}

typedef struct source {
    const float *hidden;
    size_t n;
} source;

static persona_code rows(void *ud, bool target, int block, float *out, persona_err *e)
{
    const source *s = ud;
    (void)e;
    make_rows(out, s->hidden, s->n, target ? DT : DS, (uint64_t)block * 2 + target);
    return PERSONA_OK;
}

static void bench_grid(const source *s, const map_data *d, size_t n_blocks)
{
    int *blocks = mem_calloc(n_blocks, sizeof *blocks);
    grid_cell *cells = mem_calloc(n_blocks, n_blocks * sizeof *cells);
    persona_err e = {0};
    if (!blocks || !cells) {
        exit(1);
    }
    for (size_t i = 0; i < n_blocks; i++) {
        blocks[i] = (int)i + 1;
    }
    const grid_task t = {.from = blocks,
                         .to = blocks,
                         .n_from = n_blocks,
                         .n_to = n_blocks,
                         .n = s->n,
                         .ds = DS,
                         .dt = DT,
                         .group = d->group,
                         .n_groups = d->n_groups,
                         .pos = d->pos,
                         .neg = d->neg,
                         .n_contrasts = d->n_contrasts,
                         .n_shuffles = 3,
                         .rows = rows,
                         .ud = (void *)(uintptr_t)s};
    const double start = clock_now();
    check(grid_run(&t, cells, &e), &e);
    printf("grid %zu x %zu          %.1f s (R2 of the first cell %.2f, shuffled %.2f)\n", n_blocks,
           n_blocks, clock_now() - start, cells[0].r2_contrast, cells[0].r2_shuffled);
    mem_free(cells);
    mem_free(blocks);
}

int main(int argc, char **argv)
{
    const size_t n = argc > 1 ? (size_t)strtoul(argv[1], NULL, 10) : 2000;
    const size_t n_blocks = argc > 2 ? (size_t)strtoul(argv[2], NULL, 10) : 12;
    float *hidden = room(n * SHARED), *x = room(n * DS), *y = room(n * DT);
    size_t *group = mem_calloc(n, sizeof *group), *pos = mem_calloc(n, sizeof *pos);
    size_t *neg = mem_calloc(n, sizeof *neg);
    rng r;
    if (n < 100 || !group || !pos || !neg) {
        return 1;
    }
    rng_seed(&r, 1, 1);
    for (size_t i = 0; i < n * SHARED; i++) {
        hidden[i] = (float)(rng_unit(&r) - 0.5);
    }
    for (size_t i = 0; i < n; i++) {
        group[i] = i / 20;
        pos[i / 2] = i / 2 * 2;
        neg[i / 2] = i / 2 * 2 + 1;
    }
    make_rows(x, hidden, n, DS, 2);
    make_rows(y, hidden, n, DT, 3);
    const map_data d = {.x = {x, n, DS},
                        .y = {y, n, DT},
                        .group = group,
                        .n_groups = n / 20 + 1,
                        .pos = pos,
                        .neg = neg,
                        .n_contrasts = n / 2};
    const double rate = product_rate();
    printf("single-precision product %.1f GFLOP/s\n", rate);
    for (int k = 0; k < 3; k++) {
        const map_opts o = map_defaults();
        map *m = NULL;
        map_report rep;
        persona_err e = {0};
        const double start = clock_now();
        check(map_fit(map_method_find("ridge"), &d, &o, &m, &rep, &e), &e);
        const double seconds = clock_now() - start;
        const double work =
            operations((double)n, LEAVEOUT_LAMBDAS, 64.0 * (1 + o.n_shuffles)) / 1e9;
        printf("fit %zu x %d -> %d    %.1f s, %.0f GFLOP, %.1f GFLOP/s, %.0f %% (lambda %g, R2 "
               "%.2f, shuffled "
               "%.2f)\n",
               n, DS, DT, seconds, work, work / seconds, 100 * work / seconds / product_rate(),
               rep.lambda, rep.r2_contrast, rep.r2_shuffled);
        map_free(m);
    }
    const source s = {hidden, n};
    mem_free(x);
    mem_free(y);
    if (n_blocks > 0) {
        bench_grid(&s, &d, n_blocks);
    }
    struct rusage u;
    getrusage(RUSAGE_SELF, &u);
    printf("peak memory            %.0f MB\n", (double)u.ru_maxrss / 1024);
    mem_free(neg);
    mem_free(pos);
    mem_free(group);
    mem_free(hidden);
    return 0;
}
