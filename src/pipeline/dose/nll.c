/* SPDX-License-Identifier: MIT
 *
 * nll.c - texts are read, not written: every token is scored against the distribution that the
 * unsteered model has for its place. What steering has made of a text is thus measured by a model
 * that is not steered.
 */
#include "pipeline/dose/nll.h"

#include <math.h>
#include <string.h>

#include "base/mem.h"
#include "core/measure/stats.h"
#include "pipeline/ask.h"

/* One text being read. */
typedef struct reading_of {
    persona_tokens tokens;
    double sum;
    size_t n;
} reading_of;

typedef struct reader {
    persona_session *s;
    const char *const *questions, *const *answers;
    double *out;
    reading_of now; /* texts are read one after the other */
} reader;

static void on_logits(void *ud, size_t i, const float *logits, size_t n_vocab)
{
    reading_of *r = ud;
    if (i >= r->tokens.n) {
        return;
    }
    r->sum += stat_log_sum(logits, n_vocab) - (double)logits[r->tokens.ids[i]];
    r->n++;
}

static persona_code make(void *ud, size_t i, ask *q, persona_err *e)
{
    static const persona_token NOTHING[1] = {0};
    reader *r = ud;
    persona_tokens_free(&r->now.tokens);
    r->now = (reading_of){.n = 0};
    persona_code rc =
        persona_tokenize(persona_session_model(r->s), r->answers[i], false, &r->now.tokens, e);
    *q = (ask){.question = r->questions[i],
               .skip_analysis = true,
               .forced_tokens = r->now.tokens.ids != NULL ? r->now.tokens.ids : NOTHING,
               .n_forced_tokens = r->now.tokens.n,
               .want_logits = true,
               .ud = &r->now,
               .on_logits = on_logits,
               .sampling = persona_sampling_defaults()};
    return rc;
}

static persona_code done(void *ud, size_t i, answer *a, persona_err *e)
{
    reader *r = ud;
    (void)a, (void)e;
    r->out[i] = r->now.n > 0 ? r->now.sum / (double)r->now.n : (double)NAN;
    return PERSONA_OK;
}

persona_code nll_measure(persona_session *s, const char *const *questions,
                         const char *const *answers, size_t n, const char *stage,
                         const persona_hooks *hooks, double *out, persona_err *e)
{
    reader r = {.s = s, .questions = questions, .answers = answers, .out = out};
    ask_stream stream = {.ud = &r, .make = make, .done = done};
    bool *skip = mem_calloc(n, sizeof *skip);
    if (skip == NULL) {
        return mem_err(e, "texts to read");
    }
    for (size_t i = 0; i < n; i++) {
        out[i] = NAN;
        skip[i] = answers[i] == NULL || answers[i][0] == '\0';
    }
    stream.skip = skip;
    persona_code rc = ask_each(s, n, &stream, stage, hooks, e);
    persona_tokens_free(&r.now.tokens);
    mem_free(skip);
    return rc;
}
