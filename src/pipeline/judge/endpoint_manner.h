/* SPDX-License-Identifier: MIT
 *
 * endpoint_manner.h - how a judging server is asked, and what its refusals teach.
 */
#ifndef PERSONA_PIPELINE_ENDPOINT_MANNER_H
#define PERSONA_PIPELINE_ENDPOINT_MANNER_H

#include <stdbool.h>
#include <stddef.h>

#include "base/json.h"

typedef enum limit {
    LIMIT_OLD,
    LIMIT_NEW,
    LIMIT_NONE
} limit; /* max_tokens, the newer name, none */

/* How a question is put. */
typedef struct manner {
    int room, most_room; /* longest reply: steps of 1, 16, 512 and 8192 tokens */
    limit limit;
    int top; /* alternatives asked for; 0: no probabilities at all */
    bool no_temperature, no_seed;
} manner;

manner manner_first(void);
/* The members of a request that depend on it. */
void manner_put(const manner *m, json_out *o);
/* A longer reply than the one that was asked for, from now on; false: there is none. */
bool manner_grow(manner *m, const manner *asked);
/* Learns from a refusal (status, body of n bytes) of a question that was put as `asked`; false: it
 * says nothing that could be asked otherwise. */
bool manner_learn(manner *m, const manner *asked, int status, const char *body, size_t n);

#endif
