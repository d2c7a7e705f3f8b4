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
#include "base/try.h"
#include "core/measure/stats.h"
#include "pipeline/ask.h"

/* One text being read. */
typedef struct reading_of {
    const persona_token *tokens; /* n_tokens, of the question's */
    size_t n_tokens;
    double sum;
    size_t n;
} reading_of;

typedef struct reader {
    const char *const *questions, *const *answers;
    reading_of *texts; /* several may be under way */
    double *out;
} reader;

static void on_logits(void *ud, size_t i, const float *logits, size_t n_vocab)
{
    reading_of *r = ud;
    if (i >= r->n_tokens) {
        return;
    }
    r->sum += stat_log_sum(logits, n_vocab) - (double)logits[r->tokens[i]];
    r->n++;
}

static persona_code take_tokens(void *ud, const persona_tokens *t, persona_err *e)
{
    reading_of *r = ud;
    (void)e;
    r->tokens = t->ids;
    r->n_tokens = t->n;
    return PERSONA_OK;
}

static persona_code make(void *ud, size_t i, ask *q, persona_err *e)
{
    reader *r = ud;
    (void)e;
    *q = (ask){.question = r->questions[i],
               .skip_analysis = true,
               .forced = r->answers[i],
               .take_forced = take_tokens,
               .want_logits = true,
               .ud = &r->texts[i],
               .on_logits = on_logits,
               .sampling = persona_sampling_defaults()};
    return PERSONA_OK;
}

static persona_code done(void *ud, size_t i, answer *a, persona_err *e)
{
    const reader *r = ud;
    const reading_of *x = &r->texts[i];
    (void)a, (void)e;
    r->out[i] = x->n > 0 ? x->sum / (double)x->n : (double)NAN;
    return PERSONA_OK;
}

persona_code nll_measure(persona_session *s, const char *const *questions,
                         const char *const *answers, size_t n, const char *stage,
                         const persona_hooks *hooks, double *out, persona_err *e)
{
    reader r = {.questions = questions, .answers = answers, .out = out};
    ask_stream stream = {.ud = &r, .make = make, .done = done};
    bool *skip = mem_calloc(n, sizeof *skip);
    persona_code rc = PERSONA_OK;
    r.texts = mem_calloc(n, sizeof *r.texts);
    TRY(skip != NULL && r.texts != NULL ? PERSONA_OK : mem_err(e, "texts to read"));
    for (size_t i = 0; i < n; i++) {
        out[i] = NAN;
        skip[i] = answers[i] == NULL || answers[i][0] == '\0';
    }
    stream.skip = skip;
    rc = ask_each(s, n, &stream, stage, hooks, e);
out:
    mem_free(r.texts);
    mem_free(skip);
    return rc;
}
