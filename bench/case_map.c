/* SPDX-License-Identifier: MIT
 *
 * case_map.c - fitting a map at the widths of the reference pair (3584 to 2880) beside the
 * machine's own matrix product in single precision.
 *
 * Rows are random with a shared low-rank part, so that there is something to find. Operations are
 * counted from the algorithm (leaveout.c), multiplications and additions, not measured.
 */
#include <stdlib.h>

#include "base/linalg.h"
#include "base/rng.h"
#include "bench.h"
#include "core/map/leaveout.h"

enum { N = 2000, DS = 3584, DT = 2880, SHARED = 64, GROUP = 20, PRODUCT = 2000 };

/* (N, d): 64 hidden factors of the texts, mixed, plus noise; seed decides about both. */
static float *make_rows(const float *hidden, size_t d, uint64_t seed)
{
    rng r;
    float *mix = bench_room((size_t)SHARED * d, sizeof *mix);
    float *out = bench_room((size_t)N * d, sizeof *out);
    rng_seed(&r, seed, 0);
    for (size_t i = 0; i < (size_t)SHARED * d; i++) {
        mix[i] = (float)(rng_unit(&r) - 0.5);
    }
    linalg_gemm_single(hidden, false, mix, false, out, N, SHARED, d);
    for (size_t i = 0; i < (size_t)N * d; i++) {
        out[i] += 4 * (float)(rng_unit(&r) - 0.5);
    }
    free(mix);
    return out;
}

/* GFLOP: the Gram matrix; per lambda an inverse (n^3) and the sketches; the factors. */
static double operations(void)
{
    const double n = N, columns = 64.0 * (1 + map_defaults().n_shuffles);
    return (n * n * DS + LEAVEOUT_LAMBDAS * (n * n * n + 2 * n * n * columns) + n * n * n +
            2 * n * n * DT) /
           1e9;
}

static bench_took fit(void *ud)
{
    const map_opts o = map_defaults();
    map *m = NULL;
    map_report report;
    persona_err e = {.code = PERSONA_OK};
    const bench_took since = bench_start();
    bench_must(map_fit(map_method_find("ridge"), ud, &o, &m, &report, &e), &e);
    map_free(m);
    return bench_stop(since, operations());
}

typedef struct product {
    float *a, *b, *c;
} product;

static bench_took multiply(void *ud)
{
    enum { TIMES = 8 };
    const product *p = ud;
    const bench_took since = bench_start();
    for (int k = 0; k < TIMES; k++) {
        linalg_gemm_single(p->a, false, p->b, false, p->c, PRODUCT, PRODUCT, PRODUCT);
    }
    return bench_stop(since, TIMES * 2.0 * PRODUCT * PRODUCT * PRODUCT / 1e9);
}

void case_map(bench *b)
{
    size_t group[N], pos[N / 2], neg[N / 2];
    const size_t square = (size_t)PRODUCT * PRODUCT;
    float *hidden = bench_room((size_t)N * SHARED, sizeof *hidden);
    product p = {bench_room(square, sizeof *p.a), bench_room(square, sizeof *p.b),
                 bench_room(square, sizeof *p.c)};
    bench_noise(hidden, (size_t)N * SHARED, 1);
    bench_noise(p.a, square, 2);
    bench_noise(p.b, square, 3);
    for (size_t i = 0; i < N; i++) {
        group[i] = i / GROUP;
        pos[i / 2] = i / 2 * 2;
        neg[i / 2] = i / 2 * 2 + 1;
    }
    map_data d = {.x = {make_rows(hidden, DS, 2), N, DS},
                  .y = {make_rows(hidden, DT, 3), N, DT},
                  .group = group,
                  .n_groups = N / GROUP,
                  .pos = pos,
                  .neg = neg,
                  .n_contrasts = N / 2};
    linalg_threads(b->threads);
    bench_compare(b,
                  &(bench_row){"map", "a map's fit, 2000 texts, 3584 to 2880, 20 shuffles",
                               "product of two 2000 x 2000 matrices", "GFLOP/s", 0.7},
                  (bench_side){fit, &d}, (bench_side){multiply, &p});
    free(d.x.p);
    free(d.y.p);
    free(p.a);
    free(p.b);
    free(p.c);
    free(hidden);
}
