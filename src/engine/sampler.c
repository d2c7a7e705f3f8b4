/* SPDX-License-Identifier: MIT
 *
 * sampler.c - one seeded sampler chain per request, made of libllama's samplers in llama.cpp's
 * usual order: bias, grammar, penalties, top-k, top-p, min-p, temperature, draw. Temperature 0 is
 * the greedy choice.
 *
 * The grammar comes before whatever draws, so that the others share out the probability of allowed
 * tokens only, and after the bias, so that it sees which tokens are banned.
 * libllama's grammar sampler ends the process when it is told a token that it had not allowed, or
 * when no token is allowed. So it stands behind a guard, which removes the tokens it rejects (a
 * draw can then not hit one by rounding), ends the reply when nothing is left, and passes on only
 * tokens that were drawn: the prompt, which slots feed to the chain for the penalties, is none of
 * its business.
 */
#include <math.h>
#include <string.h>

#include "base/mem.h"
#include "base/try.h"
#include "engine/engine.h"

#define GRAMMAR_MAX ((size_t)64 << 10)
#define GRAMMAR_DEPTH 64 /* libllama's parser calls itself for every "(" */

persona_sampling persona_sampling_defaults(void)
{
    return (persona_sampling){.temperature = 1.0F,
                              .top_p = 1.0F,
                              .repetition_penalty = 1.0F,
                              .repetition_last = 64,
                              .max_tokens = 256};
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
        {"repetition_last", s->repetition_last, 0, 1 << 16},
        {"presence_penalty", (double)s->presence_penalty, -2, 2},
        {"frequency_penalty", (double)s->frequency_penalty, -2, 2},
        {"max_tokens", s->max_tokens, 0, 1 << 20},
        {"max_analysis", s->max_analysis, 0, 1 << 20},
    };
    for (size_t i = 0; i < sizeof limits / sizeof limits[0]; i++) {
        if (!(limits[i].value >= limits[i].min && limits[i].value <= limits[i].max)) {
            return persona_err_set(e, PERSONA_E_USAGE, "sampling: %s = %g is outside %g..%g",
                                   limits[i].name, limits[i].value, limits[i].min, limits[i].max);
        }
    }
    return PERSONA_OK;
}

static persona_code check_bias(const persona_model *m, const persona_sampling *s, persona_err *e)
{
    const size_t n_vocab = (size_t)m->info.n_vocab, n = s->n_logit_bias;
    if (n > PERSONA_LOGIT_BIAS_MAX || n >= n_vocab) {
        return persona_err_set(e, PERSONA_E_USAGE,
                               "sampling: logit_bias has %zu entries, at most %d are possible", n,
                               PERSONA_LOGIT_BIAS_MAX);
    }
    for (size_t i = 0; i < n; i++) {
        const persona_logit_bias *b = &s->logit_bias[i];
        if (b->token < 0 || (size_t)b->token >= n_vocab) {
            return persona_err_set(e, PERSONA_E_USAGE,
                                   "sampling: logit_bias: token %d is outside 0..%zu", b->token,
                                   n_vocab - 1);
        }
        if (!(b->bias >= -100.0F && b->bias <= 100.0F)) {
            return persona_err_set(e, PERSONA_E_USAGE,
                                   "sampling: logit_bias: %g for token %d is outside -100..100",
                                   (double)b->bias, b->token);
        }
    }
    return PERSONA_OK;
}

/* ---- grammar -------------------------------------------------------------------------------- */

typedef struct guard {
    struct llama_sampler *grammar;
    const persona_model *model;
    llama_token end;  /* closes a reply that cannot go on */
    bool drawing;     /* the next accepted token is one that apply let through */
    bool at_dead_end; /* nothing was left: the grammar is not asked again */
} guard;

static const char *guard_name(const struct llama_sampler *smpl)
{
    (void)smpl;
    return "persona-grammar";
}

static void guard_apply(struct llama_sampler *smpl, llama_token_data_array *cur)
{
    guard *g = smpl->ctx;
    size_t n = 0;
    g->drawing = true;
    if (!g->at_dead_end) {
        llama_sampler_apply(g->grammar, cur);
        for (size_t i = 0; i < cur->size; i++) {
            const llama_token_data d = cur->data[i];
            /* harmony's <|end|> counts as an end in libllama, but does not end a reply here */
            bool stray = llama_vocab_is_eog(g->model->vocab, d.id) && !model_is_end(g->model, d.id);
            if (d.logit > -INFINITY && !stray) {
                cur->data[n++] = d;
            }
        }
    }
    if (n == 0) {
        g->at_dead_end = true;
        cur->data[n++] = (llama_token_data){.id = g->end};
    }
    cur->size = n;
}

static void guard_accept(struct llama_sampler *smpl, llama_token token)
{
    guard *g = smpl->ctx;
    if (g->drawing && !g->at_dead_end) {
        llama_sampler_accept(g->grammar, token);
    }
    g->drawing = false;
}

static void guard_free(struct llama_sampler *smpl)
{
    guard *g = smpl->ctx;
    llama_sampler_free(g->grammar);
    mem_free(g);
}

static struct llama_sampler_i guard_interface = {
    .name = guard_name, .accept = guard_accept, .apply = guard_apply, .free = guard_free};

/* What would be too much for libllama's parser, whatever it says. */
static persona_code check_grammar(const char *text, persona_err *e)
{
    size_t n = strnlen(text, GRAMMAR_MAX + 1);
    size_t depth = 0;
    if (n == 0) {
        return persona_err_set(e, PERSONA_E_USAGE, "sampling: the grammar is empty");
    }
    if (n > GRAMMAR_MAX) {
        return persona_err_set(e, PERSONA_E_USAGE, "sampling: the grammar has more than %zu bytes",
                               GRAMMAR_MAX);
    }
    for (size_t i = 0; i < n; i++) {
        depth += text[i] == '(';
        depth -= text[i] == ')' && depth > 0;
        if (depth > GRAMMAR_DEPTH) {
            return persona_err_set(e, PERSONA_E_USAGE,
                                   "sampling: the grammar has more than %d open parentheses at "
                                   "byte %zu",
                                   GRAMMAR_DEPTH, i);
        }
    }
    return PERSONA_OK;
}

static llama_token find_end(const persona_model *m)
{
    const llama_token likely[] = {llama_vocab_eos(m->vocab), llama_vocab_eot(m->vocab)};
    for (size_t i = 0; i < sizeof likely / sizeof likely[0]; i++) {
        if (likely[i] >= 0 && model_is_end(m, likely[i])) {
            return likely[i];
        }
    }
    return -1;
}

static persona_code add_grammar(struct llama_sampler *chain, const persona_model *m,
                                const char *text, persona_err *e)
{
    persona_code rc = check_grammar(text, e);
    if (rc != PERSONA_OK) {
        return rc;
    }
    llama_token end = find_end(m);
    if (end < 0) {
        return persona_err_set(e, PERSONA_E_USAGE,
                               "sampling: a grammar needs a token that ends a reply, and the "
                               "vocabulary of %s has none",
                               m->path);
    }
    backend_log_reset();
    struct llama_sampler *grammar = llama_sampler_init_grammar(m->vocab, text, "root");
    if (grammar == NULL) {
        return persona_err_set(e, PERSONA_E_USAGE, "sampling: bad grammar: %s", backend_log_last());
    }
    guard *g = mem_calloc(1, sizeof *g);
    struct llama_sampler *smpl = g != NULL ? llama_sampler_init(&guard_interface, g) : NULL;
    if (smpl == NULL) {
        llama_sampler_free(grammar);
        mem_free(g);
        return mem_err(e, "a grammar");
    }
    *g = (guard){.grammar = grammar, .model = m, .end = end};
    llama_sampler_chain_add(chain, smpl);
    return PERSONA_OK;
}

/* ---- chain ---------------------------------------------------------------------------------- */

static persona_code add(struct llama_sampler *chain, struct llama_sampler *x, persona_err *e)
{
    if (x == NULL) {
        return mem_err(e, "a sampler");
    }
    llama_sampler_chain_add(chain, x);
    return PERSONA_OK;
}

/* What changes logits and rules tokens out. */
static persona_code add_rules(struct llama_sampler *chain, const persona_model *m,
                              const persona_sampling *s, persona_err *e)
{
    persona_code rc = PERSONA_OK;
    if (s->n_logit_bias > 0) {
        TRY(add(chain, sampler_bias_new(s->logit_bias, s->n_logit_bias), e));
    }
    if (s->grammar != NULL) {
        TRY(add_grammar(chain, m, s->grammar, e));
    }
    if (s->repetition_penalty != 1.0F) {
        TRY(add(chain,
                llama_sampler_init_penalties(m->info.n_vocab, s->repetition_last,
                                             s->repetition_penalty, 0.0F, 0.0F),
                e));
    }
    if (s->presence_penalty != 0.0F || s->frequency_penalty != 0.0F) {
        TRY(add(chain,
                sampler_penalties_new(m->info.n_vocab, s->presence_penalty, s->frequency_penalty),
                e));
    }
out:
    return rc;
}

static persona_code add_draw(struct llama_sampler *chain, const persona_sampling *s, persona_err *e)
{
    persona_code rc = PERSONA_OK;
    if (s->temperature <= 0.0F) {
        return add(chain, llama_sampler_init_greedy(), e);
    }
    if (s->top_k > 0) {
        TRY(add(chain, llama_sampler_init_top_k(s->top_k), e));
    }
    if (s->top_p < 1.0F) {
        TRY(add(chain, llama_sampler_init_top_p(s->top_p, 1), e));
    }
    if (s->min_p > 0.0F) {
        TRY(add(chain, llama_sampler_init_min_p(s->min_p, 1), e));
    }
    if (s->temperature != 1.0F) {
        TRY(add(chain, llama_sampler_init_temp(s->temperature), e));
    }
    const uint32_t seed = s->seed != LLAMA_DEFAULT_SEED ? s->seed : s->seed - 1;
    rc = add(chain, llama_sampler_init_dist(seed), e);
out:
    return rc;
}

persona_code sampler_new(const persona_model *m, const persona_sampling *s,
                         struct llama_sampler **out, persona_err *e)
{
    struct llama_sampler *chain = NULL;
    persona_code rc = PERSONA_OK;
    *out = NULL;
    TRY(check(s, e));
    TRY(check_bias(m, s, e));
    struct llama_sampler_chain_params p = llama_sampler_chain_default_params();
    p.no_perf = true;
    chain = llama_sampler_chain_init(p);
    TRY(chain != NULL ? PERSONA_OK : mem_err(e, "a sampler"));
    TRY(add_rules(chain, m, s, e));
    TRY(add_draw(chain, s, e));
    *out = chain;
out:
    if (rc != PERSONA_OK && chain != NULL) {
        llama_sampler_free(chain);
    }
    return rc;
}
