/* SPDX-License-Identifier: MIT
 *
 * agreement.c - rank agreement and rank covariance over questions that are drawn again and again.
 *
 * Ranks are taken once, among all answers, so that a draw costs sums over questions and not a sort:
 * per cell and question six sums are enough for every mean, variance and covariance.
 */
#include "core/measure/agreement.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/rng.h"
#include "base/try.h"

#define LOW 0.025
#define HIGH 0.975

typedef struct ranked {
    double value;
    size_t index;
} ranked;

static int by_value(const void *a, const void *b)
{
    const ranked *x = a, *y = b;
    return (x->value > y->value) - (x->value < y->value);
}

bool stat_ranks(const double *x, size_t n, double *out)
{
    ranked *work = mem_calloc(n, sizeof *work);
    if (!work) {
        return false;
    }
    for (size_t i = 0; i < n; i++) {
        work[i] = (ranked){x[i], i};
    }
    qsort(work, n, sizeof *work, by_value);
    for (size_t i = 0; i < n;) {
        size_t end = i + 1;
        while (end < n && work[end].value <= work[i].value) {
            end++;
        }
        for (size_t k = i; k < end; k++) {
            out[work[k].index] = (double)(i + end) / 2 / (double)n;
        }
        i = end;
    }
    mem_free(work);
    return true;
}

/* Sums over answers. */
typedef struct sums {
    double n, x, y, xx, yy, xy;
} sums;

static void sums_add(sums *to, const sums *s, double weight)
{
    to->n += weight * s->n;
    to->x += weight * s->x;
    to->y += weight * s->y;
    to->xx += weight * s->xx;
    to->yy += weight * s->yy;
    to->xy += weight * s->xy;
}

/* of[cell * n_groups + group] */
typedef struct table {
    sums *of;
    double *weight; /* (n_groups) how often a question was drawn */
    size_t *used;   /* (n_used) questions that have answers */
    size_t n_cells, n_groups, n_used;
} table;

static void table_free(table *t)
{
    mem_free(t->of);
    mem_free(t->weight);
    mem_free(t->used);
}

static persona_code table_fill(table *t, const stat_pairs *p, const double *x, const double *y,
                               persona_err *e)
{
    for (size_t i = 0; i < p->n; i++) {
        const size_t c = p->cell ? p->cell[i] : 0, g = p->group[i];
        if (g >= t->n_groups || c >= t->n_cells) {
            return persona_err_set(e, PERSONA_E_SHAPE,
                                   "agreement: group %zu of %zu, cell %zu of %zu", g, t->n_groups,
                                   c, t->n_cells);
        }
        const sums one = {1, x[i], y[i], x[i] * x[i], y[i] * y[i], x[i] * y[i]};
        sums_add(&t->of[c * t->n_groups + g], &one, 1);
    }
    for (size_t g = 0; g < t->n_groups; g++) {
        double n = 0;
        for (size_t c = 0; c < t->n_cells; c++) {
            n += t->of[c * t->n_groups + g].n;
        }
        if (n > 0) {
            t->used[t->n_used++] = g;
        }
    }
    return PERSONA_OK;
}

static persona_code table_make(table *t, const stat_pairs *p, size_t n_groups, persona_err *e)
{
    persona_code rc = PERSONA_OK;
    double *x = mem_calloc(p->n, sizeof *x), *y = mem_calloc(p->n, sizeof *y);
    *t = (table){.n_groups = n_groups, .n_cells = p->cell ? p->n_cells : 1};
    if (n_groups == 0 || t->n_cells == 0 || n_groups > SIZE_MAX / t->n_cells) {
        TRY(persona_err_set(e, PERSONA_E_SHAPE, "agreement: no groups"));
    }
    t->of = mem_calloc(t->n_cells * n_groups, sizeof *t->of);
    t->weight = mem_calloc(n_groups, sizeof *t->weight);
    t->used = mem_calloc(n_groups, sizeof *t->used);
    TRY(x && y && t->of && t->weight && t->used && stat_ranks(p->x, p->n, x) &&
                stat_ranks(p->y, p->n, y)
            ? PERSONA_OK
            : mem_err(e, "an agreement"));
    TRY(table_fill(t, p, x, y, e));
out:
    mem_free(y);
    mem_free(x);
    return rc;
}

static sums of_cell(const table *t, size_t cell)
{
    sums s = {0};
    for (size_t i = 0; i < t->n_used; i++) {
        sums_add(&s, &t->of[cell * t->n_groups + t->used[i]], t->weight[t->used[i]]);
    }
    return s;
}

/* ---- what is estimated ----------------------------------------------------------------------- */

typedef struct estimand {
    size_t high, low;
} estimand;

/* Writes up to two values. */
typedef void estimator(const table *t, const estimand *what, double *out);

/* Of ranks of 0..1: a spread this small is rounding. */
#define NO_SPREAD 1e-12

static void correlation(const table *t, const estimand *what, double *out)
{
    const sums s = of_cell(t, 0);
    const double vx = s.xx - s.x * s.x / s.n, vy = s.yy - s.y * s.y / s.n;
    (void)what;
    out[0] = (double)NAN;
    if (vx > NO_SPREAD * s.n && vy > NO_SPREAD * s.n) {
        out[0] = fmin(fmax((s.xy - s.x * s.y / s.n) / sqrt(vx * vy), -1), 1);
    }
    out[1] = out[0];
}

static void swings(const table *t, const estimand *what, double *out)
{
    double vx = 0, cov = 0, all = 0;
    for (size_t c = 0; c < t->n_cells; c++) {
        const sums s = of_cell(t, c);
        if (s.n > 0) {
            vx += s.xx - s.x * s.x / s.n;
            cov += s.xy - s.x * s.y / s.n;
            all += s.n;
        }
    }
    const sums h = of_cell(t, what->high), l = of_cell(t, what->low);
    const double beta = vx > NO_SPREAD * all ? cov / vx : 0;
    out[0] = h.y / h.n - l.y / l.n; /* 0/0: an empty cell is NAN */
    out[1] = out[0] - beta * (h.x / h.n - l.x / l.n);
}

static persona_interval limits(double value, double *draws, size_t n)
{
    size_t kept = 0;
    for (size_t i = 0; i < n; i++) {
        if (isfinite(draws[i])) {
            draws[kept++] = draws[i];
        }
    }
    return (persona_interval){value, stat_quantile(draws, kept, LOW),
                              stat_quantile(draws, kept, HIGH)};
}

static persona_code bootstrap(const stat_pairs *p, const estimand *what, estimator *f,
                              stat_draws draws, persona_interval out[2], persona_err *e)
{
    persona_code rc = PERSONA_OK;
    table t = {0};
    double *values[2] = {mem_calloc(draws.n, sizeof(double)), mem_calloc(draws.n, sizeof(double))};
    double point[2], both[2];
    rng r;
    TRY(values[0] && values[1] ? table_make(&t, p, draws.n_groups, e) : mem_err(e, "draws"));
    if (draws.n == 0 || t.n_used > UINT32_MAX) {
        TRY(persona_err_set(e, PERSONA_E_SHAPE, "agreement: %zu draws of %zu groups", draws.n,
                            t.n_used));
    }
    for (size_t i = 0; i < t.n_used; i++) {
        t.weight[t.used[i]] = 1;
    }
    f(&t, what, point);
    rng_seed(&r, draws.seed, 0);
    for (size_t d = 0; d < draws.n; d++) {
        for (size_t i = 0; i < t.n_used; i++) {
            t.weight[t.used[i]] = 0;
        }
        for (size_t i = 0; i < t.n_used; i++) {
            t.weight[t.used[rng_below(&r, (uint32_t)t.n_used)]] += 1;
        }
        f(&t, what, both);
        values[0][d] = both[0];
        values[1][d] = both[1];
    }
    out[0] = limits(point[0], values[0], draws.n);
    out[1] = limits(point[1], values[1], draws.n);
out:
    mem_free(values[0]);
    mem_free(values[1]);
    table_free(&t);
    return rc;
}

static const persona_interval none = {(double)NAN, (double)NAN, (double)NAN};

persona_code stat_bootstrap_spearman(const stat_pairs *p, stat_draws draws, persona_interval *out,
                                     persona_err *e)
{
    const stat_pairs all = {.x = p->x, .y = p->y, .group = p->group, .n = p->n};
    persona_interval both[2] = {none, none};
    *out = none;
    if (p->n < 3) {
        return PERSONA_OK;
    }
    const persona_code rc = bootstrap(&all, NULL, correlation, draws, both, e);
    *out = both[0];
    return rc;
}

persona_code stat_swing_beside(const stat_pairs *p, size_t high, size_t low, stat_draws draws,
                               stat_beside *out, persona_err *e)
{
    const estimand what = {high, low};
    persona_interval both[2] = {none, none};
    *out = (stat_beside){none, none};
    if (p->n == 0 || high >= p->n_cells || low >= p->n_cells) {
        return PERSONA_OK;
    }
    const persona_code rc = bootstrap(p, &what, swings, draws, both, e);
    *out = (stat_beside){both[0], both[1]};
    return rc;
}
