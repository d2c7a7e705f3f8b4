/* SPDX-License-Identifier: MIT
 *
 * job_extract.c - the job `extract`: a persona vector from a served model, as `persona extract`
 * makes it, into the library.
 */
#include "base/mem.h"
#include "base/try.h"
#include "server/jobs/job_plan.h"
#include "server/jobs/job_side.h"
#include "workbench/find.h"
#include "workbench/results.h"

typedef struct extract_args {
    const char *model, *trait, *judge, *method;
    int n_questions, n_rollouts, max_tokens;
    double temperature, min_trait, min_coherence;
    uint32_t seed;
    bool calibrate;
} extract_args;
_Static_assert(sizeof(extract_args) <= JOB_ARGS_MAX, "JOB_ARGS_MAX");

static void init(void *p)
{
    const persona_extract_opts o = persona_extract_defaults();
    *(extract_args *)p = (extract_args){.n_rollouts = o.n_rollouts,
                                        .max_tokens = o.max_tokens,
                                        .temperature = (double)o.temperature,
                                        .min_trait = (double)o.min_trait,
                                        .min_coherence = (double)o.min_coherence,
                                        .calibrate = true};
}

static const char *const METHODS[] = {"mean", "pca", "logistic", "all", NULL};

#define AT(member) offsetof(extract_args, member)
const field job_extract_fields[] = {
    {.name = "model",
     .type = FIELD_STRING,
     .max = SERVED_ID_MAX - 1,
     .at = AT(model),
     .help = "Id of a model; without it the server's first"},
    {.name = "trait",
     .type = FIELD_STRING,
     .required = true,
     .min = 1,
     .max = 64,
     .at = AT(trait),
     .help = "Name of a trait pack"},
    {.name = "judge",
     .type = FIELD_STRING,
     .of_names = JOB_JUDGES,
     .at = AT(judge),
     .help = "Who scores the answers. Default auto: what the model names"},
    {.name = "questions",
     .type = FIELD_INT,
     .min = 1,
     .max = 100000,
     .at = AT(n_questions),
     .help = "At most so many. Default: all"},
    {.name = "rollouts",
     .type = FIELD_INT,
     .min = 1,
     .max = 1000,
     .at = AT(n_rollouts),
     .help = "Answers to each question, instruction and polarity. Default 1"},
    {.name = "max_tokens",
     .type = FIELD_INT,
     .min = 1,
     .max = 100000,
     .at = AT(max_tokens),
     .help = "Length of an answer at most. Default 128"},
    {.name = "temperature",
     .type = FIELD_NUMBER,
     .max = 10,
     .at = AT(temperature),
     .help = "Default 1"},
    {.name = "min_trait",
     .type = FIELD_NUMBER,
     .max = 100,
     .at = AT(min_trait),
     .help = "Positive answers must score this, negative ones less. Default 50"},
    {.name = "min_coherence",
     .type = FIELD_NUMBER,
     .max = 100,
     .at = AT(min_coherence),
     .help = "Answers must be this coherent. Default 50"},
    {.name = "method",
     .type = FIELD_STRING,
     .of_names = METHODS,
     .at = AT(method),
     .help = "How a direction comes of the answers. Default mean"},
    {.name = "seed", .type = FIELD_SEED, .at = AT(seed), .help = "Default 0"},
    {.name = "calibrate",
     .type = FIELD_BOOL,
     .at = AT(calibrate),
     .help = "Measure the dose. Default true"},
    FIELD_LAST,
};

static persona_code check(const void *p, const job_context *c, persona_err *e)
{
    const extract_args *a = p;
    persona_code rc = PERSONA_OK;
    persona_trait *trait = NULL;
    served_status m;
    if (a->model != NULL) {
        TRY(registry_status(c->models, a->model, &m, e));
    }
    TRY(job_trait(a->trait, &trait, e));
out:
    persona_trait_free(trait);
    return rc;
}

static persona_extract_opts opts_of(const extract_args *a, const rig *x, const char *job)
{
    persona_extract_opts o = persona_extract_defaults();
    o.judge = x->judge;
    o.method = a->method != NULL ? a->method : o.method;
    o.n_questions = x->n_questions;
    o.n_rollouts = a->n_rollouts;
    o.max_tokens = a->max_tokens;
    o.temperature = (float)a->temperature;
    o.seed = a->seed;
    o.min_trait = (float)a->min_trait;
    o.min_coherence = (float)a->min_coherence;
    o.calibrate = a->calibrate;
    o.job = job;
    return o;
}

static persona_code run(const void *p, const job_context *c, json_out *result, persona_err *e)
{
    const extract_args *a = p;
    persona_code rc = PERSONA_OK;
    persona_trait *trait = NULL;
    persona_vector *v = NULL;
    persona_extract_report report = {0};
    char *job = NULL, *path = NULL;
    job_side s = {.m = NULL};
    TRY(job_trait(a->trait, &trait, e));
    const job_side_opts side = {a->model, a->judge, a->n_questions};
    TRY(job_side_open(c, &side, NULL, trait, &s, e));
    persona_extract_opts o = opts_of(a, &s.x, NULL);
    TRY(persona_extract_place(s.x.session, trait, s.questions, &o, &job, e));
    o.job = job;
    TRY(output_vector_path(s.x.model, trait->name, NULL, &path, e));
    TRY(persona_extract(s.x.session, trait, s.questions, &o, &c->hooks, &v, &report, e));
    TRY(persona_vector_write(v, path, e));
    const extract_result shown = {&s.x, v, &report, trait->name, NULL};
    extract_json(result, &shown);
out:
    persona_extract_report_clear(&report);
    persona_vector_free(v);
    mem_free(job);
    mem_free(path);
    job_side_close(&s);
    persona_trait_free(trait);
    return rc;
}

static persona_code plan(const void *p, const job_context *c, job_plan *out, persona_err *e)
{
    const extract_args *a = p;
    persona_code rc = PERSONA_OK;
    job_plan_counts n;
    TRY(job_plan_size(c, a->model, a->trait, a->n_questions, &n, e));
    job_plan_extract(out, "answers", &n, a->n_rollouts, a->max_tokens);
out:
    return rc;
}

const job_kind job_kind_extract = {
    .name = "extract",
    .fields = job_extract_fields,
    .args_size = sizeof(extract_args),
    .init = init,
    .check = check,
    .run = run,
    .plan = plan,
    .summary = "Extracts a persona vector from a model into the library",
};
