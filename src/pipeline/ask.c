/* SPDX-License-Identifier: MIT
 *
 * ask.c - questions become requests only when a slot is free, so that tokens of waiting questions
 * take no memory; answers are copied out of the scheduler when they are done and handed on.
 *
 * Questions behind the same texts (a system text, a conversation) share the tokens before the
 * question: the common prefix of the prompt and of a probe with another question behind them. It
 * depends on the question alone, which fixed shapes need (persona_session_opts.fixed_shape).
 */
#include "pipeline/ask.h"

#include <string.h>

#include "base/hash.h"
#include "base/mem.h"
#include "base/try.h"

enum { SHARED_MESSAGES = 3 };

typedef struct asking asking;

/* One question in flight. */
typedef struct flight {
    asking *all;
    size_t i;
    bool busy;
    ask q;
    persona_tap taps[2];
    persona_tokens prompt, forced;
} flight;

struct asking {
    persona_session *s;
    const ask_stream *stream;
    size_t n, at, n_skipped;
    flight *flights; /* n_flights: one per slot, and as many made ahead for a model thread */
    size_t n_flights;
    uint64_t probe_of; /* what `probe` has before the question: sum of its texts */
    persona_tokens probe;
    const char *stage;
    const persona_hooks *hooks;
    persona_code rc; /* first failure in a callback, or of a question */
    persona_err *e;
};

/* ---- answers --------------------------------------------------------------------------------- */

static void *copy(const void *p, size_t n, size_t size)
{
    void *c = mem_calloc(n, size);
    if (c != NULL && n > 0) {
        memcpy(c, p, n * size);
    }
    return c;
}

/* Copies a result; false: out of memory. */
static bool take(answer *out, const persona_result *r)
{
    const persona_acts *acts = r->n_acts > 0 ? &r->acts[0] : NULL;
    *out = (answer){.answered = r->answered,
                    .finish = r->finish,
                    .n_prompt = r->n_prompt,
                    .n_answer = r->n_answer,
                    .n_steered = r->n_steered,
                    .moved = r->moved,
                    .n_tokens = r->n_tokens,
                    .text = mem_strdup(r->text),
                    .analysis = mem_strdup(r->analysis),
                    .tokens = copy(r->tokens, r->n_tokens, sizeof *r->tokens)};
    bool ok = out->text != NULL && out->analysis != NULL && out->tokens != NULL;
    if (acts != NULL && acts->n_rows > 0) {
        out->n_blocks = acts->n_blocks;
        out->n_positions = acts->n_positions;
        out->mean =
            copy(acts->data, acts->n_rows * acts->n_blocks * acts->width, sizeof *out->mean);
        ok = ok && out->mean != NULL;
        if (acts->norms != NULL) {
            out->norms = copy(acts->norms, acts->n_positions * acts->n_blocks, sizeof *out->norms);
            ok = ok && out->norms != NULL;
        }
        if (acts->positions != NULL) {
            out->positions = copy(acts->positions, acts->n_positions, sizeof *out->positions);
            ok = ok && out->positions != NULL;
        }
    }
    if (acts != NULL && r->n_acts > 1 && r->acts[1].n_rows > 0) {
        const persona_acts *also = &r->acts[1];
        out->n_also = also->n_rows * also->n_blocks * also->width;
        out->also = copy(also->data, out->n_also, sizeof *out->also);
        ok = ok && out->also != NULL;
    }
    return ok;
}

void answer_clear(answer *a)
{
    mem_free(a->text);
    mem_free(a->analysis);
    mem_free(a->tokens);
    mem_free(a->mean);
    mem_free(a->norms);
    mem_free(a->positions);
    mem_free(a->also);
    memset(a, 0, sizeof *a);
}

void answers_clear(answer *answers, size_t n)
{
    for (size_t i = 0; answers != NULL && i < n; i++) {
        answer_clear(&answers[i]);
    }
}

/* ---- callbacks of the session ---------------------------------------------------------------- */

static void land(flight *f)
{
    persona_tokens_free(&f->prompt);
    persona_tokens_free(&f->forced);
    f->busy = false;
}

static persona_code blame(const asking *a, size_t i, persona_code rc)
{
    return rc != PERSONA_OK && a->stream->blame != NULL
               ? a->stream->blame(a->stream->ud, i, rc, a->e)
               : rc;
}

static void on_done(void *ud, const persona_result *r)
{
    flight *f = ud;
    asking *a = f->all;
    if (a->rc == PERSONA_OK && r->finish == PERSONA_FINISH_FAILED) {
        a->rc = blame(a, f->i, persona_err_set(a->e, r->code, "%s", r->message));
    } else if (a->rc == PERSONA_OK && r->finish != PERSONA_FINISH_CANCELED) {
        answer out = {0};
        const bool taken = take(&out, r);
        out.prompt = f->prompt.ids;
        a->rc =
            taken ? a->stream->done(a->stream->ud, f->i, &out, a->e) : mem_err(a->e, "an answer");
        answer_clear(&out);
    }
    land(f);
}

static void on_logits(void *ud, size_t i, const float *logits, size_t n_vocab)
{
    flight *f = ud;
    f->q.on_logits(f->q.ud, i, logits, n_vocab);
}

/* After a failure elsewhere, answers in flight need not be finished. */
static bool on_token(void *ud, const persona_token_event *event)
{
    (void)event;
    return ((flight *)ud)->all->rc == PERSONA_OK;
}

/* ---- questions ------------------------------------------------------------------------------- */

static bool answers_at_once(const ask *q)
{
    return q->skip_analysis || q->forced != NULL;
}

/* The conversation of q, with `question` as its last text. */
static persona_code render(const asking *a, const ask *q, const char *question, persona_tokens *out)
{
    persona_code rc = PERSONA_OK;
    persona_message two[2], *msgs = two;
    size_t n = 0;
    if (q->messages != NULL) {
        msgs = mem_calloc(q->n_messages, sizeof *msgs);
        TRY(msgs != NULL ? PERSONA_OK : mem_err(a->e, "a conversation"));
        n = q->n_messages;
        memcpy(msgs, q->messages, n * sizeof *msgs);
        if (question != NULL) {
            msgs[n - 1].content = question;
        }
    } else {
        if (q->system != NULL) {
            two[n++] = (persona_message){"system", q->system};
        }
        two[n++] = (persona_message){"user", question != NULL ? question : q->question};
    }
    const persona_chat_opts chat = {.skip_analysis = answers_at_once(q)};
    TRY(persona_chat_tokens(persona_session_model(a->s), msgs, n, &chat, out, a->e));
out:
    if (msgs != two) {
        mem_free(msgs);
    }
    return rc;
}

static uint64_t add_text(uint64_t h, const char *s)
{
    return hash_bytes(h, s, strlen(s) + 1);
}

/* Of everything that stands before the question; another sum is another probe. */
static uint64_t sum_before(const ask *q)
{
    uint64_t h = add_text(HASH_SEED, answers_at_once(q) ? "at once" : "");
    if (q->messages == NULL) {
        return q->system != NULL ? add_text(h, q->system) : h;
    }
    for (size_t i = 0; i + 1 < q->n_messages; i++) {
        h = add_text(add_text(h, q->messages[i].role), q->messages[i].content);
    }
    return add_text(h, q->messages[q->n_messages - 1].role);
}

/* Makes a->probe the prompt of another question behind the same texts. */
static persona_code probe_for(asking *a, const ask *q)
{
    const uint64_t of = sum_before(q);
    if (a->probe.ids != NULL && of == a->probe_of) {
        return PERSONA_OK;
    }
    persona_tokens_free(&a->probe);
    a->probe_of = of;
    return render(a, q, "x", &a->probe);
}

/* Leading tokens that other questions have, too. Conversations of one turn come from texts that are
 * read, each with a question of its own. */
static persona_code find_prefix(asking *a, const flight *f, size_t *out)
{
    *out = f->q.same_prompt && f->prompt.n > 0 ? f->prompt.n - 1 : 0;
    if (*out > 0 || f->q.raw != NULL ||
        (f->q.messages != NULL && f->q.n_messages < SHARED_MESSAGES)) {
        return PERSONA_OK;
    }
    persona_code rc = probe_for(a, &f->q);
    size_t k = 0;
    while (rc == PERSONA_OK && k + 1 < f->prompt.n && k < a->probe.n &&
           f->prompt.ids[k] == a->probe.ids[k]) {
        k++;
    }
    *out = k;
    return rc;
}

/* As published: prompt and response are tokenized together, and the prompt alone tells where the
 * response begins. */
static persona_code load_raw(asking *a, flight *f)
{
    const persona_model *m = persona_session_model(a->s);
    persona_code rc = persona_raw_tokens(m, f->q.raw, false, &f->prompt, a->e);
    if (rc != PERSONA_OK || f->q.forced == NULL) {
        return rc;
    }
    char *both = mem_printf("%s%s", f->q.raw, f->q.forced);
    if (both == NULL) {
        return mem_err(a->e, "a text");
    }
    size_t n_prompt = f->prompt.n;
    persona_tokens_free(&f->prompt);
    rc = persona_raw_tokens(m, both, true, &f->prompt, a->e);
    mem_free(both);
    if (rc == PERSONA_OK && f->prompt.n > n_prompt) {
        f->forced.n = f->prompt.n - n_prompt;
        f->forced.ids = copy(f->prompt.ids + n_prompt, f->forced.n, sizeof *f->forced.ids);
        f->prompt.n = n_prompt;
        rc = f->forced.ids != NULL ? PERSONA_OK : mem_err(a->e, "a text");
    }
    return rc;
}

static persona_code load(asking *a, flight *f)
{
    const persona_model *m = persona_session_model(a->s);
    persona_code rc = PERSONA_OK;
    TRY(a->stream->make(a->stream->ud, f->i, &f->q, a->e));
    if (f->q.raw != NULL) {
        TRY(load_raw(a, f));
        goto out;
    }
    TRY(render(a, &f->q, NULL, &f->prompt));
    if (f->q.forced != NULL) {
        TRY(persona_tokenize_reply(m, &f->prompt, f->q.forced, &f->forced, a->e));
    }
    if (f->q.take_forced != NULL) {
        TRY(f->q.take_forced(f->q.ud, &f->forced, a->e));
    }
out:
    return rc;
}

/* What to read, or NULL to generate; an empty text is something to read. */
static const persona_token *to_read(const flight *f)
{
    static const persona_token NOTHING[1] = {0};
    if (f->q.forced_tokens != NULL) {
        return f->q.forced_tokens;
    }
    if (f->q.forced == NULL) {
        return NULL;
    }
    return f->forced.ids != NULL ? f->forced.ids : NOTHING;
}

static flight *free_flight(asking *a)
{
    for (size_t i = 0; i < a->n_flights; i++) {
        if (!a->flights[i].busy) {
            return &a->flights[i];
        }
    }
    return NULL;
}

/* Both taps of a question, or the one that it has. */
static size_t take_taps(flight *f)
{
    size_t n = 0;
    if (f->q.tap != NULL) {
        f->taps[n++] = *f->q.tap;
        if (f->q.also != NULL) {
            f->taps[n++] = *f->q.also;
        }
    }
    return n;
}

static persona_next next(void *ud, persona_request *r)
{
    asking *a = ud;
    while (a->stream->skip != NULL && a->at < a->n && a->stream->skip[a->at]) {
        a->at++;
    }
    flight *f = free_flight(a);
    if (a->rc != PERSONA_OK || a->at == a->n) {
        return PERSONA_NEXT_END;
    }
    if (f == NULL) {
        return PERSONA_NEXT_LATER;
    }
    *f = (flight){.all = a, .i = a->at++, .busy = true};
    size_t n_prefix = 0;
    a->rc = blame(a, f->i, load(a, f));
    if (a->rc == PERSONA_OK) {
        a->rc = find_prefix(a, f, &n_prefix);
    }
    if (a->rc != PERSONA_OK) {
        land(f);
        return PERSONA_NEXT_END;
    }
    const size_t n_taps = take_taps(f);
    *r = (persona_request){.prompt = f->prompt.ids,
                           .n_prompt = f->prompt.n,
                           .n_prefix = n_prefix,
                           .forced = to_read(f),
                           .n_forced =
                               f->q.forced_tokens != NULL ? f->q.n_forced_tokens : f->forced.n,
                           .raw = f->q.raw != NULL,
                           .want_logits = f->q.want_logits,
                           .sampling = f->q.sampling,
                           .plan = f->q.plan,
                           .taps = f->taps,
                           .n_taps = n_taps,
                           .ud = f,
                           .on_token = on_token,
                           .on_logits = f->q.on_logits != NULL ? on_logits : NULL,
                           .on_done = on_done};
    return PERSONA_NEXT_REQUEST;
}

/* The session counts requests; the pipeline knows the stage and how many there are. */
static void on_progress(void *ud, const persona_progress *p)
{
    asking *a = ud;
    persona_progress mine = *p;
    mine.stage = a->stage;
    mine.done += a->n_skipped - a->stream->n_others;
    mine.total = a->n - a->stream->n_others;
    a->hooks->progress(a->hooks->ud, &mine);
}

/* ---- the two ways ---------------------------------------------------------------------------- */

persona_code ask_each(persona_session *s, size_t n, const ask_stream *stream, const char *stage,
                      const persona_hooks *hooks, persona_err *e)
{
    persona_err mine = {.code = PERSONA_OK};
    asking a = {.s = s, .stream = stream, .n = n, .stage = stage, .hooks = hooks, .e = &mine};
    const size_t n_slots = (size_t)persona_session_opts_get(s)->n_slots;
    a.n_flights = 2 * n_slots;
    for (size_t i = 0; stream->skip != NULL && i < n; i++) {
        a.n_skipped += stream->skip[i];
    }
    a.flights = mem_calloc(a.n_flights, sizeof *a.flights);
    if (a.flights == NULL) {
        return mem_err(e, "questions");
    }
    persona_hooks h = {.ud = &a, .cancel = hooks != NULL ? hooks->cancel : NULL};
    if (hooks != NULL && hooks->progress != NULL) {
        h.progress = on_progress;
    }
    persona_code rc = PERSONA_OK;
    if (a.n_skipped < n) {
        persona_session_shape(s, n < n_slots ? (int)n : (int)n_slots);
        rc = persona_session_run(s, next, &a, &h, e);
    }
    if (a.rc != PERSONA_OK) { /* said with more context than the session has */
        rc = a.rc;
        if (e != NULL) {
            *e = mine;
        }
    }
    for (size_t i = 0; i < a.n_flights; i++) {
        land(&a.flights[i]);
    }
    persona_tokens_free(&a.probe);
    mem_free(a.flights);
    return rc;
}

typedef struct arrays {
    const ask *asks;
    answer *answers;
} arrays;

static persona_code make_of_array(void *ud, size_t i, ask *q, persona_err *e)
{
    (void)e;
    *q = ((arrays *)ud)->asks[i];
    return PERSONA_OK;
}

static persona_code done_to_array(void *ud, size_t i, answer *a, persona_err *e)
{
    (void)e;
    a->prompt = NULL;
    ((arrays *)ud)->answers[i] = *a;
    memset(a, 0, sizeof *a);
    return PERSONA_OK;
}

persona_code ask_all(persona_session *s, const ask *asks, size_t n, const char *stage,
                     const persona_hooks *hooks, answer *answers, persona_err *e)
{
    arrays a = {.asks = asks, .answers = answers};
    ask_stream stream = {.ud = &a, .make = make_of_array, .done = done_to_array};
    memset(answers, 0, n * sizeof *answers);
    return ask_each(s, n, &stream, stage, hooks, e);
}
