/* SPDX-License-Identifier: MIT
 *
 * mapfolds.c - the honest error of methods without a closed form: everything that a fit learns
 * from its rows, means, scales and bases included, is learnt again without the rows it is tested
 * on.
 *
 * Whole groups are dealt to 5 folds; each trait is a fold of its own, up to 8. Where both are left
 * out, a trait is tested on one fold of the groups only: a fit for every trait and fold would cost
 * five times as much and say the same. Errors are in units of each target dimension's sd over all
 * rows, as in leaveout.c, so that the numbers of all methods mean the same.
 */
#include <math.h>
#include <string.h>

#include "base/mem.h"
#include "base/rng.h"
#include "base/try.h"
#include "core/map/leaveout.h"
#include "core/map/mapmethods.h"

#define FOLDS 5
#define TRAIT_FOLDS 8
#define LEAST_LEFT 8       /* rows that a fit needs */
#define FEW_ROWS 600       /* more rows than these get */
#define SHUFFLES_OF_MANY 3 /* so many shuffled pairings: each costs five fits */

typedef struct folding {
    const map_data *d;
    const map_opts *o;
    map_refit *fit;
    mat y;           /* possibly shuffled */
    map_side scaled; /* y of all rows, prepared */
    size_t *fold;    /* (n_groups) */
    size_t n_folds;
    bool *out, *test; /* (n) of one fold: the rows left out, and those of them that are tested */
    float *errors;    /* (n, dt) */
    bool *tested;     /* (n) in any fold */
} folding;

static persona_code deal(folding *f, persona_err *e)
{
    const map_data *d = f->d;
    size_t *order = mem_calloc(d->n_groups, sizeof *order);
    size_t n = 0;
    bool *used = mem_calloc(d->n_groups, sizeof *used);
    f->fold = mem_calloc(d->n_groups, sizeof *f->fold);
    if (order && used && f->fold) {
        rng r;
        for (size_t i = 0; i < d->x.n; i++) {
            used[d->group[i]] = true;
        }
        for (size_t g = 0; g < d->n_groups; g++) {
            if (used[g]) {
                order[n++] = g;
            }
        }
        rng_seed(&r, f->o->seed, 3);
        rng_shuffle(&r, order, n);
        f->n_folds = n < FOLDS ? n : FOLDS;
        for (size_t i = 0; i < n; i++) {
            f->fold[order[i]] = i % f->n_folds;
        }
    }
    const bool ok = order && used && f->fold;
    mem_free(order);
    mem_free(used);
    return ok ? PERSONA_OK : mem_err(e, "the folds of a map");
}

/* The rows with the flag, copied. */
static float *take(mat x, const bool *flag, bool value, size_t *n)
{
    float *out = mem_calloc(x.n, x.d * sizeof *out);
    *n = 0;
    for (size_t i = 0; out && i < x.n; i++) {
        if (flag[i] == value) {
            memcpy(out + (*n)++ * x.d, x.p + i * x.d, x.d * sizeof *out);
        }
    }
    return out;
}

static void subtract_mean(float *rows, size_t n, mat from)
{
    for (size_t j = 0; j < from.d; j++) {
        double mean = 0;
        for (size_t i = 0; i < from.n; i++) {
            mean += (double)from.p[i * from.d + j] / (double)from.n;
        }
        for (size_t i = 0; i < n; i++) {
            rows[i * from.d + j] = (float)((double)rows[i * from.d + j] - mean);
        }
    }
}

/* What the map fitted on x, y (train) leaves of the rows that are tested. */
static persona_code test_fold(folding *f, mat x, mat y, const map *m, persona_err *e)
{
    const size_t dt = y.d;
    size_t n = 0, at = 0;
    float *in = take(f->d->x, f->test, true, &n), *out = take(f->y, f->test, true, &n);
    float *middle = mem_calloc(n, m->k * sizeof *middle),
          *guess = mem_calloc(n, dt * sizeof *guess);
    const bool ok = in && out && middle && guess;
    if (ok) {
        subtract_mean(in, n, x);
        subtract_mean(out, n, y);
        linalg_gemm_single(in, false, m->left, true, middle, n, x.d, m->k);
        linalg_gemm_single(middle, false, m->right, false, guess, n, m->k, dt);
    }
    for (size_t i = 0; ok && i < f->d->x.n; i++) {
        if (!f->test[i]) {
            continue;
        }
        for (size_t j = 0; j < dt; j++) {
            f->errors[i * dt + j] = (out[at * dt + j] - guess[at * dt + j]) / f->scaled.scale[j];
        }
        f->tested[i] = true;
        at++;
    }
    mem_free(guess);
    mem_free(middle);
    mem_free(out);
    mem_free(in);
    return ok ? PERSONA_OK : mem_err(e, "the folds of a map");
}

/* The contrasts whose rows all stay, as places among the rows that do. */
static void keep_contrasts(const folding *f, const size_t *place, size_t *pos, size_t *neg,
                           size_t *n)
{
    const map_data *d = f->d;
    *n = 0;
    for (size_t i = 0; i < d->n_contrasts; i++) {
        if (f->out[d->pos[i]] || f->out[d->neg[i]]) {
            continue;
        }
        pos[*n] = place[d->pos[i]];
        neg[(*n)++] = place[d->neg[i]];
    }
}

/* One fit without the rows in out. */
static persona_code run_fold(folding *f, persona_err *e)
{
    const map_data *d = f->d;
    size_t n = 0, n_contrasts = 0;
    map *m = NULL;
    float *x = take(d->x, f->out, false, &n), *y = take(f->y, f->out, false, &n);
    size_t *group = mem_calloc(d->x.n, sizeof *group), *place = mem_calloc(d->x.n, sizeof *place);
    size_t *pos = mem_calloc(d->n_contrasts, sizeof *pos);
    size_t *neg = mem_calloc(d->n_contrasts, sizeof *neg);
    persona_code rc = PERSONA_OK;
    TRY(x && y && group && place && pos && neg ? PERSONA_OK : mem_err(e, "the folds of a map"));
    size_t at = 0;
    for (size_t i = 0; i < d->x.n; i++) {
        if (f->out[i]) {
            continue;
        }
        place[i] = at;
        group[at++] = d->group[i];
    }
    keep_contrasts(f, place, pos, neg, &n_contrasts);
    const map_data train = {.x = {x, n, d->x.d},
                            .y = {y, n, d->y.d},
                            .group = group,
                            .n_groups = d->n_groups,
                            .pos = pos,
                            .neg = neg,
                            .n_contrasts = n_contrasts};
    TRY(f->fit(&train, f->o, &m, e));
    TRY(test_fold(f, train.x, train.y, m, e));
out:
    map_free(m);
    mem_free(neg);
    mem_free(pos);
    mem_free(place);
    mem_free(group);
    mem_free(y);
    mem_free(x);
    return rc;
}

static void folding_end(folding *f)
{
    mem_free(f->tested);
    mem_free(f->errors);
    mem_free(f->out);
    mem_free(f->test);
    mem_free(f->fold);
    map_side_free(&f->scaled);
}

static persona_code folding_begin(folding *f, persona_err *e)
{
    persona_code rc = PERSONA_OK;
    TRY(map_side_make(&f->scaled, f->y, NULL, true, "target", e));
    f->errors = mem_calloc(f->y.n, f->y.d * sizeof *f->errors);
    f->tested = mem_calloc(f->y.n, sizeof *f->tested);
    f->out = mem_calloc(f->y.n, sizeof *f->out);
    f->test = mem_calloc(f->y.n, sizeof *f->test);
    TRY(f->errors && f->tested && f->out && f->test ? PERSONA_OK
                                                    : mem_err(e, "the folds of a map"));
    TRY(deal(f, e));
out:
    return rc;
}

/* R2 of the rows that were tested. */
static map_r2 sum_up(const folding *f)
{
    const size_t dt = f->y.d;
    const map_data *d = f->d;
    map_r2 r2 = {(double)NAN, (double)NAN};
    double left = 0, total = 0;
    for (size_t i = 0; i < f->y.n; i++) {
        for (size_t j = 0; f->tested[i] && j < dt; j++) {
            const double a = (double)f->errors[i * dt + j], b = (double)f->scaled.z[i * dt + j];
            left += a * a;
            total += b * b;
        }
    }
    r2.rows = total > 0 ? 1 - left / total : (double)NAN;
    left = total = 0;
    for (size_t c = 0; c < d->n_contrasts; c++) {
        const size_t p = d->pos[c] * dt, q = d->neg[c] * dt;
        for (size_t j = 0; f->tested[d->pos[c]] && f->tested[d->neg[c]] && j < dt; j++) {
            const double a = (double)f->errors[p + j] - (double)f->errors[q + j];
            const double b = (double)f->scaled.z[p + j] - (double)f->scaled.z[q + j];
            left += a * a;
            total += b * b;
        }
    }
    r2.contrasts = total > 0 ? 1 - left / total : (double)NAN;
    return r2;
}

/* All folds of groups, or only the first. */
static persona_code run_folds(folding *f, size_t n_folds, map_r2 *r2, persona_err *e)
{
    persona_code rc = PERSONA_OK;
    TRY(folding_begin(f, e));
    if (n_folds == 0 || n_folds > f->n_folds) {
        n_folds = f->n_folds;
    }
    for (size_t k = 0; k < n_folds; k++) {
        for (size_t i = 0; i < f->y.n; i++) {
            f->out[i] = f->test[i] = f->fold[f->d->group[i]] == k;
        }
        TRY(run_fold(f, e));
    }
    *r2 = sum_up(f);
out:
    folding_end(f);
    return rc;
}

/* Fold k of the traits, and with both the rows of some groups. Nothing where too little is tested
 * or stays. */
static persona_code run_trait(folding *f, size_t k, size_t n_folds, bool both, persona_err *e)
{
    const map_data *d = f->d;
    size_t n_out = 0, n_test = 0;
    persona_err why = {.code = PERSONA_OK};
    for (size_t i = 0; i < f->y.n; i++) {
        const bool mine = d->trait[i] >= 0 && (size_t)d->trait[i] % n_folds == k;
        const bool group = f->fold[d->group[i]] == k % f->n_folds;
        f->out[i] = mine || (both && group);
        f->test[i] = mine && (!both || group);
        n_out += f->out[i];
        n_test += f->test[i];
    }
    if (n_test == 0 || f->y.n - n_out < LEAST_LEFT) {
        return PERSONA_OK;
    }
    const persona_code rc = run_fold(f, &why);
    if (rc == PERSONA_E_NUMERIC || rc == PERSONA_E_SHAPE) {
        return PERSONA_OK; /* what stays is too little to fit: not tested */
    }
    return rc != PERSONA_OK ? persona_err_set(e, rc, "%s", why.msg) : PERSONA_OK;
}

static persona_code run_traits(const map_data *d, const map_opts *o, map_refit *fit, bool both,
                               map_r2 *r2, persona_err *e)
{
    const size_t n_folds = d->n_traits < TRAIT_FOLDS ? d->n_traits : TRAIT_FOLDS;
    folding f = {.d = d, .o = o, .fit = fit, .y = d->y};
    persona_code rc = PERSONA_OK;
    if (!d->trait) {
        return PERSONA_OK;
    }
    TRY(folding_begin(&f, e));
    for (size_t k = 0; k < n_folds; k++) {
        TRY(run_trait(&f, k, n_folds, both, e));
    }
    *r2 = sum_up(&f);
out:
    folding_end(&f);
    return rc;
}

persona_code map_folds_r2(const map_data *d, const map_opts *o, map_refit *fit, double *r2,
                          persona_err *e)
{
    folding f = {.d = d, .o = o, .fit = fit, .y = d->y};
    map_r2 got = {(double)NAN, (double)NAN};
    const persona_code rc = run_folds(&f, 1, &got, e);
    *r2 = got.rows;
    return rc;
}

persona_code map_by_folds(const map_data *d, const map_opts *o, map_refit *fit, map_report *rep,
                          persona_err *e)
{
    const size_t n = d->x.n, dt = d->y.d;
    const int wanted =
        n > FEW_ROWS && o->n_shuffles > SHUFFLES_OF_MANY ? SHUFFLES_OF_MANY : o->n_shuffles;
    folding real = {.d = d, .o = o, .fit = fit, .y = d->y};
    size_t *row = mem_calloc(n, sizeof *row);
    float *y = mem_calloc(n, dt * sizeof *y);
    double sum = 0, most = (double)NAN;
    map_r2 got = {(double)NAN, (double)NAN};
    rng r;
    persona_code rc = row && y ? run_folds(&real, 0, &got, e) : mem_err(e, "the folds of a map");
    rep->r2_heldout = got.rows;
    rep->r2_contrast = got.contrasts;
    for (int both = 0; rc == PERSONA_OK && both < 2; both++) {
        rc = run_traits(d, o, fit, both, both ? &rep->by_both : &rep->by_trait, e);
    }
    rng_seed(&r, o->seed, 2);
    for (size_t i = 0; row && i < n; i++) {
        row[i] = i;
    }
    for (int k = 0; rc == PERSONA_OK && k < wanted; k++) {
        folding f = {.d = d, .o = o, .fit = fit, .y = {y, n, dt}};
        rng_shuffle(&r, row, n);
        for (size_t i = 0; i < n; i++) {
            memcpy(y + i * dt, d->y.p + row[i] * dt, dt * sizeof *y);
        }
        rc = run_folds(&f, 0, &got, e);
        const double one = d->n_contrasts > 0 ? got.contrasts : got.rows;
        sum += one;
        most = fmax(most, one); /* fmax skips NAN */
    }
    rep->r2_shuffled = wanted > 0 ? sum / wanted : (double)NAN;
    rep->r2_shuffled_max = most;
    mem_free(y);
    mem_free(row);
    return rc;
}
