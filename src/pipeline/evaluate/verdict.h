/* SPDX-License-Identifier: MIT
 *
 * verdict.h - from scored answers to swings, retained fractions and PASS or FAIL.
 */
#ifndef PERSONA_PIPELINE_VERDICT_H
#define PERSONA_PIPELINE_VERDICT_H

#include "core/measure/stats.h"
#include "persona/evaluate.h"

enum { CELL_PLANS = 64 };
#define EVALUATE_CROSS "cross" /* the transferred answers, scored for the trait in the note */

/* Of the answers of a cell. */
typedef struct cell_lengths {
    size_t n, n_asked, n_cut; /* answers that came; all; those that ran into a limit */
    double sum, squares;      /* of tokens of those that came */
} cell_lengths;

/* What was seen of an answer that came. */
typedef struct cell_seen {
    double panel[PERSONA_PANEL_DIMS];
    double score, second; /* of the judge, and of a second one; NAN: none */
    size_t group;         /* question */
} cell_seen;

/* One condition at one coefficient: how its answers are made, and their scores. */
typedef struct eval_cell {
    const char *condition, *note;
    double coefficient;
    int variant;   /* one draw by itself; -1: all there is of the condition */
    size_t repeat; /* which of several evaluations it is of */
    bool hidden;   /* in no row */
    bool few;      /* a draw answers a share of the questions */
    int same_as;   /* >= 0: not run; the numbers are those of that cell */
    size_t at;     /* its place among the cells that are run */
    persona_plan *plans[CELL_PLANS];
    size_t n_plans; /* question q is steered by plan q % n_plans */
    bool sampler, instructed, negative;
    bool keep_texts; /* until other traits have been scored */
    float temperature, top_p, repetition_penalty;
    double *score;     /* n scored answers */
    size_t *group;     /* n: question */
    double *coherence; /* n_coherence */
    size_t n, n_coherence;
    size_t n_unanswered; /* no final channel */
    size_t n_unjudged;   /* the judge left them open */
    size_t n_missing;    /* both: they count as the unsteered mean */
    size_t *missing;     /* (n_missing) questions */
    cell_lengths lengths;
    cell_seen *seen; /* (n_seen) */
    size_t n_seen;
    char *sample;
    char **texts; /* keep_texts: one per answer, NULL: unanswered */
} eval_cell;

/* Who and what looked at the answers. */
typedef struct verdict_judges {
    char second[96]; /* the second judge; "": none */
    double neutral;  /* of the judge */
    bool counted[PERSONA_PANEL_DIMS];
} verdict_judges;

/* Cells that a verdict is made of. */
typedef struct verdict_board {
    const eval_cell *cells;
    size_t n, n_questions, n_repeats;
    uint32_t seed;
    const char *judge_kind;       /* NULL: unknown */
    const verdict_judges *judges; /* NULL: nothing was seen but scores */
} verdict_board;

/* Fills swings, spreads, margins, crosses, retained, specific, pass and reason. void_reason: FAIL
 * for this reason, whatever the numbers; NULL: none. */
PERSONA_CHECK persona_code verdict_fill(const verdict_board *b, const char *void_reason,
                                        persona_evaluation *out, persona_err *e);

/* witness.c: fills the witness and the panel of the rows. */
PERSONA_CHECK persona_code witness_fill(const verdict_board *b, persona_evaluation *out,
                                        persona_err *e);

/* Sets pass, specific, closest and reason from the numbers. */
void verdict_decide(const verdict_board *b, double base_coherence, const char *void_reason,
                    persona_evaluation *x);
/* The share of answers of a condition that are missing; NAN: it was not run. */
double verdict_loss(const verdict_board *b, const char *condition, double coefficient);

/* The swing between two cells' scores (n_questions groups), NAN where one is empty. */
PERSONA_CHECK persona_code verdict_swing(const stat_sample *high, const stat_sample *low,
                                         size_t n_questions, uint32_t seed, persona_interval *out,
                                         persona_err *e);

#endif
