/* SPDX-License-Identifier: MIT
 *
 * case_read.c - tokens that are read and not written: prompts of three lengths, and texts whose
 * activations are kept, at all blocks and at the first half or quarter of them (early exit). Each
 * run has texts that no stream has seen, so nothing is remembered.
 */
#include <stdio.h>
#include <stdlib.h>

#include "plain.h"

enum { SLOTS = 16, TEXT = 128, HEAD = 16, MOST_TEXTS = 256, MOST_LENGTH = 1024 };
#define RUN_SECONDS 0.3

typedef struct reading {
    persona_session *s;
    struct llama_context *ctx;
    const persona_model *m;
    int texts, length, next;
    bool forced, pack; /* forced: all but HEAD tokens are a reply that is read */
    const int *blocks; /* of the tap */
    size_t n_blocks;
} reading;

static bench_took ours(void *ud)
{
    reading *x = ud;
    static persona_request q[MOST_TEXTS];
    persona_token *t = bench_room((size_t)(x->texts * x->length), sizeof *t);
    const persona_tap tap = {.mode = PERSONA_TAP_MEAN,
                             .span = PERSONA_SPAN_RESPONSE,
                             .blocks = x->blocks,
                             .n_blocks = x->n_blocks};
    persona_err e = {.code = PERSONA_OK};
    const bench_took since = bench_start();
    for (int k = 0; k < x->texts; k++) {
        persona_token *own = t + (size_t)k * (size_t)x->length;
        for (int i = 0; i < x->length; i++) {
            own[i] = bench_token(x->m, x->next, i);
        }
        x->next++;
        q[k] = (persona_request){.prompt = own,
                                 .n_prompt = (size_t)(x->forced ? HEAD : x->length),
                                 .raw = true,
                                 .sampling = persona_sampling_defaults(),
                                 .taps = &tap,
                                 .n_taps = x->forced};
        q[k].sampling.max_tokens = 1;
        q[k].sampling.ignore_eos = true;
        if (x->forced) {
            q[k].forced = own + HEAD;
            q[k].n_forced = (size_t)(x->length - HEAD);
        }
    }
    bench_must(persona_session_run_all(x->s, q, (size_t)x->texts, NULL, &e), &e);
    const bench_took took = bench_stop(since, (double)x->texts * x->length);
    free(t);
    return took;
}

static bench_took theirs(void *ud)
{
    reading *x = ud;
    const bench_took took = plain_read(x->ctx, x->m, x->next, x->texts, x->length, x->pack);
    x->next += x->texts;
    return took;
}

static void begin(const bench *b, persona_model *m, int length, bool forced, reading *x)
{
    *x = (reading){.m = m, .length = length, .forced = forced, .texts = 2};
    x->s = bench_session(b, m, SLOTS, length + 8);
    x->ctx = plain_context(m, SLOTS, length + 8, b->threads);
    ours(x);
    bench_took trial = ours(x);
    trial.work = x->texts;
    x->texts = bench_units(trial, RUN_SECONDS, 2, MOST_TEXTS);
}

static void end(reading *x)
{
    llama_free(x->ctx);
    persona_session_free(x->s);
}

static void compare(bench *b, reading *x, const bench_row *row)
{
    bench_compare(b, row, (bench_side){ours, x}, (bench_side){theirs, x});
}

void case_prompt(bench *b)
{
    static const int LENGTHS[] = {64, 256, MOST_LENGTH};
    persona_model *m = bench_model(b);
    const int most = persona_model_info_get(m)->n_ctx_train - 8;
    for (size_t i = 0; i < sizeof LENGTHS / sizeof LENGTHS[0]; i++) {
        char id[64], name[64];
        reading x;
        if (most > 0 && LENGTHS[i] > most) {
            continue;
        }
        snprintf(id, sizeof id, "prompt-%d", LENGTHS[i]);
        snprintf(name, sizeof name, "prompts of %d tokens, one token each", LENGTHS[i]);
        begin(b, m, LENGTHS[i], false, &x);
        compare(b, &x, &(bench_row){id, name, "llama_decode, a call per 512", "tokens/s", 0});
        end(&x);
    }
    persona_model_free(m);
}

void case_read(bench *b)
{
    persona_model *m = bench_model(b);
    const int n_layer = persona_model_info_get(m)->n_layer;
    const int half = n_layer / 2, quarter = n_layer / 4;
    reading x;
    begin(b, m, TEXT, true, &x);
    compare(b, &x,
            &(bench_row){"read", "texts of 128 tokens, mean of every block kept",
                         "llama_decode, a text per call", "tokens/s", 0.97});
    x.pack = true;
    compare(
        b, &x,
        &(bench_row){"read-packed", "the same", "llama_decode, 4 texts per call", "tokens/s", 0});
    x.pack = false;
    x.n_blocks = 1;
    x.blocks = &half;
    compare(b, &x,
            &(bench_row){"read-half", "the block in the middle alone kept",
                         "llama_decode, a text per call", "tokens/s", 0});
    x.blocks = &quarter;
    compare(b, &x,
            &(bench_row){"read-quarter", "the block at a quarter alone kept",
                         "llama_decode, a text per call", "tokens/s", 0});
    end(&x);
    persona_model_free(m);
}
