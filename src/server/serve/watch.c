/* SPDX-License-Identifier: MIT
 *
 * watch.c - what is read of everybody's answers (watch.h). A model without vectors has no entry.
 */
#include "server/serve/watch.h"

#include <pthread.h>
#include <string.h>

#include "base/mem.h"

struct watch {
    pthread_mutex_t lock;
    watched list[WATCH_MODELS_MAX];
    size_t n;
};

persona_code watch_new(watch **out, persona_err *e)
{
    watch *x = mem_calloc(1, sizeof *x);
    *out = x;
    if (x == NULL) {
        return mem_err(e, "what is watched");
    }
    pthread_mutex_init(&x->lock, NULL);
    return PERSONA_OK;
}

void watch_free(watch *x)
{
    if (x != NULL) {
        pthread_mutex_destroy(&x->lock);
        mem_free(x);
    }
}

/* x->n: there is none. Wants the lock. */
static size_t place_of(const watch *x, const char *model)
{
    size_t i = 0;
    while (i < x->n && strcmp(x->list[i].model, model) != 0) {
        i++;
    }
    return i;
}

void watch_of(watch *x, const char *model, watched *out)
{
    pthread_mutex_lock(&x->lock);
    const size_t i = place_of(x, model);
    if (i < x->n) {
        *out = x->list[i];
    } else {
        out->n = 0;
    }
    pthread_mutex_unlock(&x->lock);
}

persona_code watch_set(watch *x, const watched *one, persona_err *e)
{
    persona_code rc = PERSONA_OK;
    pthread_mutex_lock(&x->lock);
    const size_t i = place_of(x, one->model);
    if (one->n == 0 && i < x->n) {
        x->list[i] = x->list[--x->n];
    } else if (one->n > 0 && i < WATCH_MODELS_MAX) {
        x->list[i] = *one;
        x->n += i == x->n;
    } else if (one->n > 0) {
        rc = persona_err_set(e, PERSONA_E_USAGE, "%d models are watched already", WATCH_MODELS_MAX);
    }
    pthread_mutex_unlock(&x->lock);
    return rc;
}

void watch_each(watch *x, void (*fn)(void *ud, const watched *one), void *ud)
{
    pthread_mutex_lock(&x->lock);
    for (size_t i = 0; i < x->n; i++) {
        fn(ud, &x->list[i]);
    }
    pthread_mutex_unlock(&x->lock);
}
