/* SPDX-License-Identifier: MIT
 *
 * study.h - the whole story of one trait between two models, as `transfer` and `demo` tell it:
 * extract on the source, map, settle on the target, extract natively there, evaluate everything.
 */
#ifndef PERSONA_PIPELINE_STUDY_H
#define PERSONA_PIPELINE_STUDY_H

#include "persona/steer.h"
#include "persona/transfer.h"

/* A model at work. Everything is borrowed. */
typedef struct study_side {
    persona_session *session;
    persona_judge *judge;               /* NULL: none */
    const persona_questions *questions; /* NULL: each trait pack's own */
} study_side;

typedef struct study_opts {
    int n_questions; /* of the extraction half; 0: all */
    int n_evaluate;  /* of the evaluation half; 0: all */
    int n_mapped;    /* questions per trait behind the map; 0: the default */
    int n_neutral;   /* uninstructed texts behind the map; 0: the default */
    int n_rollouts;  /* extraction, per question, instruction and polarity; default 1 */
    int max_tokens;  /* 0: the defaults of extraction and evaluation */
    uint32_t seed;
    bool evaluate;              /* default true; needs a judge on the target */
    const double *coefficients; /* NULL: evaluation's default */
    size_t n_coefficients;
    const persona_vector *given; /* the source vector; NULL: extract it */
} study_opts;
study_opts study_defaults(void);

/* One answer for reading, to a question that every condition got. */
typedef struct study_sample {
    const char *condition; /* unsteered, native, transferred */
    double coefficient;
    char *text;
} study_sample;

typedef struct study {
    char *trait;
    persona_vector *source, *native, *transferred, *shuffled; /* NULL: not made */
    persona_extract_report source_report, native_report;
    persona_map_report map;
    double swing_settled;           /* score(+) - score(-) at the chosen block of the target; NAN */
    persona_evaluation *evaluation; /* NULL: not evaluated */
    char *question;                 /* what the samples answer; NULL without samples */
    study_sample *samples;
    size_t n_samples;
    char note[256]; /* what had to be left out, "" */
    double seconds;
} study;

/* Texts read by both models, shared by the studies of all traits; `all` are every pack to learn the
 * map from (a trait's own texts are left out again by persona_transfer). */
PERSONA_CHECK persona_code study_pairs(const study_side *from, const study_side *to,
                                       persona_trait *const *all, size_t n_all,
                                       const study_opts *opts, const persona_hooks *hooks,
                                       persona_pairs **out, persona_err *e);

/* Errors: NEGATIVE (the source shows too little contrast), UNAVAILABLE (evaluation without a judge
 * that knows the trait), and those of the steps. */
PERSONA_CHECK persona_code study_trait(const study_side *from, const study_side *to,
                                       persona_pairs *pairs, const persona_trait *trait,
                                       const study_opts *opts, const persona_hooks *hooks,
                                       study **out, persona_err *e);
void study_free(study *x);

/* The kept pairs of the source: how many positive answers the vector stands on. */
size_t study_kept(const study *x);
/* The source block that was mapped and the target block that is steered; -1: unknown. */
int study_layer_from(const study *x);
int study_layer_to(const study *x);
/* "PASS", "FAIL", or NULL when not evaluated. */
const char *study_verdict(const study *x);

#endif
