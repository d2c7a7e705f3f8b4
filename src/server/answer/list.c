/* SPDX-License-Identifier: MIT
 *
 * list.c - the answers that run: how many there may be, which they are, steering and canceling them
 * from outside, sums over those that have ended.
 *
 * Locks: the list's before an answer's. An answer is in the list from answers_enter to
 * answers_leave, and is never freed before that; so whoever holds the list's lock may look at it.
 */
#include <math.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "base/mem.h"
#include "base/try.h"
#include "server/answer/answer_parts.h"

struct answers {
    pthread_mutex_t lock;
    answer *first;
    size_t n, most;
    uint64_t number;
    bool closed;
    answers_totals totals;
    ended_list ended;
};

persona_code answers_new(size_t most, answers **out, persona_err *e)
{
    answers *l = mem_calloc(1, sizeof *l);
    *out = l;
    if (l == NULL) {
        return mem_err(e, "a list of answers");
    }
    l->most = most;
    pthread_mutex_init(&l->lock, NULL);
    return PERSONA_OK;
}

void answers_free(answers *l)
{
    if (l != NULL) {
        ended_free(&l->ended);
        pthread_mutex_destroy(&l->lock);
        mem_free(l);
    }
}

size_t answers_running(answers *l)
{
    pthread_mutex_lock(&l->lock);
    const size_t n = l->n;
    pthread_mutex_unlock(&l->lock);
    return n;
}

answers_totals answers_totals_get(answers *l)
{
    pthread_mutex_lock(&l->lock);
    const answers_totals t = l->totals;
    pthread_mutex_unlock(&l->lock);
    return t;
}

void answers_close(answers *l)
{
    pthread_mutex_lock(&l->lock);
    l->closed = true;
    pthread_mutex_unlock(&l->lock);
}

bool answers_closed(answers *l)
{
    pthread_mutex_lock(&l->lock);
    const bool closed = l->closed;
    pthread_mutex_unlock(&l->lock);
    return closed;
}

persona_code answers_enter(answers *l, answer *a, bool *busy, persona_err *e)
{
    persona_code rc = PERSONA_OK;
    pthread_mutex_lock(&l->lock);
    *busy = l->n >= l->most;
    if (l->closed) {
        rc = persona_err_set(e, PERSONA_E_UNAVAILABLE, "the server is ending");
    } else if (*busy) {
        l->totals.n_refused++;
        rc = persona_err_set(e, PERSONA_E_UNAVAILABLE,
                             "%zu requests are running or waiting already; try again", l->n);
    } else {
        a->number = ++l->number;
        answer_make_id(a); /* whoever finds it in the list reads it */
        a->next = l->first;
        l->first = a;
        l->n++;
        l->totals.n_started++;
    }
    pthread_mutex_unlock(&l->lock);
    return rc;
}

static const char DONE[] = "done", FAILED[] = "failed", CANCELED[] = "canceled";

static const char *finish_of(const answer *a)
{
    bool failed = false, canceled = a->n_given == 0;
    for (int i = 0; i < a->spec.n_choices; i++) {
        failed = failed || a->choices[i].finish == PERSONA_FINISH_FAILED;
        canceled = canceled || a->choices[i].finish == PERSONA_FINISH_CANCELED;
    }
    return failed ? FAILED : canceled ? CANCELED : DONE;
}

static void add_totals(answers_totals *t, const answer *a, const char *finish)
{
    for (int i = 0; i < a->spec.n_choices; i++) {
        const answer_choice *c = &a->choices[i];
        t->n_prompt_tokens += c->n_prompt;
        t->n_reused_tokens += c->n_reused;
        t->n_tokens += c->n_tokens;
        t->n_steered_tokens += c->steering.steered.n_tokens;
        t->seconds += c->seconds;
    }
    *(finish == FAILED ? &t->n_failed : finish == CANCELED ? &t->n_canceled : &t->n_done) += 1;
    t->n_steered += a->spec.steering.steered;
    if (isfinite(a->first_token)) {
        t->first_token_s += a->first_token - a->begun;
        t->n_first++;
    }
}

static answer_status status_of(const answer *a)
{
    answer_status s = {.created = a->created,
                       .n_choices = a->spec.n_choices,
                       .n_ended = a->n_ended,
                       .n_prompt = a->spec.prompt.n,
                       .n_tokens = a->n_tokens,
                       .seconds = clock_now() - a->begun,
                       .first_token_s = a->first_token - a->begun,
                       .expression =
                           a->spec.steering.steered ? a->spec.steering.receipt.expression : NULL,
                       .probed = a->probed,
                       .n_probed = a->n_probed};
    memcpy(s.id, a->id, sizeof s.id);
    memcpy(s.model, a->spec.model->id, sizeof s.model);
    memcpy(s.route, a->spec.route, sizeof s.route);
    return s;
}

/* Wants the list's lock; nobody else touches the answer any more. */
static void book(answers *l, const answer *a)
{
    const char *finish = finish_of(a);
    answer_status s = status_of(a);
    s.finish = finish;
    s.ended = (int64_t)time(NULL);
    add_totals(&l->totals, a, finish);
    ended_add(&l->ended, &s);
}

void answers_leave(answers *l, answer *a)
{
    pthread_mutex_lock(&l->lock);
    for (answer **at = &l->first; *at != NULL; at = &(*at)->next) {
        if (*at == a) {
            *at = a->next;
            l->n--;
            book(l, a);
            break;
        }
    }
    pthread_mutex_unlock(&l->lock);
}

/* ---- from outside ---------------------------------------------------------------------------- */

/* Wants the list's lock. */
static answer *find(answers *l, const char *id)
{
    for (answer *a = l->first; a != NULL; a = a->next) {
        if (strcmp(a->id, id) == 0) {
            return a;
        }
    }
    return NULL;
}

served *answers_model(answers *l, const char *id)
{
    served *x = NULL;
    pthread_mutex_lock(&l->lock);
    const answer *a = find(l, id);
    if (a != NULL) {
        x = a->spec.model;
        registry_hold(a->spec.registry, x);
    }
    pthread_mutex_unlock(&l->lock);
    return x;
}

/* Whether the choice is in the session's hands; it may not have arrived there yet. */
static bool is_open(answer *a, const answer_choice *c)
{
    pthread_mutex_lock(&a->lock);
    const bool open = c->given && !c->ended && !a->closed;
    pthread_mutex_unlock(&a->lock);
    return open;
}

static void pause_a_little(void)
{
    const struct timespec t = {.tv_nsec = 200000};
    nanosleep(&t, NULL);
}

void answer_cancel(answer *a)
{
    for (int i = 0; i < a->spec.n_choices; i++) {
        const answer_choice *c = &a->choices[i];
        while (is_open(a, c) && !persona_session_cancel(a->spec.model->session, c->engine_id)) {
            pause_a_little();
        }
    }
}

bool answers_cancel(answers *l, const char *id)
{
    pthread_mutex_lock(&l->lock);
    answer *a = find(l, id);
    if (a != NULL) {
        pthread_mutex_lock(&a->lock);
        a->n_given = a->spec.n_choices; /* no further ones */
        pthread_mutex_unlock(&a->lock);
        answer_cancel(a);
    }
    pthread_mutex_unlock(&l->lock);
    return a != NULL;
}

void answers_cancel_all(answers *l)
{
    pthread_mutex_lock(&l->lock);
    for (answer *a = l->first; a != NULL; a = a->next) {
        answer_cancel(a);
    }
    pthread_mutex_unlock(&l->lock);
}

static persona_code replan_choice(answer *a, const answer_choice *c, persona_plan *plan,
                                  persona_err *e)
{
    persona_code rc = PERSONA_OK;
    while (is_open(a, c)) {
        rc = persona_session_replan(a->spec.model->session, c->engine_id, plan, e);
        if (rc != PERSONA_E_NOTFOUND) {
            return rc;
        }
        pause_a_little();
    }
    return PERSONA_OK;
}

static void swap_steering(answer *a, answer_steering *x)
{
    const answer_steering old = a->spec.steering;
    a->spec.steering = *x;
    *x = old;
}

/* Choices that begin from here on take the new plan; its place in the list of changes is kept. */
static persona_code install(answer *a, answer_steering *x, persona_err *e)
{
    char *expression = x->steered ? mem_strdup(x->receipt.expression) : NULL;
    pthread_mutex_lock(&a->lock);
    answer_change *more = a->n_changes < ANSWER_CHANGES_MAX
                              ? mem_realloc(a->changes, a->n_changes + 1, sizeof *more)
                              : NULL;
    const bool ok = more != NULL && (expression != NULL || !x->steered);
    a->changes = more != NULL ? more : a->changes;
    if (ok) {
        a->changes[a->n_changes++] = (answer_change){a->n_tokens, expression};
        swap_steering(a, x);
    }
    pthread_mutex_unlock(&a->lock);
    if (!ok) {
        mem_free(expression);
        return persona_err_set(e, PERSONA_E_UNAVAILABLE,
                               "this answer's steering was changed %d times already",
                               ANSWER_CHANGES_MAX);
    }
    return PERSONA_OK;
}

static void take_back(answer *a, answer_steering *x)
{
    pthread_mutex_lock(&a->lock);
    swap_steering(a, x);
    mem_free(a->changes[--a->n_changes].expression);
    pthread_mutex_unlock(&a->lock);
}

persona_code answers_steer(answers *l, const char *id, answer_steering *x, size_t *n_tokens,
                           persona_err *e)
{
    persona_code rc = PERSONA_OK;
    persona_plan *plan = x->plan;
    pthread_mutex_lock(&l->lock);
    answer *a = find(l, id);
    TRY(a != NULL ? PERSONA_OK
                  : persona_err_set(e, PERSONA_E_NOTFOUND, "no answer '%.60s' is running", id));
    TRY(install(a, x, e));
    for (int i = 0; rc == PERSONA_OK && i < a->spec.n_choices; i++) {
        rc = replan_choice(a, &a->choices[i], plan, e); /* all of them fit, or none */
    }
    if (rc != PERSONA_OK) {
        take_back(a, x);
        goto out;
    }
    *n_tokens = a->changes[a->n_changes - 1].n_tokens;
out:
    pthread_mutex_unlock(&l->lock);
    answer_steering_free(x);
    return rc;
}

void answers_each(answers *l, answers_fn fn, void *ud)
{
    pthread_mutex_lock(&l->lock);
    for (answer *a = l->first; a != NULL; a = a->next) {
        pthread_mutex_lock(&a->lock);
        const answer_status s = status_of(a);
        fn(ud, &s);
        pthread_mutex_unlock(&a->lock);
    }
    pthread_mutex_unlock(&l->lock);
}

void answers_each_ended(answers *l, answers_fn fn, void *ud)
{
    pthread_mutex_lock(&l->lock);
    ended_each(&l->ended, fn, ud);
    pthread_mutex_unlock(&l->lock);
}

uint64_t answers_n_ended(answers *l)
{
    pthread_mutex_lock(&l->lock);
    const uint64_t n = l->ended.n;
    pthread_mutex_unlock(&l->lock);
    return n;
}

void answer_steering_json(answer *a, json_out *o, int choice)
{
    pthread_mutex_lock(&a->lock);
    const answer_choice *c = &a->choices[choice];
    static const receipt_done none;
    receipt_json(o, a->spec.steering.steered ? &a->spec.steering.receipt : NULL,
                 c->ended ? &c->steering : &none);
    if (a->n_changes > 0) {
        jo_array(o, "steering_changes");
        for (size_t i = 0; i < a->n_changes; i++) {
            jo_object(o, NULL);
            jo_int(o, "n_tokens", (long long)a->changes[i].n_tokens);
            jo_string(o, "expression", a->changes[i].expression);
            jo_end(o);
        }
        jo_end(o);
    }
    pthread_mutex_unlock(&a->lock);
}
