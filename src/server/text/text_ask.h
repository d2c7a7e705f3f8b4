/* SPDX-License-Identifier: MIT
 *
 * text_ask.h - what every route that writes text has in common: the parameters of sampling and of
 * steering, and the way from them to a running answer.
 */
#ifndef PERSONA_SERVER_TEXT_ASK_H
#define PERSONA_SERVER_TEXT_ASK_H

#include <stddef.h>

#include "server/answer/answer.h"
#include "server/serve/server.h"

#define ASK_PATIENCE_S 20.0 /* with a client that takes nothing of its stream */

#define ASK_PACE_MIN 0.1

typedef struct ask {
    const char *model;
    double temperature, top_p, min_p, repeat_penalty, presence_penalty, frequency_penalty;
    int top_k, max_tokens, max_completion_tokens, n; /* 0: not said */
    const json_val *seed_said;                       /* NULL or null: not said */
    const json_val *stop, *logit_bias, *response_format, *stream_options;
    const char *grammar, *effort, *guard;
    const json_val *steering, *probes;
    bool stream, ignore_eos, store;
    const json_val *answer_tokens;
    bool logprobs, return_token_ids;
    double pace;
    int top_logprobs;
} ask;

extern const field ask_stream_options[], ask_string[], ask_token[];
extern const char *const ask_guards[];

/* The shared part of a table of fields, for a struct of type S that begins with an ask. */
#define ASK_FIELDS                                                                                 \
    {.name = "model",                                                                              \
     .type = FIELD_STRING,                                                                         \
     .max = 127,                                                                                   \
     .at = offsetof(ask, model),                                                                   \
     .help = "Id of a model, as GET /v1/models lists them; without it the server's first"},        \
        {.name = "temperature",                                                                    \
         .type = FIELD_NUMBER,                                                                     \
         .max = 100,                                                                               \
         .at = offsetof(ask, temperature),                                                         \
         .help = "0: the likeliest token. Default 1"},                                             \
        {.name = "top_p",                                                                          \
         .type = FIELD_NUMBER,                                                                     \
         .max = 1,                                                                                 \
         .at = offsetof(ask, top_p),                                                               \
         .help = "Only the most likely tokens that make up this much. Default 1: off"},            \
        {.name = "min_p",                                                                          \
         .type = FIELD_NUMBER,                                                                     \
         .max = 1,                                                                                 \
         .at = offsetof(ask, min_p),                                                               \
         .help = "Only tokens this likely, relative to the first. Default 0: off"},                \
        {.name = "top_k",                                                                          \
         .type = FIELD_INT,                                                                        \
         .min = -1,                                                                                \
         .max = 1 << 20,                                                                           \
         .at = offsetof(ask, top_k),                                                               \
         .help = "Only the so many most likely tokens. Default 0: off"},                           \
        {.name = "seed",                                                                           \
         .type = FIELD_ANY,                                                                        \
         .at = offsetof(ask, seed_said),                                                           \
         .schema = "integer",                                                                      \
         .help =                                                                                   \
             "An integer, taken modulo 2^32; choices count on from it. Default: drawn, and told "  \
             "in the reply"},                                                                      \
        {.name = "stop",                                                                           \
         .type = FIELD_ANY,                                                                        \
         .at = offsetof(ask, stop),                                                                \
         .schema = "string | string[]",                                                            \
         .help = "Up to 16 texts that end the answer; they are not part of it"},                   \
        {.name = "n",                                                                              \
         .type = FIELD_INT,                                                                        \
         .min = 1,                                                                                 \
         .max = ANSWER_CHOICES_MAX,                                                                \
         .at = offsetof(ask, n),                                                                   \
         .help = "Answers to write. Default 1"},                                                   \
        {.name = "presence_penalty",                                                               \
         .type = FIELD_NUMBER,                                                                     \
         .min = -2,                                                                                \
         .max = 2,                                                                                 \
         .at = offsetof(ask, presence_penalty),                                                    \
         .help = "Against tokens that were written. Default 0"},                                   \
        {.name = "frequency_penalty",                                                              \
         .type = FIELD_NUMBER,                                                                     \
         .min = -2,                                                                                \
         .max = 2,                                                                                 \
         .at = offsetof(ask, frequency_penalty),                                                   \
         .help = "Against tokens by how often they were written. Default 0"},                      \
        {.name = "repeat_penalty",                                                                 \
         .type = FIELD_NUMBER,                                                                     \
         .max = 10,                                                                                \
         .at = offsetof(ask, repeat_penalty),                                                      \
         .help = "As llama.cpp has it, over the last 64 tokens. Default 1: off"},                  \
        {.name = "logit_bias",                                                                     \
         .type = FIELD_ANY,                                                                        \
         .at = offsetof(ask, logit_bias),                                                          \
         .schema = "object",                                                                       \
         .help = "{\"TOKEN\": BIAS}, -100 to 100, at most 300; -100 bans"},                        \
        {.name = "grammar",                                                                        \
         .type = FIELD_STRING,                                                                     \
         .max = 65535,                                                                             \
         .at = offsetof(ask, grammar),                                                             \
         .help = "GBNF with the start rule root: only what it allows is written"},                 \
        {.name = "stream",                                                                         \
         .type = FIELD_BOOL,                                                                       \
         .at = offsetof(ask, stream),                                                              \
         .help = "Send the answer while it is written"},                                           \
        {.name = "stream_options",                                                                 \
         .type = FIELD_OBJECT,                                                                     \
         .of = ask_stream_options,                                                                 \
         .at = offsetof(ask, stream_options),                                                      \
         .help = "What a stream carries besides"},                                                 \
        {.name = "ignore_eos",                                                                     \
         .type = FIELD_BOOL,                                                                       \
         .at = offsetof(ask, ignore_eos),                                                          \
         .help = "Go on past the end (benchmarks)"},                                               \
        {.name = "steering",                                                                       \
         .type = FIELD_ANY,                                                                        \
         .at = offsetof(ask, steering),                                                            \
         .schema = "string | object | null",                                                       \
         .help = "An expression such as \"1.0*silly - 0.5*superficial\", the name of a recipe, "   \
                 "or the "                                                                         \
                 "same as an object; null: none, not even the default one"},                       \
        {.name = "steering_guard",                                                                 \
         .type = FIELD_STRING,                                                                     \
         .of_names = ask_guards,                                                                   \
         .at = offsetof(ask, guard),                                                               \
         .help = "What to do where an edit is longer than the state it edits. Default warn"},      \
        {.name = "probes",                                                                         \
         .type = FIELD_ARRAY,                                                                      \
         .max = 16,                                                                                \
         .of = ask_string,                                                                         \
         .at = offsetof(ask, probes),                                                              \
         .help = "Vectors to read along, token by token: NAME or NAME@A-B"},                       \
        {.name = "user", .type = FIELD_IGNORED, .at = FIELD_NOWHERE, .help = "Without effect"},    \
        {.name = "store",                                                                          \
         .type = FIELD_BOOL,                                                                       \
         .at = offsetof(ask, store),                                                               \
         .help = "Keep request and answer as a run (GET /api/v1/runs). Default false"},            \
        {.name = "answer_tokens",                                                                  \
         .type = FIELD_ARRAY,                                                                      \
         .max = 65536,                                                                             \
         .of = ask_token,                                                                          \
         .at = offsetof(ask, answer_tokens),                                                       \
         .help =                                                                                   \
             "Tokens that the answer begins with: it goes on behind them, and does not repeat "    \
             "them. With ids of logprobs an answer is taken up again at any of its tokens"},       \
        {.name = "return_token_ids",                                                               \
         .type = FIELD_BOOL,                                                                       \
         .at = offsetof(ask, return_token_ids),                                                    \
         .help = "Also the numbers of all tokens that were written, reasoning and template "       \
                 "included, as token_ids of the choice; in a stream in its last piece"},           \
        {.name = "pace",                                                                           \
         .type = FIELD_NUMBER,                                                                     \
         .max = 10000,                                                                             \
         .at = offsetof(ask, pace),                                                                \
         .help = "Tokens a second at most, at least 0.1, for who reads and steers along. Default " \
                 "0: as fast as they come"},                                                       \
        {.name = "metadata",                                                                       \
         .type = FIELD_IGNORED,                                                                    \
         .at = FIELD_NOWHERE,                                                                      \
         .help = "Without effect"},                                                                \
        {.name = "service_tier",                                                                   \
         .type = FIELD_IGNORED,                                                                    \
         .at = FIELD_NOWHERE,                                                                      \
         .help = "Without effect"},                                                                \
        {.name = "safety_identifier",                                                              \
         .type = FIELD_IGNORED,                                                                    \
         .at = FIELD_NOWHERE,                                                                      \
         .help = "Without effect"},                                                                \
    {                                                                                              \
        .name = "prompt_cache_key", .type = FIELD_IGNORED, .at = FIELD_NOWHERE,                    \
        .help = "Without effect: prompts share what they have in common in any case"               \
    }

/* Defaults. */
void ask_init(void *args);

/* Whether the answer has to follow a grammar. */
bool ask_wants_grammar(const ask *a);

/* What is being put together for answer_start; ask_clear where it does not come to that. */
typedef struct asked {
    answer_spec spec;
    uint32_t seed;
} asked;
/* Finds the model and resolves steering, probes, stops, grammar and sampling. The prompt is the
 * caller's. kind: static, what the answer's id begins with. */
PERSONA_CHECK persona_code ask_open(call *c, const ask *a, const char *kind, asked *out,
                                    persona_err *e);
/* Sets what depends on the prompt's length, checks that there is room, starts. most: tokens to
 * write at most; 0: what the context holds. Takes over what is in x, also when it fails. */
PERSONA_CHECK persona_code ask_start(call *c, const ask *a, asked *x, int most, answer **out,
                                     persona_err *e);
void asked_clear(asked *x);

#endif
