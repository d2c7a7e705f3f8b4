/* SPDX-License-Identifier: MIT
 *
 * text_ask.c - from a request's parameters to a running answer (text_ask.h).
 */
#include "server/text/text_ask.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/random.h"
#include "base/try.h"
#include "core/grammar/jsonschema.h"
#include "workbench/probe_spec.h"

const char *const ask_guards[] = {"off", "warn", "clamp", "reject", NULL};
const field ask_string[] = {{.name = "", .type = FIELD_STRING, .min = 1, .max = 256}};
const field ask_token[] = {{.name = "", .type = FIELD_INT, .max = 1 << 30}};
const field ask_stream_options[] = {
    {.name = "include_usage",
     .type = FIELD_BOOL,
     .at = FIELD_NOWHERE,
     .help = "A last piece that counts the tokens"},
    {.name = "include_obfuscation",
     .type = FIELD_IGNORED,
     .at = FIELD_NOWHERE,
     .help = "Without effect"},
    FIELD_LAST,
};

void ask_init(void *args)
{
    ask *a = args;
    *a = (ask){.temperature = 1, .top_p = 1, .repeat_penalty = 1, .n = 1};
}

/* ---- parts ----------------------------------------------------------------------------------- */

static persona_code take_stop(answer_spec *x, const json_val *v, persona_err *e)
{
    const char *s = json_string(v);
    const size_t n = json_string_len(v);
    if (s == NULL || n == 0 || n > STOPWORD_MAX_BYTES || strlen(s) != n) {
        return persona_err_set(e, PERSONA_E_USAGE, "stop: wants texts of 1 to %d bytes",
                               STOPWORD_MAX_BYTES);
    }
    x->stops[x->n_stops] = mem_strdup(s);
    return x->stops[x->n_stops++] != NULL ? PERSONA_OK : mem_err(e, "stop texts");
}

static persona_code take_stops(const ask *a, answer_spec *x, persona_err *e)
{
    persona_code rc = PERSONA_OK;
    const bool list = json_typeof(a->stop) == JSON_ARRAY;
    const size_t n = list ? json_len(a->stop) : json_typeof(a->stop) == JSON_NULL ? 0 : 1;
    if (n > STOPWORDS_MAX) {
        return persona_err_set(e, PERSONA_E_USAGE, "stop: more than %d texts", STOPWORDS_MAX);
    }
    x->stops = mem_calloc(n + 1, sizeof *x->stops);
    if (x->stops == NULL) {
        return mem_err(e, "stop texts");
    }
    for (size_t i = 0; rc == PERSONA_OK && i < n; i++) {
        rc = take_stop(x, list ? json_at(a->stop, i) : a->stop, e);
    }
    return rc;
}

static persona_code take_probes(const call *c, const ask *a, answer_spec *x, persona_err *e)
{
    persona_code rc = PERSONA_OK;
    if (json_len(a->probes) == 0) {
        return PERSONA_OK;
    }
    TRY(persona_probes_new(x->model->model, &x->probes, e));
    for (size_t i = 0; i < json_len(a->probes); i++) {
        rc = probe_spec_add(x->probes, x->model->model, c->s->library,
                            json_string(json_at(a->probes, i)), -1, e);
        if (rc != PERSONA_OK) {
            persona_err_wrap(e, "probes[%zu]", i);
            goto out;
        }
    }
out:
    return rc;
}

static bool asked_for(const ask *a, const char *name)
{
    bool found = false;
    for (size_t i = 0; i < json_len(a->probes); i++) {
        found = found || strcmp(json_string(json_at(a->probes, i)), name) == 0;
    }
    return found;
}

/* What is watched but not asked for. A vector that has gone since is passed over: nobody's request
 * fails by what somebody else watches. */
static persona_code take_watched(const call *c, const ask *a, answer_spec *x, persona_err *e)
{
    persona_code rc = PERSONA_OK;
    watched w;
    watch_of(c->s->watch, x->model->id, &w);
    if (w.n == 0) {
        return PERSONA_OK;
    }
    TRY(persona_probes_new(x->model->model, &x->watched, e));
    for (size_t i = 0; i < w.n; i++) {
        persona_err passed = {.code = PERSONA_OK};
        if (!asked_for(a, w.names[i])) {
            rc =
                probe_spec_add(x->watched, x->model->model, c->s->library, w.names[i], -1, &passed);
            rc = rc == PERSONA_E_NOMEM ? mem_err(e, "probes") : PERSONA_OK;
            TRY(rc);
        }
    }
out:
    return rc;
}

static persona_code take_seed(const call *c, const ask *a, uint32_t *out, persona_err *e)
{
    if (a->seed_said == NULL || json_typeof(a->seed_said) == JSON_NULL) {
        *out = c->s->opts.seed;
        if (*out != 0) {
            return PERSONA_OK;
        }
        (void)random_bytes(out, sizeof *out); /* or 0 */
        return PERSONA_OK;
    }
    const double x = json_number(a->seed_said, (double)NAN);
    if (!isfinite(x) || x != floor(x)) {
        return persona_err_set(e, PERSONA_E_USAGE, "seed: wants an integer");
    }
    *out = field_seed(x);
    return PERSONA_OK;
}

typedef struct bias_walk {
    answer_spec *x;
    persona_code rc;
    persona_err *e;
} bias_walk;

static bool take_bias(void *ud, const char *key, const json_val *v)
{
    bias_walk *w = ud;
    char *end = NULL;
    const long long token = strtoll(key, &end, 10);
    const double bias = json_number(v, (double)NAN);
    persona_sampling *s = &w->x->sampling;
    if (end == key || *end != '\0' || token < 0 || token >= w->x->model->info->n_vocab) {
        w->rc = persona_err_set(w->e, PERSONA_E_USAGE,
                                "logit_bias.%.40s: wants the number of a token below %d", key,
                                w->x->model->info->n_vocab);
    } else if (!(bias >= -100 && bias <= 100)) {
        w->rc = persona_err_set(w->e, PERSONA_E_USAGE,
                                "logit_bias.%.40s: wants a number within -100 and 100", key);
    } else {
        w->x->bias[s->n_logit_bias++] =
            (persona_logit_bias){.token = (persona_token)token, .bias = (float)bias};
    }
    return w->rc == PERSONA_OK;
}

static persona_code take_biases(const ask *a, answer_spec *x, persona_err *e)
{
    const size_t n = json_len(a->logit_bias);
    bias_walk w = {x, PERSONA_OK, e};
    if (json_typeof(a->logit_bias) == JSON_NULL || n == 0) {
        return PERSONA_OK;
    }
    if (json_typeof(a->logit_bias) != JSON_OBJECT || n > PERSONA_LOGIT_BIAS_MAX) {
        return persona_err_set(e, PERSONA_E_USAGE, "logit_bias: wants an object of at most %d",
                               PERSONA_LOGIT_BIAS_MAX);
    }
    x->bias = mem_calloc(n, sizeof *x->bias);
    if (x->bias == NULL) {
        return mem_err(e, "a bias");
    }
    json_each(a->logit_bias, take_bias, &w);
    return w.rc;
}

static const char *format_of(const ask *a)
{
    const char *type = json_string(json_get(a->response_format, "type"));
    return type != NULL ? type : "text";
}

bool ask_wants_grammar(const ask *a)
{
    return (a->grammar != NULL && *a->grammar != '\0') || strcmp(format_of(a), "text") != 0;
}

/* Chat completions put the schema one level deeper than the Responses API. */
static persona_code schema_grammar(const ask *a, char **out, persona_err *e)
{
    const json_val *outer = json_get(a->response_format, "json_schema");
    const json_val *schema = json_get(outer != NULL ? outer : a->response_format, "schema");
    const char *path = outer != NULL ? "response_format.json_schema.schema" : "text.format.schema";
    return json_typeof(schema) == JSON_OBJECT
               ? json_schema_grammar(schema, path, out, e)
               : persona_err_set(e, PERSONA_E_USAGE, "%s: wants a schema", path);
}

static persona_code take_grammar(const ask *a, answer_spec *x, persona_err *e)
{
    const char *type = format_of(a);
    const bool own = a->grammar != NULL && *a->grammar != '\0';
    if (own && strcmp(type, "text") != 0) {
        return persona_err_set(e, PERSONA_E_USAGE, "grammar: does not go with response_format");
    }
    if (own) {
        x->grammar_text = mem_strdup(a->grammar);
        return x->grammar_text != NULL ? PERSONA_OK : mem_err(e, "a grammar");
    }
    if (strcmp(type, "json_object") == 0) {
        return json_object_grammar(&x->grammar_text, e);
    }
    if (strcmp(type, "json_schema") == 0) {
        return schema_grammar(a, &x->grammar_text, e);
    }
    return strcmp(type, "text") == 0
               ? PERSONA_OK
               : persona_err_set(e, PERSONA_E_USAGE,
                                 "response_format.type: wants one of text, json_object, "
                                 "json_schema, not '%.40s'",
                                 type);
}

static void take_sampling(const ask *a, uint32_t seed, persona_sampling *s)
{
    *s = persona_sampling_defaults();
    s->temperature = (float)a->temperature;
    s->top_p = (float)a->top_p;
    s->min_p = (float)a->min_p;
    s->top_k = a->top_k > 0 ? a->top_k : 0;
    s->repetition_penalty = (float)a->repeat_penalty;
    s->presence_penalty = (float)a->presence_penalty;
    s->frequency_penalty = (float)a->frequency_penalty;
    s->ignore_eos = a->ignore_eos;
    s->seed = seed;
}

/* ---- the whole ------------------------------------------------------------------------------- */

persona_code ask_open(call *c, const ask *a, const char *kind, asked *out, persona_err *e)
{
    persona_code rc = PERSONA_OK;
    answer_spec *x = &out->spec;
    *out = (asked){.seed = 0};
    x->registry = c->s->models;
    x->kind = kind;
    x->n_choices = a->n;
    rc = registry_acquire(c->s->models, a->model, &x->model, e);
    if (rc == PERSONA_E_NOTFOUND) {
        c->param = "model";
        c->reason = "model_not_found";
    }
    TRY(rc);
    TRY(take_seed(c, a, &out->seed, e));
    take_sampling(a, out->seed, &x->sampling);
    x->logprobs = a->logprobs;
    x->pace = a->pace;
    if (a->pace > 0 && a->pace < ASK_PACE_MIN) { /* it would hold its place for days */
        c->param = "pace";
        rc = persona_err_set(e, PERSONA_E_USAGE, "pace: %g is less than %g tokens a second",
                             a->pace, ASK_PACE_MIN);
        goto out;
    }
    x->token_ids = a->return_token_ids;
    x->n_top = (size_t)a->top_logprobs;
    TRY(take_biases(a, x, e));
    TRY(take_grammar(a, x, e));
    TRY(take_stops(a, x, e));
    const steer_wish wish = {a->steering, c->key_steering, a->guard};
    TRY(server_steer(c->s, x->model, &wish, &x->steering, e));
    TRY(take_probes(c, a, x, e));
    TRY(take_watched(c, a, x, e));
out:
    if (rc != PERSONA_OK) {
        asked_clear(out);
    }
    return rc;
}

void asked_clear(asked *x)
{
    answer_spec_free(&x->spec);
}

/* Behind the prompt: what is the answer's already. */
static persona_code add_answer(const ask *a, answer_spec *x, persona_err *e)
{
    const size_t n = json_len(a->answer_tokens);
    persona_token *ids =
        n > 0 ? mem_realloc(x->prompt.ids, x->prompt.n + n, sizeof *ids) : x->prompt.ids;
    if (ids == NULL) {
        return mem_err(e, "a prompt");
    }
    x->prompt.ids = ids;
    for (size_t i = 0; i < n; i++) {
        const double id = json_number(json_at(a->answer_tokens, i), -1);
        if (!(id < x->model->info->n_vocab)) {
            return persona_err_set(e, PERSONA_E_USAGE,
                                   "answer_tokens[%zu]: wants the number of a token below %d", i,
                                   x->model->info->n_vocab);
        }
        x->prompt.ids[x->prompt.n++] = (persona_token)id;
    }
    return PERSONA_OK;
}

persona_code ask_start(call *c, const ask *a, asked *x, int most, answer **out, persona_err *e)
{
    persona_code rc = PERSONA_OK;
    bool busy = false;
    TRY(add_answer(a, &x->spec, e));
    const int n_ctx = persona_session_opts_get(x->spec.model->session)->n_ctx;
    const int room = n_ctx - (int)x->spec.prompt.n;
    const int said = a->max_completion_tokens > 0 ? a->max_completion_tokens
                     : a->max_tokens > 0          ? a->max_tokens
                                                  : most;
    if (room < 1) {
        c->reason = "context_length_exceeded";
        rc = persona_err_set(e, PERSONA_E_USAGE,
                             "the prompt has %zu tokens, and the context of this server holds %d "
                             "with the answer",
                             x->spec.prompt.n, n_ctx);
        goto out;
    }
    x->spec.sampling.max_tokens = said > 0 && said < room ? said : room;
    x->spec.patience_s = a->stream ? ASK_PATIENCE_S : 0;
    snprintf(x->spec.route, sizeof x->spec.route, "%s", c->route->path);
    rc = answer_start(c->s->answers, &x->spec, out, &busy, e);
    c->status = busy ? 429 : c->status;
    c->reason = busy ? "queue_full" : c->reason;
out:
    asked_clear(x);
    return rc;
}
