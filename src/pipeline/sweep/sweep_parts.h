/* SPDX-License-Identifier: MIT
 *
 * sweep_parts.h - what the files of a sweep share.
 */
#ifndef PERSONA_PIPELINE_SWEEP_PARTS_H
#define PERSONA_PIPELINE_SWEEP_PARTS_H

#include "persona/sweep.h"
#include "pipeline/ask.h"
#include "pipeline/kept.h"
#include "store/job/job.h"

/* How an operator is written with a number. */
typedef struct sweep_operator {
    const char *name;
    const char *times; /* what the number multiplies; NULL: it is an argument, as in clamp(v,1) */
    double low, high;  /* the numbers it takes */
    bool counts;       /* the number counts vectors, in a unit */
    bool rises;        /* a higher number means more of the trait */
    bool zero;         /* with 0 it does nothing */
} sweep_operator;
const sweep_operator *sweep_operator_find(const char *name);

/* One point: everything that is asked for it, and what came of it. */
typedef struct sweep_point {
    const char *condition;
    const sweep_operator *op; /* NULL: none */
    const char *phase;        /* NULL likewise */
    int block;
    double coefficient;
    bool same_as_base; /* is not asked: the unsteered answers are its answers */
    bool instructed, negative;
    bool behind; /* asked behind a conversation */
    persona_plan *plan;
    double *score, *coherence; /* (n_each) NAN: missing */
    double *thoughts;          /* (n_each) likewise; NULL: not judged */
    double kl, kl_p95, nll, repetition, tokens;
    size_t n_unanswered, n_unjudged, n_prompt;
    char *sample;
} sweep_point;

/* Whether both are steered alike but for the number. */
bool sweep_same_curve(const sweep_point *a, const sweep_point *b);

typedef struct sweeping {
    persona_session *s;
    persona_model *m;
    persona_vector *v;
    const persona_trait *trait;
    const persona_questions *questions;
    persona_judge *judge; /* NULL: none */
    const persona_sweep_opts *o;
    const persona_hooks *hooks;
    job *job;
    sweep_point *points;                             /* (n_points) [0] is unsteered */
    size_t n_points, n_questions, n_answers, n_each; /* n_each: answers of a point */
    char **systems;                                  /* instructions: pair * 2 + negative */
    char unit[8];   /* that the plans count in; "" before there is one */
    size_t n_found; /* answers that the job had */
    /* what stands before a question: a neutral conversation */
    persona_message *history; /* (n_history) alternating */
    char **history_texts;     /* (n_history) their texts */
    size_t n_history;
} sweeping;

/* sweep_points.c: every point, with its plan. */
PERSONA_CHECK persona_code sweep_points(sweeping *x, persona_err *e);
void sweep_points_free(sweeping *x);

/* sweep_ask.c: answers, scores and what needs no judge, of the points that stand behind a
 * conversation, or of the others. */
PERSONA_CHECK persona_code sweep_ask(sweeping *x, bool behind, persona_err *e);

/* sweep_behind.c: the conversation. Errors: USAGE (it does not fit), those of sessions. */
PERSONA_CHECK persona_code sweep_history(sweeping *x, persona_err *e);
void sweep_history_free(sweeping *x);

/* sweep_curves.c: scores to points and curves. */
PERSONA_CHECK persona_code sweep_conclude(const sweeping *x, persona_sweep *out, persona_err *e);

#endif
