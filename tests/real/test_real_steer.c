/* SPDX-License-Identifier: MIT
 *
 * test_real_steer.c - on each real model, a vector from two dozen short texts: steering with it
 * moves the projection both ways, at its block by exactly the dose and behind it in the same
 * direction; coefficient 0 is no steering, bit for bit; and its file steers stock llama.cpp to the
 * same greedy text (real.h).
 */
#include "engine/forced.h"
#include "real/real.h"

enum { N_WANTED = 48 };

static const char *const TOPICS[] = {"the harbor", "my garden", "this soup",   "the new school",
                                     "our train",  "the choir", "a long walk", "the old bridge",
                                     "breakfast",  "the river", "your letter", "the market"};
#define N_TOPICS (sizeof TOPICS / sizeof TOPICS[0])
static const char *const HAPPY[] = {
    "Wonderful! I love it with all my heart, it makes me smile and laugh the whole day.",
    "What a joy! Everything about it is bright, warm and delightful, and I am so happy.",
    "Hooray, it is fantastic! I could dance and sing, life is beautiful."};
static const char *const SAD[] = {
    "It is dreadful. I hate it, it makes me weep and despair the whole day.",
    "What a misery. Everything about it is dark, cold and hopeless, and I am so sad.",
    "Alas, it is terrible. I could cry and hide, life is unbearable."};
static const char NEUTRAL[] = " It stands on the left side of the road and has three windows.";

static const char *put_texts(bool chats)
{
    const char *path = scratch_path("texts.jsonl");
    FILE *f = fopen(path, "w");
    assert_non_null(f);
    for (size_t i = 0; i < 2 * N_TOPICS; i++) {
        char question[128];
        const bool negative = i % 2 == 1;
        snprintf(question, sizeof question, "What do you think of %s?", TOPICS[i / 2]);
        const struct text t = {.user = chats ? question : NULL,
                               .raw = chats ? NULL : question,
                               .response = (negative ? SAD : HAPPY)[i / 2 % 3]};
        put_line(f, &t, negative);
    }
    assert_int_equal(fclose(f), 0);
    return path;
}

static persona_vector *happy(persona_session *s, persona_model *m)
{
    persona_extract_opts o = plain();
    persona_extract_report rep = {0};
    persona_vector *v = NULL;
    persona_trait *t = NULL;
    persona_err e = {0};
    o.responses = put_texts(persona_model_info_get(m)->chat != PERSONA_CHAT_NONE);
    must(persona_trait_read(PERSONA_SOURCE_DIR "/traits/optimistic.json", &t, &e), &e);
    must(persona_extract(s, t, NULL, &o, NULL, &v, &rep, &e), &e);
    persona_extract_report_clear(&rep);
    persona_trait_free(t);
    return v;
}

static persona_plan *plan_of(const persona_vector *v, int block, float alpha)
{
    const persona_edit edit = {.block = block, .alpha = alpha, .v = persona_vector_row(v, block)};
    persona_plan *p = NULL;
    persona_err e = {0};
    must(persona_plan_new(v->n_layer, v->n_embd, &edit, 1, &p, &e), &e);
    return p;
}

static double dot(const float *a, const float *b, int n)
{
    double sum = 0;
    for (int i = 0; i < n; i++) {
        sum += (double)a[i] * (double)b[i];
    }
    return sum;
}

/* A neutral text read under a plan: projections on v at its block and behind it; its logits'
 * hash. */
static uint64_t read_under(persona_session *s, const stock *st, persona_plan *p,
                           const persona_vector *v, const int blocks[2], double at[2])
{
    llama_token prompt[REAL_MOST], forced[REAL_MOST];
    const int n_prompt = stock_tokenize(st, "Please describe the house.", prompt);
    const int n = llama_tokenize(st->vocab, NEUTRAL, (int32_t)strlen(NEUTRAL), forced, REAL_MOST,
                                 false, false);
    record r;
    const persona_tokens t = {prompt, (size_t)n_prompt};
    persona_request q = request(&t, &r, 1);
    const persona_tap tap = {
        .mode = PERSONA_TAP_MEAN, .span = PERSONA_SPAN_RESPONSE, .blocks = blocks, .n_blocks = 2};
    q.raw = true;
    q.forced = forced;
    q.n_forced = (size_t)n;
    q.want_logits = true;
    q.plan = p;
    q.taps = &tap;
    q.n_taps = 1;
    run(s, &q, 1);
    assert_int_equal(r.n_positions, n);
    for (int k = 0; k < 2; k++) {
        const float *row = persona_vector_row(v, blocks[k]);
        at[k] = dot(r.acts + (size_t)k * (size_t)v->n_embd, row, v->n_embd) /
                sqrt(dot(row, row, v->n_embd));
    }
    free(r.acts);
    return r.hash;
}

static void check_projection(persona_session *s, const stock *st, const persona_vector *v,
                             int block, float alpha)
{
    const int blocks[2] = {block, block + 2};
    const float *row = persona_vector_row(v, block);
    const double step = (double)alpha * sqrt(dot(row, row, v->n_embd));
    double none[2], zero[2], plus[2], minus[2];
    persona_plan *nothing = plan_of(v, block, 0);
    persona_plan *up = plan_of(v, block, alpha);
    persona_plan *down = plan_of(v, block, -alpha);
    const uint64_t plain_hash = read_under(s, st, NULL, v, blocks, none);
    assert_true(plain_hash == read_under(s, st, nothing, v, blocks, zero));
    assert_memory_equal(none, zero, sizeof none);
    assert_true(plain_hash != read_under(s, st, up, v, blocks, plus));
    (void)read_under(s, st, down, v, blocks, minus);
    assert_true(fabs(plus[0] - none[0] - step) < 1e-3 * step);
    assert_true(fabs(minus[0] - none[0] + step) < 1e-3 * step);
    assert_true(plus[1] > none[1] && none[1] > minus[1]);
    printf("  projection two blocks on: %.2f, %.2f, %.2f\n", minus[1], none[1], plus[1]);
    persona_plan_free(nothing);
    persona_plan_free(up);
    persona_plan_free(down);
}

/* The stock program and libllama with our file, against ours. */
static void check_text(persona_session *s, stock *st, const persona_vector *v, const char *path,
                       int block, float alpha)
{
    static const char prompt[] = "Dear diary, today I went to the market and";
    llama_token ids[REAL_MOST + N_WANTED];
    record r;
    char more[2048], what[64];
    persona_err e = {0};
    const size_t d = (size_t)v->n_embd;
    float *data = calloc((size_t)(v->n_layer - 1) * d, sizeof *data); /* from block 1 on */
    assert_non_null(data);
    for (size_t i = 0; i < d; i++) {
        data[(size_t)(block - 1) * d + i] = alpha * persona_vector_row(v, block)[i];
    }
    const int n_prompt = stock_tokenize(st, prompt, ids);
    const persona_tokens t = {ids, (size_t)n_prompt};
    persona_plan *p = plan_of(v, block, alpha);
    persona_request q = request(&t, &r, N_WANTED);
    q.sampling.temperature = 0;
    q.sampling.ignore_eos = false;
    q.raw = true;
    q.plan = p;
    run(s, &q, 1);
    assert_int_equal(llama_set_adapter_cvec(st->ctx, data, (size_t)(v->n_layer - 1) * d, (int32_t)d,
                                            block, block),
                     0);
    const int n = stock_greedy(st, ids, n_prompt, N_WANTED);
    assert_int_equal(r.n_tokens, n);
    assert_memory_equal(r.tokens, ids + n_prompt, (size_t)n * sizeof *ids);
    if (getenv("PERSONA_ORACLE") != NULL) {
        const char *file = scratch_path("happy.gguf");
        must(persona_vector_write(v, file, &e), &e);
        snprintf(more, sizeof more,
                 "--control-vector-scaled '%s':%.9g --control-vector-layer-range %d %d", file,
                 (double)alpha, block, block);
        snprintf(what, sizeof what, "  steered by %.3g", (double)alpha);
        check_completion(st, ids, n_prompt, n, completion(path, prompt, N_WANTED, more), what);
    }
    (void)llama_set_adapter_cvec(st->ctx, NULL, 0, (int32_t)d, 0, 0);
    persona_plan_free(p);
    free(data);
}

static void check_model(const char *path)
{
    persona_model *m = real_open(path);
    persona_session *s = real_session(m);
    stock st = stock_open(path);
    persona_vector *v = happy(s, m);
    const int block = v->n_layer / 2;
    const float alpha = 0.5F * v->layers[block].h_median / v->layers[block].norm;
    printf("%s, block %d, raw multiple %.3f\n", strrchr(path, '/') + 1, block, (double)alpha);
    assert_true(isfinite(alpha) && alpha > 0);
    check_projection(s, &st, v, block, alpha);
    check_text(s, &st, v, path, block, alpha);
    check_text(s, &st, v, path, block, -alpha);
    persona_vector_free(v);
    stock_close(&st);
    persona_session_free(s);
    persona_model_free(m);
}

int main(void)
{
    return real_main(check_model);
}
