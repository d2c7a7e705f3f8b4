/* SPDX-License-Identifier: MIT
 *
 * auroc.c - the area under the ROC curve over draws of questions.
 *
 * Values are sorted once; a draw gives each question a weight, and the area of a weighted sample is
 * one pass over the sorted values. Answers to one question resemble each other, so an interval over
 * single answers (DeLong's) would be too narrow.
 */
#include "core/measure/auroc.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/rng.h"
#include "base/try.h"

typedef struct value {
    double x;
    size_t group;
    bool pos;
} value;

static int rising(const void *a, const void *b)
{
    const value *x = a, *y = b;
    return (x->x > y->x) - (x->x < y->x);
}

/* P(pos > neg) + P(pos == neg) / 2 with a weight for each group; NAN: a class weighs nothing. */
static double area(const value *v, size_t n, const double *weight)
{
    double below = 0, sum = 0, all_pos = 0; /* below: weight of the negatives so far */
    for (size_t i = 0; i < n;) {
        double pos = 0, neg = 0;
        size_t end = i;
        for (; end < n && !(v[end].x > v[i].x); end++) {
            *(v[end].pos ? &pos : &neg) += weight[v[end].group];
        }
        sum += pos * (below + neg / 2);
        below += neg;
        all_pos += pos;
        i = end;
    }
    return all_pos > 0 && below > 0 ? sum / (all_pos * below) : (double)NAN;
}

static persona_code gather(stat_sample s, bool pos, size_t n_groups, value *to, persona_err *e)
{
    for (size_t i = 0; i < s.n; i++) {
        if (s.group[i] >= n_groups) {
            return persona_err_set(e, PERSONA_E_SHAPE, "AUROC: group %zu of %zu", s.group[i],
                                   n_groups);
        }
        if (!isfinite(s.x[i])) {
            return persona_err_set(e, PERSONA_E_NUMERIC, "AUROC: value %zu is not finite", i);
        }
        to[i] = (value){s.x[i], s.group[i], pos};
    }
    return PERSONA_OK;
}

persona_code stat_bootstrap_auroc(stat_sample pos, stat_sample neg, stat_draws draws,
                                  persona_interval *out, persona_err *e)
{
    persona_code rc = PERSONA_OK;
    const size_t n = pos.n + neg.n;
    size_t n_used = 0, kept = 0, *used = mem_calloc(draws.n_groups, sizeof *used);
    double *weight = mem_calloc(draws.n_groups, sizeof *weight);
    double *areas = mem_calloc(draws.n, sizeof *areas);
    value *v = mem_calloc(n, sizeof *v);
    rng r;
    *out = (persona_interval){(double)NAN, (double)NAN, (double)NAN};
    TRY(used && weight && areas && v ? PERSONA_OK : mem_err(e, "an AUROC"));
    TRY(gather(pos, true, draws.n_groups, v, e));
    TRY(gather(neg, false, draws.n_groups, v + pos.n, e));
    for (size_t i = 0; i < n; i++) {
        weight[v[i].group] = 1;
    }
    for (size_t g = 0; g < draws.n_groups; g++) {
        if (weight[g] > 0) {
            used[n_used++] = g;
        }
    }
    qsort(v, n, sizeof *v, rising);
    out->value = area(v, n, weight);
    rng_seed(&r, draws.seed, 0x617572);
    for (size_t k = 0; k < draws.n && isfinite(out->value); k++) {
        memset(weight, 0, draws.n_groups * sizeof *weight);
        for (size_t i = 0; i < n_used; i++) {
            weight[used[rng_below(&r, (uint32_t)n_used)]] += 1;
        }
        areas[kept] = area(v, n, weight);
        kept += isfinite(areas[kept]) ? 1 : 0;
    }
    if (kept > 0) {
        out->low = stat_quantile(areas, kept, 0.025);
        out->high = stat_quantile(areas, kept, 0.975);
    }
out:
    mem_free(used);
    mem_free(weight);
    mem_free(areas);
    mem_free(v);
    return rc;
}
