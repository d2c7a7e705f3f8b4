/* SPDX-License-Identifier: MIT
 *
 * ridge.c - dual ridge regression, on rows and on differences of rows (methods 5.3).
 *
 *   rows         K = X~ X~^T,   v_t = s_y * Y~^T (K + lambda I)^-1 X~ (v / s_x)
 *   differences  the same on X_pos - X_neg and Y_pos - Y_neg, not centered: what two poles share,
 *                and with it every bias, is gone before the fit
 *
 * As factors: left = X~ / s_x, right = (K + lambda I)^-1 Y~ * s_y, k = number of rows. lambda is
 * the one that leaves least of the rows' held-out errors; every number of the report is
 * leave-one-group-out in closed form (leaveout.c).
 */
#include <math.h>
#include <string.h>

#include "base/mem.h"
#include "base/try.h"
#include "core/map/leaveout.h"
#include "core/map/leaveparts.h"
#include "core/map/mapmethods.h"
#include "core/measure/stats.h"

typedef struct ridge {
    map_groups groups;
    map_side x, y;
    leaveout out;
    size_t *pos, *neg; /* (n_contrasts) in the order of groups */
    size_t n_contrasts;
    int *trait; /* (n) in the order of groups; NULL: not known */
    size_t n_traits;
} ridge;

static void ridge_end(ridge *r)
{
    leaveout_end(&r->out);
    map_side_free(&r->x);
    map_side_free(&r->y);
    map_groups_free(&r->groups);
    mem_free(r->pos);
    mem_free(r->neg);
    mem_free(r->trait);
}

/* Contrasts and traits in the order of the groups. */
static persona_code sort_labels(ridge *r, const map_data *d, persona_err *e)
{
    r->trait = d->trait ? mem_calloc(d->x.n, sizeof *r->trait) : NULL;
    r->n_traits = d->n_traits;
    r->pos = mem_calloc(d->n_contrasts, sizeof *r->pos);
    r->neg = mem_calloc(d->n_contrasts, sizeof *r->neg);
    if (!r->pos || !r->neg || (d->trait && !r->trait)) {
        return mem_err(e, "the contrasts of a map");
    }
    for (size_t i = 0; d->trait && i < d->x.n; i++) {
        r->trait[r->groups.place[i]] = d->trait[i];
    }
    for (size_t i = 0; i < d->n_contrasts; i++) {
        r->pos[i] = r->groups.place[d->pos[i]];
        r->neg[i] = r->groups.place[d->neg[i]];
    }
    r->n_contrasts = d->n_contrasts;
    return PERSONA_OK;
}

/* Chooses lambda; fills in the null. */
static persona_code choose(ridge *r, const map_opts *o, map_report *rep, persona_err *e)
{
    const size_t n_sets = 1 + (size_t)o->n_shuffles;
    double lambdas[LEAVEOUT_LAMBDAS], sum = 0;
    leaveout_target t = {
        .n_sets = n_sets, .pos = r->pos, .neg = r->neg, .n_contrasts = r->n_contrasts};
    leaveout_search s = {.targets = &t, .n_targets = 1, .lambdas = lambdas};
    leaveout_best *best = mem_calloc(n_sets, sizeof *best);
    float *sketch = leaveout_sketch(&r->y, n_sets, o->seed, &t.width);
    t.y = sketch;
    s.n_lambdas = leaveout_grid(o->lambda, lambdas);
    persona_code rc = PERSONA_OK;
    TRY(best && sketch ? leaveout_run(&r->out, &s, best, e) : mem_err(e, "the search of a map"));
    rep->r2_shuffled_max = (double)NAN;
    for (size_t i = 1; i < n_sets; i++) {
        const double r2 = r->n_contrasts > 0 ? best[i].r2_contrast : best[i].r2;
        sum += r2;
        rep->r2_shuffled_max = fmax(rep->r2_shuffled_max, r2); /* fmax skips NAN */
    }
    rep->r2_shuffled = n_sets > 1 ? sum / (double)(n_sets - 1) : (double)NAN;
    rep->lambda = best[0].lambda;
out:
    mem_free(sketch);
    mem_free(best);
    return rc;
}

/* The factors at the lambda of the report, and what they leave out of all target dimensions. */
static persona_code finish(ridge *r, map_report *rep, map **out, persona_err *e)
{
    const size_t n = r->x.n, ds = r->x.d, dt = r->y.d;
    map *m = map_new(ds, n, dt);
    float *errors = mem_calloc(n, dt * sizeof *errors);
    persona_code rc = PERSONA_OK;
    TRY(m && errors ? leaveout_set(&r->out, rep->lambda, e) : mem_err(e, "a map"));
    TRY(leaveout_solve(&r->out, r->y.z, dt, m->right, e));
    const leaveparts parts = {r->trait, r->n_traits, r->pos, r->neg, r->n_contrasts};
    TRY(leaveparts_r2(&r->out, &parts, &r->y, m->right, &rep->by_trait, &rep->by_both, e));
    memcpy(errors, m->right, n * dt * sizeof *errors);
    TRY(leaveout_errors(&r->out, errors, dt, e));
    rep->r2_heldout = leaveout_r2(errors, r->y.z, n, dt, 0, dt);
    rep->r2_contrast =
        leaveout_r2_contrast(errors, r->y.z, r->pos, r->neg, r->n_contrasts, dt, 0, dt);
    for (size_t i = 0; i < n; i++) {
        for (size_t j = 0; j < ds; j++) {
            m->left[i * ds + j] = r->x.z[i * ds + j] / r->x.scale[j];
        }
        for (size_t j = 0; j < dt; j++) {
            m->right[i * dt + j] *= r->y.scale[j];
        }
    }
    *out = m;
    m = NULL;
out:
    mem_free(errors);
    map_free(m);
    return rc;
}

static persona_code fit(const map_data *d, const map_opts *o, bool centered, map **out,
                        map_report *rep, persona_err *e)
{
    ridge r = {.n_contrasts = 0};
    persona_code rc;
    if ((rc = map_groups_make(&r.groups, d->group, d->x.n, d->n_groups, e)) ||
        (rc = sort_labels(&r, d, e)) ||
        (rc = map_side_make(&r.x, d->x, r.groups.order, centered, "source", e)) ||
        (rc = map_side_make(&r.y, d->y, r.groups.order, centered, "target", e)) ||
        (rc = leaveout_begin(&r.out, r.x.z, r.x.d, &r.groups, r.x.n, centered, e)) ||
        (rc = choose(&r, o, rep, e)) || (rc = finish(&r, rep, out, e))) {
        goto out;
    }
    rep->n = d->x.n;
    rep->n_groups = r.groups.n_used;
out:
    ridge_end(&r);
    return rc;
}

persona_code map_fit_ridge(const map_data *d, const map_opts *o, map **out, map_report *rep,
                           persona_err *e)
{
    return fit(d, o, true, out, rep, e);
}

/* out (n_contrasts, width): differences of rows. */
static float *differences(mat x, const map_data *d)
{
    float *out = mem_calloc(d->n_contrasts, x.d * sizeof *out);
    for (size_t i = 0; out && i < d->n_contrasts; i++) {
        for (size_t j = 0; j < x.d; j++) {
            out[i * x.d + j] = x.p[d->pos[i] * x.d + j] - x.p[d->neg[i] * x.d + j];
        }
    }
    return out;
}

/* A row is a contrast here, so the two R2 are one. */
persona_code map_fit_paired(const map_data *d, const map_opts *o, map **out, map_report *rep,
                            persona_err *e)
{
    const size_t n = d->n_contrasts;
    float *x = differences(d->x, d), *y = differences(d->y, d);
    size_t *group = mem_calloc(n, sizeof *group);
    int *trait = mem_calloc(n, sizeof *trait);
    persona_code rc = PERSONA_OK;
    TRY(x && y && group && trait ? PERSONA_OK : mem_err(e, "the differences of a map"));
    for (size_t i = 0; i < n; i++) {
        group[i] = d->group[d->pos[i]];
        trait[i] = d->trait ? d->trait[d->pos[i]] : -1;
    }
    const map_data pairs = {.x = {x, n, d->x.d},
                            .y = {y, n, d->y.d},
                            .group = group,
                            .n_groups = d->n_groups,
                            .trait = d->trait ? trait : NULL,
                            .n_traits = d->n_traits};
    TRY(fit(&pairs, o, false, out, rep, e));
    rep->r2_contrast = rep->r2_heldout;
    rep->by_trait.contrasts = rep->by_trait.rows;
    rep->by_both.contrasts = rep->by_both.rows;
out:
    mem_free(trait);
    mem_free(group);
    mem_free(y);
    mem_free(x);
    return rc;
}
