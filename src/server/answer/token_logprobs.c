/* SPDX-License-Identifier: MIT
 *
 * token_logprobs.c - what each token was drawn from, on its way from the model thread to the
 * worker. Kept is only what the worker has not had yet: it is a few tokens behind at most.
 */
#include <string.h>

#include "base/mem.h"
#include "server/answer/answer_parts.h"

void logprobs_take(answer_choice *c, size_t i, persona_token t, const float *logits, size_t n_vocab)
{
    answer *a = c->owner;
    top_logits x;
    top_logits_of(logits, n_vocab, a->spec.n_top, t, &x);
    pthread_mutex_lock(&a->lock);
    if (c->n_logits == c->logits_cap) {
        const size_t cap = c->logits_cap > 0 ? 2 * c->logits_cap : 64;
        top_logits *more = mem_realloc(c->logits, cap, sizeof *more);
        c->logits = more != NULL ? more : c->logits;
        c->logits_cap = more != NULL ? cap : c->logits_cap;
    }
    if (c->n_logits < c->logits_cap && i == c->logits_first + c->n_logits) {
        c->logits[c->n_logits++] = x;
    } else {
        c->code = PERSONA_E_NOMEM;
    }
    pthread_mutex_unlock(&a->lock);
}

top_logits *logprobs_of(answer_choice *c, size_t i)
{
    answer *a = c->owner;
    top_logits *out = mem_calloc(1, sizeof *out);
    pthread_mutex_lock(&a->lock);
    const bool there = i >= c->logits_first && i - c->logits_first < c->n_logits;
    if (out == NULL || !there) {
        mem_free(out);
        out = NULL;
    } else { /* earlier ones are not asked for again */
        const size_t at = i - c->logits_first;
        *out = c->logits[at];
        memmove(c->logits, c->logits + at + 1, (c->n_logits - at - 1) * sizeof *c->logits);
        c->n_logits -= at + 1;
        c->logits_first = i + 1;
    }
    pthread_mutex_unlock(&a->lock);
    return out;
}
