/* SPDX-License-Identifier: MIT
 *
 * dose.h - where to steer with a vector and how much: the block, the dose, the response to
 * coefficients.
 *
 * One dose is the raw multiple of v_b whose steering makes the 95th percentile over tokens of
 * KL(steered || unsteered) equal to 1 nat (methods 4.2). Blocks are compared by behavior at equal
 * doses, never at equal raw multiples. Only extraction questions are asked here.
 */
#ifndef PERSONA_DOSE_H
#define PERSONA_DOSE_H

#include "persona/judge.h"
#include "persona/session.h"
#include "persona/trait.h"
#include "persona/vector.h"

#ifdef __cplusplus
extern "C" {
#endif

/* A model at work on a trait, and who scores it. Everything is borrowed. */
typedef struct persona_subject {
    persona_session *session;
    const persona_trait *trait;
    const persona_questions *questions;
    persona_judge *judge; /* NULL: none */
} persona_subject;

/* Means over the answers at one coefficient. */
typedef struct persona_curve_point {
    double coefficient; /* in doses */
    double score;       /* 0..100, 50: no lean */
    double coherence;   /* 0..100 */
    /* without a judge: */
    double nll;        /* nats per token under the unsteered model */
    double repetition; /* 0..1: share of word pairs that occurred before */
    double length;     /* words */
} persona_curve_point;
#define PERSONA_CURVE_POINTS 13
typedef struct persona_curve {
    persona_curve_point points[PERSONA_CURVE_POINTS]; /* (n) by rising coefficient */
    size_t n;                                         /* 0: not measured */
} persona_curve;

/* Sets from.dose of v at a block, on greedy answers of 20 tokens to `questions`; dose_kl is what
 * was measured there, in nats. Leaves NAN and returns NUMERIC when no multiple in the bracket
 * reaches 1 nat. */
PERSONA_CHECK persona_code persona_calibrate(persona_session *s, persona_vector *v, int block,
                                             char *const *questions, size_t n_questions,
                                             const persona_hooks *hooks, persona_err *e);

/* Sets token_mean, token_sd and quantiles of every block of v that can be read, and h_median where
 * it is not known: projections of the single tokens of unsteered answers to (at most 16)
 * `questions`, of 48 tokens at temperature 1. Errors: NUMERIC (no answer has any text), those of
 * sessions. */
PERSONA_CHECK persona_code persona_neutral(persona_session *s, persona_vector *v,
                                           char *const *questions, size_t n_questions,
                                           uint32_t seed, const persona_hooks *hooks,
                                           persona_err *e);

/* What persona_calibrate_vector did. */
typedef struct persona_calibrated {
    int block;
    bool block_chosen; /* by depth alone, since the vector names none */
    persona_curve curve;
    const char *safe_by; /* "judge", "fluency" or "": no range was measured */
    char note[256];      /* "" or what could not be measured */
} persona_calibrated;
/* Makes a vector of any origin one of this model: what neutral tokens project to at every block,
 * the dose at `block` (-1: its best; without one, the block nearest to 0.65 of the depth), and the
 * safe range, by who->judge if it knows the trait, else by likelihood and repetition. A dose that
 * cannot be found is a note. who->trait may be NULL. Errors: SHAPE (width, no direction), those of
 * sessions and judges. */
PERSONA_CHECK persona_code persona_calibrate_vector(const persona_subject *who, persona_vector *v,
                                                    int block, uint32_t seed,
                                                    const persona_hooks *hooks,
                                                    persona_calibrated *out, persona_err *e);

/* Chooses from.best_layer of v by a small judged steering sweep on the extraction questions, then
 * calibrates the dose there, as persona_extract does with `quick`. *swing (may be NULL): score at
 * +1 less that at -1, 0..100; NAN without a judge. Errors: SHAPE (no usable block), those of
 * sessions and judges. */
PERSONA_CHECK persona_code persona_settle(const persona_subject *who, persona_vector *v,
                                          uint32_t seed, const persona_hooks *hooks, double *swing,
                                          persona_err *e);

#ifdef __cplusplus
}
#endif
#endif
