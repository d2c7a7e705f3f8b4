/* SPDX-License-Identifier: MIT
 *
 * score.h - how likely a model, steered or not, finds the tokens of a text: each with its
 * log-probability, the likeliest tokens in its place, and coordinates along probes. Nothing is
 * generated.
 */
#ifndef PERSONA_PIPELINE_SCORE_H
#define PERSONA_PIPELINE_SCORE_H

#include "core/measure/toplogits.h"
#include "persona/session.h"

typedef struct score_text {
    const persona_token *tokens; /* n_prompt < n */
    size_t n;
    /* tokens that are not scored, at least 1; 0: 1. A plan sees them as the prompt, and the rest as
     * the reply */
    size_t n_prompt;
    bool raw;           /* the rest is plain text even on a model with channels */
    size_t top;         /* likeliest tokens for every place, 0 .. TOP_LOGITS_MAX */
    persona_plan *plan; /* NULL: unsteered */
    /* mode PROJECT: coordinates of the tokens that it reads; NULL: none */
    const persona_tap *probes;
} score_text;

typedef struct score {
    top_logits *tokens; /* (n): chosen is token n_prompt + i */
    size_t n;
    double sum; /* of the log-probabilities */
    /* (n_positions, n_probes), and where in the text each row's token stands */
    float *coordinates;
    size_t *positions;
    size_t n_positions, n_probes;
} score;

/* Scores n texts at once, in any order; any number of threads may do so if the session has a model
 * thread. On failure nothing is kept. Errors: USAGE (n_prompt, top, the tap's mode, a text longer
 * than a slot), those of sessions. */
PERSONA_CHECK persona_code score_texts(persona_session *s, const score_text *texts, size_t n,
                                       persona_priority priority, const persona_hooks *hooks,
                                       score *out, persona_err *e);
void score_clear(score *x);

#endif
