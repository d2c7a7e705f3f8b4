/* SPDX-License-Identifier: MIT
 *
 * study.h - the whole story of one trait between two models, as `transfer` and `demo` tell it:
 * extract on the source, map, settle on the target, make every control, evaluate everything.
 */
#ifndef PERSONA_PIPELINE_STUDY_H
#define PERSONA_PIPELINE_STUDY_H

#include "persona/steer.h"
#include "persona/transfer.h"

/* A model at work. Everything is borrowed. */
typedef struct study_side {
    persona_session *session;           /* NULL for a source that is not needed */
    persona_judge *judge;               /* NULL: none */
    const persona_questions *questions; /* NULL: each trait pack's own */
} study_side;

typedef struct study_opts {
    int n_questions;    /* of the extraction half; 0: all */
    int n_evaluate;     /* of the evaluation half; 0: all */
    int n_rollouts;     /* extraction, per question, instruction and polarity; default 1 */
    int n_answers;      /* evaluation, per question; default 1 */
    int max_tokens;     /* of an answer of the evaluation; 0: its default */
    int extract_tokens; /* of an answer of the extraction; 0: its default */
    uint32_t seed;
    bool evaluate;     /* default true; needs a judge on the target */
    bool all_controls; /* default true; false: only native and shuffled beside the fixed ones */
    bool keep_jobs;    /* all work is in resumable jobs in the user's folder; default false */
    const char *job;   /* where the target's answers are kept instead; NULL: by keep_jobs */
    bool fresh;        /* forget what jobs hold */
    const double *coefficients; /* NULL: evaluation's default */
    size_t n_coefficients;
    const persona_vector *given;        /* the source vector; NULL: extract it */
    const persona_map *map;             /* a map from a file; NULL: fitted on the pairs */
    persona_fit_opts fit;               /* how; without and texts are set for each trait */
    const persona_trait *const *others; /* (n_others) traits that the answers are scored for, too */
    size_t n_others;
} study_opts;
study_opts study_defaults(void);

/* One answer for reading, to a question that every condition got. */
typedef struct study_sample {
    const char *condition; /* unsteered, native, transferred */
    double coefficient;
    char *text;
} study_sample;

/* A vector that is evaluated; owned. */
typedef struct study_arm {
    const char *condition; /* as in persona_arm */
    persona_vector *vector;
    char note[96]; /* "" or what to know about it */
} study_arm;
enum { STUDY_ARMS = 8 };

/* The map at the block that is steered. */
typedef struct study_map {
    char method[16], pairing[16];
    int layer_from, layer_to, rank;
    size_t n_texts, n_rows, n_contrasts, n_candidates;
    double lambda, r2_heldout, r2_contrast, r2_shuffled, r2_shuffled_max;
} study_map;

typedef struct study {
    char *trait;
    persona_vector *source, *transferred;
    study_arm arms[STUDY_ARMS]; /* [0] is transferred (borrowed from above), or in-sample */
    size_t n_arms;
    persona_extract_report source_report, native_report;
    study_map map;
    double swing_settled;           /* score(+) - score(-) at the chosen block of the target; NAN */
    persona_evaluation *evaluation; /* NULL: not evaluated */
    char *question;                 /* what the samples answer; NULL without samples */
    study_sample *samples;
    size_t n_samples;
    char note[512];        /* what had to be left out, "" */
    char *job;             /* file of the target's answers and scores; NULL: nothing is kept */
    char *extract_jobs[2]; /* of the source, of the target; NULL likewise */
    size_t n_resumed;      /* answers that it had already */
    double seconds;
} study;

/* Errors: NEGATIVE (the source shows too little contrast), UNAVAILABLE (evaluation without a judge
 * that knows the trait), and those of the steps. pairs may be NULL where opts->map is given:
 * controls that need texts are then left out with a note. */
PERSONA_CHECK persona_code study_trait(const study_side *from, const study_side *to,
                                       const persona_pairs *pairs, const persona_trait *trait,
                                       const study_opts *opts, const persona_hooks *hooks,
                                       study **out, persona_err *e);
void study_free(study *x);
/* Removes its jobs, where they are kept. Errors: those of removing. */
PERSONA_CHECK persona_code study_forget(const study *x, persona_err *e);

/* The vector of a condition; NULL: not made. */
const persona_vector *study_vector(const study *x, const char *condition);
/* The kept pairs of the source: how many positive answers the vector stands on. */
size_t study_kept(const study *x);
/* The source block that was mapped and the target block that is steered; -1: unknown. */
int study_layer_from(const study *x);
int study_layer_to(const study *x);
/* "PASS", "FAIL", or NULL when not evaluated. */
const char *study_verdict(const study *x);

#endif
