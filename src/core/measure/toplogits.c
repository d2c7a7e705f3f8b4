/* SPDX-License-Identifier: MIT
 *
 * toplogits.c - one pass finds the k largest, by insertion into a short list that most tokens do
 * not reach; one more sums the exponentials.
 *
 * This runs in the thread that computes, for every token, so the exponentials are a polynomial (as
 * in Cephes' expf, within 1e-7) over groups of LANES, which compilers turn into vector
 * instructions; the groups are summed in double.
 */
#include "core/measure/toplogits.h"

#include <math.h>
#include <string.h>

#define LANES 256
#define FARTHEST 87.0F /* exp(-87) is 2e-38: nothing beside the largest, which is 1 */

/* exp(-x) for x >= 0, infinity included. Written without branches on floats, which would keep
 * compilers from making vectors of it: floats that are not negative are in the order of their
 * bits. */
static inline float exp_down(float x)
{
    const float farthest = FARTHEST;
    int32_t bits, most;
    float y = 1.9875691500e-4F, power;
    memcpy(&bits, &x, sizeof bits);
    memcpy(&most, &farthest, sizeof most);
    bits = bits < most ? bits : most;
    memcpy(&x, &bits, sizeof x);
    const int32_t n = (int32_t)(x * 1.44269504F + 0.5F);
    const float r = (float)n * 0.693359375F - (float)n * 2.12194440e-4F - x;
    y = y * r + 1.3981999507e-3F;
    y = y * r + 8.3334519073e-3F;
    y = y * r + 4.1665795894e-2F;
    y = y * r + 1.6666665459e-1F;
    y = y * r + 5.0000001201e-1F;
    y = y * r * r + r + 1.0F;
    bits = (127 - n) * (1 << 23);
    memcpy(&power, &bits, sizeof power);
    return y * power;
}

/* log sum exp, given the largest. */
static double log_sum(const float *x, size_t n, float largest)
{
    double sum = 0;
    size_t i = 0;
    for (; i + LANES <= n; i += LANES) {
        float lane[LANES];
        double part[4] = {0};
        for (size_t k = 0; k < LANES; k++) {
            lane[k] = exp_down(largest - x[i + k]);
        }
        for (size_t k = 0; k < LANES; k++) {
            part[k % 4] += (double)lane[k];
        }
        sum += part[0] + part[1] + part[2] + part[3];
    }
    for (; i < n; i++) {
        sum += (double)exp_down(largest - x[i]);
    }
    return (double)largest + log(sum);
}

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
    const size_t keep = k > TOP_LOGITS_MAX ? TOP_LOGITS_MAX : k;
    const size_t n = keep > 0 ? keep : 1; /* the largest is wanted anyway */
    if (n_vocab == 0 || (keep == 0 && chosen < 0)) {
        return;
    }
    float least = -INFINITY; /* of those that are kept, once there are n */
    for (size_t i = 0; i < n_vocab; i++) {
        if (logits[i] > least || out->n < n) {
            insert(out, n, (int32_t)i, logits[i]);
            least = out->n == n ? out->top[n - 1].logprob : -INFINITY;
        }
    }
    const double all = log_sum(logits, n_vocab, out->top[0].logprob);
    out->n = keep > 0 ? out->n : 0;
    for (size_t i = 0; i < out->n; i++) {
        out->top[i].logprob = (float)((double)out->top[i].logprob - all);
    }
    if (chosen >= 0 && (size_t)chosen < n_vocab) {
        out->chosen = (top_logit){chosen, (float)((double)logits[chosen] - all)};
    }
}
