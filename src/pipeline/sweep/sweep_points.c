/* SPDX-License-Identifier: MIT
 *
 * sweep_points.c - what a sweep asks: the table of operators, and a plan per point.
 *
 * A plan is made of the expression that a user would write, so that what a sweep says of a
 * coefficient is what `--steer` does with it.
 */
#include <float.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "base/try.h"
#include "pipeline/dose/steering.h"
#include "pipeline/sweep/sweep_parts.h"

static const char *const PHASES[] = {"response", "analysis", "final"};
enum { N_PHASES_SWEPT = sizeof PHASES / sizeof *PHASES };

enum { MAX_POINTS = 4096, EXPRESSION = 128, FIXED_POINTS = 6 };

static const sweep_operator OPERATORS[] = {
    /* name, times, low, high, counts, rises, zero */
    {"add", "v", -FLT_MAX, FLT_MAX, true, true, true},
    {"keepnorm", "keepnorm(v)", -FLT_MAX, FLT_MAX, true, true, true},
    {"rotate", NULL, -180, 180, false, true, true},
    {"clamp", NULL, -1000, 1000, false, true, false},
    {"ablate", "ablate(v)", 0, 1, false, false, true},
    {"cap", NULL, 0, 100, false, true, false},
    {"floor", NULL, 0, 100, false, true, false},
};

const sweep_operator *sweep_operator_find(const char *name)
{
    for (size_t i = 0; i < sizeof OPERATORS / sizeof *OPERATORS; i++) {
        if (strcmp(OPERATORS[i].name, name) == 0) {
            return &OPERATORS[i];
        }
    }
    return NULL;
}

bool sweep_same_curve(const sweep_point *a, const sweep_point *b)
{
    return a->op == b->op && a->block == b->block && a->phase == b->phase;
}

const char *persona_sweep_phase(size_t i)
{
    return i < N_PHASES_SWEPT ? PHASES[i] : NULL;
}

const char *persona_sweep_operator(size_t i)
{
    return i < sizeof OPERATORS / sizeof *OPERATORS ? OPERATORS[i].name : NULL;
}

/* ---- plans ----------------------------------------------------------------------------------- */

/* The sweep's own vector, whatever it is called. */
static persona_code own_vector(void *ud, persona_model *m, const char *name, persona_vector **out,
                               persona_err *e)
{
    (void)m, (void)name, (void)e;
    *out = ((sweeping *)ud)->v;
    return PERSONA_OK;
}

static void leave_it(void *ud, persona_vector *v)
{
    (void)ud, (void)v;
}

/* Numbers are written so that they come back to the bit. */
static void write_expression(const sweeping *x, const sweep_point *p, char out[EXPRESSION])
{
    const bool dose = strcmp(x->o->unit, "dose") == 0;
    if (p->op->times != NULL) {
        snprintf(out, EXPRESSION, "%.17g*%s%s%s@%d:%s", p->coefficient,
                 p->op->counts && !dose ? x->o->unit : "", p->op->counts && !dose ? ":" : "",
                 p->op->times, p->block, p->phase);
    } else {
        snprintf(out, EXPRESSION, "%s(v,%.17g)@%d:%s", p->op->name, p->coefficient, p->block,
                 p->phase);
    }
}

static persona_code make_plan(sweeping *x, sweep_point *p, persona_err *e)
{
    char text[EXPRESSION];
    const steering_vectors from = {x, own_vector, leave_it, false};
    persona_receipt receipt = {0};
    persona_code rc = PERSONA_OK;
    if (p->coefficient < p->op->low || p->coefficient > p->op->high) {
        return persona_err_set(e, PERSONA_E_USAGE, "sweep: %s takes numbers from %g to %g, not %g",
                               p->op->name, p->op->low, p->op->high, p->coefficient);
    }
    write_expression(x, p, text);
    TRY(steering_build(x->m, text, &from, &p->plan, &receipt, e));
    if (p->op->counts) {
        snprintf(x->unit, sizeof x->unit, "%s", receipt.unit);
    }
out:
    persona_receipt_free(&receipt);
    return rc;
}

/* The phase as the table has it. Errors: USAGE. */
static persona_code find_phase(const char *name, const char **out, persona_err *e)
{
    for (size_t i = 0; i < N_PHASES_SWEPT; i++) {
        if (strcmp(name, PHASES[i]) == 0) {
            *out = PHASES[i];
            return PERSONA_OK;
        }
    }
    return persona_err_set(e, PERSONA_E_USAGE,
                           "sweep: '%s' is no phase (response, analysis or final)", name);
}

/* ---- points ---------------------------------------------------------------------------------- */

static sweep_point *add_point(sweeping *x, const char *condition)
{
    sweep_point *p = &x->points[x->n_points++];
    *p = (sweep_point){.condition = condition,
                       .block = -1,
                       .kl = (double)NAN,
                       .kl_p95 = (double)NAN,
                       .nll = (double)NAN,
                       .repetition = (double)NAN};
    return p;
}

static void add_prompts(sweeping *x)
{
    for (int negative = 1; x->o->prompt && x->systems != NULL && negative >= 0; negative--) {
        sweep_point *p = add_point(x, "prompt");
        p->coefficient = negative ? -1 : 1;
        p->instructed = true;
        p->negative = negative != 0;
    }
}

/* Where a point belongs. */
typedef struct curve_at {
    const sweep_operator *op;
    const char *phase;
    int block;
} curve_at;

static persona_code add_steered(sweeping *x, const char *condition, const curve_at *at,
                                double coefficient, persona_err *e)
{
    const sweep_operator *op = at->op;
    sweep_point *p = add_point(x, condition);
    p->op = op;
    p->phase = at->phase;
    p->block = at->block;
    p->coefficient = coefficient;
    if (op->zero && fpclassify(coefficient) == FP_ZERO) {
        p->same_as_base = true;
        return PERSONA_OK;
    }
    return make_plan(x, p, e);
}

static persona_code add_curve(sweeping *x, const char *op, const char *phase, int block,
                              persona_err *e)
{
    persona_code rc = PERSONA_OK;
    curve_at at = {.op = sweep_operator_find(op), .block = block};
    TRY(find_phase(phase, &at.phase, e));
    if (at.op == NULL) {
        return persona_err_set(e, PERSONA_E_USAGE, "sweep: '%s' is no operator that can be swept",
                               op);
    }
    for (size_t i = 0; i < x->o->n_coefficients; i++) {
        TRY(add_steered(x, "steered", &at, x->o->coefficients[i], e));
    }
out:
    return rc;
}

/* The point of the first curve nearest to a coefficient. */
static const sweep_point *nearest(const sweeping *x, double coefficient)
{
    const sweep_point *best = NULL;
    for (size_t i = 0; i < x->n_points; i++) {
        const sweep_point *p = &x->points[i];
        if (p->plan == NULL || (best != NULL && !sweep_same_curve(p, best))) {
            continue;
        }
        if (best == NULL ||
            fabs(p->coefficient - coefficient) < fabs(best->coefficient - coefficient)) {
            best = p;
        }
    }
    return best;
}

static persona_code add_behind(sweeping *x, persona_err *e)
{
    persona_code rc = PERSONA_OK;
    const sweep_point *low = nearest(x, -1), *high = nearest(x, 1);
    add_point(x, "behind")->behind = true;
    for (int i = 0; i < 2; i++) {
        const sweep_point *of = i == 0 ? low : high;
        if (of != NULL && (i == 0 || low != high)) {
            const curve_at at = {of->op, of->phase, of->block};
            TRY(add_steered(x, "behind", &at, of->coefficient, e));
            x->points[x->n_points - 1].behind = true;
        }
    }
out:
    return rc;
}

static persona_code make_systems(sweeping *x, persona_err *e)
{
    persona_code rc = PERSONA_OK;
    if (x->trait->n_pairs == 0) {
        return PERSONA_OK;
    }
    x->systems = mem_calloc(x->trait->n_pairs * 2, sizeof *x->systems);
    TRY(x->systems != NULL ? PERSONA_OK : mem_err(e, "instructions"));
    for (size_t i = 0; i < x->trait->n_pairs * 2; i++) {
        TRY(persona_trait_system(x->trait, i / 2, i % 2 == 0, &x->systems[i], e));
    }
out:
    return rc;
}

static persona_code make_room(sweeping *x, persona_err *e)
{
    for (size_t i = 0; i < x->n_points; i++) {
        sweep_point *p = &x->points[i];
        p->score = mem_calloc(x->n_each, sizeof *p->score);
        p->coherence = mem_calloc(x->n_each, sizeof *p->coherence);
        p->thoughts = x->o->thoughts ? mem_calloc(x->n_each, sizeof *p->thoughts) : NULL;
        if (p->score == NULL || p->coherence == NULL || (x->o->thoughts && p->thoughts == NULL)) {
            return mem_err(e, "scores");
        }
    }
    return PERSONA_OK;
}

persona_code sweep_points(sweeping *x, persona_err *e)
{
    persona_code rc = PERSONA_OK;
    const persona_sweep_opts *o = x->o;
    const size_t n_blocks = o->n_blocks > 0 ? o->n_blocks : 1;
    const size_t n_operators = o->n_operators > 0 ? o->n_operators : 1;
    const size_t n_phases = o->n_phases > 0 ? o->n_phases : 1;
    const size_t n = n_operators * n_phases * n_blocks * o->n_coefficients;
    if (n > MAX_POINTS) {
        return persona_err_set(e, PERSONA_E_USAGE, "sweep: %zu points, more than %d", n,
                               (int)MAX_POINTS);
    }
    x->points = mem_calloc(n + FIXED_POINTS, sizeof *x->points);
    TRY(x->points != NULL ? PERSONA_OK : mem_err(e, "a sweep"));
    TRY(make_systems(x, e));
    add_point(x, "unsteered");
    add_prompts(x);
    for (size_t i = 0; i < n_operators * n_phases; i++) {
        const char *op = o->n_operators > 0 ? o->operators[i / n_phases] : "add";
        const char *phase = o->n_phases > 0 ? o->phases[i % n_phases] : PHASES[0];
        for (size_t k = 0; k < n_blocks; k++) {
            const int block = o->n_blocks > 0 ? o->blocks[k] : x->v->from.best_layer;
            TRY(add_curve(x, op, phase, block, e));
        }
    }
    if (o->behind > 0) {
        TRY(add_behind(x, e));
    }
    TRY(make_room(x, e));
out:
    return rc;
}

void sweep_points_free(sweeping *x)
{
    for (size_t i = 0; x->points != NULL && i < x->n_points; i++) {
        sweep_point *p = &x->points[i];
        persona_plan_free(p->plan);
        mem_free(p->score);
        mem_free(p->coherence);
        mem_free(p->thoughts);
        mem_free(p->sample);
    }
    mem_free(x->points);
    for (size_t i = 0; x->systems != NULL && i < x->trait->n_pairs * 2; i++) {
        mem_free(x->systems[i]);
    }
    mem_free(x->systems);
}
