/* SPDX-License-Identifier: MIT
 *
 * job_sweep.c - the job `sweep`: what a vector of the library does at many coefficients, as
 * `persona sweep` measures it.
 */
#include <math.h>

#include "base/mem.h"
#include "base/try.h"
#include "server/jobs/job_plan.h"
#include "server/jobs/job_side.h"
#include "workbench/results.h"

enum { COEFFICIENTS_MAX = 41, QUESTIONS_MAX = 64, QUESTION_MAX = 4000 };

typedef struct sweep_args {
    const char *model, *vector, *trait, *judge, *unit;
    const json_val *coefficients, *blocks, *operators, *ask;
    int n_questions, n_answers, max_tokens;
    double temperature;
    uint32_t seed;
    bool kl, prompt;
} sweep_args;
_Static_assert(sizeof(sweep_args) <= JOB_ARGS_MAX, "JOB_ARGS_MAX");

static void init(void *p)
{
    const persona_sweep_opts o = persona_sweep_defaults();
    *(sweep_args *)p = (sweep_args){.n_answers = o.n_answers,
                                    .max_tokens = o.max_tokens,
                                    .temperature = (double)o.temperature,
                                    .kl = true,
                                    .prompt = true};
}

static const char *const UNITS[] = {"dose", "raw", "ratio", NULL};
static const char *const OPERATORS[] = {"add",   "keepnorm", "rotate", "cap",
                                        "floor", "clamp",    "ablate", NULL};
static const field a_number[] = {{.name = "", .type = FIELD_NUMBER, .min = -1000, .max = 1000}};
static const field a_block[] = {{.name = "", .type = FIELD_INT, .max = 4095}};
static const field a_question[] = {
    {.name = "", .type = FIELD_STRING, .min = 1, .max = QUESTION_MAX}};
static const field an_operator[] = {{.name = "", .type = FIELD_STRING, .of_names = OPERATORS}};

#define AT(member) offsetof(sweep_args, member)
const field job_sweep_fields[] = {
    {.name = "model",
     .type = FIELD_STRING,
     .max = SERVED_ID_MAX - 1,
     .at = AT(model),
     .help = "Id of a model; without it the server's first"},
    {.name = "vector",
     .type = FIELD_STRING,
     .required = true,
     .min = 1,
     .max = 127,
     .at = AT(vector),
     .help = "Name of a vector in the library"},
    {.name = "trait",
     .type = FIELD_STRING,
     .min = 1,
     .max = 64,
     .at = AT(trait),
     .help = "The pack that is judged. Default: the vector's"},
    {.name = "judge",
     .type = FIELD_STRING,
     .of_names = JOB_JUDGES,
     .at = AT(judge),
     .help = "Who scores the answers. Default auto: what the model names"},
    {.name = "coefficients",
     .type = FIELD_ARRAY,
     .min = 1,
     .max = COEFFICIENTS_MAX,
     .of = a_number,
     .at = AT(coefficients),
     .help = "Ascending. Default -2 to 2 by 0.5"},
    {.name = "unit",
     .type = FIELD_STRING,
     .of_names = UNITS,
     .at = AT(unit),
     .help = "What a coefficient counts. Default dose"},
    {.name = "blocks",
     .type = FIELD_ARRAY,
     .min = 1,
     .max = 64,
     .of = a_block,
     .at = AT(blocks),
     .help = "Blocks to compare, ascending. Default: the vector's best"},
    {.name = "operators",
     .type = FIELD_ARRAY,
     .min = 1,
     .max = 7,
     .of = an_operator,
     .at = AT(operators),
     .help = "Operators to compare. Default add"},
    {.name = "questions",
     .type = FIELD_INT,
     .min = 1,
     .max = 100000,
     .at = AT(n_questions),
     .help = "At most so many. Default: all"},
    {.name = "ask",
     .type = FIELD_ARRAY,
     .min = 1,
     .max = QUESTIONS_MAX,
     .of = a_question,
     .at = AT(ask),
     .help = "Questions of your own, in place of the trait's"},
    {.name = "answers",
     .type = FIELD_INT,
     .min = 1,
     .max = 100,
     .at = AT(n_answers),
     .help = "To each question. Default 1"},
    {.name = "max_tokens",
     .type = FIELD_INT,
     .min = 1,
     .max = 100000,
     .at = AT(max_tokens),
     .help = "Length of an answer at most. Default 64"},
    {.name = "temperature",
     .type = FIELD_NUMBER,
     .max = 10,
     .at = AT(temperature),
     .help = "Default 1"},
    {.name = "seed", .type = FIELD_SEED, .at = AT(seed), .help = "Default 0"},
    {.name = "kl",
     .type = FIELD_BOOL,
     .at = AT(kl),
     .help = "How far the distributions are from the unsteered ones. Default true"},
    {.name = "prompt",
     .type = FIELD_BOOL,
     .at = AT(prompt),
     .help = "Also the trait's instruction in the prompt, unsteered. Default true"},
    FIELD_LAST,
};

static persona_code check(const void *p, const job_context *c, persona_err *e)
{
    const sweep_args *a = p;
    persona_code rc = PERSONA_OK;
    persona_trait *trait = NULL;
    served_status m;
    double last = -(double)INFINITY;
    if (a->model != NULL) {
        TRY(registry_status(c->models, a->model, &m, e));
    }
    if (a->trait != NULL) {
        TRY(job_trait(a->trait, &trait, e));
    }
    for (size_t i = 0; i < json_len(a->coefficients); i++) {
        const double x = json_number(json_at(a->coefficients, i), 0);
        if (!(x > last)) {
            rc = persona_err_set(e, PERSONA_E_USAGE, "coefficients[%zu]: must be ascending", i);
            goto out;
        }
        last = x;
    }
out:
    persona_trait_free(trait);
    return rc;
}

/* Arrays of the request as the sweep wants them. */
typedef struct sweep_lists {
    double coefficients[COEFFICIENTS_MAX];
    int blocks[64];
    const char *operators[7];
} sweep_lists;

static persona_sweep_opts opts_of(const sweep_args *a, sweep_lists *l)
{
    persona_sweep_opts o = persona_sweep_defaults();
    if (a->coefficients != NULL) {
        o.n_coefficients = json_len(a->coefficients);
        o.coefficients = l->coefficients;
    }
    for (size_t i = 0; i < json_len(a->coefficients); i++) {
        l->coefficients[i] = json_number(json_at(a->coefficients, i), 0);
    }
    for (size_t i = 0; i < json_len(a->blocks); i++) {
        l->blocks[i] = (int)json_number(json_at(a->blocks, i), 0);
    }
    for (size_t i = 0; i < json_len(a->operators); i++) {
        l->operators[i] = json_string(json_at(a->operators, i));
    }
    o.blocks = l->blocks;
    o.n_blocks = json_len(a->blocks);
    o.operators = l->operators;
    o.n_operators = json_len(a->operators);
    o.unit = a->unit != NULL ? a->unit : o.unit;
    o.n_answers = a->n_answers;
    o.max_tokens = a->max_tokens;
    o.temperature = (float)a->temperature;
    o.seed = a->seed;
    o.kl = a->kl;
    o.prompt = a->prompt;
    o.keep_job = true;
    return o;
}

/* A question set of the request's own; mem_free_list out->evaluation. */
static persona_code own_questions(const json_val *ask, persona_questions *out, persona_err *e)
{
    const size_t n = json_len(ask);
    *out = (persona_questions){.evaluation = mem_calloc(n, sizeof *out->evaluation)};
    if (out->evaluation == NULL) {
        return mem_err(e, "questions");
    }
    for (; out->n_evaluation < n; out->n_evaluation++) {
        char *text = mem_strdup(json_string(json_at(ask, out->n_evaluation)));
        if (text == NULL) {
            return mem_err(e, "questions");
        }
        out->evaluation[out->n_evaluation] = text;
    }
    return PERSONA_OK;
}

static persona_code run(const void *p, const job_context *c, json_out *result, persona_err *e)
{
    const sweep_args *a = p;
    persona_code rc = PERSONA_OK;
    persona_trait *trait = NULL;
    persona_vector *v = NULL;
    persona_sweep *x = NULL;
    sweep_lists lists;
    persona_questions own = {.name = NULL};
    job_side s = {.m = NULL};
    const job_side_opts side = {a->model, a->judge, a->n_questions};
    TRY(job_side_open(c, &side, NULL, NULL, &s, e));
    TRY(job_vector(c, &s, a->vector, &v, e));
    TRY(job_trait(a->trait != NULL ? a->trait : v->from.trait, &trait, e));
    TRY(persona_questions_for(s.x.questions, trait, &s.own, &s.questions, e));
    persona_sweep_opts o = opts_of(a, &lists);
    o.n_questions = s.x.n_questions;
    if (a->ask != NULL) {
        TRY(own_questions(a->ask, &own, e));
    }
    const persona_subject who = {s.x.session, trait, a->ask != NULL ? &own : s.questions,
                                 s.x.judge};
    TRY(persona_sweep_run(&who, v, &o, &c->hooks, &x, e));
    model_json(result, "model", s.x.info);
    jo_string(result, "vector", a->vector);
    sweep_json(result, x);
    jo_string(result, "judge", s.x.judge != NULL ? persona_judge_name(s.x.judge) : NULL);
    jo_int(result, "seed", (long long)a->seed);
    jo_number(result, "seconds", x->seconds);
out:
    mem_free_list(own.evaluation, own.n_evaluation);
    persona_sweep_free(x);
    persona_vector_free(v);
    persona_trait_free(trait);
    job_side_close(&s);
    return rc;
}

static persona_code plan(const void *p, const job_context *c, job_plan *out, persona_err *e)
{
    const sweep_args *a = p;
    persona_code rc = PERSONA_OK;
    job_plan_counts n;
    const persona_sweep_opts o = persona_sweep_defaults();
    const size_t coefficients =
        a->coefficients != NULL ? json_len(a->coefficients) : o.n_coefficients;
    const size_t blocks = a->blocks != NULL ? json_len(a->blocks) : 1;
    const size_t operators = a->operators != NULL ? json_len(a->operators) : 1;
    const size_t prompts = a->prompt ? 2 : 0;
    TRY(job_plan_size(c, a->model, a->trait != NULL ? a->trait : a->vector, a->n_questions, &n, e));
    const size_t own = json_len(a->ask), most = (size_t)a->n_questions;
    const size_t questions = own == 0 ? n.n_evaluate : most > 0 && most < own ? most : own;
    job_plan_add(out, "answers", n.model,
                 (coefficients * blocks * operators + prompts) * questions * (size_t)a->n_answers,
                 a->max_tokens);
out:
    return rc;
}

const job_kind job_kind_sweep = {
    .name = "sweep",
    .fields = job_sweep_fields,
    .args_size = sizeof(sweep_args),
    .init = init,
    .check = check,
    .run = run,
    .plan = plan,
    .summary = "Steers at many coefficients, judges the answers, and says how far one may go",
};
