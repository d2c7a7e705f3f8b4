/* SPDX-License-Identifier: MIT
 *
 * mapfolds.c - the honest error of methods without a closed form: everything that a fit learns
 * from its rows, means, scales and bases included, is learnt again without the rows it is tested
 * on.
 *
 * Whole groups are dealt to 5 folds. Errors are in units of each target dimension's sd over all
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
    float *errors; /* (n, dt) */
    bool *tested;  /* (n) */
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

/* Rows in the fold (inside) or outside it, copied; means of what was copied into mean (d). */
static float *take(mat x, const folding *f, size_t fold, bool inside, size_t *n)
{
    float *out = mem_calloc(x.n, x.d * sizeof *out);
    *n = 0;
    for (size_t i = 0; out && i < x.n; i++) {
        if ((f->fold[f->d->group[i]] == fold) == inside) {
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

/* What the map fitted on x, y (train) leaves of the rows of the fold. */
static persona_code test_fold(folding *f, size_t fold, mat x, mat y, const map *m, persona_err *e)
{
    const size_t dt = y.d;
    size_t n = 0, at = 0;
    float *in = take(f->d->x, f, fold, true, &n), *out = take(f->y, f, fold, true, &n);
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
        if (f->fold[f->d->group[i]] != fold) {
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

/* The contrasts whose rows all lie outside the fold, as places among the rows there. */
static void keep_contrasts(const folding *f, size_t fold, const size_t *place, size_t *pos,
                           size_t *neg, size_t *n)
{
    const map_data *d = f->d;
    *n = 0;
    for (size_t i = 0; i < d->n_contrasts; i++) {
        if (f->fold[d->group[d->pos[i]]] == fold) {
            continue;
        }
        pos[*n] = place[d->pos[i]];
        neg[(*n)++] = place[d->neg[i]];
    }
}

static persona_code run_fold(folding *f, size_t fold, persona_err *e)
{
    const map_data *d = f->d;
    size_t n = 0, n_contrasts = 0;
    map *m = NULL;
    float *x = take(d->x, f, fold, false, &n), *y = take(f->y, f, fold, false, &n);
    size_t *group = mem_calloc(d->x.n, sizeof *group), *place = mem_calloc(d->x.n, sizeof *place);
    size_t *pos = mem_calloc(d->n_contrasts, sizeof *pos);
    size_t *neg = mem_calloc(d->n_contrasts, sizeof *neg);
    persona_code rc = PERSONA_OK;
    TRY(x && y && group && place && pos && neg ? PERSONA_OK : mem_err(e, "the folds of a map"));
    size_t at = 0;
    for (size_t i = 0; i < d->x.n; i++) {
        if (f->fold[d->group[i]] == fold) {
            continue;
        }
        place[i] = at;
        group[at++] = d->group[i];
    }
    keep_contrasts(f, fold, place, pos, neg, &n_contrasts);
    const map_data train = {.x = {x, n, d->x.d},
                            .y = {y, n, d->y.d},
                            .group = group,
                            .n_groups = d->n_groups,
                            .pos = pos,
                            .neg = neg,
                            .n_contrasts = n_contrasts};
    TRY(f->fit(&train, f->o, &m, e));
    TRY(test_fold(f, fold, train.x, train.y, m, e));
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
    mem_free(f->fold);
    map_side_free(&f->scaled);
}

static persona_code folding_begin(folding *f, persona_err *e)
{
    persona_code rc = PERSONA_OK;
    TRY(map_side_make(&f->scaled, f->y, NULL, true, "target", e));
    f->errors = mem_calloc(f->y.n, f->y.d * sizeof *f->errors);
    f->tested = mem_calloc(f->y.n, sizeof *f->tested);
    TRY(f->errors && f->tested ? PERSONA_OK : mem_err(e, "the folds of a map"));
    TRY(deal(f, e));
out:
    return rc;
}

/* All folds, or only the first. */
static persona_code run_folds(folding *f, size_t n_folds, double *r2, double *r2_contrast,
                              persona_err *e)
{
    const size_t dt = f->y.d;
    persona_code rc = PERSONA_OK;
    TRY(folding_begin(f, e));
    double left = 0, total = 0;
    if (n_folds == 0 || n_folds > f->n_folds) {
        n_folds = f->n_folds;
    }
    for (size_t k = 0; k < n_folds; k++) {
        TRY(run_fold(f, k, e));
    }
    for (size_t i = 0; i < f->y.n; i++) {
        for (size_t j = 0; f->tested[i] && j < dt; j++) {
            const double a = (double)f->errors[i * dt + j], b = (double)f->scaled.z[i * dt + j];
            left += a * a;
            total += b * b;
        }
    }
    *r2 = 1 - left / total;
    if (r2_contrast) {
        *r2_contrast = leaveout_r2_contrast(f->errors, f->scaled.z, f->d->pos, f->d->neg,
                                            f->d->n_contrasts, dt, 0, dt);
    }
out:
    folding_end(f);
    return rc;
}

persona_code map_folds_r2(const map_data *d, const map_opts *o, map_refit *fit, double *r2,
                          persona_err *e)
{
    folding f = {.d = d, .o = o, .fit = fit, .y = d->y};
    return run_folds(&f, 1, r2, NULL, e);
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
    rng r;
    persona_code rc = row && y ? run_folds(&real, 0, &rep->r2_heldout, &rep->r2_contrast, e)
                               : mem_err(e, "the folds of a map");
    rng_seed(&r, o->seed, 2);
    for (size_t i = 0; row && i < n; i++) {
        row[i] = i;
    }
    for (int k = 0; rc == PERSONA_OK && k < wanted; k++) {
        double r2 = 0, r2_contrast = 0;
        folding f = {.d = d, .o = o, .fit = fit, .y = {y, n, dt}};
        rng_shuffle(&r, row, n);
        for (size_t i = 0; i < n; i++) {
            memcpy(y + i * dt, d->y.p + row[i] * dt, dt * sizeof *y);
        }
        rc = run_folds(&f, 0, &r2, &r2_contrast, e);
        const double one = d->n_contrasts > 0 ? r2_contrast : r2;
        sum += one;
        most = fmax(most, one); /* fmax skips NAN */
    }
    rep->r2_shuffled = wanted > 0 ? sum / wanted : (double)NAN;
    rep->r2_shuffled_max = most;
    mem_free(y);
    mem_free(row);
    return rc;
}
