/* SPDX-License-Identifier: MIT
 *
 * extract.h - persona vectors from one model: rollouts under opposed instructions, judged and
 * filtered, the mean difference of what the model computed while answering, and what that is worth.
 *
 * Formula (Chen et al. 2025, section 2.2; METHOD.md): for each response the mean of l_out-b over its
 * answer tokens, captured while it is generated (one pass); v_b = mean(kept positive) - mean(kept
 * negative). A pair (same question, instruction and rollout) is kept iff the positive answer scores
 * >= 50, the negative one < 50, and both have coherence >= 50.
 */
#ifndef PERSONA_EXTRACT_H
#define PERSONA_EXTRACT_H

#include "persona/judge.h"
#include "persona/session.h"
#include "persona/trait.h"
#include "persona/vector.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct persona_extract_opts {
    persona_judge *judge; /* NULL: nothing is judged, every answered pair is kept */
    int n_questions;      /* of the extraction half; 0: all */
    int n_rollouts;       /* per question, instruction and polarity; default 1 */
    int max_tokens;       /* default 128 */
    float temperature;    /* default 1 */
    uint32_t seed;
    float min_trait, min_coherence; /* positive >= min_trait, negative < 100 - min_trait; 50, 50 */
    bool choose_layer; /* steering sweep over blocks; by AUROC without a judge; default true */
    bool calibrate;    /* iso-KL dose at the best block; default true */
} persona_extract_opts;

typedef struct persona_extract_report {
    size_t n_generated_pos, n_generated_neg, n_kept_pos, n_kept_neg;
    size_t n_unanswered; /* harmony replies without a final channel, both polarities */
    double score_pos, score_neg, coherence_pos, coherence_neg; /* means; NAN without a judge */
    const char *layer_choice; /* how best_layer was found: "steering sweep" or "auroc" */
    double swing;             /* score(+) - score(-) of the chosen block in the sweep; NAN */
    double seconds;
    size_t n_tokens; /* prompt and generated tokens processed */
} persona_extract_report;

persona_extract_opts persona_extract_defaults(void);

/* Blocks 0 .. n_layer-2 are filled in; from.best_layer and from.dose as asked for.
 * Errors: USAGE, NEGATIVE (too little contrast: fewer than 10 pairs or 10 % kept; the message says
 * how many and what to change), UNAVAILABLE (judge does not know the trait), CANCELED. */
PERSONA_CHECK persona_code persona_extract(persona_session *s, const persona_trait *trait,
                                           const persona_questions *questions,
                                           const persona_extract_opts *opts,
                                           const persona_hooks *hooks, persona_vector **out,
                                           persona_extract_report *report, persona_err *e);

/* Sets from.dose: the raw multiple of v_block whose steering makes the 95th percentile over tokens
 * of KL(steered || unsteered) equal to 1 nat (methods 4.2), on greedy answers of 20 tokens to
 * `questions`. Leaves NAN and returns NUMERIC when no multiple in the bracket reaches it. */
PERSONA_CHECK persona_code persona_calibrate(persona_session *s, persona_vector *v, int block,
                                             char *const *questions, size_t n_questions,
                                             const persona_hooks *hooks, persona_err *e);

#ifdef __cplusplus
}
#endif
#endif
