/* SPDX-License-Identifier: MIT
 *
 * models.h - what the engine tests share: the embedded pair, and one request recorded bit by bit.
 */
#ifndef TESTS_MODELS_H
#define TESTS_MODELS_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "persona/persona.h"

#ifndef PERSONA_SOURCE_DIR
#define PERSONA_SOURCE_DIR "."
#endif

static const char *const MODEL_FILES[] = {"persona-qwen2.gguf", "persona-gpt-oss.gguf"};
#define N_MODELS 2

static inline void must(persona_code rc, const persona_err *e)
{
    if (rc != PERSONA_OK) {
        fail_msg("%s: %s", persona_code_name(rc), e->msg);
    }
}

static inline persona_model *open_model(size_t i)
{
    char path[512];
    persona_err e = {0};
    persona_model *m = NULL;
    const char *dir = getenv("PERSONA_TEST_MODELS");
    snprintf(path, sizeof path, "%s/%s", dir != NULL ? dir : PERSONA_SOURCE_DIR "/models",
             MODEL_FILES[i]);
    must(persona_model_open(path, NULL, &m, &e), &e);
    return m;
}

static inline persona_tokens chat(persona_model *m, const char *system, const char *user)
{
    persona_message msgs[2];
    size_t n = 0;
    persona_err e = {0};
    persona_tokens t;
    persona_chat_opts o = {.skip_analysis = true};
    if (system != NULL) {
        msgs[n++] = (persona_message){"system", system};
    }
    msgs[n++] = (persona_message){"user", user};
    must(persona_chat_tokens(m, msgs, n, &o, &t, &e), &e);
    return t;
}

/* Everything a request produced: all logits hashed, tokens, captured rows. */
typedef struct record {
    uint64_t hash;
    size_t n_logits;
    persona_token tokens[512];
    size_t n_tokens, n_steered, n_reused;
    float *acts;
    size_t n_acts, n_rows, n_positions;
    char text[4096];
    persona_finish finish;
    bool done;
} record;

static inline void record_logits(void *ud, size_t i, const float *logits, size_t n)
{
    record *r = ud;
    (void)i;
    const unsigned char *p = (const unsigned char *)logits;
    for (size_t k = 0; k < n * sizeof *logits; k++) {
        r->hash = (r->hash ^ p[k]) * 1099511628211u;
    }
    r->n_logits++;
}

static inline void record_done(void *ud, const persona_result *x)
{
    record *r = ud;
    r->n_tokens = x->n_tokens < 512 ? x->n_tokens : 512;
    memcpy(r->tokens, x->tokens, r->n_tokens * sizeof *x->tokens);
    snprintf(r->text, sizeof r->text, "%s", x->text);
    r->n_steered = x->n_steered;
    r->n_reused = x->n_reused;
    r->finish = x->finish;
    r->done = true;
    if (x->n_acts == 0) {
        return;
    }
    const persona_acts *acts = &x->acts[0];
    r->n_rows = acts->n_rows;
    r->n_positions = acts->n_positions;
    r->n_acts = acts->n_rows * acts->n_blocks * acts->width;
    if (r->n_acts > 0) {
        r->acts = malloc(r->n_acts * sizeof(float));
        assert_non_null(r->acts);
        memcpy(r->acts, acts->data, r->n_acts * sizeof(float));
    }
}

static inline persona_request request(const persona_tokens *t, record *r, int max_tokens)
{
    persona_request q = {.prompt = t->ids,
                         .n_prompt = t->n,
                         .sampling = persona_sampling_defaults(),
                         .ud = r,
                         .on_logits = record_logits,
                         .on_done = record_done};
    memset(r, 0, sizeof *r);
    r->hash = 14695981039346656037u;
    q.sampling.max_tokens = max_tokens;
    q.sampling.ignore_eos = true;
    return q;
}

static inline void run(persona_session *s, const persona_request *q, size_t n)
{
    persona_err e = {0};
    must(persona_session_run_all(s, q, n, NULL, &e), &e);
}

/* A vector of the size of the residual stream, different per block. */
static inline void noise(float *v, int n, unsigned seed, float scale)
{
    uint32_t x = seed * 2654435761u + 1;
    for (int i = 0; i < n; i++) {
        x ^= x << 13;
        x ^= x >> 17;
        x ^= x << 5;
        v[i] = scale * ((float)(x % 2001) - 1000.0F) / 1000.0F;
    }
}

static inline persona_session *session(persona_model *m, persona_session_opts o)
{
    persona_err e = {0};
    persona_session *s = NULL;
    must(persona_session_new(m, &o, &s, &e), &e);
    return s;
}

static inline persona_session_opts small(int n_slots)
{
    persona_session_opts o = persona_session_defaults();
    o.n_slots = n_slots;
    o.n_ctx = 256;
    o.n_threads = 1;
    return o;
}

#endif
