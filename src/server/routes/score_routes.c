/* SPDX-License-Identifier: MIT
 *
 * score_routes.c - POST /api/v1/score: how a model, steered or not, finds a given answer, token by
 * token: log-probabilities, the likeliest tokens in its place, probes. Nothing is written.
 */
#include <math.h>
#include <string.h>

#include "base/mem.h"
#include "base/try.h"
#include "pipeline/score.h"
#include "server/routes/given.h"
#include "server/routes/routes.h"
#include "server/text/logprobs.h"
#include "server/text/messages.h"
#include "workbench/probe_spec.h"

typedef struct score_args {
    ask ask; /* model, steering, probes, guard */
    int top;
} score_args;

static void init(void *args)
{
    score_args *a = args;
    ask_init(args);
    a->top = 0;
}

static const field fields[] = {
    {.name = "model",
     .type = FIELD_STRING,
     .max = SERVED_ID_MAX - 1,
     .at = offsetof(ask, model),
     .help = "Id of a model; without it the server's first"},
    {.name = "messages",
     .type = FIELD_ARRAY,
     .min = 1,
     .max = MESSAGES_MAX,
     .of = messages_element,
     .at = FIELD_NOWHERE,
     .help = "The conversation that the answer follows; or prompt"},
    {.name = "prompt",
     .type = FIELD_STRING,
     .max = 1 << 20,
     .at = FIELD_NOWHERE,
     .help = "Text without a chat template, instead of messages"},
    {.name = "text",
     .type = FIELD_STRING,
     .max = 1 << 20,
     .at = FIELD_NOWHERE,
     .help = "The answer; or tokens"},
    {.name = "tokens",
     .type = FIELD_ARRAY,
     .min = 1,
     .max = 65536,
     .of = ask_token,
     .at = FIELD_NOWHERE,
     .help = "The answer's tokens, instead of text"},
    {.name = "top_logprobs",
     .type = FIELD_INT,
     .max = TOP_LOGITS_MAX,
     .at = offsetof(score_args, top),
     .help = "So many likeliest tokens for every place. Default 0"},
    {.name = "steering",
     .type = FIELD_ANY,
     .at = offsetof(ask, steering),
     .schema = "string | object | null",
     .help = "As in a request for an answer"},
    {.name = "steering_guard",
     .type = FIELD_STRING,
     .of_names = ask_guards,
     .at = offsetof(ask, guard),
     .help = "Default warn"},
    {.name = "probes",
     .type = FIELD_ARRAY,
     .max = 64,
     .of = ask_string,
     .at = offsetof(ask, probes),
     .help = "Vectors to read along: NAME or NAME@A-B, one reading for each block"},
    FIELD_LAST,
};

/* Prompt and answer in one. *out: mem_free it. */
static persona_code joined(const given_text *x, persona_token **out, persona_err *e)
{
    *out = mem_calloc(x->prompt.n + x->reply.n, sizeof **out);
    if (*out == NULL) {
        return mem_err(e, "tokens");
    }
    memcpy(*out, x->prompt.ids, x->prompt.n * sizeof **out);
    memcpy(*out + x->prompt.n, x->reply.ids, x->reply.n * sizeof **out);
    return PERSONA_OK;
}

/* ---- the reply ------------------------------------------------------------------------------- */

static void probe_readings(json_out *o, const persona_probes *p, const score *x, size_t n_prompt)
{
    jo_array(o, "probes");
    for (size_t k = 0; p != NULL && k < p->n; k++) {
        const persona_probe *q = &p->list[k];
        jo_object(o, NULL);
        jo_string(o, "vector", q->name);
        jo_int(o, "block", q->block);
        jo_array(o, "index");
        for (size_t i = 0; i < x->n_positions; i++) {
            jo_int(o, NULL, (long long)x->positions[i] - (long long)n_prompt);
        }
        jo_end(o);
        jo_array(o, "values");
        for (size_t i = 0; i < x->n_positions; i++) {
            jo_number(o, NULL, (double)x->coordinates[i * x->n_probes + k]);
        }
        jo_end(o);
        jo_array(o, "z");
        for (size_t i = 0; i < x->n_positions; i++) {
            const double v = (double)x->coordinates[i * x->n_probes + k];
            jo_number(o, NULL, probe_z(v, q->token_mean, q->token_sd));
        }
        jo_end(o);
        jo_end(o);
    }
    jo_end(o);
}

static void write_reply(json_out *o, const asked *x, const score *s, size_t n_prompt)
{
    static const receipt_done none;
    const answer_spec *spec = &x->spec;
    jo_object(o, NULL);
    jo_string(o, "model", spec->model->id);
    jo_int(o, "n_prompt", (long long)n_prompt);
    jo_int(o, "n_tokens", (long long)s->n);
    jo_double(o, "logprob", s->sum);
    jo_double(o, "perplexity", exp(-s->sum / (double)s->n));
    logprobs_list_json(o, "tokens", spec->model->model, s->tokens, s->n);
    probe_readings(o, spec->probes, s, n_prompt);
    receipt_json(o, spec->steering.steered ? &spec->steering.receipt : NULL, &none);
    jo_end(o);
}

static persona_code run(call *c, persona_err *e)
{
    const score_args *a = c->args;
    persona_code rc = PERSONA_OK;
    asked x = {.seed = 0};
    given_text given = {.raw = false};
    persona_token *ids = NULL;
    persona_tap tap;
    score s = {.n = 0};
    TRY(ask_open(c, &a->ask, "score", &x, e));
    TRY(given_read(x.spec.model, json_root(c->body), &given, e));
    TRY(joined(&given, &ids, e));
    if (x.spec.probes != NULL) {
        tap = persona_probes_tap(x.spec.probes, PERSONA_SPAN_RESPONSE, true);
    }
    const score_text text = {.tokens = ids,
                             .n = given.prompt.n + given.reply.n,
                             .n_prompt = given.prompt.n,
                             .raw = given.raw,
                             .top = (size_t)a->top,
                             .plan = x.spec.steering.plan,
                             .probes = x.spec.probes != NULL ? &tap : NULL};
    TRY(score_texts(x.spec.model->session, &text, 1, PERSONA_PRIORITY_INTERACTIVE, NULL, &s, e));
    write_reply(&c->out, &x, &s, given.prompt.n);
out:
    score_clear(&s);
    mem_free(ids);
    given_free(&given);
    asked_clear(&x);
    return rc;
}

static const field answer_fields[] = {
    {.name = "model", .type = FIELD_STRING, .required = true},
    {.name = "n_prompt", .type = FIELD_INT, .required = true},
    {.name = "n_tokens", .type = FIELD_INT, .required = true},
    {.name = "logprob", .type = FIELD_NUMBER, .required = true, .help = "Of the whole answer"},
    {.name = "perplexity", .type = FIELD_NUMBER, .required = true},
    {.name = "tokens",
     .type = FIELD_ARRAY,
     .required = true,
     .help = "token, id, logprob, bytes, top_logprobs of each"},
    {.name = "probes",
     .type = FIELD_ARRAY,
     .required = true,
     .help = "vector, block, index (of the token in the answer), values, z"},
    {.name = "steering", .type = FIELD_ANY, .schema = "Receipt | null"},
    FIELD_LAST,
};

const route routes_score[] = {
    {.method = "POST",
     .path = "/api/v1/score",
     .errors = ERRORS_OPENAI,
     .body = fields,
     .args_size = sizeof(score_args),
     .init = init,
     .run = run,
     .tag = "Steering",
     .summary = "Scores a given answer token by token, steered or not",
     .answer = answer_fields},
    {.method = NULL},
};
