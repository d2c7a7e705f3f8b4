/* SPDX-License-Identifier: MIT
 *
 * fake_compute.h - a model of two blocks and a dozen tokens for tests of the scheduler: what it
 * says depends on the tokens before and on the steering of every one of them, and on nothing else.
 * It can be told to fail, to dawdle, and to spoil numbers.
 */
#ifndef PERSONA_TESTS_FAKE_COMPUTE_H
#define PERSONA_TESTS_FAKE_COMPUTE_H

#include "engine/engine.h"

enum {
    FAKE_VOCAB = 96, /* token t is the character 32 + t */
    FAKE_EMBD = 4,
    FAKE_LAYERS = 3,
    FAKE_END = 1,     /* ends a reply */
    FAKE_POISON = 90, /* a call with it fails */
    FAKE_NAN = 91,    /* from its row on the sequence is no number */
    FAKE_HALF = 92,   /* first byte of a code point of two */
    FAKE_REST = 93,   /* its second byte */
    FAKE_LINE = 95,   /* a line end */
};

#define FAKE_HUGE 1e9F /* a state beyond it overflows behind its block */

typedef struct fake_compute {
    compute base;
    int n_slots, n_ctx;
    float **h;     /* n_slots: n_ctx sums, what the sequence holds */
    float *logits; /* (rows, FAKE_VOCAB) */
    size_t n_rows, n_calls, n_copies;
    size_t fail_call; /* this call (from 1) fails once; 0: none */
    bool fail_late;   /* only after its rows were edited and read */
    int call_us;      /* how long a call takes */
    int orders[1024]; /* sequence of the first row of each call */
} fake_compute;

persona_model *fake_model(void);
/* n_ctx and n_slots as in opts. */
fake_compute *fake_new(const persona_session_opts *opts);
/* A session over a new fake; *f may be NULL. */
persona_session *fake_session(persona_model *m, int n_slots, int n_ctx, int n_batch,
                              fake_compute **f);
void fake_model_free(persona_model *m);

#endif
