/* SPDX-License-Identifier: MIT
 *
 * answer.c - the worker of an answer and its end (answer.h). list.c has the list of those that run,
 * ring.c what lies between worker and reader.
 *
 * One lock for each answer. Plans are replaced under it, so that a choice that has not begun takes
 * the newest.
 */
#include "server/answer/answer.h"

#include <math.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "base/cond.h"
#include "base/mem.h"
#include "base/random.h"
#include "base/try.h"
#include "server/answer/answer_parts.h"

#define TEXT_MAX ((size_t)64 << 20)

void answer_steering_free(answer_steering *x)
{
    persona_plan_free(x->plan);
    persona_receipt_free(&x->receipt);
    *x = (answer_steering){.plan = NULL};
}

void answer_spec_free(answer_spec *x)
{
    if (x->model != NULL) {
        registry_release(x->registry, x->model);
    }
    persona_tokens_free(&x->prompt);
    mem_free(x->grammar_text);
    mem_free(x->bias);
    mem_free_list(x->stops, x->n_stops);
    answer_steering_free(&x->steering);
    persona_probes_free(x->probes);
    persona_probes_free(x->watched);
    *x = (answer_spec){.model = NULL};
}

/* ---- what the session calls, in the worker --------------------------------------------------- */

static bool release_text(answer_choice *c, const persona_token_event *t, bool analysis,
                         const char *text, size_t len)
{
    answer_event x = {.kind = ANSWER_TEXT,
                      .choice = (int)(c - c->owner->choices),
                      .analysis = analysis,
                      .token = t != NULL ? t->token : -1,
                      .index = t != NULL ? t->index : 0,
                      .text = mem_strndup(text, len)};
    if (t != NULL && t->token >= 0 && c->owner->spec.logprobs) {
        x.logprob = logprobs_of(c, t->index);
    }
    if (x.text == NULL) {
        c->code = PERSONA_E_NOMEM;
        return false;
    }
    return answer_put(c->owner, &x);
}

static void count_token(answer *a, const persona_token_event *t)
{
    if (t->token < 0) {
        return;
    }
    pthread_mutex_lock(&a->lock);
    if (a->n_tokens++ == 0) {
        a->first_token = clock_now();
    }
    pthread_mutex_unlock(&a->lock);
}

static bool is_read(answer *a)
{
    pthread_mutex_lock(&a->lock);
    const bool read = !a->dead;
    pthread_mutex_unlock(&a->lock);
    return read;
}

static bool on_token(void *ud, const persona_token_event *t)
{
    answer_choice *c = ud;
    answer *a = c->owner;
    count_token(a, t);
    if (!probe_readings_flush(c)) {
        return false;
    }
    if (t->kind == PERSONA_TOKEN_ANALYSIS) {
        return release_text(c, t, true, t->text, t->len);
    }
    if (t->kind != PERSONA_TOKEN_ANSWER) {
        return is_read(a);
    }
    if (c->stops == NULL) {
        return release_text(c, t, false, t->text, t->len);
    }
    buf_clear(&c->released);
    c->stopped = !stopwords_feed(c->stops, t->text, t->len, &c->released);
    const bool go = release_text(c, t, false, buf_str(&c->released), c->released.len);
    return go && !c->stopped;
}

/* The model thread calls this; it must not wait. */
static void on_read(void *ud, const persona_read *r)
{
    answer_choice *c = ud;
    probe_readings_take(c, r);
}

static void on_choice(void *ud, size_t i, persona_token t, const float *logits, size_t n_vocab)
{
    logprobs_take(ud, i, t, logits, n_vocab);
}

static void finish_choice(answer_choice *c, const persona_result *r)
{
    answer *a = c->owner;
    if (c->stops != NULL && !c->stopped && r->finish != PERSONA_FINISH_SINK) {
        buf_clear(&c->released);
        stopwords_end(c->stops, &c->released);
        if (c->released.len > 0) {
            (void)release_text(c, NULL, false, buf_str(&c->released), c->released.len);
        }
    }
    pthread_mutex_lock(&a->lock);
    c->finish = c->stopped ? PERSONA_FINISH_STOP : r->finish;
    c->code = c->code != PERSONA_OK ? c->code : r->code;
    snprintf(c->message, sizeof c->message, "%s",
             c->code == PERSONA_E_NOMEM ? "out of memory for an answer" : r->message);
    c->n_prompt = r->n_prompt;
    c->n_reused = r->n_reused;
    c->n_tokens = r->n_tokens;
    c->n_answer = r->n_answer;
    c->seconds = r->seconds;
    const persona_code kept = receipt_take(&c->steering, r, NULL);
    c->code = c->code != PERSONA_OK ? c->code : kept;
    if (a->spec.token_ids && r->n_tokens > 0) {
        c->ids = mem_calloc(r->n_tokens, sizeof *c->ids);
        c->code = c->ids != NULL ? c->code : PERSONA_E_NOMEM;
        if (c->ids != NULL) {
            memcpy(c->ids, r->tokens, r->n_tokens * sizeof *c->ids);
        }
    }
    c->ended = true;
    a->n_ended++;
    pthread_mutex_unlock(&a->lock);
}

static void on_done(void *ud, const persona_result *r)
{
    answer_choice *c = ud;
    answer_event x = {.kind = ANSWER_ENDED, .choice = (int)(c - c->owner->choices)};
    finish_choice(c, r);
    (void)probe_readings_flush(c);
    (void)answer_put(c->owner, &x);
}

static persona_next next(void *ud, persona_request *r)
{
    answer *a = ud;
    pthread_mutex_lock(&a->lock);
    const bool more = a->n_given < a->spec.n_choices && !a->dead;
    if (more) {
        answer_choice *c = &a->choices[a->n_given];
        c->given = true;
        r->id = c->engine_id;
        r->prompt = a->spec.prompt.ids;
        r->n_prompt = a->spec.prompt.n;
        r->raw = a->spec.raw;
        r->pace = a->spec.pace;
        r->sampling = a->spec.sampling;
        r->sampling.grammar = a->spec.grammar_text;
        r->sampling.seed += (uint32_t)a->n_given++;
        r->plan = persona_plan_ref(a->spec.steering.plan);
        a->lent[a->n_lent++] = r->plan; /* until the worker ends: a replan may come between */
        r->ud = c;
        r->on_token = on_token;
        r->on_done = on_done;
        r->on_choice = a->spec.logprobs ? on_choice : NULL;
        r->sampling.logit_bias = a->spec.bias;
        r->taps = a->taps;
        r->n_taps = a->n_taps;
        r->on_read = a->n_taps > 0 ? on_read : NULL;
    }
    pthread_mutex_unlock(&a->lock);
    return more ? PERSONA_NEXT_REQUEST : PERSONA_NEXT_END;
}

static void *work(void *ud)
{
    answer *a = ud;
    persona_err e = {.code = PERSONA_OK};
    const persona_source source = {.ud = a, .next = next, .priority = PERSONA_PRIORITY_INTERACTIVE};
    const persona_code rc = persona_session_feed(a->spec.model->session, &source, NULL, &e);
    pthread_mutex_lock(&a->lock);
    for (int i = 0; i < a->spec.n_choices; i++) { /* of a session that was stopped */
        answer_choice *c = &a->choices[i];
        if (!c->ended) {
            c->ended = true;
            c->finish = PERSONA_FINISH_CANCELED;
            c->code = rc != PERSONA_OK ? rc : PERSONA_E_CANCELED;
            snprintf(c->message, sizeof c->message, "%s", e.msg);
        }
    }
    a->closed = true;
    pthread_cond_broadcast(&a->news);
    pthread_mutex_unlock(&a->lock);
    return NULL;
}

/* ---- life ------------------------------------------------------------------------------------ */

void answer_make_id(answer *a)
{
    enum { BYTES = 12 };
    char hex[2 * BYTES + 1];
    (void)random_hex(hex, BYTES);
    snprintf(a->id, sizeof a->id, "%.12s-%s%llx", a->spec.kind, hex,
             (unsigned long long)(a->number % 4096));
}

static persona_code init_choice(answer *a, int i, persona_err *e)
{
    answer_choice *c = &a->choices[i];
    c->owner = a;
    c->engine_id = a->number * ANSWER_CHOICES_MAX + (uint64_t)i + 1;
    buf_init(&c->released, TEXT_MAX);
    if (a->spec.n_stops > 0) {
        c->stops = mem_calloc(1, sizeof *c->stops);
        return c->stops != NULL ? stopwords_init(c->stops, (const char *const *)a->spec.stops,
                                                 a->spec.n_stops, e)
                                : mem_err(e, "stop texts");
    }
    return PERSONA_OK;
}

static void answer_destroy(answer *a)
{
    ring_free(a);
    for (int i = 0; i < a->spec.n_choices; i++) {
        buf_free(&a->choices[i].released);
        mem_free(a->choices[i].stops);
        receipt_done_free(&a->choices[i].steering);
        probe_readings_free(&a->choices[i]);
        mem_free(a->choices[i].logits);
        mem_free(a->choices[i].ids);
    }
    for (size_t i = 0; i < a->n_lent; i++) {
        persona_plan_free(a->lent[i]);
    }
    for (size_t i = 0; i < a->n_changes; i++) {
        mem_free(a->changes[i].expression);
    }
    mem_free(a->changes);
    mem_free(a->probed);
    answer_spec_free(&a->spec);
    pthread_cond_destroy(&a->news);
    pthread_cond_destroy(&a->room);
    pthread_mutex_destroy(&a->lock);
    mem_free(a);
}

static void init_sync(answer *a)
{
    pthread_mutex_init(&a->lock, NULL);
    cond_init(&a->news);
    cond_init(&a->room);
}

static persona_code start_worker(answer *a, persona_err *e)
{
    enum { STACK = 512 << 10 };
    pthread_attr_t attr;
    pthread_attr_init(&attr);
    pthread_attr_setstacksize(&attr, STACK);
    const int failed = pthread_create(&a->worker, &attr, work, a);
    pthread_attr_destroy(&attr);
    return failed == 0
               ? PERSONA_OK
               : persona_err_set(e, PERSONA_E_UNAVAILABLE, "the system gives no further thread");
}

persona_code answer_start(answers *l, answer_spec *spec, answer **out, bool *busy, persona_err *e)
{
    persona_code rc = PERSONA_OK;
    answer *a = mem_calloc(1, sizeof *a);
    *out = NULL;
    *busy = false;
    if (a == NULL) {
        answer_spec_free(spec);
        return mem_err(e, "an answer");
    }
    a->spec = *spec;
    *spec = (answer_spec){.model = NULL};
    a->list = l;
    a->created = (int64_t)time(NULL);
    a->begun = clock_now();
    a->first_token = (double)NAN;
    init_sync(a);
    rc = probed_init(a, e);
    rc = rc == PERSONA_OK ? ring_init(a, e) : rc;
    rc = rc == PERSONA_OK ? answers_enter(l, a, busy, e) : rc;
    if (rc != PERSONA_OK) {
        answer_destroy(a);
        return rc;
    }
    for (int i = 0; i < a->spec.n_choices; i++) {
        TRY(init_choice(a, i, e));
    }
    TRY(start_worker(a, e));
    *out = a;
    a = NULL;
out:
    if (a != NULL) {
        answers_leave(l, a);
        answer_destroy(a);
    }
    return rc;
}

const char *answer_id(const answer *a)
{
    return a->id;
}

int64_t answer_created(const answer *a)
{
    return a->created;
}

double answer_first_token_s(answer *a)
{
    pthread_mutex_lock(&a->lock);
    const double s = a->first_token - a->begun;
    pthread_mutex_unlock(&a->lock);
    return s;
}

const answer_spec *answer_spec_of(const answer *a)
{
    return &a->spec;
}

const answer_choice *answer_choice_of(const answer *a, int i)
{
    return &a->choices[i];
}

void answer_free(answer *a)
{
    if (a == NULL) {
        return;
    }
    pthread_mutex_lock(&a->lock);
    a->dead = true;
    pthread_cond_broadcast(&a->room);
    pthread_mutex_unlock(&a->lock);
    answer_cancel(a);
    pthread_join(a->worker, NULL);
    answers_leave(a->list, a);
    answer_destroy(a);
}
