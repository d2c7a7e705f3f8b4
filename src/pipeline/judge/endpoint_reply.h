/* SPDX-License-Identifier: MIT
 *
 * endpoint_reply.h - what a server's reply to a judge's question says. Text in, numbers out.
 */
#ifndef PERSONA_PIPELINE_ENDPOINT_REPLY_H
#define PERSONA_PIPELINE_ENDPOINT_REPLY_H

#include "persona/error.h"

typedef struct endpoint_reply {
    bool has_logprobs;
    /* an alternative is a number of two or more digits: numbers are one token each */
    bool sees_long;
    bool is_split; /* the number that was written takes several tokens */
    bool is_open;  /* only single digits are likely, and no second token shows what follows */
    bool is_wordy; /* it begins with something else than a number or a refusal */
    bool is_cut;   /* it ends for its length before, or in, the score */
    float score;   /* 0..100; NAN: a refusal, no number, or less than min_mass on numbers */
    float mass;    /* probability on the numbers 0..100; 1 where it is not known */
} endpoint_reply;

/* A reply of /chat/completions. With probabilities of alternatives the score is their expectation
 * over the numbers 0..100; where they cannot give it (none; numbers in several tokens; a reply that
 * begins with words) it is the number that the text gives as its answer (score_text.h). Errors:
 * FORMAT (what is wrong, without naming the server), NOMEM. */
PERSONA_CHECK persona_code endpoint_reply_read(const char *body, size_t n, float min_mass,
                                               endpoint_reply *out, persona_err *e);

/* Whether an error is about this parameter: error.param if that is there, else a word of the
 * message or the place that a list of details names. */
bool endpoint_reply_names(const char *body, size_t n, const char *name);

/* The server's own words for a failure, one line, cut to size: the message of an error object, else
 * the start of the body. Returns out. */
const char *endpoint_reply_words(const char *body, size_t n, char *out, size_t size);

#endif
