/* SPDX-License-Identifier: MIT
 *
 * ollama_text.c - Ollama's /api/chat and /api/generate: one JSON object a line. `options` has the
 * sampling, and `steer`, our own: what the answer is steered by.
 */
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/mem.h"
#include "base/try.h"
#include "server/routes/ollama_parts.h"
#include "server/text/messages.h"
#include "server/text/text_stream.h"

typedef struct ollama_args {
    ask ask;
    const char *model, *system;
    const json_val *messages, *prompt, *options, *format, *think, *keep_alive, *tools;
    bool raw;
} ollama_args;

/* As Ollama documents its defaults, but for the penalty of repeats. */
static void init(void *args)
{
    ollama_args *a = args;
    ask_init(&a->ask);
    a->ask.temperature = 0.8;
    a->ask.top_k = 40;
    a->ask.top_p = 0.9;
    a->ask.stream = true;
}

/* ---- what is told ---------------------------------------------------------------------------- */

static void head(json_out *o, const char *model, int64_t created)
{
    char when[OLLAMA_TIME];
    ollama_time(created, when);
    jo_string(o, "model", model);
    jo_string(o, "created_at", when);
}

static void text_json(json_out *o, bool chat, const char *text, const char *thinking)
{
    if (chat) {
        jo_object(o, "message");
        jo_string(o, "role", "assistant");
        jo_string(o, "content", text);
        if (*thinking != '\0') {
            jo_string(o, "thinking", thinking);
        }
        jo_end(o);
        return;
    }
    jo_string(o, "response", text);
    if (*thinking != '\0') {
        jo_string(o, "thinking", thinking);
    }
}

static void nanoseconds(json_out *o, const char *key, double seconds)
{
    jo_int(o, key, isfinite(seconds) && seconds > 0 ? (long long)(seconds * 1e9) : 0);
}

/* After the end. */
static void counts(json_out *o, const collected *x)
{
    const answer_choice *c = answer_choice_of(x->a, 0);
    const double first = answer_first_token_s(x->a);
    const double prompt = isfinite(first) && first < c->seconds ? first : c->seconds;
    jo_bool(o, "done", true);
    jo_string(o, "done_reason", finish_reason(c));
    nanoseconds(o, "total_duration", c->seconds);
    nanoseconds(o, "load_duration", 0);
    jo_int(o, "prompt_eval_count", (long long)c->n_prompt);
    nanoseconds(o, "prompt_eval_duration", prompt);
    jo_int(o, "eval_count", (long long)c->n_tokens);
    nanoseconds(o, "eval_duration", c->seconds - prompt);
    answer_steering_json(x->a, o, 0);
}

static void line_begin(json_out *o, buf *out, const collected *x)
{
    jo_init(o, out, false);
    jo_object(o, NULL);
    head(o, answer_spec_of(x->a)->model->id, answer_created(x->a));
}

static void begin(collected *x, buf *out)
{
    (void)x;
    (void)out;
}

static void piece(const collected *x, const answer_event *event, bool chat, buf *out)
{
    json_out o;
    if (event->kind != ANSWER_TEXT || event->text[0] == '\0') {
        return;
    }
    line_begin(&o, out, x);
    text_json(&o, chat, event->analysis ? "" : event->text, event->analysis ? event->text : "");
    jo_bool(&o, "done", false);
    jo_end(&o);
    buf_putc(out, '\n');
}

static void last(const collected *x, bool chat, buf *out)
{
    json_out o;
    line_begin(&o, out, x);
    text_json(&o, chat, "", "");
    counts(&o, x);
    jo_end(&o);
    buf_putc(out, '\n');
}

static void chat_event(collected *x, const answer_event *event, buf *out)
{
    piece(x, event, true, out);
}

static void generate_event(collected *x, const answer_event *event, buf *out)
{
    piece(x, event, false, out);
}

static void chat_end(collected *x, bool usage, buf *out)
{
    (void)usage;
    last(x, true, out);
}

static void generate_end(collected *x, bool usage, buf *out)
{
    (void)usage;
    last(x, false, out);
}

static void failed(collected *x, const persona_err *e, buf *out)
{
    http_reply r = {.status = 0};
    (void)x;
    buf_init(&r.body, 4096);
    error_reply(&r, ERRORS_OLLAMA, error_status(e->code), e, NULL, NULL);
    buf_printf(out, "%s\n", buf_str(&r.body));
    buf_free(&r.body);
}

static const stream_shape chat_shape = {.type = "application/x-ndjson",
                                        .begin = begin,
                                        .event = chat_event,
                                        .end = chat_end,
                                        .failed = failed};
static const stream_shape generate_shape = {.type = "application/x-ndjson",
                                            .begin = begin,
                                            .event = generate_event,
                                            .end = generate_end,
                                            .failed = failed};

/* ---- what is asked --------------------------------------------------------------------------- */

static const field option_fields[] = {
    {.name = "temperature",
     .type = FIELD_NUMBER,
     .max = 100,
     .at = offsetof(ask, temperature),
     .help = "Default 0.8"},
    {.name = "top_k",
     .type = FIELD_INT,
     .min = -1,
     .max = 1 << 20,
     .at = offsetof(ask, top_k),
     .help = "Default 40"},
    {.name = "top_p",
     .type = FIELD_NUMBER,
     .max = 1,
     .at = offsetof(ask, top_p),
     .help = "Default 0.9"},
    {.name = "min_p",
     .type = FIELD_NUMBER,
     .max = 1,
     .at = offsetof(ask, min_p),
     .help = "Default 0: off"},
    {.name = "seed",
     .type = FIELD_ANY,
     .at = offsetof(ask, seed_said),
     .schema = "integer",
     .help = "Default: drawn"},
    {.name = "num_predict",
     .type = FIELD_INT,
     .min = -2,
     .max = 1 << 20,
     .at = offsetof(ask, max_tokens),
     .help = "Tokens at most. Default -1: what the context holds"},
    {.name = "stop",
     .type = FIELD_ANY,
     .at = offsetof(ask, stop),
     .schema = "string | string[]",
     .help = "Up to 16 texts that end the answer"},
    {.name = "repeat_penalty",
     .type = FIELD_NUMBER,
     .max = 10,
     .at = offsetof(ask, repeat_penalty),
     .help = "Default 1: off"},
    {.name = "presence_penalty",
     .type = FIELD_NUMBER,
     .min = -2,
     .max = 2,
     .at = offsetof(ask, presence_penalty),
     .help = "Default 0"},
    {.name = "frequency_penalty",
     .type = FIELD_NUMBER,
     .min = -2,
     .max = 2,
     .at = offsetof(ask, frequency_penalty),
     .help = "Default 0"},
    {.name = "steer",
     .type = FIELD_ANY,
     .at = offsetof(ask, steering),
     .schema = "string | object | null",
     .help = "What the answer is steered by, as `steering` of the other routes"},
#define WITHOUT_EFFECT(x)                                                                          \
    {                                                                                              \
        .name = x, .type = FIELD_IGNORED, .at = FIELD_NOWHERE, .help = "Without effect"            \
    }
    WITHOUT_EFFECT("num_keep"),
    WITHOUT_EFFECT("tfs_z"),
    WITHOUT_EFFECT("typical_p"),
    WITHOUT_EFFECT("repeat_last_n"),
    WITHOUT_EFFECT("mirostat"),
    WITHOUT_EFFECT("mirostat_tau"),
    WITHOUT_EFFECT("mirostat_eta"),
    WITHOUT_EFFECT("penalize_newline"),
    WITHOUT_EFFECT("numa"),
    WITHOUT_EFFECT("num_ctx"),
    WITHOUT_EFFECT("num_batch"),
    WITHOUT_EFFECT("num_gpu"),
    WITHOUT_EFFECT("main_gpu"),
    WITHOUT_EFFECT("low_vram"),
    WITHOUT_EFFECT("f16_kv"),
    WITHOUT_EFFECT("logits_all"),
    WITHOUT_EFFECT("vocab_only"),
    WITHOUT_EFFECT("use_mmap"),
    WITHOUT_EFFECT("use_mlock"),
    WITHOUT_EFFECT("num_thread"),
    FIELD_LAST,
};

/* "json" or a schema as OpenAI's response_format. *out: json_free it; NULL: none. */
static persona_code format_of(ollama_args *a, json_doc **out, persona_err *e)
{
    persona_code rc = PERSONA_OK;
    const char *word = json_string(a->format);
    json_out o;
    buf text;
    buf_init(&text, 1 << 20);
    *out = NULL;
    if (json_typeof(a->format) == JSON_NULL || (word != NULL && *word == '\0')) {
        goto out;
    }
    const bool schema = json_typeof(a->format) == JSON_OBJECT;
    if (!schema && (word == NULL || strcmp(word, "json") != 0)) {
        rc = persona_err_set(e, PERSONA_E_USAGE, "format: wants \"json\" or a JSON schema");
        goto out;
    }
    jo_init(&o, &text, false);
    jo_object(&o, NULL);
    jo_string(&o, "type", schema ? "json_schema" : "json_object");
    if (schema) {
        jo_object(&o, "json_schema");
        jo_string(&o, "name", "format");
        jo_value(&o, "schema", a->format);
        jo_end(&o);
    }
    jo_end(&o);
    TRY(buf_ok(&text, "format", e));
    TRY(json_parse(buf_str(&text), text.len, "format", out, e));
    a->ask.response_format = json_root(*out);
out:
    buf_free(&text);
    return rc;
}

static persona_code think_of(ollama_args *a, persona_err *e)
{
    static const char *const LEVELS[] = {"low", "medium", "high"};
    const char *level = json_string(a->think);
    if (json_typeof(a->think) == JSON_NULL) {
        return PERSONA_OK;
    }
    if (json_typeof(a->think) == JSON_BOOL) {
        a->ask.effort = json_bool(a->think, true) ? NULL : "none";
        return PERSONA_OK;
    }
    for (size_t i = 0; level != NULL && i < sizeof LEVELS / sizeof *LEVELS; i++) {
        if (strcmp(LEVELS[i], level) == 0) {
            a->ask.effort = level;
            return PERSONA_OK;
        }
    }
    return persona_err_set(e, PERSONA_E_USAGE, "think: wants true, false, low, medium or high");
}

static persona_code take(ollama_args *a, char id[SERVED_ID_MAX], json_doc **format, persona_err *e)
{
    persona_code rc = PERSONA_OK;
    ollama_model(a->model, id);
    a->ask.model = id;
    if (json_typeof(a->options) != JSON_NULL) {
        TRY(fields_read(option_fields, a->options, "options", &a->ask, e));
    }
    a->ask.max_tokens = a->ask.max_tokens > 0 ? a->ask.max_tokens : 0;
    if (json_len(a->tools) > 0) {
        return persona_err_set(e, PERSONA_E_USAGE, "tools: not supported");
    }
    TRY(think_of(a, e));
    TRY(format_of(a, format, e));
out:
    return rc;
}

/* ---- the handlers ---------------------------------------------------------------------------- */

/* Without anything to answer the model is loaded, or unloaded with keep_alive 0. */
static persona_code load_only(call *c, const ollama_args *a, bool chat, persona_err *e)
{
    persona_code rc = PERSONA_OK;
    served *m = NULL;
    bool was = false;
    const char *text = json_string(a->keep_alive);
    const bool unload = json_number(a->keep_alive, 1) == 0 ||
                        (text != NULL && (strcmp(text, "0") == 0 || strcmp(text, "0s") == 0));
    if (unload) {
        rc = registry_unload(c->s->models, a->ask.model, &was, e);
        c->status = rc == PERSONA_E_UNAVAILABLE ? 409 : c->status;
        TRY(rc);
    } else {
        TRY(call_model(c, a->ask.model, &m, e));
    }
    jo_object(&c->out, NULL);
    head(&c->out, a->ask.model, (int64_t)time(NULL));
    text_json(&c->out, chat, "", "");
    jo_string(&c->out, "done_reason", unload ? "unload" : "load");
    jo_bool(&c->out, "done", true);
    jo_end(&c->out);
    registry_release(c->s->models, m);
out:
    return rc;
}

static persona_code prompt_of(const ollama_args *a, bool chat, asked *x, persona_err *e)
{
    if (chat) {
        return messages_tokens(x->spec.model, a->messages, &a->ask, &x->spec.prompt, e);
    }
    if (a->raw) {
        x->spec.raw = true;
        return persona_raw_tokens(x->spec.model->model, json_string(a->prompt), false,
                                  &x->spec.prompt, e);
    }
    return messages_of_input(x->spec.model, a->prompt, a->system, &a->ask, &x->spec.prompt, e);
}

static persona_code reply(call *c, const ollama_args *a, bool chat, answer *running, uint32_t seed,
                          persona_err *e)
{
    persona_code rc = PERSONA_OK;
    collected got;
    if (a->ask.stream) {
        return stream_reply(c, &a->ask, running, seed, chat ? &chat_shape : &generate_shape, e);
    }
    TRY(collect(c, running, seed, &got, e));
    jo_object(&c->out, NULL);
    head(&c->out, answer_spec_of(got.a)->model->id, answer_created(got.a));
    text_json(&c->out, chat, buf_str(&got.choices[0].text), buf_str(&got.choices[0].analysis));
    counts(&c->out, &got);
    jo_end(&c->out);
    collected_free(&got);
out:
    return rc;
}

static persona_code run(call *c, bool chat, persona_err *e)
{
    ollama_args *a = c->args;
    persona_code rc = PERSONA_OK;
    char id[SERVED_ID_MAX];
    json_doc *format = NULL;
    asked x;
    answer *running = NULL;
    const char *prompt = json_string(a->prompt);
    TRY(take(a, id, &format, e));
    if (chat ? json_len(a->messages) == 0 : prompt == NULL || *prompt == '\0') {
        TRY(load_only(c, a, chat, e));
        goto out;
    }
    TRY(ask_open(c, &a->ask, chat ? "chat" : "generate", &x, e));
    rc = prompt_of(a, chat, &x, e);
    if (rc != PERSONA_OK) {
        asked_clear(&x);
        goto out;
    }
    const uint32_t seed = x.seed;
    TRY(ask_start(c, &a->ask, &x, 0, &running, e));
    TRY(reply(c, a, chat, running, seed, e));
out:
    json_free(format);
    return rc;
}

static persona_code chat(call *c, persona_err *e)
{
    return run(c, true, e);
}

static persona_code generate(call *c, persona_err *e)
{
    return run(c, false, e);
}

/* ---- tables ---------------------------------------------------------------------------------- */

static const char *const ROLES[] = {"system", "user", "assistant", NULL};
static const field none_element[] = {{.name = "", .type = FIELD_ANY}};
static const field message_fields[] = {
    {.name = "role",
     .type = FIELD_STRING,
     .required = true,
     .of_names = ROLES,
     .at = FIELD_NOWHERE},
    {.name = "content",
     .type = FIELD_STRING,
     .required = true,
     .max = 4 << 20,
     .at = FIELD_NOWHERE},
    {.name = "thinking",
     .type = FIELD_IGNORED,
     .at = FIELD_NOWHERE,
     .help = "Without effect: earlier reasoning is not shown to the model"},
    FIELD_LAST,
};
static const field message_element[] = {{.name = "", .type = FIELD_OBJECT, .of = message_fields}};

#define OLLAMA_FIELDS                                                                              \
    {.name = "model",                                                                              \
     .type = FIELD_STRING,                                                                         \
     .required = true,                                                                             \
     .min = 1,                                                                                     \
     .max = 134,                                                                                   \
     .at = offsetof(ollama_args, model),                                                           \
     .help = "Name of a model, with or without :latest"},                                          \
        {.name = "stream",                                                                         \
         .type = FIELD_BOOL,                                                                       \
         .at = offsetof(ask, stream),                                                              \
         .help = "Default true: the answer while it is written"},                                  \
        {.name = "options",                                                                        \
         .type = FIELD_OBJECT,                                                                     \
         .of = option_fields,                                                                      \
         .at = offsetof(ollama_args, options),                                                     \
         .help = "Sampling and steering"},                                                         \
        {.name = "format",                                                                         \
         .type = FIELD_ANY,                                                                        \
         .at = offsetof(ollama_args, format),                                                      \
         .schema = "string | object",                                                              \
         .help = "\"json\", or a JSON schema"},                                                    \
        {.name = "think",                                                                          \
         .type = FIELD_ANY,                                                                        \
         .at = offsetof(ollama_args, think),                                                       \
         .schema = "boolean | string",                                                             \
         .help = "false: no reasoning; low, medium or high: how long"},                            \
    {                                                                                              \
        .name = "keep_alive", .type = FIELD_ANY, .at = offsetof(ollama_args, keep_alive),          \
        .schema = "string | number",                                                               \
        .help = "Without effect but for 0, with nothing to answer: "                               \
                "the model is unloaded"                                                            \
    }

static const field chat_fields[] = {
    OLLAMA_FIELDS,
    {.name = "messages",
     .type = FIELD_ARRAY,
     .max = MESSAGES_MAX,
     .of = message_element,
     .at = offsetof(ollama_args, messages),
     .help = "The conversation; without it the model is only loaded"},
    {.name = "tools",
     .type = FIELD_ARRAY,
     .of = none_element,
     .at = offsetof(ollama_args, tools),
     .help = "Only an empty list: tools are not supported"},
    FIELD_LAST,
};
static const field generate_fields[] = {
    OLLAMA_FIELDS,
    {.name = "prompt",
     .type = FIELD_ANY,
     .at = offsetof(ollama_args, prompt),
     .schema = "string",
     .help = "Text; without it the model is only loaded"},
    {.name = "system",
     .type = FIELD_STRING,
     .at = offsetof(ollama_args, system),
     .help = "What the model is told before"},
    {.name = "raw",
     .type = FIELD_BOOL,
     .at = offsetof(ollama_args, raw),
     .help = "The prompt as it is, without the model's template"},
    FIELD_LAST,
};
static const field answer_message[] = {
    {.name = "role", .type = FIELD_STRING, .required = true},
    {.name = "content", .type = FIELD_STRING, .required = true},
    {.name = "thinking", .type = FIELD_STRING},
    FIELD_LAST,
};

#define COUNT_FIELDS                                                                               \
    {.name = "model", .type = FIELD_STRING, .required = true},                                     \
        {.name = "created_at", .type = FIELD_STRING, .required = true},                            \
        {.name = "done", .type = FIELD_BOOL, .required = true},                                    \
        {.name = "done_reason", .type = FIELD_STRING, .help = "stop, length, load or unload"},     \
        {.name = "total_duration", .type = FIELD_NUMBER, .help = "Nanoseconds, like the others"},  \
        {.name = "load_duration", .type = FIELD_NUMBER, .help = "Always 0"},                       \
        {.name = "prompt_eval_count", .type = FIELD_INT, .help = "Tokens"},                        \
        {.name = "prompt_eval_duration", .type = FIELD_NUMBER, .help = "To the first token"},      \
        {.name = "eval_count", .type = FIELD_INT, .help = "Tokens"},                               \
        {.name = "eval_duration", .type = FIELD_NUMBER},                                           \
    {                                                                                              \
        .name = "steering", .type = FIELD_ANY, .schema = "Receipt | null",                         \
        .help = "What steering did"                                                                \
    }

static const field chat_answer[] = {
    {.name = "message", .type = FIELD_OBJECT, .required = true, .of = answer_message},
    COUNT_FIELDS,
    FIELD_LAST,
};
static const field generate_answer[] = {
    {.name = "response", .type = FIELD_STRING, .required = true},
    {.name = "thinking", .type = FIELD_STRING},
    COUNT_FIELDS,
    FIELD_LAST,
};

const route routes_ollama_text[] = {
    {.method = "POST",
     .path = "/api/chat",
     .errors = ERRORS_OLLAMA,
     .body = chat_fields,
     .args_size = sizeof(ollama_args),
     .init = init,
     .run = chat,
     .tag = "Ollama",
     .summary = "Answers a conversation; a line for each piece if streamed",
     .answer = chat_answer},
    {.method = "POST",
     .path = "/api/generate",
     .errors = ERRORS_OLLAMA,
     .body = generate_fields,
     .args_size = sizeof(ollama_args),
     .init = init,
     .run = generate,
     .tag = "Ollama",
     .summary = "Answers a prompt; a line for each piece if streamed",
     .answer = generate_answer},
    {.method = NULL},
};
