/* SPDX-License-Identifier: MIT
 *
 * sweep.h - the response to steering: one vector at many coefficients, at several blocks, by
 * several operators, on the same questions with the same seeds.
 *
 * Scores and coherence run from 0 to 100. Beside every steered point stand the unsteered answers
 * and those to an instruction in the prompt. NAN: not measured.
 */
#ifndef PERSONA_SWEEP_H
#define PERSONA_SWEEP_H

#include "persona/dose.h"
#include "persona/interval.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct persona_sweep_opts {
    const double *coefficients; /* (n_coefficients) ascending; default -2 .. 2 by 0.5 */
    size_t n_coefficients;
    const int *blocks; /* (n_blocks) none: the vector's best */
    size_t n_blocks;
    /* (n_operators) of persona_sweep_operator; none: "add". The coefficient is the operator's
     * number: doses, degrees, a percentile, a z-score, a share (METHOD.md, "Sweeps") */
    const char *const *operators;
    size_t n_operators;
    /* (n_phases) of "response", "analysis", "final": which part of a reply is steered, a curve for
     * each; none: "response" */
    const char *const *phases;
    size_t n_phases;
    bool thoughts;     /* also judge what a model thinks before it answers; default false */
    const char *unit;  /* "dose" (default), "raw" or "ratio", where the number counts vectors */
    int n_questions;   /* of the evaluation half; 0: all */
    int n_answers;     /* per question; default 1 */
    int max_tokens;    /* of an answer; default 64 */
    float temperature; /* default 1 */
    uint32_t seed;
    bool prompt; /* default true: also the trait's instructions in the prompt, unsteered */
    bool kl;     /* default true: KL and likelihood of every answer's first 48 tokens */
    /* the same questions again behind a neutral conversation of at least so many tokens, unsteered
     * and at the coefficients nearest to -1 and 1; 0 (default): not */
    int behind;
    const char *job; /* file to begin or to resume; NULL: by keep_job */
    bool keep_job;   /* in the user's folder; default false: a private one that vanishes */
    bool fresh;      /* forget what the job holds */
} persona_sweep_opts;
persona_sweep_opts persona_sweep_defaults(void);
/* Tokens of a slot that a sweep needs besides the question: thoughts, answer, conversation. */
int persona_sweep_room(const persona_sweep_opts *o);
/* Names of the operators, and of the parts of a reply, that can be swept; NULL after the last. */
const char *persona_sweep_operator(size_t i);
const char *persona_sweep_phase(size_t i);

typedef struct persona_sweep_point {
    /* unsteered, prompt (coefficient -1 and 1: the negative and the positive instruction), steered
     * or behind */
    const char *condition;
    const char *op;     /* NULL: nothing is steered */
    const char *phase;  /* NULL likewise */
    int block;          /* -1 likewise */
    double coefficient; /* 0 likewise */
    persona_interval score;
    persona_interval shift; /* score less that of the unsteered answers to the same questions */
    double coherence, coherence_sd;
    persona_interval thoughts; /* score of the thoughts of those that have some; NAN without */
    size_t n_thoughts;         /* how many have */
    double kl, kl_p95; /* KL(steered || unsteered) in nats per token: mean, 95th percentile */
    double nll;        /* nats per token under the unsteered model without an instruction */
    double repetition; /* 0..1: share of word pairs that occurred before in their answer */
    double tokens;     /* of an answer */
    size_t n, n_unanswered, n_unjudged; /* missing scores count as the mean of the unsteered ones */
    size_t n_prompt;                    /* tokens of the longest prompt */
    char *sample;                       /* an answer; NULL: none */
} persona_sweep_point;

/* What an operator does at a block, over all coefficients. */
typedef struct persona_sweep_curve {
    const char *op, *phase;
    int block;
    double agreement; /* persona_vector_layer.agreement: what the vector itself lets expect */
    double spearman;  /* of coefficient and mean score, the unsteered point included */
    /* Share of questions whose score falls as the coefficient rises (slope of a least-squares line
     * below 0; one that stays counts half), of n_sloped that have a slope. Without any effect it is
     * a half. NAN for operators
     * whose number has no direction. */
    double anti_steered;
    size_t n_sloped;
    /* Coefficients between which the mean answer stays coherent, interpolated; where answers are
     * still coherent at the last coefficient, that one. NAN: the unsteered ones are not. */
    double low, high;
    double promote, suppress; /* the coherent coefficients that move the score farthest */
} persona_sweep_curve;

typedef struct persona_sweep {
    char *trait;
    persona_sweep_point *points; /* (n_points) the unsteered one first */
    size_t n_points;
    persona_sweep_curve *curves; /* (n_curves) operator by operator, block by block */
    size_t n_curves;
    char unit[8];          /* that counts: "dose", or "raw" where no dose is known; "ratio" */
    double coherence_from; /* an answer counts as coherent from here on */
    char *question;        /* that the samples answer */
    char *job;             /* file of answers and scores; NULL: nothing is kept */
    size_t n_questions, n_resumed;
    double seconds;
} persona_sweep;

/* Errors: USAGE (coefficients, blocks, operators; the job is one of other settings), SHAPE (the
 * vector does not fit, or has no direction at a block), UNAVAILABLE, CANCELED, those of sessions,
 * judges and jobs. Without a judge scores are NAN and the rest is measured. */
PERSONA_CHECK persona_code persona_sweep_run(const persona_subject *who, persona_vector *v,
                                             const persona_sweep_opts *opts,
                                             const persona_hooks *hooks, persona_sweep **out,
                                             persona_err *e);
void persona_sweep_free(persona_sweep *x);

#ifdef __cplusplus
}
#endif
#endif
