/* SPDX-License-Identifier: MIT
 *
 * sampler.c - one seeded sampler chain per request, made of libllama's samplers in llama.cpp's usual
 * order: penalties, top-k, top-p, min-p, temperature, draw. Temperature 0 is the greedy choice.
 */
#include <math.h>

#include "engine/engine.h"

#define PENALTY_LAST_N 64

persona_sampling persona_sampling_defaults(void)
{
    return (persona_sampling){
        .temperature = 1.0F, .top_p = 1.0F, .repetition_penalty = 1.0F, .max_tokens = 256};
}

static persona_code check(const persona_sampling *s, persona_err *e)
{
    const struct {
        const char *name;
        double value, min, max;
    } limits[] = {
        {"temperature", (double)s->temperature, -1e9, 100},
        {"top_k", s->top_k, 0, 1e9},
        {"top_p", (double)s->top_p, 0, 1},
        {"min_p", (double)s->min_p, 0, 1},
        {"repetition_penalty", (double)s->repetition_penalty, 0.01, 100},
        {"max_tokens", s->max_tokens, 0, 1 << 20},
    };
    for (size_t i = 0; i < sizeof limits / sizeof limits[0]; i++) {
        if (!(limits[i].value >= limits[i].min && limits[i].value <= limits[i].max)) {
            return persona_err_set(e, PERSONA_E_USAGE, "sampling: %s = %g is outside %g..%g",
                                   limits[i].name, limits[i].value, limits[i].min, limits[i].max);
        }
    }
    return PERSONA_OK;
}

persona_code sampler_new(const persona_model *m, const persona_sampling *s,
                         struct llama_sampler **out, persona_err *e)
{
    *out = NULL;
    persona_code rc = check(s, e);
    if (rc != PERSONA_OK) {
        return rc;
    }
    struct llama_sampler_chain_params p = llama_sampler_chain_default_params();
    p.no_perf = true;
    struct llama_sampler *chain = llama_sampler_chain_init(p);
    if (chain == NULL) {
        return persona_err_set(e, PERSONA_E_NOMEM, "out of memory for a sampler");
    }
    if (s->repetition_penalty != 1.0F) {
        llama_sampler_chain_add(chain,
                                llama_sampler_init_penalties(m->info.n_vocab, PENALTY_LAST_N,
                                                             s->repetition_penalty, 0.0F, 0.0F));
    }
    if (s->temperature <= 0.0F) {
        llama_sampler_chain_add(chain, llama_sampler_init_greedy());
    } else {
        if (s->top_k > 0) {
            llama_sampler_chain_add(chain, llama_sampler_init_top_k(s->top_k));
        }
        if (s->top_p < 1.0F) {
            llama_sampler_chain_add(chain, llama_sampler_init_top_p(s->top_p, 1));
        }
        if (s->min_p > 0.0F) {
            llama_sampler_chain_add(chain, llama_sampler_init_min_p(s->min_p, 1));
        }
        if (s->temperature != 1.0F) {
            llama_sampler_chain_add(chain, llama_sampler_init_temp(s->temperature));
        }
        llama_sampler_chain_add(chain, llama_sampler_init_dist(s->seed));
    }
    *out = chain;
    return PERSONA_OK;
}
