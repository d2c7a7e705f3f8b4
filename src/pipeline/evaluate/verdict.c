/* SPDX-License-Identifier: MIT
 *
 * verdict.c - from scored answers to numbers: swings, spreads of what was drawn, margins over
 * controls. What they mean is verdict_decide.c.
 *
 * swing = mean score at coefficient +1 less that at -1. Questions are resampled, and jointly for
 * everything that is compared.
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
#define NORMAL_97_5 1.96
#define MIN_EFFECT 5.0 /* points of native effect below which a retained fraction means nothing */

static const persona_interval none = {(double)NAN, (double)NAN, (double)NAN};

/* The scores of a condition at a coefficient, all variants together or one. */
typedef struct scores {
    double *x;
    size_t *group, n;
    size_t n_missing;
    double coherence;
} scores;

static stat_sample sample_of(const scores *s)
{
    return (stat_sample){s->x, s->group, s->n};
}

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

static persona_code gather(const verdict_board *b, const char *condition, double coefficient,
                           int variant, scores *s, persona_err *e)
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
        s->n_missing += c->n_missing;
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
static persona_code swing_of(const verdict_board *b, const char *condition, int variant,
                             persona_interval *out, double *coherence, persona_err *e)
{
    persona_code rc = PERSONA_OK;
    scores high = {.n = 0}, low = {.n = 0};
    *out = none;
    TRY(gather(b, condition, 1, variant, &high, e));
    TRY(gather(b, condition, -1, variant, &low, e));
    const stat_sample h = sample_of(&high), l = sample_of(&low);
    TRY(verdict_swing(&h, &l, b->n_questions, b->seed, out, e));
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
static persona_code spearman_of(const verdict_board *b, const char *condition, double *out,
                                persona_err *e)
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

static persona_code retained_of(const verdict_board *b, const char *condition,
                                persona_interval *out, persona_err *e)
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

static const char *note_of(const verdict_board *b, const char *condition)
{
    for (size_t i = 0; i < b->n; i++) {
        if (strcmp(b->cells[i].condition, condition) == 0 && b->cells[i].note) {
            return b->cells[i].note;
        }
    }
    return "";
}

static bool ran(const verdict_board *b, const char *condition)
{
    for (size_t i = 0; i < b->n; i++) {
        if (strcmp(b->cells[i].condition, condition) == 0) {
            return true;
        }
    }
    return false;
}

static persona_code add_swing(const verdict_board *b, const condition_kind *c,
                              persona_evaluation *out, persona_err *e)
{
    persona_code rc = PERSONA_OK;
    double coherence[2];
    persona_swing *s = &out->swings[out->n_swings];
    *s = (persona_swing){.condition = c->name, .null = condition_is_null(c), .retained = none};
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

static persona_code add_swings(const verdict_board *b, persona_evaluation *out, persona_err *e)
{
    persona_code rc = PERSONA_OK;
    const size_t n = condition_count();
    out->swings = mem_calloc(n, sizeof *out->swings);
    TRY(out->swings ? PERSONA_OK : mem_err(e, "a verdict"));
    for (size_t i = 0; i < n; i++) {
        if (strcmp(condition_at(i)->name, "unsteered") != 0 && ran(b, condition_at(i)->name)) {
            TRY(add_swing(b, condition_at(i), out, e));
        }
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

/* ---- controls that are drawn ----------------------------------------------------------------- */

static size_t count_draws(const verdict_board *b, const char *condition)
{
    int most = -1;
    for (size_t i = 0; i < b->n; i++) {
        if (strcmp(b->cells[i].condition, condition) == 0 && b->cells[i].variant > most) {
            most = b->cells[i].variant;
        }
    }
    return most < 0 ? 0 : (size_t)most + 1;
}

static const char *note_of_draw(const verdict_board *b, const char *condition, size_t k)
{
    for (size_t i = 0; i < b->n; i++) {
        const eval_cell *c = &b->cells[i];
        if (strcmp(c->condition, condition) == 0 && c->variant == (int)k && c->note) {
            return c->note;
        }
    }
    return "";
}

/* Mean and spread of the draws, and where the transferred swing lies: one more draw of the same
 * kind would be t distributed around the mean with the sd of a prediction; the transferred swing's
 * own noise comes on top. */
static void place(persona_spread *s, const persona_interval *t)
{
    double *x = mem_calloc(s->n, sizeof *x);
    size_t n = 0;
    for (size_t k = 0; x && k < s->n; k++) {
        if (!isnan(s->swing[k].value)) {
            s->n_reaching += s->swing[k].value >= t->value;
            x[n++] = s->swing[k].value;
        }
    }
    s->mean = stat_mean(x, n);
    s->sd = stat_sd(x, n);
    mem_free(x);
    const double noise = (t->high - t->low) / (2 * NORMAL_97_5);
    const double sd = sqrt(s->sd * s->sd * (1 + 1 / (double)n) + noise * noise);
    s->z = (t->value - s->mean) / sd;
    s->p = stat_t_above(s->z, (double)n - 1);
}

static persona_code add_spread(const verdict_board *b, const char *condition, size_t n,
                               persona_evaluation *out, persona_err *e)
{
    persona_code rc = PERSONA_OK;
    const persona_swing *t = persona_evaluation_swing(out, "transferred");
    persona_spread *s = &out->spreads[out->n_spreads];
    *s = (persona_spread){.condition = condition,
                          .swing = mem_calloc(n, sizeof *s->swing),
                          .what = mem_calloc(n, sizeof *s->what)};
    out->n_spreads++;
    TRY(s->swing && s->what ? PERSONA_OK : mem_err(e, "the draws of a control"));
    for (; s->n < n; s->n++) {
        TRY(swing_of(b, condition, (int)s->n, &s->swing[s->n], NULL, e));
        s->what[s->n] = mem_strdup(note_of_draw(b, condition, s->n));
        TRY(s->what[s->n] ? PERSONA_OK : mem_err(e, "the draws of a control"));
    }
    place(s, t ? &t->swing : &none);
out:
    return rc;
}

static persona_code add_spreads(const verdict_board *b, persona_evaluation *out, persona_err *e)
{
    persona_code rc = PERSONA_OK;
    const size_t n = condition_count();
    out->spreads = mem_calloc(n, sizeof *out->spreads);
    TRY(out->spreads ? PERSONA_OK : mem_err(e, "a verdict"));
    for (size_t i = 0; i < n; i++) {
        const size_t draws = count_draws(b, condition_at(i)->name);
        if (draws > 0) {
            TRY(add_spread(b, condition_at(i)->name, draws, out, e));
        }
    }
out:
    return rc;
}

const persona_spread *persona_evaluation_spread(const persona_evaluation *x, const char *condition)
{
    for (size_t i = 0; x && i < x->n_spreads; i++) {
        if (strcmp(x->spreads[i].condition, condition) == 0) {
            return &x->spreads[i];
        }
    }
    return NULL;
}

/* ---- margins --------------------------------------------------------------------------------- */

/* By how much the transferred vector swings the score farther than draw `variant` of a condition
 * (-1: all of it). either: than it does in either direction. */
static persona_code margin_of(const verdict_board *b, const char *condition, int variant,
                              bool either, persona_interval *out, persona_err *e)
{
    persona_code rc = PERSONA_OK;
    scores mine[2] = {{.n = 0}, {.n = 0}}, theirs[2] = {{.n = 0}, {.n = 0}};
    *out = none;
    for (int low = 0; low < 2; low++) {
        TRY(gather(b, "transferred", low ? -1 : 1, -1, &mine[low], e));
        TRY(gather(b, condition, low ? -1 : 1, variant, &theirs[low], e));
    }
    if (mine[0].n == 0 || mine[1].n == 0 || theirs[0].n == 0 || theirs[1].n == 0) {
        goto out;
    }
    const size_t up =
        either && stat_mean(theirs[0].x, theirs[0].n) < stat_mean(theirs[1].x, theirs[1].n);
    const stat_sample a[2] = {sample_of(&mine[0]), sample_of(&mine[1])},
                      c[2] = {sample_of(&theirs[up]), sample_of(&theirs[1 - up])};
    TRY(stat_bootstrap_swings(a, c, (stat_draws){DRAWS, b->n_questions, b->seed}, out, e));
out:
    for (size_t i = 0; i < 2; i++) {
        scores_free(&mine[i]);
        scores_free(&theirs[i]);
    }
    return rc;
}

static persona_code add_margin(const verdict_board *b, const condition_kind *c, int variant,
                               persona_evaluation *out, persona_err *e)
{
    persona_code rc = PERSONA_OK;
    persona_margin *m = &out->margins[out->n_margins];
    *m = (persona_margin){.condition = c->name, .points = none};
    m->what = mem_strdup(variant < 0 ? "" : note_of_draw(b, c->name, (size_t)variant));
    TRY(m->what ? PERSONA_OK : mem_err(e, "a verdict"));
    out->n_margins++;
    TRY(margin_of(b, c->name, variant, c->test == TEST_OWN, &m->points, e));
out:
    return rc;
}

static persona_code add_margins(const verdict_board *b, persona_evaluation *out, persona_err *e)
{
    persona_code rc = PERSONA_OK;
    size_t n = 0;
    for (size_t i = 0; condition_at(i); i++) {
        n += 1 + count_draws(b, condition_at(i)->name);
    }
    out->margins = mem_calloc(n, sizeof *out->margins);
    TRY(out->margins ? PERSONA_OK : mem_err(e, "a verdict"));
    for (size_t i = 0; condition_at(i); i++) {
        const condition_kind *c = condition_at(i);
        const size_t draws = c->test == TEST_OWN ? count_draws(b, c->name) : 0;
        if (c->test == TEST_BEYOND && ran(b, c->name)) {
            TRY(add_margin(b, c, -1, out, e));
        }
        for (size_t k = 0; k < draws; k++) {
            TRY(add_margin(b, c, (int)k, out, e));
        }
    }
out:
    return rc;
}

/* ---- answers that are missing ---------------------------------------------------------------- */

double verdict_loss(const verdict_board *b, const char *condition, double coefficient)
{
    size_t n = 0, missing = 0;
    for (size_t i = 0; i < b->n; i++) {
        const eval_cell *c = &b->cells[i];
        if (belongs(c, condition, coefficient, -1)) {
            n += c->n;
            missing += c->n_missing;
        }
    }
    return n > 0 ? (double)missing / (double)n : (double)NAN;
}

/* ---- all of it ------------------------------------------------------------------------------- */

persona_code verdict_fill(const verdict_board *b, const char *void_reason, persona_evaluation *out,
                          persona_err *e)
{
    persona_code rc = PERSONA_OK;
    scores base = {.n = 0};
    out->retained = none;
    TRY(witness_fill(b, out, e));
    TRY(add_swings(b, out, e));
    TRY(add_spreads(b, out, e));
    TRY(add_margins(b, out, e));
    TRY(gather(b, "unsteered", 0, -1, &base, e));
    const persona_swing *t = persona_evaluation_swing(out, "transferred");
    if (t) {
        out->retained = t->retained;
    }
    verdict_decide(b, base.coherence, void_reason, out);
out:
    scores_free(&base);
    return rc;
}
