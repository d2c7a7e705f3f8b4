/* SPDX-License-Identifier: MIT
 *
 * verdict.c - from scored answers to numbers: swings, spreads of what was drawn, margins over
 * controls. What they mean is verdict_decide.c.
 *
 * swing = mean score at coefficient +1 less that at -1. Of one evaluation, questions are resampled,
 * jointly for everything that is compared: the interval is given this vector. Of several that were
 * pooled, what is compared is subtracted question by question and repeat by repeat, and the
 * interval covers both (core/measure/crossed.c).
 */
#include "pipeline/evaluate/verdict.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "base/try.h"
#include "core/measure/stats.h"
#include "pipeline/evaluate/conditions.h"
#include "pipeline/evaluate/verdict_scores.h"

#define NORMAL_97_5 1.96
#define MIN_EFFECT 5.0 /* points of native effect below which a retained fraction means nothing */

static const persona_interval none = {(double)NAN, (double)NAN, (double)NAN};

persona_code verdict_swing(const stat_sample *high, const stat_sample *low, size_t n_questions,
                           uint32_t seed, persona_interval *out, persona_err *e)
{
    *out = none;
    if (high->n == 0 || low->n == 0) {
        return PERSONA_OK;
    }
    return stat_bootstrap_diff(*high, *low, (stat_draws){VERDICT_DRAWS, n_questions, seed}, out, e);
}

/* What is known of a swing. */
typedef struct swing_noise {
    double se, df; /* df: INFINITY where questions were resampled */
} swing_noise;

static swing_noise noise_within(const persona_interval *x)
{
    return (swing_noise){(x->high - x->low) / (2 * NORMAL_97_5), (double)INFINITY};
}

/* Swing of a condition or of one of its variants, over questions and repeats where there are such.
 */
static persona_code interval_of(const verdict_board *b, const char *condition, int variant,
                                const scores *high, const scores *low, persona_interval *out,
                                swing_noise *noise, persona_err *e)
{
    persona_code rc = PERSONA_OK;
    const scores_term terms[] = {{condition, 1, variant, 1}, {condition, -1, variant, -1}};
    const stat_sample h = scores_sample(high), l = scores_sample(low);
    stat_crossed x;
    if (!scores_repeated(b, condition, variant) || h.n == 0 || l.n == 0) {
        TRY(verdict_swing(&h, &l, b->n_questions, b->seed, out, e));
        *noise = noise_within(out);
        goto out;
    }
    TRY(scores_crossed(b, terms, 2, &x, e));
    *out = stat_crossed_interval(x);
    *noise = (swing_noise){x.se, x.df};
out:
    return rc;
}

/* Swing and coherence of a condition, or of one of its variants. coherence (2) and noise may be
 * NULL. */
static persona_code swing_of(const verdict_board *b, const char *condition, int variant,
                             persona_interval *out, double *coherence, swing_noise *noise,
                             persona_err *e)
{
    persona_code rc = PERSONA_OK;
    scores high = {.n = 0}, low = {.n = 0};
    swing_noise ignored;
    *out = none;
    TRY(scores_gather(b, condition, 1, variant, &high, e));
    TRY(scores_gather(b, condition, -1, variant, &low, e));
    TRY(interval_of(b, condition, variant, &high, &low, out, noise ? noise : &ignored, e));
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
        TRY(scores_gather(b, condition, c->coefficient, -1, &s, e));
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

/* (T - base) / (N - base) at +1, over questions and repeats. */
static persona_code retained_crossed(const verdict_board *b, const char *condition,
                                     persona_interval *out, persona_err *e)
{
    persona_code rc = PERSONA_OK;
    const size_t n = b->n_repeats * b->n_questions;
    const scores_term top[] = {{condition, 1, -1, 1}, {"unsteered", 0, -1, -1}},
                      bottom[] = {{"native", 1, -1, 1}, {"unsteered", 0, -1, -1}};
    double *y = mem_calloc(n, sizeof *y), *z = mem_calloc(n, sizeof *z);
    TRY(y && z ? scores_sum(b, top, 2, y, e) : mem_err(e, "a verdict"));
    TRY(scores_sum(b, bottom, 2, z, e));
    if (fabs(stat_crossed_mean(z, b->n_repeats, b->n_questions).mean) >= MIN_EFFECT) {
        *out = stat_crossed_ratio(y, z, b->n_repeats, b->n_questions);
    }
out:
    mem_free(z);
    mem_free(y);
    return rc;
}

static persona_code retained_of(const verdict_board *b, const char *condition,
                                persona_interval *out, persona_err *e)
{
    persona_code rc = PERSONA_OK;
    scores t = {.n = 0}, n = {.n = 0}, base = {.n = 0};
    *out = none;
    if (scores_repeated(b, condition, -1)) {
        return retained_crossed(b, condition, out, e);
    }
    TRY(scores_gather(b, condition, 1, -1, &t, e));
    TRY(scores_gather(b, "native", 1, -1, &n, e));
    TRY(scores_gather(b, "unsteered", 0, -1, &base, e));
    if (t.n > 0 && n.n > 0 && base.n > 0) {
        TRY(stat_bootstrap_retained((stat_sample){t.x, t.group, t.n},
                                    (stat_sample){n.x, n.group, n.n},
                                    (stat_sample){base.x, base.group, base.n}, MIN_EFFECT,
                                    (stat_draws){VERDICT_DRAWS, b->n_questions, b->seed}, out, e));
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
    swing_noise noise = {(double)NAN, (double)NAN};
    persona_swing *s = &out->swings[out->n_swings];
    *s = (persona_swing){.condition = c->name, .null = condition_is_null(c), .retained = none};
    s->note = mem_strdup(note_of(b, c->name));
    if (!s->note) {
        return mem_err(e, "a verdict");
    }
    out->n_swings++;
    TRY(swing_of(b, c->name, -1, &s->swing, coherence, &noise, e));
    s->se = noise.se;
    s->df = noise.df;
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
 * own noise comes on top, and the fewer degrees of freedom count. Draws of all repeats are one
 * heap: the transferred vectors of several repeats are much alike, so together they are still one
 * draw. */
static void place(persona_spread *s, const persona_swing *t)
{
    double *x = mem_calloc(s->n, sizeof *x);
    size_t n = 0;
    for (size_t k = 0; x && k < s->n; k++) {
        if (!isnan(s->swing[k].value)) {
            s->n_reaching += s->swing[k].value >= t->swing.value;
            x[n++] = s->swing[k].value;
        }
    }
    s->mean = stat_mean(x, n);
    s->sd = stat_sd(x, n);
    mem_free(x);
    const double sd = sqrt(s->sd * s->sd * (1 + 1 / (double)n) + t->se * t->se);
    s->z = (t->swing.value - s->mean) / sd;
    s->p = stat_t_above(s->z, fmin((double)n - 1, t->df));
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
        TRY(swing_of(b, condition, (int)s->n, &s->swing[s->n], NULL, NULL, e));
        s->what[s->n] = mem_strdup(note_of_draw(b, condition, s->n));
        TRY(s->what[s->n] ? PERSONA_OK : mem_err(e, "the draws of a control"));
    }
    place(s, t ? t : &(persona_swing){.swing = none, .se = (double)NAN});
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
        TRY(scores_gather(b, "transferred", low ? -1 : 1, -1, &mine[low], e));
        TRY(scores_gather(b, condition, low ? -1 : 1, variant, &theirs[low], e));
    }
    if (mine[0].n == 0 || mine[1].n == 0 || theirs[0].n == 0 || theirs[1].n == 0) {
        goto out;
    }
    const size_t up =
        either && stat_mean(theirs[0].x, theirs[0].n) < stat_mean(theirs[1].x, theirs[1].n);
    if (scores_repeated(b, condition, variant)) {
        const scores_term terms[] = {{"transferred", 1, -1, 1},
                                     {"transferred", -1, -1, -1},
                                     {condition, up ? -1 : 1, variant, -1},
                                     {condition, up ? 1 : -1, variant, 1}};
        stat_crossed x;
        TRY(scores_crossed(b, terms, 4, &x, e));
        *out = stat_crossed_interval(x);
        goto out;
    }
    const stat_sample a[2] = {scores_sample(&mine[0]), scores_sample(&mine[1])},
                      c[2] = {scores_sample(&theirs[up]), scores_sample(&theirs[1 - up])};
    TRY(stat_bootstrap_swings(a, c, (stat_draws){VERDICT_DRAWS, b->n_questions, b->seed}, out, e));
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

/* ---- other traits' scores -------------------------------------------------------------------- */

/* A board of the cells of one note. */
static persona_code add_cross(const verdict_board *b, const char *trait, eval_cell *cells,
                              persona_evaluation *out, persona_err *e)
{
    persona_code rc = PERSONA_OK;
    persona_cross *c = &out->crosses[out->n_crosses];
    verdict_board own = *b;
    own.cells = cells;
    own.n = 0;
    for (size_t i = 0; i < b->n; i++) {
        if (strcmp(b->cells[i].condition, EVALUATE_CROSS) == 0 &&
            strcmp(b->cells[i].note, trait) == 0) {
            cells[own.n++] = b->cells[i];
        }
    }
    c->trait = mem_strdup(trait);
    TRY(c->trait ? PERSONA_OK : mem_err(e, "other traits' scores"));
    out->n_crosses++;
    TRY(swing_of(&own, EVALUATE_CROSS, -1, &c->swing, NULL, NULL, e));
out:
    return rc;
}

static persona_code add_crosses(const verdict_board *b, persona_evaluation *out, persona_err *e)
{
    persona_code rc = PERSONA_OK;
    eval_cell *cells = mem_calloc(b->n, sizeof *cells);
    out->crosses = mem_calloc(b->n, sizeof *out->crosses);
    TRY(cells && out->crosses ? PERSONA_OK : mem_err(e, "other traits' scores"));
    for (size_t i = 0; i < b->n; i++) {
        bool fresh = strcmp(b->cells[i].condition, EVALUATE_CROSS) == 0;
        for (size_t k = 0; fresh && k < out->n_crosses; k++) {
            fresh = strcmp(out->crosses[k].trait, b->cells[i].note) != 0;
        }
        if (fresh) {
            TRY(add_cross(b, b->cells[i].note, cells, out, e));
        }
    }
out:
    mem_free(cells);
    return rc;
}

/* ---- answers that are missing ---------------------------------------------------------------- */

double verdict_loss(const verdict_board *b, const char *condition, double coefficient)
{
    size_t n = 0, missing = 0;
    for (size_t i = 0; i < b->n; i++) {
        const eval_cell *c = &b->cells[i];
        if (scores_belong(c, condition, coefficient, -1)) {
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
    TRY(add_crosses(b, out, e));
    TRY(scores_gather(b, "unsteered", 0, -1, &base, e));
    const persona_swing *t = persona_evaluation_swing(out, "transferred");
    if (t) {
        out->retained = t->retained;
    }
    verdict_decide(b, base.coherence, void_reason, out);
out:
    scores_free(&base);
    return rc;
}
