/* SPDX-License-Identifier: MIT
 *
 * study.h - the whole story of one trait between two models, as `transfer` and `demo` tell it:
 * extract on the source, map, settle on the target, make every control, evaluate everything.
 * Leave-one-trait-out always: what a map says about a trait whose texts it has seen is in-sample
 * and called so (methods 5.2).
 */
#ifndef PERSONA_STUDY_H
#define PERSONA_STUDY_H

#include "persona/evaluate.h"
#include "persona/extract.h"
#include "persona/map.h"
#include "persona/shard.h"

#ifdef __cplusplus
extern "C" {
#endif

/* A model at work. Everything is borrowed. */
typedef struct persona_study_side {
    persona_session *session;           /* NULL for a source that is not needed */
    persona_judge *judge;               /* scores what is reported; NULL: none */
    const persona_questions *questions; /* NULL: each trait pack's own */
    persona_judge *select;              /* filters, finds block and leaning texts; NULL: judge */
} persona_study_side;

typedef struct persona_study_opts {
    int n_questions;    /* of the extraction half; 0: all */
    int n_evaluate;     /* of the evaluation half; 0: all */
    int n_rollouts;     /* extraction, per question, instruction and polarity; default 1 */
    int n_answers;      /* evaluation, per question; default 1 */
    int max_tokens;     /* of an answer of the evaluation; 0: its default */
    int extract_tokens; /* of an answer of the extraction; 0: its default */
    uint32_t seed;      /* of everything that is drawn */
    bool evaluate;      /* default true; needs a judge on the target */
    bool all_controls;  /* default true; false: only those that the verdict needs, and native */
    bool own_blocks;    /* default true; false: drawn controls steer the transferred one's block */
    int n_settle;       /* questions that settle a block; default 20 */
    int n_random;       /* random directions of the target; default 20 */
    int n_draws;        /* shuffled maps and random directions of the source; default 5 each */
    int n_spread;       /* questions that each draw answers; default 8 */
    /* 1 (default), or 3 and more studies with seeds that follow each other, as one: see
     * persona_study.repeats. Not with a map that is given. */
    int n_repeats;
    bool keep_jobs;  /* all work is in resumable jobs in the user's folder; default false */
    const char *job; /* where the target's answers are kept instead; NULL: by keep_jobs */
    bool fresh;      /* forget what jobs hold */
    /* only these answers of the evaluation, into `job`, after everything that it stands on; there
     * is no evaluation then. Extractions have files beside `job`. One study, no repeats. */
    persona_shard shard;
    /* folder; TRAIT/answers.jsonl and TRAIT/texts.jsonl go there (FORMATS.md); NULL: none */
    const char *export_to;
    const double *coefficients; /* (n_coefficients) in doses; NULL: evaluation's default */
    size_t n_coefficients;
    const persona_vector *given;        /* the source vector; NULL: extract it */
    const persona_map *map;             /* a map from a file; NULL: fitted on the pairs */
    persona_fit_opts fit;               /* how; without and texts are set for each trait */
    const persona_trait *const *others; /* (n_others) traits that the answers are scored for, too */
    size_t n_others;
} persona_study_opts;
persona_study_opts persona_study_defaults(void);

/* One answer for reading, to a question that every condition got. */
typedef struct persona_study_sample {
    const char *condition; /* unsteered, native, transferred */
    double coefficient;    /* in doses */
    char *text;
} persona_study_sample;

/* A vector that is evaluated; owned. */
typedef struct persona_study_arm {
    const char *condition; /* as in persona_arm */
    persona_vector *vector;
    char note[96]; /* "" or what to know about it */
    double cosine; /* to the native vector at the block that is steered; NAN */
} persona_study_arm;

/* What leaving the trait out by what texts show comes to. */
typedef struct persona_study_left {
    char *judge;      /* that looked for the trait in the texts; NULL: nobody did */
    double neutral;   /* of its scale */
    size_t n_texts;   /* usable */
    size_t n_left[3]; /* by persona_leave: texts that stay */
    size_t n_open;    /* of those left by name, without a score: they count as leaning */
    bool decidable;   /* enough stay without any that lean */
} persona_study_left;

/* The map at the block that is steered. */
typedef struct persona_study_map {
    char method[16], pairing[16]; /* "ridge", ...; "response" or "chunk" */
    int layer_from, layer_to;     /* blocks of source and target */
    int rank;                     /* 0: full */
    size_t n_texts, n_rows;       /* that it was fitted on */
    size_t n_contrasts;           /* other traits' differences that judged it */
    size_t n_candidates;          /* pairs of blocks that were fitted */
    double lambda;                /* relative to the mean eigenvalue of the Gram matrix */
    double r2_heldout;            /* of rows of questions that were left out; 1: all is explained */
    double r2_contrast;           /* of contrasts, left out by question */
    double r2_shuffled, r2_shuffled_max; /* r2_contrast of shuffled pairings: mean, largest */
    persona_map_r2 by_trait, by_both;    /* whole traits left out; and their questions, too */
} persona_study_map;

/* Whether the projection on the carried direction, at the block that is steered, tells answers of
 * the target that show the trait from those that do not; nothing is steered. NAN: not measured. */
typedef struct persona_study_auroc {
    const char *of;                     /* which answers; NULL: nobody looked */
    const char *by;                     /* what says which show it: "judge" or "instruction" */
    size_t n_shown, n_not, n_questions; /* answers of each class, and their questions */
    persona_interval area;              /* 0.5: not at all, 1: all of them; over questions */
    /* the same of what shuffled maps make of the source vector; p: share that reaches it */
    size_t n_null;
    double null_mean, null_sd, null_max, p;
    char reason[160]; /* why it is not measured, "" */
} persona_study_auroc;

/* One of several studies of the same claim: the first with all texts, the others with texts whose
 * questions were drawn again. */
typedef struct persona_study_repeat {
    uint32_t seed;
    int layer_from, layer_to;
    size_t n_texts; /* behind the map */
    double r2_contrast, dose, cosine, seconds;
    char *job;                      /* NULL: nothing is kept */
    persona_evaluation *evaluation; /* of this one alone; its verdict means nothing */
} persona_study_repeat;

typedef struct persona_study {
    char *trait;
    persona_vector *source;      /* of the source model */
    persona_vector *transferred; /* of the target model, with block and dose */
    persona_study_arm *arms;     /* (n_arms) [0] is transferred, or in-sample */
    size_t n_arms;
    persona_study_left left;
    /* cosines to native of what n_null_cosines shuffled maps make of the source vector at the block
     * that is steered: mean and largest magnitude; NAN */
    double null_cosine, null_cosine_max;
    size_t n_null_cosines;
    persona_study_auroc auroc;
    persona_extract_report source_report, native_report;
    persona_study_map map;
    double swing_settled; /* score(+) - score(-), 0..100 each, at the target's block; NAN */
    persona_evaluation *evaluation; /* NULL: not evaluated */
    char *question;                 /* what the samples answer; NULL without samples */
    persona_study_sample *samples;  /* (n_samples) */
    size_t n_samples;
    char note[1024];       /* what had to be left out, "" */
    char *job;             /* file of the target's answers and scores; NULL: nothing is kept */
    char *extract_jobs[2]; /* of the source, of the target; NULL likewise */
    size_t n_resumed;      /* answers that it had already */
    persona_shard_report shard;
    double seconds;
    /* (n_repeats) NULL, 0: there was one study, and intervals are given its vector. Else evaluation
     * is all of them pooled, and everything else is of the first. */
    persona_study_repeat *repeats;
    size_t n_repeats;
} persona_study;

/* Runs it. Errors: USAGE (from a model to itself), NEGATIVE (the source shows too little
 * contrast), UNAVAILABLE (evaluation without a judge that knows the trait), and those of the steps.
 * pairs may be NULL where opts->map is given: its readings stand for them, and without readings
 * controls that need texts are left out with a note. */
PERSONA_CHECK persona_code persona_study_trait(
    const persona_study_side *from, const persona_study_side *to, const persona_pairs *pairs,
    const persona_trait *trait, const persona_study_opts *opts, const persona_hooks *hooks,
    persona_study **out, persona_err *e);
void persona_study_free(persona_study *x);
/* Removes its jobs, where they are kept. Errors: those of removing. */
PERSONA_CHECK persona_code persona_study_forget(const persona_study *x, persona_err *e);

/* The vector of a condition; NULL: not made. */
const persona_vector *persona_study_vector(const persona_study *x, const char *condition);
/* The kept pairs of the source: how many positive answers the vector stands on. */
size_t persona_study_kept(const persona_study *x);
/* The source block that was mapped and the target block that is steered; -1: unknown. */
int persona_study_layer_from(const persona_study *x);
int persona_study_layer_to(const persona_study *x);
/* "PASS", "FAIL", or NULL when not evaluated. */
const char *persona_study_verdict(const persona_study *x);

#ifdef __cplusplus
}
#endif
#endif
