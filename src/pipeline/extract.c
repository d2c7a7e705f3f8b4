/* SPDX-License-Identifier: MIT
 *
 * extract.c - rollouts, filter, mean difference.
 *
 * Both polarities and the uninstructed answers run in one continuous batch; what the model computes
 * is captured while it writes (no second pass). Each response weighs the same whatever its length:
 * mean over its answer tokens first, mean over kept responses second.
 */
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/linalg.h"
#include "base/mem.h"
#include "base/rng.h"
#include "core/stats.h"
#include "pipeline/pipeline.h"

#define MIN_PAIRS 10
#define MIN_KEPT 0.10

persona_extract_opts persona_extract_defaults(void)
{
    return (persona_extract_opts){.n_rollouts = 1,
                                  .max_tokens = 128,
                                  .temperature = 1.0F,
                                  .min_trait = 50.0F,
                                  .min_coherence = 50.0F,
                                  .choose_layer = true,
                                  .calibrate = true};
}

const char *stage_name(char *out, size_t size, const char *verb, const char *trait)
{
    snprintf(out, size, "%s %s", verb, trait);
    return out;
}

typedef struct extraction {
    persona_session *s;
    const persona_trait *trait;
    const persona_questions *questions;
    const persona_extract_opts *o;
    const persona_hooks *hooks;
    size_t n_questions, n; /* n: rollouts of both polarities and neutral ones */
    char **systems;        /* pair * 2 + (negative) */
    ask *asks;
    answer *answers;
    rollout *rolls;
} extraction;

static persona_code plan_rollouts(extraction *x, persona_err *e)
{
    const persona_trait *t = x->trait;
    size_t n_rollouts = (size_t)(x->o->n_rollouts > 0 ? x->o->n_rollouts : 1);
    size_t n_pairs = t->n_pairs * x->n_questions * n_rollouts;
    x->n = n_pairs * 2 + x->n_questions;
    x->systems = mem_calloc(t->n_pairs * 2, sizeof *x->systems);
    x->asks = mem_calloc(x->n, sizeof *x->asks);
    x->answers = mem_calloc(x->n, sizeof *x->answers);
    x->rolls = mem_calloc(x->n, sizeof *x->rolls);
    if (x->systems == NULL || x->asks == NULL || x->answers == NULL || x->rolls == NULL) {
        return mem_err(e, "rollouts");
    }
    for (size_t p = 0; p < t->n_pairs * 2; p++) {
        persona_code rc = persona_trait_system(t, p / 2, p % 2 == 0, &x->systems[p], e);
        if (rc != PERSONA_OK) {
            return rc;
        }
    }
    size_t i = 0;
    for (size_t p = 0; p < t->n_pairs; p++) {
        for (size_t q = 0; q < x->n_questions; q++) {
            for (size_t k = 0; k < n_rollouts * 2; k++, i++) {
                x->rolls[i] = (rollout){.polarity = k % 2 == 0 ? 1 : -1, .pair = p, .question = q};
                x->asks[i].system = x->systems[p * 2 + k % 2];
            }
        }
    }
    for (size_t q = 0; q < x->n_questions; q++, i++) {
        x->rolls[i] = (rollout){.polarity = 0, .question = q};
    }
    return PERSONA_OK;
}

static persona_code run_rollouts(extraction *x, persona_err *e)
{
    static const persona_tap TAP = {.mode = PERSONA_TAP_MEAN, .span = PERSONA_SPAN_RESPONSE};
    char stage[96];
    for (size_t i = 0; i < x->n; i++) {
        ask *a = &x->asks[i];
        a->question = x->questions->extraction[x->rolls[i].question];
        a->tap = &TAP;
        a->sampling = persona_sampling_defaults();
        a->sampling.temperature = x->o->temperature;
        a->sampling.max_tokens = x->o->max_tokens;
        a->sampling.seed = rng_mix(x->o->seed, 0x65787472, i);
    }
    return ask_all(x->s, x->asks, x->n, stage_name(stage, sizeof stage, "extract", x->trait->name),
                   x->hooks, x->answers, e);
}

/* Scores the answers that there are, in one run of the judge. */
static persona_code score_rollouts(extraction *x, persona_err *e)
{
    size_t n = 0;
    persona_judge_item *items = mem_calloc(x->n, sizeof *items);
    persona_judgement *got = mem_calloc(x->n, sizeof *got);
    persona_code rc = items != NULL && got != NULL ? PERSONA_OK : mem_err(e, "answers to judge");
    for (size_t i = 0; rc == PERSONA_OK && i < x->n; i++) {
        if (x->rolls[i].kept) {
            items[n++] = (persona_judge_item){x->asks[i].question, x->answers[i].text, NAN, NAN};
        }
    }
    if (rc == PERSONA_OK) {
        rc = persona_judge_all(x->o->judge, x->trait, items, n, x->hooks, got, e);
    }
    n = 0;
    for (size_t i = 0; rc == PERSONA_OK && i < x->n; i++) {
        if (x->rolls[i].kept) {
            x->rolls[i].score = got[n].trait;
            x->rolls[i].coherence = got[n++].coherence;
        }
    }
    mem_free(items);
    mem_free(got);
    return rc;
}

static persona_code judge_rollouts(extraction *x, persona_extract_report *rep, persona_err *e)
{
    double score[2] = {0, 0}, coherence[2] = {0, 0};
    size_t n[2] = {0, 0};
    for (size_t i = 0; i < x->n; i++) {
        rollout *r = &x->rolls[i];
        r->score = r->coherence = NAN;
        r->kept = x->answers[i].answered && x->answers[i].mean != NULL;
        if (r->polarity != 0) {
            *(r->polarity > 0 ? &rep->n_generated_pos : &rep->n_generated_neg) += 1;
            rep->n_unanswered += !r->kept;
        }
    }
    persona_code rc = x->o->judge != NULL ? score_rollouts(x, e) : PERSONA_OK;
    for (size_t i = 0; rc == PERSONA_OK && i < x->n; i++) {
        const rollout *r = &x->rolls[i];
        const int side = r->polarity > 0 ? 0 : 1;
        if (r->polarity != 0 && !isnan(r->score) && !isnan(r->coherence)) {
            score[side] += (double)r->score;
            coherence[side] += (double)r->coherence;
            n[side]++;
        }
    }
    rep->score_pos = n[0] > 0 ? score[0] / (double)n[0] : (double)NAN;
    rep->score_neg = n[1] > 0 ? score[1] / (double)n[1] : (double)NAN;
    rep->coherence_pos = n[0] > 0 ? coherence[0] / (double)n[0] : (double)NAN;
    rep->coherence_neg = n[1] > 0 ? coherence[1] / (double)n[1] : (double)NAN;
    return rc;
}

/* The published filter: neighbours 2k and 2k+1 are a pair. */
static persona_code filter_pairs(extraction *x, persona_extract_report *rep, persona_err *e)
{
    size_t n_pairs = rep->n_generated_pos;
    for (size_t i = 0; i + 1 < n_pairs * 2; i += 2) {
        rollout *p = &x->rolls[i], *q = &x->rolls[i + 1];
        bool keep = p->kept && q->kept;
        if (keep && x->o->judge != NULL) {
            keep = p->score >= x->o->min_trait && q->score < 100 - x->o->min_trait &&
                   p->coherence >= x->o->min_coherence && q->coherence >= x->o->min_coherence;
        }
        p->kept = q->kept = keep;
        rep->n_kept_pos += keep;
        rep->n_kept_neg += keep;
    }
    size_t need = n_pairs < MIN_PAIRS ? 1 : MIN_PAIRS;
    if (rep->n_kept_pos < need || (double)rep->n_kept_pos < MIN_KEPT * (double)n_pairs) {
        return persona_err_set(
            e, PERSONA_E_NEGATIVE,
            "trait '%s': only %zu of %zu pairs show the contrast (mean score %.0f "
            "against %.0f, coherence %.0f and %.0f): the model does not follow "
            "these instructions, or the judge does not see it; try more rollouts, "
            "other instructions, or lower thresholds",
            x->trait->name, rep->n_kept_pos, n_pairs, rep->score_pos, rep->score_neg,
            rep->coherence_pos, rep->coherence_neg);
    }
    return PERSONA_OK;
}

static persona_code mean_difference(const extraction *x, const persona_extract_report *rep,
                                    persona_vector *v, persona_err *e)
{
    size_t d = (size_t)v->n_embd;
    persona_code rc = PERSONA_OK;
    double *sum = mem_calloc(d, sizeof *sum);
    float *row = mem_calloc(d, sizeof *row);
    if (sum == NULL || row == NULL) {
        rc = mem_err(e, "the mean difference");
    }
    for (int b = 0; rc == PERSONA_OK && b < v->n_layer - 1; b++) {
        memset(sum, 0, d * sizeof *sum);
        for (size_t i = 0; i < x->n; i++) {
            const rollout *r = &x->rolls[i];
            if (r->polarity == 0 || !r->kept) {
                continue;
            }
            const float *m = x->answers[i].mean + (size_t)b * d;
            double w =
                r->polarity > 0 ? 1.0 / (double)rep->n_kept_pos : -1.0 / (double)rep->n_kept_neg;
            for (size_t k = 0; k < d; k++) {
                sum[k] += w * (double)m[k];
            }
        }
        for (size_t k = 0; k < d; k++) {
            row[k] = (float)sum[k];
        }
        rc = persona_vector_set(v, b, row, e);
    }
    mem_free(sum);
    mem_free(row);
    return rc;
}

persona_code vector_label_model(persona_vector *v, persona_model *m, persona_err *e)
{
    const persona_model_info *info = persona_model_info_get(m);
    persona_provenance *f = &v->from;
    const char *sha;
    persona_code rc = persona_model_sha256(m, &sha, e);
    const struct {
        char **field;
        const char *value;
    } labels[] = {
        {&f->model_name, info->name},
        {&f->model_arch, info->arch},
        {&f->model_hash, sha},
        {&f->template_hash, info->chat_hash},
        {&f->library, persona_engine_version()},
    };
    for (size_t i = 0; rc == PERSONA_OK && i < sizeof labels / sizeof labels[0]; i++) {
        rc = persona_vector_label(labels[i].field, labels[i].value, e);
    }
    return rc;
}

static persona_code label(const extraction *x, const persona_extract_report *rep, persona_vector *v,
                          persona_err *e)
{
    persona_code rc = vector_label_model(v, persona_session_model(x->s), e);
    if (rc == PERSONA_OK) {
        rc = persona_vector_label(&v->from.trait, x->trait->name, e);
    }
    if (rc == PERSONA_OK) {
        rc = persona_vector_label(&v->from.method, "mean_difference", e);
    }
    if (rc == PERSONA_OK) {
        rc = persona_vector_label(
            &v->from.judge, x->o->judge != NULL ? persona_judge_name(x->o->judge) : "none", e);
    }
    v->from.seed = x->o->seed;
    v->from.n_generated_pos = (int)rep->n_generated_pos;
    v->from.n_generated_neg = (int)rep->n_generated_neg;
    v->from.n_kept_pos = (int)rep->n_kept_pos;
    v->from.n_kept_neg = (int)rep->n_kept_neg;
    return rc;
}

static persona_code check_extract(const extraction *x, persona_err *e)
{
    if (x->n_questions == 0) {
        return persona_err_set(e, PERSONA_E_USAGE, "extract: no extraction questions");
    }
    if (x->o->judge != NULL && !persona_judge_knows(x->o->judge, x->trait->name)) {
        return persona_err_set(e, PERSONA_E_UNAVAILABLE,
                               "judge '%s' cannot score the trait '%s' (use --judge none)",
                               persona_judge_name(x->o->judge), x->trait->name);
    }
    return PERSONA_OK;
}

static double seconds_now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

static size_t tokens_of(const persona_session *s)
{
    persona_session_stats st = persona_session_stats_get(s);
    return st.n_tokens_decoded + st.n_tokens_prefilled;
}

static void free_extraction(extraction *x)
{
    for (size_t p = 0; x->systems != NULL && p < x->trait->n_pairs * 2; p++) {
        mem_free(x->systems[p]);
    }
    mem_free(x->systems);
    mem_free(x->asks);
    answers_clear(x->answers, x->n);
    mem_free(x->answers);
    mem_free(x->rolls);
}

/* Rollouts to a measured vector, without layer and dose. */
static persona_code extract_vector(extraction *x, persona_extract_report *rep, persona_vector **out,
                                   persona_err *e)
{
    const persona_model_info *info = persona_model_info_get(persona_session_model(x->s));
    persona_code rc = plan_rollouts(x, e);
    if (rc == PERSONA_OK) {
        rc = run_rollouts(x, e);
    }
    if (rc == PERSONA_OK) {
        rc = judge_rollouts(x, rep, e);
    }
    if (rc == PERSONA_OK) {
        rc = filter_pairs(x, rep, e);
    }
    if (rc == PERSONA_OK) {
        rc = persona_vector_new(info->n_layer, info->n_embd, out, e);
    }
    if (rc == PERSONA_OK) {
        rc = mean_difference(x, rep, *out, e);
    }
    if (rc == PERSONA_OK) {
        rc = quality_measure(*out, x->rolls, x->answers, x->n, e);
    }
    if (rc == PERSONA_OK) {
        rc = label(x, rep, *out, e);
    }
    return rc;
}

persona_code persona_extract(persona_session *s, const persona_trait *trait,
                             const persona_questions *questions, const persona_extract_opts *opts,
                             const persona_hooks *hooks, persona_vector **out,
                             persona_extract_report *report, persona_err *e)
{
    persona_extract_opts o = opts != NULL ? *opts : persona_extract_defaults();
    persona_extract_report rep = {.swing = NAN, .layer_choice = "none"};
    extraction x = {.s = s,
                    .trait = trait,
                    .questions = questions,
                    .o = &o,
                    .hooks = hooks,
                    .n_questions = questions->n_extraction};
    double t0 = seconds_now();
    size_t tokens = tokens_of(s);
    *out = NULL;
    if (o.n_questions > 0 && (size_t)o.n_questions < x.n_questions) {
        x.n_questions = (size_t)o.n_questions;
    }
    persona_code rc = check_extract(&x, e);
    if (rc == PERSONA_OK) {
        rc = extract_vector(&x, &rep, out, e);
    }
    free_extraction(&x);
    if (rc == PERSONA_OK && o.choose_layer) {
        rc = settle_layer(s, *out, trait, questions, o.judge, o.seed, hooks, &rep.swing,
                          &rep.layer_choice, e);
    }
    if (rc == PERSONA_OK && o.choose_layer && o.calibrate) {
        rc = persona_calibrate(s, *out, (*out)->from.best_layer, questions->extraction,
                               questions->n_extraction, hooks, e);
        if (rc == PERSONA_E_NUMERIC) {
            rc = PERSONA_OK; /* the vector stays uncalibrated, which its file says */
        }
    }
    rep.seconds = seconds_now() - t0;
    rep.n_tokens = tokens_of(s) - tokens;
    if (report != NULL) {
        *report = rep;
    }
    if (rc != PERSONA_OK) {
        persona_vector_free(*out);
        *out = NULL;
    }
    return rc;
}
