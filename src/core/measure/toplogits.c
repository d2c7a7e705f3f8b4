/* SPDX-License-Identifier: MIT
 *
 * toplogits.c - one pass finds the k largest, by insertion into a short list that most tokens do
 * not reach; one more sums the exponentials.
 */
#include "core/measure/toplogits.h"

#include "core/measure/stats.h"

/* logprob holds the logit until all are known. */
static void insert(top_logits *x, size_t k, int32_t token, float logit)
{
    size_t at = x->n < k ? x->n++ : k - 1;
    for (; at > 0 && x->top[at - 1].logprob < logit; at--) {
        x->top[at] = x->top[at - 1];
    }
    x->top[at] = (top_logit){token, logit};
}

void top_logits_of(const float *logits, size_t n_vocab, size_t k, int32_t chosen, top_logits *out)
{
    *out = (top_logits){.chosen = {-1, 0.0F}};
    k = k > TOP_LOGITS_MAX ? TOP_LOGITS_MAX : k;
    for (size_t i = 0; i < n_vocab && k > 0; i++) {
        if (out->n < k || logits[i] > out->top[k - 1].logprob) {
            insert(out, k, (int32_t)i, logits[i]);
        }
    }
    if (out->n == 0 && chosen < 0) {
        return;
    }
    const double all = stat_log_sum(logits, n_vocab);
    for (size_t i = 0; i < out->n; i++) {
        out->top[i].logprob = (float)((double)out->top[i].logprob - all);
    }
    if (chosen >= 0 && (size_t)chosen < n_vocab) {
        out->chosen = (top_logit){chosen, (float)((double)logits[chosen] - all)};
    }
}
