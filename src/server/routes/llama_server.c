/* SPDX-License-Identifier: MIT
 *
 * llama_server.c - llama-server's /props, /slots, /tokenize, /detokenize and /apply-template; each
 * also takes a model's id, without which it is about the server's first.
 */
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "base/try.h"
#include "base/utf8.h"
#include "persona/persona.h"
#include "server/routes/call_parts.h"
#include "server/text/messages.h"

/* ---- /props, /slots -------------------------------------------------------------------------- */

static void params_json(json_out *o)
{
    ask a;
    ask_init(&a);
    jo_object(o, "params");
    jo_int(o, "n_predict", -1);
    jo_double(o, "temperature", a.temperature);
    jo_int(o, "top_k", a.top_k);
    jo_double(o, "top_p", a.top_p);
    jo_double(o, "min_p", a.min_p);
    jo_double(o, "repeat_penalty", a.repeat_penalty);
    jo_double(o, "presence_penalty", a.presence_penalty);
    jo_double(o, "frequency_penalty", a.frequency_penalty);
    jo_end(o);
}

static persona_code props(call *c, persona_err *e)
{
    persona_code rc = PERSONA_OK;
    served *m = NULL;
    char version[64];
    json_out *o = &c->out;
    TRY(call_model(c, http_query(c->request, "model"), &m, e));
    const persona_session_opts *s = persona_session_opts_get(m->session);
    snprintf(version, sizeof version, "persona %s", persona_version());
    jo_object(o, NULL);
    jo_object(o, "default_generation_settings");
    jo_int(o, "n_ctx", s->n_ctx);
    params_json(o);
    jo_end(o);
    jo_int(o, "total_slots", s->n_slots);
    jo_string(o, "model_path", m->id);
    jo_object(o, "modalities");
    jo_bool(o, "vision", false);
    jo_end(o);
    jo_string(o, "build_info", version);
    jo_bool(o, "is_sleeping", false);
    jo_end(o);
out:
    registry_release(c->s->models, m);
    return rc;
}

typedef struct slot_walk {
    json_out *o;
    const served_status *model;
    int n;
} slot_walk;

static void slot_json(json_out *o, int id, int task, int n_ctx, long long n_decoded)
{
    jo_object(o, NULL);
    jo_int(o, "id", id);
    jo_int(o, "id_task", task);
    jo_int(o, "n_ctx", n_ctx);
    jo_bool(o, "speculative", false);
    jo_bool(o, "is_processing", task >= 0);
    jo_object(o, "next_token");
    jo_int(o, "n_decoded", n_decoded);
    jo_end(o);
    jo_end(o);
}

static void running(void *ud, const answer_status *x)
{
    slot_walk *w = ud;
    const int n_slots = w->model->facts.n_slots;
    for (int i = x->n_ended; strcmp(x->model, w->model->id) == 0 && i < x->n_choices; i++) {
        if (w->n < n_slots) {
            slot_json(w->o, w->n, w->n, w->model->facts.n_ctx, (long long)x->n_tokens);
            w->n++;
        }
    }
}

static persona_code slots(call *c, persona_err *e)
{
    persona_code rc = PERSONA_OK;
    served_status x;
    slot_walk w = {&c->out, &x, 0};
    TRY(registry_status(c->s->models, http_query(c->request, "model"), &x, e));
    jo_array(&c->out, NULL);
    if (x.loaded) {
        answers_each(c->s->answers, running, &w);
        while (w.n < x.facts.n_slots) {
            slot_json(&c->out, w.n++, -1, x.facts.n_ctx, 0);
        }
    }
    jo_end(&c->out);
out:
    return rc;
}

/* ---- /tokenize, /detokenize ------------------------------------------------------------------ */

typedef struct token_args {
    const char *model, *content;
    const json_val *tokens, *messages;
    bool add_special, parse_special, with_pieces;
} token_args;

static void token_init(void *args)
{
    *(token_args *)args = (token_args){.parse_special = true};
}

static void piece_json(json_out *o, const served *m, persona_token t)
{
    char bytes[512];
    const size_t n = persona_token_bytes(m->model, t, true, bytes, sizeof bytes - 1);
    bytes[n < sizeof bytes ? n : 0] = '\0';
    jo_object(o, NULL);
    jo_int(o, "id", t);
    if (utf8_span(bytes, n) == n && strlen(bytes) == n) {
        jo_string(o, "piece", bytes);
    } else {
        jo_array(o, "piece");
        for (size_t i = 0; i < n && i < sizeof bytes; i++) {
            jo_int(o, NULL, (unsigned char)bytes[i]);
        }
        jo_end(o);
    }
    jo_end(o);
}

static persona_code tokenize(call *c, persona_err *e)
{
    const token_args *a = c->args;
    persona_code rc = PERSONA_OK;
    served *m = NULL;
    persona_tokens t = {NULL, 0};
    if (a->add_special && !a->parse_special) {
        return persona_err_set(e, PERSONA_E_USAGE,
                               "parse_special: must not be false with add_special");
    }
    TRY(call_model(c, a->model, &m, e));
    TRY(a->add_special ? persona_raw_tokens(m->model, a->content, false, &t, e)
                       : persona_tokenize(m->model, a->content, a->parse_special, &t, e));
    jo_object(&c->out, NULL);
    jo_array(&c->out, "tokens");
    for (size_t i = 0; i < t.n; i++) {
        if (a->with_pieces) {
            piece_json(&c->out, m, t.ids[i]);
        } else {
            jo_int(&c->out, NULL, t.ids[i]);
        }
    }
    jo_end(&c->out);
    jo_end(&c->out);
out:
    persona_tokens_free(&t);
    registry_release(c->s->models, m);
    return rc;
}

static persona_code text_of(call *c, const served *m, const char *key, const persona_token *ids,
                            size_t n, persona_err *e)
{
    char *text = NULL;
    const persona_code rc = persona_detokenize(m->model, ids, n, true, &text, e);
    if (rc == PERSONA_OK) {
        jo_object(&c->out, NULL);
        jo_string(&c->out, key, text);
        jo_end(&c->out);
    }
    mem_free(text);
    return rc;
}

static persona_code detokenize(call *c, persona_err *e)
{
    const token_args *a = c->args;
    persona_code rc = PERSONA_OK;
    served *m = NULL;
    const size_t n = json_len(a->tokens);
    persona_token *ids = mem_calloc(n + 1, sizeof *ids);
    TRY(ids != NULL ? PERSONA_OK : mem_err(e, "tokens"));
    TRY(call_model(c, a->model, &m, e));
    for (size_t i = 0; i < n; i++) {
        const double x = json_number(json_at(a->tokens, i), -1);
        if (x < 0 || x >= m->info->n_vocab) {
            rc = persona_err_set(e, PERSONA_E_USAGE, "tokens[%zu]: wants a number below %d", i,
                                 m->info->n_vocab);
            goto out;
        }
        ids[i] = (persona_token)x;
    }
    TRY(text_of(c, m, "content", ids, n, e));
out:
    mem_free(ids);
    registry_release(c->s->models, m);
    return rc;
}

static persona_code apply_template(call *c, persona_err *e)
{
    const token_args *a = c->args;
    persona_code rc = PERSONA_OK;
    served *m = NULL;
    persona_tokens t = {NULL, 0};
    ask plain;
    ask_init(&plain);
    TRY(call_model(c, a->model, &m, e));
    TRY(messages_tokens(m, a->messages, &plain, &t, e));
    TRY(text_of(c, m, "prompt", t.ids, t.n, e));
out:
    persona_tokens_free(&t);
    registry_release(c->s->models, m);
    return rc;
}

/* ---- tables ---------------------------------------------------------------------------------- */

#define MODEL                                                                                      \
    {                                                                                              \
        .name = "model", .type = FIELD_STRING, .max = 127, .at = offsetof(token_args, model),      \
        .help = "Id of a model; without it the server's first"                                     \
    }

static const field model_query[] = {
    {.name = "model",
     .type = FIELD_STRING,
     .at = FIELD_NOWHERE,
     .help = "Id of a model; without it the server's first"},
    FIELD_LAST,
};
static const field tokenize_fields[] = {
    MODEL,
    {.name = "content",
     .type = FIELD_STRING,
     .required = true,
     .max = 4 << 20,
     .at = offsetof(token_args, content),
     .help = "The text"},
    {.name = "add_special",
     .type = FIELD_BOOL,
     .at = offsetof(token_args, add_special),
     .help = "With BOS, where the model wants it. Default false"},
    {.name = "parse_special",
     .type = FIELD_BOOL,
     .at = offsetof(token_args, parse_special),
     .help = "<|...|> may be control tokens. Default true"},
    {.name = "with_pieces",
     .type = FIELD_BOOL,
     .at = offsetof(token_args, with_pieces),
     .help = "Also the text of each. Default false"},
    FIELD_LAST,
};
static const field id_element[] = {{.name = "", .type = FIELD_INT, .max = 1 << 30}};
static const field detokenize_fields[] = {
    MODEL,
    {.name = "tokens",
     .type = FIELD_ARRAY,
     .required = true,
     .max = 1 << 20,
     .of = id_element,
     .at = offsetof(token_args, tokens),
     .help = "Their numbers"},
    FIELD_LAST,
};
static const field template_fields[] = {
    MODEL,
    {.name = "messages",
     .type = FIELD_ARRAY,
     .required = true,
     .min = 1,
     .max = MESSAGES_MAX,
     .of = messages_element,
     .at = offsetof(token_args, messages),
     .help = "As in POST /v1/chat/completions"},
    FIELD_LAST,
};
static const field token_element[] = {
    {.name = "", .type = FIELD_ANY, .schema = "number | {id: number; piece: string | number[]}"}};
static const field tokens_answer[] = {
    {.name = "tokens", .type = FIELD_ARRAY, .required = true, .of = token_element},
    FIELD_LAST,
};
static const field content_answer[] = {
    {.name = "content", .type = FIELD_STRING, .required = true},
    FIELD_LAST,
};
static const field prompt_answer[] = {
    {.name = "prompt",
     .type = FIELD_STRING,
     .required = true,
     .help = "What the model reads, BOS included"},
    FIELD_LAST,
};
static const field params_fields[] = {
    {.name = "n_predict", .type = FIELD_INT, .required = true},
    {.name = "temperature", .type = FIELD_NUMBER, .required = true},
    {.name = "top_k", .type = FIELD_INT, .required = true},
    {.name = "top_p", .type = FIELD_NUMBER, .required = true},
    {.name = "min_p", .type = FIELD_NUMBER, .required = true},
    {.name = "repeat_penalty", .type = FIELD_NUMBER, .required = true},
    {.name = "presence_penalty", .type = FIELD_NUMBER, .required = true},
    {.name = "frequency_penalty", .type = FIELD_NUMBER, .required = true},
    FIELD_LAST,
};
static const field settings_fields[] = {
    {.name = "n_ctx", .type = FIELD_INT, .required = true},
    {.name = "params", .type = FIELD_OBJECT, .required = true, .of = params_fields},
    FIELD_LAST,
};
static const field modality_fields[] = {
    {.name = "vision", .type = FIELD_BOOL, .required = true},
    FIELD_LAST,
};
static const field props_fields[] = {
    {.name = "default_generation_settings",
     .type = FIELD_OBJECT,
     .required = true,
     .of = settings_fields},
    {.name = "total_slots", .type = FIELD_INT, .required = true},
    {.name = "model_path", .type = FIELD_STRING, .required = true, .help = "The model's id"},
    {.name = "modalities", .type = FIELD_OBJECT, .required = true, .of = modality_fields},
    {.name = "build_info", .type = FIELD_STRING, .required = true},
    {.name = "is_sleeping", .type = FIELD_BOOL, .required = true},
    FIELD_LAST,
};

const route routes_llama_server[] = {
    {.method = "GET",
     .path = "/props",
     .errors = ERRORS_OPENAI,
     .query = model_query,
     .run = props,
     .tag = "llama-server",
     .summary = "What a model is served with",
     .answer = props_fields},
    {.method = "GET",
     .path = "/slots",
     .errors = ERRORS_OPENAI,
     .query = model_query,
     .run = slots,
     .tag = "llama-server",
     .summary = "What a model's slots do: a list of {id, id_task, n_ctx, is_processing, "
                "next_token}; empty while it is not loaded"},
    {.method = "POST",
     .path = "/tokenize",
     .errors = ERRORS_OPENAI,
     .body = tokenize_fields,
     .args_size = sizeof(token_args),
     .init = token_init,
     .run = tokenize,
     .tag = "llama-server",
     .summary = "A text as tokens",
     .answer = tokens_answer},
    {.method = "POST",
     .path = "/detokenize",
     .errors = ERRORS_OPENAI,
     .body = detokenize_fields,
     .args_size = sizeof(token_args),
     .init = token_init,
     .run = detokenize,
     .tag = "llama-server",
     .summary = "Tokens as a text",
     .answer = content_answer},
    {.method = "POST",
     .path = "/apply-template",
     .errors = ERRORS_OPENAI,
     .body = template_fields,
     .args_size = sizeof(token_args),
     .init = token_init,
     .run = apply_template,
     .tag = "llama-server",
     .summary = "A conversation as the prompt that it becomes",
     .answer = prompt_answer},
    {.method = NULL},
};
