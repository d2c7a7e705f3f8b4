/* SPDX-License-Identifier: MIT
 *
 * bench_overhead.c - what scheduling, taps and edits cost against libllama's own batched decoding
 * at the same shapes: n slots, one prompt each, T generated tokens each, temperature 1 with the
 * same samplers, no end-of-text stop. On the embedded pair and a larger model of random weights.
 *
 *   bench_overhead [-m MODEL.gguf]... [-s SLOTS] [-t TOKENS] [-r ROUNDS]
 *
 * Both sides run in turn in one process, `rounds` times; printed is the median of the per-round
 * ratios ours/theirs with their range, since the machine's speed drifts. This file is the one place
 * outside src/engine that includes llama.h: it is the yardstick.
 */
#include <llama.h>

#include "bench.h"

#define N_PROMPT 48

typedef struct setting {
    int slots, tokens, rounds, threads;
} setting;

static void prompt_of(int slot, int n_vocab, persona_token *out)
{
    for (int i = 0; i < N_PROMPT; i++) {
        out[i] = (persona_token)((unsigned)(slot * 7919 + i * 104729 + 13) % (unsigned)n_vocab);
    }
}

/* ---- theirs: llama_decode on a batch of one token per sequence ------------------------------- */

static void batch_add(struct llama_batch *b, llama_token t, llama_pos pos, llama_seq_id seq,
                      bool out)
{
    int32_t i = b->n_tokens++;
    b->token[i] = t;
    b->pos[i] = pos;
    b->n_seq_id[i] = 1;
    b->seq_id[i][0] = seq;
    b->logits[i] = out;
}

static struct llama_context *their_context(struct llama_model *m, const setting *x)
{
    struct llama_context_params p = llama_context_default_params();
    p.n_ctx = (uint32_t)(x->slots * 1024);
    p.n_seq_max = (uint32_t)x->slots;
    p.n_batch = p.n_ubatch = 512;
    p.n_outputs_max = (uint32_t)(x->slots > 64 ? x->slots : 64);
    p.n_threads = p.n_threads_batch = x->threads;
    p.kv_unified = false;
    p.swa_full = true;
    p.no_perf = true;
    return llama_init_from_model(m, p);
}

/* Returns decode seconds (prompts are loaded before the clock starts). */
static double theirs(struct llama_context *ctx, const setting *x)
{
    const struct llama_model *m = llama_get_model(ctx);
    int n_vocab = llama_vocab_n_tokens(llama_model_get_vocab(m));
    struct llama_batch b = llama_batch_init(512, 0, 1);
    struct llama_sampler **sampler = calloc((size_t)x->slots, sizeof *sampler);
    llama_token *next = calloc((size_t)x->slots, sizeof *next);
    if (sampler == NULL || next == NULL) {
        bench_die("out of memory");
    }
    llama_memory_clear(llama_get_memory(ctx), true);
    for (int s = 0; s < x->slots; s++) {
        persona_token prompt[N_PROMPT];
        prompt_of(s, n_vocab, prompt);
        sampler[s] = llama_sampler_chain_init(llama_sampler_chain_default_params());
        llama_sampler_chain_add(sampler[s], llama_sampler_init_dist((uint32_t)s));
        b.n_tokens = 0;
        for (int i = 0; i < N_PROMPT; i++) {
            batch_add(&b, prompt[i], i, s, i == N_PROMPT - 1);
        }
        if (llama_decode(ctx, b) != 0) {
            bench_die("llama_decode failed");
        }
        next[s] = llama_sampler_sample(sampler[s], ctx, N_PROMPT - 1);
    }
    double t0 = bench_now();
    for (int t = 1; t < x->tokens; t++) {
        b.n_tokens = 0;
        for (int s = 0; s < x->slots; s++) {
            batch_add(&b, next[s], N_PROMPT + t - 1, s, true);
        }
        if (llama_decode(ctx, b) != 0) {
            bench_die("llama_decode failed");
        }
        for (int s = 0; s < x->slots; s++) {
            next[s] = llama_sampler_sample(sampler[s], ctx, s);
        }
    }
    double seconds = bench_now() - t0;
    for (int s = 0; s < x->slots; s++) {
        llama_sampler_free(sampler[s]);
    }
    free(sampler);
    free(next);
    llama_batch_free(b);
    return seconds;
}

/* ---- ours ------------------------------------------------------------------------------------ */

typedef struct clockwork {
    int slots, tokens, started, seen;
    double t0, t1;
} clockwork;

/* The clock starts when the last slot has its first token and stops with the last token. */
static bool on_token(void *ud, const persona_token_event *event)
{
    clockwork *c = ud;
    (void)event;
    c->seen++;
    if (++c->started == c->slots) {
        c->t0 = bench_now();
    }
    c->t1 = bench_now();
    return true;
}

static double ours(persona_session *s, const setting *x, persona_plan *plan, const persona_tap *tap)
{
    int n_vocab = persona_model_info_get(persona_session_model(s))->n_vocab;
    persona_request *q = calloc((size_t)x->slots, sizeof *q);
    persona_token *prompts = calloc((size_t)x->slots * N_PROMPT, sizeof *prompts);
    clockwork c = {.slots = x->slots};
    persona_err e = {0};
    if (q == NULL || prompts == NULL) {
        bench_die("out of memory");
    }
    for (int k = 0; k < x->slots; k++) {
        prompt_of(k, n_vocab, prompts + (size_t)k * N_PROMPT);
        q[k] = (persona_request){.prompt = prompts + (size_t)k * N_PROMPT,
                                 .n_prompt = N_PROMPT,
                                 .raw = true,
                                 .sampling = persona_sampling_defaults(),
                                 .plan = plan,
                                 .taps = tap,
                                 .n_taps = tap != NULL,
                                 .ud = &c,
                                 .on_token = on_token};
        q[k].sampling.max_tokens = x->tokens;
        q[k].sampling.ignore_eos = true;
        q[k].sampling.seed = (uint32_t)k;
    }
    if (persona_session_run_all(s, q, (size_t)x->slots, NULL, &e) != PERSONA_OK) {
        bench_die(e.msg);
    }
    free(q);
    free(prompts);
    return c.t1 - c.t0;
}

/* ---- comparison ------------------------------------------------------------------------------ */

static persona_plan *one_block_plan(const persona_model_info *i, float scale)
{
    persona_plan *p = NULL;
    float *v = calloc((size_t)i->n_embd, sizeof *v);
    if (v == NULL) {
        bench_die("out of memory");
    }
    v[0] = 1e-3F;
    persona_edit edit = {.block = i->n_layer / 2, .alpha = scale, .v = v};
    if (persona_plan_new(i->n_layer, i->n_embd, &edit, 1, &p, NULL) != PERSONA_OK) {
        bench_die("no plan");
    }
    free(v);
    return p;
}

static void compare(const char *path, const setting *x)
{
    static const char *const NAMES[] = {"schedule", "+ taps (mean, all blocks)",
                                        "+ edits (one block)", "+ taps + edits"};
    persona_err e = {0};
    persona_model *m = NULL;
    persona_session *s = NULL;
    persona_session_opts o = persona_session_defaults();
    o.n_slots = x->slots;
    o.n_threads = x->threads;
    o.no_cvec = true; /* the general path is what is measured */
    if (persona_model_open(path, NULL, &m, &e) != PERSONA_OK ||
        persona_session_new(m, &o, &s, &e) != PERSONA_OK) {
        bench_die(e.msg);
    }
    struct llama_model *lm = llama_model_load_from_file(path, llama_model_default_params());
    struct llama_context *ctx = lm != NULL ? their_context(lm, x) : NULL;
    if (ctx == NULL) {
        bench_die("libllama cannot load the model");
    }
    const persona_model_info *i = persona_model_info_get(m);
    persona_plan *plan = one_block_plan(i, 1.0F);
    persona_tap tap = {.mode = PERSONA_TAP_MEAN, .span = PERSONA_SPAN_RESPONSE};
    double ratio[4][BENCH_MAX_ROUNDS], base[BENCH_MAX_ROUNDS];
    theirs(ctx, x);
    ours(s, x, NULL, NULL);
    for (int r = 0; r < x->rounds; r++) {
        for (int v = 0; v < 4; v++) {
            base[r] = theirs(ctx, x);
            double mine = ours(s, x, v >= 2 ? plan : NULL, v % 2 == 1 ? &tap : NULL);
            ratio[v][r] = mine / base[r];
        }
    }
    const double alone = bench_median(base, x->rounds);
    printf("%s: %s, %d blocks x %d, %d slots, %d tokens each; libllama alone %.0f tok/s\n", path,
           i->quant, i->n_layer, i->n_embd, x->slots, x->tokens,
           x->slots * (x->tokens - 1) / alone);
    for (int v = 0; v < 4; v++) {
        const double middle = bench_median(ratio[v], x->rounds);
        printf("  %-28s time ratio %.3f  [%.3f .. %.3f]  n=%d\n", NAMES[v], middle, ratio[v][0],
               ratio[v][x->rounds - 1], x->rounds);
    }
    persona_plan_free(plan);
    llama_free(ctx);
    llama_model_free(lm);
    persona_session_free(s);
    persona_model_free(m);
}

int main(int argc, char **argv)
{
    bench_models models = {.n = 0};
    setting x = {.slots = 16, .threads = persona_session_defaults().n_threads};
    const bench_option options[] = {{'s', "SLOTS", &x.slots, 1, 256},
                                    {'t', "TOKENS", &x.tokens, 2, 512},
                                    {'r', "ROUNDS", &x.rounds, 1, BENCH_MAX_ROUNDS},
                                    {'j', "THREADS", &x.threads, 1, 512}};
    bench_parse(argc, argv, options, sizeof options / sizeof options[0], &models);
    for (int i = 0; i < models.n; i++) {
        setting mine = x;
        const bool large = bench_is_large(&models, i);
        mine.tokens = x.tokens > 0 ? x.tokens : large ? 16 : 64;
        mine.rounds = x.rounds > 0 ? x.rounds : large ? 3 : 5;
        compare(models.paths[i], &mine);
    }
    return 0;
}
