/* SPDX-License-Identifier: MIT
 *
 * metrics.c - /metrics in the text format of Prometheus: counts, never contents. The table says
 * what each line is called, of which type, and where its number comes from.
 */
#include <stdio.h>

#include "base/clock.h"
#include "base/mem.h"
#include "base/try.h"
#include "server/routes/routes.h"

/* What the numbers are taken from. */
typedef struct reading {
    answers_totals t;
    double running, uptime, connections, loaded, slots, jobs_waiting, jobs_running;
    double decoded, prefilled, reused, engine_s, edit_s;
} reading;

typedef struct metric {
    const char *name, *type, *help;
    double (*value)(const reading *r);
} metric;

#define VALUE(name, expression)                                                                    \
    static double name(const reading *r)                                                           \
    {                                                                                              \
        return (double)(expression);                                                               \
    }
VALUE(started, r->t.n_started)
VALUE(completed, r->t.n_done)
VALUE(failed, r->t.n_failed)
VALUE(canceled, r->t.n_canceled)
VALUE(refused, r->t.n_refused)
VALUE(steered, r->t.n_steered)
VALUE(prompt_tokens, r->t.n_prompt_tokens)
VALUE(reused_tokens, r->t.n_reused_tokens)
VALUE(tokens, r->t.n_tokens)
VALUE(steered_tokens, r->t.n_steered_tokens)
VALUE(first_sum, r->t.first_token_s)
VALUE(first_count, r->t.n_first)
VALUE(answer_seconds, r->t.seconds)
VALUE(running, r->running)
VALUE(uptime, r->uptime)
VALUE(connections, r->connections)
VALUE(loaded, r->loaded)
VALUE(slots, r->slots)
VALUE(decoded, r->decoded)
VALUE(prefilled, r->prefilled)
VALUE(engine_seconds, r->engine_s)
VALUE(edit_seconds, r->edit_s)
VALUE(waiting, r->jobs_waiting)
VALUE(working, r->jobs_running)

static const metric METRICS[] = {
    {"requests_total", "counter", "Answers that were begun", started},
    {"requests_done_total", "counter", "Answers that were written to their end", completed},
    {"requests_failed_total", "counter", "Answers that failed", failed},
    {"requests_canceled_total", "counter", "Answers that were canceled, or left", canceled},
    {"requests_refused_total", "counter", "Answers refused since the queue was full", refused},
    {"requests_steered_total", "counter", "Answers that had steering", steered},
    {"prompt_tokens_total", "counter", "Tokens of prompts", prompt_tokens},
    {"prompt_tokens_reused_total", "counter", "Of these, known from earlier prompts",
     reused_tokens},
    {"tokens_total", "counter", "Tokens written", tokens},
    {"tokens_steered_total", "counter", "Of these and the last prompt tokens, edited",
     steered_tokens},
    {"first_token_seconds_sum", "counter", "Time to the first token, all answers", first_sum},
    {"first_token_seconds_count", "counter", "Answers that had a first token", first_count},
    {"answer_seconds_total", "counter", "Time in a slot, all answers", answer_seconds},
    {"requests_running", "gauge", "Answers that run or wait", running},
    {"http_requests_open", "gauge", "HTTP requests that are being answered", connections},
    {"models_loaded", "gauge", "Models in memory", loaded},
    {"slots", "gauge", "Slots of the loaded models", slots},
    {"engine_tokens_decoded_total", "counter", "Tokens decoded by the loaded models, jobs included",
     decoded},
    {"engine_tokens_prefilled_total", "counter", "Prompt tokens computed by them", prefilled},
    {"engine_seconds_total", "counter", "Time in which they computed", engine_seconds},
    {"engine_steering_seconds_total", "counter",
     "Of this, on rows that are edited or read: the overhead of steering and probes", edit_seconds},
    {"jobs_waiting", "gauge", "Jobs in the queue", waiting},
    {"jobs_running", "gauge", "Jobs that run", working},
    {"uptime_seconds", "gauge", "Since the server was started", uptime},
};

static void add_model(void *ud, served *x)
{
    reading *r = ud;
    const persona_session_stats s = persona_session_stats_get(x->session);
    r->loaded++;
    r->slots += persona_session_opts_get(x->session)->n_slots;
    r->decoded += (double)s.n_tokens_decoded;
    r->prefilled += (double)s.n_tokens_prefilled;
    r->engine_s += s.seconds;
    r->edit_s += s.edit_seconds;
}

static persona_code count_jobs(const call *c, reading *r, persona_err *e)
{
    persona_code rc = PERSONA_OK;
    job_status *all = NULL;
    size_t n = 0;
    TRY(jobs_list(c->s->jobs, &all, &n, e));
    for (size_t i = 0; i < n; i++) {
        r->jobs_waiting += all[i].state == JOB_QUEUED;
        r->jobs_running += all[i].state == JOB_RUNNING;
    }
out:
    mem_free(all);
    return rc;
}

static persona_code metrics(call *c, persona_err *e)
{
    persona_code rc = PERSONA_OK;
    reading r = {.t = answers_totals_get(c->s->answers),
                 .running = (double)answers_running(c->s->answers),
                 .connections = (double)http_busy(c->s->http),
                 .uptime = clock_now() - c->s->begun};
    registry_each_loaded(c->s->models, add_model, &r);
    TRY(count_jobs(c, &r, e));
    for (size_t i = 0; i < sizeof METRICS / sizeof *METRICS; i++) {
        const metric *m = &METRICS[i];
        buf_printf(&c->reply->body,
                   "# HELP persona_%s %s\n# TYPE persona_%s %s\npersona_%s %.15g\n", m->name,
                   m->help, m->name, m->type, m->name, m->value(&r));
    }
    c->reply->type = "text/plain; version=0.0.4; charset=utf-8";
out:
    return rc;
}

const route routes_metrics[] = {
    {.method = "GET",
     .path = "/metrics",
     .errors = ERRORS_OPENAI,
     .run = metrics,
     .tag = "Server",
     .summary = "Counts for Prometheus, never contents"},
    {.method = NULL},
};
