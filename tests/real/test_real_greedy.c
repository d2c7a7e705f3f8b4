/* SPDX-License-Identifier: MIT
 *
 * test_real_greedy.c - on each real model, 64 greedy tokens behind several prompts are those of
 * stock llama.cpp:
 * exactly those of libllama driven in our batch shapes, and those of llama-completion but for ties
 * (real.h).
 */
#include "real/real.h"

enum { N_TOKENS = 64 };

static const char *const PROMPTS[] = {
    "Water boils at a temperature of",
    "The three largest cities of France are",
    "Once upon a time, in a village by the sea, there lived",
    "def fibonacci(n):\n    \"\"\"Return the n-th Fibonacci number.\"\"\"\n",
};
#define N_PROMPTS (sizeof PROMPTS / sizeof PROMPTS[0])

/* Ours, behind the tokens that libllama makes of the prompt. */
static void greedy(persona_session *s, const llama_token *ids, int n_prompt, record *r)
{
    const persona_tokens t = {(persona_token *)(uintptr_t)ids, (size_t)n_prompt};
    persona_request q = request(&t, r, N_TOKENS);
    q.sampling.temperature = 0;
    q.sampling.ignore_eos = false;
    q.raw = true;
    run(s, &q, 1);
}

static void check_model(const char *path)
{
    persona_model *m = real_open(path);
    persona_session *s = real_session(m);
    stock theirs = stock_open(path);
    for (size_t i = 0; i < N_PROMPTS; i++) {
        llama_token ids[REAL_MOST + N_TOKENS];
        record r;
        char what[64];
        const int n_prompt = stock_tokenize(&theirs, PROMPTS[i], ids);
        greedy(s, ids, n_prompt, &r);
        const int n = stock_greedy(&theirs, ids, n_prompt, N_TOKENS);
        assert_int_equal(r.n_tokens, n);
        assert_memory_equal(r.tokens, ids + n_prompt, (size_t)n * sizeof *ids);
        snprintf(what, sizeof what, "%.24s, prompt %zu", strrchr(path, '/') + 1, i);
        if (getenv("PERSONA_ORACLE") != NULL) {
            check_completion(&theirs, ids, n_prompt, n, completion(path, PROMPTS[i], N_TOKENS, ""),
                             what);
        }
    }
    stock_close(&theirs);
    persona_session_free(s);
    persona_model_free(m);
}

int main(void)
{
    return real_main(check_model);
}
