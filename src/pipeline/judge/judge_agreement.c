/* SPDX-License-Identifier: MIT
 *
 * judge_agreement.c - a judge against labels (methods 6.1): rank correlation, error in points, and
 * how often both decide alike at 50, beside how often they would by chance: where nine of ten
 * labels are high, a judge that always says 100 agrees on 90 % and is worth nothing.
 */
#include "pipeline/judge/judge_agreement.h"

#include <math.h>

#include "base/mem.h"
#include "base/try.h"
#include "core/measure/stats.h"

#define KEEP 50.0F

persona_code agreement_of(const float *score, const float *label, size_t n, agreement *out,
                          persona_err *e)
{
    double *x = mem_calloc(n, sizeof *x), *y = mem_calloc(n, sizeof *y);
    double both = 0, high_x = 0, high_y = 0, off = 0, bias = 0;
    persona_code rc = PERSONA_OK;
    *out = (agreement){0};
    if (!x || !y) {
        rc = mem_err(e, "scores");
        goto out;
    }
    for (size_t i = 0; i < n; i++) {
        if (isnan(label[i])) {
            continue;
        }
        if (isnan(score[i])) {
            out->n_unjudged++;
            continue;
        }
        x[out->n] = (double)score[i];
        y[out->n] = (double)label[i];
        off += fabs(x[out->n] - y[out->n]);
        bias += x[out->n] - y[out->n];
        high_x += score[i] >= KEEP;
        high_y += label[i] >= KEEP;
        both += (score[i] >= KEEP) == (label[i] >= KEEP);
        out->n++;
    }
    const double m = (double)out->n; /* 0: every quotient below is NAN */
    const double chance = (high_x * high_y + (m - high_x) * (m - high_y)) / (m * m);
    out->spearman = stat_spearman(x, y, out->n);
    out->mae = off / m;
    out->bias = bias / m;
    out->keep = both / m;
    out->keep_chance = chance;
    out->kappa = chance < 1 ? (both / m - chance) / (1 - chance) : (double)NAN;
out:
    mem_free(x);
    mem_free(y);
    return rc;
}

persona_code judge_agreement(persona_judge *j, const persona_trait *trait,
                             const persona_judge_item *items, size_t n, const persona_hooks *hooks,
                             agreement *of_trait, agreement *of_coherence, persona_err *e)
{
    persona_code rc = PERSONA_OK;
    persona_judgement *got = mem_calloc(n, sizeof *got);
    float *score = mem_calloc(n, sizeof *score), *label = mem_calloc(n, sizeof *label);
    TRY(got && score && label ? PERSONA_OK : mem_err(e, "scores"));
    TRY(persona_judge_all(j, trait, items, n, hooks, got, e));
    for (size_t i = 0; i < n; i++) {
        score[i] = got[i].trait;
        label[i] = items[i].label_trait;
    }
    TRY(agreement_of(score, label, n, of_trait, e));
    for (size_t i = 0; i < n; i++) {
        score[i] = got[i].coherence;
        label[i] = items[i].label_coherence;
    }
    if (of_coherence) {
        TRY(agreement_of(score, label, n, of_coherence, e));
    }
out:
    mem_free(got);
    mem_free(score);
    mem_free(label);
    return rc;
}
