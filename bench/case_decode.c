/* SPDX-License-Identifier: MIT
 *
 * case_decode.c - decoding with every slot busy: the scheduler beside libllama's batched decoding,
 * with more and fewer slots, and what taps on all blocks, steering with different plans and reading
 * along vectors (probes) cost beside the same decoding without them.
 */
#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "plain.h"

enum { N_PROMPT = 24, MOST_SLOTS = 64, MOST_TOKENS = 256, RUN_TRIAL = 4 };
#define RUN_SECONDS 0.3 /* of one side: short, so that a pair sees one machine */

/* ---- ours ------------------------------------------------------------------------------------ */

/* The clock runs while every slot decodes: from the moment when the last one has its first token to
 * the last token before the first one ends. */
typedef struct stopwatch {
    int slots, started, n; /* n: tokens since */
    bool over;
    bench_took begun, took;
} stopwatch;

static bool on_token(void *ud, const persona_token_event *event)
{
    stopwatch *c = ud;
    const bool runs = c->started == c->slots && !c->over;
    c->started += event->index == 0;
    if (!runs && !c->over) {
        c->begun = bench_start();
    } else if (runs) {
        c->took = bench_stop(c->begun, ++c->n);
    }
    return true;
}

static void on_done(void *ud, const persona_result *r)
{
    (void)r;
    ((stopwatch *)ud)->over = true;
}

typedef struct ours {
    persona_session *s;
    int slots, tokens;
    persona_plan *const *plans; /* slot k has plans[k % n_plans] */
    int n_plans;
    const persona_tap *tap;
} ours;

static bench_took decode(void *ud)
{
    static persona_request q[MOST_SLOTS];
    static persona_token prompts[MOST_SLOTS][N_PROMPT];
    const ours *x = ud;
    stopwatch c = {.slots = x->slots};
    persona_err e = {.code = PERSONA_OK};
    for (int k = 0; k < x->slots; k++) {
        for (int i = 0; i < N_PROMPT; i++) {
            prompts[k][i] = bench_token(persona_session_model(x->s), k, i);
        }
        q[k] = (persona_request){.prompt = prompts[k],
                                 .n_prompt = N_PROMPT,
                                 .raw = true,
                                 .sampling = persona_sampling_defaults(),
                                 .plan = x->n_plans > 0 ? x->plans[k % x->n_plans] : NULL,
                                 .taps = x->tap,
                                 .n_taps = x->tap != NULL,
                                 .ud = &c,
                                 .on_token = on_token,
                                 .on_done = on_done};
        q[k].sampling.max_tokens = x->tokens + 1; /* the first one comes before the clock */
        q[k].sampling.ignore_eos = true;
        q[k].sampling.seed = (uint32_t)k;
    }
    bench_must(persona_session_run_all(x->s, q, (size_t)x->slots, NULL, &e), &e);
    return c.took;
}

typedef struct theirs {
    struct llama_context *ctx;
    const persona_model *m;
    int slots, tokens;
} theirs;

static bench_took plain(void *ud)
{
    const theirs *x = ud;
    return plain_decode(x->ctx, x->m, x->slots, N_PROMPT, x->tokens);
}

/* A session with its slots, and so many tokens for each that a run is neither too short nor too
 * long. */
static ours begin(const bench *b, persona_model *m, int slots)
{
    ours x = {.s = bench_session(b, m, slots, N_PROMPT + MOST_TOKENS + 8),
              .slots = slots,
              .tokens = RUN_TRIAL};
    decode(&x);
    const bench_took trial = decode(&x);
    x.tokens = bench_units(trial, RUN_SECONDS / slots, 6, MOST_TOKENS);
    return x;
}

/* ---- the scheduler --------------------------------------------------------------------------- */

static void with_slots(bench *b, persona_model *m, int slots, bool taps)
{
    char id[64], name[64];
    ours x = begin(b, m, slots);
    theirs y = {plain_context(m, slots, N_PROMPT + MOST_TOKENS + 8, b->threads), m, slots,
                x.tokens};
    const persona_tap tap = {.mode = PERSONA_TAP_MEAN, .span = PERSONA_SPAN_RESPONSE};
    snprintf(id, sizeof id, "decode-%d", slots);
    snprintf(name, sizeof name, "scheduler, %d slots", slots);
    bench_row row = {id, name, "llama_decode, the same batches", "tokens/s", taps ? 0.97 : 0};
    bench_compare(b, &row, (bench_side){decode, &x}, (bench_side){plain, &y});
    if (taps) {
        snprintf(id, sizeof id, "decode-%d-taps", slots);
        snprintf(name, sizeof name, "the same, mean of every block kept");
        x.tap = &tap;
        bench_compare(b, &row, (bench_side){decode, &x}, (bench_side){plain, &y});
    }
    llama_free(y.ctx);
    persona_session_free(x.s);
}

void case_decode(bench *b)
{
    persona_model *m = bench_model(b);
    with_slots(b, m, 1, false);
    with_slots(b, m, 4, false);
    with_slots(b, m, 16, true);
    with_slots(b, m, 64, false);
    persona_model_free(m);
}

/* ---- steering -------------------------------------------------------------------------------- */

/* Plan k: an operator at one of three blocks in the middle, some under a gate that opens and
 * closes, some in a window. Plan 0 is plain addition. Guarded, as programs do it. */
static persona_plan *plan_of(const persona_model_info *i, int k)
{
    const size_t width = (size_t)i->n_embd;
    float *v = bench_room(width * 2, sizeof *v);
    persona_plan *p = NULL;
    persona_err e = {.code = PERSONA_OK};
    bench_noise(v, width, (unsigned)k);
    bench_noise(v + width, width, (unsigned)k + 1000);
    const persona_gate gate = {
        .block = i->n_layer / 2, .v = v + width, .sd = 1, .above = k % 2 == 0};
    const persona_op op = (persona_op)(k % (int)(PERSONA_OP_HOLD + 1));
    const persona_edit edit = {.op = op,
                               .block = i->n_layer / 2 - 1 + k % 3,
                               .phases = PERSONA_PHASE_RESPONSE,
                               .alpha = op == PERSONA_OP_ROTATE ? 3 : 0.05F,
                               .v = v,
                               .limit = 0.01F,
                               .first = k % 5 == 4 ? 8 : 0,
                               .gates = &gate,
                               .n_gates = k % 3 == 1};
    const persona_guard guard = {PERSONA_GUARD_WARN, 1};
    bench_must(persona_plan_new(i->n_layer, i->n_embd, &edit, 1, &p, &e), &e);
    bench_must(persona_plan_guard(p, guard, &e), &e);
    free(v);
    return p;
}

void case_steer(bench *b)
{
    static const struct {
        int plans;
        const char *id, *name;
        double target;
    } ROWS[] = {{1, "steer-1", "64 slots, one plan", 0.99},
                {8, "steer-8", "64 slots, 8 different plans", 0},
                {64, "steer-64", "64 slots, 64 different plans", 0.97}};
    persona_model *m = bench_model(b);
    ours bare = begin(b, m, MOST_SLOTS);
    persona_plan *plans[MOST_SLOTS];
    for (int k = 0; k < MOST_SLOTS; k++) {
        plans[k] = plan_of(persona_model_info_get(m), k);
    }
    for (size_t i = 0; i < sizeof ROWS / sizeof ROWS[0]; i++) {
        ours steered = bare;
        steered.plans = plans;
        steered.n_plans = ROWS[i].plans;
        const bench_row row = {ROWS[i].id, ROWS[i].name, "the same unsteered", "tokens/s",
                               ROWS[i].target};
        bench_compare(b, &row, (bench_side){decode, &steered}, (bench_side){decode, &bare});
    }
    for (int k = 0; k < MOST_SLOTS; k++) {
        persona_plan_free(plans[k]);
    }
    persona_session_free(bare.s);
    persona_model_free(m);
}

/* ---- probes ---------------------------------------------------------------------------------- */

enum { PROBE_SLOTS = 16, PROBE_BLOCKS = 4, MOST_PROBES = 64 };

/* n vectors, each on PROBE_BLOCKS blocks in the middle. */
static persona_tap probes(const persona_model_info *i, int n, float *axes, int *blocks)
{
    for (int k = 0; k < n * PROBE_BLOCKS; k++) {
        blocks[k] = (i->n_layer - PROBE_BLOCKS) / 2 + k / n;
        bench_noise(axes + (size_t)k * (size_t)i->n_embd, (size_t)i->n_embd, (unsigned)k + 2000);
    }
    return (persona_tap){.mode = PERSONA_TAP_PROJECT,
                         .span = PERSONA_SPAN_RESPONSE,
                         .blocks = blocks,
                         .n_blocks = (size_t)(n * PROBE_BLOCKS),
                         .before_edits = true,
                         .directions = axes};
}

void case_probe(bench *b)
{
    static const int COUNTS[] = {1, 16, MOST_PROBES};
    static int blocks[MOST_PROBES * PROBE_BLOCKS];
    persona_model *m = bench_model(b);
    const persona_model_info *info = persona_model_info_get(m);
    float *axes = bench_room(MOST_PROBES * PROBE_BLOCKS * (size_t)info->n_embd, sizeof *axes);
    ours bare = begin(b, m, PROBE_SLOTS);
    for (size_t i = 0; i < sizeof COUNTS / sizeof COUNTS[0]; i++) {
        char id[64], name[64];
        const persona_tap tap = probes(info, COUNTS[i], axes, blocks);
        ours reading = bare;
        reading.tap = &tap;
        snprintf(id, sizeof id, "probe-%d", COUNTS[i]);
        snprintf(name, sizeof name, "16 slots, read along %d vector%s at 4 blocks", COUNTS[i],
                 COUNTS[i] > 1 ? "s" : "");
        const bench_row row = {id, name, "the same, not read", "tokens/s", 0};
        bench_compare(b, &row, (bench_side){decode, &reading}, (bench_side){decode, &bare});
    }
    persona_session_free(bare.s);
    free(axes);
    persona_model_free(m);
}
