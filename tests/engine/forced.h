/* SPDX-License-Identifier: MIT
 *
 * forced.h - what tests of reading texts share: models of random weights, sessions that read a
 * text in one call, extractions without steering, and files of responses.
 */
#ifndef TESTS_FORCED_H
#define TESTS_FORCED_H

#include "models.h"
#include "support/random_model.h"
#include "unit/scratch.h"

#define N_TOKENS 512 /* of the longest text, and of a call */

/* passes: how far one pass may be from two. Another batch shape rounds quantized activations
 * differently, which now and then sends a token to another expert: with all experts in use instead
 * of
 * 2 of 4 the difference is a third. */
static const struct noise_model {
    const char *shape, *type, *experts;
    double passes;
} CASES[] = {
    {"tiny-qwen2", "F16", NULL, 0.002},      {"tiny-qwen2", "Q4_K", NULL, 0.02},
    {"tiny-gpt-oss", "F16", NULL, 0.02},     {"tiny-gpt-oss", "Q4_K", NULL, 0.04},
    {"tiny-gpt-oss", "Q8_0", "MXFP4", 0.04},
};
#define N_CASES (sizeof CASES / sizeof CASES[0])

/* A conversation, or a raw prompt. */
struct text {
    const char *system, *user, *raw, *response;
};

static inline persona_model *random_open(size_t i, char *path, size_t size)
{
    persona_err e = {0};
    persona_model *m = NULL;
    random_model shape;
    assert_true(random_model_like(CASES[i].shape, &shape));
    shape.type = CASES[i].type;
    shape.expert_type = CASES[i].experts;
    snprintf(path, size, "%s/%zu.gguf", scratch_folder, i);
    if (access(path, F_OK) != 0) {
        must(random_model_write(&shape, path, &e), &e);
    }
    must(persona_model_open(path, NULL, &m, &e), &e);
    return m;
}

/* As the command line reads texts: each in one call. */
static inline persona_session *whole_texts(persona_model *m)
{
    persona_session_opts o = small(2);
    o.n_ctx = o.n_batch = N_TOKENS;
    o.n_threads = 1;
    o.fixed_shape = true;
    return session(m, o);
}

static inline persona_extract_opts plain(void)
{
    persona_extract_opts o = persona_extract_defaults();
    o.choose_layer = false;
    o.calibrate = false;
    return o;
}

static inline persona_vector *extract(persona_session *s, const persona_extract_opts *o,
                                      persona_extract_report *rep)
{
    persona_vector *v = NULL;
    persona_trait *t = NULL;
    persona_questions *q = NULL;
    persona_err e = {0};
    must(persona_trait_read(PERSONA_SOURCE_DIR "/traits/silly.json", &t, &e), &e);
    must(persona_questions_read(PERSONA_SOURCE_DIR "/models/questions.json", &q, &e), &e);
    must(persona_extract(s, t, q, o, NULL, &v, rep, &e), &e);
    persona_trait_free(t);
    persona_questions_free(q);
    return v;
}

static inline void put_string(FILE *f, const char *text)
{
    fputc('"', f);
    for (; *text != '\0'; text++) {
        if (*text == '\n') {
            fputs("\\n", f);
        } else {
            fputs(*text == '"' || *text == '\\' ? "\\" : "", f);
            fputc(*text, f);
        }
    }
    fputc('"', f);
}

static inline void put_message(FILE *f, const char *role, const char *text, const char *end)
{
    if (text != NULL) {
        fprintf(f, "{\"role\":\"%s\",\"content\":", role);
        put_string(f, text);
        fprintf(f, "}%s", end);
    }
}

static inline void put_line(FILE *f, const struct text *t, bool negative)
{
    fputc('{', f);
    if (t->raw != NULL) {
        fputs("\"prompt\":", f);
        put_string(f, t->raw);
    } else {
        fputs("\"messages\":[", f);
        put_message(f, "system", t->system, ",");
        put_message(f, "user", t->user, "]");
    }
    fputs(",\"response\":", f);
    put_string(f, t->response);
    fprintf(f, ",\"polarity\":\"%s\"}\n", negative ? "negative" : "positive");
}

#endif
