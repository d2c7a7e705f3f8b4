/* SPDX-License-Identifier: MIT
 *
 * runner.c - who runs a session: the calling thread until its source has ended, or the model
 * thread, for which every call is a client that feeds its own source and reads its own mail.
 *
 * All that threads share stands behind one lock, which nobody holds while computing or while
 * calling the user. The model thread sleeps on `work`, a client on its feed's `news`; nothing
 * polls. A cancel flag can be set by a signal handler, which wakes nobody: the scheduler looks at
 * it before every call, and it computes as long as a client has something open.
 */
#include <math.h>

#include "base/clock.h"
#include "base/cond.h"
#include "base/timeslice.h"
#include "engine/engine.h"

#define WAIT_MAX_S 3600.0
#define READY_MAX 4 /* requests that a client makes ahead */

bool runner_is_on(persona_session *s)
{
    pthread_mutex_lock(&s->lock);
    const bool on = s->threaded;
    pthread_mutex_unlock(&s->lock);
    return on;
}

static void report(const feed *f)
{
    const persona_hooks *h = f->hooks;
    if (h != NULL && h->progress != NULL) {
        const persona_session_stats st = persona_session_stats_get(f->s);
        persona_progress p = {.done = f->n_done,
                              .n_tokens = st.n_tokens_decoded + st.n_tokens_prefilled};
        h->progress(h->ud, &p);
    }
}

static bool flagged(const feed *f)
{
    return f->hooks != NULL && persona_canceled(f->hooks->cancel);
}

/* ---- in the calling thread ------------------------------------------------------------------- */

static void run_direct(persona_session *s, feed *f)
{
    const double start = clock_now();
    bool over = false;
    if (flagged(f)) {
        f->canceled = true;
        return;
    }
    while (!over) {
        scheduler_step(s);
        report(f);
        over = f->n_open == 0 && (f->ended || (f->later_at == s->n_steps && f->later_idle));
    }
    f->canceled = f->canceled || flagged(f);
    s->stats.seconds += clock_now() - start;
    pthread_mutex_lock(&s->lock);
    s->stats_seen = s->stats;
    pthread_mutex_unlock(&s->lock);
}

/* ---- a client of the model thread ------------------------------------------------------------ */

/* Asks the source for one more; false: not now. */
static bool make_ready(persona_session *s, feed *f, bool *later)
{
    job *j = NULL;
    const bool idle = f->n_open == 0;
    const persona_next got = feed_ask(f, &j);
    pthread_mutex_lock(&s->lock);
    f->ended = f->ended || got == PERSONA_NEXT_END || (got == PERSONA_NEXT_LATER && idle);
    *later = got == PERSONA_NEXT_LATER;
    if (j != NULL) {
        *(f->ready == NULL ? &f->ready : &f->last_ready->next_ready) = j;
        f->last_ready = j;
        f->n_ready++;
        pthread_cond_signal(&s->work);
    }
    pthread_mutex_unlock(&s->lock);
    return j != NULL;
}

static void run_client(persona_session *s, feed *f)
{
    bool later = false;
    for (;;) {
        if (flagged(f)) {
            pthread_mutex_lock(&s->lock);
            feed_cancel(f);
            pthread_cond_signal(&s->work);
            pthread_mutex_unlock(&s->lock);
        }
        pthread_mutex_lock(&s->lock);
        const bool lost = s->stopping || !s->running;
        if (lost && !f->canceled) {
            feed_cancel(f);
        }
        const bool over = f->ended && f->n_open == 0;
        const bool ask = !f->ended && !later && f->n_ready < READY_MAX;
        delivery mail;
        bool came = !ask && feed_take_mail(f, &mail);
        if (!over && !ask && !came && !(lost && f->ready != NULL)) {
            pthread_cond_wait(&f->news, &s->lock);
            came = feed_take_mail(f, &mail);
        }
        pthread_mutex_unlock(&s->lock);
        if (over) {
            return;
        }
        if (lost) { /* nobody pulls any more */
            feeds_drop_canceled(s);
        }
        if (ask) {
            make_ready(s, f, &later);
        } else if (came) {
            feed_read(f, &mail);
            report(f);
            later = false;
        }
    }
}

/* ---- the ways in ----------------------------------------------------------------------------- */

persona_code persona_session_feed(persona_session *s, const persona_source *source,
                                  const persona_hooks *hooks, persona_err *e)
{
    const bool direct = !runner_is_on(s);
    feed f;
    feed_attach(&f, s, source, hooks, direct);
    if (direct) {
        run_direct(s, &f);
    } else {
        run_client(s, &f);
    }
    feed_detach(&f);
    if (f.canceled) {
        return persona_err_set(e, PERSONA_E_CANCELED, "interrupted");
    }
    return f.rc != PERSONA_OK ? persona_err_set(e, f.rc, "%s", f.err.msg) : PERSONA_OK;
}

persona_code persona_session_run(persona_session *s,
                                 persona_next (*next)(void *ud, persona_request *r), void *ud,
                                 const persona_hooks *hooks, persona_err *e)
{
    const persona_source source = {.ud = ud, .next = next};
    return persona_session_feed(s, &source, hooks, e);
}

typedef struct array_source {
    const persona_request *r;
    size_t n, at;
} array_source;

static persona_next next_of_array(void *ud, persona_request *r)
{
    array_source *a = ud;
    if (a->at == a->n) {
        return PERSONA_NEXT_END;
    }
    *r = a->r[a->at++];
    return PERSONA_NEXT_REQUEST;
}

persona_code persona_session_run_all(persona_session *s, const persona_request *r, size_t n,
                                     const persona_hooks *hooks, persona_err *e)
{
    array_source a = {.r = r, .n = n};
    return persona_session_run(s, next_of_array, &a, hooks, e);
}

/* ---- the model thread ------------------------------------------------------------------------ */

/* Wants the lock. seconds: at most so long; negative: until there is some. */
static void wait_for_work(persona_session *s, double seconds)
{
    if (seconds < 0) {
        pthread_cond_wait(&s->work, &s->lock);
        return;
    }
    /* then it looks again */
    (void)cond_wait_until(&s->work, &s->lock, clock_now() + fmin(seconds, WAIT_MAX_S));
}

static void *model_thread(void *ud)
{
    persona_session *s = ud;
    timeslice_usual();
    pthread_mutex_lock(&s->lock);
    while (!s->stopping) {
        if (!scheduler_has_work(s)) {
            wait_for_work(s, scheduler_pause(s));
            continue;
        }
        pthread_mutex_unlock(&s->lock);
        const double start = clock_now();
        scheduler_step(s);
        s->stats.seconds += clock_now() - start;
        pthread_mutex_lock(&s->lock);
    }
    for (feed *f = s->feeds; f != NULL; f = f->next) {
        feed_cancel(f);
        pthread_cond_signal(&f->news);
    }
    pthread_mutex_unlock(&s->lock);
    scheduler_end(s);
    feeds_tell(s);
    pthread_mutex_lock(&s->lock);
    s->running = false;
    pthread_mutex_unlock(&s->lock);
    return NULL;
}

persona_code persona_session_start(persona_session *s, persona_err *e)
{
    pthread_mutex_lock(&s->lock);
    persona_code rc = PERSONA_OK;
    if (!s->running) {
        s->n_rows = s->opts.n_slots;
        s->stopping = false;
        s->running = true;
        s->threaded = true;
        if (pthread_create(&s->thread, NULL, model_thread, s) != 0) {
            s->running = false;
            rc = persona_err_set(e, PERSONA_E_UNAVAILABLE,
                                 "session: the system gives no further thread");
        }
    }
    pthread_mutex_unlock(&s->lock);
    return rc;
}

void persona_session_stop(persona_session *s)
{
    pthread_mutex_lock(&s->lock);
    const bool on = s->running;
    s->stopping = true;
    pthread_cond_signal(&s->work);
    pthread_mutex_unlock(&s->lock);
    if (on) {
        pthread_join(s->thread, NULL);
    }
}

/* ---- one request ----------------------------------------------------------------------------- */

/* The open request of this id; the lock is held. */
static job *find(const persona_session *s, uint64_t id)
{
    for (const feed *f = s->feeds; id != 0 && f != NULL; f = f->next) {
        for (job *j = f->open; j != NULL; j = j->next) {
            if (j->req.id == id && !j->ended_mail) {
                return j;
            }
        }
    }
    return NULL;
}

bool persona_session_cancel(persona_session *s, uint64_t id)
{
    pthread_mutex_lock(&s->lock);
    job *j = find(s, id);
    if (j != NULL) {
        j->canceled = true;
        pthread_cond_signal(&s->work);
    }
    pthread_mutex_unlock(&s->lock);
    return j != NULL;
}

persona_code persona_session_replan(persona_session *s, uint64_t id, persona_plan *plan,
                                    persona_err *e)
{
    persona_plan *old = NULL;
    persona_code rc = PERSONA_OK;
    pthread_mutex_lock(&s->lock);
    job *j = find(s, id);
    if (j == NULL) {
        rc = persona_err_set(e, PERSONA_E_NOTFOUND, "session: no open request has the id %llu",
                             (unsigned long long)id);
    } else {
        rc = plan_fits(s->model, j->req.raw, plan, e);
    }
    if (rc == PERSONA_OK) {
        old = j->plan;
        j->plan = persona_plan_ref(plan);
        j->replanned = true;
    }
    pthread_mutex_unlock(&s->lock);
    persona_plan_free(old);
    return rc;
}
