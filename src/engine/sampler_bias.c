/* SPDX-License-Identifier: MIT
 *
 * sampler_bias.c - two samplers that change the logits of single tokens: a bias that the request
 * gives, and the penalties of OpenAI's interface, which count what has been generated, and only
 * that. libllama's own penalties count the last tokens of prompt and reply together; they serve
 * for the repetition penalty.
 */
#include <math.h>

#include "base/mem.h"
#include "engine/engine.h"

#define BANNED (-100.0F)

/* Tokens are in the order of their ids until a sampler before this one has taken some out. */
static void change(llama_token_data_array *cur, persona_token t, float by)
{
    size_t at = (size_t)t;
    if (at >= cur->size || cur->data[at].id != t) {
        for (at = 0; at < cur->size && cur->data[at].id != t; at++) {}
    }
    if (at < cur->size) {
        cur->data[at].logit += by;
    }
}

/* ---- bias ------------------------------------------------------------------------------------ */

typedef struct bias_list {
    size_t n;
    persona_logit_bias all[];
} bias_list;

static const char *bias_name(const struct llama_sampler *smpl)
{
    (void)smpl;
    return "persona-bias";
}

static void bias_apply(struct llama_sampler *smpl, llama_token_data_array *cur)
{
    const bias_list *x = smpl->ctx;
    for (size_t i = 0; i < x->n; i++) {
        const persona_logit_bias b = x->all[i];
        change(cur, b.token, b.bias <= BANNED ? -INFINITY : b.bias);
    }
}

static void bias_free(struct llama_sampler *smpl)
{
    mem_free(smpl->ctx);
}

static struct llama_sampler_i bias_interface = {
    .name = bias_name, .apply = bias_apply, .free = bias_free};

struct llama_sampler *sampler_bias_new(const persona_logit_bias *bias, size_t n)
{
    bias_list *x = mem_calloc(1, sizeof *x + n * sizeof *bias);
    if (x == NULL) {
        return NULL;
    }
    x->n = n;
    for (size_t i = 0; i < n; i++) {
        x->all[i] = bias[i];
    }
    struct llama_sampler *smpl = llama_sampler_init(&bias_interface, x);
    if (smpl == NULL) {
        mem_free(x);
    }
    return smpl;
}

/* ---- penalties ------------------------------------------------------------------------------- */

typedef struct penalties {
    float presence, frequency;
    bool drawing; /* the next token told is one that was drawn */
    int n_vocab;
    unsigned count[]; /* of each token in the reply */
} penalties;

static const char *penalties_name(const struct llama_sampler *smpl)
{
    (void)smpl;
    return "persona-penalties";
}

static void penalties_apply(struct llama_sampler *smpl, llama_token_data_array *cur)
{
    penalties *x = smpl->ctx;
    x->drawing = true;
    for (size_t i = 0; i < cur->size; i++) {
        const unsigned n = x->count[cur->data[i].id];
        if (n > 0) {
            cur->data[i].logit -= x->presence + x->frequency * (float)n;
        }
    }
}

static void penalties_accept(struct llama_sampler *smpl, llama_token t)
{
    penalties *x = smpl->ctx;
    if (x->drawing && t >= 0 && t < x->n_vocab) {
        x->count[t]++;
    }
    x->drawing = false;
}

static void penalties_free(struct llama_sampler *smpl)
{
    mem_free(smpl->ctx);
}

static struct llama_sampler_i penalties_interface = {.name = penalties_name,
                                                     .accept = penalties_accept,
                                                     .apply = penalties_apply,
                                                     .free = penalties_free};

struct llama_sampler *sampler_penalties_new(int n_vocab, float presence, float frequency)
{
    penalties *x = mem_calloc(1, sizeof *x + (size_t)n_vocab * sizeof *x->count);
    if (x == NULL) {
        return NULL;
    }
    x->presence = presence;
    x->frequency = frequency;
    x->n_vocab = n_vocab;
    struct llama_sampler *smpl = llama_sampler_init(&penalties_interface, x);
    if (smpl == NULL) {
        mem_free(x);
    }
    return smpl;
}
