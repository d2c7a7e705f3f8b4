/* SPDX-License-Identifier: MIT
 *
 * evaluate.c - what steering achieved, with its controls, all in one continuous batch: every
 * condition at every coefficient answers the same evaluation questions with the same seeds, so that
 * conditions differ in nothing but the steering.
 *
 * Coefficient 0 of any vector is the unsteered condition itself (a plan of zeros is no plan, bit for
 * bit), so it is run once and shown for all. Random directions have the norm of the steered vector
 * and take turns over the questions. Unanswered harmony replies (no final channel) count as failures
 * with score 50 and coherence 0, never as a low score; answers that the judge leaves open are counted
 * and left out. All answers are judged in one run, after all are written.
 */
#include <math.h>
#include <string.h>

#include "base/linalg.h"
#include "base/mem.h"
#include "base/rng.h"
#include "core/stats.h"
#include "persona/steer.h"
#include "pipeline/pipeline.h"
#include "pipeline/verdict.h"

#define MAX_COEFFICIENTS 32
#define MAX_RANDOM 16
#define BOOTSTRAP_DRAWS 2000

static const double DEFAULT_COEFFICIENTS[] = {-2, -1, 0, 1, 2};

persona_evaluate_opts persona_evaluate_defaults(void)
{
    return (persona_evaluate_opts){.coefficients = DEFAULT_COEFFICIENTS,
                                   .n_coefficients = 5,
                                   .n_rollouts = 1,
                                   .n_random = 5,
                                   .max_tokens = 96,
                                   .temperature = 1.0F};
}

typedef struct evaluating {
    persona_session *s;
    persona_model *m;
    const persona_trait *trait;
    persona_judge *judge;
    const persona_questions *questions;
    const persona_evaluate_opts *o;
    const persona_hooks *hooks;
    size_t n_questions, n_rollouts, n_each; /* n_each: answers per cell */
    eval_cell *cells;
    size_t n_cells;
    char **systems; /* pair * 2 + negative */
    persona_vector *random[MAX_RANDOM];
    size_t n_random;
} evaluating;

static eval_cell *add_cell(evaluating *x, const char *condition, double coefficient)
{
    eval_cell *c = &x->cells[x->n_cells++];
    *c = (eval_cell){.condition = condition, .coefficient = coefficient, .same_as = -1};
    return c;
}

/* One cell per non-zero coefficient, plus the reference to the unsteered one (cell 0). */
static persona_code add_vector(evaluating *x, const char *condition, const persona_vector *const *v,
                               size_t n_v, persona_err *e)
{
    persona_code rc = PERSONA_OK;
    for (size_t i = 0; rc == PERSONA_OK && i < x->o->n_coefficients; i++) {
        eval_cell *c = add_cell(x, condition, x->o->coefficients[i]);
        if (c->coefficient == 0) {
            c->same_as = 0;
            continue;
        }
        for (size_t k = 0; rc == PERSONA_OK && k < n_v; k++) {
            rc = persona_steer_vector(x->m, v[k], c->coefficient, &c->plans[k], e);
            c->n_plans = k + 1;
        }
    }
    return rc;
}

static float clamp(float v, float lo, float hi)
{
    return v < lo ? lo : v > hi ? hi : v;
}

/* The user's document's method: the coefficient moves the sampler, not the model. */
static void add_sampling(evaluating *x)
{
    const persona_trait *t = x->trait;
    for (size_t i = 0; i < x->o->n_coefficients; i++) {
        float c = (float)x->o->coefficients[i];
        eval_cell *cell = add_cell(x, "sampling", x->o->coefficients[i]);
        if (c == 0.0F) {
            cell->same_as = 0;
            continue;
        }
        cell->sampler = true;
        cell->temperature = clamp(x->o->temperature + c * t->d_temperature, 0.0F, 2.0F);
        cell->top_p = clamp(1.0F + c * t->d_top_p, 0.05F, 1.0F);
        cell->repetition_penalty = clamp(1.0F + c * t->d_repetition_penalty, 1.0F, 2.0F);
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

/* Directions with the norm of the model vector at its best block, which steer at the same dose. */
static persona_code add_random(evaluating *x, const persona_vector *like, persona_err *e)
{
    int n = x->o->n_random < MAX_RANDOM ? x->o->n_random : MAX_RANDOM;
    int b = like->from.best_layer;
    size_t d = (size_t)like->n_embd;
    persona_code rc = PERSONA_OK;
    float *row = mem_calloc(d, sizeof *row);
    if (row == NULL) {
        return mem_err(e, "a random direction");
    }
    for (int k = 0; rc == PERSONA_OK && k < n; k++) {
        rng r;
        rng_seed(&r, x->o->seed, 0x72616e64u + (unsigned)k);
        for (size_t i = 0; i < d; i++) {
            row[i] = (float)rng_normal(&r);
        }
        vec_scale(row, (double)like->layers[b].norm / vec_norm(row, d), d);
        rc = persona_vector_clone(like, &x->random[k], e);
        if (rc == PERSONA_OK) {
            x->n_random++;
            rc = persona_vector_set(x->random[k], b, row, e);
        }
    }
    mem_free(row);
    if (rc == PERSONA_OK && x->n_random > 0) {
        const persona_vector *list[MAX_RANDOM];
        for (size_t k = 0; k < x->n_random; k++) {
            list[k] = x->random[k];
        }
        rc = add_vector(x, "random", list, x->n_random, e);
    }
    return rc;
}

static persona_code make_systems(evaluating *x, persona_err *e)
{
    x->systems = mem_calloc(x->trait->n_pairs * 2, sizeof *x->systems);
    if (x->systems == NULL) {
        return mem_err(e, "instructions");
    }
    for (size_t i = 0; i < x->trait->n_pairs * 2; i++) {
        persona_code rc = persona_trait_system(x->trait, i / 2, i % 2 == 0, &x->systems[i], e);
        if (rc != PERSONA_OK) {
            return rc;
        }
    }
    return PERSONA_OK;
}

static ask ask_of(const evaluating *x, const eval_cell *c, size_t q, size_t k)
{
    ask a = {.question = x->questions->evaluation[q], .sampling = persona_sampling_defaults()};
    a.sampling.temperature = x->o->temperature;
    a.sampling.max_tokens = x->o->max_tokens;
    a.sampling.seed = rng_mix(x->o->seed, 0x6576616c, q * x->n_rollouts + k);
    if (c->sampler) {
        a.sampling.temperature = c->temperature;
        a.sampling.top_p = c->top_p;
        a.sampling.repetition_penalty = c->repetition_penalty;
    }
    if (c->instructed) {
        a.system = x->systems[q % x->trait->n_pairs * 2 + (c->negative ? 1 : 0)];
    }
    if (c->n_plans > 0) {
        a.plan = c->plans[q % c->n_plans];
    }
    return a;
}

/* NAN: the judge left it open. Adds the answer of question q to its cell. */
static void book(eval_cell *c, size_t q, const answer *a, const persona_judgement *r)
{
    const double score = a->answered ? (double)r->trait : 50.0;
    const double coherence = a->answered ? (double)r->coherence : 0.0;
    c->n_unanswered += !a->answered;
    if (isnan(score)) {
        c->n_unjudged++;
    } else {
        c->group[c->n] = q;
        c->score[c->n++] = score;
    }
    if (!isnan(coherence)) {
        c->coherence[c->n_coherence++] = coherence;
    }
}

/* got (n): what the judge says about every answer that there is. */
static persona_code judge_answers(evaluating *x, const ask *asks, const answer *answers, size_t n,
                                  persona_judgement *got, persona_err *e)
{
    size_t n_items = 0;
    persona_judge_item *items = mem_calloc(n, sizeof *items);
    persona_judgement *scored = mem_calloc(n, sizeof *scored);
    persona_code rc = items != NULL && scored != NULL ? PERSONA_OK : mem_err(e, "answers to judge");
    for (size_t i = 0; rc == PERSONA_OK && i < n; i++) {
        if (answers[i].answered) {
            items[n_items++] = (persona_judge_item){asks[i].question, answers[i].text, NAN, NAN};
        }
    }
    if (rc == PERSONA_OK) {
        rc = persona_judge_all(x->judge, x->trait, items, n_items, x->hooks, scored, e);
    }
    n_items = 0;
    for (size_t i = 0; rc == PERSONA_OK && i < n; i++) {
        if (answers[i].answered) {
            got[i] = scored[n_items++];
        }
    }
    mem_free(items);
    mem_free(scored);
    return rc;
}

static persona_code make_room(evaluating *x, persona_err *e)
{
    for (size_t c = 0; c < x->n_cells; c++) {
        eval_cell *cell = &x->cells[c];
        cell->score = mem_calloc(x->n_each, sizeof *cell->score);
        cell->coherence = mem_calloc(x->n_each, sizeof *cell->coherence);
        cell->group = mem_calloc(x->n_each, sizeof *cell->group);
        if (cell->score == NULL || cell->coherence == NULL || cell->group == NULL) {
            return mem_err(e, "scores");
        }
    }
    return PERSONA_OK;
}

static void book_all(evaluating *x, answer *answers, const persona_judgement *got)
{
    size_t at = 0;
    for (size_t i = 0; i < x->n_each; i++) {
        for (size_t c = 0; c < x->n_cells; c++) {
            eval_cell *cell = &x->cells[c];
            if (cell->same_as >= 0) {
                continue;
            }
            book(cell, i / x->n_rollouts, &answers[at], &got[at]);
            if (i == 0) {
                cell->sample = answers[at].text;
                answers[at].text = NULL;
            }
            at++;
        }
    }
}

/* Question by question, all cells: neighbours share the prompt's prefix. */
static persona_code run_cells(evaluating *x, persona_err *e)
{
    char stage[96];
    size_t n = 0, at = 0;
    for (size_t c = 0; c < x->n_cells; c++) {
        n += x->cells[c].same_as < 0 ? x->n_each : 0;
    }
    ask *asks = mem_calloc(n, sizeof *asks);
    answer *answers = mem_calloc(n, sizeof *answers);
    persona_judgement *got = mem_calloc(n, sizeof *got);
    persona_code rc = asks != NULL && answers != NULL && got != NULL ? make_room(x, e)
                                                                     : mem_err(e, "an evaluation");
    if (rc != PERSONA_OK) {
        goto out;
    }
    for (size_t i = 0; i < x->n_each; i++) {
        for (size_t c = 0; c < x->n_cells; c++) {
            if (x->cells[c].same_as < 0) {
                asks[at++] = ask_of(x, &x->cells[c], i / x->n_rollouts, i % x->n_rollouts);
            }
        }
    }
    rc = ask_all(x->s, asks, n, stage_name(stage, sizeof stage, "evaluate", x->trait->name),
                 x->hooks, answers, e);
    if (rc == PERSONA_OK) {
        rc = judge_answers(x, asks, answers, n, got, e);
    }
    if (rc == PERSONA_OK) {
        book_all(x, answers, got);
    }
out:
    mem_free(asks);
    answers_clear(answers, answers != NULL ? n : 0);
    mem_free(answers);
    mem_free(got);
    return rc;
}

static persona_code copy_references(evaluating *x, persona_err *e)
{
    for (size_t c = 0; c < x->n_cells; c++) {
        eval_cell *to = &x->cells[c];
        if (to->same_as < 0) {
            continue;
        }
        const eval_cell *from = &x->cells[to->same_as];
        to->n = from->n;
        to->n_coherence = from->n_coherence;
        to->n_unanswered = from->n_unanswered;
        to->n_unjudged = from->n_unjudged;
        memcpy(to->score, from->score, to->n * sizeof *to->score);
        memcpy(to->coherence, from->coherence, to->n_coherence * sizeof *to->coherence);
        memcpy(to->group, from->group, to->n * sizeof *to->group);
        to->sample = mem_strdup(from->sample != NULL ? from->sample : "");
        if (to->sample == NULL) {
            return mem_err(e, "a sample");
        }
    }
    return PERSONA_OK;
}

static persona_code fill_rows(evaluating *x, persona_evaluation *out, persona_err *e)
{
    out->rows = mem_calloc(x->n_cells, sizeof *out->rows);
    if (out->rows == NULL) {
        return mem_err(e, "rows");
    }
    for (size_t c = 0; c < x->n_cells; c++) {
        eval_cell *cell = &x->cells[c];
        persona_row *r = &out->rows[out->n_rows++];
        stat_interval ci = {.value = (double)NAN, .low = (double)NAN, .high = (double)NAN};
        persona_code rc = PERSONA_OK;
        if (cell->n > 0) {
            rc = stat_bootstrap_mean(cell->score, cell->group, cell->n, x->n_questions,
                                     BOOTSTRAP_DRAWS, x->o->seed, &ci, e);
        }
        if (rc != PERSONA_OK) {
            return rc;
        }
        *r = (persona_row){.condition = cell->condition,
                           .coefficient = cell->coefficient,
                           .score = {ci.value, ci.low, ci.high},
                           .coherence = stat_mean(cell->coherence, cell->n_coherence),
                           .coherence_sd = stat_sd(cell->coherence, cell->n_coherence),
                           .n = cell->n + cell->n_unjudged,
                           .n_unanswered = cell->n_unanswered,
                           .n_unjudged = cell->n_unjudged,
                           .sample = cell->sample};
        cell->sample = NULL;
    }
    return PERSONA_OK;
}

static void free_evaluating(evaluating *x)
{
    for (size_t c = 0; x->cells != NULL && c < x->n_cells; c++) {
        eval_cell *cell = &x->cells[c];
        for (size_t k = 0; k < cell->n_plans; k++) {
            persona_plan_free(cell->plans[k]);
        }
        mem_free(cell->score);
        mem_free(cell->coherence);
        mem_free(cell->group);
        mem_free(cell->sample);
    }
    mem_free(x->cells);
    for (size_t i = 0; x->systems != NULL && i < x->trait->n_pairs * 2; i++) {
        mem_free(x->systems[i]);
    }
    mem_free(x->systems);
    for (size_t k = 0; k < x->n_random; k++) {
        persona_vector_free(x->random[k]);
    }
}

static persona_code add_all(evaluating *x, const persona_vector *native,
                            const persona_vector *transferred, const persona_vector *shuffled,
                            persona_err *e)
{
    persona_code rc = PERSONA_OK;
    add_cell(x, "unsteered", 0);
    add_prompt(x);
    if (native != NULL) {
        rc = add_vector(x, "native", &native, 1, e);
    }
    if (rc == PERSONA_OK && transferred != NULL) {
        rc = add_vector(x, "transferred", &transferred, 1, e);
    }
    add_sampling(x);
    if (rc == PERSONA_OK && (native != NULL || transferred != NULL)) {
        rc = add_random(x, native != NULL ? native : transferred, e);
    }
    if (rc == PERSONA_OK && shuffled != NULL) {
        rc = add_vector(x, "shuffled", &shuffled, 1, e);
    }
    return rc;
}

static persona_code check_evaluate(const evaluating *x, persona_err *e)
{
    if (x->judge == NULL || !persona_judge_knows(x->judge, x->trait->name)) {
        return persona_err_set(e, PERSONA_E_UNAVAILABLE,
                               "evaluate: no judge that can score the trait '%s'", x->trait->name);
    }
    if (x->n_questions < 2) {
        return persona_err_set(e, PERSONA_E_USAGE,
                               "evaluate: %zu evaluation questions are too few for an interval",
                               x->n_questions);
    }
    if (x->o->n_coefficients == 0 || x->o->n_coefficients > MAX_COEFFICIENTS) {
        return persona_err_set(e, PERSONA_E_USAGE, "evaluate: %zu coefficients (1 to %d)",
                               x->o->n_coefficients, MAX_COEFFICIENTS);
    }
    return PERSONA_OK;
}

persona_code persona_evaluate(persona_session *s, const persona_trait *trait,
                              const persona_questions *questions, persona_judge *judge,
                              const persona_vector *native, const persona_vector *transferred,
                              const persona_vector *shuffled, const persona_evaluate_opts *opts,
                              const persona_hooks *hooks, persona_evaluation **out, persona_err *e)
{
    persona_evaluate_opts o = opts != NULL ? *opts : persona_evaluate_defaults();
    evaluating x = {.s = s,
                    .m = persona_session_model(s),
                    .trait = trait,
                    .judge = judge,
                    .questions = questions,
                    .o = &o,
                    .hooks = hooks,
                    .n_questions = questions->n_evaluation};
    persona_evaluation *r = NULL;
    *out = NULL;
    if (o.n_questions > 0 && (size_t)o.n_questions < x.n_questions) {
        x.n_questions = (size_t)o.n_questions;
    }
    x.n_rollouts = o.n_rollouts > 0 ? (size_t)o.n_rollouts : 1;
    x.n_each = x.n_questions * x.n_rollouts;
    persona_code rc = check_evaluate(&x, e);
    if (rc != PERSONA_OK) {
        return rc;
    }
    x.cells = mem_calloc(3 + 5 * o.n_coefficients, sizeof *x.cells);
    r = mem_calloc(1, sizeof *r);
    if (x.cells == NULL || r == NULL || (r->trait = mem_strdup(trait->name)) == NULL) {
        rc = mem_err(e, "an evaluation");
    }
    if (rc == PERSONA_OK) {
        rc = make_systems(&x, e);
    }
    if (rc == PERSONA_OK) {
        rc = add_all(&x, native, transferred, shuffled, e);
    }
    if (rc == PERSONA_OK) {
        rc = run_cells(&x, e);
    }
    if (rc == PERSONA_OK) {
        rc = copy_references(&x, e);
    }
    if (rc == PERSONA_OK) {
        rc = fill_rows(&x, r, e);
    }
    if (rc == PERSONA_OK) {
        rc = verdict_fill(x.cells, x.n_cells, x.n_questions, o.seed, r, e);
    }
    free_evaluating(&x);
    if (rc == PERSONA_OK) {
        *out = r;
    } else {
        persona_evaluation_free(r);
    }
    return rc;
}

void persona_evaluation_free(persona_evaluation *x)
{
    if (x == NULL) {
        return;
    }
    for (size_t i = 0; x->rows != NULL && i < x->n_rows; i++) {
        mem_free(x->rows[i].sample);
    }
    mem_free(x->rows);
    mem_free(x->trait);
    mem_free(x);
}
