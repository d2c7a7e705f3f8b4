/* SPDX-License-Identifier: MIT
 *
 * plain.h - the yardstick: loops over llama_decode as anybody would write them with libllama alone.
 *
 * This and memory.c are the places outside src/engine that include llama.h.
 */
#ifndef BENCH_PLAIN_H
#define BENCH_PLAIN_H

#include <llama.h>

#include "bench.h"

/* A context of slots sequences on the weights that m holds already. */
struct llama_context *plain_context(const persona_model *m, int slots, int n_ctx, int threads);
/* Empties every sequence. */
void plain_clear(struct llama_context *ctx);

/* All slots decode together, one token each, sampled at temperature 1; prompts come before the
 * clock starts. */
bench_took plain_decode(struct llama_context *ctx, const persona_model *m, int slots, int n_prompt,
                        int tokens);
/* n texts of length tokens; pack: several share a call as far as they fit, else each has its own.
 * Text k is that of number first + k. Logits of last tokens are computed. */
bench_took plain_read(struct llama_context *ctx, const persona_model *m, int first, int n,
                      int length, bool pack);

/* Answers that are known: prompt, then the reply's tokens, of which the first n_feed were fed to go
 * on: all of them where the model drew its end. */
typedef struct plain_answer {
    persona_token *prompt, *reply;
    size_t n_prompt, n_reply, n_feed;
} plain_answer;
/* Continuous batching of n such answers: a free slot takes the next prompt, all slots decode
 * together, and a token is sampled for each of them and thrown away. */
bench_took plain_replay(struct llama_context *ctx, const plain_answer *a, size_t n, int slots);

#endif
