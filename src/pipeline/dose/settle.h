/* SPDX-License-Identifier: MIT
 *
 * settle.h - where to steer with a vector, and how much: block, dose, safe range.
 */
#ifndef PERSONA_PIPELINE_SETTLE_H
#define PERSONA_PIPELINE_SETTLE_H

#include "persona/extract.h"
#include "pipeline/dose/settle_sizes.h"
#include "store/job/job.h"

typedef struct settling {
    persona_session *s;
    persona_vector *v; /* with statistics and ||h|| medians; block, doses and range are filled in */
    const persona_trait *trait;
    const persona_questions *questions; /* extraction half only; NULL: statistics decide */
    persona_judge *judge;               /* NULL, or one that does not know the trait: likewise */
    bool calibrate; /* measure doses; else blocks are compared at equal ||edit||/||h|| */
    bool neutral;   /* measure what single tokens of neutral answers project to (neutral.h) */
    bool quick;     /* blocks at equal ratio, the dose on few questions */
    /* the response to several coefficients at the chosen block; NULL: not measured */
    persona_curve *curve;
    size_t first_question, n_questions; /* of a sweep; n 0: 8 */
    size_t n_decide; /* questions that decide between the best two blocks; below n: no more are */
    uint32_t seed;
    job *job;        /* trials are kept there; NULL: nowhere */
    const char *tag; /* names the vector among others of the job */
    const persona_hooks *hooks;
} settling;

typedef struct settle_report {
    const char *how;  /* "steering sweep" or "statistics" */
    double swing;     /* score(+1) - score(-1) of the chosen block in the sweep; NAN */
    const char *note; /* "" or why something was left out */
} settle_report;

/* Errors: SHAPE (no usable block), those of sessions, judges and jobs. */
PERSONA_CHECK persona_code settle(const settling *x, settle_report *report, persona_err *e);
/* One of several vectors that are settled together. */
typedef struct settle_draw {
    persona_vector
        *v;     /* best_layer and dose are filled in; the dose stays NAN where there is none */
    int block;  /* that it must have; -1: its own */
    bool alike; /* has the dose of the first draw at its block, at equal norms */
} settle_draw;
/* Block and dose of n vectors in one go, as controls that are drawn need them: of the blocks that
 * each has, the one with the largest swing at one equal ||edit||/||h||, and a dose within a quarter
 * of a nat; x->v is not used. Errors: those of sessions, judges and jobs. */
PERSONA_CHECK persona_code settle_draws(const settling *x, settle_draw *draws, size_t n,
                                        persona_err *e);
/* settle.c: the blocks that are tried, at most SETTLE_CANDIDATES. */
size_t settle_candidates(const persona_vector *v, int *out);
#define SETTLE_RATIO 0.3 /* ||edit||/||h|| of one step where doses are not measured */

/* How vectors that were carried over are settled; trait, questions, judge, seed and hooks are left
 * to the caller. */
settling settle_quickly(persona_session *s, persona_vector *v);

#endif
