/* SPDX-License-Identifier: MIT
 *
 * text_stream.h - a running answer as a reply: told at once, or piece by piece.
 */
#ifndef PERSONA_SERVER_TEXT_STREAM_H
#define PERSONA_SERVER_TEXT_STREAM_H

#include "server/text/text_ask.h"

/* What was read along, and what one choice came to besides its text. */
typedef struct collected_choice {
    buf text, analysis;
    float *values;                /* (n_values, n_probes) */
    size_t n_values, n_reasoning; /* n_reasoning: tokens of the analysis */
    top_logits *logprobs;         /* (n_logprobs) of the answer's tokens */
    size_t n_logprobs;
} collected_choice;

typedef struct collected {
    answer *a;
    uint32_t seed;
    collected_choice choices[ANSWER_CHOICES_MAX];
    long long n_pieces; /* for a stream's shape: how many it has sent, and where it is */
    int stage;
} collected;

void collected_init(collected *x, answer *a, uint32_t seed);
/* Waits for the whole answer; takes a over (collected_free). Errors: of the first choice that
 * failed; CANCELED (the client has gone, or the answer was canceled). */
PERSONA_CHECK persona_code collect(call *c, answer *a, uint32_t seed, collected *out,
                                   persona_err *e);
void collected_free(collected *x);
/* Notes an event; both ways of replying count by it. Takes over what the event owns. */
PERSONA_CHECK persona_code collect_event(collected *x, answer_event *event, persona_err *e);
/* The first failure among the choices. */
PERSONA_CHECK persona_code collected_failure(const collected *x, persona_err *e);

/* How a route writes its pieces. */
typedef struct stream_shape {
    const char *type;       /* of the content */
    const char *keep_alive; /* what may be sent while nothing happens; NULL: nothing */
    /* Appends what is to be sent. */
    void (*begin)(collected *x, buf *out);
    void (*event)(collected *x, const answer_event *event, buf *out);
    void (*end)(collected *x, bool usage, buf *out);
    void (*failed)(collected *x, const persona_err *e, buf *out);
} stream_shape;

/* Replies by a stream; takes a over. What fails before anything was written is an error of its own,
 * with its status. */
PERSONA_CHECK persona_code stream_reply(call *c, const ask *request, answer *a, uint32_t seed,
                                        const stream_shape *shape, persona_err *e);

/* An error as a piece of an OpenAI stream. */
void stream_error(const persona_err *e, buf *out);

/* ---- parts of replies ------------------------------------------------------------------------ */

/* "usage": {prompt_tokens, completion_tokens, total_tokens, ...} over all choices. */
void usage_json(json_out *o, const collected *x);
/* "stop", "length", ...; NULL: still running. */
const char *finish_reason(const answer_choice *c);
/* "token_ids" of a choice that has ended, if they were wanted. */
void token_ids_json(json_out *o, const answer_choice *c);
/* "probes" of a choice: [{vector, block, mean, z, per_token}]; nothing without probes. */
void probes_json(json_out *o, const collected *x, int choice);
/* "probes" of a piece: {index, values: [..], z: [..]} */
void probed_piece_json(json_out *o, const collected *x, const answer_event *event);

#endif
