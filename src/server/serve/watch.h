/* SPDX-License-Identifier: MIT
 *
 * watch.h - what is read of everybody's answers: vectors of a model along which each of its answers
 * is projected while it is written, also when the request did not ask. The readings stand in the
 * list of answers; a reply has only what its request asked for.
 *
 * Threads: any number.
 */
#ifndef PERSONA_SERVER_WATCH_H
#define PERSONA_SERVER_WATCH_H

#include "server/serve/registry.h"

enum { WATCH_MODELS_MAX = 64, WATCH_PROBES_MAX = 8, WATCH_NAME_MAX = 160 };

/* Probes as they are named: NAME, NAME@BLOCK. */
typedef struct watched {
    char model[SERVED_ID_MAX];
    char names[WATCH_PROBES_MAX][WATCH_NAME_MAX];
    size_t n;
} watched;

typedef struct watch watch;
PERSONA_CHECK persona_code watch_new(watch **out, persona_err *e);
void watch_free(watch *x);

/* Of one model; n 0: nothing. */
void watch_of(watch *x, const char *model, watched *out);
/* In the place of what the model had. Errors: USAGE (too many models). */
PERSONA_CHECK persona_code watch_set(watch *x, const watched *one, persona_err *e);
void watch_each(watch *x, void (*fn)(void *ud, const watched *one), void *ud);

#endif
