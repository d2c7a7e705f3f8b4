/* SPDX-License-Identifier: MIT
 *
 * probe_readings.c - readings of probes on their way from the model thread to the reader. The
 * model thread never waits: it appends to a list under the answer's lock; the worker hands the
 * list on.
 */
#include <string.h>

#include "base/mem.h"
#include "server/answer/answer_parts.h"

static bool grow(answer_choice *c, size_t n_probes)
{
    const size_t cap = c->read_cap > 0 ? 2 * c->read_cap : 64;
    float *values = mem_realloc(c->read, cap * n_probes, sizeof *values);
    if (values == NULL) {
        return false;
    }
    c->read = values;
    size_t *at = mem_realloc(c->read_at, cap, sizeof *at);
    if (at == NULL) {
        return false;
    }
    c->read_at = at;
    c->read_cap = cap;
    return true;
}

void probe_readings_take(answer_choice *c, const persona_read *r)
{
    answer *a = c->owner;
    const persona_probes *p = a->tap_of[r->tap];
    const size_t n = p->n;
    if (r->n_blocks != n || r->position < a->spec.prompt.n) {
        return;
    }
    pthread_mutex_lock(&a->lock);
    probed_add(a, p, r->data);
    if (p == a->spec.watched) {
        /* for the list only */
    } else if (c->n_read < c->read_cap || grow(c, n)) {
        memcpy(c->read + c->n_read * n, r->data, n * sizeof *c->read);
        c->read_at[c->n_read++] = r->position - a->spec.prompt.n;
    } else {
        c->code = PERSONA_E_NOMEM;
    }
    pthread_mutex_unlock(&a->lock);
}

bool probe_readings_flush(answer_choice *c)
{
    answer *a = c->owner;
    const size_t n = a->spec.probes != NULL ? a->spec.probes->n : 0;
    bool go = true;
    while (go && n > 0) {
        answer_event x = {.kind = ANSWER_PROBED, .choice = (int)(c - a->choices)};
        float *values = mem_calloc(n, sizeof *values);
        pthread_mutex_lock(&a->lock);
        const bool more = values != NULL && c->n_put < c->n_read;
        if (more) {
            memcpy(values, c->read + c->n_put * n, n * sizeof *values);
            x.index = c->read_at[c->n_put++];
        }
        pthread_mutex_unlock(&a->lock);
        if (!more) {
            mem_free(values);
            return values != NULL;
        }
        x.values = values;
        go = answer_put(a, &x);
    }
    return go;
}

void probe_readings_free(answer_choice *c)
{
    mem_free(c->read);
    mem_free(c->read_at);
    c->read = NULL;
    c->read_at = NULL;
}
