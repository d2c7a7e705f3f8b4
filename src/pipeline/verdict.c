/* SPDX-License-Identifier: MIT
 *
 * verdict.c - whether a transferred vector did anything that its controls did not.
 *
 * swing = mean score at coefficient +1 minus that at -1, questions resampled jointly. PASS iff the lower bound of the transferred swing is above
 * the upper bounds of the random and the shuffled swing, and score rises with the coefficient
 * (Spearman over the coefficients' means >= 0.8). Everything else is FAIL, with the reason.
 */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "core/stats.h"
#include "pipeline/verdict.h"

#define DRAWS 2000
#define MIN_SPEARMAN (0.8 - 1e-9) /* five ranks give 0.8 itself, which must not fail by rounding */
#define MIN_EFFECT 5.0 /* points of native effect below which a retained fraction means nothing */

typedef struct board {
    const eval_cell *cells;
    size_t n, n_questions;
    uint32_t seed;
} board;

static const eval_cell *cell_at(const board *b, const char *condition, double coefficient)
{
    for (size_t i = 0; i < b->n; i++) {
        if (strcmp(b->cells[i].condition, condition) == 0 &&
            b->cells[i].coefficient == coefficient) {
            return &b->cells[i];
        }
    }
    return NULL;
}

static stat_sample sample_of(const eval_cell *c)
{
    return (stat_sample){.x = c->score, .group = c->group, .n = c->n};
}

static persona_code swing(const board *b, const char *condition, persona_interval *out,
                          persona_err *e)
{
    const eval_cell *high = cell_at(b, condition, 1), *low = cell_at(b, condition, -1);
    stat_interval s;
    *out = (persona_interval){NAN, NAN, NAN};
    if (high == NULL || low == NULL || high->n == 0 || low->n == 0) {
        return PERSONA_OK;
    }
    persona_code rc =
        stat_bootstrap_diff(sample_of(high), sample_of(low), b->n_questions, DRAWS, b->seed, &s, e);
    if (rc == PERSONA_OK) {
        *out = (persona_interval){s.value, s.low, s.high};
    }
    return rc;
}

static double spearman(const board *b, const char *condition)
{
    double x[64], y[64];
    size_t n = 0;
    for (size_t i = 0; i < b->n && n < 64; i++) {
        if (strcmp(b->cells[i].condition, condition) == 0) {
            x[n] = b->cells[i].coefficient;
            y[n++] = stat_mean(b->cells[i].score, b->cells[i].n);
        }
    }
    return n >= 3 ? stat_spearman(x, y, n) : (double)NAN;
}

static persona_code retained(const board *b, persona_interval *out, persona_err *e)
{
    const eval_cell *t = cell_at(b, "transferred", 1), *n = cell_at(b, "native", 1);
    const eval_cell *base = cell_at(b, "unsteered", 0);
    stat_interval s;
    *out = (persona_interval){NAN, NAN, NAN};
    if (t == NULL || n == NULL || base == NULL || t->n == 0 || n->n == 0 || base->n == 0) {
        return PERSONA_OK;
    }
    persona_code rc = stat_bootstrap_retained(sample_of(t), sample_of(n), sample_of(base),
                                              b->n_questions, MIN_EFFECT, DRAWS, b->seed, &s, e);
    if (rc == PERSONA_OK) {
        *out = (persona_interval){s.value, s.low, s.high};
    }
    return rc;
}

/* Sets pass and reason; the first thing that is missing is the reason. */
static void decide(persona_evaluation *x)
{
    const persona_interval *t = &x->swing_transferred;
    const struct {
        const char *name;
        const persona_interval *null;
    } nulls[] = {{"random directions", &x->swing_random}, {"shuffled pairing", &x->swing_shuffled}};
    x->pass = false;
    if (isnan(t->value)) {
        snprintf(x->reason, sizeof x->reason, "no transferred vector was evaluated, or not judged");
        return;
    }
    for (size_t i = 0; i < 2; i++) {
        if (isnan(nulls[i].null->value)) {
            snprintf(x->reason, sizeof x->reason, "the control '%s' was not run, or not judged",
                     nulls[i].name);
            return;
        }
        if (!(t->low > nulls[i].null->high)) {
            snprintf(x->reason, sizeof x->reason,
                     "swing %.1f [%.1f, %.1f] is not above %s %.1f [%.1f, %.1f]", t->value, t->low,
                     t->high, nulls[i].name, nulls[i].null->value, nulls[i].null->low,
                     nulls[i].null->high);
            return;
        }
    }
    if (!(x->spearman_transferred >= MIN_SPEARMAN)) {
        snprintf(x->reason, sizeof x->reason,
                 "score does not rise with the coefficient (Spearman %.2f, needs %.1f)",
                 x->spearman_transferred, MIN_SPEARMAN);
        return;
    }
    x->pass = true;
    snprintf(x->reason, sizeof x->reason,
             "swing %.1f [%.1f, %.1f] is above random %.1f [%.1f, %.1f] and shuffled %.1f [%.1f, "
             "%.1f]; Spearman %.2f",
             t->value, t->low, t->high, x->swing_random.value, x->swing_random.low,
             x->swing_random.high, x->swing_shuffled.value, x->swing_shuffled.low,
             x->swing_shuffled.high, x->spearman_transferred);
}

persona_code verdict_fill(const eval_cell *cells, size_t n_cells, size_t n_questions, uint32_t seed,
                          persona_evaluation *out, persona_err *e)
{
    board b = {.cells = cells, .n = n_cells, .n_questions = n_questions, .seed = seed};
    const struct {
        const char *condition;
        persona_interval *swing;
    } swings[] = {
        {"native", &out->swing_native}, {"transferred", &out->swing_transferred},
        {"random", &out->swing_random}, {"shuffled", &out->swing_shuffled},
        {"prompt", &out->swing_prompt}, {"sampling", &out->swing_sampling},
    };
    persona_code rc = PERSONA_OK;
    for (size_t i = 0; rc == PERSONA_OK && i < sizeof swings / sizeof swings[0]; i++) {
        rc = swing(&b, swings[i].condition, swings[i].swing, e);
    }
    if (rc == PERSONA_OK) {
        rc = retained(&b, &out->retained, e);
    }
    out->spearman_native = spearman(&b, "native");
    out->spearman_transferred = spearman(&b, "transferred");
    decide(out);
    return rc;
}
