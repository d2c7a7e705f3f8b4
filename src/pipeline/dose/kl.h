/* SPDX-License-Identifier: MIT
 *
 * kl.h - how far steering moves the distribution of the next token, along answers that are there:
 * KL(steered || base) = sum p_s (log p_s - log p_b) per token, in nats (methods 4.2).
 */
#ifndef PERSONA_PIPELINE_KL_H
#define PERSONA_PIPELINE_KL_H

#include "pipeline/ask.h"

/* One answer's distributions under steering, and what they come to beside the unsteered ones. */
typedef struct kl_track {
    size_t cap;  /* tokens at most; later ones are not looked at */
    float *logp; /* (cap, n_vocab), log-probabilities under steering */
    double *kl;  /* (cap) */
    size_t n_steered, n_base;
} kl_track;
/* Take one prediction (on_logits) while steered, and then the same one while not. A KL that is no
 * number is INFINITY. */
void kl_keep(kl_track *t, size_t i, const float *logits, size_t n_vocab);
void kl_compare(kl_track *t, size_t i, const float *logits, size_t n_vocab);

/* Bytes of distributions that may be held at once. */
#define KL_MAX_BYTES ((size_t)64 << 20)

enum { KL_TOKENS = 48 }; /* of an answer that kl_measure looks at */

typedef struct kl_text {
    double kl[KL_TOKENS]; /* (n) */
    double nll;           /* of its tokens under the unsteered model, nats per token; NAN */
    size_t n;             /* 0: no text */
} kl_text;

/* Reads answers[i] (NULL: none) to asks[i] with asks[i].plan and again without it; a thinking model
 * reads it as the answer alone. Of asks only the conversation and the plan count. n texts; stage as
 * in ask_each. Errors: those of sessions. */
PERSONA_CHECK persona_code kl_measure(persona_session *s, const ask *asks,
                                      const char *const *answers, size_t n, const char *stage,
                                      const persona_hooks *hooks, kl_text *out, persona_err *e);

/* The same along a reply that was just made: r's prompt, then these tokens, with r's plan and again
 * without. kl: room for n; the first *n_kl are filled in, all or as many as KL_REPLY_BYTES hold.
 * Errors: those of sessions. */
#define KL_REPLY_BYTES ((size_t)512 << 20)
PERSONA_CHECK persona_code kl_of_reply(persona_session *s, const persona_request *r,
                                       const persona_token *reply, size_t n,
                                       const persona_hooks *hooks, double *kl, size_t *n_kl,
                                       persona_err *e);

#endif
