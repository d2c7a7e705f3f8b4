/* SPDX-License-Identifier: MIT
 *
 * feed.c - requests and answers between the threads. A feed is a source while its run lasts.
 *
 * Direct: the thread that computes also asks the source and calls the callbacks. Else the feed is a
 * pair of queues with bounds: its own thread asks the source ahead and puts jobs into `ready`;
 * what happens to them comes back as mail, and is read there. A job whose mailbag is nearly full
 * is stalled: it gets no token until its reader has caught up, while the others go on.
 */
#include <string.h>

#include "base/mem.h"
#include "engine/engine.h"

#define EVENTS_PER_TOKEN 3 /* held text, the token, held text at the end */
#define MAIL_TEXT ((size_t)1 << 24)

bool mail_is_full(const job *j)
{
    return j->mail != NULL && j->mail->n + EVENTS_PER_TOKEN > MAIL_MAX;
}

/* ---- the list of feeds ----------------------------------------------------------------------- */

void feed_attach(feed *f, persona_session *s, const persona_source *source,
                 const persona_hooks *hooks, bool direct)
{
    memset(f, 0, sizeof *f);
    f->s = s;
    f->source = *source;
    f->hooks = hooks;
    f->direct = direct;
    pthread_cond_init(&f->news, NULL);
    pthread_mutex_lock(&s->lock);
    feed **end = &s->feeds;
    while (*end != NULL) {
        end = &(*end)->next;
    }
    *end = f;
    pthread_mutex_unlock(&s->lock);
}

void feed_detach(feed *f)
{
    persona_session *s = f->s;
    pthread_mutex_lock(&s->lock);
    for (feed **at = &s->feeds; *at != NULL; at = &(*at)->next) {
        if (*at == f) {
            *at = f->next;
            break;
        }
    }
    for (size_t i = 0; i < 2; i++) {
        s->turn[i] = s->turn[i] == f ? NULL : s->turn[i];
    }
    pthread_mutex_unlock(&s->lock);
    pthread_cond_destroy(&f->news);
}

void feed_cancel(feed *f)
{
    f->canceled = true;
    f->ended = true;
    for (job *j = f->open; j != NULL; j = j->next) {
        j->canceled = true;
    }
}

/* ---- jobs ------------------------------------------------------------------------------------ */

static job *job_new(feed *f, const persona_request *r)
{
    job *j = mem_calloc(1, sizeof *j);
    mailbag *mail = j != NULL && !f->direct ? mem_calloc(1, sizeof *mail) : NULL;
    if (j == NULL || (mail == NULL && !f->direct)) {
        mem_free(j);
        return NULL;
    }
    j->req = *r;
    j->req.plan = persona_plan_ref(r->plan);
    j->feed = f;
    j->mail = mail;
    if (mail != NULL) {
        buf_init(&mail->text, MAIL_TEXT);
    }
    return j;
}

/* The job has been delivered. */
static void job_free(feed *f, job *j)
{
    pthread_mutex_lock(&f->s->lock);
    for (job **at = &f->open; *at != NULL; at = &(*at)->next) {
        if (*at == j) {
            *at = j->next;
            break;
        }
    }
    f->n_open--;
    f->n_done++;
    persona_plan *unused = j->replanned ? j->plan : NULL;
    pthread_mutex_unlock(&f->s->lock);
    persona_plan_free(unused);
    persona_plan_free(j->req.plan);
    if (j->mail != NULL) {
        buf_free(&j->mail->text);
        mem_free(j->mail->letters);
    }
    mem_free(j->mail);
    mem_free(j);
}

/* The result of a request that never got a slot. */
static slot never_run(const persona_request *r, persona_code code, const char *message)
{
    slot none = {.req = *r};
    none.req.plan = persona_plan_ref(r->plan);
    slot_fail(&none, code, message);
    return none;
}

/* on_done must come even where there is no memory for the job. */
static void refuse(feed *f, const persona_request *r)
{
    slot none = never_run(r, PERSONA_E_NOMEM, "out of memory for a request");
    const persona_code rc = slot_deliver(&none, f->rc == PERSONA_OK ? &f->err : NULL);
    f->rc = f->rc == PERSONA_OK ? rc : f->rc;
}

void feeds_drop_canceled(persona_session *s)
{
    job *dropped = NULL;
    bool told = true;
    pthread_mutex_lock(&s->lock);
    for (feed *f = s->feeds; f != NULL; f = f->next) {
        f->last_ready = NULL;
        for (job **at = &f->ready; *at != NULL;) {
            job *j = *at;
            if (j->canceled) {
                *at = j->next_ready;
                j->next_ready = dropped;
                dropped = j;
                f->n_ready--;
                pthread_cond_signal(&f->news);
            } else {
                f->last_ready = j;
                at = &j->next_ready;
            }
        }
    }
    pthread_mutex_unlock(&s->lock);
    while (dropped != NULL) {
        job *j = dropped;
        dropped = j->next_ready;
        j->ended = never_run(&j->req, PERSONA_E_CANCELED, "interrupted");
        feed_ended(j);
        told = false;
    }
    if (!told) {
        feeds_tell(s);
    }
}

persona_next feed_ask(feed *f, job **out)
{
    persona_request r = {.sampling = persona_sampling_defaults()};
    const persona_next got = f->source.next(f->source.ud, &r);
    *out = NULL;
    if (got != PERSONA_NEXT_REQUEST) {
        return got;
    }
    job *j = job_new(f, &r);
    if (j == NULL) {
        refuse(f, &r);
        return PERSONA_NEXT_END;
    }
    pthread_mutex_lock(&f->s->lock);
    j->canceled = f->canceled;
    j->next = f->open;
    f->open = j;
    f->n_open++;
    pthread_mutex_unlock(&f->s->lock);
    *out = j;
    return got;
}

/* ---- requests on their way in ---------------------------------------------------------------- */

static job *pull_direct(feed *f)
{
    job *j = NULL;
    if (f->ended || (f->later_at == f->s->n_steps && f->s->n_steps > 0)) {
        return NULL;
    }
    const bool idle = f->n_open == 0;
    const persona_next got = feed_ask(f, &j);
    if (got == PERSONA_NEXT_END) {
        f->ended = true;
    } else if (got == PERSONA_NEXT_LATER) {
        f->later_at = f->s->n_steps;
        f->later_idle = idle;
    }
    return j;
}

static job *pull_ready(feed *f)
{
    job *j = f->ready;
    if (j != NULL) {
        f->ready = j->next_ready;
        f->last_ready = f->ready == NULL ? NULL : f->last_ready;
        f->n_ready--;
        pthread_cond_signal(&f->news);
    }
    return j;
}

static bool may_pull(const feed *f, persona_priority priority)
{
    return f->source.priority == priority &&
           (f->source.max_slots <= 0 || f->n_slots < f->source.max_slots);
}

job *feeds_pull(persona_session *s, persona_priority priority)
{
    job *j = NULL;
    size_t n = 0;
    pthread_mutex_lock(&s->lock);
    for (const feed *f = s->feeds; f != NULL; f = f->next) {
        n++;
    }
    feed *f = s->turn[priority] != NULL ? s->turn[priority]->next : s->feeds;
    for (; n > 0 && j == NULL; n--) {
        f = f != NULL ? f : s->feeds;
        if (may_pull(f, priority)) {
            if (f->direct) {
                pthread_mutex_unlock(&s->lock);
                j = pull_direct(f);
                pthread_mutex_lock(&s->lock);
            } else {
                j = pull_ready(f);
            }
        }
        if (j != NULL) {
            s->turn[priority] = f;
            f->n_slots++;
            j->taken = true;
        }
        f = f->next;
    }
    pthread_mutex_unlock(&s->lock);
    return j;
}

/* ---- answers on their way out ---------------------------------------------------------------- */

/* The lock is held. Its reader is told by feeds_tell: woken for each token it would wait for the
 * lock, and its neighbours for it. */
static void put_in_mail(job *j)
{
    feed *f = j->feed;
    if (!j->in_mail) {
        j->in_mail = true;
        j->next_mail = NULL;
        *(f->mail == NULL ? &f->mail : &f->last_mail->next_mail) = j;
        f->last_mail = j;
    }
    f->told = false;
}

void feeds_tell(persona_session *s)
{
    pthread_mutex_lock(&s->lock);
    for (feed *f = s->feeds; f != NULL; f = f->next) {
        if (!f->told && f->mail != NULL) {
            pthread_cond_signal(&f->news);
        }
        f->told = true;
    }
    pthread_mutex_unlock(&s->lock);
}

bool feed_post(job *j, const persona_token_event *ev)
{
    persona_session *s = j->feed->s;
    if (j->mail == NULL) {
        return j->req.on_token(j->req.ud, ev);
    }
    pthread_mutex_lock(&s->lock);
    mailbag *bag = j->mail;
    if (bag->n == bag->cap && !j->stopped) {
        const size_t cap = bag->cap > 0 ? 2 * bag->cap : MAIL_MAX;
        letter *grown = mem_realloc(bag->letters, cap, sizeof *grown);
        bag->letters = grown != NULL ? grown : bag->letters;
        bag->cap = grown != NULL ? cap : bag->cap;
        j->stopped = grown == NULL;
    }
    const bool go_on = !j->stopped;
    if (go_on) {
        bag->letters[bag->n++] = (letter){ev->token, ev->kind, ev->index, bag->text.len, ev->len};
        buf_add(&bag->text, ev->text, ev->len);
        put_in_mail(j);
    }
    pthread_mutex_unlock(&s->lock);
    return go_on;
}

/* The job has ended, and its reader has had everything else. */
static void deliver(feed *f, job *j)
{
    const persona_code rc = slot_deliver(&j->ended, f->rc == PERSONA_OK ? &f->err : NULL);
    if (rc != PERSONA_OK && rc != PERSONA_E_CANCELED && f->rc == PERSONA_OK) {
        f->rc = rc;
    }
    job_free(f, j);
}

void feed_ended(job *j)
{
    feed *f = j->feed; /* gone, with the job, as soon as its thread can read this mail */
    const bool direct = f->direct;
    pthread_mutex_t *lock = &f->s->lock;
    pthread_mutex_lock(lock);
    f->n_slots -= j->taken;
    j->ended_mail = true;
    if (!direct) {
        put_in_mail(j);
    }
    pthread_mutex_unlock(lock);
    if (direct) {
        deliver(f, j);
    }
}

bool feed_take_mail(feed *f, delivery *out)
{
    job *j = f->mail;
    *out = (delivery){.job = j};
    if (j == NULL) {
        return false;
    }
    f->mail = j->next_mail;
    f->last_mail = f->mail == NULL ? NULL : f->last_mail;
    j->in_mail = false;
    const bool full = mail_is_full(j); /* its reader was slow */
    out->ended = j->ended_mail;
    out->bag = *j->mail;
    *j->mail = (mailbag){.n = 0};
    buf_init(&j->mail->text, MAIL_TEXT);
    out->bag.n = j->stopped ? 0 : out->bag.n;
    if (full) {
        pthread_cond_signal(&f->s->work);
    }
    return true;
}

static void read_letters(feed *f, job *j, const mailbag *bag)
{
    bool go_on = true;
    buf text;
    buf_init(&text, MAIL_TEXT);
    for (size_t i = 0; go_on && i < bag->n; i++) {
        const letter *l = &bag->letters[i];
        text.len = 0;
        buf_add(&text, bag->text.p + l->at, l->len);
        const persona_token_event ev = {l->token, l->kind, buf_str(&text), l->len, l->index};
        go_on = j->req.on_token(j->req.ud, &ev);
    }
    buf_free(&text);
    if (!go_on) {
        pthread_mutex_lock(&f->s->lock);
        j->stopped = true;
        pthread_mutex_unlock(&f->s->lock);
    }
}

void feed_read(feed *f, delivery *p)
{
    read_letters(f, p->job, &p->bag);
    buf_free(&p->bag.text);
    mem_free(p->bag.letters);
    if (p->ended) {
        deliver(f, p->job);
    }
}
