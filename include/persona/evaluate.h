/* SPDX-License-Identifier: MIT
 *
 * evaluate.h - what steering with vectors achieved, beside everything that must do nothing.
 *
 * Scores and coherence run from 0 to 100, 50 is no lean; coefficients count doses; a swing is the
 * mean score at +1 less that at -1. NAN: not run, not judged, or not defined.
 */
#ifndef PERSONA_EVALUATE_H
#define PERSONA_EVALUATE_H

#include "persona/dose.h"
#include "persona/interval.h"
#include "persona/witness.h"

#ifdef __cplusplus
extern "C" {
#endif

/* One row of a report: a condition at a coefficient, over the evaluation questions. */
typedef struct persona_row {
    const char *condition; /* unsteered, prompt, sampling, random, or that of an arm */
    double coefficient;
    persona_interval score; /* 0..100 */
    double coherence;       /* 0..100: mean over answers, and its standard deviation */
    double coherence_sd;
    double tokens, tokens_sd; /* of an answer that came, thoughts not counted */
    double cut;               /* 0..1: replies that ran into the length limit */
    size_t n;                 /* answers */
    size_t n_unanswered;      /* no final channel: coherence 0 */
    size_t n_unjudged;        /* the judge gave no score */
    /* both count as the mean of the unsteered answers */
    char *sample;                     /* one answer; NULL: none */
    double panel[PERSONA_PANEL_DIMS]; /* means of the lexical panel */
} persona_row;

/* A vector to evaluate. Borrowed. Several of one condition are draws of it, where the condition is
 * one that is drawn: shuffled, random, random-source, other-trait. */
typedef struct persona_arm {
    /* native, transferred, in-sample, text-bridge, lexical, shuffled, identity, other-trait,
     * random, random-source, leave-name or leave-loose */
    const char *condition;
    const persona_vector *vector;
    const char *note; /* which other trait, say; NULL: nothing */
} persona_arm;

/* What a condition did. */
typedef struct persona_swing {
    const char *condition;
    bool null;              /* a control that must do nothing */
    persona_interval swing; /* -100..100 */
    double se, df;   /* of the swing: standard error, degrees of freedom (INFINITY: bootstrap) */
    double spearman; /* -1..1: of coefficient and mean score */
    persona_interval retained; /* (T - base) / (native - base) at +1; 1: all of it */
    double coherence_low;      /* 0..100, at -1 */
    double coherence_high;     /* 0..100, at +1 */
    char *note;                /* of the arm; NULL: none */
} persona_swing;

/* The mean answer counts as coherent from here on. */
#define PERSONA_COHERENT 70.0

/* Of the coefficients of one sign whose answers stay coherent the one that moves the score farthest
 * that way; NAN: there is none. Chosen on the answers that it is reported of. */
typedef struct persona_best_point {
    double coefficient;
    double gain; /* score less that of the unsteered answers; below 0 where the trait recedes */
    double coherence;
} persona_best_point;

typedef struct persona_best {
    const char *condition;
    persona_best_point plus, minus;
} persona_best;

/* A control that is drawn many times. Its draws answer fewer questions each, and what they say is
 * their spread. */
typedef struct persona_spread {
    const char *condition;   /* shuffled, random, random-source or other-trait */
    persona_interval *swing; /* (n) of each draw; the intervals are given that draw */
    char **what;             /* (n) which other trait; "" */
    size_t n;
    double mean, sd;   /* of the swings; the sd holds the noise of answers, too; NAN: n < 2 */
    double z, p;       /* the transferred swing as one more draw: Student's t, one-sided; NAN */
    size_t n_reaching; /* draws that swing as far as the transferred vector, or farther */
} persona_spread;

/* How much farther the transferred vector swings the score than a control, questions resampled
 * jointly. Of other traits' vectors: than they do in either direction. */
typedef struct persona_margin {
    const char *condition;
    char *what; /* which other trait; "" */
    persona_interval points;
} persona_margin;

/* The swing of another trait's score on the answers of the transferred vector. */
typedef struct persona_cross {
    char *trait;
    persona_interval swing;
} persona_cross;

struct persona_evaluation_kept;
typedef struct persona_evaluation {
    char *trait;
    persona_row *rows; /* (n_rows) */
    size_t n_rows;
    persona_swing *swings; /* (n_swings) conditions that have one; random: all directions */
    size_t n_swings;
    persona_best *bests; /* (n_bests) conditions in the order of the rows */
    size_t n_bests;
    const char *coherence_validity; /* what the judge's coherence is worth */
    persona_spread *spreads;        /* (n_spreads) */
    size_t n_spreads;
    persona_margin *margins; /* (n_margins) over lexical, identity, and each other trait's vector */
    size_t n_margins;
    persona_cross *crosses; /* (n_crosses) the own trait first */
    size_t n_crosses;
    persona_interval retained; /* of the transferred vector */
    bool pass;                 /* the vector moves the trait, and no control explains it */
    bool specific;    /* and moves it more than every other trait's vector, carried the same way */
    char closest[64]; /* the other trait whose vector comes closest; "" */
    char reason[384]; /* why the verdict is what it is */
    persona_witness witness;              /* what else is known of the scores */
    size_t n_repeats;                     /* evaluations that were pooled; 1: none */
    struct persona_evaluation_kept *kept; /* its scores, for persona_evaluation_pool; may be NULL */
} persona_evaluation;

/* NULL: the condition has no swing. */
const persona_swing *persona_evaluation_swing(const persona_evaluation *x, const char *condition);
/* NULL: the condition was not run. */
const persona_best *persona_evaluation_best(const persona_evaluation *x, const char *condition);
/* NULL: the condition is not drawn, or was not run. */
const persona_spread *persona_evaluation_spread(const persona_evaluation *x, const char *condition);

typedef struct persona_evaluate_opts {
    const double *coefficients; /* (n_coefficients) ascending, with -1 and 1; default -2 .. 2 */
    size_t n_coefficients;
    int n_questions; /* of the evaluation half; 0: all */
    int n_rollouts;  /* answers per question; default 1 */
    /* random directions, at the block of the transferred vector, where no arm is one; default 20 */
    int n_random;
    int n_spread_questions; /* that each draw of a control answers at -1 and +1; default 8 */
    int max_tokens;         /* of an answer; default 96 */
    float temperature;      /* default 1 */
    uint32_t seed;
    /* (n_others) the answers are scored for them, too, where the judge knows them */
    const persona_trait *const *others;
    size_t n_others;
    const char *void_reason; /* FAIL for this reason, whatever the numbers; NULL: none */
    const char *job;         /* job file to begin or to resume; NULL: a private one that vanishes */
    bool fresh;              /* forget what the job file holds */
    const char *export_to;   /* folder for answers.jsonl (FORMATS.md, "Export"); NULL: none */
} persona_evaluate_opts;
persona_evaluate_opts persona_evaluate_defaults(void);

/* Runs n arms and the other conditions at every coefficient in one continuous batch, on the same
 * questions with the same seeds. Random directions, unless arms bring them, steer the block of the
 * transferred vector (else the first arm's), at a dose that is calibrated on the first of them.
 * Verdict (METHOD.md): PASS iff few answers are missing; the transferred swing is no draw of
 * random, random-source and shuffled (p <= 0.05 each) and larger than lexical and identity on the
 * same questions, all but identity having run; Spearman(coefficient, score) >= 0.8; the answers
 * at -1 and +1 keep half of the unsteered coherence; and length does not explain it (witness.h).
 * Answers and scores are kept in the job as they are made; the same call goes on from there, to
 * the same bytes in a session of fixed shape. Errors: USAGE (too few questions; the job is one of
 * other settings, which are named), UNAVAILABLE (no judge that knows the trait; the job is being
 * worked on), CANCELED, those of sessions, judges and jobs. */
PERSONA_CHECK persona_code persona_evaluate(const persona_subject *who, const persona_arm *arms,
                                            size_t n, const persona_evaluate_opts *opts,
                                            const persona_hooks *hooks, persona_evaluation **out,
                                            persona_err *e);
/* Several evaluations of the same questions, with other seeds, vectors and draws, as one: rows,
 * swings, margins and retained fractions over questions and repeats, both taken as random
 * (METHOD.md, "Repeats"), draws of all repeats as one heap, and the verdict of all. void_reason: as
 * in the options. x stays. Errors: USAGE (none; one that was pooled), SHAPE (other questions). */
PERSONA_CHECK persona_code persona_evaluation_pool(const persona_evaluation *const *x, size_t n,
                                                   const char *void_reason,
                                                   persona_evaluation **out, persona_err *e);
void persona_evaluation_free(persona_evaluation *x);

#ifdef __cplusplus
}
#endif
#endif
