/* SPDX-License-Identifier: MIT
 *
 * extract.h - persona vectors from one model: rollouts under opposed instructions, judged and
 * filtered, the mean difference of what the model computed while answering, and what that is worth.
 *
 * Formula (Chen et al. 2025, section 2.2; METHOD.md): for each response the mean of l_out-b over
 * its answer tokens, captured while it is generated (one pass); v_b = mean(kept positive) -
 * mean(kept negative). A pair (same question, instruction and rollout) is kept iff the positive
 * answer scores >= 50, the negative one < 50, and both have coherence >= 50.
 *
 * Everything that is computed is kept in a job file as it is done; the same call resumes it. Memory
 * hardly grows with the number of answers.
 */
#ifndef PERSONA_EXTRACT_H
#define PERSONA_EXTRACT_H

#include "persona/dose.h"
#include "persona/judge.h"
#include "persona/session.h"
#include "persona/shard.h"
#include "persona/trait.h"
#include "persona/vector.h"

#ifdef __cplusplus
extern "C" {
#endif

/* One answer of an extraction, for whoever measures something else of the same answers. */
typedef struct persona_extract_answer {
    int polarity; /* +1, -1; 0: no instruction */
    size_t question;
    bool kept;
    float score;       /* of the trait; NAN: not judged, or left open */
    const float *mean; /* (n_layer - 1, n_embd) by block, over the answer's tokens; for the call */
} persona_extract_answer;

typedef struct persona_extract_opts {
    persona_judge *judge; /* NULL: nothing is judged, every answered pair is kept */
    const char *method;   /* "mean" (default), "pca", "logistic"; "all": see the report */
    int n_questions;      /* of the extraction half; 0: all */
    int n_rollouts;       /* per question, instruction and polarity; default 1 */
    int max_tokens;       /* default 128 */
    float temperature;    /* default 1 */
    uint32_t seed;
    float min_trait, min_coherence; /* positive >= min_trait, negative < 100 - min_trait; 50, 50 */
    bool choose_layer; /* steering sweep over blocks; by statistics without a judge; default true */
    bool calibrate;    /* iso-KL dose at the best block; default true */
    bool quick;        /* blocks compared at equal ||edit||/||h||, the dose on 12 questions */
    int n_settle;      /* questions that decide between the best two blocks; default 20 */
    bool response_curve; /* safe range and recommended coefficients (wants judge and dose); true */

    /* Texts to read instead of answers to write (FORMATS.md, "Texts"): one file, or two aligned
     * ones. */
    const char *responses, *positive_file, *negative_file;

    const char *job; /* job file to begin or to resume; NULL: a private one that vanishes */
    bool fresh;      /* forget what the job file holds */
    /* only these answers, into `job`: nothing is judged or measured, *out is NULL */
    persona_shard shard;

    /* called for every answer that came, once the vector is there; NULL (default): nobody asks */
    persona_code (*on_answer)(void *ud, const persona_extract_answer *a, persona_err *e);
    void *on_answer_ud;
} persona_extract_opts;

/* One method's vector on the same answers. */
typedef struct persona_extract_method {
    const char *name;
    persona_vector *vector;   /* NULL: degenerate, see note; belongs to the report */
    const char *layer_choice; /* how best_layer was found: "steering sweep" or "statistics" */
    double swing;             /* score(+1) - score(-1) of the chosen block in the sweep; NAN */
    double cosine;            /* to the mean difference, at this method's best block */
    persona_curve curve;
    char note[512]; /* "" or what had to be left out */
} persona_extract_method;
#define PERSONA_MAX_METHODS 8

typedef struct persona_extract_report {
    size_t n_generated_pos, n_generated_neg, n_kept_pos, n_kept_neg;
    size_t n_unanswered; /* harmony replies without a final channel, both polarities */
    size_t n_unjudged;   /* answers that the judge left open, both polarities */
    size_t n_resumed;    /* answers found in the job */
    persona_shard_report shard;
    double score_pos, score_neg, coherence_pos, coherence_neg; /* means; NAN without a judge */
    persona_extract_method methods[PERSONA_MAX_METHODS]; /* [0] is the one that was returned */
    size_t n_methods;
    char judge_validity[256]; /* what the judge says of itself; "" without one */
    double seconds;
    size_t n_tokens; /* prompt and generated tokens processed */
} persona_extract_report;
void persona_extract_report_clear(persona_extract_report *r);

persona_extract_opts persona_extract_defaults(void);
/* Names of the methods; NULL after the last. */
const char *persona_extract_method_name(size_t i);

/* The text that identifies the job of this extraction: JSON of everything that decides about its
 * answers. free() it. Where persona_extract's job file lies if the caller has no better place:
 * persona_extract_place. Both free(). */
PERSONA_CHECK persona_code persona_extract_manifest(persona_session *s, const persona_trait *trait,
                                                    const persona_questions *questions,
                                                    const persona_extract_opts *opts, char **out,
                                                    persona_err *e);
PERSONA_CHECK persona_code persona_extract_place(persona_session *s, const persona_trait *trait,
                                                 const persona_questions *questions,
                                                 const persona_extract_opts *opts, char **out,
                                                 persona_err *e);

/* Blocks 0 .. n_layer-2 are filled in; best_layer, dose and safe range as asked for. *out is the
 * first method's vector and belongs to the caller. questions may be NULL when texts are read: then
 * nothing is steered. The session should have a fixed shape, else a resumed job differs in the
 * last bits; and where texts are read, an n_batch that holds the longest, else a text is read in
 * several calls. Errors: USAGE, NEGATIVE (too little contrast: fewer than 10 pairs or 10 % kept;
 * the message says how many and what to change), UNAVAILABLE (the judge does not know the trait;
 * the job is being worked on), CANCELED (what was done is in the job), those of text files. */
PERSONA_CHECK persona_code persona_extract(persona_session *s, const persona_trait *trait,
                                           const persona_questions *questions,
                                           const persona_extract_opts *opts,
                                           const persona_hooks *hooks, persona_vector **out,
                                           persona_extract_report *report, persona_err *e);

#ifdef __cplusplus
}
#endif
#endif
