/* SPDX-License-Identifier: MIT
 *
 * job_plan.c - what a job would do, before it starts (job_plan.h).
 */
#include "server/jobs/job_plan.h"

#include <stdio.h>

#include "base/clock.h"
#include "base/try.h"
#include "server/jobs/job_side.h"

void job_plan_add(job_plan *p, const char *what, const char *model, size_t n, int max_tokens)
{
    if (n == 0 || p->n_parts == JOB_PLAN_PARTS) {
        return;
    }
    job_plan_part *x = &p->parts[p->n_parts++];
    *x = (job_plan_part){.what = what, .n = n, .max_tokens = max_tokens};
    snprintf(x->model, sizeof x->model, "%s", model != NULL ? model : "");
}

static size_t at_most(size_t n, int limit)
{
    return limit > 0 && (size_t)limit < n ? (size_t)limit : n;
}

void job_plan_extract(job_plan *p, const char *what, const job_plan_counts *n, int n_rollouts,
                      int max_tokens)
{
    /* both poles, and a neutral answer to each question */
    const size_t rollouts = n_rollouts > 0 ? (size_t)n_rollouts : 1;
    job_plan_add(p, what, n->model, (2 * n->n_pairs * rollouts + 1) * n->n_extract, max_tokens);
}

persona_code job_plan_size(const job_context *c, const char *model, const char *trait, int limit,
                           job_plan_counts *out, persona_err *e)
{
    persona_code rc = PERSONA_OK;
    persona_trait *t = NULL;
    job_side s = {.m = NULL};
    const job_side_opts o = {model, "none", 0};
    TRY(job_trait(trait, &t, e));
    TRY(job_side_open(c, &o, NULL, t, &s, e));
    *out = (job_plan_counts){.n_pairs = t->n_pairs,
                             .n_extract = at_most(s.questions->n_extraction, limit),
                             .n_evaluate = at_most(s.questions->n_evaluation, limit)};
    const int n_layer = persona_model_info_get(s.m->model)->n_layer;
    out->n_blocks = n_layer > 2 ? (size_t)n_layer - 2 : 1;
    snprintf(out->model, sizeof out->model, "%s", s.m->id);
out:
    job_side_close(&s);
    persona_trait_free(t);
    return rc;
}

/* ---- how fast -------------------------------------------------------------------------------- */

enum { TIMED = 8, TIMED_TOKENS = 12 };
/* About as long as what stands before an answer. */
#define TIMED_PROMPT                                                                               \
    "This morning the train was late again, and the people on the platform began to talk about "   \
    "the weather, the price of bread and the number"

static void count_tokens(void *ud, const persona_result *r)
{
    *(size_t *)ud += r->n_tokens;
}

persona_code job_plan_rate(served *m, double *tokens_per_second, persona_err *e)
{
    persona_code rc = PERSONA_OK;
    persona_tokens prompt = {0};
    persona_request r[TIMED];
    size_t n = 0;
    TRY(persona_raw_tokens(m->model, TIMED_PROMPT, false, &prompt, e));
    for (uint32_t i = 0; i < TIMED; i++) {
        r[i] =
            (persona_request){.prompt = prompt.ids + i, /* another beginning: nothing is shared */
                              .n_prompt = prompt.n - i,
                              .raw = true,
                              .sampling = persona_sampling_defaults()};
        r[i].sampling.max_tokens = TIMED_TOKENS;
        r[i].sampling.ignore_eos = true;
        r[i].sampling.seed = i;
        r[i].ud = &n;
        r[i].on_done = count_tokens;
    }
    r[0].sampling.max_tokens = 1; /* what a model does first takes longer */
    TRY(persona_session_run_all(m->session, r, 1, NULL, e));
    r[0].sampling.max_tokens = TIMED_TOKENS;
    n = 0;
    const double start = clock_now();
    TRY(persona_session_run_all(m->session, r, TIMED, NULL, e));
    const double seconds = clock_now() - start;
    *tokens_per_second = seconds > 0 ? (double)n / seconds : 0;
out:
    persona_tokens_free(&prompt);
    return rc;
}
