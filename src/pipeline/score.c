/* SPDX-License-Identifier: MIT
 *
 * score.c - texts as forced replies. The distribution that predicts a token passes by in the thread
 * that computes; what is kept of it there is a list of fixed size per token, so that the session
 * is not held up.
 */
#include "pipeline/score.h"

#include <string.h>

#include "base/mem.h"
#include "base/try.h"

typedef struct scoring {
    const score_text *text;
    score *out;
    persona_code rc; /* of keeping what the probes read */
} scoring;

typedef struct scorings {
    scoring *all;
    size_t n, next;
} scorings;

static size_t first_of(const score_text *t)
{
    return t->n_prompt > 0 ? t->n_prompt : 1;
}

static persona_code check(const score_text *t, persona_err *e)
{
    if (first_of(t) >= t->n) {
        return persona_err_set(e, PERSONA_E_USAGE,
                               "scoring: no token is left behind a prompt of %zu (the text has "
                               "%zu)",
                               first_of(t), t->n);
    }
    if (t->top > TOP_LOGITS_MAX) {
        return persona_err_set(e, PERSONA_E_USAGE,
                               "scoring: %zu alternatives, at most %d are possible", t->top,
                               TOP_LOGITS_MAX);
    }
    if (t->probes != NULL && t->probes->mode != PERSONA_TAP_PROJECT) {
        return persona_err_set(e, PERSONA_E_USAGE, "scoring: the probes' tap is no projection");
    }
    return PERSONA_OK;
}

static void on_logits(void *ud, size_t i, const float *logits, size_t n_vocab)
{
    const scoring *x = ud;
    if (i < x->out->n) {
        top_logits_of(logits, n_vocab, x->text->top, x->text->tokens[first_of(x->text) + i],
                      &x->out->tokens[i]);
    }
}

static void on_done(void *ud, const persona_result *r)
{
    scoring *x = ud;
    score *out = x->out;
    const persona_acts *acts = r->n_acts > 0 ? &r->acts[0] : NULL;
    if (r->code != PERSONA_OK || acts == NULL || acts->n_positions == 0) {
        return;
    }
    const size_t n = acts->n_positions * acts->n_blocks;
    out->coordinates = mem_calloc(n, sizeof *out->coordinates);
    out->positions = mem_calloc(acts->n_positions, sizeof *out->positions);
    if (out->coordinates == NULL || out->positions == NULL) {
        x->rc = PERSONA_E_NOMEM;
        return;
    }
    memcpy(out->coordinates, acts->data, n * sizeof *out->coordinates);
    memcpy(out->positions, acts->positions, acts->n_positions * sizeof *out->positions);
    out->n_positions = acts->n_positions;
    out->n_probes = acts->n_blocks;
}

static persona_next next(void *ud, persona_request *r)
{
    scorings *w = ud;
    if (w->next == w->n) {
        return PERSONA_NEXT_END;
    }
    scoring *x = &w->all[w->next++];
    const score_text *t = x->text;
    r->prompt = t->tokens;
    r->n_prompt = first_of(t);
    r->forced = t->tokens + first_of(t);
    r->n_forced = t->n - first_of(t);
    r->raw = t->raw;
    r->want_logits = true;
    r->plan = t->plan;
    r->taps = t->probes;
    r->n_taps = t->probes != NULL;
    r->ud = x;
    r->on_logits = on_logits;
    r->on_done = on_done;
    return PERSONA_NEXT_REQUEST;
}

static persona_code open_one(const score_text *t, score *out, persona_err *e)
{
    persona_code rc = PERSONA_OK;
    TRY(check(t, e));
    out->n = t->n - first_of(t);
    out->tokens = mem_calloc(out->n, sizeof *out->tokens);
    rc = out->tokens != NULL ? PERSONA_OK : mem_err(e, "scores");
out:
    return rc;
}

persona_code score_texts(persona_session *s, const score_text *texts, size_t n,
                         persona_priority priority, const persona_hooks *hooks, score *out,
                         persona_err *e)
{
    scorings w = {.all = mem_calloc(n > 0 ? n : 1, sizeof *w.all), .n = n};
    const persona_source source = {.ud = &w, .next = next, .priority = priority};
    persona_code rc = PERSONA_OK;
    for (size_t i = 0; i < n; i++) {
        out[i] = (score){0};
    }
    TRY(w.all != NULL ? PERSONA_OK : mem_err(e, "scores"));
    for (size_t i = 0; i < n; i++) {
        w.all[i] = (scoring){&texts[i], &out[i], PERSONA_OK};
        TRY(open_one(&texts[i], &out[i], e));
    }
    TRY(persona_session_feed(s, &source, hooks, e));
    for (size_t i = 0; i < n; i++) {
        TRY(w.all[i].rc == PERSONA_OK ? PERSONA_OK : mem_err(e, "scores"));
        for (size_t k = 0; k < out[i].n; k++) {
            out[i].sum += (double)out[i].tokens[k].chosen.logprob;
        }
    }
out:
    for (size_t i = 0; i < n && rc != PERSONA_OK; i++) {
        score_clear(&out[i]);
    }
    mem_free(w.all);
    return rc;
}

void score_clear(score *x)
{
    mem_free(x->tokens);
    mem_free(x->coordinates);
    mem_free(x->positions);
    *x = (score){0};
}
