/* SPDX-License-Identifier: MIT
 *
 * study_samples.c - a few answers for reading: one question, unsteered and steered both ways.
 */
#include <stdio.h>
#include <string.h>

#include "base/file.h"
#include "base/mem.h"
#include "base/try.h"
#include "persona/steer.h"
#include "pipeline/evaluate/evaluate_parts.h"
#include "pipeline/evaluate/study_parts.h"
#include "pipeline/kept.h"
#include "pipeline/manifest_parts.h"

enum { N_SAMPLES = 5 };
static const struct {
    const char *condition;
    double coefficient;
} sample_table[N_SAMPLES] = {
    {"unsteered", 0}, {"transferred", -1}, {"transferred", 1}, {"native", -1}, {"native", 1},
};

/* The vector of a sample's condition; NULL also where there is nothing to steer with. */
static const persona_vector *sample_vector(const persona_study *x, size_t i)
{
    return strcmp(sample_table[i].condition, "transferred") == 0
               ? x->transferred
               : persona_study_vector(x, sample_table[i].condition);
}

/* Names the stage by the vectors. */
static persona_code samples_stage(const persona_study *x, char out[64], persona_err *e)
{
    persona_code rc = PERSONA_OK;
    char hex[2][65] = {"", ""}, both[65];
    const persona_vector *const v[2] = {x->transferred, persona_study_vector(x, "native")};
    for (size_t i = 0; i < 2; i++) {
        if (v[i]) {
            TRY(vector_digest(v[i], hex[i], e));
        }
    }
    sha256_hex(hex, sizeof hex, both);
    TRY(both[0] ? PERSONA_OK : mem_err(e, "the name of a stage"));
    snprintf(out, 64, "sample/%.16s", both);
out:
    return rc;
}

static persona_code ask_samples(studying *s, persona_err *e)
{
    persona_code rc = PERSONA_OK;
    persona_study *x = s->x;
    char stage[64];
    const kept k = {.job = s->job,
                    .stage = stage,
                    .trait = x->trait,
                    .title = "sample answers",
                    .hooks = s->hooks};
    const persona_evaluate_opts o = study_evaluation(s);
    persona_plan *plans[N_SAMPLES] = {NULL};
    ask asks[N_SAMPLES] = {0};
    answer answers[N_SAMPLES] = {0};
    job_answer rows[N_SAMPLES] = {0};
    size_t row[N_SAMPLES], n = 0;
    TRY(samples_stage(x, stage, e));
    for (size_t i = 0; i < N_SAMPLES; i++) {
        const persona_vector *v = sample_vector(x, i);
        if (!v && sample_table[i].coefficient != 0.0) {
            continue;
        }
        if (v) {
            TRY(persona_steer_vector(persona_session_model(s->to->session), v,
                                     sample_table[i].coefficient, &plans[n], e));
        }
        asks[n] = (ask){
            .question = x->question, .sampling = persona_sampling_defaults(), .plan = plans[n]};
        asks[n].sampling.temperature = o.temperature;
        asks[n].sampling.max_tokens = o.max_tokens;
        asks[n].sampling.max_analysis = ASK_THOUGHT * o.max_tokens;
        asks[n].sampling.seed = o.seed;
        rows[n] = (job_answer){.question = x->question, .pair = -1, .rollout = -1, .seed = o.seed};
        row[n++] = i;
    }
    TRY(kept_ask(&k, s->to->session, asks, rows, n, answers, NULL, e));
    for (size_t i = 0; i < n; i++) {
        x->samples[i] = (persona_study_sample){sample_table[row[i]].condition,
                                               sample_table[row[i]].coefficient, answers[i].text};
        answers[i].text = NULL;
        x->n_samples = i + 1;
    }
out:
    answers_clear(answers, N_SAMPLES);
    for (size_t i = 0; i < N_SAMPLES; i++) {
        persona_plan_free(plans[i]);
    }
    return rc;
}

persona_code study_ask_samples(studying *s, persona_err *e)
{
    persona_study *x = s->x;
    if (s->questions->n_evaluation == 0) {
        return PERSONA_OK;
    }
    x->question = mem_strdup(s->questions->evaluation[0]);
    x->samples = mem_calloc(N_SAMPLES, sizeof *x->samples);
    if (!x->question || !x->samples) {
        return mem_err(e, "sample answers");
    }
    return ask_samples(s, e);
}
