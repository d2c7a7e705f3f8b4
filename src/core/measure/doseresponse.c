/* SPDX-License-Identifier: MIT
 *
 * doseresponse.c - what a sweep over coefficients says.
 *
 * Safe range: the largest interval around 0 in which coherence, interpolated linearly between the
 * points, is at least the threshold. Doubt counts against it: it ends at the first crossing even if
 * the text recovers further out, it never reaches beyond the points, of several points at one
 * coefficient the least coherent counts, and next to a point that was not measured it ends at the
 * last one that was. When the text is incoherent at 0 itself there is no range. Without a point at
 * 0 the two neighbors speak for it, and with points on one side only there is none.
 *
 * Recommended: of the points inside the range, the highest score above 0 and the lowest below;
 * equal scores go to the smaller edit.
 */
#include "core/measure/doseresponse.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "core/measure/stats.h"

static int by_coefficient(const void *a, const void *b)
{
    const dose_point *x = a, *y = b;
    return (x->coefficient > y->coefficient) - (x->coefficient < y->coefficient);
}

/* Coherence per coefficient, the least where there are several (NAN is less than anything);
 * returns how many coefficients. p is sorted. */
static size_t merge_equal(const dose_point *p, size_t n, double *at, double *coherence)
{
    size_t k = 0;
    for (size_t i = 0; i < n; i++) {
        if (k > 0 && at[k - 1] == p[i].coefficient) {
            if (isnan(p[i].coherence) || p[i].coherence < coherence[k - 1]) {
                coherence[k - 1] = p[i].coherence;
            }
            continue;
        }
        at[k] = p[i].coefficient;
        coherence[k++] = p[i].coherence;
    }
    return k;
}

/* Where the line from (x0, y0), y0 >= threshold, to (x1, y1) reaches the threshold. */
static double crossing(double x0, double y0, double x1, double y1, double threshold)
{
    if (isnan(y1)) {
        return x0;
    }
    return y1 >= threshold ? x1 : x0 + (x1 - x0) * (y0 - threshold) / (y0 - y1);
}

/* From 0 (coherence y0, at least the threshold) outwards over points [i, ...) in steps of dir. */
static double reach(const double *at, const double *coherence, size_t n, size_t i, int dir,
                    double y0, double threshold)
{
    double x0 = 0;
    for (; i < n; i += (size_t)dir) { /* below 0 it wraps and ends the loop */
        const double x = crossing(x0, y0, at[i], coherence[i], threshold);
        if (!(coherence[i] >= threshold)) {
            return x;
        }
        x0 = at[i];
        y0 = coherence[i];
    }
    return x0;
}

static void safe_range(const double *at, const double *coherence, size_t n, double threshold,
                       dose_response *out)
{
    size_t right = 0;
    while (right < n && at[right] < 0) {
        right++;
    }
    const size_t left = right - 1; /* SIZE_MAX: none */
    const bool exact = right < n && at[right] == 0;
    if (!exact && (right == 0 || right == n)) {
        return;
    }
    const double span = exact ? 0 : at[right] - at[left];
    const double zero = exact ? coherence[right]
                              : (coherence[left] * at[right] - coherence[right] * at[left]) / span;
    if (!(zero >= threshold)) {
        return;
    }
    out->low = reach(at, coherence, n, left, -1, zero, threshold);
    out->high = reach(at, coherence, n, right + exact, 1, zero, threshold);
}

static void recommend(const dose_point *p, size_t n, dose_response *out)
{
    for (size_t i = 0; i < n; i++) {
        const double c = p[i].coefficient, s = p[i].score;
        if (!(c >= out->low && c <= out->high) || isnan(s) || c == 0) {
            continue;
        }
        double *best = c > 0 ? &out->promote : &out->suppress;
        double *score = c > 0 ? &out->promote_score : &out->suppress_score;
        const double gain = c > 0 ? s - *score : *score - s;
        if (!isnan(*best) && !(gain > 0 || (gain == 0 && fabs(c) < fabs(*best)))) {
            continue;
        }
        *best = c;
        *score = s;
    }
}

persona_code dose_summarize(const dose_point *points, size_t n, double threshold,
                            dose_response *out, persona_err *e)
{
    *out = (dose_response){.low = (double)NAN,
                           .high = (double)NAN,
                           .promote = (double)NAN,
                           .suppress = (double)NAN,
                           .promote_score = (double)NAN,
                           .suppress_score = (double)NAN,
                           .spearman = (double)NAN};
    if (n == 0 || isnan(threshold)) {
        return persona_err_set(e, PERSONA_E_SHAPE, "dose response: %zu points, threshold %g", n,
                               threshold);
    }
    for (size_t i = 0; i < n; i++) {
        if (!isfinite(points[i].coefficient)) {
            return persona_err_set(e, PERSONA_E_NUMERIC,
                                   "dose response: the coefficient of point %zu is not finite", i);
        }
    }
    dose_point *sorted = mem_calloc(n, sizeof *sorted);
    double *at = mem_calloc(n, sizeof *at), *value = mem_calloc(n, sizeof *value);
    persona_code rc = PERSONA_OK;
    size_t k = 0;
    if (!sorted || !at || !value) {
        rc = mem_err(e, "a dose response");
        goto out;
    }
    memcpy(sorted, points, n * sizeof *sorted);
    qsort(sorted, n, sizeof *sorted, by_coefficient);
    safe_range(at, value, merge_equal(sorted, n, at, value), threshold, out);
    recommend(sorted, n, out);
    for (size_t i = 0; i < n; i++) {
        const dose_point *p = &sorted[i];
        if (!(p->coefficient >= out->low && p->coefficient <= out->high) || isnan(p->score)) {
            continue;
        }
        at[k] = p->coefficient;
        value[k++] = p->score;
    }
    out->spearman = stat_spearman(at, value, k);
out:
    mem_free(value);
    mem_free(at);
    mem_free(sorted);
    return rc;
}
