/* SPDX-License-Identifier: MIT
 *
 * openai_chat.c - POST /v1/chat/completions.
 */
#include <string.h>

#include "base/mem.h"
#include "base/try.h"
#include "server/routes/routes.h"
#include "server/text/keep.h"
#include "server/text/logprobs.h"
#include "server/text/messages.h"
#include "server/text/text_stream.h"

typedef struct chat_args {
    ask ask; /* first: ASK_FIELDS */
    const json_val *messages, *tools, *functions;
} chat_args;

static void init(void *args)
{
    ask_init(args);
}

static const char *const EFFORTS[] = {"none", "minimal", "low", "medium", "high", NULL};

static const field fields[] = {
    {.name = "messages",
     .type = FIELD_ARRAY,
     .required = true,
     .min = 1,
     .max = MESSAGES_MAX,
     .of = messages_element,
     .at = offsetof(chat_args, messages),
     .help = "The conversation so far; one that ends with an assistant's message is continued"},
    ASK_FIELDS,
    {.name = "max_tokens",
     .type = FIELD_INT,
     .min = 1,
     .max = 1 << 20,
     .at = offsetof(ask, max_tokens),
     .help = "Tokens to write at most. Default: what the context holds"},
    {.name = "max_completion_tokens",
     .type = FIELD_INT,
     .min = 1,
     .max = 1 << 20,
     .at = offsetof(ask, max_completion_tokens),
     .help = "The same, by its newer name"},
    {.name = "reasoning_effort",
     .type = FIELD_STRING,
     .of_names = EFFORTS,
     .at = offsetof(ask, effort),
     .help = "How long a model that reasons may do so; none: it answers at once"},
    {.name = "logprobs",
     .type = FIELD_BOOL,
     .at = offsetof(ask, logprobs),
     .help = "Also the log-probability of each token"},
    {.name = "top_logprobs",
     .type = FIELD_INT,
     .max = 20,
     .at = offsetof(ask, top_logprobs),
     .help = "And of the so many likeliest at its place"},
    {.name = "response_format",
     .type = FIELD_ANY,
     .at = offsetof(ask, response_format),
     .schema = "object",
     .help = "{\"type\": \"text\" | \"json_object\" | \"json_schema\", ...}"},
    {.name = "tools",
     .type = FIELD_ARRAY,
     .at = offsetof(chat_args, tools),
     .help = "Only an empty list: tools are not supported"},
    {.name = "functions",
     .type = FIELD_ARRAY,
     .at = offsetof(chat_args, functions),
     .help = "Only an empty list: functions are not supported"},
    {.name = "tool_choice", .type = FIELD_IGNORED, .at = FIELD_NOWHERE, .help = "Without effect"},
    {.name = "parallel_tool_calls",
     .type = FIELD_IGNORED,
     .at = FIELD_NOWHERE,
     .help = "Without effect"},
    FIELD_LAST,
};

/* ---- what is told ---------------------------------------------------------------------------- */

static void head(json_out *o, const collected *x, const char *object)
{
    jo_string(o, "id", answer_id(x->a));
    jo_string(o, "object", object);
    jo_int(o, "created", answer_created(x->a));
    jo_string(o, "model", answer_spec_of(x->a)->model->id);
    jo_int(o, "seed", x->seed);
}

static void choice_json(json_out *o, const collected *x, int i)
{
    const answer_choice *c = answer_choice_of(x->a, i);
    const collected_choice *got = &x->choices[i];
    jo_object(o, NULL);
    jo_int(o, "index", i);
    jo_object(o, "message");
    jo_string(o, "role", "assistant");
    jo_string(o, "content", buf_str(&got->text));
    jo_null(o, "refusal");
    if (got->analysis.len > 0) {
        jo_string(o, "reasoning_content", buf_str(&got->analysis));
    }
    jo_end(o);
    logprobs_json(o, x, i);
    jo_string(o, "finish_reason", finish_reason(c));
    answer_steering_json(x->a, o, i);
    probes_json(o, x, i);
    token_ids_json(o, c);
    jo_end(o);
}

static void write_reply(json_out *o, const collected *x)
{
    jo_object(o, NULL);
    head(o, x, "chat.completion");
    jo_array(o, "choices");
    for (int i = 0; i < answer_spec_of(x->a)->n_choices; i++) {
        choice_json(o, x, i);
    }
    jo_end(o);
    usage_json(o, x);
    answer_steering_json(x->a, o, 0);
    jo_end(o);
}

/* ---- as a stream ----------------------------------------------------------------------------- */

static void piece_begin(json_out *o, buf *out, const collected *x)
{
    buf_puts(out, "data: ");
    jo_init(o, out, false);
    jo_object(o, NULL);
    head(o, x, "chat.completion.chunk");
}

static void piece_end(json_out *o, buf *out)
{
    jo_end(o);
    buf_puts(out, "\n\n");
}

static void choice_begin(json_out *o, int i)
{
    jo_array(o, "choices");
    jo_object(o, NULL);
    jo_int(o, "index", i);
    jo_object(o, "delta");
}

static void begin(collected *x, buf *out)
{
    for (int i = 0; i < answer_spec_of(x->a)->n_choices; i++) {
        json_out o;
        piece_begin(&o, out, x);
        choice_begin(&o, i);
        jo_string(&o, "role", "assistant");
        jo_string(&o, "content", "");
        jo_end(&o);
        jo_null(&o, "logprobs");
        jo_null(&o, "finish_reason");
        jo_end(&o);
        jo_end(&o);
        piece_end(&o, out);
    }
}

static void text_piece(const collected *x, const answer_event *event, buf *out)
{
    json_out o;
    piece_begin(&o, out, x);
    choice_begin(&o, event->choice);
    if (event->text[0] != '\0') {
        jo_string(&o, event->analysis ? "reasoning_content" : "content", event->text);
    }
    jo_end(&o);
    logprobs_piece_json(&o, x, event);
    jo_null(&o, "finish_reason");
    jo_end(&o);
    jo_end(&o);
    piece_end(&o, out);
}

static void probed_piece(const collected *x, const answer_event *event, buf *out)
{
    json_out o;
    piece_begin(&o, out, x);
    choice_begin(&o, event->choice);
    jo_end(&o);
    jo_null(&o, "finish_reason");
    probed_piece_json(&o, x, event);
    jo_end(&o);
    jo_end(&o);
    piece_end(&o, out);
}

static void end_piece(const collected *x, const answer_event *event, buf *out)
{
    json_out o;
    piece_begin(&o, out, x);
    choice_begin(&o, event->choice);
    jo_end(&o);
    jo_null(&o, "logprobs");
    jo_string(&o, "finish_reason", finish_reason(answer_choice_of(x->a, event->choice)));
    answer_steering_json(x->a, &o, event->choice);
    probes_json(&o, x, event->choice);
    token_ids_json(&o, answer_choice_of(x->a, event->choice));
    jo_end(&o);
    jo_end(&o);
    answer_steering_json(x->a, &o, event->choice);
    piece_end(&o, out);
}

static void event(collected *x, const answer_event *event, buf *out)
{
    if (event->kind == ANSWER_TEXT && (event->text[0] != '\0' || event->logprob != NULL)) {
        text_piece(x, event, out);
    } else if (event->kind == ANSWER_PROBED) {
        probed_piece(x, event, out);
    } else if (event->kind == ANSWER_ENDED) {
        end_piece(x, event, out);
    }
}

static void end(collected *x, bool usage, buf *out)
{
    if (usage) {
        json_out o;
        piece_begin(&o, out, x);
        jo_array(&o, "choices");
        jo_end(&o);
        usage_json(&o, x);
        piece_end(&o, out);
    }
    buf_puts(out, "data: [DONE]\n\n");
}

static void failed(collected *x, const persona_err *e, buf *out)
{
    (void)x;
    stream_error(e, out);
}

static const stream_shape shape = {.type = "text/event-stream",
                                   .keep_alive = ": waiting\n\n",
                                   .begin = begin,
                                   .event = event,
                                   .end = end,
                                   .failed = failed};

/* ---- the handler ----------------------------------------------------------------------------- */

static persona_code check(const chat_args *a, persona_err *e)
{
    if (json_len(a->tools) > 0) {
        return persona_err_set(e, PERSONA_E_USAGE, "tools: not supported");
    }
    if (json_len(a->functions) > 0) {
        return persona_err_set(e, PERSONA_E_USAGE, "functions: not supported");
    }
    return PERSONA_OK;
}

static persona_code run(call *c, persona_err *e)
{
    const chat_args *a = c->args;
    persona_code rc = PERSONA_OK;
    asked x;
    answer *running = NULL;
    collected got;
    TRY(check(a, e));
    TRY(ask_open(c, &a->ask, "chatcmpl", &x, e));
    rc = messages_tokens(x.spec.model, a->messages, &a->ask, &x.spec.prompt, e);
    if (rc != PERSONA_OK) {
        asked_clear(&x);
        goto out;
    }
    const uint32_t seed = x.seed;
    TRY(ask_start(c, &a->ask, &x, 0, &running, e));
    if (a->ask.stream) {
        TRY(stream_reply(c, &a->ask, running, seed, &shape, e));
        goto out;
    }
    TRY(collect(c, running, seed, &got, e));
    write_reply(&c->out, &got);
    if (a->ask.store) {
        keep_run(c->s, c->request, c->request->body, &got);
    }
    collected_free(&got);
out:
    return rc;
}

const route routes_openai_chat[] = {
    {.method = "POST",
     .path = "/v1/chat/completions",
     .errors = ERRORS_OPENAI,
     .body = fields,
     .args_size = sizeof(chat_args),
     .init = init,
     .run = run,
     .tag = "OpenAI",
     .summary = "Answers a conversation, steered if you like"},
    {.method = NULL},
};
