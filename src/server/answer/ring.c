/* SPDX-License-Identifier: MIT
 *
 * ring.c - the events of an answer between its worker and its reader (answer.h). The worker waits
 * on `room` where the ring may grow no more, the reader on `news`. `dead` ends the worker's
 * waiting: the reader sets it when it goes, the worker when its patience has ended.
 */
#include <string.h>

#include "base/clock.h"
#include "base/cond.h"
#include "base/mem.h"
#include "server/answer/answer_parts.h"

void answer_event_free(answer_event *x)
{
    mem_free(x->text);
    mem_free(x->values);
    mem_free(x->logprob);
    *x = (answer_event){.kind = ANSWER_NOTHING};
}

persona_code ring_init(answer *a, persona_err *e)
{
    a->n_ring = ANSWER_RING;
    a->ring = mem_calloc(a->n_ring, sizeof *a->ring);
    return a->ring != NULL ? PERSONA_OK : mem_err(e, "an answer");
}

/* Wants the lock. Without memory for more it stays as it is, and the worker waits. */
static void grow(answer *a)
{
    const size_t n = 2 * a->n_ring;
    answer_event *more = n <= ANSWER_RING_MAX ? mem_calloc(n, sizeof *more) : NULL;
    if (more == NULL) {
        return;
    }
    for (size_t i = 0; i < a->n_events; i++) {
        more[i] = a->ring[(a->first + i) % a->n_ring];
    }
    mem_free(a->ring);
    a->ring = more;
    a->n_ring = n;
    a->first = 0;
}

/* Wants the lock, with a ring that is full. One event taken gives new patience. */
static void wait_for_room(answer *a)
{
    const double patience = a->spec.patience_s;
    if (patience <= 0) {
        pthread_cond_wait(&a->room, &a->lock);
        return;
    }
    const double until = clock_now() + patience;
    bool late = false;
    while (!a->dead && a->n_events == a->n_ring && !late) {
        late = !cond_wait_until(&a->room, &a->lock, until);
    }
    if (a->n_events < a->n_ring || a->dead) {
        return;
    }
    a->dead = true;
    for (int i = 0; i < a->spec.n_choices; i++) {
        answer_choice *c = &a->choices[i];
        c->code = c->ended ? c->code : PERSONA_E_CANCELED;
    }
}

bool answer_put(answer *a, answer_event *x)
{
    pthread_mutex_lock(&a->lock);
    if (a->n_events == a->n_ring) {
        grow(a);
    }
    while (!a->dead && a->n_events == a->n_ring) {
        wait_for_room(a);
    }
    const bool ok = !a->dead;
    if (ok) {
        a->ring[(a->first + a->n_events++) % a->n_ring] = *x;
    }
    pthread_mutex_unlock(&a->lock);
    if (ok) {
        pthread_cond_signal(&a->news); /* without the lock, which its reader wants first */
    } else {
        answer_event_free(x);
    }
    return ok;
}

void answer_next(answer *a, double seconds, answer_event *out)
{
    const double until = clock_now() + seconds;
    bool late = seconds <= 0;
    *out = (answer_event){.kind = ANSWER_NOTHING};
    pthread_mutex_lock(&a->lock);
    while (a->n_events == 0 && !a->closed && !late) {
        late = !cond_wait_until(&a->news, &a->lock, until);
    }
    if (a->n_events > 0) {
        *out = a->ring[a->first];
        a->first = (a->first + 1) % a->n_ring;
        a->n_events--;
        pthread_cond_signal(&a->room);
    } else if (a->closed) {
        out->kind = ANSWER_CLOSED;
    }
    pthread_mutex_unlock(&a->lock);
}

void ring_free(answer *a)
{
    for (; a->n_events > 0; a->n_events--) {
        answer_event_free(&a->ring[a->first]);
        a->first = (a->first + 1) % a->n_ring;
    }
    mem_free(a->ring);
    a->ring = NULL;
}
