/* SPDX-License-Identifier: MIT
 *
 * sweep_curves.c - what the answers of a sweep come to: points with intervals over questions, and
 * per operator and block the response to the coefficient.
 *
 * A missing score counts as the mean of the unsteered answers, so that it pulls every effect
 * towards none. Every difference is taken on the same questions.
 */
#include <math.h>
#include <string.h>

#include "base/mem.h"
#include "base/try.h"
#include "core/measure/doseresponse.h"
#include "core/measure/stats.h"
#include "pipeline/sweep/sweep_parts.h"

enum { DRAWS = 2000 };
#define FLAT 1e-6 /* points per unit: judges score in float32 */
#define COHERENT_AT_MOST 70.0
#define COHERENT_SHARE 0.8 /* of the unsteered answers' coherence, where that is low already */

/* Scores of a point without holes; group: the question of each. */
typedef struct filled {
    double *score; /* (n) */
    size_t *group, n;
} filled;

static const sweep_point *answers_of(const sweeping *x, const sweep_point *p)
{
    return p->same_as_base ? &x->points[0] : p;
}

/* The unsteered answers that a point is compared with. */
static const sweep_point *base_of(const sweeping *x, const sweep_point *p)
{
    for (size_t i = 0; p->behind && i < x->n_points; i++) {
        if (x->points[i].behind) {
            return &x->points[i];
        }
    }
    return &x->points[0];
}

static double mean_there(const double *x, size_t n)
{
    double sum = 0;
    size_t m = 0;
    for (size_t i = 0; i < n; i++) {
        sum += isnan(x[i]) ? 0 : x[i];
        m += isnan(x[i]) ? 0 : 1;
    }
    return m > 0 ? sum / (double)m : (double)NAN;
}

static persona_code fill(const sweeping *x, const sweep_point *p, filled *out, persona_err *e)
{
    const sweep_point *from = answers_of(x, p);
    const double base = mean_there(base_of(x, p)->score, x->n_each);
    *out = (filled){.score = mem_calloc(x->n_each, sizeof *out->score),
                    .group = mem_calloc(x->n_each, sizeof *out->group)};
    if (out->score == NULL || out->group == NULL) {
        return mem_err(e, "scores");
    }
    for (size_t i = 0; !isnan(base) && i < x->n_each; i++) {
        out->score[out->n] = isnan(from->score[i]) ? base : from->score[i];
        out->group[out->n++] = i / x->n_answers;
    }
    return PERSONA_OK;
}

static void filled_free(filled *f)
{
    mem_free(f->score);
    mem_free(f->group);
}

/* ---- points ---------------------------------------------------------------------------------- */

static persona_code intervals(const sweeping *x, const sweep_point *p, persona_sweep_point *out,
                              persona_err *e)
{
    persona_code rc = PERSONA_OK;
    const stat_draws draws = {DRAWS, x->n_questions, x->o->seed};
    const persona_interval none = {(double)NAN, (double)NAN, (double)NAN};
    filled mine = {0}, base = {0};
    out->score = out->shift = none;
    TRY(fill(x, p, &mine, e));
    TRY(fill(x, base_of(x, p), &base, e));
    if (mine.n == 0) {
        goto out;
    }
    const stat_sample high = {mine.score, mine.group, mine.n};
    const stat_sample low = {base.score, base.group, base.n};
    TRY(stat_bootstrap_mean(high, draws, &out->score, e));
    TRY(stat_bootstrap_diff(high, low, draws, &out->shift, e));
out:
    filled_free(&mine);
    filled_free(&base);
    return rc;
}

/* Of the answers that were thought about at all; nothing is filled in for the others. */
static persona_code thoughts(const sweeping *x, const sweep_point *p, persona_sweep_point *out,
                             persona_err *e)
{
    persona_code rc = PERSONA_OK;
    double *there = mem_calloc(x->n_each, sizeof *there);
    size_t *group = mem_calloc(x->n_each, sizeof *group), n = 0;
    out->thoughts = (persona_interval){(double)NAN, (double)NAN, (double)NAN};
    TRY(there != NULL && group != NULL ? PERSONA_OK : mem_err(e, "scores"));
    for (size_t i = 0; p->thoughts != NULL && i < x->n_each; i++) {
        if (!isnan(p->thoughts[i])) {
            there[n] = p->thoughts[i];
            group[n++] = i / x->n_answers;
        }
    }
    out->n_thoughts = n;
    if (n > 0) {
        TRY(stat_bootstrap_mean((stat_sample){there, group, n},
                                (stat_draws){DRAWS, x->n_questions, x->o->seed}, &out->thoughts,
                                e));
    }
out:
    mem_free(there);
    mem_free(group);
    return rc;
}

static persona_code fill_point(const sweeping *x, const sweep_point *p, persona_sweep_point *out,
                               persona_err *e)
{
    persona_code rc = PERSONA_OK;
    const sweep_point *from = answers_of(x, p);
    *out = (persona_sweep_point){.condition = p->condition,
                                 .op = p->op != NULL ? p->op->name : NULL,
                                 .phase = p->phase,
                                 .block = p->block,
                                 .coefficient = p->coefficient,
                                 .kl = from->kl,
                                 .kl_p95 = from->kl_p95,
                                 .nll = from->nll,
                                 .repetition = from->repetition,
                                 .tokens = from->tokens,
                                 .n = x->n_each,
                                 .n_unanswered = from->n_unanswered,
                                 .n_unjudged = from->n_unjudged,
                                 .n_prompt = from->n_prompt};
    TRY(intervals(x, p, out, e));
    TRY(thoughts(x, from, out, e));
    double *there = mem_calloc(x->n_each, sizeof *there);
    TRY(there != NULL ? PERSONA_OK : mem_err(e, "coherence"));
    size_t n = 0;
    for (size_t i = 0; i < x->n_each; i++) {
        if (!isnan(from->coherence[i])) {
            there[n++] = from->coherence[i];
        }
    }
    out->coherence = stat_mean(there, n);
    out->coherence_sd = stat_sd(there, n);
    mem_free(there);
    out->sample = from->sample != NULL ? mem_strdup(from->sample) : NULL;
    TRY(out->sample != NULL || from->sample == NULL ? PERSONA_OK : mem_err(e, "an answer"));
out:
    return rc;
}

/* ---- curves ---------------------------------------------------------------------------------- */

/* Slope of a least-squares line; NAN where x does not vary. */
static double slope(const double *x, const double *y, size_t n)
{
    const double mx = stat_mean(x, n), my = stat_mean(y, n);
    double sxy = 0, sxx = 0;
    for (size_t i = 0; i < n; i++) {
        sxy += (x[i] - mx) * (y[i] - my);
        sxx += (x[i] - mx) * (x[i] - mx);
    }
    return sxx > 0 ? sxy / sxx : (double)NAN;
}

/* Mean score of a question's answers; NAN: none has one. */
static double question_score(const sweeping *x, const sweep_point *p, size_t q)
{
    return mean_there(answers_of(x, p)->score + q * x->n_answers, x->n_answers);
}

/* The points of a curve; the unsteered one is one of them. */
typedef struct curve_points {
    const sweep_point **p; /* (n) */
    double *x, *y;         /* (n) room for numbers */
    size_t n;
} curve_points;

static void count_anti(const sweeping *x, const curve_points *c, persona_sweep_curve *out)
{
    double anti = 0;
    for (size_t q = 0; q < x->n_questions; q++) {
        size_t n = 0;
        for (size_t i = 0; i < c->n; i++) {
            const double score = question_score(x, c->p[i], q);
            if (!isnan(score)) {
                c->x[n] = c->p[i]->coefficient;
                c->y[n++] = score;
            }
        }
        const double s = n > 1 ? slope(c->x, c->y, n) : (double)NAN;
        out->n_sloped += isnan(s) ? 0 : 1;
        anti += fabs(s) < FLAT ? 0.5 : s < 0 ? 1 : 0; /* a flat one goes neither way */
    }
    out->anti_steered = out->n_sloped > 0 ? anti / (double)out->n_sloped : (double)NAN;
}

static persona_code curve_of(const sweeping *x, const sweep_point *first, curve_points *out,
                             persona_err *e)
{
    *out = (curve_points){.p = mem_calloc(x->n_points, sizeof *out->p),
                          .x = mem_calloc(x->n_points, sizeof *out->x),
                          .y = mem_calloc(x->n_points, sizeof *out->y)};
    if (out->p == NULL || out->x == NULL || out->y == NULL) {
        return mem_err(e, "a curve");
    }
    bool zero = !first->op->zero; /* the unsteered point belongs to it at 0, once */
    for (size_t i = 0; i < x->n_points; i++) {
        const sweep_point *p = &x->points[i];
        if (sweep_same_curve(p, first) && !p->behind) {
            out->p[out->n++] = p;
            zero = zero || p->same_as_base;
        }
    }
    if (!zero) {
        out->p[out->n++] = &x->points[0];
    }
    return PERSONA_OK;
}

static void curve_points_free(curve_points *c)
{
    mem_free(c->p);
    mem_free(c->x);
    mem_free(c->y);
}

static const persona_sweep_point *point_of(const sweeping *x, const persona_sweep *s,
                                           const sweep_point *p)
{
    return &s->points[p - x->points];
}

static persona_code fill_curve(const sweeping *x, const persona_sweep *s, const sweep_point *first,
                               persona_sweep_curve *out, persona_err *e)
{
    persona_code rc = PERSONA_OK;
    curve_points c;
    dose_point *dose = NULL;
    dose_response r;
    const int block = first->block;
    *out = (persona_sweep_curve){
        .op = first->op->name, .phase = first->phase, .block = block, .anti_steered = (double)NAN};
    TRY(curve_of(x, first, &c, e));
    dose = mem_calloc(c.n, sizeof *dose);
    TRY(dose != NULL ? PERSONA_OK : mem_err(e, "a curve"));
    for (size_t i = 0; i < c.n; i++) {
        const persona_sweep_point *p = point_of(x, s, c.p[i]);
        dose[i] = (dose_point){c.p[i]->coefficient, p->score.value, p->coherence};
        c.x[i] = dose[i].coefficient;
        c.y[i] = dose[i].score;
    }
    out->agreement = x->v != NULL ? (double)x->v->layers[block].agreement : (double)NAN;
    out->spearman = stat_spearman(c.x, c.y, c.n);
    out->low = out->high = out->promote = out->suppress = (double)NAN;
    if (!isnan(s->coherence_from)) {
        TRY(dose_summarize(dose, c.n, s->coherence_from, &r, e));
        out->low = r.low;
        out->high = r.high;
        out->promote = r.promote;
        out->suppress = r.suppress;
    }
    if (first->op->rises) {
        count_anti(x, &c, out);
    }
out:
    mem_free(dose);
    curve_points_free(&c);
    return rc;
}

static bool is_new_curve(const sweeping *x, size_t i)
{
    const sweep_point *p = &x->points[i];
    bool is_new = p->op != NULL && !p->behind;
    for (size_t k = 0; k < i; k++) {
        is_new = is_new && !sweep_same_curve(&x->points[k], p);
    }
    return is_new;
}

persona_code sweep_conclude(const sweeping *x, persona_sweep *out, persona_err *e)
{
    persona_code rc = PERSONA_OK;
    out->points = mem_calloc(x->n_points, sizeof *out->points);
    out->curves = mem_calloc(x->n_points, sizeof *out->curves);
    TRY(out->points != NULL && out->curves != NULL ? PERSONA_OK : mem_err(e, "a sweep"));
    for (size_t i = 0; i < x->n_points; i++) {
        TRY(fill_point(x, &x->points[i], &out->points[out->n_points++], e));
    }
    const double unsteered = out->points[0].coherence;
    out->coherence_from =
        isnan(unsteered) ? (double)NAN : fmin(COHERENT_AT_MOST, COHERENT_SHARE * unsteered);
    for (size_t i = 0; i < x->n_points; i++) {
        if (is_new_curve(x, i)) {
            TRY(fill_curve(x, out, &x->points[i], &out->curves[out->n_curves++], e));
        }
    }
out:
    return rc;
}
