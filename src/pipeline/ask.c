/* SPDX-License-Identifier: MIT
 *
 * ask.c - questions become requests only when a slot is free, so that tokens of waiting questions
 * take no memory; answers are copied out of the scheduler when they are done.
 */
#include <string.h>

#include "base/mem.h"
#include "pipeline/ask.h"

typedef struct asking asking;

/* One question in flight. */
typedef struct flight {
    asking *all;
    size_t i;
    persona_tokens prompt, forced;
} flight;

struct asking {
    persona_session *s;
    const ask *asks;
    answer *answers;
    flight *flights;
    size_t n, at;
    const char *stage;
    const persona_hooks *hooks;
    persona_code rc; /* first failure in a callback */
    persona_err *e;
};

static void *copy(const void *p, size_t n, size_t size)
{
    void *c = mem_calloc(n, size);
    if (c != NULL && n > 0) {
        memcpy(c, p, n * size);
    }
    return c;
}

static void on_done(void *ud, const persona_result *r)
{
    flight *f = ud;
    asking *a = f->all;
    answer *out = &a->answers[f->i];
    const persona_acts *acts = &r->acts;
    out->answered = r->answered && r->finish != PERSONA_FINISH_CANCELED;
    out->finish = r->finish;
    out->n_prompt = r->n_prompt;
    out->n_answer = r->n_answer;
    out->n_steered = r->n_steered;
    out->n_tokens = r->n_tokens;
    out->text = mem_strdup(r->text);
    out->tokens = copy(r->tokens, r->n_tokens, sizeof *r->tokens);
    bool ok = out->text != NULL && out->tokens != NULL;
    if (acts->n_rows > 0) {
        out->n_blocks = acts->n_blocks;
        out->n_positions = acts->n_positions;
        out->mean = copy(acts->data, acts->n_blocks * acts->n_embd, sizeof *out->mean);
        ok = ok && out->mean != NULL;
        if (acts->norms != NULL) {
            out->norms = copy(acts->norms, acts->n_positions * acts->n_blocks, sizeof *out->norms);
            ok = ok && out->norms != NULL;
        }
    }
    if (!ok && a->rc == PERSONA_OK) {
        a->rc = mem_err(a->e, "an answer");
    }
    persona_tokens_free(&f->prompt);
    persona_tokens_free(&f->forced);
}

static void on_logits(void *ud, size_t i, const float *logits, size_t n_vocab)
{
    flight *f = ud;
    const ask *q = &f->all->asks[f->i];
    q->on_logits(q->ud, i, logits, n_vocab);
}

static persona_code load(asking *a, flight *f, const ask *q)
{
    const persona_model *m = persona_session_model(a->s);
    persona_message msgs[2];
    size_t n = 0;
    if (q->system != NULL) {
        msgs[n++] = (persona_message){"system", q->system};
    }
    msgs[n++] = (persona_message){"user", q->question};
    persona_chat_opts chat = {.skip_analysis = q->skip_analysis || q->forced != NULL};
    persona_code rc = persona_chat_tokens(m, msgs, n, &chat, &f->prompt, a->e);
    if (rc == PERSONA_OK && q->forced != NULL) {
        rc = persona_tokenize(m, q->forced, false, &f->forced, a->e);
    }
    return rc;
}

/* What to read, or NULL to generate; an empty text is something to read. */
static const persona_token *to_read(const ask *q, const flight *f)
{
    static const persona_token NOTHING[1] = {0};
    if (q->forced_tokens != NULL) {
        return q->forced_tokens;
    }
    if (q->forced == NULL) {
        return NULL;
    }
    return f->forced.ids != NULL ? f->forced.ids : NOTHING;
}

static persona_next next(void *ud, persona_request *r)
{
    asking *a = ud;
    if (a->rc != PERSONA_OK || a->at == a->n) {
        return PERSONA_NEXT_END;
    }
    const ask *q = &a->asks[a->at];
    flight *f = &a->flights[a->at];
    *f = (flight){.all = a, .i = a->at};
    a->at++;
    a->rc = load(a, f, q);
    if (a->rc != PERSONA_OK) {
        return PERSONA_NEXT_END;
    }
    *r = (persona_request){.prompt = f->prompt.ids,
                           .n_prompt = f->prompt.n,
                           .forced = to_read(q, f),
                           .n_forced = q->forced_tokens != NULL ? q->n_forced_tokens : f->forced.n,
                           .want_logits = q->want_logits,
                           .sampling = q->sampling,
                           .plan = q->plan,
                           .tap = q->tap,
                           .ud = f,
                           .on_logits = q->on_logits != NULL ? on_logits : NULL,
                           .on_done = on_done};
    return PERSONA_NEXT_REQUEST;
}

/* The session counts requests; the pipeline knows the stage and how many there are. */
static void on_progress(void *ud, const persona_progress *p)
{
    asking *a = ud;
    persona_progress mine = *p;
    mine.stage = a->stage;
    mine.total = a->n;
    a->hooks->progress(a->hooks->ud, &mine);
}

persona_code ask_all(persona_session *s, const ask *asks, size_t n, const char *stage,
                     const persona_hooks *hooks, answer *answers, persona_err *e)
{
    asking a = {
        .s = s, .asks = asks, .answers = answers, .n = n, .stage = stage, .hooks = hooks, .e = e};
    memset(answers, 0, n * sizeof *answers);
    a.flights = mem_calloc(n, sizeof *a.flights);
    if (a.flights == NULL) {
        return mem_err(e, "questions");
    }
    persona_hooks h = {.ud = &a, .cancel = hooks != NULL ? hooks->cancel : NULL};
    if (hooks != NULL && hooks->progress != NULL) {
        h.progress = on_progress;
    }
    persona_code rc = persona_session_run(s, next, &a, &h, e);
    if (rc == PERSONA_OK) {
        rc = a.rc;
    }
    for (size_t i = 0; i < a.at; i++) {
        persona_tokens_free(&a.flights[i].prompt);
        persona_tokens_free(&a.flights[i].forced);
    }
    mem_free(a.flights);
    return rc;
}

void answers_clear(answer *answers, size_t n)
{
    for (size_t i = 0; answers != NULL && i < n; i++) {
        mem_free(answers[i].text);
        mem_free(answers[i].tokens);
        mem_free(answers[i].mean);
        mem_free(answers[i].norms);
        memset(&answers[i], 0, sizeof answers[i]);
    }
}
