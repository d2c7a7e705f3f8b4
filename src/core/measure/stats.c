/* SPDX-License-Identifier: MIT
 *
 * stats.c - means, ranks, effect sizes and cluster bootstrap intervals.
 *
 * What cannot be computed is NAN, never zero: a report then shows a gap and not an effect. Answers
 * to one question are not independent, so every interval resamples whole questions (groups), and a
 * comparison of conditions draws the same questions for all of them. Intervals are 95 % percentile
 * intervals; the draws depend on the seed alone. No value may be NAN on input to a bootstrap.
 */
#include "core/measure/stats.h"

#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/rng.h"
#include "base/try.h"

#define LOW 0.025
#define HIGH 0.975

/* ---- one sample ----------------------------------------------------------------------------- */

double stat_log_sum(const float *x, size_t n)
{
    float top = x[0];
    for (size_t i = 1; i < n; i++) {
        top = x[i] > top ? x[i] : top;
    }
    double sum = 0;
    for (size_t i = 0; i < n; i++) {
        sum += exp((double)(x[i] - top));
    }
    return (double)top + log(sum);
}

double stat_mean(const double *x, size_t n)
{
    double sum = 0;
    for (size_t i = 0; i < n; i++) {
        sum += x[i];
    }
    return n ? sum / (double)n : (double)NAN;
}

static double sum_of_squares(const double *x, size_t n, double mean)
{
    double sum = 0;
    for (size_t i = 0; i < n; i++) {
        sum += (x[i] - mean) * (x[i] - mean);
    }
    return sum;
}

double stat_sd(const double *x, size_t n)
{
    if (n < 2) {
        return (double)NAN;
    }
    return sqrt(sum_of_squares(x, n, stat_mean(x, n)) / (double)(n - 1));
}

static int by_value(const void *a, const void *b)
{
    double x, y;
    memcpy(&x, a, sizeof x);
    memcpy(&y, b, sizeof y);
    return (x > y) - (x < y);
}

static bool any_nan(const double *x, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (isnan(x[i])) {
            return true;
        }
    }
    return false;
}

/* Type 7 of Hyndman and Fan (numpy's and R's default) of sorted values. */
static double quantile_sorted(const double *x, size_t n, double q)
{
    const double at = q * (double)(n - 1);
    const size_t i = (size_t)at;
    if (i + 1 >= n) {
        return x[n - 1];
    }
    const double part = at - (double)i;
    return part == 0 ? x[i] : x[i] + part * (x[i + 1] - x[i]);
}

double stat_quantile(const double *x, size_t n, double q)
{
    if (n == 0 || !(q >= 0 && q <= 1) || any_nan(x, n)) {
        return (double)NAN;
    }
    double *sorted = mem_calloc(n, sizeof *sorted);
    if (!sorted) {
        return (double)NAN;
    }
    memcpy(sorted, x, n * sizeof *x);
    qsort(sorted, n, sizeof *sorted, by_value);
    const double value = quantile_sorted(sorted, n, q);
    mem_free(sorted);
    return value;
}

double stat_median(const double *x, size_t n)
{
    return stat_quantile(x, n, 0.5);
}

/* ---- two samples ---------------------------------------------------------------------------- */

typedef struct ranked {
    double value;
    size_t index;
} ranked;

static int by_ranked(const void *a, const void *b)
{
    const ranked *x = a, *y = b;
    return (x->value > y->value) - (x->value < y->value);
}

/* ranks (n): 1-based, ties share the mean of their places. work: (n). */
static void mid_ranks(const double *x, size_t n, ranked *work, double *ranks)
{
    for (size_t i = 0; i < n; i++) {
        work[i] = (ranked){x[i], i};
    }
    qsort(work, n, sizeof *work, by_ranked);
    for (size_t i = 0; i < n;) {
        size_t end = i + 1;
        while (end < n && work[end].value == work[i].value) {
            end++;
        }
        for (size_t k = i; k < end; k++) {
            ranks[work[k].index] = (double)(i + end + 1) / 2;
        }
        i = end;
    }
}

double stat_auroc(const double *pos, size_t n_pos, const double *neg, size_t n_neg)
{
    const size_t n = n_pos + n_neg;
    double value = (double)NAN;
    if (n_pos == 0 || n_neg == 0 || any_nan(pos, n_pos) || any_nan(neg, n_neg)) {
        return value;
    }
    double *both = mem_calloc(n, sizeof *both), *ranks = mem_calloc(n, sizeof *ranks);
    ranked *work = mem_calloc(n, sizeof *work);
    if (both && ranks && work) {
        memcpy(both, pos, n_pos * sizeof *pos);
        memcpy(both + n_pos, neg, n_neg * sizeof *neg);
        mid_ranks(both, n, work, ranks);
        double sum = 0;
        for (size_t i = 0; i < n_pos; i++) {
            sum += ranks[i];
        }
        const double p = (double)n_pos;
        value = (sum - p * (p + 1) / 2) / (p * (double)n_neg);
    }
    mem_free(work);
    mem_free(ranks);
    mem_free(both);
    return value;
}

/* Pooled sd; without any spread 0 for equal means and NAN else, since no number would be honest. */
double stat_cohen_d(const double *pos, size_t n_pos, const double *neg, size_t n_neg)
{
    if (n_pos < 2 || n_neg < 2) {
        return (double)NAN;
    }
    const double a = stat_mean(pos, n_pos), b = stat_mean(neg, n_neg);
    const double squares = sum_of_squares(pos, n_pos, a) + sum_of_squares(neg, n_neg, b);
    const double sd = sqrt(squares / (double)(n_pos + n_neg - 2));
    if (sd > 0) {
        return (a - b) / sd;
    }
    return a == b ? 0 : (double)NAN;
}

static double pearson(const double *x, const double *y, size_t n)
{
    const double mx = stat_mean(x, n), my = stat_mean(y, n);
    double xy = 0;
    for (size_t i = 0; i < n; i++) {
        xy += (x[i] - mx) * (y[i] - my);
    }
    const double norm = sqrt(sum_of_squares(x, n, mx)) * sqrt(sum_of_squares(y, n, my));
    return norm > 0 ? xy / norm : (double)NAN;
}

double stat_spearman(const double *x, const double *y, size_t n)
{
    double value = (double)NAN;
    if (n < 3 || any_nan(x, n) || any_nan(y, n)) {
        return value;
    }
    double *rx = mem_calloc(n, sizeof *rx), *ry = mem_calloc(n, sizeof *ry);
    ranked *work = mem_calloc(n, sizeof *work);
    if (rx && ry && work) {
        mid_ranks(x, n, work, rx);
        mid_ranks(y, n, work, ry);
        value = pearson(rx, ry, n);
    }
    mem_free(work);
    mem_free(ry);
    mem_free(rx);
    return value;
}

enum { MIN_WITHIN = 4 };

/* Members of a group end up side by side: order[at[g]..at[g + 1]). */
static void sort_by_group(const size_t *group, size_t n, size_t n_groups, size_t *at, size_t *order)
{
    for (size_t i = 0; i < n; i++) {
        at[group[i] + 1]++;
    }
    for (size_t g = 0; g < n_groups; g++) {
        at[g + 1] += at[g];
    }
    for (size_t i = n; i-- > 0;) { /* from behind: at[g + 1] falls to where g begins */
        order[--at[group[i] + 1]] = i;
    }
    for (size_t g = 0; g < n_groups; g++) {
        at[g] = at[g + 1];
    }
    at[n_groups] = n;
}

double stat_spearman_within(const double *x, const double *y, const size_t *group, size_t n,
                            size_t n_groups, size_t *n_used)
{
    double *a = mem_calloc(n, sizeof *a), *b = mem_calloc(n, sizeof *b);
    double *rho = mem_calloc(n_groups, sizeof *rho), value = (double)NAN;
    size_t *at = mem_calloc(n_groups + 1, sizeof *at), *order = mem_calloc(n, sizeof *order);
    *n_used = 0;
    if (a && b && rho && at && order) {
        sort_by_group(group, n, n_groups, at, order);
        for (size_t g = 0; g < n_groups; g++) {
            const size_t m = at[g + 1] - at[g];
            for (size_t k = 0; k < m; k++) {
                a[k] = x[order[at[g] + k]];
                b[k] = y[order[at[g] + k]];
            }
            rho[*n_used] = m >= MIN_WITHIN ? stat_spearman(a, b, m) : (double)NAN;
            *n_used += isnan(rho[*n_used]) ? 0 : 1;
        }
        value = stat_median(rho, *n_used);
    }
    mem_free(order);
    mem_free(at);
    mem_free(rho);
    mem_free(b);
    mem_free(a);
    return value;
}

/* ---- cluster bootstrap ---------------------------------------------------------------------- */

#define MAX_SAMPLES 4

/* Sums and counts of up to four samples per group: sum[s * n_groups + g]. used: (n_used) groups
 * that hold anything; only these are drawn. picked: how often each was. */
typedef struct clusters {
    size_t n_samples, n_groups, n_used;
    double *sum, *count, *picked;
    size_t *used;
} clusters;

/* What is estimated, from the samples' means; NAN: undefined for these. */
typedef double statistic(const double *means);

static double first_mean(const double *m)
{
    return m[0];
}

static double difference(const double *m)
{
    return m[0] - m[1];
}

/* m: transferred, native, base. */
static double retained(const double *m)
{
    return m[1] == m[2] ? (double)NAN : (m[0] - m[2]) / (m[1] - m[2]);
}

/* m: high and low of one, high and low of the other. */
static double swing_difference(const double *m)
{
    return (m[0] - m[1]) - (m[2] - m[3]);
}

static void clusters_free(clusters *c)
{
    mem_free(c->used);
    mem_free(c->picked);
    mem_free(c->count);
    mem_free(c->sum);
}

static persona_code clusters_add(clusters *c, size_t s, stat_sample x, persona_err *e)
{
    if (x.n == 0) {
        return persona_err_set(e, PERSONA_E_SHAPE, "bootstrap: a sample is empty");
    }
    for (size_t i = 0; i < x.n; i++) {
        if (x.group[i] >= c->n_groups) {
            return persona_err_set(e, PERSONA_E_SHAPE,
                                   "bootstrap: group %zu (expected less than %zu)", x.group[i],
                                   c->n_groups);
        }
        if (!isfinite(x.x[i])) {
            return persona_err_set(e, PERSONA_E_NUMERIC, "bootstrap: value %zu is not finite", i);
        }
        c->sum[s * c->n_groups + x.group[i]] += x.x[i];
        c->count[s * c->n_groups + x.group[i]] += 1;
    }
    return PERSONA_OK;
}

static persona_code clusters_make(clusters *c, const stat_sample *samples, size_t n,
                                  size_t n_groups, persona_err *e)
{
    persona_code rc = PERSONA_OK;
    *c = (clusters){.n_samples = n, .n_groups = n_groups};
    if (n_groups == 0 || n_groups > SIZE_MAX / MAX_SAMPLES) {
        return persona_err_set(e, PERSONA_E_SHAPE, "bootstrap: no groups");
    }
    c->sum = mem_calloc(n * n_groups, sizeof *c->sum);
    c->count = mem_calloc(n * n_groups, sizeof *c->count);
    c->picked = mem_calloc(n_groups, sizeof *c->picked);
    c->used = mem_calloc(n_groups, sizeof *c->used);
    if (!c->sum || !c->count || !c->picked || !c->used) {
        return mem_err(e, "a bootstrap");
    }
    for (size_t s = 0; s < n; s++) {
        TRY(clusters_add(c, s, samples[s], e));
    }
    for (size_t g = 0; g < n_groups; g++) {
        double count = 0;
        for (size_t s = 0; s < n; s++) {
            count += c->count[s * n_groups + g];
        }
        if (count > 0) {
            c->used[c->n_used++] = g;
        }
    }
out:
    return rc;
}

/* The statistic with every group weighted by how often it was picked; NAN if a sample got
 * nothing. */
static double clusters_value(const clusters *c, statistic *f)
{
    double means[MAX_SAMPLES] = {0};
    for (size_t s = 0; s < c->n_samples; s++) {
        double sum = 0, count = 0;
        for (size_t i = 0; i < c->n_used; i++) {
            const size_t g = c->used[i];
            sum += c->picked[g] * c->sum[s * c->n_groups + g];
            count += c->picked[g] * c->count[s * c->n_groups + g];
        }
        if (count == 0) {
            return (double)NAN;
        }
        means[s] = sum / count;
    }
    return f(means);
}

/* Draws that are undefined are left out; without any defined draw the limits are NAN. */
static persona_code interval(const clusters *c, statistic *f, stat_draws draws,
                             persona_interval *out, persona_err *e)
{
    size_t n = 0;
    rng r;
    double *values = mem_calloc(draws.n, sizeof *values);
    if (!values) {
        return mem_err(e, "the draws of a bootstrap");
    }
    for (size_t i = 0; i < c->n_used; i++) {
        c->picked[c->used[i]] = 1;
    }
    out->value = clusters_value(c, f);
    out->low = out->high = (double)NAN;
    rng_seed(&r, draws.seed, 0);
    for (size_t d = 0; d < draws.n; d++) {
        for (size_t i = 0; i < c->n_used; i++) {
            c->picked[c->used[i]] = 0;
        }
        for (size_t i = 0; i < c->n_used; i++) {
            c->picked[c->used[rng_below(&r, (uint32_t)c->n_used)]] += 1;
        }
        const double value = clusters_value(c, f);
        if (isfinite(value)) {
            values[n++] = value;
        }
    }
    if (n > 0) {
        qsort(values, n, sizeof *values, by_value);
        out->low = quantile_sorted(values, n, LOW);
        out->high = quantile_sorted(values, n, HIGH);
    }
    mem_free(values);
    return PERSONA_OK;
}

static persona_code bootstrap(const stat_sample *samples, size_t n_samples, statistic *f,
                              stat_draws draws, persona_interval *out, persona_err *e)
{
    clusters c;
    *out = (persona_interval){.value = (double)NAN, .low = (double)NAN, .high = (double)NAN};
    persona_code rc = PERSONA_OK;
    TRY(clusters_make(&c, samples, n_samples, draws.n_groups, e));
    if (draws.n == 0 || c.n_used > UINT32_MAX) {
        rc = persona_err_set(e, PERSONA_E_SHAPE, "bootstrap: %zu draws of %zu groups", draws.n,
                             c.n_used);
        goto out;
    }
    TRY(interval(&c, f, draws, out, e));
out:
    clusters_free(&c);
    return rc;
}

persona_code stat_bootstrap_mean(stat_sample sample, stat_draws draws, persona_interval *out,
                                 persona_err *e)
{
    return bootstrap(&sample, 1, first_mean, draws, out, e);
}

persona_code stat_bootstrap_diff(stat_sample high, stat_sample low, stat_draws draws,
                                 persona_interval *out, persona_err *e)
{
    const stat_sample samples[] = {high, low};
    return bootstrap(samples, 2, difference, draws, out, e);
}

persona_code stat_bootstrap_swings(const stat_sample mine[2], const stat_sample theirs[2],
                                   stat_draws draws, persona_interval *out, persona_err *e)
{
    const stat_sample samples[] = {mine[0], mine[1], theirs[0], theirs[1]};
    return bootstrap(samples, 4, swing_difference, draws, out, e);
}

persona_code stat_bootstrap_retained(stat_sample transferred, stat_sample native, stat_sample base,
                                     double min_effect, stat_draws draws, persona_interval *out,
                                     persona_err *e)
{
    const stat_sample samples[] = {transferred, native, base};
    persona_code rc = PERSONA_OK;
    TRY(bootstrap(samples, 3, retained, draws, out, e));
    /* A share of no effect is noise divided by noise. */
    const double effect = stat_mean(native.x, native.n) - stat_mean(base.x, base.n);
    if (fabs(effect) < min_effect) {
        out->value = out->low = out->high = (double)NAN;
    }
out:
    return rc;
}
