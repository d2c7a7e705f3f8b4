/* SPDX-License-Identifier: MIT
 *
 * pipeline.h - private helpers that the pipelines share.
 */
#ifndef PERSONA_PIPELINE_H
#define PERSONA_PIPELINE_H

#include "persona/extract.h"
#include "persona/transfer.h"
#include "pipeline/ask.h"

/* "VERB TRAIT" into out; returns out. */
const char *stage_name(char *out, size_t size, const char *verb, const char *trait);

/* Fills in which model, template and library a vector belongs to. */
PERSONA_CHECK persona_code vector_label_model(persona_vector *v, persona_model *m, persona_err *e);

/* One written answer, with what the model computed while writing it. */
typedef struct rollout {
    int polarity; /* +1, -1; 0: no instruction */
    size_t pair, question;
    float score, coherence; /* NAN when not judged */
    bool kept;
} rollout;

/* Fills norms, ||h|| medians, AUROC, Cohen's d, split-half cosine and the neutral projection of every
 * block of v from kept rollouts. answers[i] belongs to rolls[i]. */
PERSONA_CHECK persona_code quality_measure(persona_vector *v, const rollout *rolls,
                                           const answer *answers, size_t n, persona_err *e);

/* Chooses v->from.best_layer. With a judge: a steering sweep over blocks at equal ||edit||/||h||;
 * without: the best AUROC among the middle blocks. */
PERSONA_CHECK persona_code settle_layer(persona_session *s, persona_vector *v,
                                        const persona_trait *trait,
                                        const persona_questions *questions, persona_judge *judge,
                                        uint32_t seed, const persona_hooks *hooks, double *swing,
                                        const char **how, persona_err *e);

#endif
