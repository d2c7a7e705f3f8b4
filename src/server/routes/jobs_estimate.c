/* SPDX-License-Identifier: MIT
 *
 * jobs_estimate.c - POST /api/v1/jobs/estimate/KIND: what a job would take, before it starts.
 *
 * Answers are counted from the request; each model is timed for a few answers of this moment. The
 * numbers are upper ends: answers that end early, and what is kept from before, make them less.
 */
#include <math.h>
#include <string.h>

#include "base/try.h"
#include "server/jobs/job_plan.h"
#include "server/routes/call_parts.h"

/* model: as it was asked for; id: which that is. */
typedef struct timed {
    char model[SERVED_ID_MAX], id[SERVED_ID_MAX];
    double rate;
} timed;

enum { MODELS = 2 };

static persona_code rate_of(call *c, const char *model, timed *list, const timed **out,
                            persona_err *e)
{
    persona_code rc = PERSONA_OK;
    served *m = NULL;
    size_t i = 0;
    while (i < MODELS - 1 && list[i].rate > 0 && strcmp(list[i].model, model) != 0) {
        i++;
    }
    if (!(list[i].rate > 0) || strcmp(list[i].model, model) != 0) {
        TRY(call_model(c, model, &m, e));
        TRY(job_plan_rate(m, &list[i].rate, e));
        memcpy(list[i].model, model, sizeof list[i].model);
        memcpy(list[i].id, m->id, sizeof list[i].id);
    }
    *out = &list[i];
out:
    if (m != NULL) {
        registry_release(c->s->models, m);
    }
    return rc;
}

static void part_json(json_out *o, const job_plan_part *x, double seconds, const timed *t)
{
    jo_object(o, NULL);
    jo_string(o, "what", x->what);
    jo_string(o, "model", t->id);
    jo_int(o, "answers", (long long)x->n);
    jo_int(o, "max_tokens", x->max_tokens);
    jo_number(o, "seconds", seconds);
    jo_number(o, "tokens_per_second", t->rate);
    jo_end(o);
}

static persona_code estimate(call *c, persona_err *e)
{
    persona_code rc = PERSONA_OK;
    const job_kind *kind = job_kind_named(strrchr(c->route->path, '/') + 1);
    job_plan plan;
    timed list[MODELS] = {{.rate = 0}};
    size_t n_answers = 0, n_tokens = 0;
    double seconds = 0;
    const timed *t = NULL;
    TRY(jobs_plan(c->s->jobs, kind, c->request->body, &plan, e));
    jo_object(&c->out, NULL);
    jo_string(&c->out, "kind", kind->name);
    jo_array(&c->out, "parts");
    for (size_t i = 0; i < plan.n_parts; i++) {
        const job_plan_part *x = &plan.parts[i];
        const size_t n = x->n * (size_t)x->max_tokens;
        TRY(rate_of(c, x->model, list, &t, e));
        const double s = t->rate > 0 ? (double)n / t->rate : (double)NAN;
        part_json(&c->out, x, s, t);
        n_answers += x->n;
        n_tokens += n;
        seconds += s;
    }
    jo_end(&c->out);
    jo_int(&c->out, "answers", (long long)n_answers);
    jo_int(&c->out, "tokens", (long long)n_tokens);
    jo_number(&c->out, "seconds", seconds);
    jo_string(&c->out, "note",
              "about, and if no answer ends early; reading texts and judging come on top");
    jo_end(&c->out);
out:
    return rc;
}

static const field part_fields[] = {
    {.name = "what", .type = FIELD_STRING, .required = true},
    {.name = "model", .type = FIELD_STRING, .required = true, .help = "That writes them"},
    {.name = "answers", .type = FIELD_INT, .required = true},
    {.name = "max_tokens", .type = FIELD_INT, .required = true, .help = "Of each"},
    {.name = "seconds", .type = FIELD_NUMBER, .required = true},
    {.name = "tokens_per_second",
     .type = FIELD_NUMBER,
     .required = true,
     .help = "Of this model, measured now"},
    FIELD_LAST,
};
static const field part_element[] = {{.name = "", .type = FIELD_OBJECT, .of = part_fields}};
static const field reply_fields[] = {
    {.name = "kind", .type = FIELD_STRING, .required = true},
    {.name = "parts", .type = FIELD_ARRAY, .required = true, .of = part_element},
    {.name = "answers", .type = FIELD_INT, .required = true},
    {.name = "tokens", .type = FIELD_INT, .required = true, .help = "That are written, at most"},
    {.name = "seconds", .type = FIELD_NUMBER, .required = true, .help = "For these tokens"},
    {.name = "note", .type = FIELD_STRING, .required = true},
    FIELD_LAST,
};

#define ESTIMATE(kind)                                                                             \
    {                                                                                              \
        .method = "POST", .path = "/api/v1/jobs/estimate/" #kind, .errors = ERRORS_OPENAI,         \
        .body = job_##kind##_fields, .args_size = JOB_ARGS_MAX, .run = estimate, .tag = "Jobs",    \
        .summary = "How many answers, tokens and seconds such a job would take; nothing starts",   \
        .answer = reply_fields                                                                     \
    }

const route routes_jobs_estimate[] = {
    ESTIMATE(extract), ESTIMATE(transfer), ESTIMATE(sweep), ESTIMATE(screen), {.method = NULL},
};
