/* SPDX-License-Identifier: MIT
 *
 * plan.h - what to do to the residual stream: edits, merged once into a plan that any number of
 * requests share.
 */
#ifndef PERSONA_PLAN_H
#define PERSONA_PLAN_H

#include "persona/error.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Phases of a request; an edit applies to the tokens that have a phase of its mask.
 * PROMPT: every prompt token but the last. RESPONSE: the last prompt token and all tokens behind
 * it, whatever they are (the positions "response" of Chen et al.). ANALYSIS: of these, text of the
 * analysis channel; only models with channels have it. FINAL: text of the answer, which without
 * channels is every generated token. Mask 0 means ALL, which is every token. */
#define PERSONA_PHASE_PROMPT 1u
#define PERSONA_PHASE_RESPONSE 2u
#define PERSONA_PHASE_ANALYSIS 4u
#define PERSONA_PHASE_FINAL 8u
#define PERSONA_PHASE_ALL (PERSONA_PHASE_PROMPT | PERSONA_PHASE_RESPONSE)

/* What an edit does to one row h of n_embd floats, in place. Sign: v points from absence to
 * presence of the trait. u = v/||v||, p = <h,u>; alpha is the strength, x the operator's second
 * number. What sets a coordinate goes before what adds to it, and limits come last: within a block
 * the operators act in the order ablate, add, keepnorm, rotate, hold, clamp, floor, cap, whatever
 * the order of the edits; equal ones in the order of the edits. */
typedef enum persona_op {
    PERSONA_OP_ADD,    /* h <- h + alpha v */
    PERSONA_OP_ABLATE, /* h <- h - alpha p u                     alpha in [0,1] */
    PERSONA_OP_CAP,    /* h <- h - alpha max(p - x, 0) u         alpha in [0,1], x in units of h */
    PERSONA_OP_FLOOR,  /* h <- h - alpha min(p - x, 0) u         the same */
    PERSONA_OP_CLAMP,  /* h <- h + alpha (x - p) u               the same */
    PERSONA_OP_KEEPNORM, /* h <- ||h|| unit(h + alpha v) */
    /* h turned by alpha degrees (-180 .. 180) towards u (negative: towards -u) in the plane of
     * both, its norm kept, never past u. A row that lies along u already has no such plane: it
     * stays. */
    PERSONA_OP_ROTATE,
    /* A closed loop: h <- h + c u, where c is steered so that the smoothed coordinate of the
     * reply's tokens, before the edits, stays within x +- band: it begins to act out of the band,
     * ends when it is back within half of it, and |c| is at most limit. alpha in [0,1] is the gain.
     * Acts on the answer, or, with the phase ANALYSIS alone, on the thoughts. */
    PERSONA_OP_HOLD,
} persona_op;

/* A condition: opens and closes on the z-score of a probe, (<h,u> - mean)/sd with u = v/||v||, read
 * before the edits of its block. A gate reads each token of a request, from the last prompt token
 * on, and its verdict holds from the next token on; before any reading it is closed. */
typedef struct persona_gate {
    int block;         /* 0 .. n_layer-2 */
    const float *v;    /* n_embd floats; copied by persona_plan_new */
    float mean, sd;    /* neutral statistics of <h,u> */
    bool above;        /* opens where z > open (else: where z < open) */
    float open, close; /* closes where z < close (else: where z > close); equal: no hysteresis */
} persona_gate;

typedef struct persona_edit {
    persona_op op;
    int block;       /* 0 .. n_layer-1 */
    unsigned phases; /* mask; 0 = all */
    float alpha;     /* the operator's number */
    const float *v;  /* n_embd floats; copied by persona_plan_new */
    float x;         /* the operator's second number, where it has one */
    float band;      /* HOLD: half the width, in units of h */
    float limit;     /* HOLD: the most that a row is moved, in units of h; above 0 */
    /* A window: only at reply tokens after .. after+first-1 (first 0: all from after on), counted
     * from 0 among those of the edit's phases. The prompt belongs to windows with after == 0 and
     * does not count. */
    size_t first, after;
    bool syntax_off;           /* not inside code fences (``` to ```) and the text of tool calls */
    const persona_gate *gates; /* n_gates, all of which must be open; copied */
    size_t n_gates;
} persona_edit;

/* What to do about rows whose edits of one block are long beside the row: ||edit||/||h|| is the
 * ratio to which coherence answers (0.8 costs some, 1.0 most of it). */
typedef enum persona_guard_mode {
    PERSONA_GUARD_OFF,
    PERSONA_GUARD_WARN,   /* counted in the result */
    PERSONA_GUARD_CLAMP,  /* the edit is scaled down to the limit */
    PERSONA_GUARD_REJECT, /* the request fails (NUMERIC) before the next token is sampled */
} persona_guard_mode;

/* "off", "warn", "clamp", "reject"; NULL after the last. */
const char *persona_guard_name(int mode);

typedef struct persona_guard {
    persona_guard_mode mode;
    float ratio; /* the limit; above 0 */
} persona_guard;

typedef struct persona_plan persona_plan;

/* Immutable once made; may be shared by any number of requests. ADD and KEEPNORM edits of equal
 * block and phase are summed. Edits that change no row (alpha == 0, sums of nothing) are dropped,
 * so a plan of only such equals no plan, bit for bit. What a plan does may depend on the request
 * (windows, gates, HOLD, syntax_off): no other request takes over rows made under such edits, and a
 * text that is read under gates is read token by token. Errors: USAGE (operator, phases, a strength
 * or threshold outside its range, more than PERSONA_PLAN_GATES gates), SHAPE (block out of range),
 * NUMERIC (not finite, a direction without length, or so far from 0 that the model's float32
 * overflows; names the block). */
#define PERSONA_PLAN_GATES 64
PERSONA_CHECK persona_code persona_plan_new(int n_layer, int n_embd, const persona_edit *edits,
                                            size_t n, persona_plan **out, persona_err *e);
/* Sets the guard, which is off at first; before the plan is given to a request. A guarded plan is
 * measured row by row, so it never takes the control-vector fast path; the bits are the same.
 * Errors: USAGE (mode, ratio). */
PERSONA_CHECK persona_code persona_plan_guard(persona_plan *p, persona_guard guard, persona_err *e);
/* One more owner (NULL is fine); the last persona_plan_free of them frees. Both may be called from
 * any thread. */
persona_plan *persona_plan_ref(persona_plan *p);
void persona_plan_free(persona_plan *p);

#ifdef __cplusplus
}
#endif
#endif
