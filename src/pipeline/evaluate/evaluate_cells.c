/* SPDX-License-Identifier: MIT
 *
 * evaluate_cells.c - the plan of an evaluation: one cell per condition and coefficient.
 *
 * Coefficient 0 of any vector is the unsteered condition itself (a plan of zeros is no plan, bit
 * for bit), so it is run once and shown for all. Controls that are drawn many times (several arms
 * of one condition) answer fewer questions each at -1 and +1, another run of them for each draw,
 * and take turns elsewhere. Random directions that nobody made before are drawn here, at the norm
 * and the block of the transferred vector and one dose, calibrated on the first: directions drawn
 * alike have like effects on the predictions, and a null of less KL than the claim would be too
 * weak.
 */
#include <math.h>
#include <string.h>

#include "base/linalg.h"
#include "base/mem.h"
#include "base/rng.h"
#include "base/try.h"
#include "persona/steer.h"
#include "pipeline/dose/calibrate.h"
#include "pipeline/evaluate/conditions.h"
#include "pipeline/evaluate/evaluate_parts.h"
#include "pipeline/evaluate/trait_sampling.h"

enum { DOSE_QUESTIONS = 12 };

static eval_cell *add_cell(evaluating *x, const char *condition, double coefficient)
{
    eval_cell *c = &x->cells[x->n_cells++];
    *c = (eval_cell){
        .condition = condition, .coefficient = coefficient, .variant = -1, .same_as = -1};
    return c;
}

static bool is_one(double c)
{
    return fabs(fabs(c) - 1) < 1e-12;
}

static bool is_zero(double c)
{
    return !(c > 0) && !(c < 0);
}

/* A cell steered by the n vectors in turn, or the reference to the unsteered one (cell 0). */
static persona_code add_steered(evaluating *x, const char *condition, double coefficient,
                                const persona_vector *const *v, size_t n, persona_err *e)
{
    persona_code rc = PERSONA_OK;
    eval_cell *c = add_cell(x, condition, coefficient);
    if (is_zero(coefficient)) {
        c->same_as = 0;
        return PERSONA_OK;
    }
    for (size_t k = 0; k < n; k++) {
        TRY(persona_steer_vector(x->m, v[k], coefficient, &c->plans[k], e));
        c->n_plans = k + 1;
    }
out:
    return rc;
}

static persona_code add_arm(evaluating *x, const condition_kind *known, const persona_arm *a,
                            persona_err *e)
{
    persona_code rc = PERSONA_OK;
    for (size_t i = 0; i < x->o->n_coefficients; i++) {
        if (known->only_ones && !is_one(x->o->coefficients[i])) {
            continue;
        }
        TRY(add_steered(x, known->name, x->o->coefficients[i], &a->vector, 1, e));
        eval_cell *c = &x->cells[x->n_cells - 1];
        c->note = a->note;
        c->hidden = known->only_ones;
        c->keep_texts = is_one(c->coefficient) && (strcmp(known->name, "transferred") == 0 ||
                                                   strcmp(known->name, "in-sample") == 0);
    }
out:
    return rc;
}

/* ---- what is drawn --------------------------------------------------------------------------- */

/* n draws of one condition. */
static persona_code add_draws(evaluating *x, const char *condition, const persona_vector *const *v,
                              const char *const *notes, size_t n, persona_err *e)
{
    persona_code rc = PERSONA_OK;
    const bool few = condition_find(condition)->test == TEST_SPREAD;
    for (size_t i = 0; n > 0 && i < x->o->n_coefficients; i++) {
        const double c = x->o->coefficients[i];
        if (!is_one(c)) {
            TRY(add_steered(x, condition, c, v, n, e));
            x->cells[x->n_cells - 1].few = true;
            continue;
        }
        for (size_t k = 0; k < n; k++) {
            TRY(add_steered(x, condition, c, &v[k], 1, e));
            eval_cell *cell = &x->cells[x->n_cells - 1];
            cell->variant = (int)k;
            cell->few = few;
            cell->note = notes ? notes[k] : NULL;
        }
    }
out:
    return rc;
}

/* All arms of the condition of arm `first`, which is the first of them. */
static persona_code add_drawn_arms(evaluating *x, const char *condition, const persona_arm *arms,
                                   size_t n_arms, persona_err *e)
{
    const persona_vector *v[CELL_PLANS];
    const char *notes[CELL_PLANS];
    size_t n = 0;
    for (size_t i = 0; i < n_arms && n < CELL_PLANS; i++) {
        if (strcmp(arms[i].condition, condition) == 0) {
            v[n] = arms[i].vector;
            notes[n++] = arms[i].note;
        }
    }
    return add_draws(x, condition, v, notes, n, e);
}

static bool came_before(const persona_arm *arms, size_t i)
{
    for (size_t k = 0; k < i; k++) {
        if (strcmp(arms[k].condition, arms[i].condition) == 0) {
            return true;
        }
    }
    return false;
}

static persona_code add_arms(evaluating *x, const persona_arm *arms, size_t n, persona_err *e)
{
    persona_code rc = PERSONA_OK;
    for (size_t i = 0; i < n; i++) {
        const condition_kind *known = condition_find(arms[i].condition);
        if (!known || !known->is_vector || (!known->drawn && came_before(arms, i))) {
            TRY(persona_err_set(e, PERSONA_E_USAGE, "evaluate: %s '%s'",
                                known && known->is_vector ? "two vectors are"
                                                          : "no vector's condition is called",
                                arms[i].condition));
        }
        if (!known->drawn) {
            TRY(add_arm(x, known, &arms[i], e));
        } else if (!came_before(arms, i)) {
            TRY(add_drawn_arms(x, known->name, arms, n, e));
        }
    }
out:
    return rc;
}

/* The user's document's method: the coefficient moves the sampler, not the model. */
static void add_sampling(evaluating *x)
{
    for (size_t i = 0; i < x->o->n_coefficients; i++) {
        const float c = (float)x->o->coefficients[i];
        eval_cell *cell = add_cell(x, "sampling", x->o->coefficients[i]);
        if (is_zero(cell->coefficient)) {
            cell->same_as = 0;
            continue;
        }
        cell->sampler = true;
        const trait_sampling s = trait_sampling_at(x->trait, c, x->o->temperature);
        cell->temperature = s.temperature;
        cell->top_p = s.top_p;
        cell->repetition_penalty = s.repetition_penalty;
    }
}

static void add_prompt(evaluating *x)
{
    for (int negative = 1; negative >= 0; negative--) {
        eval_cell *c = add_cell(x, "prompt", negative ? -1 : 1);
        c->instructed = true;
        c->negative = negative != 0;
    }
}

/* ---- random directions ----------------------------------------------------------------------- */

/* Directions of the norm of `like` at its best block. */
static persona_code draw_random(evaluating *x, const persona_vector *like, persona_err *e)
{
    persona_code rc = PERSONA_OK;
    const int b = like->from.best_layer,
              n = x->o->n_random < CELL_PLANS ? x->o->n_random : CELL_PLANS;
    const size_t d = (size_t)like->n_embd;
    float *row = mem_calloc(d, sizeof *row);
    if (!row) {
        return mem_err(e, "a random direction");
    }
    for (int k = 0; k < n; k++) {
        rng r;
        rng_seed(&r, x->o->seed, 0x72616e64u + (unsigned)k);
        for (size_t i = 0; i < d; i++) {
            row[i] = (float)rng_normal(&r);
        }
        vec_scale(row, (double)like->layers[b].norm / vec_norm(row, d), d);
        TRY(persona_vector_clone(like, &x->random[k], e));
        x->n_random++;
        TRY(persona_vector_set(x->random[k], b, row, e));
    }
out:
    mem_free(row);
    return rc;
}

/* One dose for all, as calibrated as that of `like`; where no multiple reaches it, like's own
 * stays. */
static persona_code dose_random(evaluating *x, const persona_vector *like, persona_err *e)
{
    const size_t n = x->questions->n_extraction;
    persona_err why = {.code = PERSONA_OK};
    if (!isfinite(like->from.dose) || n == 0 || x->n_random == 0) {
        return PERSONA_OK;
    }
    const calibration c = {.s = x->s,
                           .v = x->random[0],
                           .questions = x->questions->extraction,
                           .n_questions = n < DOSE_QUESTIONS ? n : DOSE_QUESTIONS,
                           .quick = true,
                           .job = x->job,
                           .tag = "random",
                           .hooks = x->hooks};
    const persona_code rc = calibrate_vector(&c, x->random[0], like->from.best_layer, &why);
    if (rc != PERSONA_OK && rc != PERSONA_E_NUMERIC) {
        return persona_err_set(e, rc, "%s", why.msg);
    }
    for (size_t k = 0; k < x->n_random; k++) {
        x->random[k]->from.dose = rc == PERSONA_OK ? x->random[0]->from.dose : like->from.dose;
    }
    return PERSONA_OK;
}

static persona_code add_random(evaluating *x, const persona_vector *like, persona_err *e)
{
    persona_code rc = PERSONA_OK;
    TRY(draw_random(x, like, e));
    TRY(dose_random(x, like, e));
    TRY(add_draws(x, "random", (const persona_vector *const *)x->random, NULL, x->n_random, e));
out:
    return rc;
}

/* ---- all of it ------------------------------------------------------------------------------- */

static persona_code make_systems(evaluating *x, persona_err *e)
{
    persona_code rc = PERSONA_OK;
    x->systems = mem_calloc(x->trait->n_pairs * 2, sizeof *x->systems);
    if (!x->systems) {
        return mem_err(e, "instructions");
    }
    for (size_t i = 0; i < x->trait->n_pairs * 2; i++) {
        TRY(persona_trait_system(x->trait, i / 2, i % 2 == 0, &x->systems[i], e));
    }
out:
    return rc;
}

static const persona_vector *vector_of(const persona_arm *arms, size_t n, const char *condition)
{
    for (size_t i = 0; i < n; i++) {
        if (strcmp(arms[i].condition, condition) == 0) {
            return arms[i].vector;
        }
    }
    return NULL;
}

persona_code evaluate_cells(evaluating *x, const persona_arm *arms, size_t n_arms, persona_err *e)
{
    persona_code rc = PERSONA_OK;
    const persona_vector *like = vector_of(arms, n_arms, "transferred");
    TRY(make_systems(x, e));
    if (!like) {
        like = n_arms > 0 ? arms[0].vector : NULL;
    }
    x->cells = mem_calloc(3 + (n_arms + 2 + CELL_PLANS) * x->o->n_coefficients +
                              2 * (1 + x->o->n_others), /* the last: evaluate_cross.c */
                          sizeof *x->cells);
    TRY(x->cells ? PERSONA_OK : mem_err(e, "an evaluation"));
    add_cell(x, "unsteered", 0);
    add_prompt(x);
    TRY(add_arms(x, arms, n_arms, e));
    add_sampling(x);
    if (like && !vector_of(arms, n_arms, "random")) {
        TRY(add_random(x, like, e));
    }
    for (size_t c = 0; c < x->n_cells; c++) {
        x->cells[c].at = x->n_run;
        x->n_run += x->cells[c].same_as < 0;
    }
out:
    return rc;
}

bool evaluate_asks(const evaluating *x, const eval_cell *c, size_t q)
{
    const size_t few = x->o->n_spread_questions > 0 ? (size_t)x->o->n_spread_questions : 1;
    if (c->same_as >= 0) {
        return false;
    }
    return !c->few || few >= x->n_questions ||
           (q + (size_t)(c->variant > 0 ? c->variant : 0) * few) % x->n_questions < few;
}

void evaluate_cell_spend(eval_cell *c, size_t n_texts)
{
    for (size_t k = 0; k < c->n_plans; k++) {
        persona_plan_free(c->plans[k]);
    }
    for (size_t i = 0; c->texts && i < n_texts; i++) {
        mem_free(c->texts[i]);
    }
    mem_free(c->texts);
    c->texts = NULL;
    c->n_plans = 0;
}

void evaluate_cell_free(eval_cell *c)
{
    mem_free(c->score);
    mem_free(c->coherence);
    mem_free(c->group);
    mem_free(c->missing);
    mem_free(c->seen);
    mem_free(c->sample);
}

void evaluate_cells_free(evaluating *x)
{
    for (size_t c = 0; x->cells && c < x->n_cells; c++) {
        evaluate_cell_spend(&x->cells[c], x->n_each);
        evaluate_cell_free(&x->cells[c]);
    }
    mem_free(x->cells);
    for (size_t i = 0; x->systems && i < x->trait->n_pairs * 2; i++) {
        mem_free(x->systems[i]);
    }
    mem_free(x->systems);
    for (size_t k = 0; k < x->n_random; k++) {
        persona_vector_free(x->random[k]);
    }
}
