/* SPDX-License-Identifier: MIT
 *
 * maprows.c - groups, centering and scales of paired rows.
 *
 * Scaling: each dimension is divided by its sd over rows, so that no dimension, massive or not,
 * weighs more than another; the gain 1/sd is capped at its 99.5 percentile over dimensions, so
 * that a nearly dead one is not blown up, and a constant one is left as it is. Values are not
 * clipped: that would leave the map linear in v but not the fit in X. Differences are scaled by
 * their root mean square instead.
 */
#include "core/map/maprows.h"

#include <math.h>
#include <string.h>

#include "base/mem.h"
#include "base/try.h"
#include "core/measure/stats.h"

#define GAIN_CAP 0.995
#define SPAN_LEAST 1e-6 /* of a mean row's square */

void map_groups_free(map_groups *g)
{
    mem_free(g->start);
    mem_free(g->place);
    mem_free(g->order);
}

/* Counting sort. */
persona_code map_groups_make(map_groups *g, const size_t *group, size_t n, size_t n_groups,
                             persona_err *e)
{
    size_t *next = mem_calloc(n_groups, sizeof *next);
    size_t at = 0;
    *g = (map_groups){.order = mem_calloc(n, sizeof *g->order),
                      .place = mem_calloc(n, sizeof *g->place),
                      .start = mem_calloc(n_groups + 1, sizeof *g->start)};
    if (!next || !g->order || !g->place || !g->start) {
        mem_free(next);
        return mem_err(e, "the groups of a map");
    }
    for (size_t i = 0; i < n; i++) {
        next[group[i]]++;
    }
    for (size_t k = 0; k < n_groups; k++) {
        const size_t count = next[k];
        next[k] = at;
        if (count == 0) {
            continue;
        }
        g->start[g->n_used++] = at;
        g->largest = count > g->largest ? count : g->largest;
        at += count;
    }
    g->start[g->n_used] = n;
    for (size_t i = 0; i < n; i++) {
        g->place[i] = next[group[i]]++;
        g->order[g->place[i]] = i;
    }
    mem_free(next);
    return PERSONA_OK;
}

/* ---- one side ------------------------------------------------------------------------------- */

void map_side_free(map_side *s)
{
    mem_free(s->z);
    mem_free(s->scale);
    s->z = s->scale = NULL;
}

/* scale (d): sd of every dimension of centered rows, floored; see the top of the file. */
static persona_code dimension_scales(mat z, size_t freedom, float *scale, persona_err *e)
{
    size_t live = 0;
    double *sd = mem_calloc(z.d, sizeof *sd), *sorted = mem_calloc(z.d, sizeof *sorted);
    if (!sd || !sorted) {
        mem_free(sd);
        mem_free(sorted);
        return mem_err(e, "the scales of a map");
    }
    for (size_t i = 0; i < z.n; i++) {
        for (size_t j = 0; j < z.d; j++) {
            sd[j] += (double)z.p[i * z.d + j] * (double)z.p[i * z.d + j];
        }
    }
    for (size_t j = 0; j < z.d; j++) {
        sd[j] = sqrt(sd[j] / (double)freedom);
        if (sd[j] > 0) {
            sorted[live++] = sd[j];
        }
    }
    const double least = live ? stat_quantile(sorted, live, 1 - GAIN_CAP) : 1;
    for (size_t j = 0; j < z.d; j++) {
        scale[j] = sd[j] > 0 ? (float)fmax(sd[j], least) : 1.0f;
    }
    mem_free(sorted);
    mem_free(sd);
    return isfinite(least) ? PERSONA_OK : mem_err(e, "the scales of a map");
}

static persona_code center(const map_side *s, mat x, const size_t *order, bool centered,
                           persona_err *e)
{
    double *mean = mem_calloc(s->d, sizeof *mean);
    if (!mean) {
        return mem_err(e, "the means of a map");
    }
    for (size_t i = 0; centered && i < s->n; i++) {
        for (size_t j = 0; j < s->d; j++) {
            mean[j] += (double)x.p[i * s->d + j] / (double)s->n;
        }
    }
    for (size_t i = 0; i < s->n; i++) {
        const float *row = x.p + (order ? order[i] : i) * s->d;
        for (size_t j = 0; j < s->d; j++) {
            s->z[i * s->d + j] = (float)((double)row[j] - mean[j]);
        }
    }
    mem_free(mean);
    return PERSONA_OK;
}

persona_code map_side_make(map_side *s, mat x, const size_t *order, bool centered, const char *name,
                           persona_err *e)
{
    double norms = 0;
    persona_code rc = PERSONA_OK;
    *s = (map_side){.n = x.n, .d = x.d};
    s->z = mem_calloc(x.n, x.d * sizeof *s->z);
    s->scale = mem_calloc(x.d, sizeof *s->scale);
    if (!s->z || !s->scale) {
        rc = mem_err(e, "the rows of a map");
        goto out;
    }
    TRY(center(s, x, order, centered, e));
    TRY(dimension_scales((mat){s->z, s->n, s->d}, centered ? s->n - 1 : s->n, s->scale, e));
    for (size_t i = 0; i < s->n; i++) {
        for (size_t j = 0; j < s->d; j++) {
            s->z[i * s->d + j] /= s->scale[j];
        }
        norms += vec_norm(s->z + i * s->d, s->d) / (double)s->n;
    }
    if (!(norms > 0) || !isfinite(norms)) {
        rc = persona_err_set(e, PERSONA_E_NUMERIC,
                             "map: the %s activations are the same for all %zu texts", name, s->n);
        goto out;
    }
    vec_scale(s->z, 1 / norms, s->n * s->d);
    vec_scale(s->scale, norms, s->d);
out:
    return rc;
}

map *map_new(size_t ds, size_t k, size_t dt)
{
    map *m = mem_calloc(1, sizeof *m);
    if (!m) {
        return NULL;
    }
    *m = (map){.ds = ds, .dt = dt, .k = k};
    m->left = mem_calloc(k, ds * sizeof *m->left);
    m->right = mem_calloc(k, dt * sizeof *m->right);
    if (m->left && m->right) {
        return m;
    }
    map_free(m);
    return NULL;
}

/* ---- how many directions -------------------------------------------------------------------- */

size_t map_rows_span(mat x, size_t most, persona_err *e)
{
    map_side s;
    persona_err ignored;
    size_t n = 0;
    double *left = mem_calloc(x.n, sizeof *left);
    const persona_code rc = left ? map_side_make(&s, x, NULL, true, "", &ignored) : PERSONA_E_NOMEM;
    if (rc == PERSONA_E_NOMEM) {
        (void)mem_err(e, "the rows of a map");
    }
    for (size_t i = 0; rc == PERSONA_OK && i < x.n; i++) {
        left[i] = vec_dot(s.z + i * x.d, s.z + i * x.d, x.d);
    }
    while (rc == PERSONA_OK && n < most) {
        size_t top = 0;
        for (size_t i = 1; i < x.n; i++) {
            top = left[i] > left[top] ? i : top;
        }
        float *q = s.z + top * x.d;
        if (!(left[top] > SPAN_LEAST)) {
            break;
        }
        n++;
        vec_scale(q, 1 / vec_norm(q, x.d), x.d);
        for (size_t i = 0; i < x.n; i++) {
            float *row = s.z + i * x.d;
            if (i == top) {
                continue;
            }
            vec_axpy(row, -vec_dot(row, q, x.d), q, x.d);
            left[i] = vec_dot(row, row, x.d);
        }
        memset(q, 0, x.d * sizeof *q);
        left[top] = 0;
    }
    if (left) {
        map_side_free(&s);
    }
    mem_free(left);
    return n;
}
