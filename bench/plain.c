/* SPDX-License-Identifier: MIT
 *
 * plain.c - libllama's plain batched decoding (plain.h). The context is what src/engine asks for,
 * without its callback.
 */
#include "plain.h"

#include <stdlib.h>

#include "engine/engine.h"
#include "engine/pace.h"

enum { BATCH = 512 };

/* The session takes fewer threads on a busy machine (engine/pace.h); so does the yardstick, else
 * the two would be measured under different rules there. One context is in use at a time. */
static struct {
    pace pace;
    double wall, cpu; /* inside llama_decode */
} rhythm;

struct llama_context *plain_context(const persona_model *m, int slots, int n_ctx, int threads)
{
    struct llama_context_params p = llama_context_default_params();
    p.n_ctx = (uint32_t)(slots * n_ctx);
    p.n_seq_max = (uint32_t)slots;
    p.n_batch = p.n_ubatch = BATCH;
    p.n_outputs_max = (uint32_t)(slots > 64 ? slots : 64);
    p.n_threads = p.n_threads_batch = threads;
    p.kv_unified = false;
    p.swa_full = true;
    p.no_perf = true;
    struct llama_context *ctx = llama_init_from_model(m->lm, p);
    if (ctx == NULL) {
        bench_die("libllama makes no context");
    }
    rhythm.wall = rhythm.cpu = 0;
    pace_init(&rhythm.pace, threads, 0, 0);
    return ctx;
}

void plain_clear(struct llama_context *ctx)
{
    llama_memory_clear(llama_get_memory(ctx), true);
}

static void add(struct llama_batch *b, llama_token t, llama_pos pos, llama_seq_id seq, bool out)
{
    const int32_t i = b->n_tokens++;
    b->token[i] = t;
    b->pos[i] = pos;
    b->n_seq_id[i] = 1;
    b->seq_id[i][0] = seq;
    b->logits[i] = out;
}

static void decode(struct llama_context *ctx, struct llama_batch *b)
{
    const bench_took since = bench_start();
    if (b->n_tokens > 0 && llama_decode(ctx, *b) != 0) {
        bench_die("llama_decode failed");
    }
    const size_t rows = (size_t)b->n_tokens;
    b->n_tokens = 0;
    const bench_took took = bench_stop(since, 0);
    rhythm.wall += took.wall;
    rhythm.cpu += took.cpu;
    if (pace_update(&rhythm.pace, rhythm.wall, rhythm.cpu, rows)) {
        llama_set_n_threads(ctx, rhythm.pace.threads, rhythm.pace.threads);
    }
}

/* One sequence, at most BATCH tokens a call; logits of the last one. Returns the row of these. */
static int32_t read_prompt(struct llama_context *ctx, struct llama_batch *b, const llama_token *t,
                           int n, llama_seq_id seq)
{
    int32_t row = 0;
    b->n_tokens = 0;
    for (int i = 0; i < n; i++) {
        row = b->n_tokens;
        add(b, t[i], i, seq, i == n - 1);
        if (b->n_tokens == BATCH || i == n - 1) {
            decode(ctx, b);
        }
    }
    return row;
}

static struct llama_sampler **samplers(int n)
{
    struct llama_sampler **x = bench_room((size_t)n, sizeof *x);
    for (int i = 0; i < n; i++) {
        x[i] = llama_sampler_chain_init(llama_sampler_chain_default_params());
        llama_sampler_chain_add(x[i], llama_sampler_init_dist((uint32_t)i));
    }
    return x;
}

static void samplers_free(struct llama_sampler **x, int n)
{
    for (int i = 0; i < n; i++) {
        llama_sampler_free(x[i]);
    }
    free(x);
}

bench_took plain_decode(struct llama_context *ctx, const persona_model *m, int slots, int n_prompt,
                        int tokens)
{
    struct llama_batch b = llama_batch_init(BATCH, 0, 1);
    struct llama_sampler **sampler = samplers(slots);
    llama_token *next = bench_room((size_t)slots, sizeof *next);
    llama_token *prompt = bench_room((size_t)n_prompt, sizeof *prompt);
    plain_clear(ctx);
    for (int s = 0; s < slots; s++) {
        for (int i = 0; i < n_prompt; i++) {
            prompt[i] = bench_token(m, s, i);
        }
        next[s] = llama_sampler_sample(sampler[s], ctx, read_prompt(ctx, &b, prompt, n_prompt, s));
    }
    const bench_took since = bench_start();
    for (int t = 0; t < tokens; t++) {
        for (int s = 0; s < slots; s++) {
            add(&b, next[s], n_prompt + t, s, true);
        }
        decode(ctx, &b);
        for (int s = 0; s < slots; s++) {
            next[s] = llama_sampler_sample(sampler[s], ctx, s);
        }
    }
    const bench_took took = bench_stop(since, (double)tokens * slots);
    samplers_free(sampler, slots);
    free(prompt);
    free(next);
    llama_batch_free(b);
    return took;
}

bench_took plain_read(struct llama_context *ctx, const persona_model *m, int first, int n,
                      int length, bool pack)
{
    struct llama_batch b = llama_batch_init(BATCH, 0, 1);
    llama_token *text = bench_room((size_t)length, sizeof *text);
    const int at_once = pack && length < BATCH ? BATCH / length : 1;
    const bench_took since = bench_start();
    for (int k = 0; k < n; k++) {
        for (int i = 0; i < length; i++) {
            text[i] = bench_token(m, first + k, i);
        }
        if (k % at_once == 0) {
            decode(ctx, &b);
            plain_clear(ctx);
        }
        if (at_once == 1) {
            read_prompt(ctx, &b, text, length, 0);
            continue;
        }
        for (int i = 0; i < length; i++) {
            add(&b, text[i], i, k % at_once, i == length - 1);
        }
    }
    decode(ctx, &b);
    llama_synchronize(ctx);
    const bench_took took = bench_stop(since, (double)n * length);
    free(text);
    llama_batch_free(b);
    return took;
}

bench_took plain_replay(struct llama_context *ctx, const plain_answer *a, size_t n, int slots)
{
    struct llama_batch b = llama_batch_init(BATCH, 0, 1);
    struct llama_sampler **sampler = samplers(slots);
    const plain_answer **now = bench_room((size_t)slots, sizeof *now);
    size_t *fed = bench_room((size_t)slots, sizeof *fed), next = 0, n_tokens = 0;
    int running = 0;
    plain_clear(ctx);
    const bench_took since = bench_start();
    do {
        running = 0;
        for (int s = 0; s < slots; s++) {
            while (now[s] == NULL && next < n) {
                llama_memory_seq_rm(llama_get_memory(ctx), s, -1, -1);
                const int32_t row = read_prompt(ctx, &b, a[next].prompt, (int)a[next].n_prompt, s);
                (void)llama_sampler_sample(sampler[s], ctx, row);
                now[s] = a[next].n_feed > 0 ? &a[next] : NULL;
                fed[s] = 0;
                n_tokens += a[next++].n_reply;
            }
        }
        for (int s = 0; s < slots; s++) {
            if (now[s] != NULL) {
                add(&b, now[s]->reply[fed[s]], (llama_pos)(now[s]->n_prompt + fed[s]), s, true);
                running++;
            }
        }
        decode(ctx, &b);
        for (int s = 0, row = 0; s < slots; s++) {
            if (now[s] != NULL) {
                (void)llama_sampler_sample(sampler[s], ctx, row++);
                now[s] = ++fed[s] < now[s]->n_feed ? now[s] : NULL;
            }
        }
    } while (running > 0);
    const bench_took took = bench_stop(since, (double)n_tokens);
    samplers_free(sampler, slots);
    free(fed);
    free(now);
    llama_batch_free(b);
    return took;
}
