/* SPDX-License-Identifier: MIT
 *
 * study_samples.c - a few answers for reading: one question, unsteered and steered both ways.
 */
#include <string.h>

#include "base/mem.h"
#include "pipeline/ask.h"
#include "pipeline/evaluate/study_parts.h"

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
    return strcmp(sample_table[i].condition, "transferred") == 0
               ? x->transferred
               : study_vector(x, sample_table[i].condition);
}

static persona_code ask_all_samples(studying *s, persona_err *e)
{
    study *x = s->x;
    persona_model *m = persona_session_model(s->to->session);
    const persona_evaluate_opts defaults = persona_evaluate_defaults();
    persona_plan *plans[N_SAMPLES] = {NULL};
    ask asks[N_SAMPLES] = {0};
    answer answers[N_SAMPLES] = {0};
    size_t row[N_SAMPLES], n = 0;
    persona_code rc = PERSONA_OK;
    for (size_t i = 0; i < N_SAMPLES && rc == PERSONA_OK; i++) {
        const persona_vector *v = sample_vector(x, i);
        if (!v && sample_table[i].coefficient != 0.0) {
            continue;
        }
        if (v) {
            rc = persona_steer_vector(m, v, sample_table[i].coefficient, &plans[n], e);
        }
        asks[n] = (ask){
            .question = x->question, .sampling = persona_sampling_defaults(), .plan = plans[n]};
        asks[n].sampling.temperature = defaults.temperature;
        asks[n].sampling.max_tokens = s->o->max_tokens > 0 ? s->o->max_tokens : defaults.max_tokens;
        asks[n].sampling.seed = s->o->seed;
        row[n++] = i;
    }
    if (rc == PERSONA_OK) {
        rc = ask_all(s->to->session, asks, n, "sample answers", s->hooks, answers, e);
    }
    for (size_t k = 0; k < n && rc == PERSONA_OK; k++) {
        x->samples[k] = (study_sample){sample_table[row[k]].condition,
                                       sample_table[row[k]].coefficient, answers[k].text};
        answers[k].text = NULL;
        x->n_samples = k + 1;
    }
    answers_clear(answers, n);
    for (size_t k = 0; k < N_SAMPLES; k++) {
        persona_plan_free(plans[k]);
    }
    return rc;
}

persona_code study_ask_samples(studying *s, persona_err *e)
{
    study *x = s->x;
    if (s->questions->n_evaluation == 0) {
        return PERSONA_OK;
    }
    x->question = mem_strdup(s->questions->evaluation[0]);
    x->samples = mem_calloc(N_SAMPLES, sizeof *x->samples);
    if (!x->question || !x->samples) {
        return mem_err(e, "sample answers");
    }
    return ask_all_samples(s, e);
}
