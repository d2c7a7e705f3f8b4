/* SPDX-License-Identifier: MIT
 *
 * anchors.c - a vector described by its similarities to some texts, and rebuilt from the target's
 * own activations on them (methods 5.3, d; after ACS): the dual formula on a hundred rows with a
 * cosine kernel.
 *
 * Anchors are spread over the groups, in an order that the seed gives. Their centered rows have
 * unit norm, and the target's rows are divided by the same norms, so that what is fitted does not
 * depend on them.
 */
#include <math.h>
#include <string.h>

#include "base/mem.h"
#include "base/rng.h"
#include "base/try.h"
#include "core/map/leaveout.h"
#include "core/map/mapmethods.h"

#define MIN_ANCHORS 4

/* rows (n_anchors): one of each group in turn, as long as there are any. */
static persona_code choose_rows(const map_data *d, const map_opts *o, size_t n_anchors,
                                size_t *rows, persona_err *e)
{
    map_groups g;
    size_t n = 0;
    rng r;
    persona_code rc = PERSONA_OK;
    TRY(map_groups_make(&g, d->group, d->x.n, d->n_groups, e));
    rng_seed(&r, o->seed, 4);
    for (size_t k = 0; k < g.n_used; k++) {
        rng_shuffle(&r, g.order + g.start[k], g.start[k + 1] - g.start[k]);
    }
    for (size_t round = 0; n < n_anchors && round < g.largest; round++) {
        for (size_t k = 0; n < n_anchors && k < g.n_used; k++) {
            if (g.start[k] + round < g.start[k + 1]) {
                rows[n++] = g.order[g.start[k] + round];
            }
        }
    }
out:
    map_groups_free(&g);
    return rc;
}

typedef struct anchoring {
    map_side x, y;
    size_t n, *rows, *group;
    map_groups groups;
    map_side ax, ay; /* rows of the anchors: unit norm, and divided by the same; scales unused */
    leaveout l;
} anchoring;

static void anchoring_end(anchoring *a)
{
    leaveout_end(&a->l);
    mem_free(a->ax.z);
    mem_free(a->ay.z);
    map_groups_free(&a->groups);
    mem_free(a->group);
    mem_free(a->rows);
    map_side_free(&a->y);
    map_side_free(&a->x);
}

static persona_code anchoring_begin(anchoring *a, const map_data *d, const map_opts *o,
                                    persona_err *e)
{
    const size_t half = d->x.n / 2;
    persona_code rc;
    a->n = (size_t)o->n_anchors < half ? (size_t)o->n_anchors : half;
    if (a->n < MIN_ANCHORS) {
        return persona_err_set(e, PERSONA_E_SHAPE, "map: %zu anchors of %zu texts are too few",
                               a->n, d->x.n);
    }
    if ((rc = map_side_make(&a->x, d->x, NULL, true, "source", e)) ||
        (rc = map_side_make(&a->y, d->y, NULL, true, "target", e))) {
        return rc;
    }
    a->ax = (map_side){.n = a->n, .d = d->x.d, .z = mem_calloc(a->n, d->x.d * sizeof(float))};
    a->ay = (map_side){.n = a->n, .d = d->y.d, .z = mem_calloc(a->n, d->y.d * sizeof(float))};
    a->rows = mem_calloc(a->n, sizeof *a->rows);
    a->group = mem_calloc(a->n, sizeof *a->group);
    if (!a->ax.z || !a->ay.z || !a->rows || !a->group) {
        return mem_err(e, "the anchors of a map");
    }
    if ((rc = choose_rows(d, o, a->n, a->rows, e))) {
        return rc;
    }
    for (size_t i = 0; i < a->n; i++) {
        a->group[i] = d->group[a->rows[i]];
    }
    if ((rc = map_groups_make(&a->groups, a->group, a->n, d->n_groups, e))) {
        return rc;
    }
    for (size_t i = 0; i < a->n; i++) {
        const size_t row = a->rows[a->groups.order[i]];
        const float *x = a->x.z + row * d->x.d, *y = a->y.z + row * d->y.d;
        const double norm = vec_norm(x, d->x.d);
        memcpy(a->ax.z + i * d->x.d, x, d->x.d * sizeof *x);
        memcpy(a->ay.z + i * d->y.d, y, d->y.d * sizeof *y);
        if (norm > 0) {
            vec_scale(a->ax.z + i * d->x.d, 1 / norm, d->x.d);
            vec_scale(a->ay.z + i * d->y.d, 1 / norm, d->y.d);
        }
    }
    return leaveout_begin(&a->l, a->ax.z, d->x.d, &a->groups, a->n, false, e);
}

static persona_code refit(const map_data *d, const map_opts *o, map **out, persona_err *e)
{
    anchoring a = {.n = 0};
    map *m = NULL;
    persona_code rc = PERSONA_OK;
    TRY(anchoring_begin(&a, d, o, e));
    TRY(leaveout_set(&a.l, o->lambda, e));
    m = map_new(d->x.d, a.n, d->y.d);
    TRY(m ? PERSONA_OK : mem_err(e, "a map"));
    TRY(leaveout_solve(&a.l, a.ay.z, d->y.d, m->right, e));
    for (size_t i = 0; i < a.n; i++) {
        for (size_t j = 0; j < d->x.d; j++) {
            m->left[i * d->x.d + j] = a.ax.z[i * d->x.d + j] / a.x.scale[j];
        }
        for (size_t j = 0; j < d->y.d; j++) {
            m->right[i * d->y.d + j] *= a.y.scale[j];
        }
    }
    *out = m;
    m = NULL;
out:
    map_free(m);
    anchoring_end(&a);
    return rc;
}

static persona_code choose_lambda(const map_data *d, map_opts *o, map_report *rep, persona_err *e)
{
    anchoring a = {.n = 0};
    double lambdas[LEAVEOUT_LAMBDAS];
    leaveout_best best = {.lambda = (double)NAN};
    leaveout_target t = {.n_sets = 1};
    leaveout_search s = {.targets = &t, .n_targets = 1, .lambdas = lambdas};
    map_groups all = {.n_used = 0};
    float *sketch = NULL;
    persona_code rc = PERSONA_OK;
    TRY(map_groups_make(&all, d->group, d->x.n, d->n_groups, e));
    TRY(anchoring_begin(&a, d, o, e));
    s.n_lambdas = leaveout_grid(o->lambda, lambdas);
    sketch = leaveout_sketch(&a.ay, 1, o->seed, &t.width);
    t.y = sketch;
    TRY(sketch ? leaveout_run(&a.l, &s, &best, e) : mem_err(e, "the search of a map"));
out:
    o->lambda = rep->lambda = best.lambda;
    rep->n = d->x.n;
    rep->n_groups = all.n_used;
    rep->rank = a.n;
    mem_free(sketch);
    anchoring_end(&a);
    map_groups_free(&all);
    return rc;
}

persona_code map_fit_anchors(const map_data *d, const map_opts *given, map **out, map_report *rep,
                             persona_err *e)
{
    map_opts o = *given;
    persona_code rc = PERSONA_OK;
    TRY(choose_lambda(d, &o, rep, e));
    TRY(refit(d, &o, out, e));
    TRY(map_by_folds(d, &o, refit, rep, e));
out:
    if (rc != PERSONA_OK) {
        map_free(*out);
        *out = NULL;
    }
    return rc;
}
