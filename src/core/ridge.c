/* SPDX-License-Identifier: MIT
 *
 * ridge.c - dual ridge regression between two activation spaces (methods 5.3).
 *
 * Everything is done in the eigenbasis of K = X~ X~^T = U diag(w) U^T, found once: any lambda and
 * any target then cost products with U alone. Rows are kept sorted by group, so that the block of a
 * group is contiguous; choosing lambda and the honest error are heldout.c.
 *
 * Scaling: each dimension is divided by its sd over texts, so that no dimension, massive or not,
 * weighs more than another; the gain 1/sd is capped at its 99.5 percentile over dimensions, so that
 * a nearly dead one is not blown up, and a constant one is left as it is. Values are not clipped:
 * that would leave the map linear in v but not the fit in X.
 *
 * Cost: n^3 for U. Memory: n^2 doubles for as long as the map lives.
 */
#include "core/ridge.h"

#include <math.h>
#include <string.h>

#include "base/mem.h"
#include "core/heldout.h"
#include "core/stats.h"

#define MIN_TEXTS 8
#define MAX_TEXTS 16384
#define GAIN_CAP 0.995

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

/* order: (n) row numbers sorted by group. start: (n_used + 1) first row of each group that has
 * any. */
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

/* The source side: rows, scales and the eigenbasis of their Gram matrix. */
static persona_code source_basis(ridge_map *m, mat x, const size_t *order, const ridge_opts *o,
                                 persona_err *e)
{
    const ridge_map *like = o->like;
    persona_code rc;
    if (like) {
        if (like->n != m->n || like->ds != m->ds)
            return persona_err_set(
                e, PERSONA_E_SHAPE,
                "map: %zu texts of width %zu, the map to take over has %zu of %zu", m->n, m->ds,
                like->n, like->ds);
        memcpy(m->x, like->x, m->n * m->ds * sizeof *m->x);
        memcpy(m->sx, like->sx, m->ds * sizeof *m->sx);
        memcpy(m->u, like->u, m->n * m->n * sizeof *m->u);
        memcpy(m->w, like->w, m->n * sizeof *m->w);
        return PERSONA_OK;
    }
    if ((rc = prepare(x, order, o->robust_scale, "source", m->x, m->sx, e)) ||
        (rc = linalg_gram((mat){m->x, m->n, m->ds}, m->u, e)) ||
        (rc = linalg_eigh(m->u, m->n, m->w, e)))
        return rc;
    for (size_t i = 0; i < m->n; i++) /* K is a Gram matrix: below zero is rounding */
        m->w[i] = fmax(m->w[i], 0);
    return PERSONA_OK;
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
    if ((rc = source_basis(m, x, g.order, o, e)) ||
        (rc = prepare(y, g.order, o->robust_scale, "target", m->y, m->sy, e)))
        goto out;
    const heldout_data data = {m->n, m->dt, m->u, m->w, m->y, g.start, g.n_used, g.largest};
    rc = heldout_choose(&data, o, &m->lambda, &report, e);
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
