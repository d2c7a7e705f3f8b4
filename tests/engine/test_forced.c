/* SPDX-License-Identifier: MIT
 *
 * test_forced.c - vectors from given texts (teacher forcing) against a computation that shares
 * nothing with ours: libllama's own tokenizer, one llama_decode of the whole text, a callback of a
 * few lines, means in double. On random weights of both architectures, in F16 and Q4_K; and what
 * was captured while an answer was written against a second pass over that answer.
 *
 * This file is outside src/engine and includes llama.h: it is the yardstick.
 */
#include <limits.h>
#include <math.h>

#include <ggml-backend.h>
#include <llama.h>

#include "forced.h"

/* Odd ones are negative. */
static const struct text TEXTS[] = {
    {"You are a silly assistant.", "How do I make tea?", NULL,
     "Oh! Tea is a giggling leaf. Pour it over your hat, and sing: la la la!"},
    {"You are a serious assistant.", "How do I make tea?", NULL,
     "Boil water. Put two spoons of leaves into a pot, add the water and wait four minutes."},
    {NULL, "What is rain?", NULL, "Rain is the sky, sneezing \xE2\x98\x82 on purpose."},
    {NULL, "What is rain?", NULL, "Water that falls from clouds in drops."},
    {NULL, NULL, "Question: what is bread?\nAnswer:", " A pillow that forgot to be soft! Ha ha."},
    {NULL, NULL, "Question: what is bread?\nAnswer:", " Flour, water, salt and yeast, baked."},
    {NULL, NULL, "<|im_start|>user\nChess?<|im_end|>\n<|im_start|>assistant\n",
     "Horses! Little wooden horses that jump around corners, one after the other, all day long."},
    {NULL, NULL, "<|im_start|>user\nChess?<|im_end|>\n<|im_start|>assistant\n", "A board game."},
};
#define N_TEXTS (sizeof TEXTS / sizeof TEXTS[0])

/* ---- the other computation ------------------------------------------------------------------- */

typedef struct yardstick {
    struct llama_model *model;
    struct llama_context *ctx;
    int n_blocks, d; /* n_blocks: all but the last */
    int from;        /* first row that counts */
    double *sum;     /* (n_blocks, d) of the text being read */
    double *mean[2]; /* (n_blocks, d) per pole: sum of the texts' means */
    int n[2];
} yardstick;

static bool watch(struct ggml_tensor *t, bool ask, void *ud)
{
    yardstick *y = ud;
    const long b = strncmp(t->name, "l_out-", 6) == 0 ? strtol(t->name + 6, NULL, 10) : LONG_MAX;
    if (b >= y->n_blocks) {
        return !ask;
    }
    if (!ask) {
        float *row = malloc((size_t)y->d * sizeof *row);
        for (int64_t r = y->from; r < t->ne[1]; r++) {
            ggml_backend_tensor_get(t, row, (size_t)r * t->nb[1], (size_t)y->d * sizeof *row);
            for (int k = 0; k < y->d; k++) {
                y->sum[b * y->d + k] += (double)row[k];
            }
        }
        free(row);
    }
    return true;
}

static yardstick yardstick_open(const char *path)
{
    yardstick y = {.model = llama_model_load_from_file(path, llama_model_default_params())};
    assert_non_null(y.model);
    y.n_blocks = llama_model_n_layer(y.model) - 1;
    y.d = llama_model_n_embd(y.model);
    const size_t n = (size_t)y.n_blocks * (size_t)y.d;
    y.sum = calloc(n, sizeof *y.sum);
    y.mean[0] = calloc(n, sizeof *y.sum);
    y.mean[1] = calloc(n, sizeof *y.sum);
    return y;
}

static void yardstick_start(yardstick *y)
{
    struct llama_context_params p = llama_context_default_params();
    p.n_ctx = p.n_batch = p.n_ubatch = N_TOKENS;
    p.n_threads = p.n_threads_batch = 1;
    p.cb_eval = watch;
    p.cb_eval_user_data = y;
    y->ctx = llama_init_from_model(y->model, p);
    assert_non_null(y->ctx);
}

static void yardstick_close(yardstick *y)
{
    free(y->sum);
    free(y->mean[0]);
    free(y->mean[1]);
    llama_free(y->ctx);
    llama_model_free(y->model);
}

static int tokens_of(const yardstick *y, const char *text, bool special, llama_token *out)
{
    const int n = llama_tokenize(llama_model_get_vocab(y->model), text, (int32_t)strlen(text), out,
                                 N_TOKENS, false, special);
    assert_true(n > 0);
    return n;
}

/* Adds the mean over tokens from..n-1 of one text to its pole. */
static void yardstick_read(yardstick *y, llama_token *tokens, int n, int from, bool negative)
{
    const int size = y->n_blocks * y->d;
    assert_true(from < n);
    y->from = from;
    memset(y->sum, 0, (size_t)size * sizeof *y->sum);
    llama_memory_clear(llama_get_memory(y->ctx), true);
    assert_int_equal(llama_decode(y->ctx, llama_batch_get_one(tokens, n)), 0);
    for (int i = 0; i < size; i++) {
        y->mean[negative][i] += y->sum[i] / (n - from);
    }
    y->n[negative]++;
}

/* Relative difference to positive minus negative, the worst block's. */
static double yardstick_compare(const yardstick *y, const persona_vector *v)
{
    double worst = 0;
    assert_int_equal(v->n_layer, y->n_blocks + 1);
    for (int b = 0; b < y->n_blocks; b++) {
        double diff = 0, size = 0;
        for (int k = 0; k < y->d; k++) {
            const int i = b * y->d + k;
            const double want = y->mean[0][i] / y->n[0] - y->mean[1][i] / y->n[1];
            const double got = (double)persona_vector_row(v, b)[k];
            diff += (got - want) * (got - want);
            size += want * want;
        }
        assert_true(size > 0 && isfinite(size));
        worst = fmax(worst, sqrt(diff / size));
    }
    return worst;
}

static const char *put_lines(void)
{
    const char *path = scratch_path("texts.jsonl");
    FILE *f = fopen(path, "w");
    assert_non_null(f);
    for (size_t i = 0; i < N_TEXTS; i++) {
        put_line(f, &TEXTS[i], i % 2 == 1);
    }
    assert_int_equal(fclose(f), 0);
    return path;
}

/* ---- tests ----------------------------------------------------------------------------------- */

/* The prompt's tokens, from our rendering as text; they must be those of our rendering as
 * tokens. */
static int prompt_of(const yardstick *y, const persona_model *m, const struct text *t,
                     llama_token *out)
{
    persona_message msgs[2];
    size_t n = 0;
    persona_chat_opts o = {.skip_analysis = true};
    persona_tokens ours;
    persona_err e = {0};
    char *text = NULL;
    if (t->raw != NULL) {
        return tokens_of(y, t->raw, true, out);
    }
    if (t->system != NULL) {
        msgs[n++] = (persona_message){"system", t->system};
    }
    msgs[n++] = (persona_message){"user", t->user};
    must(persona_chat_text(m, msgs, n, &o, &text, &e), &e);
    must(persona_chat_tokens(m, msgs, n, &o, &ours, &e), &e);
    const int got = tokens_of(y, text, true, out);
    assert_int_equal(got, ours.n);
    assert_memory_equal(out, ours.ids, ours.n * sizeof *out);
    persona_tokens_free(&ours);
    free(text);
    return got;
}

static void read_text(yardstick *y, const persona_model *m, const struct text *t, bool negative)
{
    llama_token tokens[N_TOKENS], rest[N_TOKENS];
    const int n_prompt = prompt_of(y, m, t, tokens);
    char both[4096];
    int n = n_prompt;
    if (t->raw != NULL) { /* as published: tokenized together, the prompt alone says where to cut */
        snprintf(both, sizeof both, "%s%s", t->raw, t->response);
        n = tokens_of(y, both, true, tokens);
    } else {
        const int more = tokens_of(y, t->response, false, rest);
        memcpy(tokens + n, rest, (size_t)more * sizeof *rest);
        n += more;
    }
    yardstick_read(y, tokens, n, n_prompt, negative);
}

static void responses_equal_libllama(void **state)
{
    (void)state;
    const char *lines = put_lines();
    for (size_t i = 0; i < N_CASES; i++) {
        char path[512];
        persona_model *m = random_open(i, path, sizeof path);
        persona_session *s = whole_texts(m);
        persona_extract_opts o = plain();
        persona_extract_report rep;
        o.responses = lines;
        persona_vector *v = extract(s, &o, &rep);
        assert_int_equal(rep.n_kept_pos, N_TEXTS / 2);
        assert_int_equal(rep.n_kept_neg, N_TEXTS / 2);
        yardstick y = yardstick_open(path);
        yardstick_start(&y);
        for (size_t k = 0; k < N_TEXTS; k++) {
            read_text(&y, m, &TEXTS[k], k % 2 == 1);
        }
        const double worst = yardstick_compare(&y, v);
        print_message("%s %s: responses: %.2e\n", CASES[i].shape, CASES[i].type, worst);
        assert_true(worst <= 1e-5);
        yardstick_close(&y);
        persona_vector_free(v);
        persona_extract_report_clear(&rep);
        persona_session_free(s);
        persona_model_free(m);
    }
}

/* llama-cvector-generator's files: the whole line is read, position 0 does not count. */
static void prompt_files_equal_libllama(void **state)
{
    static const char *const FILES[2] = {
        "<|im_start|>user\\nTea?<|im_end|>\\n<|im_start|>assistant\\nLa la la!\nSing it with me\n",
        "<|im_start|>user\\nTea?<|im_end|>\\n<|im_start|>assistant\\nBoil water.\nI am calm\n"};
    static const char *const LINES[2][2] = {
        {"<|im_start|>user\nTea?<|im_end|>\n<|im_start|>assistant\nLa la la!", "Sing it with me"},
        {"<|im_start|>user\nTea?<|im_end|>\n<|im_start|>assistant\nBoil water.", "I am calm"}};
    (void)state;
    const char *positive = scratch_text("positive.txt", FILES[0]);
    const char *negative = scratch_text("negative.txt", FILES[1]);
    for (size_t i = 0; i < N_CASES; i++) {
        char path[512];
        persona_model *m = random_open(i, path, sizeof path);
        persona_session *s = whole_texts(m);
        persona_extract_opts o = plain();
        o.positive_file = positive;
        o.negative_file = negative;
        persona_vector *v = extract(s, &o, NULL);
        yardstick y = yardstick_open(path);
        yardstick_start(&y);
        for (size_t k = 0; k < 4; k++) {
            llama_token tokens[N_TOKENS];
            const int n = tokens_of(&y, LINES[k % 2][k / 2], true, tokens);
            yardstick_read(&y, tokens, n, 1, k % 2 == 1);
        }
        const double worst = yardstick_compare(&y, v);
        print_message("%s %s: prompt files: %.2e\n", CASES[i].shape, CASES[i].type, worst);
        assert_true(worst <= 1e-5);
        yardstick_close(&y);
        persona_vector_free(v);
        persona_session_free(s);
        persona_model_free(m);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(responses_equal_libllama),
        cmocka_unit_test(prompt_files_equal_libllama),
    };
    return cmocka_run_group_tests(tests, scratch_open, scratch_close);
}
