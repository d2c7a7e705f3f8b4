/* SPDX-License-Identifier: MIT
 *
 * toplogits.h - the log-probability of one token, and the most likely ones, of a row of logits.
 */
#ifndef PERSONA_CORE_TOPLOGITS_H
#define PERSONA_CORE_TOPLOGITS_H

#include <stddef.h>
#include <stdint.h>

#define TOP_LOGITS_MAX 20

typedef struct top_logit {
    int32_t token;
    float logprob; /* natural logarithm; -INFINITY where the logit is */
} top_logit;

typedef struct top_logits {
    top_logit chosen;              /* token -1 and logprob 0: none was asked for */
    top_logit top[TOP_LOGITS_MAX]; /* n, the most likely first; of equals the lower id first */
    size_t n;
} top_logits;

/* The k (at most TOP_LOGITS_MAX, and n_vocab) most likely tokens, and `chosen` (-1: none). Logits
 * are finite or -INFINITY, at least one of them finite. Allocates nothing. */
void top_logits_of(const float *logits, size_t n_vocab, size_t k, int32_t chosen, top_logits *out);

#endif
