/* SPDX-License-Identifier: MIT
 *
 * openai_responses.c - POST /v1/responses, its text subset: input as text or messages,
 * instructions, text.format, reasoning.effort; whole or as a stream of typed events. Nothing is
 * stored, so previous_response_id is refused.
 *
 * A stream goes through three stages: reasoning (if the model has any), the message, the end.
 */
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "base/try.h"
#include "server/routes/routes.h"
#include "server/text/keep.h"
#include "server/text/messages.h"
#include "server/text/text_stream.h"

typedef struct response_args {
    ask ask; /* first: ASK_FIELDS */
    const json_val *input, *text, *reasoning, *tools;
    const char *instructions, *previous, *truncation;
    bool background;
} response_args;

static void init(void *args)
{
    ask_init(args);
}

static const char *const TRUNCATIONS[] = {"disabled", NULL};

static const field fields[] = {
    {.name = "input",
     .type = FIELD_ANY,
     .required = true,
     .at = offsetof(response_args, input),
     .schema = "string | {role: string; content: string | object[]}[]",
     .help = "A question, or a conversation"},
    {.name = "instructions",
     .type = FIELD_STRING,
     .at = offsetof(response_args, instructions),
     .help = "A system message before it"},
    ASK_FIELDS,
    {.name = "max_output_tokens",
     .type = FIELD_INT,
     .min = 1,
     .max = 1 << 20,
     .at = offsetof(ask, max_tokens),
     .help = "Tokens to write at most. Default: what the context holds"},
    {.name = "text",
     .type = FIELD_ANY,
     .at = offsetof(response_args, text),
     .schema = "{format?: object; verbosity?: string}",
     .help = "format: {\"type\": \"text\" | \"json_object\" | \"json_schema\", ...}"},
    {.name = "reasoning",
     .type = FIELD_ANY,
     .at = offsetof(response_args, reasoning),
     .schema = "{effort?: string}",
     .help = "effort: none, minimal, low, medium or high"},
    {.name = "tools",
     .type = FIELD_ARRAY,
     .at = offsetof(response_args, tools),
     .help = "Only an empty list: tools are not supported"},
    {.name = "previous_response_id",
     .type = FIELD_STRING,
     .at = offsetof(response_args, previous),
     .help = "Refused: no response is stored"},
    {.name = "background",
     .type = FIELD_BOOL,
     .at = offsetof(response_args, background),
     .help = "Only false"},
    {.name = "truncation",
     .type = FIELD_STRING,
     .of_names = TRUNCATIONS,
     .at = offsetof(response_args, truncation),
     .help = "Nothing is ever cut silently"},
    {.name = "include", .type = FIELD_IGNORED, .at = FIELD_NOWHERE, .help = "Without effect"},
    {.name = "tool_choice", .type = FIELD_IGNORED, .at = FIELD_NOWHERE, .help = "Without effect"},
    {.name = "parallel_tool_calls",
     .type = FIELD_IGNORED,
     .at = FIELD_NOWHERE,
     .help = "Without effect"},
    FIELD_LAST,
};

/* ---- what is told ---------------------------------------------------------------------------- */

static const answer_choice *choice(const collected *x)
{
    return answer_choice_of(x->a, 0);
}

static void item_id(json_out *o, const char *key, const collected *x, const char *kind)
{
    char id[ANSWER_ID_MAX + 8];
    const char *dash = strchr(answer_id(x->a), '-');
    snprintf(id, sizeof id, "%s_%s", kind, dash != NULL ? dash + 1 : "");
    jo_string(o, key, id);
}

static void text_part(json_out *o, const char *key, const char *type, const char *text)
{
    jo_object(o, key);
    jo_string(o, "type", type);
    jo_string(o, "text", text);
    if (strcmp(type, "output_text") == 0) {
        jo_array(o, "annotations");
        jo_end(o);
        jo_array(o, "logprobs");
        jo_end(o);
    }
    jo_end(o);
}

static void reasoning_item(json_out *o, const char *key, const collected *x, bool done)
{
    jo_object(o, key);
    item_id(o, "id", x, "rs");
    jo_string(o, "type", "reasoning");
    jo_string(o, "status", done ? "completed" : "in_progress");
    jo_array(o, "summary");
    jo_end(o);
    jo_array(o, "content");
    if (done) {
        text_part(o, NULL, "reasoning_text", buf_str(&x->choices[0].analysis));
    }
    jo_end(o);
    jo_end(o);
}

static void message_item(json_out *o, const char *key, const collected *x, bool done)
{
    jo_object(o, key);
    item_id(o, "id", x, "msg");
    jo_string(o, "type", "message");
    jo_string(o, "role", "assistant");
    jo_string(o, "status",
              !done                                        ? "in_progress"
              : choice(x)->finish == PERSONA_FINISH_LENGTH ? "incomplete"
                                                           : "completed");
    jo_array(o, "content");
    if (done) {
        text_part(o, NULL, "output_text", buf_str(&x->choices[0].text));
    }
    jo_end(o);
    jo_end(o);
}

static void usage(json_out *o, const collected *x)
{
    const answer_choice *c = choice(x);
    jo_object(o, "usage");
    jo_int(o, "input_tokens", (long long)c->n_prompt);
    jo_object(o, "input_tokens_details");
    jo_int(o, "cached_tokens", (long long)c->n_reused);
    jo_end(o);
    jo_int(o, "output_tokens", (long long)c->n_tokens);
    jo_object(o, "output_tokens_details");
    jo_int(o, "reasoning_tokens", (long long)x->choices[0].n_reasoning);
    jo_end(o);
    jo_int(o, "total_tokens", (long long)c->n_prompt + (long long)c->n_tokens);
    jo_end(o);
}

/* Members of a response that say what it was asked for. */
static void settings(json_out *o, const collected *x)
{
    const persona_sampling *s = &answer_spec_of(x->a)->sampling;
    jo_string(o, "model", answer_spec_of(x->a)->model->id);
    jo_int(o, "max_output_tokens", s->max_tokens);
    jo_number(o, "temperature", (double)s->temperature);
    jo_number(o, "top_p", (double)s->top_p);
    jo_bool(o, "parallel_tool_calls", false);
    jo_string(o, "tool_choice", "none");
    jo_array(o, "tools");
    jo_end(o);
    jo_string(o, "truncation", "disabled");
    jo_bool(o, "store", false);
    jo_null(o, "previous_response_id");
    jo_null(o, "instructions");
    jo_object(o, "metadata");
    jo_end(o);
    jo_int(o, "seed", x->seed);
}

/* e NULL: no failure. */
static void response(json_out *o, const char *key, const collected *x, const persona_err *e)
{
    const answer_choice *c = choice(x);
    const bool cut = c->ended && c->finish == PERSONA_FINISH_LENGTH;
    jo_object(o, key);
    jo_string(o, "id", answer_id(x->a));
    jo_string(o, "object", "response");
    jo_int(o, "created_at", answer_created(x->a));
    jo_string(o, "status",
              e != NULL   ? "failed"
              : !c->ended ? "in_progress"
              : cut       ? "incomplete"
                          : "completed");
    if (e != NULL) {
        char message[sizeof e->msg];
        snprintf(message, sizeof message, "%s", e->msg);
        error_redact(message);
        jo_object(o, "error");
        jo_string(o, "code", "server_error");
        jo_string(o, "message", message);
        jo_end(o);
    } else {
        jo_null(o, "error");
    }
    if (cut) {
        jo_object(o, "incomplete_details");
        jo_string(o, "reason", "max_output_tokens");
        jo_end(o);
    } else {
        jo_null(o, "incomplete_details");
    }
    settings(o, x);
    jo_array(o, "output");
    if (c->ended) {
        if (x->choices[0].analysis.len > 0) {
            reasoning_item(o, NULL, x, true);
        }
        message_item(o, NULL, x, true);
    }
    jo_end(o);
    if (c->ended) {
        usage(o, x);
        answer_steering_json(x->a, o, 0);
        probes_json(o, x, 0);
        token_ids_json(o, c);
    }
    jo_end(o);
}

/* ---- as a stream ----------------------------------------------------------------------------- */

enum { STAGE_BEFORE, STAGE_REASONING, STAGE_MESSAGE, STAGE_OVER };

static void open_piece(json_out *o, collected *x, const char *type, buf *out)
{
    buf_printf(out, "event: %s\ndata: ", type);
    jo_init(o, out, false);
    jo_object(o, NULL);
    jo_string(o, "type", type);
    jo_int(o, "sequence_number", x->n_pieces++);
}

static void close_piece(json_out *o, buf *out)
{
    jo_end(o);
    buf_puts(out, "\n\n");
}

static void whole_piece(collected *x, const char *type, const persona_err *e, buf *out)
{
    json_out o;
    open_piece(&o, x, type, out);
    response(&o, "response", x, e);
    close_piece(&o, out);
}

static int place(const collected *x, bool reasoning)
{
    return !reasoning && x->choices[0].analysis.len > 0 ? 1 : 0;
}

static void item_piece(collected *x, bool reasoning, bool done, buf *out)
{
    json_out o;
    open_piece(&o, x, done ? "response.output_item.done" : "response.output_item.added", out);
    jo_int(&o, "output_index", place(x, reasoning));
    if (reasoning) {
        reasoning_item(&o, "item", x, done);
    } else {
        message_item(&o, "item", x, done);
    }
    close_piece(&o, out);
}

/* Where in the output a piece belongs. */
static void where(json_out *o, const collected *x, bool reasoning)
{
    item_id(o, "item_id", x, reasoning ? "rs" : "msg");
    jo_int(o, "output_index", place(x, reasoning));
    jo_int(o, "content_index", 0);
}

static void part_piece(collected *x, bool reasoning, bool done, buf *out)
{
    json_out o;
    const buf *text = reasoning ? &x->choices[0].analysis : &x->choices[0].text;
    open_piece(&o, x, done ? "response.content_part.done" : "response.content_part.added", out);
    where(&o, x, reasoning);
    text_part(&o, "part", reasoning ? "reasoning_text" : "output_text", done ? buf_str(text) : "");
    close_piece(&o, out);
}

/* key: "delta" or "text". */
static void text_piece(collected *x, bool reasoning, const char *key, const char *text, buf *out)
{
    static const char *const TYPES[2][2] = {
        {"response.output_text.delta", "response.output_text.done"},
        {"response.reasoning_text.delta", "response.reasoning_text.done"}};
    json_out o;
    open_piece(&o, x, TYPES[reasoning][strcmp(key, "text") == 0], out);
    where(&o, x, reasoning);
    jo_string(&o, key, text);
    if (!reasoning) {
        jo_array(&o, "logprobs");
        jo_end(&o);
    }
    close_piece(&o, out);
}

/* Goes on to a stage, closing what is open. */
static void go(collected *x, int stage, buf *out)
{
    if (x->stage == STAGE_REASONING && stage > STAGE_REASONING) {
        text_piece(x, true, "text", buf_str(&x->choices[0].analysis), out);
        part_piece(x, true, true, out);
        item_piece(x, true, true, out);
    }
    if (x->stage < STAGE_REASONING && stage == STAGE_REASONING) {
        item_piece(x, true, false, out);
        part_piece(x, true, false, out);
    }
    if (x->stage < STAGE_MESSAGE && stage >= STAGE_MESSAGE) {
        item_piece(x, false, false, out);
        part_piece(x, false, false, out);
    }
    if (stage == STAGE_OVER) {
        text_piece(x, false, "text", buf_str(&x->choices[0].text), out);
        part_piece(x, false, true, out);
        item_piece(x, false, true, out);
    }
    x->stage = stage;
}

static void begin(collected *x, buf *out)
{
    whole_piece(x, "response.created", NULL, out);
    whole_piece(x, "response.in_progress", NULL, out);
}

static void event(collected *x, const answer_event *event, buf *out)
{
    if (event->kind == ANSWER_TEXT && event->text[0] != '\0' &&
        !(event->analysis && x->stage == STAGE_MESSAGE)) {
        go(x, event->analysis ? STAGE_REASONING : STAGE_MESSAGE, out);
        text_piece(x, event->analysis, "delta", event->text, out);
    } else if (event->kind == ANSWER_PROBED) {
        json_out o;
        open_piece(&o, x, "persona.probes", out);
        probed_piece_json(&o, x, event);
        close_piece(&o, out);
    }
}

static void end(collected *x, bool wanted, buf *out)
{
    (void)wanted;
    go(x, STAGE_OVER, out);
    whole_piece(x,
                choice(x)->finish == PERSONA_FINISH_LENGTH ? "response.incomplete"
                                                           : "response.completed",
                NULL, out);
}

static void failed(collected *x, const persona_err *e, buf *out)
{
    whole_piece(x, "response.failed", e, out);
}

static const stream_shape shape = {.type = "text/event-stream",
                                   .keep_alive = ": waiting\n\n",
                                   .begin = begin,
                                   .event = event,
                                   .end = end,
                                   .failed = failed};

/* ---- the handler ----------------------------------------------------------------------------- */

static persona_code check(response_args *a, persona_err *e)
{
    const struct {
        bool wrong;
        const char *why;
    } RULES[] = {
        {json_len(a->tools) > 0, "tools: not supported"},
        {a->previous != NULL, "previous_response_id: no response is stored; send the conversation"},
        {a->background, "background: not supported"},
        {a->ask.n != 1, "n: a response is one"},
    };
    for (size_t i = 0; i < sizeof RULES / sizeof *RULES; i++) {
        if (RULES[i].wrong) {
            return persona_err_set(e, PERSONA_E_USAGE, "%s", RULES[i].why);
        }
    }
    a->ask.effort = json_string(json_get(a->reasoning, "effort"));
    a->ask.response_format = json_get(a->text, "format");
    return PERSONA_OK;
}

static persona_code run(call *c, persona_err *e)
{
    response_args *a = c->args;
    persona_code rc = PERSONA_OK;
    asked x = {.seed = 0};
    answer *running = NULL;
    collected got;
    TRY(check(a, e));
    TRY(ask_open(c, &a->ask, "resp", &x, e));
    const uint32_t seed = x.seed;
    TRY(messages_of_input(x.spec.model, a->input, a->instructions, &a->ask, &x.spec.prompt, e));
    TRY(ask_start(c, &a->ask, &x, 0, &running, e));
    if (a->ask.stream) {
        TRY(stream_reply(c, &a->ask, running, seed, &shape, e));
        goto out;
    }
    TRY(collect(c, running, seed, &got, e));
    response(&c->out, NULL, &got, NULL);
    if (a->ask.store) {
        keep_run(c->s, c->request, c->request->body, &got);
    }
    collected_free(&got);
out:
    asked_clear(&x);
    return rc;
}

const route routes_openai_responses[] = {
    {.method = "POST",
     .path = "/v1/responses",
     .errors = ERRORS_OPENAI,
     .body = fields,
     .args_size = sizeof(response_args),
     .init = init,
     .run = run,
     .tag = "OpenAI",
     .summary = "Answers by the Responses API, its text subset"},
    {.method = NULL},
};
