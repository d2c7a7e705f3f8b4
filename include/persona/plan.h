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
} persona_op;

typedef struct persona_edit {
    persona_op op;
    int block;       /* 0 .. n_layer-1 */
    unsigned phases; /* mask; 0 = all */
    float alpha;     /* the operator's number */
    const float *v;  /* n_embd floats; copied by persona_plan_new */
    float x;         /* the operator's second number, where it has one */
} persona_edit;

typedef struct persona_plan persona_plan;

/* Immutable once made; may be shared by any number of requests. ADD and KEEPNORM edits of equal
 * block and phase are summed. Edits that change no row (alpha == 0, sums of nothing) are dropped,
 * so a plan of only such equals no plan, bit for bit. Errors: USAGE (operator, phases, a strength
 * outside its range), SHAPE (block out of range), NUMERIC (not finite, a direction without length,
 * or so far from 0 that the model's float32 overflows; names the block). */
PERSONA_CHECK persona_code persona_plan_new(int n_layer, int n_embd, const persona_edit *edits,
                                            size_t n, persona_plan **out, persona_err *e);
/* One more owner (NULL is fine); the last persona_plan_free of them frees. Both may be called from
 * any thread. */
persona_plan *persona_plan_ref(persona_plan *p);
void persona_plan_free(persona_plan *p);

#ifdef __cplusplus
}
#endif
#endif
