/* SPDX-License-Identifier: MIT
 *
 * bench_plans.c - what steering costs while a full batch is decoded: 1, 8, 32 and as many different
 * plans as slots, of every operator, some with windows and gates; and with all of them 16 vectors
 * read on 4 blocks. Compared with the same requests without steering in the same session.
 *
 *   bench_plans [-m MODEL.gguf]... [-s SLOTS] [-t TOKENS] [-r ROUNDS] [-j THREADS]
 *
 * Unsteered and steered runs take turns; printed is the median over the rounds of the speed, as a
 * share of the unsteered runs right before and after it, with its range; then the same of the
 * processor time used, which a busy machine disturbs less (with -j 1, so that no thread waits).
 */
#include <math.h>

#include "bench.h"

enum { N_PROMPT = 24, N_PROBES = 16, N_BLOCKS = 4, MOST_SLOTS = 256 };

typedef struct setting {
    int slots, tokens, rounds, threads;
} setting;

/* The clock runs while every slot decodes: from the moment when the last one has its first token to
 * the last token before the first one ends. */
typedef struct stopwatch {
    int slots, started, n; /* n: tokens since */
    bool over;
    double t0, t1, cpu0, cpu1;
} stopwatch;

static double cpu_now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

/* What a token took. */
typedef struct took {
    double wall, cpu;
} took;

static bool on_token(void *ud, const persona_token_event *event)
{
    stopwatch *c = ud;
    const bool runs = c->started == c->slots && !c->over;
    c->started += event->index == 0;
    if (!runs && !c->over) {
        c->t0 = bench_now();
        c->cpu0 = cpu_now();
    } else if (runs) {
        c->n++;
        c->t1 = bench_now();
        c->cpu1 = cpu_now();
    }
    return true;
}

static size_t n_steered;

static void on_done(void *ud, const persona_result *r)
{
    ((stopwatch *)ud)->over = true;
    n_steered += r->n_steered;
}

/* Decoding alone; slot k is steered by plans[k % n_plans]. */
static took decode(persona_session *s, const setting *x, persona_plan *const *plans, int n_plans,
                   const persona_tap *tap)
{
    static persona_request q[MOST_SLOTS];
    static persona_token prompts[MOST_SLOTS][N_PROMPT];
    const int n_vocab = persona_model_info_get(persona_session_model(s))->n_vocab;
    stopwatch c = {.slots = x->slots};
    persona_err e = {0};
    for (int k = 0; k < x->slots; k++) {
        for (int i = 0; i < N_PROMPT; i++) {
            prompts[k][i] =
                (persona_token)((unsigned)(k * 7919 + i * 104729 + 13) % (unsigned)n_vocab);
        }
        q[k] = (persona_request){.prompt = prompts[k],
                                 .n_prompt = N_PROMPT,
                                 .raw = true,
                                 .sampling = persona_sampling_defaults(),
                                 .plan = n_plans > 0 ? plans[k % n_plans] : NULL,
                                 .taps = tap,
                                 .n_taps = tap != NULL,
                                 .ud = &c,
                                 .on_token = on_token,
                                 .on_done = on_done};
        q[k].sampling.max_tokens = x->tokens;
        q[k].sampling.ignore_eos = true;
        q[k].sampling.seed = (uint32_t)k;
    }
    if (persona_session_run_all(s, q, (size_t)x->slots, NULL, &e) != PERSONA_OK) {
        bench_die(e.msg);
    }
    if (c.n == 0) {
        bench_die("more tokens, please (-t)");
    }
    return (took){(c.t1 - c.t0) / c.n, (c.cpu1 - c.cpu0) / c.n};
}

static void noise(float *v, int n, unsigned seed)
{
    uint32_t x = seed * 2654435761u + 1;
    for (int i = 0; i < n; i++) {
        x ^= x << 13;
        x ^= x >> 17;
        x ^= x << 5;
        v[i] = ((float)(x % 2001) - 1000.0F) / 1000.0F;
    }
}

/* Plan k: an operator at one of three blocks in the middle, every third under a gate that opens and
 * closes, every fifth in a window. Guarded, as programs do it. */
static persona_plan *plan_of(const persona_model_info *i, int k)
{
    float *v = calloc((size_t)i->n_embd * 2, sizeof *v);
    persona_plan *p = NULL;
    persona_err e = {0};
    if (v == NULL) {
        bench_die("out of memory");
    }
    noise(v, i->n_embd, (unsigned)k);
    noise(v + i->n_embd, i->n_embd, (unsigned)k + 1000);
    const persona_gate gate = {
        .block = i->n_layer / 2, .v = v + i->n_embd, .sd = 1, .above = k % 2 == 0};
    const persona_op op = (persona_op)(k % (int)(PERSONA_OP_HOLD + 1));
    const persona_edit edit = {.op = op,
                               .block = i->n_layer / 2 - 1 + k % 3,
                               .phases = PERSONA_PHASE_RESPONSE,
                               .alpha = op == PERSONA_OP_ROTATE ? 3 : 0.05F,
                               .v = v,
                               .limit = 0.01F,
                               .first = k % 5 == 4 ? 8 : 0,
                               .gates = &gate,
                               .n_gates = k % 3 == 0};
    const persona_guard guard = {PERSONA_GUARD_WARN, 1};
    if (persona_plan_new(i->n_layer, i->n_embd, &edit, 1, &p, &e) != PERSONA_OK ||
        persona_plan_guard(p, guard, &e) != PERSONA_OK) {
        bench_die(e.msg);
    }
    free(v);
    return p;
}

/* 16 vectors, each on 4 blocks. */
static float *probes(const persona_model_info *i, persona_tap *tap, int *blocks)
{
    float *axes = calloc((size_t)(N_PROBES * N_BLOCKS), (size_t)i->n_embd * sizeof *axes);
    if (axes == NULL) {
        bench_die("out of memory");
    }
    for (int k = 0; k < N_PROBES * N_BLOCKS; k++) {
        blocks[k] = (i->n_layer - N_BLOCKS) / 2 + k / N_PROBES;
        noise(axes + (size_t)k * (size_t)i->n_embd, i->n_embd, (unsigned)k + 2000);
    }
    *tap = (persona_tap){.mode = PERSONA_TAP_PROJECT,
                         .span = PERSONA_SPAN_RESPONSE,
                         .blocks = blocks,
                         .n_blocks = (size_t)(N_PROBES * N_BLOCKS),
                         .before_edits = true,
                         .directions = axes};
    return axes;
}

static persona_session *open_session(const char *path, const setting *x, persona_model **m)
{
    persona_err e = {0};
    persona_session *s = NULL;
    persona_session_opts o = persona_session_defaults();
    o.n_slots = x->slots;
    o.n_threads = x->threads;
    o.n_ctx = N_PROMPT + x->tokens + 8;
    if (persona_model_open(path, NULL, m, &e) != PERSONA_OK ||
        persona_session_new(*m, &o, &s, &e) != PERSONA_OK) {
        bench_die(e.msg);
    }
    return s;
}

static void compare(const char *path, const setting *x)
{
    const int counts[] = {1, 8, 32, x->slots, x->slots};
    enum { N = sizeof counts / sizeof *counts };
    static double share[N][BENCH_MAX_ROUNDS], cpu[N][BENCH_MAX_ROUNDS];
    static double base[N * BENCH_MAX_ROUNDS];
    persona_plan *plans[MOST_SLOTS];
    persona_model *m = NULL;
    persona_session *s = open_session(path, x, &m);
    const persona_model_info *i = persona_model_info_get(m);
    persona_tap tap;
    int blocks[N_PROBES * N_BLOCKS], n_base = 0;
    float *axes = probes(i, &tap, blocks);
    for (int k = 0; k < x->slots; k++) {
        plans[k] = plan_of(i, k);
    }
    took before = decode(s, x, NULL, 0, NULL);
    n_steered = 0;
    for (int r = 0; r < x->rounds; r++) {
        for (int v = 0; v < N; v++) {
            const took mine = decode(s, x, plans, counts[v], v == N - 1 ? &tap : NULL);
            const took after = decode(s, x, NULL, 0, NULL);
            share[v][r] = (before.wall + after.wall) / 2 / mine.wall;
            cpu[v][r] = (before.cpu + after.cpu) / 2 / mine.cpu;
            base[n_base++] = after.wall;
            before = after;
        }
    }
    printf("%s: %s, %d blocks x %d, %d slots, %d tokens each; unsteered %.0f tok/s\n", path,
           i->quant, i->n_layer, i->n_embd, x->slots, x->tokens,
           1 / bench_median(base, n_base < BENCH_MAX_ROUNDS ? n_base : BENCH_MAX_ROUNDS));
    for (int v = 0; v < N; v++) {
        const double middle = bench_median(share[v], x->rounds);
        const double used = bench_median(cpu[v], x->rounds);
        printf("  %2d plans%-26s %.3f of unsteered  [%.3f .. %.3f]  processor time %.3f [%.3f .. "
               "%.3f]  n=%d\n",
               counts[v], v == N - 1 ? ", 16 vectors on 4 blocks" : "", middle, share[v][0],
               share[v][x->rounds - 1], used, cpu[v][0], cpu[v][x->rounds - 1], x->rounds);
    }
    printf("  %zu rows edited\n", n_steered);
    for (int k = 0; k < x->slots; k++) {
        persona_plan_free(plans[k]);
    }
    free(axes);
    persona_session_free(s);
    persona_model_free(m);
}

int main(int argc, char **argv)
{
    bench_models models = {.n = 0};
    setting x = {.slots = 64, .threads = persona_session_defaults().n_threads};
    const bench_option options[] = {{'s', "SLOTS", &x.slots, 1, MOST_SLOTS},
                                    {'t', "TOKENS", &x.tokens, 2, 512},
                                    {'r', "ROUNDS", &x.rounds, 1, BENCH_MAX_ROUNDS},
                                    {'j', "THREADS", &x.threads, 1, 512}};
    bench_parse(argc, argv, options, sizeof options / sizeof options[0], &models);
    for (int i = 0; i < models.n; i++) {
        setting mine = x;
        const bool large = bench_is_large(&models, i);
        mine.tokens = x.tokens > 0 ? x.tokens : large ? 8 : 64;
        mine.rounds = x.rounds > 0 ? x.rounds : large ? 3 : 7;
        compare(models.paths[i], &mine);
    }
    return 0;
}
