/* SPDX-License-Identifier: MIT
 *
 * sweep_run.c - one sweep from its settings to its result (persona/sweep.h): what is asked, the job
 * that keeps it, and what it comes to.
 */
#include <math.h>
#include <string.h>

#include "base/clock.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/try.h"
#include "pipeline/kept.h"
#include "pipeline/manifest_parts.h"
#include "pipeline/sweep/sweep_parts.h"

enum { MAX_MANIFEST = 1 << 20, MAX_COEFFICIENTS = 201 };

static const double DEFAULT_COEFFICIENTS[] = {-2, -1.5, -1, -0.5, 0, 0.5, 1, 1.5, 2};

persona_sweep_opts persona_sweep_defaults(void)
{
    return (persona_sweep_opts){.coefficients = DEFAULT_COEFFICIENTS,
                                .n_coefficients =
                                    sizeof DEFAULT_COEFFICIENTS / sizeof *DEFAULT_COEFFICIENTS,
                                .unit = "dose",
                                .n_answers = 1,
                                .max_tokens = 64,
                                .temperature = 1.0F,
                                .prompt = true,
                                .kl = true};
}

int persona_sweep_room(const persona_sweep_opts *o)
{
    return (1 + ASK_THOUGHT) * o->max_tokens + o->behind;
}

/* ---- checks ---------------------------------------------------------------------------------- */

static persona_code check_numbers(const persona_sweep_opts *o, persona_err *e)
{
    if (o->n_coefficients == 0 || o->n_coefficients > MAX_COEFFICIENTS) {
        return persona_err_set(e, PERSONA_E_USAGE, "sweep: %zu coefficients (1 to %d)",
                               o->n_coefficients, (int)MAX_COEFFICIENTS);
    }
    for (size_t i = 0; i < o->n_coefficients; i++) {
        const double c = o->coefficients[i];
        if (!isfinite(c) || (i > 0 && !(c > o->coefficients[i - 1]))) {
            return persona_err_set(e, PERSONA_E_USAGE,
                                   "sweep: coefficients must be finite and ascend (number %zu "
                                   "is %g)",
                                   i + 1, c);
        }
    }
    if (o->n_answers < 1 || o->max_tokens < 1 || o->behind < 0) {
        return persona_err_set(e, PERSONA_E_USAGE,
                               "sweep: %d answers of %d tokens behind %d tokens", o->n_answers,
                               o->max_tokens, o->behind);
    }
    return PERSONA_OK;
}

static persona_code check_blocks(const sweeping *x, persona_err *e)
{
    const persona_sweep_opts *o = x->o;
    for (size_t i = 0; i < o->n_blocks; i++) {
        const int b = o->blocks[i];
        if (b < 0 || b >= x->v->n_layer || !x->v->layers[b].present) {
            return persona_err_set(e, PERSONA_E_SHAPE,
                                   "sweep: the vector '%s' has no direction at block %d",
                                   x->v->from.trait, b);
        }
        for (size_t k = 0; k < i; k++) {
            if (o->blocks[k] == b) {
                return persona_err_set(e, PERSONA_E_USAGE, "sweep: block %d stands twice", b);
            }
        }
    }
    if (o->n_blocks == 0 && x->v->from.best_layer < 0) {
        return persona_err_set(e, PERSONA_E_USAGE,
                               "sweep: the vector '%s' names no best block: give blocks",
                               x->v->from.trait);
    }
    return PERSONA_OK;
}

static persona_code check_all(const sweeping *x, persona_err *e)
{
    persona_code rc = PERSONA_OK;
    const int width = persona_model_info_get(x->m)->n_embd;
    TRY(check_numbers(x->o, e));
    if (x->v->n_embd != width) {
        return persona_err_set(e, PERSONA_E_SHAPE,
                               "sweep: the vector '%s' is %d wide, the model %d", x->v->from.trait,
                               x->v->n_embd, width);
    }
    TRY(check_blocks(x, e));
    if (x->n_questions == 0) {
        return persona_err_set(e, PERSONA_E_USAGE, "sweep: no questions to ask");
    }
    if (x->judge != NULL && !persona_judge_knows(x->judge, x->trait->name)) {
        return persona_err_set(e, PERSONA_E_UNAVAILABLE,
                               "sweep: the judge %s does not know the trait '%s' (another --judge, "
                               "or none)",
                               persona_judge_name(x->judge), x->trait->name);
    }
out:
    return rc;
}

/* ---- the job --------------------------------------------------------------------------------- */

static void settings_json(json_out *o, const sweeping *x)
{
    const persona_sweep_opts *p = x->o;
    jo_object(o, "sweep");
    if (p->prompt) {
        manifest_instructions(o, x->trait);
    }
    manifest_texts(o, "questions", x->questions->evaluation, x->n_questions);
    jo_array(o, "coefficients");
    for (size_t i = 0; i < p->n_coefficients; i++) {
        jo_number(o, NULL, p->coefficients[i]);
    }
    jo_end(o);
    jo_array(o, "blocks");
    for (size_t i = 0; i < p->n_blocks; i++) {
        jo_int(o, NULL, p->blocks[i]);
    }
    jo_end(o);
    jo_array(o, "operators");
    for (size_t i = 0; i < p->n_operators; i++) {
        jo_string(o, NULL, p->operators[i]);
    }
    jo_end(o);
    jo_array(o, "phases");
    for (size_t i = 0; i < p->n_phases; i++) {
        jo_string(o, NULL, p->phases[i]);
    }
    jo_end(o);
    jo_string(o, "unit", p->unit);
    jo_int(o, "answers", p->n_answers);
    jo_int(o, "max_tokens", p->max_tokens);
    jo_number(o, "temperature", (double)p->temperature);
    jo_bool(o, "prompt", p->prompt);
    jo_int(o, "behind", p->behind);
    if (p->behind > 0) {
        manifest_texts(o, "turns", x->questions->extraction, x->questions->n_extraction);
    }
    jo_int(o, "seed", p->seed);
    jo_end(o);
}

static persona_code open_job(sweeping *x, char **path, persona_err *e)
{
    persona_code rc = PERSONA_OK;
    *path = NULL;
    char hex[65];
    json_out o;
    buf b;
    buf_init(&b, MAX_MANIFEST);
    jo_init(&o, &b, false);
    jo_object(&o, NULL);
    jo_string(&o, "command", "sweep");
    jo_string(&o, "trait", x->trait->name);
    TRY(manifest_model(&o, x->m, e));
    TRY(vector_digest(x->v, hex, e));
    jo_string(&o, "vector", hex);
    settings_json(&o, x);
    manifest_shape(&o, x->s);
    jo_end(&o);
    TRY(buf_ok(&b, "a manifest", e));
    if (x->o->job != NULL) {
        *path = mem_strdup(x->o->job);
        TRY(*path != NULL ? PERSONA_OK : mem_err(e, "a path"));
    } else if (x->o->keep_job) {
        TRY(job_place(b.p, path, e));
    }
    TRY(job_open(*path, b.p, x->o->fresh, &x->job, e));
    kept_tell(x->hooks, *path);
out:
    buf_free(&b);
    return rc;
}

/* ---- all of it ------------------------------------------------------------------------------- */

static persona_code begin(const sweeping *x, persona_sweep **out, persona_err *e)
{
    persona_sweep *s = mem_calloc(1, sizeof *s);
    *out = s;
    if (s == NULL) {
        return mem_err(e, "a sweep");
    }
    s->trait = mem_strdup(x->trait->name);
    s->question = mem_strdup(x->questions->evaluation[0]);
    s->n_questions = x->n_questions;
    return s->trait != NULL && s->question != NULL ? PERSONA_OK : mem_err(e, "a sweep");
}

static persona_code ask_everything(sweeping *x, persona_err *e)
{
    persona_code rc = PERSONA_OK;
    TRY(sweep_points(x, e));
    TRY(sweep_ask(x, false, e));
    if (x->o->behind > 0) {
        TRY(sweep_history(x, e));
        TRY(sweep_ask(x, true, e));
    }
out:
    return rc;
}

persona_code persona_sweep_run(const persona_subject *who, persona_vector *v,
                               const persona_sweep_opts *opts, const persona_hooks *hooks,
                               persona_sweep **out, persona_err *e)
{
    persona_code rc = PERSONA_OK;
    const double start = clock_now();
    const size_t there = who->questions->n_evaluation, wanted = (size_t)opts->n_questions;
    persona_sweep *s = NULL;
    sweeping x = {.s = who->session,
                  .m = persona_session_model(who->session),
                  .v = v,
                  .trait = who->trait,
                  .questions = who->questions,
                  .judge = who->judge,
                  .o = opts,
                  .hooks = hooks,
                  .n_questions = wanted > 0 && wanted < there ? wanted : there,
                  .n_answers = (size_t)opts->n_answers};
    *out = NULL;
    x.n_each = x.n_questions * x.n_answers;
    TRY(check_all(&x, e));
    TRY(begin(&x, &s, e));
    TRY(open_job(&x, &s->job, e));
    TRY(ask_everything(&x, e));
    TRY(sweep_conclude(&x, s, e));
    memcpy(s->unit, x.unit, sizeof s->unit);
    s->n_resumed = x.n_found;
    s->seconds = clock_now() - start;
    *out = s;
    s = NULL;
out:
    persona_sweep_free(s);
    sweep_points_free(&x);
    sweep_history_free(&x);
    job_close(x.job);
    return rc;
}

void persona_sweep_free(persona_sweep *x)
{
    if (x == NULL) {
        return;
    }
    for (size_t i = 0; x->points != NULL && i < x->n_points; i++) {
        mem_free(x->points[i].sample);
    }
    mem_free(x->points);
    mem_free(x->curves);
    mem_free(x->trait);
    mem_free(x->question);
    mem_free(x->job);
    mem_free(x);
}
