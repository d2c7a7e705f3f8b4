/* SPDX-License-Identifier: MIT
 *
 * ridge.c - dual ridge regression between two activation spaces (methods 5.3).
 *
 * Everything is done in the eigenbasis of K = X~ X~^T = U diag(w) U^T, found once: any lambda, any
 * target and any shuffling of the target then costs two products with U. Rows are kept sorted by
 * group, so that the block of a group is contiguous. With H = K (K + lambda I)^-1 and
 * R = Y~ - H Y~ = U diag(lambda / (w + lambda)) U^T Y~, what a fit without group G would leave on G is
 *     e_G = (I - H_GG)^-1 R_G          (closed form; exact for centred data taken as fixed)
 * The means and scales come from all rows and are treated as fixed: a refit without G would move them
 * by the order of |G|/n, and an honest shuffled null, which shares them, is printed beside the value.
 *
 * Scaling: each dimension is divided by its sd over texts, so that no dimension, massive or not,
 * weighs more than another; the gain 1/sd is capped at its 99.5 percentile over dimensions, so that a
 * nearly dead one is not blown up, and a constant one is left as it is. Values are not clipped: that
 * would leave the map linear in v but not the fit in X.
 *
 * Cost: n^3 for U, then n^2 per column, lambda and shuffle. The search and the nulls therefore see a
 * sketch of the target, SKETCH random +-1 combinations of its dimensions, which keeps Frobenius norms
 * in expectation; targets of up to SKETCH dimensions are used as they are. The reported r2_heldout is
 * computed on all dimensions at the chosen lambda. Memory: 2 n^2 doubles, and n doubles per column.
 */
#include "core/ridge.h"

#include <math.h>
#include <string.h>

#include "base/mem.h"
#include "base/rng.h"
#include "core/stats.h"

#define SKETCH 64
#define CHUNK 256 /* columns of the target at a time */
#define MIN_TEXTS 8
#define MAX_TEXTS 16384
#define GAIN_CAP 0.995

static const double grid_low = 1e-4;
static const int grid_steps = 13; /* half decades up to 1e2 */

struct ridge_map {
    size_t n, ds, dt;
    float *x, *y;   /* (n, ds), (n, dt): centred and scaled, sorted by group */
    float *sx, *sy; /* (ds), (dt): what each dimension was divided by */
    double *u, *w;  /* (n, n) eigenvectors in columns, (n) eigenvalues */
    double lambda;  /* absolute */
};

ridge_opts ridge_defaults(void)
{
    return (ridge_opts){.lambda = 0, .robust_scale = true, .n_shuffles = 20, .seed = 0};
}

void ridge_free(ridge_map *m)
{
    if (!m)
        return;
    mem_free(m->w);
    mem_free(m->u);
    mem_free(m->sy);
    mem_free(m->sx);
    mem_free(m->y);
    mem_free(m->x);
    mem_free(m);
}

/* ---- groups --------------------------------------------------------------------------------- */

/* order: (n) row numbers sorted by group. start: (n_used + 1) first row of each group that has any. */
typedef struct grouping {
    size_t *order, *start;
    size_t n_used, largest;
} grouping;

static void grouping_free(grouping *g)
{
    mem_free(g->start);
    mem_free(g->order);
}

/* Counting sort. */
static persona_code grouping_make(grouping *g, const size_t *group, size_t n, size_t n_groups,
                                  persona_err *e)
{
    size_t *place = mem_calloc(n_groups, sizeof *place);
    size_t at = 0;
    g->order = mem_calloc(n, sizeof *g->order);
    g->start = mem_calloc(n_groups + 1, sizeof *g->start);
    if (!place || !g->order || !g->start) {
        mem_free(place);
        return mem_err(e, "the groups of a map");
    }
    for (size_t i = 0; i < n; i++)
        place[group[i]]++;
    for (size_t k = 0; k < n_groups; k++) {
        const size_t count = place[k];
        place[k] = at;
        if (count == 0)
            continue;
        g->start[g->n_used++] = at;
        g->largest = count > g->largest ? count : g->largest;
        at += count;
    }
    g->start[g->n_used] = n;
    for (size_t i = 0; i < n; i++)
        g->order[place[group[i]]++] = i;
    mem_free(place);
    return PERSONA_OK;
}

/* ---- preparing one side --------------------------------------------------------------------- */

/* scale (d) gets the sd of every dimension, or 1 for all; see the top of the file. */
static persona_code dimension_scales(mat x, bool robust, float *scale, persona_err *e)
{
    size_t live = 0;
    double *sd = mem_calloc(x.d, sizeof *sd), *sorted = mem_calloc(x.d, sizeof *sorted);
    if (!sd || !sorted) {
        mem_free(sd);
        mem_free(sorted);
        return mem_err(e, "the scales of a map");
    }
    for (size_t i = 0; i < x.n; i++)
        for (size_t j = 0; j < x.d; j++)
            sd[j] += (double)x.p[i * x.d + j] * (double)x.p[i * x.d + j];
    for (size_t j = 0; j < x.d; j++) {
        sd[j] = sqrt(sd[j] / (double)(x.n - 1));
        if (sd[j] > 0)
            sorted[live++] = sd[j];
    }
    const double least = live ? stat_quantile(sorted, live, 1 - GAIN_CAP) : 1;
    for (size_t j = 0; j < x.d; j++) {
        const double s = sd[j] > 0 ? fmax(sd[j], least) : 1;
        scale[j] = robust ? (float)s : 1.0f;
    }
    mem_free(sorted);
    mem_free(sd);
    return isfinite(least) ? PERSONA_OK : mem_err(e, "the scales of a map");
}

/* out (n, d) and scale (d): rows in the order given, centred, scaled, of mean norm 1. */
static persona_code prepare(mat in, const size_t *order, bool robust, const char *side, float *out,
                            float *scale, persona_err *e)
{
    persona_code rc = PERSONA_OK;
    const mat x = {out, in.n, in.d};
    double norms = 0;
    double *mean = mem_calloc(in.d, sizeof *mean);
    if (!mean)
        return mem_err(e, "the means of a map");
    for (size_t i = 0; i < in.n; i++)
        for (size_t j = 0; j < in.d; j++)
            mean[j] += (double)in.p[i * in.d + j] / (double)in.n;
    for (size_t i = 0; i < in.n; i++)
        for (size_t j = 0; j < in.d; j++)
            out[i * in.d + j] = (float)((double)in.p[order[i] * in.d + j] - mean[j]);
    rc = dimension_scales(x, robust, scale, e);
    if (rc != PERSONA_OK)
        goto out;
    for (size_t i = 0; i < in.n; i++) {
        for (size_t j = 0; j < in.d; j++)
            out[i * in.d + j] /= scale[j];
        norms += vec_norm(out + i * in.d, in.d) / (double)in.n;
    }
    if (!(norms > 0) || !isfinite(norms)) {
        rc = persona_err_set(e, PERSONA_E_NUMERIC,
                             "map: the %s activations are the same for all %zu texts", side, in.n);
        goto out;
    }
    for (size_t i = 0; i < in.n; i++)
        vec_scale(out + i * in.d, 1 / norms, in.d);
    vec_scale(scale, norms, in.d);
out:
    mem_free(mean);
    return rc;
}

/* ---- leave one group out -------------------------------------------------------------------- */

/* Works on any number of target columns at a time. blocks: I - H_GG of every group, one after the
 * other, for the lambda last set. */
typedef struct heldout {
    const double *u, *w; /* of the map */
    size_t n;
    const grouping *groups;
    double *blocks, *left, *right, *block;
    double *scaled, *errors; /* (n, columns) */
} heldout;

static void heldout_free(heldout *h)
{
    mem_free(h->errors);
    mem_free(h->scaled);
    mem_free(h->block);
    mem_free(h->right);
    mem_free(h->left);
    mem_free(h->blocks);
}

static persona_code heldout_make(heldout *h, const ridge_map *m, const grouping *g, size_t columns,
                                 persona_err *e)
{
    size_t total = 0;
    *h = (heldout){.u = m->u, .w = m->w, .n = m->n, .groups = g};
    for (size_t k = 0; k < g->n_used; k++)
        total += (g->start[k + 1] - g->start[k]) * (g->start[k + 1] - g->start[k]);
    h->blocks = mem_calloc(total, sizeof(double));
    h->block = mem_calloc(g->largest * g->largest, sizeof(double));
    h->left = mem_calloc(g->largest, m->n * sizeof(double));
    h->right = mem_calloc(g->largest, m->n * sizeof(double));
    h->scaled = mem_calloc(m->n, columns * sizeof(double));
    h->errors = mem_calloc(m->n, columns * sizeof(double));
    if (!h->blocks || !h->block || !h->left || !h->right || !h->scaled || !h->errors)
        return mem_err(e, "a map");
    return PERSONA_OK;
}

/* I - H_GG = U_G diag(lambda / (w + lambda)) U_G^T: no cancellation, unlike the difference. */
static void heldout_lambda(heldout *h, double lambda)
{
    const size_t n = h->n;
    double *block = h->blocks;
    for (size_t k = 0; k < h->groups->n_used; k++) {
        const size_t first = h->groups->start[k], size = h->groups->start[k + 1] - first;
        for (size_t i = 0; i < size; i++) {
            const double *row = h->u + (first + i) * n;
            for (size_t j = 0; j < n; j++) {
                h->left[i * n + j] = row[j] * lambda / (h->w[j] + lambda);
                h->right[j * size + i] = row[j];
            }
        }
        linalg_gemm(h->left, h->right, block, size, n, size);
        block += size * size;
    }
}

/* a: U^T Y~ (n, columns). Leaves the held-out errors (n, columns) in h->errors. */
static persona_code heldout_errors(heldout *h, double lambda, const double *a, size_t columns,
                                   persona_err *e)
{
    const double *block = h->blocks;
    for (size_t i = 0; i < h->n; i++)
        for (size_t j = 0; j < columns; j++)
            h->scaled[i * columns + j] = a[i * columns + j] * lambda / (h->w[i] + lambda);
    linalg_gemm(h->u, h->scaled, h->errors, h->n, h->n, columns);
    for (size_t k = 0; k < h->groups->n_used; k++) {
        const size_t first = h->groups->start[k], size = h->groups->start[k + 1] - first;
        memcpy(h->block, block, size * size * sizeof *block);
        persona_code rc =
            linalg_solve_spd(h->block, size, 0, h->errors + first * columns, columns, e);
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

static void sketch_target(const ridge_map *m, size_t width, uint32_t seed, double *out)
{
    rng r;
    rng_seed(&r, seed, 1);
    memset(out, 0, m->n * width * sizeof *out);
    for (size_t j = 0; j < m->dt; j++) {
        if (m->dt <= SKETCH) {
            for (size_t i = 0; i < m->n; i++)
                out[i * width + j] = (double)m->y[i * m->dt + j];
            continue;
        }
        double sign[SKETCH];
        for (size_t k = 0; k < width; k++)
            sign[k] = rng_u32(&r) >> 31 ? 1 : -1;
        for (size_t i = 0; i < m->n; i++)
            for (size_t k = 0; k < width; k++)
                out[i * width + k] += sign[k] * (double)m->y[i * m->dt + j];
    }
}

static persona_code search_make(search *s, const ridge_map *m, const ridge_opts *o, persona_err *e)
{
    persona_code rc = PERSONA_OK;
    const size_t n = m->n, width = m->dt < SKETCH ? m->dt : SKETCH;
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
    sketch_target(m, width, o->seed, y);
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
    to_eigenbasis(m->u, all, n, columns, work, s->a);
out:
    mem_free(pairing);
    mem_free(work);
    mem_free(all);
    mem_free(y);
    return rc;
}

/* best: (n_sets) the highest R2 over the grid; *lambda (relative) is where the real pairing has its. */
static persona_code search_run(const search *s, heldout *h, double mean_eigenvalue, double fixed,
                               double *best, double *lambda, persona_err *e)
{
    const int steps = fixed > 0 ? 1 : grid_steps;
    bool any = false;
    for (size_t set = 0; set < s->n_sets; set++)
        best[set] = -(double)INFINITY;
    for (int step = 0; step < steps; step++) {
        const double relative = fixed > 0 ? fixed : grid_low * pow(10, 0.5 * step);
        const double absolute = relative * mean_eigenvalue;
        heldout_lambda(h, absolute);
        persona_code rc = heldout_errors(h, absolute, s->a, s->columns, e);
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
static persona_code exact_r2(const ridge_map *m, heldout *h, double *r2, persona_err *e)
{
    persona_code rc = PERSONA_OK;
    const size_t n = m->n;
    double left = 0, total = 0;
    double *y = mem_calloc(n, CHUNK * sizeof *y), *a = mem_calloc(n, CHUNK * sizeof *a);
    double *work = mem_calloc(n, 2 * CHUNK * sizeof *work);
    if (!y || !a || !work) {
        rc = mem_err(e, "a map");
        goto out;
    }
    heldout_lambda(h, m->lambda);
    for (size_t first = 0; first < m->dt; first += CHUNK) {
        const size_t count = m->dt - first < CHUNK ? m->dt - first : CHUNK;
        for (size_t i = 0; i < n; i++)
            for (size_t j = 0; j < count; j++)
                y[i * count + j] = (double)m->y[i * m->dt + first + j];
        to_eigenbasis(m->u, y, n, count, work, a);
        rc = heldout_errors(h, m->lambda, a, count, e);
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

static persona_code choose(ridge_map *m, const grouping *g, const ridge_opts *o, ridge_report *rep,
                           persona_err *e)
{
    search s = {0};
    heldout h = {0};
    double trace = 0;
    double *best = mem_calloc(1 + (size_t)o->n_shuffles, sizeof *best);
    persona_code rc = best ? search_make(&s, m, o, e) : mem_err(e, "a map");
    if (rc != PERSONA_OK)
        goto out;
    rc = heldout_make(&h, m, g, s.columns > CHUNK ? s.columns : CHUNK, e);
    if (rc != PERSONA_OK)
        goto out;
    for (size_t i = 0; i < m->n; i++)
        trace += m->w[i];
    const double mean = trace / (double)m->n;
    rc = search_run(&s, &h, mean, o->lambda, best, &rep->lambda, e);
    if (rc != PERSONA_OK)
        goto out;
    m->lambda = rep->lambda * mean;
    rc = exact_r2(m, &h, &rep->r2_heldout, e);
    rep->r2_shuffled = stat_mean(best + 1, s.n_sets - 1);
    rep->r2_shuffled_max = (double)NAN;
    for (size_t i = 1; i < s.n_sets; i++)
        rep->r2_shuffled_max = fmax(rep->r2_shuffled_max, best[i]); /* fmax skips NAN */
out:
    heldout_free(&h);
    mem_free(s.a);
    mem_free(best);
    return rc;
}

/* ---- fitting and applying ------------------------------------------------------------------- */

static persona_code check(mat x, mat y, const size_t *group, size_t n_groups, const ridge_opts *o,
                          persona_err *e)
{
    size_t bad = 0;
    if (x.n != y.n)
        return persona_err_set(e, PERSONA_E_SHAPE, "map: %zu source rows and %zu target rows", x.n,
                               y.n);
    if (x.n < MIN_TEXTS || x.n > MAX_TEXTS || x.d == 0 || y.d == 0)
        return persona_err_set(e, PERSONA_E_SHAPE,
                               "map: %zu texts of widths %zu and %zu (expected %d to %d texts)",
                               x.n, x.d, y.d, MIN_TEXTS, MAX_TEXTS);
    if (n_groups < 2 || o->n_shuffles < 0 || o->n_shuffles > 1000)
        return persona_err_set(e, PERSONA_E_SHAPE,
                               "map: %zu groups (expected at least 2), %d shuffles (0 to 1000)",
                               n_groups, o->n_shuffles);
    for (size_t i = 0; i < x.n; i++)
        if (group[i] >= n_groups)
            return persona_err_set(e, PERSONA_E_SHAPE, "map: text %zu is in group %zu of %zu", i,
                                   group[i], n_groups);
    if (!vec_finite(x.p, x.n * x.d, &bad))
        return persona_err_set(e, PERSONA_E_NUMERIC, "map: source row %zu, value %zu is not finite",
                               bad / x.d, bad % x.d);
    if (!vec_finite(y.p, y.n * y.d, &bad))
        return persona_err_set(e, PERSONA_E_NUMERIC, "map: target row %zu, value %zu is not finite",
                               bad / y.d, bad % y.d);
    return PERSONA_OK;
}

static ridge_map *map_new(size_t n, size_t ds, size_t dt)
{
    ridge_map *m = mem_calloc(1, sizeof *m);
    if (!m)
        return NULL;
    m->n = n;
    m->ds = ds;
    m->dt = dt;
    m->x = mem_calloc(n, ds * sizeof *m->x);
    m->y = mem_calloc(n, dt * sizeof *m->y);
    m->sx = mem_calloc(ds, sizeof *m->sx);
    m->sy = mem_calloc(dt, sizeof *m->sy);
    m->u = mem_calloc(n, n * sizeof *m->u);
    m->w = mem_calloc(n, sizeof *m->w);
    if (m->x && m->y && m->sx && m->sy && m->u && m->w)
        return m;
    ridge_free(m);
    return NULL;
}

persona_code ridge_fit(mat x, mat y, const size_t *group, size_t n_groups, const ridge_opts *o,
                       ridge_map **out, ridge_report *rep, persona_err *e)
{
    ridge_map *m = NULL;
    grouping g = {0};
    ridge_report report = {.n = x.n, .ds = x.d, .dt = y.d};
    *out = NULL;
    persona_code rc = check(x, y, group, n_groups, o, e);
    if (rc != PERSONA_OK || (rc = grouping_make(&g, group, x.n, n_groups, e)))
        goto out;
    report.n_groups = g.n_used;
    if (g.n_used < 2) {
        rc = persona_err_set(e, PERSONA_E_SHAPE, "map: all texts are in one group (expected 2)");
        goto out;
    }
    m = map_new(x.n, x.d, y.d);
    if (!m) {
        rc = mem_err(e, "a map");
        goto out;
    }
    if ((rc = prepare(x, g.order, o->robust_scale, "source", m->x, m->sx, e)) ||
        (rc = prepare(y, g.order, o->robust_scale, "target", m->y, m->sy, e)) ||
        (rc = linalg_gram((mat){m->x, m->n, m->ds}, m->u, e)) ||
        (rc = linalg_eigh(m->u, m->n, m->w, e)))
        goto out;
    for (size_t i = 0; i < m->n; i++) /* K is a Gram matrix: below zero is rounding */
        m->w[i] = fmax(m->w[i], 0);
    rc = choose(m, &g, o, &report, e);
    if (rc != PERSONA_OK)
        goto out;
    if (rep)
        *rep = report;
    *out = m;
    m = NULL;
out:
    ridge_free(m);
    grouping_free(&g);
    return rc;
}

/* v_t = s_y * Y~^T U diag(1 / (w + lambda)) U^T X~ (v / s_x). */
persona_code ridge_apply(const ridge_map *m, const float *v, float *out, persona_err *e)
{
    persona_code rc = PERSONA_OK;
    const size_t n = m->n;
    size_t bad = 0;
    float *scaled = mem_calloc(m->ds, sizeof *scaled);
    double *b = mem_calloc(n, sizeof *b), *a = mem_calloc(n, sizeof *a);
    if (!scaled || !b || !a) {
        rc = mem_err(e, "a mapped vector");
        goto out;
    }
    if (!vec_finite(v, m->ds, &bad)) {
        rc = persona_err_set(e, PERSONA_E_NUMERIC, "map: value %zu of the vector is not finite",
                             bad);
        goto out;
    }
    for (size_t j = 0; j < m->ds; j++)
        scaled[j] = v[j] / m->sx[j];
    linalg_mul((mat){m->x, n, m->ds}, scaled, b);
    linalg_gemm(b, m->u, a, 1, n, n);
    for (size_t i = 0; i < n; i++)
        a[i] /= m->w[i] + m->lambda;
    linalg_gemm(m->u, a, b, n, n, 1);
    linalg_tmul((mat){m->y, n, m->dt}, b, out);
    for (size_t j = 0; j < m->dt; j++)
        out[j] *= m->sy[j];
out:
    mem_free(a);
    mem_free(b);
    mem_free(scaled);
    return rc;
}
