/* SPDX-License-Identifier: MIT
 *
 * leaveout.c - leave-one-group-out errors of dual ridge in closed form, and the search for lambda.
 *
 * With G = (K + lambda I)^-1 the residuals of the fit on all rows are R = lambda G Y~, and the
 * errors of a fit without group G, means included, on that group are exactly
 *     e_G = (lambda G_GG - 11^T/n)^-1 R_G                 (11^T/n is the part of the means)
 * The 11^T/n must not be left out. Centered rows sum to zero, so a row is minus the sum of the
 * others: with fewer texts than dimensions and a small lambda, "centered data taken as fixed"
 * would predict every held-out text, and every shuffled one, perfectly. Scales do come from all
 * rows. Differences are not centered, and have no such part.
 *
 * Cost: n^3 per lambda for G, by Cholesky: an eigendecomposition would be found once, but runs at a
 * fraction of the speed. Single precision serves where the condition number top / lambda allows
 * it: its relative error is about eps times that, 1e-2 at most in a search whose grid is coarse,
 * 1e-4 in a map. The search keeps G in single precision: R = lambda G Y~ has |lambda G| <= 1, so
 * that costs one eps. The search sees a sketch of the target, which keeps Frobenius norms in
 * expectation.
 */
#include "core/map/leaveout.h"

#include <float.h>
#include <math.h>
#include <string.h>

#include "base/mem.h"
#include "base/rng.h"
#include "base/try.h"

#define SKETCH 64
#define SEARCH_ERROR 1e-2
#define MAP_ERROR 1e-4
#define CHUNK 256 /* columns of a target at a time in double */
#define POWER_STEPS 30

/* ---- one source side ------------------------------------------------------------------------ */

void leaveout_end(leaveout *l)
{
    mem_free(l->blocks);
    mem_free(l->wide);
    mem_free(l->g);
    mem_free(l->k);
    l->blocks = l->wide = l->k = NULL;
    l->g = NULL;
}

/* The largest eigenvalue of K, from below, by power iteration: within a few per cent is enough. */
static double largest(const double *k, size_t n, double *x, double *y)
{
    double norm = 0;
    for (size_t i = 0; i < n; i++) {
        x[i] = 1 + 0.5 * sin((double)i);
    }
    for (int step = 0; step < POWER_STEPS; step++) {
        double square = 0;
        linalg_gemm(k, x, y, n, n, 1);
        for (size_t i = 0; i < n; i++) {
            square += y[i] * y[i];
        }
        norm = sqrt(square);
        for (size_t i = 0; i < n && norm > 0; i++) {
            x[i] = y[i] / norm;
        }
    }
    return norm;
}

persona_code leaveout_begin(leaveout *l, float *z, size_t d, const map_groups *groups, size_t n,
                            bool centered, persona_err *e)
{
    size_t total = 0;
    *l = (leaveout){.n = n, .groups = groups, .centered = centered};
    for (size_t k = 0; k < groups->n_used; k++) {
        const size_t size = groups->start[k + 1] - groups->start[k];
        total += size * size;
    }
    l->k = mem_calloc(n, n * sizeof *l->k);
    l->g = mem_calloc(n, n * sizeof *l->g);
    l->wide = mem_calloc(n, n * sizeof *l->wide);
    l->blocks = mem_calloc(total, sizeof *l->blocks);
    if (!l->k || !l->g || !l->wide || !l->blocks) {
        return mem_err(e, "the Gram matrix of a map");
    }
    const persona_code rc = linalg_gram((mat){z, n, d}, l->k, e);
    if (rc != PERSONA_OK) {
        return rc;
    }
    for (size_t i = 0; i < n; i++) {
        l->mean += l->k[i * n + i] / (double)n;
    }
    l->top = largest(l->k, n, l->wide, l->wide + n);
    return PERSONA_OK;
}

/* G in single precision straight away; false: it is not positive definite there. */
static bool invert_single(leaveout *l)
{
    const size_t n = l->n;
    persona_err ignored;
    for (size_t i = 0; i < n * n; i++) {
        l->g[i] = (float)l->k[i];
    }
    for (size_t i = 0; i < n; i++) {
        l->g[i * n + i] = (float)(l->k[i * n + i] + l->lambda);
    }
    return linalg_invert_spd_single(l->g, n, &ignored) == PERSONA_OK;
}

/* What `exact` entries the blocks are made of, in single or double precision. */
static void fill_blocks(leaveout *l, const double *wide)
{
    const size_t n = l->n;
    double *block = l->blocks;
    for (size_t k = 0; k < l->groups->n_used; k++) {
        const size_t first = l->groups->start[k], size = l->groups->start[k + 1] - first;
        for (size_t i = 0; i < size; i++) {
            for (size_t j = 0; j < size; j++) {
                const size_t at = (first + i) * n + first + j;
                const double g = wide ? wide[at] : (double)l->g[at];
                block[i * size + j] = l->lambda * g - (l->centered ? 1 / (double)n : 0);
            }
        }
        block += size * size;
    }
}

static bool single_is_enough(const leaveout *l, double relative, double allowed)
{
    return (double)FLT_EPSILON * (l->top / (relative * l->mean) + 1) <= allowed;
}

static persona_code set_lambda(leaveout *l, double relative, double allowed, persona_err *e)
{
    const size_t n = l->n;
    l->lambda = relative * l->mean;
    l->exact = false;
    if (single_is_enough(l, relative, allowed) && invert_single(l)) {
        fill_blocks(l, NULL);
        return PERSONA_OK;
    }
    memcpy(l->wide, l->k, n * n * sizeof *l->wide);
    for (size_t i = 0; i < n; i++) {
        l->wide[i * n + i] += l->lambda;
    }
    const persona_code rc = linalg_invert_spd(l->wide, n, e);
    if (rc != PERSONA_OK) {
        return rc;
    }
    for (size_t i = 0; i < n * n; i++) {
        l->g[i] = (float)l->wide[i];
    }
    fill_blocks(l, l->wide);
    return PERSONA_OK;
}

persona_code leaveout_set(leaveout *l, double relative, persona_err *e)
{
    const persona_code rc = set_lambda(l, relative, MAP_ERROR, e);
    l->exact = rc == PERSONA_OK && !single_is_enough(l, relative, MAP_ERROR);
    return rc;
}

persona_code leaveout_solve(const leaveout *l, const float *y, size_t columns, float *out,
                            persona_err *e)
{
    const size_t n = l->n, most = columns < CHUNK ? columns : CHUNK;
    if (!l->exact) {
        linalg_gemm_single(l->g, false, y, false, out, n, n, columns);
        return PERSONA_OK;
    }
    double *in = mem_calloc(n, most * sizeof *in), *solved = mem_calloc(n, most * sizeof *solved);
    const bool ok = in && solved;
    for (size_t first = 0; ok && first < columns; first += most) {
        const size_t w = columns - first < most ? columns - first : most;
        for (size_t i = 0; i < n; i++) {
            for (size_t j = 0; j < w; j++) {
                in[i * w + j] = (double)y[i * columns + first + j];
            }
        }
        linalg_gemm(l->wide, in, solved, n, n, w);
        for (size_t i = 0; i < n; i++) {
            for (size_t j = 0; j < w; j++) {
                out[i * columns + first + j] = (float)solved[i * w + j];
            }
        }
    }
    mem_free(solved);
    mem_free(in);
    return ok ? PERSONA_OK : mem_err(e, "a map");
}

persona_code leaveout_errors(const leaveout *l, float *solved, size_t columns, persona_err *e)
{
    const size_t most = l->groups->largest;
    const double *from = l->blocks;
    double *block = mem_calloc(most, most * sizeof *block);
    double *side = mem_calloc(most, columns * sizeof *side);
    persona_code rc = block && side ? PERSONA_OK : mem_err(e, "the held-out errors of a map");
    for (size_t k = 0; rc == PERSONA_OK && k < l->groups->n_used; k++) {
        const size_t first = l->groups->start[k], size = l->groups->start[k + 1] - first;
        float *rows = solved + first * columns;
        memcpy(block, from, size * size * sizeof *block);
        for (size_t i = 0; i < size * columns; i++) {
            side[i] = l->lambda * (double)rows[i];
        }
        rc = linalg_solve_spd(block, size, 0, side, columns, e);
        for (size_t i = 0; i < size * columns; i++) {
            rows[i] = (float)side[i];
        }
        from += size * size;
    }
    mem_free(side);
    mem_free(block);
    return rc;
}

/* ---- R2 ------------------------------------------------------------------------------------- */

double leaveout_r2(const float *errors, const float *y, size_t n, size_t columns, size_t first,
                   size_t count)
{
    double left = 0, total = 0;
    for (size_t i = 0; i < n; i++) {
        for (size_t j = first; j < first + count; j++) {
            const double a = (double)errors[i * columns + j], b = (double)y[i * columns + j];
            left += a * a;
            total += b * b;
        }
    }
    return 1 - left / total;
}

double leaveout_r2_contrast(const float *errors, const float *y, const size_t *pos,
                            const size_t *neg, size_t n_contrasts, size_t columns, size_t first,
                            size_t count)
{
    double left = 0, total = 0;
    for (size_t k = 0; k < n_contrasts; k++) {
        for (size_t j = first; j < first + count; j++) {
            const size_t p = pos[k] * columns + j, q = neg[k] * columns + j;
            const double a = (double)errors[p] - (double)errors[q];
            const double b = (double)y[p] - (double)y[q];
            left += a * a;
            total += b * b;
        }
    }
    return n_contrasts > 0 ? 1 - left / total : (double)NAN;
}

/* ---- the search ----------------------------------------------------------------------------- */

size_t leaveout_grid(double fixed, double *out)
{
    out[0] = fixed;
    for (int i = 0; fixed <= 0 && i < LEAVEOUT_LAMBDAS; i++) {
        out[i] = 1e-4 * pow(10, 0.5 * i);
    }
    return fixed > 0 ? 1 : LEAVEOUT_LAMBDAS;
}

/* (d, w): the unit matrix where there is room for all dimensions, else random signs. */
static float *signs(size_t d, size_t w, uint32_t seed)
{
    rng r;
    float *s = mem_calloc(d, w * sizeof *s);
    rng_seed(&r, seed, 1);
    for (size_t j = 0; s && j < d; j++) {
        for (size_t k = 0; k < w; k++) {
            s[j * w + k] = d <= SKETCH ? (float)(j == k) : rng_u32(&r) >> 31 ? 1.0f : -1.0f;
        }
    }
    return s;
}

float *leaveout_sketch(const map_side *y, size_t n_sets, uint32_t seed, size_t *width)
{
    const size_t n = y->n, w = y->d < SKETCH ? y->d : SKETCH, columns = w * n_sets;
    rng r;
    float *out = mem_calloc(n, columns * sizeof *out), *first = mem_calloc(n, w * sizeof *first);
    float *sign = signs(y->d, w, seed);
    size_t *row = mem_calloc(n, sizeof *row);
    const bool ok = out && first && sign && row;
    *width = w;
    rng_seed(&r, seed, 2);
    if (ok) {
        linalg_gemm_single(y->z, false, sign, false, first, n, y->d, w);
    }
    for (size_t i = 0; ok && i < n; i++) {
        row[i] = i;
    }
    for (size_t set = 0; ok && set < n_sets; set++) {
        if (set > 0) {
            rng_shuffle(&r, row, n);
        }
        for (size_t i = 0; i < n; i++) {
            memcpy(out + i * columns + set * w, first + row[i] * w, w * sizeof *out);
        }
    }
    mem_free(row);
    mem_free(sign);
    mem_free(first);
    if (!ok) {
        mem_free(out);
        return NULL;
    }
    return out;
}

/* One target at the lambda that is set. room: (n, columns). */
static persona_code try_target(const leaveout *l, const leaveout_target *t, double relative,
                               float *room, leaveout_best *best, persona_err *e)
{
    const size_t columns = t->width * t->n_sets;
    persona_code rc = PERSONA_OK;
    TRY(leaveout_solve(l, t->y, columns, room, e));
    TRY(leaveout_errors(l, room, columns, e));
    for (size_t set = 0; set < t->n_sets; set++) {
        const size_t first = set * t->width;
        const double r2 = leaveout_r2(room, t->y, l->n, columns, first, t->width);
        if (!(r2 > best[set].r2)) {
            continue;
        }
        best[set] = (leaveout_best){relative, r2,
                                    leaveout_r2_contrast(room, t->y, t->pos, t->neg, t->n_contrasts,
                                                         columns, first, t->width)};
    }
out:
    return rc;
}

persona_code leaveout_run(leaveout *l, const leaveout_search *s, leaveout_best *best,
                          persona_err *e)
{
    size_t most = 0, n_best = 0;
    bool any = false;
    for (size_t t = 0; t < s->n_targets; t++) {
        const size_t columns = s->targets[t].width * s->targets[t].n_sets;
        most = columns > most ? columns : most;
        n_best += s->targets[t].n_sets;
    }
    for (size_t i = 0; i < n_best; i++) {
        best[i] = (leaveout_best){(double)NAN, -(double)INFINITY, (double)NAN};
    }
    float *room = mem_calloc(l->n, most * sizeof *room);
    persona_code rc = room ? PERSONA_OK : mem_err(e, "the search of a map");
    for (size_t i = 0; rc == PERSONA_OK && i < s->n_lambdas; i++) {
        leaveout_best *at = best;
        rc = set_lambda(l, s->lambdas[i], SEARCH_ERROR, e);
        for (size_t t = 0; rc == PERSONA_OK && t < s->n_targets; t++) {
            rc = try_target(l, &s->targets[t], s->lambdas[i], room, at, e);
            at += s->targets[t].n_sets;
            any = any || rc == PERSONA_OK;
        }
        /* Too small a lambda for these data is not a failure of the search. */
        rc = rc == PERSONA_E_NUMERIC ? PERSONA_OK : rc;
    }
    mem_free(room);
    if (rc == PERSONA_OK && !any) {
        return PERSONA_E_NUMERIC; /* the message of the last step stands */
    }
    if (rc == PERSONA_OK && e) {
        *e = (persona_err){0};
    }
    return rc;
}
