/* SPDX-License-Identifier: MIT
 *
 * study.c - one trait from the source model to the target, with every control beside it.
 *
 *   source:  extract ------> v_s --map--> v_t --settle-->  transferred  \
 *   target:  extract --------------------------------->    native        >  evaluate --> verdict
 *            v_s --map of shuffled pairs--> settle ----->   shuffled     /
 *
 * The null (shuffled) gets the same treatment as the real thing: its own best block and its own
 * dose. What can be missing without making the study meaningless is left out with a note: a target
 * that cannot show the trait by itself has no native vector; a null too weak to calibrate has none
 * either.
 */
#include "pipeline/study.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "pipeline/ask.h"

enum { SHUFFLE_SEED = 7 };

study_opts study_defaults(void)
{
    return (study_opts){.n_rollouts = 1, .evaluate = true};
}

/* A side's question set: its own, or the pack's in *own. */
static persona_code questions_for(const study_side *side, const persona_trait *trait,
                                  persona_questions **own, const persona_questions **out,
                                  persona_err *e)
{
    *own = NULL;
    *out = side->questions;
    if (side->questions)
        return PERSONA_OK;
    const persona_code rc = persona_questions_of(trait, own, e);
    *out = *own;
    return rc;
}

persona_code study_pairs(const study_side *from, const study_side *to, persona_trait *const *all,
                         size_t n_all, const study_opts *opts, const persona_hooks *hooks,
                         persona_pairs **out, persona_err *e)
{
    persona_pairs_opts p = persona_pairs_defaults();
    p.seed = opts->seed;
    if (opts->n_mapped > 0)
        p.n_questions = opts->n_mapped;
    if (opts->n_neutral > 0)
        p.n_neutral = opts->n_neutral;
    if (opts->max_tokens > 0)
        p.max_tokens = opts->max_tokens;
    if (n_all == 0)
        return persona_err_set(e, PERSONA_E_NOTFOUND, "no trait packs to learn a map from");
    return persona_pairs_new(from->session, to->session, all, n_all, from->questions, &p, hooks,
                             out, e);
}

/* ---- steps ----------------------------------------------------------------------------------- */

static persona_judge *judge_for(const study_side *side, const persona_trait *trait)
{
    return side->judge && persona_judge_knows(side->judge, trait->name) ? side->judge : NULL;
}

/* steered: the vector will steer this side, so it needs a dose. */
static persona_code extract(const study_side *side, const persona_trait *trait, bool steered,
                            const study_opts *opts, const persona_hooks *hooks,
                            persona_vector **out, persona_extract_report *report, persona_err *e)
{
    persona_extract_opts x = persona_extract_defaults();
    x.judge = judge_for(side, trait);
    x.n_questions = opts->n_questions;
    x.n_rollouts = opts->n_rollouts;
    x.seed = opts->seed;
    x.response_curve = false; /* the evaluation shows it on other questions */
    x.calibrate = steered;
    x.quick = true; /* as persona_settle does for vectors that are carried over */
    if (opts->max_tokens > 0)
        x.max_tokens = opts->max_tokens;
    persona_questions *own = NULL;
    const persona_questions *questions = NULL;
    persona_code rc = questions_for(side, trait, &own, &questions, e);
    if (rc == PERSONA_OK)
        rc = persona_extract(side->session, trait, questions, &x, hooks, out, report, e);
    persona_questions_free(own);
    return rc;
}

/* Maps the source vector and finds block and dose on the target. shuffle: the null. */
static persona_code carry(const study_side *to, persona_pairs *pairs, const persona_trait *trait,
                          const study_opts *opts, study *x, uint32_t shuffle,
                          const persona_hooks *hooks, persona_vector **out, persona_err *e)
{
    const int n_layer = persona_model_info_get(persona_session_model(to->session))->n_layer;
    double swing = NAN;
    persona_questions *own = NULL;
    const persona_questions *questions = NULL;
    persona_map_report *maps = mem_calloc((size_t)n_layer, sizeof *maps);
    if (!maps)
        return mem_err(e, "the reports of a map");
    persona_code rc = persona_transfer(pairs, x->source, persona_session_model(to->session),
                                       shuffle, out, maps, e);
    if (rc == PERSONA_OK)
        rc = questions_for(to, trait, &own, &questions, e);
    if (rc == PERSONA_OK)
        rc = persona_settle(to->session, *out, trait, questions, judge_for(to, trait), opts->seed,
                            hooks, &swing, e);
    if (rc == PERSONA_OK) {
        const persona_map_report *map = &maps[(*out)->from.best_layer];
        (*out)->from.lambda = (float)map->lambda;
        (*out)->from.r2_heldout = (float)map->r2_heldout;
        (*out)->from.r2_shuffled = (float)map->r2_shuffled;
        if (shuffle == 0) {
            x->map = *map;
            x->swing_settled = swing;
        }
    }
    mem_free(maps);
    persona_questions_free(own);
    return rc;
}

static void add_note(study *x, const char *what, const persona_err *why)
{
    const size_t n = strlen(x->note);
    snprintf(x->note + n, sizeof x->note - n, "%s%s: %s", n > 0 ? "; " : "", what, why->msg);
}

/* The native vector and the null; both may be missing for a reason that is about the data. */
static persona_code controls(const study_side *to, persona_pairs *pairs, const persona_trait *trait,
                             const study_opts *opts, study *x, const persona_hooks *hooks,
                             persona_err *e)
{
    persona_err why = {.code = PERSONA_OK};
    persona_code rc = extract(to, trait, true, opts, hooks, &x->native, &x->native_report, &why);
    if (rc == PERSONA_E_NEGATIVE || rc == PERSONA_E_NUMERIC) {
        add_note(x, "no native vector", &why);
        persona_vector_free(x->native);
        x->native = NULL;
        rc = PERSONA_OK;
    }
    if (rc == PERSONA_OK)
        rc = carry(to, pairs, trait, opts, x, SHUFFLE_SEED, hooks, &x->shuffled, &why);
    if (rc == PERSONA_E_NUMERIC) {
        add_note(x, "no shuffled control", &why);
        persona_vector_free(x->shuffled);
        x->shuffled = NULL;
        rc = PERSONA_OK;
    }
    return rc == PERSONA_OK ? rc : persona_err_set(e, rc, "%s", why.msg);
}

static persona_code evaluate(const study_side *to, const persona_trait *trait,
                             const study_opts *opts, study *x, const persona_hooks *hooks,
                             persona_err *e)
{
    persona_evaluate_opts o = persona_evaluate_defaults();
    o.seed = opts->seed;
    o.n_questions = opts->n_evaluate;
    if (opts->max_tokens > 0)
        o.max_tokens = opts->max_tokens;
    if (opts->n_coefficients > 0) {
        o.coefficients = opts->coefficients;
        o.n_coefficients = opts->n_coefficients;
    }
    persona_questions *own = NULL;
    const persona_questions *questions = NULL;
    persona_code rc = questions_for(to, trait, &own, &questions, e);
    if (rc == PERSONA_OK)
        rc = persona_evaluate(to->session, trait, questions, to->judge, x->native, x->transferred,
                              x->shuffled, &o, hooks, &x->evaluation, e);
    if (rc == PERSONA_OK)
        rc = persona_vector_label(&x->transferred->from.verdict, study_verdict(x), e);
    persona_questions_free(own);
    return rc;
}

/* ---- samples --------------------------------------------------------------------------------- */

enum { N_SAMPLES = 5 };
static const struct {
    const char *condition;
    double coefficient;
} sample_table[N_SAMPLES] = {
    {"unsteered", 0}, {"transferred", -1}, {"transferred", 1}, {"native", -1}, {"native", 1},
};

/* The vector of a sample's condition; NULL also where there is nothing to steer with. */
static const persona_vector *sample_vector(const study *x, size_t i)
{
    return strcmp(sample_table[i].condition, "native") == 0        ? x->native
           : strcmp(sample_table[i].condition, "transferred") == 0 ? x->transferred
                                                                   : NULL;
}

static persona_code ask_samples(const study_side *to, const study_opts *opts, study *x,
                                const persona_hooks *hooks, persona_err *e)
{
    persona_model *m = persona_session_model(to->session);
    const persona_evaluate_opts defaults = persona_evaluate_defaults();
    persona_plan *plans[N_SAMPLES] = {NULL};
    ask asks[N_SAMPLES] = {0};
    answer answers[N_SAMPLES] = {0};
    size_t row[N_SAMPLES], n = 0;
    persona_code rc = PERSONA_OK;
    for (size_t i = 0; i < N_SAMPLES && rc == PERSONA_OK; i++) {
        const persona_vector *v = sample_vector(x, i);
        if (!v && sample_table[i].coefficient != 0.0)
            continue;
        if (v)
            rc = persona_steer_vector(m, v, sample_table[i].coefficient, &plans[n], e);
        asks[n] = (ask){
            .question = x->question, .sampling = persona_sampling_defaults(), .plan = plans[n]};
        asks[n].sampling.temperature = defaults.temperature;
        asks[n].sampling.max_tokens = opts->max_tokens > 0 ? opts->max_tokens : defaults.max_tokens;
        asks[n].sampling.seed = opts->seed;
        row[n++] = i;
    }
    if (rc == PERSONA_OK)
        rc = ask_all(to->session, asks, n, "sample answers", hooks, answers, e);
    for (size_t k = 0; k < n && rc == PERSONA_OK; k++) {
        x->samples[k] = (study_sample){sample_table[row[k]].condition,
                                       sample_table[row[k]].coefficient, answers[k].text};
        answers[k].text = NULL;
        x->n_samples = k + 1;
    }
    answers_clear(answers, n);
    for (size_t k = 0; k < N_SAMPLES; k++)
        persona_plan_free(plans[k]);
    return rc;
}

static persona_code samples(const study_side *to, const persona_trait *trait,
                            const study_opts *opts, study *x, const persona_hooks *hooks,
                            persona_err *e)
{
    persona_questions *own = NULL;
    const persona_questions *questions = NULL;
    persona_code rc = questions_for(to, trait, &own, &questions, e);
    if (rc != PERSONA_OK || questions->n_evaluation == 0)
        goto out;
    x->question = mem_strdup(questions->evaluation[0]);
    x->samples = mem_calloc(N_SAMPLES, sizeof *x->samples);
    if (!x->question || !x->samples) {
        rc = mem_err(e, "sample answers");
        goto out;
    }
    rc = ask_samples(to, opts, x, hooks, e);
out:
    persona_questions_free(own);
    return rc;
}

/* ---- the study ------------------------------------------------------------------------------- */

static persona_code check_judge(const study_side *to, const persona_trait *trait, persona_err *e)
{
    const char *arch = persona_model_info_get(persona_session_model(to->session))->path;
    if (!to->judge)
        return persona_err_set(e, PERSONA_E_UNAVAILABLE,
                               "no judge for %s: evaluation needs one that scores '%s'", arch,
                               trait->name);
    if (!persona_judge_knows(to->judge, trait->name))
        return persona_err_set(e, PERSONA_E_UNAVAILABLE, "judge %s cannot score '%s'",
                               persona_judge_name(to->judge), trait->name);
    return PERSONA_OK;
}

persona_code study_trait(const study_side *from, const study_side *to, persona_pairs *pairs,
                         const persona_trait *trait, const study_opts *opts,
                         const persona_hooks *hooks, study **out, persona_err *e)
{
    const double start = clock_now();
    persona_code rc = opts->evaluate ? check_judge(to, trait, e) : PERSONA_OK;
    study *x = NULL;
    *out = NULL;
    if (rc != PERSONA_OK)
        goto out;
    x = mem_calloc(1, sizeof *x);
    if (x) {
        x->trait = mem_strdup(trait->name);
        x->swing_settled = NAN;
    }
    if (!x || !x->trait) {
        rc = mem_err(e, "a study");
        goto out;
    }
    rc = opts->given ? persona_vector_clone(opts->given, &x->source, e)
                     : extract(from, trait, false, opts, hooks, &x->source, &x->source_report, e);
    if (rc == PERSONA_OK)
        rc = carry(to, pairs, trait, opts, x, 0, hooks, &x->transferred, e);
    if (rc == PERSONA_OK && opts->evaluate)
        rc = controls(to, pairs, trait, opts, x, hooks, e);
    if (rc == PERSONA_OK && opts->evaluate)
        rc = evaluate(to, trait, opts, x, hooks, e);
    if (rc == PERSONA_OK)
        rc = samples(to, trait, opts, x, hooks, e);
    if (rc != PERSONA_OK)
        goto out;
    x->seconds = clock_now() - start;
    *out = x;
    x = NULL;
out:
    study_free(x);
    return rc;
}

void study_free(study *x)
{
    if (!x)
        return;
    for (size_t i = 0; i < x->n_samples; i++)
        mem_free(x->samples[i].text);
    mem_free(x->samples);
    mem_free(x->question);
    persona_evaluation_free(x->evaluation);
    persona_extract_report_clear(&x->source_report);
    persona_extract_report_clear(&x->native_report);
    persona_vector_free(x->shuffled);
    persona_vector_free(x->transferred);
    persona_vector_free(x->native);
    persona_vector_free(x->source);
    mem_free(x->trait);
    mem_free(x);
}

size_t study_kept(const study *x)
{
    const int n = x->source ? x->source->from.n_kept_pos : 0;
    return n > 0 ? (size_t)n : 0;
}

int study_layer_from(const study *x)
{
    if (x->transferred && x->transferred->from.layer_from >= 0)
        return x->transferred->from.layer_from;
    return x->source ? x->source->from.best_layer : -1;
}

int study_layer_to(const study *x)
{
    return x->transferred ? x->transferred->from.best_layer : -1;
}

const char *study_verdict(const study *x)
{
    return !x->evaluation ? NULL : x->evaluation->pass ? "PASS" : "FAIL";
}
