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
#include "core/classify/folds.h"
#include "core/measure/stats.h"

#define KEEP 50.0

/* Scores and labels of what has both, and the questions. */
typedef struct pairing {
    double *x, *y; /* score, label */
    const char **question;
    size_t *group;
    size_t n;
} pairing;

static void pairing_free(pairing *p)
{
    mem_free(p->x);
    mem_free(p->y);
    mem_free(p->question);
    mem_free(p->group);
}

static persona_code pair_up(const float *score, const float *label, const char *const *question,
                            size_t n, pairing *p, agreement *out, persona_err *e)
{
    p->x = mem_calloc(n, sizeof *p->x);
    p->y = mem_calloc(n, sizeof *p->y);
    p->question = mem_calloc(n, sizeof *p->question);
    p->group = mem_calloc(n, sizeof *p->group);
    if (!p->x || !p->y || !p->question || !p->group) {
        return mem_err(e, "scores");
    }
    for (size_t i = 0; i < n; i++) {
        if (isnan(label[i])) {
            continue;
        }
        if (isnan(score[i])) {
            out->n_unjudged++;
            continue;
        }
        p->x[p->n] = (double)score[i];
        p->y[p->n] = (double)label[i];
        p->question[p->n++] = question[i] && *question[i] ? question[i] : NULL;
    }
    out->n = p->n;
    if (p->n > 0) {
        out->n_questions = folds_group(p->question, p->n, p->group);
    }
    return p->n == 0 || out->n_questions > 0 ? PERSONA_OK : mem_err(e, "questions");
}

static void compare(const pairing *p, agreement *out)
{
    double both = 0, high_x = 0, high_y = 0, off = 0, bias = 0;
    for (size_t i = 0; i < p->n; i++) {
        off += fabs(p->x[i] - p->y[i]);
        bias += p->x[i] - p->y[i];
        high_x += p->x[i] >= KEEP;
        high_y += p->y[i] >= KEEP;
        both += (p->x[i] >= KEEP) == (p->y[i] >= KEEP);
    }
    const double m = (double)p->n; /* 0: every quotient below is NAN */
    const double chance = (high_x * high_y + (m - high_x) * (m - high_y)) / (m * m);
    out->spearman = stat_spearman(p->x, p->y, p->n);
    out->mae = off / m;
    out->bias = bias / m;
    out->keep = both / m;
    out->keep_chance = chance;
    out->kappa = chance < 1 ? (both / m - chance) / (1 - chance) : (double)NAN;
    out->by_question =
        stat_spearman_within(p->x, p->y, p->group, p->n, out->n_questions, &out->n_by_question);
}

persona_code agreement_of(const float *score, const float *label, const char *const *question,
                          size_t n, agreement *out, persona_err *e)
{
    pairing p = {.n = 0};
    persona_code rc = PERSONA_OK;
    *out = (agreement){0};
    TRY(pair_up(score, label, question, n, &p, out, e));
    compare(&p, out);
out:
    pairing_free(&p);
    return rc;
}

persona_code judge_agreement(persona_judge *j, const persona_trait *trait,
                             const persona_judge_item *items, size_t n, const persona_hooks *hooks,
                             agreement *of_trait, agreement *of_coherence, persona_err *e)
{
    persona_code rc = PERSONA_OK;
    persona_judgement *got = mem_calloc(n, sizeof *got);
    float *score = mem_calloc(n, sizeof *score), *label = mem_calloc(n, sizeof *label);
    const char **question = mem_calloc(n, sizeof *question);
    TRY(got && score && label && question ? PERSONA_OK : mem_err(e, "scores"));
    TRY(persona_judge_all(j, trait, items, n, hooks, got, e));
    for (size_t i = 0; i < n; i++) {
        score[i] = got[i].trait;
        label[i] = items[i].label_trait;
        question[i] = items[i].question;
    }
    TRY(agreement_of(score, label, question, n, of_trait, e));
    for (size_t i = 0; i < n; i++) {
        score[i] = got[i].coherence;
        label[i] = items[i].label_coherence;
    }
    if (of_coherence) {
        TRY(agreement_of(score, label, question, n, of_coherence, e));
    }
out:
    mem_free(got);
    mem_free(score);
    mem_free(label);
    mem_free(question);
    return rc;
}
