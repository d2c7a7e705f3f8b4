/* SPDX-License-Identifier: MIT
 *
 * heldout.c - leave-one-group-out error of a ridge fit in closed form, the search for lambda, and
 * the shuffled nulls (methods 5.3 and 5.5).
 *
 * With H = K (K + lambda I)^-1 and R = Y~ - H Y~ = U diag(lambda / (w + lambda)) U^T Y~, the errors
 * of a fit without group G, means included, on G are
 *     e_G = (I - 11^T/n - H_GG)^-1 R_G                    (exact; 11^T/n is the part of the means)
 * The 11^T/n must not be left out. Centred rows sum to zero, so a row is minus the sum of the
 * others: with fewer texts than dimensions and a small lambda, "centred data taken as fixed" would
 * predict every held-out text, and every shuffled one, perfectly. Scales do come from all rows.
 *
 * Cost: n^2 per column, lambda and shuffle. The search and the nulls therefore see a sketch of the
 * target, SKETCH random +-1 combinations of its dimensions, which keeps Frobenius norms in
 * expectation; targets of up to SKETCH dimensions are used as they are. The reported r2_heldout is
 * computed on all dimensions at the chosen lambda. A null is the same search after permuting the
 * target's rows over all groups.
 */
#include "core/heldout.h"

#include <math.h>
#include <string.h>

#include "base/mem.h"
#include "base/rng.h"
#include "core/stats.h"

#define SKETCH 64
#define CHUNK 256 /* columns of the target at a time */

static const double grid_low = 1e-4; /* relative to the mean eigenvalue */
static const int grid_steps = 13;    /* half decades up to 1e2 */

/* ---- leave one group out -------------------------------------------------------------------- */

/* Works on any number of target columns at a time. blocks: I - 11^T/n - H_GG of every group, one
 * after the other, for the lambda last set. */
typedef struct bench {
    const heldout_data *d;
    double *blocks, *left, *right, *block;
    double *scaled, *errors; /* (n, columns) */
} bench;

static void bench_free(bench *b)
{
    mem_free(b->errors);
    mem_free(b->scaled);
    mem_free(b->block);
    mem_free(b->right);
    mem_free(b->left);
    mem_free(b->blocks);
}

static persona_code bench_make(bench *b, const heldout_data *d, size_t columns, persona_err *e)
{
    const size_t n = d->n, size = sizeof(double);
    size_t total = 0;
    *b = (bench){.d = d};
    for (size_t k = 0; k < d->n_groups; k++)
        total += (d->start[k + 1] - d->start[k]) * (d->start[k + 1] - d->start[k]);
    b->blocks = mem_calloc(total, size);
    b->block = mem_calloc(d->largest * d->largest, size);
    b->left = mem_calloc(d->largest, n * size);
    b->right = mem_calloc(d->largest, n * size);
    b->scaled = mem_calloc(n, columns * size);
    b->errors = mem_calloc(n, columns * size);
    if (!b->blocks || !b->block || !b->left || !b->right || !b->scaled || !b->errors)
        return mem_err(e, "the held-out errors of a map");
    return PERSONA_OK;
}

/* I - H_GG = U_G diag(lambda / (w + lambda)) U_G^T: no cancellation, unlike the difference. */
static void bench_lambda(bench *b, double lambda)
{
    const heldout_data *d = b->d;
    const size_t n = d->n;
    double *block = b->blocks;
    for (size_t k = 0; k < d->n_groups; k++) {
        const size_t first = d->start[k], size = d->start[k + 1] - first;
        for (size_t i = 0; i < size; i++) {
            const double *row = d->u + (first + i) * n;
            for (size_t j = 0; j < n; j++) {
                b->left[i * n + j] = row[j] * lambda / (d->w[j] + lambda);
                b->right[j * size + i] = row[j];
            }
        }
        linalg_gemm(b->left, b->right, block, size, n, size);
        for (size_t i = 0; i < size * size; i++)
            block[i] -= 1 / (double)n;
        block += size * size;
    }
}

/* a: U^T Y~ (n, columns). Leaves the held-out errors (n, columns) in b->errors. */
static persona_code bench_errors(bench *b, double lambda, const double *a, size_t columns,
                                 persona_err *e)
{
    const heldout_data *d = b->d;
    const double *block = b->blocks;
    for (size_t i = 0; i < d->n; i++)
        for (size_t j = 0; j < columns; j++)
            b->scaled[i * columns + j] = a[i * columns + j] * lambda / (d->w[i] + lambda);
    linalg_gemm(d->u, b->scaled, b->errors, d->n, d->n, columns);
    for (size_t k = 0; k < d->n_groups; k++) {
        const size_t first = d->start[k], size = d->start[k + 1] - first;
        memcpy(b->block, block, size * size * sizeof *block);
        persona_code rc =
            linalg_solve_spd(b->block, size, 0, b->errors + first * columns, columns, e);
        if (rc != PERSONA_OK)
            return rc;
        block += size * size;
    }
    return PERSONA_OK;
}

/* Sum of squares of columns [first, first + count) of a (n, columns). */
static double squares(const double *a, size_t n, size_t columns, size_t first, size_t count)
{
    double sum = 0;
    for (size_t i = 0; i < n; i++)
        for (size_t j = first; j < first + count; j++)
            sum += a[i * columns + j] * a[i * columns + j];
    return sum;
}

/* a (n, columns) = U^T y; y (n, columns). work: (2 n columns), for U stands only untransposed. */
static void to_eigenbasis(const double *u, const double *y, size_t n, size_t columns, double *work,
                          double *a)
{
    double *y_t = work, *a_t = work + n * columns;
    for (size_t i = 0; i < n; i++)
        for (size_t j = 0; j < columns; j++)
            y_t[j * n + i] = y[i * columns + j];
    linalg_gemm(y_t, u, a_t, columns, n, n);
    for (size_t i = 0; i < n; i++)
        for (size_t j = 0; j < columns; j++)
            a[i * columns + j] = a_t[j * n + i];
}

/* ---- choosing lambda ------------------------------------------------------------------------ */

/* The target as the search sees it: (n, width), the real pairing first, then the shuffled ones. */
typedef struct search {
    size_t n, width, n_sets, columns; /* columns = width * n_sets */
    double *a;                        /* (n, columns) in the eigenbasis */
    double total;                     /* squares of one set; shuffling keeps it */
} search;

static void sketch_target(const heldout_data *d, size_t width, uint32_t seed, double *out)
{
    rng r;
    rng_seed(&r, seed, 1);
    memset(out, 0, d->n * width * sizeof *out);
    for (size_t j = 0; j < d->dt; j++) {
        if (d->dt <= SKETCH) {
            for (size_t i = 0; i < d->n; i++)
                out[i * width + j] = (double)d->y[i * d->dt + j];
            continue;
        }
        double sign[SKETCH];
        for (size_t k = 0; k < width; k++)
            sign[k] = rng_u32(&r) >> 31 ? 1 : -1;
        for (size_t i = 0; i < d->n; i++)
            for (size_t k = 0; k < width; k++)
                out[i * width + k] += sign[k] * (double)d->y[i * d->dt + j];
    }
}

static persona_code search_make(search *s, const heldout_data *d, const ridge_opts *o,
                                persona_err *e)
{
    persona_code rc = PERSONA_OK;
    const size_t n = d->n, width = d->dt < SKETCH ? d->dt : SKETCH;
    const size_t n_sets = 1 + (size_t)o->n_shuffles, columns = width * n_sets;
    rng r;
    *s = (search){.n = n, .width = width, .n_sets = n_sets, .columns = columns};
    double *y = mem_calloc(n, width * sizeof *y), *all = mem_calloc(n, columns * sizeof *all);
    double *work = mem_calloc(n, 2 * columns * sizeof *work);
    size_t *pairing = mem_calloc(n, sizeof *pairing);
    s->a = mem_calloc(n, columns * sizeof *s->a);
    if (!y || !all || !work || !pairing || !s->a) {
        rc = mem_err(e, "the search of a map");
        goto out;
    }
    sketch_target(d, width, o->seed, y);
    s->total = squares(y, n, width, 0, width);
    for (size_t i = 0; i < n; i++)
        pairing[i] = i;
    rng_seed(&r, o->seed, 2);
    for (size_t set = 0; set < n_sets; set++) {
        if (set > 0)
            rng_shuffle(&r, pairing, n);
        for (size_t i = 0; i < n; i++)
            memcpy(all + i * columns + set * width, y + pairing[i] * width, width * sizeof *y);
    }
    to_eigenbasis(d->u, all, n, columns, work, s->a);
out:
    mem_free(pairing);
    mem_free(work);
    mem_free(all);
    mem_free(y);
    return rc;
}

/* best: (n_sets) the highest R2 over the grid; *lambda (relative) is where the real pairing has
 * its. */
static persona_code search_run(const search *s, bench *h, double mean_eigenvalue, double fixed,
                               double *best, double *lambda, persona_err *e)
{
    const int steps = fixed > 0 ? 1 : grid_steps;
    bool any = false;
    for (size_t set = 0; set < s->n_sets; set++)
        best[set] = -(double)INFINITY;
    for (int step = 0; step < steps; step++) {
        const double relative = fixed > 0 ? fixed : grid_low * pow(10, 0.5 * step);
        const double absolute = relative * mean_eigenvalue;
        bench_lambda(h, absolute);
        persona_code rc = bench_errors(h, absolute, s->a, s->columns, e);
        /* Too small a lambda for these data is not a failure of the search. */
        if (rc == PERSONA_E_NUMERIC)
            continue;
        if (rc != PERSONA_OK)
            return rc;
        any = true;
        for (size_t set = 0; set < s->n_sets; set++) {
            const double left = squares(h->errors, s->n, s->columns, set * s->width, s->width);
            const double r2 = 1 - left / s->total;
            if (!(r2 > best[set]))
                continue;
            best[set] = r2;
            if (set == 0)
                *lambda = relative;
        }
    }
    if (!any)
        return PERSONA_E_NUMERIC; /* the message of the last step stands */
    if (e)
        *e = (persona_err){0};
    return PERSONA_OK;
}

/* R2 over all dimensions of the target, for the lambda of the map. */
static persona_code exact_r2(const heldout_data *d, bench *h, double lambda, double *r2,
                             persona_err *e)
{
    persona_code rc = PERSONA_OK;
    const size_t n = d->n;
    double left = 0, total = 0;
    double *y = mem_calloc(n, CHUNK * sizeof *y), *a = mem_calloc(n, CHUNK * sizeof *a);
    double *work = mem_calloc(n, (size_t)2 * CHUNK * sizeof *work);
    if (!y || !a || !work) {
        rc = mem_err(e, "a map");
        goto out;
    }
    bench_lambda(h, lambda);
    for (size_t first = 0; first < d->dt; first += CHUNK) {
        const size_t count = d->dt - first < CHUNK ? d->dt - first : CHUNK;
        for (size_t i = 0; i < n; i++)
            for (size_t j = 0; j < count; j++)
                y[i * count + j] = (double)d->y[i * d->dt + first + j];
        to_eigenbasis(d->u, y, n, count, work, a);
        rc = bench_errors(h, lambda, a, count, e);
        if (rc != PERSONA_OK)
            goto out;
        total += squares(y, n, count, 0, count);
        left += squares(h->errors, n, count, 0, count);
    }
    *r2 = 1 - left / total;
out:
    mem_free(work);
    mem_free(a);
    mem_free(y);
    return rc;
}

persona_code heldout_choose(const heldout_data *d, const ridge_opts *o, double *lambda,
                            ridge_report *rep, persona_err *e)
{
    search s = {0};
    bench h = {0};
    double trace = 0;
    double *best = mem_calloc(1 + (size_t)o->n_shuffles, sizeof *best);
    persona_code rc = best ? search_make(&s, d, o, e) : mem_err(e, "a map");
    if (rc != PERSONA_OK)
        goto out;
    rc = bench_make(&h, d, s.columns > CHUNK ? s.columns : CHUNK, e);
    if (rc != PERSONA_OK)
        goto out;
    for (size_t i = 0; i < d->n; i++)
        trace += d->w[i];
    const double mean = trace / (double)d->n;
    rc = search_run(&s, &h, mean, o->lambda, best, &rep->lambda, e);
    if (rc != PERSONA_OK)
        goto out;
    *lambda = rep->lambda * mean;
    rc = exact_r2(d, &h, *lambda, &rep->r2_heldout, e);
    rep->r2_shuffled = stat_mean(best + 1, s.n_sets - 1);
    rep->r2_shuffled_max = (double)NAN;
    for (size_t i = 1; i < s.n_sets; i++)
        rep->r2_shuffled_max = fmax(rep->r2_shuffled_max, best[i]); /* fmax skips NAN */
out:
    bench_free(&h);
    mem_free(s.a);
    mem_free(best);
    return rc;
}
