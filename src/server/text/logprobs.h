/* SPDX-License-Identifier: MIT
 *
 * logprobs.h - log-probabilities as OpenAI's replies have them.
 */
#ifndef PERSONA_SERVER_LOGPROBS_H
#define PERSONA_SERVER_LOGPROBS_H

#include "server/text/text_stream.h"

/* "logprobs" of a chat's choice: {"content": [{token, id, logprob, bytes,
 * top_logprobs}]}, or null. */
void logprobs_json(json_out *o, const collected *x, int choice);
/* The list alone. */
void logprobs_list_json(json_out *o, const char *key, const persona_model *m,
                        const top_logits *list, size_t n);
/* The same of one piece. */
void logprobs_piece_json(json_out *o, const collected *x, const answer_event *event);
/* "logprobs" of a completion: {tokens, token_logprobs, top_logprobs, text_offset} of n tokens, or
 * null; offset is where the first one stands. first_none: nothing is known of the first one. */
void logprobs_legacy_json(json_out *o, const persona_model *m, const top_logits *list, size_t n,
                          long long offset, bool first_none);
#endif
