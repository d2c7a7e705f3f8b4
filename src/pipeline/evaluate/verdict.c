/* SPDX-License-Identifier: MIT
 *
 * verdict.c - whether a transferred vector did anything that its controls did not.
 *
 * swing = mean score at coefficient +1 less that at -1, questions resampled jointly. PASS iff the
 * lower bound of the transferred swing is above the upper bound of every null that ran (each
 * random direction by itself), score rises with the coefficient (Spearman over the coefficients'
 * means >= 0.8), and the answers did not fall apart. Everything else is FAIL, with the first thing
 * that is missing as the reason.
 */
#include "pipeline/evaluate/verdict.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "base/try.h"
#include "core/measure/stats.h"
#include "pipeline/evaluate/conditions.h"

#define DRAWS 2000
#define MIN_SPEARMAN (0.8 - 1e-9) /* five ranks give 0.8 itself, which must not fail by rounding */
#define MIN_EFFECT 5.0 /* points of native effect below which a retained fraction means nothing */
#define MIN_COHERENCE 0.5 /* of the unsteered one */

static const persona_interval none = {(double)NAN, (double)NAN, (double)NAN};

typedef struct board {
    const eval_cell *cells;
    size_t n, n_questions;
    uint32_t seed;
} board;

/* The scores of a condition at a coefficient, all variants together or one. */
typedef struct scores {
    double *x;
    size_t *group, n;
    double coherence;
} scores;

static void scores_free(scores *s)
{
    mem_free(s->x);
    mem_free(s->group);
}

static bool belongs(const eval_cell *c, const char *condition, double coefficient, int variant)
{
    return strcmp(c->condition, condition) == 0 && c->coefficient >= coefficient &&
           c->coefficient <= coefficient && (variant < 0 || c->variant == variant);
}

static persona_code gather(const board *b, const char *condition, double coefficient, int variant,
                           scores *s, persona_err *e)
{
    size_t n = 0, n_coherent = 0;
    double coherence = 0;
    *s = (scores){.coherence = (double)NAN};
    for (size_t i = 0; i < b->n; i++) {
        n += belongs(&b->cells[i], condition, coefficient, variant) ? b->cells[i].n : 0;
    }
    s->x = mem_calloc(n, sizeof *s->x);
    s->group = mem_calloc(n, sizeof *s->group);
    if (!s->x || !s->group) {
        return mem_err(e, "a verdict");
    }
    for (size_t i = 0; i < b->n; i++) {
        const eval_cell *c = &b->cells[i];
        if (!belongs(c, condition, coefficient, variant)) {
            continue;
        }
        memcpy(s->x + s->n, c->score, c->n * sizeof *s->x);
        memcpy(s->group + s->n, c->group, c->n * sizeof *s->group);
        s->n += c->n;
        for (size_t k = 0; k < c->n_coherence; k++) {
            coherence += c->coherence[k];
        }
        n_coherent += c->n_coherence;
    }
    if (n_coherent > 0) {
        s->coherence = coherence / (double)n_coherent;
    }
    return PERSONA_OK;
}

persona_code verdict_swing(const stat_sample *high, const stat_sample *low, size_t n_questions,
                           uint32_t seed, persona_interval *out, persona_err *e)
{
    *out = none;
    if (high->n == 0 || low->n == 0) {
        return PERSONA_OK;
    }
    return stat_bootstrap_diff(*high, *low, (stat_draws){DRAWS, n_questions, seed}, out, e);
}

/* Swing and coherence of a condition, or of one of its variants. coherence (2) may be NULL. */
static persona_code swing_of(const board *b, const char *condition, int variant,
                             persona_interval *out, double *coherence, persona_err *e)
{
    persona_code rc = PERSONA_OK;
    scores high = {.n = 0}, low = {.n = 0};
    *out = none;
    TRY(gather(b, condition, 1, variant, &high, e));
    TRY(gather(b, condition, -1, variant, &low, e));
    TRY(verdict_swing(&(stat_sample){high.x, high.group, high.n},
                      &(stat_sample){low.x, low.group, low.n}, b->n_questions, b->seed, out, e));
out:
    if (coherence) {
        coherence[0] = low.coherence;
        coherence[1] = high.coherence;
    }
    scores_free(&high);
    scores_free(&low);
    return rc;
}

/* Over the means of the coefficients that have any score. */
static persona_code spearman_of(const board *b, const char *condition, double *out, persona_err *e)
{
    persona_code rc = PERSONA_OK;
    scores s = {.n = 0};
    double x[64], y[64];
    size_t n = 0;
    for (size_t i = 0; i < b->n && n < 64; i++) {
        const eval_cell *c = &b->cells[i];
        bool seen = strcmp(c->condition, condition) != 0;
        for (size_t k = 0; k < n; k++) {
            seen = seen || (x[k] >= c->coefficient && x[k] <= c->coefficient);
        }
        if (seen) {
            continue;
        }
        scores_free(&s);
        TRY(gather(b, condition, c->coefficient, -1, &s, e));
        if (s.n > 0) {
            x[n] = c->coefficient;
            y[n++] = stat_mean(s.x, s.n);
        }
    }
    *out = n >= 3 ? stat_spearman(x, y, n) : (double)NAN;
out:
    scores_free(&s);
    return rc;
}

static persona_code retained_of(const board *b, const char *condition, persona_interval *out,
                                persona_err *e)
{
    persona_code rc = PERSONA_OK;
    scores t = {.n = 0}, n = {.n = 0}, base = {.n = 0};
    *out = none;
    TRY(gather(b, condition, 1, -1, &t, e));
    TRY(gather(b, "native", 1, -1, &n, e));
    TRY(gather(b, "unsteered", 0, -1, &base, e));
    if (t.n > 0 && n.n > 0 && base.n > 0) {
        TRY(stat_bootstrap_retained((stat_sample){t.x, t.group, t.n},
                                    (stat_sample){n.x, n.group, n.n},
                                    (stat_sample){base.x, base.group, base.n}, MIN_EFFECT,
                                    (stat_draws){DRAWS, b->n_questions, b->seed}, out, e));
    }
out:
    scores_free(&t);
    scores_free(&n);
    scores_free(&base);
    return rc;
}

/* ---- every condition ------------------------------------------------------------------------- */

static const char *note_of(const board *b, const char *condition)
{
    for (size_t i = 0; i < b->n; i++) {
        if (strcmp(b->cells[i].condition, condition) == 0 && b->cells[i].note) {
            return b->cells[i].note;
        }
    }
    return "";
}

static bool ran(const board *b, const char *condition)
{
    for (size_t i = 0; i < b->n; i++) {
        if (strcmp(b->cells[i].condition, condition) == 0) {
            return true;
        }
    }
    return false;
}

static persona_code add_swing(const board *b, const condition_kind *c, persona_evaluation *out,
                              persona_err *e)
{
    persona_code rc = PERSONA_OK;
    double coherence[2];
    persona_swing *s = &out->swings[out->n_swings];
    *s = (persona_swing){.condition = c->name, .null = c->null, .retained = none};
    s->note = mem_strdup(note_of(b, c->name));
    if (!s->note) {
        return mem_err(e, "a verdict");
    }
    out->n_swings++;
    TRY(swing_of(b, c->name, -1, &s->swing, coherence, e));
    s->coherence_low = coherence[0];
    s->coherence_high = coherence[1];
    TRY(spearman_of(b, c->name, &s->spearman, e));
    if (strcmp(c->name, "native") != 0) {
        TRY(retained_of(b, c->name, &s->retained, e));
    }
out:
    return rc;
}

static persona_code add_swings(const board *b, size_t n_random, persona_evaluation *out,
                               persona_err *e)
{
    persona_code rc = PERSONA_OK;
    size_t n = 0;
    while (condition_at(n)) {
        n++;
    }
    out->swings = mem_calloc(n, sizeof *out->swings);
    out->random = mem_calloc(n_random, sizeof *out->random);
    if (!out->swings || !out->random) {
        return mem_err(e, "a verdict");
    }
    for (size_t i = 0; i < n; i++) {
        if (strcmp(condition_at(i)->name, "unsteered") != 0 && ran(b, condition_at(i)->name)) {
            TRY(add_swing(b, condition_at(i), out, e));
        }
    }
    for (size_t k = 0; k < n_random; k++) {
        TRY(swing_of(b, "random", (int)k, &out->random[k], NULL, e));
        out->n_random = k + 1;
    }
out:
    return rc;
}

const persona_swing *persona_evaluation_swing(const persona_evaluation *x, const char *condition)
{
    for (size_t i = 0; x && i < x->n_swings; i++) {
        if (strcmp(x->swings[i].condition, condition) == 0) {
            return &x->swings[i];
        }
    }
    return NULL;
}

/* ---- deciding -------------------------------------------------------------------------------- */

static persona_interval swing_in(const persona_evaluation *x, const char *condition)
{
    const persona_swing *s = persona_evaluation_swing(x, condition);
    return s ? s->swing : none;
}

/* The random direction that comes closest. */
static persona_interval worst_random(const persona_evaluation *x)
{
    persona_interval worst = none;
    for (size_t k = 0; k < x->n_random; k++) {
        if (!isnan(x->random[k].value) && !(worst.high >= x->random[k].high)) {
            worst = x->random[k];
        }
    }
    return worst;
}

/* False, with the reason, if a null reaches the transferred swing or one that is needed is
 * missing. */
static bool beats_null(persona_evaluation *x, const persona_interval *t, const condition_kind *c)
{
    const bool random = strcmp(c->name, "random") == 0;
    const persona_interval null = random ? worst_random(x) : swing_in(x, c->name);
    if (isnan(null.value)) {
        if (c->must_run) {
            snprintf(x->reason, sizeof x->reason, "the control '%s' was not run, or not judged",
                     c->name);
        }
        return !c->must_run;
    }
    if (t->low > null.high) {
        return true;
    }
    snprintf(x->reason, sizeof x->reason,
             "swing %.1f [%.1f, %.1f] is not above %s %.1f [%.1f, %.1f]", t->value, t->low, t->high,
             random ? "one of the random directions," : c->name, null.value, null.low, null.high);
    return false;
}

static bool keeps_coherence(persona_evaluation *x, const persona_swing *t, double base)
{
    const double least = fmin(t->coherence_low, t->coherence_high);
    if (!(base > 0) || !(least < MIN_COHERENCE * base)) {
        return true;
    }
    snprintf(x->reason, sizeof x->reason,
             "answers fall apart: coherence %.0f at -1 and %.0f at +1, unsteered %.0f",
             t->coherence_low, t->coherence_high, base);
    return false;
}

/* Sets pass and reason; the first thing that is missing is the reason. */
static void decide(persona_evaluation *x, double base_coherence)
{
    const persona_swing *t = persona_evaluation_swing(x, "transferred");
    x->pass = false;
    if (!t || isnan(t->swing.value)) {
        snprintf(x->reason, sizeof x->reason, "no transferred vector was evaluated, or not judged");
        return;
    }
    for (size_t i = 0; condition_at(i); i++) {
        if (condition_at(i)->null && !beats_null(x, &t->swing, condition_at(i))) {
            return;
        }
    }
    if (!(t->spearman >= MIN_SPEARMAN)) {
        snprintf(x->reason, sizeof x->reason,
                 "score does not rise with the coefficient (Spearman %.2f, needs 0.8)",
                 t->spearman);
        return;
    }
    if (!keeps_coherence(x, t, base_coherence)) {
        return;
    }
    const persona_interval r = worst_random(x), s = swing_in(x, "shuffled");
    x->pass = true;
    snprintf(
        x->reason, sizeof x->reason,
        "swing %.1f [%.1f, %.1f] is above every random direction (at most %.1f [%.1f, %.1f]) and "
        "shuffled %.1f [%.1f, %.1f]; Spearman %.2f",
        t->swing.value, t->swing.low, t->swing.high, r.value, r.low, r.high, s.value, s.low, s.high,
        t->spearman);
}

/* Own trait first among the crosses. A trait whose answers move as much as the own one's is not
 * told apart. */
static bool is_specific(const persona_evaluation *x)
{
    const persona_swing *t = persona_evaluation_swing(x, "transferred");
    const persona_interval other = swing_in(x, "other-trait");
    if (!t || isnan(t->swing.value) || (!isnan(other.value) && !(other.value < t->swing.low))) {
        return false;
    }
    for (size_t i = 1; i < x->n_crosses; i++) {
        if (fabs(x->crosses[i].swing.value) >= t->swing.value) {
            return false;
        }
    }
    return true;
}

persona_code verdict_fill(const eval_cell *cells, size_t n_cells, size_t n_questions,
                          size_t n_random, const char *void_reason, uint32_t seed,
                          persona_evaluation *out, persona_err *e)
{
    persona_code rc = PERSONA_OK;
    const board b = {.cells = cells, .n = n_cells, .n_questions = n_questions, .seed = seed};
    scores base = {.n = 0};
    out->retained = none;
    TRY(add_swings(&b, n_random, out, e));
    TRY(gather(&b, "unsteered", 0, -1, &base, e));
    const persona_swing *t = persona_evaluation_swing(out, "transferred");
    if (t) {
        out->retained = t->retained;
    }
    decide(out, base.coherence);
    out->specific = is_specific(out);
    if (void_reason) {
        out->pass = false;
        snprintf(out->reason, sizeof out->reason, "%s", void_reason);
    }
out:
    scores_free(&base);
    return rc;
}
