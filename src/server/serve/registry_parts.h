/* SPDX-License-Identifier: MIT
 *
 * registry_parts.h - what registry.c and registry_files.c share: the table of models.
 */
#ifndef PERSONA_SERVER_REGISTRY_PARTS_H
#define PERSONA_SERVER_REGISTRY_PARTS_H

#include <pthread.h>

#include "server/serve/registry.h"

struct registry {
    registry_opts opts;
    pthread_mutex_t lock;
    pthread_cond_t changed;
    served *models[REGISTRY_MAX_MODELS]; /* never moved, never removed: an id stays what it was */
    size_t n;
    uint64_t clock;
};

/* registry_files.c. NULL: there is none of this id. Wants the lock. */
served *registry_by_id(registry *r, const char *id);
/* Looks which files there are now. */
PERSONA_CHECK persona_code registry_look(registry *r, persona_err *e);
/* Those that the operator named. Errors: NOTFOUND, USAGE (two of one id). */
PERSONA_CHECK persona_code registry_add_named(registry *r, persona_err *e);

#endif
