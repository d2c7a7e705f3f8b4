/* SPDX-License-Identifier: MIT
 *
 * verdict_scores.c - scores of a board, gathered by condition and coefficient: in one heap, for the
 * bootstrap over questions, or question by question and repeat by repeat, for intervals that cover
 * both.
 */
#include "pipeline/evaluate/verdict_scores.h"

#include <math.h>
#include <string.h>

#include "base/mem.h"
#include "base/try.h"

static bool same_variant(const eval_cell *c, const char *condition, int variant)
{
    return strcmp(c->condition, condition) == 0 && (variant < 0 || c->variant == variant);
}

bool scores_belong(const eval_cell *c, const char *condition, double coefficient, int variant)
{
    return same_variant(c, condition, variant) && c->coefficient >= coefficient &&
           c->coefficient <= coefficient;
}

bool scores_repeated(const verdict_board *b, const char *condition, int variant)
{
    const eval_cell *first = NULL;
    for (size_t i = 0; i < b->n; i++) {
        const eval_cell *c = &b->cells[i];
        if (!same_variant(c, condition, variant) || c->n == 0) {
            continue;
        }
        if (first && first->repeat != c->repeat) {
            return true;
        }
        first = c;
    }
    return false;
}

void scores_free(scores *s)
{
    mem_free(s->x);
    mem_free(s->group);
}

persona_code scores_gather(const verdict_board *b, const char *condition, double coefficient,
                           int variant, scores *s, persona_err *e)
{
    size_t n = 0, n_coherent = 0;
    double coherence = 0;
    *s = (scores){.coherence = (double)NAN};
    for (size_t i = 0; i < b->n; i++) {
        n += scores_belong(&b->cells[i], condition, coefficient, variant) ? b->cells[i].n : 0;
    }
    s->x = mem_calloc(n, sizeof *s->x);
    s->group = mem_calloc(n, sizeof *s->group);
    if (!s->x || !s->group) {
        return mem_err(e, "a verdict");
    }
    for (size_t i = 0; i < b->n; i++) {
        const eval_cell *c = &b->cells[i];
        if (!scores_belong(c, condition, coefficient, variant)) {
            continue;
        }
        memcpy(s->x + s->n, c->score, c->n * sizeof *s->x);
        memcpy(s->group + s->n, c->group, c->n * sizeof *s->group);
        s->n += c->n;
        for (size_t k = 0; k < c->n_coherence; k++) {
            coherence += c->coherence[k];
        }
        n_coherent += c->n_coherence;
        s->n_missing += c->n_missing;
    }
    if (n_coherent > 0) {
        s->coherence = coherence / (double)n_coherent;
    }
    return PERSONA_OK;
}

/* ---- question by question -------------------------------------------------------------------- */

/* out (n_repeats, n_questions) += times the mean score of each; count: room for as many. */
static void add_term(const verdict_board *b, const scores_term *t, double *sum, size_t *count,
                     double *out)
{
    const size_t n = b->n_repeats * b->n_questions;
    memset(sum, 0, n * sizeof *sum);
    memset(count, 0, n * sizeof *count);
    for (size_t i = 0; i < b->n; i++) {
        const eval_cell *c = &b->cells[i];
        for (size_t k = 0; scores_belong(c, t->condition, t->coefficient, t->variant) && k < c->n;
             k++) {
            const size_t at = c->repeat * b->n_questions + c->group[k];
            sum[at] += c->score[k];
            count[at]++;
        }
    }
    for (size_t i = 0; i < n; i++) {
        out[i] += count[i] > 0 ? t->times * sum[i] / (double)count[i] : (double)NAN;
    }
}

persona_code scores_sum(const verdict_board *b, const scores_term *terms, size_t n, double *out,
                        persona_err *e)
{
    const size_t n_values = b->n_repeats * b->n_questions;
    double *sum = mem_calloc(n_values, sizeof *sum);
    size_t *count = mem_calloc(n_values, sizeof *count);
    const bool ok = sum && count;
    memset(out, 0, n_values * sizeof *out);
    for (size_t i = 0; ok && i < n; i++) {
        add_term(b, &terms[i], sum, count, out);
    }
    mem_free(count);
    mem_free(sum);
    return ok ? PERSONA_OK : mem_err(e, "a verdict");
}

persona_code scores_crossed(const verdict_board *b, const scores_term *terms, size_t n,
                            stat_crossed *out, persona_err *e)
{
    persona_code rc = PERSONA_OK;
    double *y = mem_calloc(b->n_repeats * b->n_questions, sizeof *y);
    TRY(y ? scores_sum(b, terms, n, y, e) : mem_err(e, "a verdict"));
    *out = stat_crossed_mean(y, b->n_repeats, b->n_questions);
out:
    mem_free(y);
    return rc;
}
