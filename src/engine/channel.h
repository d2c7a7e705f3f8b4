/* SPDX-License-Identifier: MIT
 *
 * channel.h - what each token of a reply is: analysis, answer, or the template's own.
 */
#ifndef PERSONA_ENGINE_CHANNEL_H
#define PERSONA_ENGINE_CHANNEL_H

#include <llama.h>
#include <stdbool.h>

#include "base/buf.h"
#include "persona/session.h"

/* How a model tells thoughts from answers. */
typedef enum channel_kind {
    CHANNELS_PLAIN, /* it does not: everything is answer */
    CHANNELS_HARMONY,
    CHANNELS_THINK, /* <think>...</think> before the answer */
    CHANNELS_FRAME, /* all answer, up to a line that begins the frame's next question */
} channel_kind;

/* What a token of a reply is; TOKEN_ANSWER for any token of a model without channels. */
typedef persona_token_kind token_class;
#define TOKEN_TEMPLATE PERSONA_TOKEN_TEMPLATE
#define TOKEN_ANALYSIS PERSONA_TOKEN_ANALYSIS
#define TOKEN_OTHER PERSONA_TOKEN_OTHER
#define TOKEN_ANSWER PERSONA_TOKEN_ANSWER

/* harmony: a header, a channel's name, a body; think: the prompt since its last control token, the
 * reply's first bytes, a thought, what follows it */
typedef enum channel_place {
    CHANNEL_HEADER,
    CHANNEL_NAME,
    CHANNEL_BODY,
    CHANNEL_START,
    CHANNEL_THOUGHT,
    CHANNEL_ANSWER,
} channel_place;

/* Follows a conversation token by token: the prompt, channel_reply, then the reply. */
typedef struct channel_state {
    const persona_model *model;
    channel_kind channels;
    channel_place where;
    token_class kind; /* of a harmony body */
    char name[32];    /* harmony: of the channel; think, frame: bytes held back, that may become a
                         tag or a question */
    size_t n_held;
    bool replying;
    bool leading; /* think: newlines that follow a tag belong to it */
    bool ended;   /* frame: the next question has begun */
} channel_state;

void channel_init(channel_state *c, const persona_model *m, bool raw);
/* The class of the next token; its text, and what was held back before, goes to one of the buffers
 * (NULL: nowhere). */
token_class channel_step(channel_state *c, llama_token t, buf *analysis, buf *answer);
/* A token of the prompt, or of a reply whose text is of no interest. */
token_class channel_feed(channel_state *c, llama_token t);
/* The prompt ends here. */
void channel_reply(channel_state *c);
/* The reply ends here: what was held back is text after all. */
void channel_end(channel_state *c, buf *analysis, buf *answer);
/* Whether the answer has begun, as opposed to thoughts before it. */
bool channel_answered(const channel_state *c);

/* Whether what comes next is for a tool, or names one, as far as channels say it. */
bool channel_in_call(const channel_state *c);

#endif
