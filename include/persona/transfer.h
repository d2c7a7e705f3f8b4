/* SPDX-License-Identifier: MIT
 *
 * transfer.h - carrying vectors from one model to another, and evaluating what arrived.
 *
 * The same texts are read by both models, each in its own template without a persona instruction
 * (persona_pairs_new); a map is fitted on them (persona_map_fit, map.h) and carries vectors over
 * (persona_map_apply). Leave-one-trait-out always: what a map says about a trait whose texts it
 * has seen is in-sample and called so (methods 5.2).
 */
#ifndef PERSONA_TRANSFER_H
#define PERSONA_TRANSFER_H

#include "persona/extract.h"
#include "persona/map.h"

#ifdef __cplusplus
extern "C" {
#endif

/* ---- paired texts ---------------------------------------------------------------------------- */

/* Texts that both models have read: in memory only what they are; what was read of them lies in a
 * cache on disk (FORMATS.md, "Readings") and is taken from there block by block. Opaque. */
typedef struct persona_pairs persona_pairs;

typedef struct persona_pairs_opts {
    int n_questions; /* per trait; default 20 */
    int n_neutral;   /* uninstructed texts; default 120 */
    int max_tokens;  /* of a text; those of files are cut at a sentence within 4 bytes for each;
                        default 96 */
    float temperature;
    uint32_t seed;
    const char *const
        *files; /* (n_files) texts to read (FORMATS.md, "Texts") instead of writing any */
    size_t n_files;
    bool chunks;       /* also keep the means of the chunks of a text (core/text/chunks.h) */
    const char *cache; /* folder; NULL: $XDG_CACHE_HOME/persona; "": nothing is kept */
    const int *blocks_from, *blocks_to; /* to be read, ascending; NULL: those worth pairing */
    size_t n_blocks_from, n_blocks_to;
} persona_pairs_opts;
persona_pairs_opts persona_pairs_defaults(void);

/* Has the source model write texts (neutral ones, and both poles of every trait; questions NULL:
 * each trait is asked its own pack's), or takes those of files, and has both models read them
 * after the same question, each in its own template, without any instruction. What an earlier run
 * wrote or read is taken from the cache, bit for bit the same; an interrupted run goes on where it
 * was. Reading stops the graph after the last block that is wanted. Texts that occur twice count
 * once. Errors: USAGE (fewer than 8 distinct texts; one pole only; too few questions), FORMAT and
 * others of text files, those of sessions, IO (cache), CANCELED. */
PERSONA_CHECK persona_code persona_pairs_new(persona_session *from, persona_session *to,
                                             persona_trait *const *traits, size_t n_traits,
                                             const persona_questions *questions,
                                             const persona_pairs_opts *opts,
                                             const persona_hooks *hooks, persona_pairs **out,
                                             persona_err *e);
void persona_pairs_free(persona_pairs *p);
/* Usable texts, without those of a trait (NULL: all). */
size_t persona_pairs_count(const persona_pairs *p, const char *without_trait);

/* ---- mapping --------------------------------------------------------------------------------- */

typedef struct persona_fit_opts {
    const char *method; /* see persona_map_method; default "ridge" */
    double lambda;      /* relative to the mean eigenvalue; <= 0 (default): by leaving groups out */
    int rank, n_anchors; /* of the methods that have them; 0 (default): searched, 100 */
    const char *without; /* a trait whose texts are left out, all of them; NULL: none */
    /* hashes of texts that are left out (persona_provenance.texts); NULL: none */
    const char *texts;
    int from, to;     /* only this pair of blocks; -1, -1 (default): found by the grid */
    int n_candidates; /* pairs of blocks to fit; 0 (default): 4, or all of a shallow target */
    bool null;        /* also fit each after shuffling which text belongs to which; default */
    bool chunks;      /* rows are chunks of texts instead of whole ones */
    int n_shuffles;   /* pairings behind r2_shuffled; 0 (default): 20 */
    uint32_t seed;
} persona_fit_opts;
persona_fit_opts persona_fit_defaults(void);

/* Fits a map for the most promising pairs of blocks: relative depth is the prior, then R2 of
 * held-out contrasts less that of shuffled pairings. Errors: USAGE (no such method; too few texts
 * or contrasts are left), SHAPE, NUMERIC (constant, not finite, too few directions), CANCELED,
 * NOMEM. */
PERSONA_CHECK persona_code persona_map_fit(const persona_pairs *p, const persona_fit_opts *opts,
                                           const persona_hooks *hooks, persona_map **out,
                                           persona_err *e);

/* Chooses from.best_layer by a small judged steering sweep on the extraction questions, then
 * calibrates the dose there, as persona_extract does with `quick`. */
PERSONA_CHECK persona_code persona_settle(persona_session *s, persona_vector *v,
                                          const persona_trait *trait,
                                          const persona_questions *questions, persona_judge *judge,
                                          uint32_t seed, const persona_hooks *hooks, double *swing,
                                          persona_err *e);

/* ---- evaluation ------------------------------------------------------------------------------ */

typedef struct persona_interval {
    double value, low, high; /* 95 %, bootstrap over questions */
} persona_interval;

/* One row of a report: a condition at a coefficient, over the evaluation questions. */
typedef struct persona_row {
    const char *condition; /* unsteered, prompt, sampling, random, or that of an arm */
    double coefficient;
    persona_interval score;
    double coherence;
    double coherence_sd;
    size_t n;            /* answers */
    size_t n_unanswered; /* no final channel: score 50, coherence 0 */
    size_t n_unjudged;   /* the judge gave no score: left out of score and interval */
    char *sample;        /* one answer */
} persona_row;

/* A vector to evaluate. condition is one of native, transferred, in-sample, text-bridge, shuffled,
 * identity, other-trait; note (may be NULL): which other trait, say. Borrowed. */
typedef struct persona_arm {
    const char *condition;
    const persona_vector *vector;
    const char *note;
} persona_arm;

/* What a condition did. NAN: not run, not judged, or not defined. */
typedef struct persona_swing {
    const char *condition;
    bool null;                 /* a control that must do nothing */
    persona_interval swing;    /* mean score at +1 less that at -1, questions resampled jointly */
    double spearman;           /* of coefficient and mean score */
    persona_interval retained; /* (T - base) / (native - base) at +1 */
    double coherence_low, coherence_high; /* at -1 and +1 */
    char *note;
} persona_swing;

/* The swing of another trait's score on the answers of the transferred vector. */
typedef struct persona_cross {
    char *trait;
    persona_interval swing;
} persona_cross;

typedef struct persona_evaluation {
    char *trait;
    persona_row *rows;
    size_t n_rows;
    /* one per condition that has a swing; random is all directions together */
    persona_swing *swings;
    size_t n_swings;
    persona_interval *random; /* (n_random) the swing of each random direction */
    size_t n_random;
    persona_cross *crosses; /* (n_crosses) the own trait first */
    size_t n_crosses;
    persona_interval retained; /* of the transferred vector */
    bool pass;
    /* no other trait moves more than its own, and the other trait's vector moves it less */
    bool specific;
    char reason[256]; /* why the verdict is what it is */
} persona_evaluation;

/* NULL: the condition has no swing. */
const persona_swing *persona_evaluation_swing(const persona_evaluation *x, const char *condition);

typedef struct persona_evaluate_opts {
    const double *coefficients; /* ascending, with -1 and 1; default -2, -1, 0, 1, 2 */
    size_t n_coefficients;
    int n_questions; /* of the evaluation half; 0: all */
    int n_rollouts;  /* default 1 */
    int n_random;    /* random directions; at -1 and +1 each answers every question; default 5 */
    int max_tokens;  /* default 96 */
    float temperature;
    uint32_t seed;
    const persona_trait *const
        *others; /* (n_others) traits that the answers are scored for, too; those
                                           that the judge does not know are skipped */
    size_t n_others;
    /* the verdict is FAIL for this reason, whatever the numbers; NULL: none */
    const char *void_reason;
    const char *job; /* job file to begin or to resume; NULL: a private one that vanishes */
    bool fresh;      /* forget what the job file holds */
} persona_evaluate_opts;
persona_evaluate_opts persona_evaluate_defaults(void);

/* Runs every condition at every coefficient in one continuous batch, on the same questions with
 * the same seeds. Random directions steer the block of the transferred vector (else the native
 * one's), at a dose that is calibrated on the first of them. Verdict: PASS iff the lower bound of
 * the transferred swing is above the upper bound of every null (each random direction by itself;
 * shuffled; identity), of which random and shuffled must have run; Spearman(coefficient, score) >=
 * 0.8; and the answers at -1 and +1 keep half of the unsteered coherence. */
PERSONA_CHECK persona_code persona_evaluate(persona_session *s, const persona_trait *trait,
                                            const persona_questions *questions,
                                            persona_judge *judge, const persona_arm *arms,
                                            size_t n_arms, const persona_evaluate_opts *opts,
                                            const persona_hooks *hooks, persona_evaluation **out,
                                            persona_err *e);
void persona_evaluation_free(persona_evaluation *x);

#ifdef __cplusplus
}
#endif
#endif
