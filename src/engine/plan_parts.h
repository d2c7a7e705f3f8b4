/* SPDX-License-Identifier: MIT
 *
 * plan_parts.h - what plans are made of, and what is done with them row by row (persona/plan.h).
 *
 * A plan never changes and is shared; what it knows of one request (gates, loops, what its steps
 * did) is that request's plan_memory. So slots cannot touch each other, and a row that has to be
 * computed again is taken back with one copy (plan_memory_undo).
 */
#ifndef PERSONA_ENGINE_PLAN_PARTS_H
#define PERSONA_ENGINE_PLAN_PARTS_H

#include "engine/channel.h"
#include "engine/operator.h"
#include "persona/session.h"

/* One token's place in its request. */
typedef struct token_at {
    size_t pos, n_prompt; /* pos counts prompt and reply from 0 */
    token_class class;    /* of a reply's token */
} token_at;

/* What a plan tells apart. The phase RESPONSE of persona/plan.h covers the last three. */
typedef enum token_phase {
    PHASE_PROMPT,   /* every prompt token but the last */
    PHASE_RESPONSE, /* the last prompt token; of a reply what is neither of the next two */
    PHASE_ANALYSIS,
    PHASE_FINAL, /* the answer */
    N_PHASES,
} token_phase;
/* The one place that knows: scheduler, prefill and reuse of prefixes all ask it. */
token_phase phase_of(token_at at);

/* A token as a plan sees it. */
typedef struct plan_token {
    token_phase phase;
    bool replied;            /* of the reply, not of the prompt */
    bool code;               /* leaves the reply's text inside a code fence or a tool call */
    size_t before[N_PHASES]; /* reply tokens before it, by phase */
} plan_token;

typedef struct plan_gate {
    persona_gate gate;
    float *u;
} plan_gate;

struct persona_plan {
    _Atomic size_t n_refs;
    int n_layer, n_embd;
    plan_step *steps; /* ascending by block */
    size_t n;
    size_t *first; /* n_layer + 1: steps of block b are first[b] .. first[b+1]-1 */
    plan_gate *gates;
    size_t n_gates;
    persona_guard guard;
    uint64_t ids[N_PHASES]; /* fingerprints of what happens in each phase; 0: nothing */
    bool cvec; /* additive, the same in all phases, no block 0: the control-vector API will do */
};

/* ---- plan.c: making ------------------------------------------------------------------------- */

/* What a row was steered by that no other request can have been steered by. */
#define PLAN_ALONE (UINT64_MAX - 1)

bool plan_acts(const plan_step *st, token_phase phase);
/* Whether the step acts on a token of the phase in every request alike, or never. */
bool plan_step_is_fixed(const plan_step *st, token_phase phase);
/* Fingerprint of what happens to a token of this phase; 0: nothing (NULL is no plan); PLAN_ALONE:
 * it depends on the request. */
uint64_t plan_id(const persona_plan *p, token_phase phase);
/* Whether both do the same to every token. */
bool plan_same(const persona_plan *a, const persona_plan *b);
/* Whether a step of it would never act in a reply without an analysis channel. */
bool plan_needs_channels(const persona_plan *p);
/* The last block that a gate reads; -1: none. */
int plan_last_gate(const persona_plan *p);

/* ---- plan_memory.c: what a plan knows and did in one request -------------------------------- */

/* ||edit||/||h|| in logarithmic bins, RATIO_DECADE to a decade, from RATIO_LEAST on. */
#define RATIO_BINS 192
#define RATIO_DECADE 32
#define RATIO_LEAST 1e-4

/* What plans did to a request's rows, all plans together. */
typedef struct edit_tally {
    size_t n;        /* edited rows: (token, block) */
    size_t n_tokens; /* tokens with an edited row */
    double moved;    /* sum of the lengths of their changes */
    size_t n_ratios; /* rows that were measured; fewer than n: an adapter edited some */
    double ratios;   /* sum over them of ||edit||/||h||, and the most */
    double most;
    int most_block;
    size_t n_over; /* beyond the guard's limit, before they were clamped */
    bool rejected; /* by the guard: this row */
    double rejected_ratio;
    int rejected_block;
    uint32_t bins[RATIO_BINS];
} edit_tally;
void edit_tally_add(edit_tally *t, int block, double moved, double norm);
/* The share q of the measured rows has at most this ratio; NAN: none was measured. */
double edit_tally_quantile(const edit_tally *t, double q);

typedef struct gate_state {
    bool open; /* for the token that is being computed */
    bool read; /* z is of that token */
    double z;
    size_t n_read, n_open;
} gate_state;

typedef struct step_state {
    double before;          /* scratch: the row's coordinate before the block's edits */
    bool acted;             /* scratch: on this row */
    size_t n;               /* rows that it changed */
    double asked, measured; /* sums over them */
    /* HOLD */
    size_t n_read;   /* tokens in the smoothed coordinate */
    double smooth;   /* of the coordinate before the edits */
    bool holding;    /* began out of the band and is not yet well within it */
    double integral; /* the shift that the loop has come to */
    double most;     /* the largest |shift| */
    size_t n_out;    /* tokens on which the smoothed coordinate was out of its band */
} step_state;

struct plan_memory;
typedef struct plan_memory plan_memory;
/* For one request that begins to be steered by the plan (n > 0 steps). NULL: out of memory. */
plan_memory *plan_memory_new(const persona_plan *p);
void plan_memory_free(plan_memory *m);
/* A new token begins: gates take the readings of the one before. */
void plan_memory_next(plan_memory *m, const persona_plan *p);
/* Remembers, and goes back to what it was. */
void plan_memory_keep(plan_memory *m);
void plan_memory_undo(plan_memory *m);
gate_state *plan_memory_gates(plan_memory *m);
step_state *plan_memory_steps(plan_memory *m);
float *plan_memory_row(plan_memory *m); /* scratch, n_embd */
/* What the result says of it. m keeps what *out points to. */
void plan_memory_report(const persona_plan *p, plan_memory *m, const edit_tally *t,
                        persona_steered *out);

/* ---- plan_row.c: on a row -------------------------------------------------------------------- */

/* Whether the plan wants to see the row of this token after `block`. */
bool plan_wants(const persona_plan *p, int block, const plan_token *t, plan_memory *m);
/* Reads what gates and loops want of the row and applies every step of the block that acts; true if
 * a bit of the row was changed. */
bool plan_apply(const persona_plan *p, int block, const plan_token *t, plan_memory *m,
                edit_tally *tally, float *row);
/* Books a row that the control-vector adapter edits. */
void plan_tally_cvec(const persona_plan *p, plan_memory *m, edit_tally *tally);

#endif
