/* SPDX-License-Identifier: MIT
 *
 * compute.h - the seam between the scheduler and what computes. Scheduler, slots and prefill speak
 * only to this table. The real one is compute_llama.c, a context of libllama; the tests have a
 * small deterministic one (tests/support/fake_compute.c), which fails, dawdles and damages numbers
 * on demand, so that scheduling is tested in milliseconds and under the thread sanitizer.
 *
 * All of it is called by the one thread that runs the session.
 */
#ifndef PERSONA_COMPUTE_H
#define PERSONA_COMPUTE_H

#include "persona/session.h"

struct eval_state;
typedef struct compute compute;

/* One call: its rows stand in the order of their sequences, which are consecutive, or are of one
 * sequence alone. */
typedef struct compute_call {
    struct eval_state *x; /* rows, what is done to them, where to stop */
    bool adapter;         /* plans are applied by what load_plan loaded: only count them */
} compute_call;

typedef struct compute_ops {
    /* After a failure the caller trims the sequences of all rows. */
    persona_code (*decode)(compute *c, const compute_call *call, persona_err *e);
    /* n_vocab floats of a row that had `output`; valid until the next decode */
    const float *(*logits)(compute *c, size_t row);
    void (*copy)(compute *c, int from, int to);      /* all of a sequence's keys and values */
    void (*trim)(compute *c, int seq, size_t first); /* forgets positions from `first` on */
    /* Loads a plan with `cvec` set into the adapter, NULL: nothing. False: cannot. */
    bool (*load_plan)(compute *c, const persona_plan *plan);
    persona_code (*sampler_new)(compute *c, const persona_sampling *s, void **out, persona_err *e);
    persona_token (*sample)(compute *c, void *sampler, size_t row);
    void (*sampler_accept)(compute *c, void *sampler, persona_token t);
    void (*sampler_free)(compute *c, void *sampler);
    void (*free)(compute *c);
} compute_ops;

/* First member of every implementation. */
struct compute {
    const compute_ops *ops;
};

/* compute_llama.c: a context of libllama. The model must outlive it. */
PERSONA_CHECK persona_code compute_llama_new(persona_model *m, const persona_session_opts *opts,
                                             compute **out, persona_err *e);

#endif
